"""A kill between any two system calls: what it leaves is read, and recovered from."""

import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from l2l import Experiment, Trajectory
from l2l.archive import Archive
from l2l.errors import NotFoundError
from l2l.journal import read_journal, remove_journal
from tests.faults.harness import archived, digest, l2l, same, starts, write_experiment
from tests.faults.models import Plain
from tests.faults.test_kills import Kills
from tests.faults.tracer import Tracer, child

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="ptrace as Linux has it"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),  # a child that only leads a run
]


STRIDE = 20


def experiment(folder: Path, generations: int = 4) -> Experiment:
    return Experiment(
        Plain(),
        {"name": "genetic-algorithm", "population": 4},
        directory=folder,
        launcher="serial",
        trials=2,
        seed=3,
        stop={"generations": generations},
    )


def states(folder: Path, does: Callable[[], object]) -> Iterator[int]:
    """Each state of a folder between two system calls of what is done in a child: the count of calls before."""
    tracer = Tracer(child(does))
    try:
        assert tracer.reach()
        seen = -1
        while tracer.step():
            now = content(folder)
            if now != seen:
                seen = now
                yield tracer.calls
        assert tracer.code is None, f"it ended with {tracer.code}"
        yield tracer.calls
    finally:
        tracer.kill()


def content(folder: Path) -> int:
    """A checksum over names and contents."""
    total = 0
    for place, _, files in sorted(os.walk(folder)):
        total = zlib.crc32(place.encode(), total)
        for file in sorted(files):
            total = zlib.crc32(Path(place, file).read_bytes(), zlib.crc32(file.encode(), total))
    return total


def copied(folder: Path, to: Path) -> Path:
    """What a kill would leave now."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)
    return to


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill leaves what was written, synced or not; and a commit that stands still is not worth waiting for."""
    monkeypatch.setattr("l2l.trajectory.snapshot._COMMIT", 0.001)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder in memory, where there is one: thousands of copies are made."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


@pytest.fixture
def place(memory: Path) -> Path:
    """A folder of its own for each test."""
    return Path(tempfile.mkdtemp(dir=memory))


# --- each state of a commit, a rebuild, a finish and the removal -----------------------------------------------------


@pytest.fixture(scope="module")
def run(memory: Path) -> Path:
    """A run at its end, with its journal, and an archive that lacks the last generations."""
    folder = memory / "template"
    folder.mkdir()
    kept = pytest.MonkeyPatch()
    kept.setattr("l2l.experiment.lead.remove_journal", lambda journal: shutil.move(journal, folder / "journal"))
    experiment(folder / "run").run(progress=None)
    kept.undo()
    shutil.move(folder / "journal", folder / "run" / "journal")
    shutil.move(folder / "run" / "trajectory.h5", folder / "whole.h5")

    journal = folder / "run" / "journal" / "000001.journal"
    closed = [one.position.offset for one in read_journal(journal.parent) if one.kind == "generation"]
    (folder / "early" / "journal").mkdir(parents=True)
    (folder / "early" / "journal" / journal.name).write_bytes(journal.read_bytes()[: closed[1]])
    assert Archive(folder / "early").commit(force=True)
    shutil.move(folder / "early" / "trajectory.h5", folder / "early.h5")
    return folder / "run"


def recovered(folder: Path) -> Trajectory:
    """What the next leader makes of a folder, without its journal."""
    archive = Archive(folder)
    archive.commit(force=True)
    archive.finish()
    remove_journal(folder / "journal")
    return Trajectory(folder)


def commit(folder: Path) -> None:
    Archive(folder).commit(force=True)


def finish(folder: Path) -> None:
    Archive(folder).finish()


def tear(folder: Path) -> None:
    """As a commit leaves it that was killed half-way."""
    (folder / "trajectory.h5.commit").touch()
    with (folder / "trajectory.h5").open("r+b") as file:
        file.seek(600)
        file.write(b"\xff" * 3000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("archive", "does", "every"),
    [  # where the file is written anew beside the old one, states differ in that new file alone
        (None, commit, 8),
        ("early.h5", commit, 1),
        ("early.h5", finish, 3),
        ("whole.h5", finish, 8),
        ("torn", commit, 8),
        ("whole.h5", lambda folder: remove_journal(folder / "journal"), 1),
    ],
    ids=["first commit", "commit", "finish", "finish again", "rebuild", "removal"],
)
def test_every_state_of_the_archive_is_read_and_recovered_from(
    run: Path, place: Path, archive: str | None, does: Callable[[Path], None], every: int
) -> None:
    folder = copied(run, place / "run")
    expected = digest(Trajectory(folder))
    assert expected["generations"][0] == 4
    if archive:
        shutil.copy(run.with_name("early.h5" if archive == "torn" else archive), folder / "trajectory.h5")
    if archive == "torn":
        tear(folder)
    count = 0
    for number, calls in enumerate(states(folder, lambda: does(folder))):
        if number % every:
            continue
        assert digest(Trajectory(folder)) == expected, f"read after {calls} calls"
        left = copied(folder, place / "left")
        assert digest(Trajectory(left)) == expected, f"read after a kill after {calls} calls"
        if (left / "journal").exists():
            assert digest(recovered(left)) == expected, f"recovered after {calls} calls"
        count += 1
    assert count > 3


@pytest.mark.slow
@pytest.mark.parametrize("finished", [False, True], ids=["fresh", "extended"])
def test_a_run_goes_on_from_states_of_its_folder(place: Path, finished: bool) -> None:
    whole = experiment(place / "whole", 3).run()
    folder = place / "run"
    if finished:
        experiment(folder, 2).run()
    recovered_from = 0
    for number, calls in enumerate(states(folder, lambda: experiment(folder, 3).run())):
        if not folder.exists():
            continue
        left = copied(folder, place / "left")
        check_prefix(left, whole)
        if number % STRIDE == 0:
            same(experiment(left, 3).run(), whole)
            assert sorted(one.name for one in left.iterdir()) == ["experiment.yaml", "trajectory.h5"], calls
            recovered_from += 1
    assert recovered_from > 5
    same(Trajectory(folder), whole)


@pytest.mark.slow
@pytest.mark.parametrize("steady", [False, True], ids=["generational", "steady"])
def test_a_run_goes_on_from_every_record_of_its_journal(
    place: Path, monkeypatch: pytest.MonkeyPatch, steady: bool
) -> None:
    def made(folder: Path) -> Experiment:
        options = {"name": "random", "population": 3, "steady_state": steady}
        return Experiment(Plain(), options, directory=folder, launcher="serial", stop={"generations": 2})

    with monkeypatch.context() as kept:
        kept.setattr("l2l.experiment.lead.remove_journal", lambda _: None)
        whole = made(place / "whole").run()
    journal = place / "whole" / "journal" / "000001.journal"
    ends = [record.position.offset for record in read_journal(journal.parent)]
    assert len(ends) > 10
    for end_ in ends:
        left = place / f"left-{end_}"
        (left / "journal").mkdir(parents=True)
        (left / "journal" / journal.name).write_bytes(journal.read_bytes()[:end_])
        before = Trajectory(left)
        found = made(left).run()
        assert found.finished
        if steady:  # what was finished and told stays; what comes is in the order of its arrival
            assert archived(before).items() <= archived(found).items()
            assert len(found.trials) == len(whole.trials)
        else:
            same(found, whole)


def check_prefix(folder: Path, whole: Trajectory) -> None:
    """See that a run is the beginning of the whole one, or none yet."""
    try:
        found = Trajectory(folder)
    except NotFoundError:
        assert not (folder / "trajectory.h5").exists()
        return
    for table in ("individuals", "trials"):
        mine, theirs = getattr(found, table), getattr(whole, table)
        for column in ("parameters/x", "status") if table == "individuals" else ("seed", "fitness/fitness"):
            np.testing.assert_array_equal(mine[column], theirs[column][: len(mine)])


# --- leaders ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_leaders_killed_in_commits_lose_nothing(tmp_path: Path) -> None:
    arguments = {
        "optimizer": {"name": "random", "population": 20},
        "launcher": {"name": "local", "workers": 1},
        "trials": 2,
        "stop": {"generations": 60},
    }
    for name in ("whole", "parts"):
        options = {"notes": str(tmp_path / f"{name}.notes"), "seconds": 0.002}
        write_experiment(tmp_path / f"{name}.yaml", "Noted", options, **arguments)
    l2l("run", tmp_path / "whole.yaml")
    rng = np.random.default_rng(21)
    kills = Kills(tmp_path / "parts.yaml", tmp_path / "runs" / "parts", tmp_path / "parts.notes")
    for step in ["commit"] * 12 + ["finish"] * 5:
        kill_in(step, int(rng.integers(1, 250)), kills)
    for calls in (1, 3, 12):  # the last one behind the journal's change of name
        kill_in("removal", calls, kills)
    code, said = kills.leader().end()
    assert code == 0, said
    kills.check_starts()
    assert kills.count == 20
    parts = Trajectory(kills.run)
    same(parts, Trajectory(tmp_path / "runs" / "whole"))
    assert len(starts(kills.notes)) < len(parts.trials) + 20 * 50


def kill_in(step: str, calls: int, kills: Kills) -> None:
    """Kill a leader in a step after so many system calls, or at the end of the step."""
    program = [sys.executable, "-m", "tests.faults.traced", step]
    leader = kills.leader(program)
    tracer = Tracer(leader.process.pid)
    assert tracer.reach(), leader.process.communicate()[0]
    while tracer.calls < calls and tracer.step():
        continue
    assert tracer.code is None
    kills.kill(leader)
