"""The journal: what goes in comes out, and nothing torn ever does."""

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from l2l.errors import Damaged, StorageError
from l2l.journal import (
    START,
    Journal,
    Position,
    decode,
    encode,
    file_of,
    identity,
    read_journal,
    records_in,
    remove_journal,
)

DTYPES = st.sampled_from(["<f8", "<f4", "<i8", "<i2", "<u4", "?", "|i1", "<c16", ">f8"])
ARRAYS = DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0, max_dims=3)))
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8) | ARRAYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
DATA = st.dictionaries(NAMES, PLAIN, max_size=5)


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, np.ndarray):
        assert one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=")
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key, value in one.items():
            assert_same(value, other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert type(one) is type(other)
        assert repr(one) == repr(other)  # NaN is NaN


@given(st.lists(st.tuples(st.text(max_size=9), DATA), max_size=4))
def test_records_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, records: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("journal")
    with Journal(folder) as journal:
        positions = [journal.append(kind, data) for kind, data in records]
        journal.sync()
    found = list(read_journal(folder))
    assert [one.position for one in found] == positions
    for (kind, data), one in zip(records, found, strict=True):
        assert one.kind == kind
        assert_same(data, one.data)
    for place, position in enumerate(positions):
        assert [one.position for one in read_journal(folder, position)] == positions[place + 1 :]


@given(st.lists(DATA, max_size=4))
def test_records_stand_one_behind_the_other_in_bytes(records: list[Any]) -> None:
    found = list(records_in(b"".join(encode("kind", data) for data in records)))
    assert len(found) == len(records)
    for data, (kind, again) in zip(records, found, strict=True):
        assert kind == "kind"
        assert_same(data, again)


def test_numpy_scalars_become_numbers() -> None:
    _, data = decode(encode("kind", {"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True)})[16:])
    assert data == {"a": 3, "b": 0.5, "c": True}


def test_each_process_lifetime_has_its_own_file(tmp_path: Path) -> None:
    for number in range(3):
        with Journal(tmp_path) as journal:
            journal.append("kind", {"number": number})
    assert [(one.position.file, one.data["number"]) for one in read_journal(tmp_path)] == [(1, 0), (2, 1), (3, 2)]


def test_nothing_is_made_before_the_first_record(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.sync()
    assert not (tmp_path / "journal").exists()
    assert list(read_journal(tmp_path / "journal")) == []


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes to these journals: what looks like damage need not be looked at again."""
    monkeypatch.setattr("l2l.journal.reading._AGAIN", 0.0)


def made(folder: Path, files: int = 3, records: int = 3) -> list[list[Position]]:
    """A journal of so many files and records; where each record ends, per file."""
    ends = []
    for number in range(files):
        with Journal(folder) as journal:
            ends.append([journal.append("kind", {"n": [number, n], "x": np.arange(n)}) for n in range(records)])
    return ends


def numbers(folder: Path) -> list[list[int]]:
    return [one.data["n"] for one in read_journal(folder)]


def test_the_last_file_torn_behind_its_first_record_ends_with_its_last_whole_one(tmp_path: Path) -> None:
    ends = [one.offset for one in made(tmp_path, files=2, records=4)[1]]
    path = file_of(tmp_path, 2)
    whole = path.read_bytes()
    for length in range(ends[0], len(whole)):
        path.write_bytes(whole[:length])
        assert numbers(tmp_path)[4:] == [[1, n] for n in range(sum(end <= length for end in ends))]


def test_a_further_file_follows_what_was_whole_of_a_torn_one(tmp_path: Path) -> None:
    made(tmp_path, files=1)
    path = file_of(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(tmp_path) as journal:
        journal.append("kind", {"n": [1, 0]})
    assert numbers(tmp_path) == [[0, 0], [0, 1], [1, 0]]


def test_a_file_that_is_cut_short_although_another_follows_is_damaged(tmp_path: Path) -> None:
    made(tmp_path, files=2)
    path = file_of(tmp_path, 1)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Damaged, match=r"000001\.journal: damaged.*l2l repair"):
            numbers(tmp_path)
        with pytest.raises(Damaged), Journal(tmp_path) as journal:
            journal.append("kind", {})


@pytest.mark.parametrize("file", [1, 2])
def test_a_bit_that_flips_anywhere_is_said_with_file_and_place(tmp_path: Path, file: int) -> None:
    ends = [START, *[one.offset for one in made(tmp_path, files=2)[file - 1]]]
    path = file_of(tmp_path, file)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(Damaged, match="l2l repair") as error:
            numbers(tmp_path)
        assert error.value.file == path
        if place >= START:
            assert error.value.offset == max(end for end in ends if end <= place)
            assert f"at byte {error.value.offset}" in str(error.value)


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        (lambda folder: file_of(folder, 1).unlink(), 1),
        (lambda folder: file_of(folder, 2).unlink(), 2),
        (lambda folder: file_of(folder, 3).unlink(), 3),
        (lambda folder: file_of(folder, 4).write_bytes(file_of(folder, 2).read_bytes()), 4),
        (lambda folder: exchange(file_of(folder, 1), file_of(folder, 2)), 1),
        (lambda folder: exchange(file_of(folder, 2), file_of(folder, 3)), 2),
        (lambda folder: file_of(folder, 2).write_bytes(b""), 2),
        (lambda folder: file_of(folder, 3).write_bytes(b""), 3),
        (lambda folder: file_of(folder, 3).write_bytes(file_of(folder, 3).read_bytes()[:START]), 3),
        (lambda folder: file_of(folder, 2).write_bytes(b"something else entirely" * 10), 2),
        (lambda folder: file_of(folder, 2).write_bytes(file_of(other(folder), 2).read_bytes()), 2),
        (lambda folder: file_of(folder, 3).write_bytes(file_of(other(folder), 3).read_bytes()), 3),
    ],
    ids=[
        "first missing",
        "middle missing",
        "last missing",
        "doubled",
        "first two exchanged",
        "last two exchanged",
        "middle emptied",
        "last emptied",
        "last without a record",
        "foreign",
        "of another journal",
        "last of another journal",
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(tmp_path: Path, damage: Any, names: int) -> None:
    folder = tmp_path / "journal"
    made(folder)
    damage(folder)
    for use in (lambda: numbers(folder), lambda: Journal(folder).append("kind", {})):
        with pytest.raises(Damaged, match="l2l repair") as error:
            use()
        assert error.value.file == file_of(folder, names)


def exchange(one: Path, other: Path) -> None:
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def other(folder: Path) -> Path:
    """Another journal of the same records."""
    made(folder.with_name("other"))
    return folder.with_name("other")


def test_records_that_change_places_are_damaged(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        first, second, third = (journal.append("kind", {"n": n}).offset for n in range(3))
    path = file_of(tmp_path, 1)
    whole = path.read_bytes()
    assert second - first == third - second
    path.write_bytes(whole[:first] + whole[second:third] + whole[first:second])
    with pytest.raises(Damaged, match=f"at byte {first}"):
        list(read_journal(tmp_path))


def test_a_place_behind_the_end_is_damage(tmp_path: Path) -> None:
    ends = made(tmp_path, files=2)
    path = file_of(tmp_path, 2)
    path.write_bytes(path.read_bytes()[: ends[1][1].offset])
    with pytest.raises(Damaged, match=r"000002\.journal.*its end is missing"):
        list(read_journal(tmp_path, ends[1][2]))
    with pytest.raises(Damaged, match=r"000003\.journal.*the file is missing"):
        list(read_journal(tmp_path, Position(3, START)))


def test_a_journal_keeps_its_name_over_its_files(tmp_path: Path) -> None:
    assert identity(tmp_path / "journal") == ""
    made(tmp_path / "journal", files=1)
    name = identity(tmp_path / "journal")
    made(tmp_path / "journal", files=1)
    assert identity(tmp_path / "journal") == name
    made(tmp_path / "other", files=1)
    assert identity(tmp_path / "other") != name


def test_records_with_a_right_checksum_that_l2l_never_wrote_are_named(tmp_path: Path) -> None:
    headers = [
        b"{nonsense",
        b"[" * 100_000,
        b'["run"]',
        b"[1,{}]",
        b'["run",[]]',
        b'["run",{"x":{"\\u0000array":["|O",[1],0]}}]',
        b'["run",{"x":{"\\u0000array":["<f8",[-1],0]}}]',
        b'["run",{"x":{"\\u0000array":["<f8",[1000000000000],0]}}]',
        b'["run",{"x":{"\\u0000array":["(1000,1000)f8",[1],0]}}]',
        b'["run",{"x":{"\\u0000array":["<f8",[1],-8]}}]',
        b'["run",{"x":{"\\u0000array":7}}]',
    ]
    for header in headers:
        payload = struct.pack("<I", len(header)) + header + bytes(8)
        with pytest.raises((ValueError, TypeError, LookupError, RecursionError)):
            decode(payload)
    with pytest.raises(struct.error):
        decode(b"")
    record = encode("kind", {"x": np.arange(3)})
    for wrong in (record[:-1], record[:10], record[:-1] + b"x"):
        with pytest.raises(ValueError, match="the record at byte"):
            list(records_in(wrong))


def test_whatever_is_raised_in_a_write_leaves_the_record_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def raising(before: int) -> Any:
        def half(descriptor: int, data: Any) -> int:
            monkeypatch.setattr(os, "write", write)
            write(descriptor, bytes(data)[:before])
            raise KeyboardInterrupt

        return half

    journal = Journal(tmp_path)
    for before in (0, 5, 40, 10_000):  # the last one is behind the whole record; the first append makes the file
        monkeypatch.setattr(os, "write", raising(before))
        with pytest.raises(KeyboardInterrupt):
            journal.append("kind", {"n": [before, 0]})
        journal.append("kind", {"n": [before, 1]})
        assert numbers(tmp_path)[-1] == [before, 1]
    journal.close()
    assert numbers(tmp_path) == [[before, 1] for before in (0, 5, 40, 10_000)]
    assert [one.name for one in tmp_path.iterdir()] == ["000001.journal"]


def test_what_json_cannot_say_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append("kind", {"n": 1})
        with pytest.raises(TypeError, match="expected plain data or an array, got set"):
            journal.append("kind", {"n": {1, 2}})
        with pytest.raises(TypeError, match="numeric array"):
            journal.append("kind", {"n": np.array(["a", None], dtype=object)})
        journal.append("kind", {"n": 2})
    assert [one.data["n"] for one in read_journal(tmp_path)] == [1, 2]


def test_a_removed_journal_has_no_records(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with Journal(folder) as journal:
        journal.append("kind", {})
    (tmp_path / "journal.removed").mkdir()  # a kill left it
    remove_journal(folder)
    assert list(tmp_path.iterdir()) == []
    remove_journal(folder)


def test_a_position_is_behind_what_was_appended(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert journal.append("kind", {}) == journal.position == Position(1, file_of(tmp_path, 1).stat().st_size)


FILLING = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from l2l.errors import StorageError
from l2l.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_001, resource.RLIM_INFINITY))
written = 0
try:
    while True:
        journal.append("kind", {"n": written, "values": np.arange(1000)})
        written += 1
except StorageError as error:
    print(written)
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append("kind", {"n": written})
journal.sync()
"""


def test_a_write_beyond_the_limit_is_taken_back(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILLING, str(tmp_path)]
    written, message = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert written == "6"
    assert str(tmp_path) in message
    assert "cannot write to it" in message
    assert [one.data["n"] for one in read_journal(tmp_path)] == list(range(7))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(StorageError, match="cannot create it"):
        Journal(blocked / "journal").append("kind", {})
