"""A run of two hundred individuals of which many do what models do on a bad day."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from l2l import Status, Trajectory
from l2l.testing.misbehaving import STATUSES
from tests.faults.harness import Leader, is_gone, l2l, starts, write_experiment

COUNTS = {
    "well": 121,
    "prints": 6,
    "uses its folder": 4,
    "raises": 8,
    "exits": 4,
    "runs out of memory": 3,
    "is silent": 4,
    "nan": 8,
    "infinity": 2,
    "text": 4,
    "none": 3,
    "too many": 4,
    "wrong shape": 2,
    "wrong name": 2,
    "segfault": 5,
    "leaves": 5,
    "aborts": 2,
    "hangs": 2,
    "hangs with the lock": 2,
    "hogs": 3,
    "spawns": 3,
    "spawns and leaves": 3,
}
EXPECTED = {
    **STATUSES,
    **dict.fromkeys(("segfault", "leaves", "aborts", "spawns and leaves"), Status.CRASHED),
    **dict.fromkeys(("hangs", "hangs with the lock"), Status.TIMEOUT),
    "hogs": Status.OUT_OF_MEMORY,
    "spawns": Status.OK,
}
MESSAGES = {
    "raises": "RuntimeError: the kernel",
    "exits": "SystemExit: 4",
    "runs out of memory": "MemoryError",
    "is silent": "silent",
    "nan": "fitness: expected a finite number (error), got nan",
    "infinity": "fitness: expected a finite number (error), got inf",
    "text": "fitness: expected a finite number (error), got 'good'",
    "none": "fitness: expected a finite number (error), got None",
    "too many": "fitness: expected a finite number (error), got (1.0, 2.0, 3.0)",
    "wrong shape": "observable 'twice': declared of shape (2,), got (3,)",
    "wrong name": "'twise'",
    "segfault": "SIGSEGV",
    "leaves": "exit code 3",
    "aborts": "SIGABRT",
    "hangs": "longer than its limit of 2 s",
    "hangs with the lock": "longer than its limit of 2 s",
    "hogs": "its limit is 300 MB",
    "spawns and leaves": "exit code 3",
}
TRACED = ("raises", "exits", "runs out of memory", "segfault", "aborts", "hangs", "hangs with the lock")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_each_of_two_hundred_gets_the_status_that_it_earned(tmp_path: Path) -> None:
    code, said = Leader("run", bad_day(tmp_path), "--launcher", "local", "--workers", "2").end(120)
    assert code == 0, said
    check_bad_day(tmp_path, said)


def behaviours_of_the_day() -> list[str]:
    """What each individual does."""
    behaviours = np.repeat(list(COUNTS), list(COUNTS.values()))
    np.random.default_rng(4).shuffle(behaviours)
    assert len(behaviours) == 200
    return [str(one) for one in behaviours]


def bad_day(folder: Path) -> Path:
    """The experiment, in `folder/runs/bad`, with notes of each start in `folder/notes`."""
    return write_experiment(
        folder / "bad.yaml",
        "BadDay",
        {"notes": str(folder / "notes")},
        optimizer={"name": "random", "population": 200},
        initial=[{"x": place / 200, "behaviour": one} for place, one in enumerate(behaviours_of_the_day())],
        stop={"generations": 1},
        directory=str(folder / "runs/bad"),
        resources={"timeout": 2, "memory": "300 MB"},
    )


def check_bad_day(folder: Path, said: str) -> None:
    """See that each individual has the status that it earned, whatever ran it.

    Args:
        folder: Of the experiment.
        said: By the command line.
    """
    behaviours = behaviours_of_the_day()
    assert "Traceback" not in said
    run = Trajectory(folder / "runs/bad")
    assert run.finished
    assert run.individuals["parameters/x"].tolist() == [place / 200 for place in range(200)]
    got = [Status(one).name for one in run.trials["status"]]
    assert Counter(zip(behaviours, got, strict=True)) == Counter((one, EXPECTED[one].name) for one in behaviours)
    check_failures(run, behaviours)
    check_best(run)
    check_starts(Counter(starts(folder / "notes")), behaviours)
    spawned = [int(pid) for pid in run.trials["observables/pid"] if pid]
    spawned += [int(file.read_text()) for file in (run.path / "trials").glob("*/*/pid")]
    assert len(spawned) == 6
    assert all(map(is_gone, spawned))
    assert len(list((run.path / "trials").glob("*/*/note"))) == 0, "folders of trials that went well are not kept"
    check_shown(run.path, behaviours)


def check_starts(begun: Counter[tuple[int, int]], behaviours: list[str]) -> None:
    """See that each began once, and once more where the trials before it in its process may have been to blame."""
    assert sorted(begun) == [(place, 0) for place in range(200)]
    assert max(begun.values()) <= 2
    again = {EXPECTED[behaviours[place]] for (place, _), times in begun.items() if times == 2}
    assert again <= {Status.CRASHED, Status.OUT_OF_MEMORY}


def check_failures(run: Trajectory, behaviours: list[str]) -> None:
    failures = run.failures
    assert failures["individual"].tolist() == [
        place for place, one in enumerate(behaviours) if EXPECTED[one] != Status.OK
    ]
    assert not failures["attempt"].any()
    for place, message, trace in zip(*(failures[name] for name in ("individual", "message", "traceback")), strict=True):
        behaviour = behaviours[place]
        assert MESSAGES[behaviour] in message, (behaviour, message)
        if behaviour in TRACED:
            assert "misbehaving.py" in trace, (behaviour, trace)


def check_best(run: Trajectory) -> None:
    fitness = run.individuals["fitness/error"]
    ok = run.individuals["status"] == Status.OK
    assert np.isnan(fitness[~ok]).all()
    assert np.isfinite(fitness[ok]).all()
    assert run.best.fitness == fitness[ok].min()
    assert [one.fitness for one in run.ranked(200)] == sorted(fitness[ok])


def check_shown(run: Path, behaviours: list[str]) -> None:
    rows = list(csv.reader(l2l("show", run, "--failures").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows[0][:5] == ["status", "individual", "trial", "attempt", "message"]
    shown = {int(row[1]): row[0] for row in rows[1:]}
    assert shown == {place: EXPECTED[one].name for place, one in enumerate(behaviours) if EXPECTED[one] != Status.OK}
