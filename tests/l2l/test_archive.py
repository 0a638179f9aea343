"""The archive: equal to its journal however it came about, and never the worse for kills, readers and full disks."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from l2l.archive import Archive, records_of
from l2l.errors import Damaged, StorageError
from l2l.journal import Journal, read_journal, remove_journal
from l2l.schema import FORMAT, Fold
from l2l.trajectory import Trajectory
from l2l.trajectory.reading import place_of
from tests.l2l.events import (
    SHAPES,
    SPACE,
    Shape,
    assert_same_runs,
    assert_same_tables,
    events,
    lead,
    tables_of,
    write,
)

PROPERTY = settings(max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def folded(records: Any) -> dict[str, dict[str, Any]]:
    fold = Fold()
    for kind, data in records:
        fold.add(kind, data)
    return {**fold.take(), **fold.small_tables()}


@PROPERTY
@given(SHAPES, st.sampled_from([1, 7, 10**6]))
def test_journal_archive_and_both_together_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, shape: Shape, every: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    records = events(shape)
    write(folder / "alone" / "journal", records)
    alone = Trajectory(folder / "alone")
    archive = lead(folder, records, every)
    assert_same_runs(Trajectory(folder), alone)
    assert archive.finish()
    assert_same_runs(Trajectory(folder), alone)
    remove_journal(folder / "journal")
    assert_same_runs(Trajectory(folder / "trajectory.h5"), alone)


@PROPERTY
@given(SHAPES)
def test_an_archive_turned_back_into_records_gives_the_same_archive(
    tmp_path_factory: pytest.TempPathFactory, shape: Shape
) -> None:
    folder = tmp_path_factory.mktemp("run")
    records = events(shape)
    lead(folder, records).finish()
    remove_journal(folder / "journal")
    again = list(records_of(folder / "trajectory.h5"))
    first, second = folded(records), folded(again)
    assert_same_tables(first, second)
    asked = [data["event"] for kind, data in records if kind in {"asked", "told"}]
    assert [data["event"] for kind, data in again if kind in {"asked", "told"}] == asked
    write(folder / "more" / "journal", again)
    lead(folder / "more", []).finish()
    assert_same_runs(Trajectory(folder / "more"), Trajectory(folder / "trajectory.h5"))


def test_any_prefix_of_a_run_reads_the_same_with_and_without_archive(tmp_path: Path) -> None:
    for steady in (False, True):
        records = events(Shape(generations=2, steady=steady, segments=2, seed=3))
        for length in range(2, len(records), 3):
            folder = tmp_path / f"{steady}-{length}"
            folder.mkdir()
            lead(folder, records[:length], 3)
            mine = tables_of(Trajectory(folder))
            (folder / "trajectory.h5").unlink()
            assert_same_tables(mine, tables_of(Trajectory(folder)))


def test_a_run_that_goes_on_anywhere_gives_the_same_archive(tmp_path: Path) -> None:
    records = events(Shape(generations=3, steady=True, seed=5))
    (tmp_path / "whole").mkdir()
    lead(tmp_path / "whole", records)
    whole = tables_of(Trajectory(tmp_path / "whole"))
    for cut in range(3, len(records), 4):
        folder = tmp_path / str(cut)
        folder.mkdir()
        lead(folder, records[:cut], 2)
        archive = Archive(folder)  # another process lifetime
        with Journal(folder / "journal") as journal:
            for kind, data in records[cut:]:
                archive.add(kind, data, journal.append(kind, data))
                archive.commit(force=True)
        assert archive.finish()
        assert_same_tables(tables_of(Trajectory(folder)), whole)


# --- what stands in the file -----------------------------------------------------------------------------------------


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    lead(folder, events(Shape(generations=4, objectives=2, seed=1))).finish()
    remove_journal(folder / "journal")
    return folder


def test_the_file_explains_itself(finished: Path) -> None:
    with h5py.File(finished / "trajectory.h5") as file:
        assert file.attrs["format"] == FORMAT == "l2l-trajectory"
        assert file.attrs["version"] == 2
        assert "optimizee" in file.attrs["experiment"]
        assert file.attrs["seed"] == str(2**100 + 1)
        assert file.attrs["fingerprint"] == "f" * 32
        tau = file["individuals/parameters/cell.tau"]
        assert tau.shape == (16,)
        assert {name: tau.attrs[name] for name in ("low", "high", "log", "default")} == {
            "low": 1.0,
            "high": 100.0,
            "log": True,
            "default": 7.0,
        }
        assert tau.attrs["bounds"].tolist() == [1.0, 100.0]
        assert file["individuals/parameters/g"].attrs["unit"] == "nS"
        assert file["individuals/parameters/model"].attrs["choices"].tolist() == ["iaf", "aeif", "hh"]
        assert file["individuals/parameters/odd"].attrs["choices"].tolist() == ["1", "null", '"x"']
        assert file["individuals/parameters/f_mod"].attrs["when"] == "amplitude > 0.5"
        assert file["individuals/active/f_mod"].dtype == bool
        assert file["individuals/parameters"].attrs["constraints"].tolist() == ["n < g + 5"]
        assert file["individuals/parameters/weights"].shape == (16, 3)
        assert file["individuals/fitness/reward"].attrs["direction"] == "maximize"
        assert file["trials/status"].attrs["choices"].tolist()[:2] == ["OK", "FAILED"]
        assert set(file["trials/host"].attrs["choices"]) <= {"a", "b", "c"}
        assert file["trials/observables/rate"].attrs["unit"] == "1/s"
        offsets = file["trials/observables/spikes/offsets"][:]
        assert len(offsets) == len(file["trials/status"]) + 1
        assert len(file["trials/observables/spikes/values"]) == offsets[-1]
        assert file["sources/0/my_model.py"][()] == b"x = 0\n"
        assert file["segments/host"][0] == b"node0"
        assert file["failures/message"].asstr()[0].startswith("Boom: ")


def test_a_small_run_is_a_small_file(finished: Path) -> None:
    assert (finished / "trajectory.h5").stat().st_size < 1_000_000


def test_what_hdf5_keeps_small_may_be_large(tmp_path: Path) -> None:
    from l2l.space import Categorical, ParameterSpace, Real

    space = ParameterSpace(
        w=Real(-1.0, 1.0, shape=20_000), c=Categorical(*[f"choice {n}" for n in range(5000)]), x=Real(0.0, 1.0)
    )
    shape = Shape(generations=0, rich=False)
    (_, run), *_ = events(shape)
    columns = space.columns(space.sample(2, np.random.default_rng(0)))
    empty: dict[str, Any] = {"individuals": np.arange(2), "event": 1, "fitness": np.zeros((2, 1))}
    records: list[Any] = [
        ("run", {**run, "space": space.to_dict(), "experiment": "optimizee: " + "x" * 100_000}),
        ("asked", {"first": 0, "columns": columns, "same_as": np.full(2, -1), "event": 0, "time": 0.0}),
        ("told", {**empty, "spread": np.zeros((2, 1)), "status": np.full(2, 5, np.int8)}),  # never simulated
        ("generation", {"number": 0, "count": 2, "started": 0, "finished": 1, "best": [0.0], "report": {}}),
    ]
    archive = lead(tmp_path, records)
    assert archive.finish()
    np.testing.assert_array_equal(Trajectory(tmp_path).individuals["parameters/w"], columns["w"])


# --- readers ---------------------------------------------------------------------------------------------------------

HOLDING = """
import sys, h5py
with h5py.File(sys.argv[1], "r") as file:
    before = file["individuals/status"].shape
    print("open", flush=True)
    sys.stdin.readline()
    print(before == file["individuals/status"].shape, flush=True)
"""


@contextmanager
def reader(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDING, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        yield process
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "True\n"


def test_a_reader_postpones_commits_and_stops_nothing(tmp_path: Path) -> None:
    records = events(Shape(generations=4, seed=2))
    half = len(records) // 2
    archive = lead(tmp_path, records[:half])
    with reader(tmp_path / "trajectory.h5"), Journal(tmp_path / "journal") as journal:
        for kind, data in records[half:]:
            archive.add(kind, data, journal.append(kind, data))
            if kind == "generation":
                assert not archive.commit(force=True)
                assert not (tmp_path / "trajectory.h5.commit").exists()
        during = tables_of(Trajectory(tmp_path))
    assert archive.commit(force=True)
    assert_same_tables(tables_of(Trajectory(tmp_path)), during)
    write(tmp_path / "alone" / "journal", records)
    assert_same_tables(tables_of(Trajectory(tmp_path / "alone")), during)


def test_a_reader_that_never_lets_go_does_not_keep_a_run_from_finishing(tmp_path: Path) -> None:
    records = events(Shape(generations=3, seed=2))
    archive = lead(tmp_path, records[:-3])
    with reader(tmp_path / "trajectory.h5"):
        with Journal(tmp_path / "journal") as journal:
            for kind, data in records[-3:]:
                archive.add(kind, data, journal.append(kind, data))
        assert archive.finish()
        remove_journal(tmp_path / "journal")
        assert Trajectory(tmp_path).finished
        assert_same_tables(folded(records), folded(records_of(tmp_path / "trajectory.h5")))


def test_a_reader_in_the_same_process_postpones_too(tmp_path: Path) -> None:
    records = events(Shape(generations=3, seed=2))
    archive = lead(tmp_path, records[:-4])
    with h5py.File(tmp_path / "trajectory.h5", "r"), Journal(tmp_path / "journal") as journal:
        for kind, data in records[-4:]:
            archive.add(kind, data, journal.append(kind, data))
        assert not archive.commit(force=True)
    assert archive.commit(force=True)


def test_commits_wait_for_a_second_unless_forced(tmp_path: Path) -> None:
    records = events(Shape(generations=3))
    archive = lead(tmp_path, records[:4])
    with Journal(tmp_path / "journal") as journal:
        for kind, data in records[4:]:
            archive.add(kind, data, journal.append(kind, data))
    assert archive.waiting
    assert not archive.commit()
    assert archive.commit(force=True)
    assert not archive.waiting
    assert archive.commit()


# --- damage ----------------------------------------------------------------------------------------------------------


def damaged_files(path: Path) -> Iterator[bytes]:
    whole = path.read_bytes()
    yield b""
    yield b"garbage" * 1000
    yield whole[: len(whole) // 2]
    yield whole[:600]
    yield bytes(len(whole))
    with h5py.File(path.with_name("other.h5"), "w") as file:
        file["x"] = 1
    yield path.with_name("other.h5").read_bytes()


def test_a_damaged_archive_is_rebuilt_from_the_journal(tmp_path: Path) -> None:
    records = events(Shape(generations=3, seed=4))
    lead(tmp_path, records)
    path, whole = tmp_path / "trajectory.h5", tables_of(Trajectory(tmp_path))
    for content in list(damaged_files(path)):
        path.write_bytes(content)
        assert_same_tables(tables_of(Trajectory(tmp_path)), whole)
        Archive(tmp_path)
        assert_same_tables(tables_of(Trajectory(path)), whole)
        with h5py.File(path) as file:
            assert len(file["individuals/status"]) == 12


def test_a_damaged_archive_without_journal_is_named(finished: Path) -> None:
    path = finished / "trajectory.h5"
    for content in list(damaged_files(path)):
        path.write_bytes(content)
        for use in (lambda: Trajectory(finished), lambda: list(records_of(path)), lambda: Archive(finished)):
            with pytest.raises(StorageError, match=r"trajectory\.h5.*(restore|backup|got another HDF5 file)"):
                use()


def test_a_later_format_is_refused(finished: Path) -> None:
    with h5py.File(finished / "trajectory.h5", "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(StorageError, match=r"expected version 2 of the format, got version 99.*Update"):
        Trajectory(finished)


def test_a_leftover_marker_means_rebuild(tmp_path: Path) -> None:
    records = events(Shape(generations=3, seed=4))
    lead(tmp_path, records)
    whole = tables_of(Trajectory(tmp_path))
    with h5py.File(tmp_path / "trajectory.h5", "r+") as file:
        file[place_of("individuals", "fitness/error (rate)")][0] = 1e9  # what a torn commit may have left
    (tmp_path / "trajectory.h5.commit").touch()
    assert_same_tables(tables_of(Trajectory(tmp_path)), whole)
    Archive(tmp_path)
    assert not (tmp_path / "trajectory.h5.commit").exists()
    assert_same_tables(tables_of(Trajectory(tmp_path / "trajectory.h5")), whole)


def test_an_archive_that_has_seen_more_than_its_journal_has_is_damage(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=3, seed=4)))
    path = tmp_path / "journal" / "000001.journal"
    path.write_bytes(path.read_bytes()[:-1])
    for use in (Archive, Trajectory):
        with pytest.raises(Damaged, match=r"000001\.journal: damaged at byte \d+: .* is missing.*l2l repair"):
            use(tmp_path)


def test_an_archive_of_another_journal_is_damage(tmp_path: Path) -> None:
    records = events(Shape(generations=3, seed=4))
    lead(tmp_path, records)
    shutil.rmtree(tmp_path / "journal")
    write(tmp_path / "journal", records)
    for use in (Archive, Trajectory):
        with pytest.raises(Damaged, match="made from another journal"):
            use(tmp_path)


def test_a_finished_archive_gives_way_to_the_journal_beside_it(finished: Path) -> None:
    records = list(records_of(finished / "trajectory.h5"))
    write(finished / "journal", records)
    before = tables_of(Trajectory(finished))
    archive = Archive(finished)
    with Journal(finished / "journal") as journal:
        data = {"number": 1, "fingerprint": "f" * 32}
        archive.add("segment", data, journal.append("segment", data))
    assert archive.commit(force=True)
    after = Trajectory(finished)
    assert not after.finished
    assert len(after.segments) == 2
    assert_same_tables({"trials": before["trials"]}, {"trials": tables_of(after)["trials"]})


def test_the_archive_of_an_unfinished_run_is_no_journal(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=2)))
    with pytest.raises(StorageError, match="expected the archive of a finished run"):
        list(records_of(tmp_path / "trajectory.h5"))
    shutil.rmtree(tmp_path / "journal")
    with pytest.raises(StorageError, match=r"journal is missing.*name this one in `memo`"):
        Archive(tmp_path)
    assert len(Trajectory(tmp_path).generations) == 2


def test_a_journal_that_lacks_records_is_damaged(tmp_path: Path) -> None:
    records = events(Shape(generations=3))
    asked = [place for place, (kind, _) in enumerate(records) if kind == "asked"]
    for missing, what in ((0, "first record"), (asked[1], "individual"), (asked[-1], "generation")):
        folder = tmp_path / str(missing)
        write(folder / "journal", [one for place, one in enumerate(records) if place != missing])
        with pytest.raises(StorageError, match=f"{what}.*records are missing"):
            Archive(folder)
        with pytest.raises(StorageError, match="records are missing"):
            Trajectory(folder)


def test_finishing_notices_what_reads_otherwise(tmp_path: Path) -> None:
    records = events(Shape(generations=3))
    archive = lead(tmp_path, records)
    right = tables_of(Trajectory(tmp_path))
    with h5py.File(tmp_path / "trajectory.h5", "r+") as file:
        file["trials/seconds"][2] = 77.0
    assert archive.finish()  # from the journal
    assert_same_tables(tables_of(Trajectory(tmp_path)), right)


# --- kills -----------------------------------------------------------------------------------------------------------

COMMITTING = """
import sys
from pathlib import Path
from l2l.archive import Archive
from l2l.archive import archive as module
from l2l.journal import Journal
from tests.l2l.events import Shape, Run
module._SHARE = 0
folder = Path(sys.argv[1])
journal, archive = Journal(folder / "journal"), Archive(folder)
print("ready", flush=True)
for kind, data in Run(Shape(generations=1000, population=3, steady=sys.argv[2] == "steady")).all():
    archive.add(kind, data, journal.append(kind, data))
    if kind == "generation":
        archive.commit(force=True)
        print(data["number"], flush=True)
"""


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_a_kill_at_any_instant_loses_nothing(tmp_path: Path, repository: Path, kills: int) -> None:
    rng = np.random.default_rng()
    for attempt in range(kills):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        command = [sys.executable, "-c", COMMITTING, str(folder), "steady" if attempt % 2 else "whole"]
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout
            for _ in itertools.islice(process.stdout, int(rng.integers(2, 30))):
                pass
            spin = int(rng.integers(0, 200_000))
            for _ in range(spin):
                pass
            process.send_signal(signal.SIGKILL)
            reported = sum(1 for _ in process.stdout)
        check_after_kill(folder, reported)


def check_after_kill(folder: Path, at_least: int = 0) -> None:
    alone = folder / "alone"
    shutil.copytree(folder / "journal", alone / "journal")
    expected = tables_of(Trajectory(alone))
    assert_same_tables(tables_of(Trajectory(folder)), expected)
    archive = Archive(folder)
    assert_same_tables(tables_of(Trajectory(folder)), expected)
    archive.commit(force=True)
    assert_same_tables(tables_of(Trajectory(folder)), expected)
    assert len(expected["generations"]["count"]) >= at_least


TRACED = """
import os, sys
from pathlib import Path
import h5py
from l2l.archive import Archive
from l2l.journal import Journal, read_journal
folder, fatal = Path(sys.argv[1]), int(sys.argv[2])
archive = Archive(folder)
calls = 0

def dying(function):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == fatal:
            os._exit(9)
        return function(*arguments, **options)
    return call

for module, names in ((os, ("open", "fsync", "close", "truncate", "ftruncate", "posix_fallocate", "replace")),
                      (h5py.Dataset, ("resize", "__setitem__")), (h5py.AttributeManager, ("__setitem__",)),
                      (h5py.File, ("close",)), (Path, ("unlink", "replace"))):
    for name in names:
        setattr(module, name, dying(getattr(module, name)))
getattr(archive, sys.argv[3])(*([True] if sys.argv[3] == "commit" else []))
print(calls)
"""


def traced(folder: Path, fatal: int, method: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", TRACED, str(folder), str(fatal), method]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("method", ["commit", "finish"])
def test_a_commit_that_dies_between_two_of_its_steps_loses_nothing(tmp_path: Path, method: str) -> None:
    records = events(Shape(generations=3, seed=6, objectives=1))
    start = tmp_path / "start"
    start.mkdir()
    lead(start, records[: len(records) // 2])
    write(start / "journal", records[len(records) // 2 :])  # not committed yet
    shutil.copytree(start, tmp_path / "whole")
    steps = int(traced(tmp_path / "whole", 0, method).stdout)
    assert steps > 50
    # Some of the steps, evenly; tests/faults/sweep.py takes every system call.
    for fatal in {*range(1, steps, steps // 16), 3, 6, steps - 2, steps}:
        folder = tmp_path / str(fatal)
        shutil.copytree(start, folder)
        assert traced(folder, fatal, method).returncode == 9
        check_after_kill(folder)


# --- disks that refuse -----------------------------------------------------------------------------------------------


def test_a_file_that_may_not_grow_is_said_and_left_whole(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from l2l.archive import Archive
from l2l.errors import Damaged, StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
archive = Archive(folder)
size = (folder / "trajectory.h5").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, resource.RLIM_INFINITY))
try:
    archive.commit(force=True)
except StorageError as error:
    print(error)
print((folder / "trajectory.h5").stat().st_size == size, (folder / "trajectory.h5.commit").exists())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(archive.commit(force=True))
"""
    records = events(Shape(generations=4))
    lead(tmp_path, records[: len(records) // 2])
    write(tmp_path / "journal", records[len(records) // 2 :])
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    message, *rest = done.stdout.splitlines()
    assert (
        "trajectory.h5: cannot write to it: it would become larger than files may be here; raise the limit" in message
    )
    assert rest == ["True False", "True"]
    check_after_kill(tmp_path)


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    records = events(Shape(generations=3))
    archive = lead(tmp_path, records[:-4])
    with Journal(tmp_path / "journal") as journal:
        for kind, data in records[-4:]:
            archive.add(kind, data, journal.append(kind, data))

    def refuse(*_: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StorageError, match="HDF5_USE_FILE_LOCKING=FALSE"):
        archive.commit(force=True)
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    assert archive.commit(force=True)


def test_an_individual_comes_back_equal(finished: Path) -> None:
    run = Trajectory(finished)
    columns: Mapping[str, Any] = {name: run.individuals[f"parameters/{name}"] for name in SPACE.names}
    first = SPACE.from_columns(columns)[0]
    assert dict(run.solution(0)).keys() == dict(first).keys()
    assert run.solution(0).individual == first
    assert run.keys()[0] == first.key


def test_records_of_a_journal_are_those_that_were_appended(tmp_path: Path) -> None:
    records = events(Shape(generations=2))
    lead(tmp_path, records)
    assert [one.kind for one in read_journal(tmp_path / "journal")] == [kind for kind, _ in records]
