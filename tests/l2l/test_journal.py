"""The journal: what goes in comes out, and nothing torn ever does."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from l2l.errors import StorageError
from l2l.journal import (
    MAGIC,
    Journal,
    Position,
    decode,
    encode,
    file_of,
    read_journal,
    records_in,
    remove_journal,
    write_first,
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
    _, data = decode(encode("kind", {"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True)})[12:])
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


def test_a_file_torn_at_any_byte_ends_with_its_last_whole_record(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        ends = [journal.append("kind", {"n": n, "values": np.arange(n)}).offset for n in range(4)]
    with Journal(tmp_path) as journal:
        journal.append("next", {})
    path = file_of(tmp_path, 1)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = [one.data["n"] for one in read_journal(tmp_path) if one.kind == "kind"]
        assert found == list(range(sum(end <= length for end in ends)))
        assert [one.kind for one in read_journal(tmp_path)][-1] == "next"


def test_a_changed_byte_is_never_taken_for_a_record(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        starts = [len(MAGIC)] + [journal.append("kind", {"n": n, "values": np.arange(3)}).offset for n in range(3)]
    path = file_of(tmp_path, 1)
    whole = path.read_bytes()
    for place in range(starts[1], starts[2]):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        assert [one.data["n"] for one in read_journal(tmp_path)] == [0]


@pytest.mark.parametrize("garbage", [b"", b"l2", b"something else entirely", MAGIC, MAGIC + b"\xff" * 40])
def test_a_file_of_garbage_has_no_records(tmp_path: Path, garbage: bytes) -> None:
    file_of(tmp_path, 1).write_bytes(garbage)
    assert list(read_journal(tmp_path)) == []
    with Journal(tmp_path) as journal:
        journal.append("kind", {})
    assert [one.position.file for one in read_journal(tmp_path)] == [2]


def test_a_journal_begins_with_records_from_elsewhere(tmp_path: Path) -> None:
    position = write_first(tmp_path, [("a", {"x": np.arange(3)}), ("b", {})])
    with Journal(tmp_path) as journal:
        journal.append("c", {})
    assert [one.kind for one in read_journal(tmp_path)] == ["a", "b", "c"]
    assert [one.kind for one in read_journal(tmp_path, position)] == ["c"]


def test_records_from_elsewhere_that_fail_leave_nothing(tmp_path: Path) -> None:
    def failing() -> Any:
        yield "a", {}
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="disk is full"):
        write_first(tmp_path, failing())
    assert list(tmp_path.iterdir()) == []


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
