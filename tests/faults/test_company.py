"""Runs in company: a program that holds the archive open, a second leader, and leaders in steady state."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l import Trajectory
from l2l.journal import read_journal
from l2l.lock import holder
from tests.faults.harness import Leader, archived, finished, same, starts, write_experiment
from tests.faults.test_kills import Kills, check_reads, reading

HOLDER = """
import sys, time
from pathlib import Path
import h5py
path = Path(sys.argv[1])
while True:
    try:
        file = h5py.File(path)
        break
    except OSError:
        time.sleep(0.001)
before = len(file["generations/count"])
print(before, flush=True)
sys.stdin.read()
assert len(file["generations/count"][:]) == before
assert file["individuals/number"][:].tolist() == list(range(len(file["individuals/number"])))
"""


def experiment(folder: Path, name: str, model: str = "Noted", seconds: float = 0.004, **changes: Any) -> Path:
    arguments = {
        "optimizer": {"name": "genetic-algorithm", "population": 20},
        "launcher": {"name": "local", "workers": 2},
        "trials": 2,
        "seed": 5,
        "stop": {"generations": 25},
    }
    options = {"notes": str(folder / f"{name}.notes"), "seconds": seconds}
    return write_experiment(folder / f"{name}.yaml", model, options, **(arguments | changes))


@contextmanager
def held_open(archive: Path) -> Iterator[None]:
    """A program holds an archive open, from when it is there on."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, archive], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield
        assert process.stdout
        assert process.stdout.readline(), "it never came to open it"
        process.communicate()
    assert process.returncode == 0


@pytest.mark.slow
def test_a_program_that_holds_the_archive_open_and_a_second_leader_change_nothing(tmp_path: Path) -> None:
    # Long enough that two other leaders come while it runs, on a busy machine too.
    file, run = experiment(tmp_path, "held", seconds=0.02), tmp_path / "runs" / "held"
    with held_open(run / "trajectory.h5"):
        leader = Leader("run", file)
        leader.until((run / "trajectory.h5").exists)
        who = holder(run)
        assert who and who.pid == leader.process.pid
        for command in (("run", file), ("resume", run)):
            code, said = Leader(*command).end()
            assert code == 2
            assert f"process {leader.process.pid} on" in said
            assert "Traceback" not in said
        code, said = leader.end()
        assert code == 0, said
    assert not (run / "journal").exists()
    Leader("run", experiment(tmp_path, "alone", seconds=0.02)).end()
    found = Trajectory(run)
    assert found.finished
    same(found, Trajectory(tmp_path / "runs" / "alone"))
    assert len(starts(tmp_path / "held.notes")) == len(found.trials)


def told(run: Path) -> list[int]:
    """Individuals in the order in which the journal has them told."""
    return [one for _, kind, data in read_journal(run / "journal") if kind == "told" for one in data["individuals"]]


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("optimizer", ["random", "genetic-algorithm"])
def test_a_steady_state_run_killed_ten_times_loses_nothing(tmp_path: Path, optimizer: str) -> None:
    options = {"name": optimizer, "population": 20, "steady_state": True}
    kills = Kills(
        experiment(tmp_path, "steady", optimizer=options, trials=1, stop={"generations": 30}),
        tmp_path / "runs" / "steady",
        tmp_path / "steady.notes",
    )
    rng = np.random.default_rng(10)
    order: list[int] = []
    with reading(kills.run) as reads:
        for cut in np.sort(rng.choice(np.arange(1, 400), 10, replace=False)).tolist():
            leader = kills.leader()
            before = len(starts(kills.notes))
            leader.until_started(kills.notes, max(cut, before))
            kills.kill(leader)
            now = told(kills.run)
            assert now[: len(order)] == order
            order = now
        code, said = kills.leader().end()
        assert code == 0, said
    kills.check_starts()
    found = Trajectory(kills.run)
    final = archived(found)
    assert kills.reported.items() <= final.items()
    assert found.individuals["number"][: len(order)].tolist() == order
    assert sorted(found.individuals["number"].tolist()) == list(range(600))
    assert {
        (one, 0)
        for one, same_as in zip(found.individuals["number"], found.individuals["same_as"], strict=True)
        if same_as < 0
    } == set(final)
    check_reads(reads, found)


@pytest.mark.slow
@pytest.mark.parametrize("steady_state", [False, True])
def test_trials_in_flight_at_kills_are_charged_with_none_of_them(tmp_path: Path, steady_state: bool) -> None:
    optimizer = {"name": "random", "population": 4, "steady_state": steady_state}
    file = experiment(tmp_path, "slow", "Program", 0.5, optimizer=optimizer, trials=1, stop={"generations": 1})
    run, notes = tmp_path / "runs" / "slow", tmp_path / "slow.notes"
    for _ in range(3):
        leader = Leader("run", file)
        before = len(starts(notes))
        leader.until_started(notes, before)
        leader.kill()
        assert not finished(run)
    code, said = Leader("run", file).end()
    assert code == 0, said
    assert not Trajectory(run).trials["status"].any()


@pytest.mark.slow
def test_attempts_before_a_kill_count(tmp_path: Path) -> None:
    optimizer = {"name": "random", "population": 2}
    file = experiment(
        tmp_path, "slow", "Stubborn", 0.5, optimizer=optimizer, trials=1, stop={"generations": 1}, retries=1
    )
    run, notes = tmp_path / "runs" / "slow", tmp_path / "slow.notes"
    leader = Leader("run", file)
    leader.until(lambda: notes.exists() and "0 0 1" in notes.read_text().splitlines())
    leader.kill()
    code, said = Leader("run", file).end()
    assert code == 0, said
    began = [line for line in notes.read_text().splitlines() if line.startswith("0 0 ")]
    assert began == ["0 0 0", "0 0 1", "0 0 1"]
    found = Trajectory(run)
    assert found.trials["attempt"].tolist() == [1] * len(found.trials)
    assert found.failures["attempt"].tolist() == [0] * len(found.trials)
