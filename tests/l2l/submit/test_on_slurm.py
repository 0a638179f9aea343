"""Submitted runs on a real Slurm: they finish, go on after a kill and in time, and end where nothing comes of it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from l2l import Trajectory
from l2l.lock import holder
from l2l.submit.chain import Record
from tests.faults.harness import PROGRAM, Leader, same, starts, write_experiment
from tests.slurm import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def experiment(folder: Path, seconds: float, **arguments: object) -> Path:
    folder.mkdir(exist_ok=True)
    standard = {
        "optimizer": {"name": "cma-es", "population": 6},
        "seed": 5,
        "stop": {"generations": 5},
        "directory": "run",
    }
    options = {"notes": str(folder / "notes"), "seconds": seconds}
    return write_experiment(folder / "experiment.yaml", "Noted", options, **(standard | arguments))


def submit(file: Path, *arguments: str) -> str:
    """Submit a run; the number of its first job."""
    command = [PROGRAM, "submit", file, "--system", "slurm", "--name", "tested", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return next(line.split()[-1] for line in done.stdout.splitlines() if line.startswith("submitted job "))


def alone(folder: Path, **arguments: object) -> Trajectory:
    """The same experiment in a single process."""
    code, said = Leader("run", experiment(folder, 0.0, **arguments), "--launcher", "serial").end(120.0)
    assert code == 0, said
    return Trajectory(folder / "run")


def jobs(run: Path) -> list[str]:
    """Those whose leaders began, in this order."""
    return [one["job"] for one in Record(run).events("started")]


def log(run: Path, job: str) -> str:
    return (run / "logs" / f"job-{job}.log").read_text()


def kill(slurm: Cluster, run: Path) -> None:
    """Kill the leader of a run; `scancel` always says SIGTERM first, upon which it would end cleanly."""
    slurm.until(lambda: holder(run) is not None)
    leader = holder(run)
    assert leader and leader.here
    os.kill(leader.pid, signal.SIGKILL)


def test_a_submitted_run_finishes_and_its_successor_is_cancelled(slurm: Cluster, tmp_path: Path) -> None:
    run = tmp_path / "a/run"
    first = submit(experiment(tmp_path / "a", 0.02), "--ntasks", "2", "--time", "00:10:00")
    slurm.until(lambda: not slurm.queue(), 120.0)
    assert jobs(run) == [first]
    said = log(run, first)
    assert "finished: 5 generations done" in said, said
    (successor,) = (one["job"] for one in Record(run).events("cancelled"))
    assert f"job {successor} is not needed and was cancelled" in said
    same(Trajectory(run), alone(tmp_path / "b"))


def test_a_job_that_was_killed_goes_on_in_the_next(slurm: Cluster, tmp_path: Path) -> None:
    run, notes = tmp_path / "a/run", tmp_path / "a/notes"
    first = submit(experiment(tmp_path / "a", 0.4), "--time", "00:10:00", "--launcher", "local")
    slurm.until(lambda: len(starts(notes)) > 8)
    kill(slurm, run)
    slurm.until(lambda: len(jobs(run)) == 2)
    begun = len(starts(notes))
    slurm.until(lambda: len(starts(notes)) > begun + 4)
    kill(slurm, run)
    slurm.until(lambda: not slurm.queue(), 120.0)
    assert len(jobs(run)) == 3 and jobs(run)[0] == first
    assert "finished: 5 generations done" in log(run, jobs(run)[-1])
    same(Trajectory(run), alone(tmp_path / "b"))


@pytest.mark.timeout(600)
def test_runs_go_on_over_jobs_whose_time_is_over_as_if_there_were_one(
    slurm: Cluster, tmp_path: Path, repository: Path
) -> None:
    pytest.importorskip("nest", reason="NEST is not here: pip install 'l2l[nest]'")
    neurons, brunel = repository / "experiments/brunel.yaml", tmp_path / "brunel"
    sleepers, slow = experiment(tmp_path / "a", 5.0, stop={"generations": 4}), tmp_path / "a/run"
    longer = ["--set", "stop.target=null", "--set", "stop.generations=4", "--set", "optimizee.duration=2000.0"]
    minute, one_core = ["--time", "00:01:00", "--launcher", "slurm"], ["--workers", "1"]
    firsts = {
        brunel: submit(neurons, *minute, *longer, *one_core, "--directory", str(brunel)),
        slow: submit(sleepers, *minute, "--ntasks", "2", "--max-jobs", "4"),
    }
    whole = Leader("run", neurons, *longer, *one_core, "--launcher", "local", "--directory", str(tmp_path / "whole"))
    slurm.until(lambda: not slurm.queue(), 500.0)
    for run, first in firsts.items():
        assert len(jobs(run)) >= 2
        assert [one["code"] for one in Record(run).events("ended", first)] == [75]
        said = log(run, first)
        assert "the end of the job's time is near" in said and "nothing that was finished is lost" in said
        assert "finished: 4 generations done" in log(run, jobs(run)[-1])
    code, said = whole.end(300.0)
    assert code == 0, said
    same(Trajectory(brunel), Trajectory(tmp_path / "whole"))
    same(Trajectory(slow), alone(tmp_path / "b", stop={"generations": 4}))


def test_a_job_that_finishes_nothing_ends_the_chain(slurm: Cluster, tmp_path: Path) -> None:
    run, notes = tmp_path / "a/run", tmp_path / "a/notes"
    first = submit(experiment(tmp_path / "a", 600.0), "--time", "00:10:00", "--launcher", "local")
    slurm.until(lambda: bool(starts(notes)))
    kill(slurm, run)
    slurm.until(lambda: not slurm.queue(), 120.0)
    assert jobs(run) == [first]
    assert Record(run).events("ended") == []
    (successor,) = (one["job"] for one in Record(run).events("submitted") if one.get("after") == first)
    assert f"job {first} finished no trial, and job {successor} would not either" in log(run, successor)


def test_a_job_that_is_cancelled_before_it_finished_anything_takes_its_successor_back(
    slurm: Cluster, tmp_path: Path
) -> None:
    run, notes = tmp_path / "a/run", tmp_path / "a/notes"
    first = submit(experiment(tmp_path / "a", 600.0), "--time", "00:10:00", "--launcher", "local")
    slurm.until(lambda: bool(starts(notes)))
    slurm.ask("scancel", first)
    slurm.until(lambda: not slurm.queue(), 120.0)
    assert jobs(run) == [first]
    assert "no trial was finished in this job, and the chain ends here" in log(run, first)


def test_a_run_whose_job_waits_is_not_submitted_again(slurm: Cluster, tmp_path: Path) -> None:
    file = experiment(tmp_path / "a", 0.0)
    job = submit(file, "--time", "00:10:00", "--option=--hold")
    again = subprocess.run([PROGRAM, "submit", file, "--time", "00:10:00"], capture_output=True, text=True, timeout=60)
    assert again.returncode == 2 and f"job {job} of this run waits or runs already" in again.stderr
    slurm.ask("scancel", job)
    slurm.until(lambda: not slurm.queue())
    assert submit(file, "--time", "00:10:00", "--option=--hold") != job


def test_paths_with_spaces_are_paths(slurm: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "it's 100% mine"
    job = submit(experiment(folder, 0.0), "--time", "00:10:00", "--launcher", "serial", "--max-jobs", "1")
    slurm.until(lambda: not slurm.queue(), 120.0)
    assert "finished: 5 generations done" in log(folder / "run", job)
