"""Stopping in time: before the walltime, and before the batch job is ended."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from l2l import Experiment, Trajectory
from l2l.experiment.deadline import Deadline
from l2l.launchers.serial import SerialLauncher
from l2l.values import Evaluation, Trial
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


def test_the_end_of_a_job_stands_where_the_batch_system_does_not_answer_again() -> None:
    deadline = Deadline(None, iter([time.time() + 100.0, None]).__next__)
    assert deadline.over(97.0) == "the end of the job's time is near"
    assert deadline.over(90.0) is None


IDLE: list[float] = []


class Held(SerialLauncher):
    """Of sixty trials fifty have begun when it is told to hold; by its account the first took ten seconds."""

    slots = 60

    def __init__(self) -> None:
        super().__init__()
        self.begun = 50

    def hold(self) -> bool:
        return self.begun > 0

    def collect(self, timeout: float | None = None) -> Sequence[Evaluation]:
        if not self.begun:
            IDLE.append(time.monotonic())
            return []
        seconds = 10.0 if self.begun == 50 else 0.001
        self.begun -= 1
        return [replace(one, seconds=seconds) for one in super().collect(0.0)]


def test_trials_that_are_held_back_are_not_waited_for_though_they_might_end_in_time_after_all() -> None:
    IDLE.clear()
    optimizer = {"name": "random", "population": 60}
    stop = {"generations": 1, "walltime": 5.0}
    run = Experiment("function", optimizer, directory="run", launcher=Held(), stop=stop).run()
    assert not run.finished and run.pending["trials"] == 50
    assert IDLE == []


class Warned(SerialLauncher):
    """A signal comes with the result of a trial of the validation."""

    validation = False

    def submit(self, trials: Sequence[Trial]) -> None:
        self.validation = any(one.validation for one in trials)
        super().submit(trials)

    def collect(self, timeout: float | None = None) -> Sequence[Evaluation]:
        if not self.validation:
            return super().collect(timeout)
        done = super().collect(0.0)
        os.kill(os.getpid(), signal.SIGUSR1)
        return done


def test_trials_of_a_validation_count_also_where_they_end_as_the_run_does() -> None:
    optimizer = {"name": "random", "population": 4}
    rules: dict[str, Any] = {"stop": {"generations": 1}, "validate": {"best": 1, "trials": 3}}
    noisy = {"name": "function", "noise": 1.0}
    run = Experiment(noisy, optimizer, directory="run", launcher=Warned(), **rules).run()
    assert run.reason == "SIGUSR1" and len(run.validation) == 1


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
