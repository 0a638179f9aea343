"""Stopping in time: before the walltime, and before the batch job is ended."""

import time
from pathlib import Path

import pytest

from l2l import Trajectory
from l2l.experiment.deadline import Deadline
from tests.faults.harness import Leader, finished, starts, write_experiment


def test_without_walltime_and_job_there_is_always_time() -> None:
    assert Deadline(None, lambda: None).over(1e9) is None


def test_walltime_ends_what_would_take_too_long() -> None:
    deadline = Deadline(100.0, lambda: None)
    assert deadline.over() is None
    assert deadline.over(99.0) is None
    assert deadline.over(101.0) == "walltime of 100 s over"


def test_a_job_ends_a_little_early_and_is_asked_once_more() -> None:
    ends = [time.time() + 100.0]
    deadline = Deadline(None, lambda: ends[0])
    assert deadline.over(90.0) is None
    assert deadline.over(97.0) == "the end of the job's time is near"
    ends[0] += 1000.0
    extended = Deadline(None, iter([time.time() + 100.0, ends[0]]).__next__)
    assert extended.over(97.0) is None


@pytest.mark.parametrize(("launcher", "limit"), [("local", "job"), ("local", "walltime"), ("serial", "walltime")])
def test_no_trial_is_begun_that_cannot_end(tmp_path: Path, launcher: str, limit: str) -> None:
    notes, run = tmp_path / "notes", tmp_path / "runs/experiment"
    file = write_experiment(
        tmp_path / "experiment.yaml",
        "Program",
        {"notes": str(notes), "seconds": 1.0},
        optimizer={"name": "random", "population": 100},
        stop={"generations": 1} | ({"walltime": 6} if limit == "walltime" else {}),
        launcher={"name": "local", "workers": 2} if launcher == "local" else launcher,
    )
    environment = {"L2L_JOB_END": f"{time.time() + 12:.1f}"} if limit == "job" else {}
    begin = time.monotonic()
    code, said = Leader("run", file, environment=environment).end()
    assert code == 75 and time.monotonic() - begin < 12.0
    assert ("near" if limit == "job" else "walltime") in said
    began = starts(notes)
    assert len(began) >= 4
    assert sorted(began) == sorted(finished(run)), "a trial was begun and not ended"
    assert not Trajectory(run).finished
