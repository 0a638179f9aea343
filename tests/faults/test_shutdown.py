"""Runs that are told to stop, or whose surroundings go away: resumable, and nobody is charged with it."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from l2l import Trajectory
from tests.faults.harness import PROGRAM, Leader, archived, finished, l2l, same, starts, write_experiment

STOPPED = 75


def experiment(folder: Path, name: str, model: str = "Noted", seconds: float = 0.02, **changes: Any) -> Path:
    arguments = {
        "optimizer": {"name": "random", "population": 20},
        "launcher": {"name": "local", "workers": 2},
        "stop": {"generations": 10},
        "seed": 8,
    }
    options = {"notes": str(folder / f"{name}.notes"), "seconds": seconds}
    return write_experiment(folder / f"{name}.yaml", model, options, **(arguments | changes))


class Stops:
    """A run that is stopped again and again.

    Args:
        folder: Of the test.
        model: What is run.
    """

    def __init__(self, folder: Path, model: str = "Noted") -> None:
        self.file = experiment(folder, "parts", model)
        self.run = folder / "runs" / "parts"
        self.notes = folder / "parts.notes"

    def leader(self, **options: Any) -> Leader:
        """The next leader, which has begun some trials."""
        begun = (self.run / "experiment.yaml").exists()
        leader = Leader(*(("resume", self.run) if begun else ("run", self.file)), **options)
        before = len(starts(self.notes))
        leader.until_started(self.notes, before + 4)
        return leader


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    """The run that nobody stops."""
    folder = tmp_path_factory.mktemp("whole")
    os.chdir(folder)
    l2l("run", experiment(folder, "whole"))
    return Trajectory(folder / "runs" / "whole")


@pytest.mark.slow
def test_signals_to_the_whole_job_stop_a_run_that_resumes_as_if_nothing_had_been(
    tmp_path: Path, whole: Trajectory
) -> None:
    stops = Stops(tmp_path)
    for number, reason in (
        (signal.SIGINT, "Ctrl-C"),
        (signal.SIGTERM, "SIGTERM"),
        (signal.SIGHUP, "SIGHUP"),
        (signal.SIGUSR1, "SIGUSR1"),
    ):
        leader = stops.leader()
        leader.signal_all(number)
        code, said = leader.end()
        assert code == STOPPED, said
        assert reason in said
        assert f"l2l resume {Path('runs', 'parts')}" in said
        stopped = Trajectory(stops.run)
        assert not stopped.finished
        assert stopped.segments["reason"][-1] == reason
        reported = finished(stops.run)
        assert reported == {one: archived(whole)[one] for one in reported}
    l2l("resume", stops.run)
    same(Trajectory(stops.run), whole)
    lost = len(starts(stops.notes)) - len(whole.trials)
    assert lost <= 4 * 10, "no more than were running, and what came back as we left"


@pytest.mark.slow
def test_programs_that_end_by_the_same_signal_are_not_charged(tmp_path: Path) -> None:
    stops = Stops(tmp_path, "Program")
    for _ in range(2):
        leader = stops.leader()
        leader.signal_all(signal.SIGTERM)
        code, said = leader.end()
        assert code == STOPPED, said
    l2l("resume", stops.run)
    trials = Trajectory(stops.run).trials
    assert len(trials) == 200
    assert not trials["status"].any()


@pytest.mark.slow
def test_ctrl_c_while_it_starts_ends_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    file.write_text(
        "import pathlib, time\nimport l2l\n"
        "class Slow(l2l.Optimizee):\n"
        "    space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))\n"
        "    def setup(self):\n"
        "        pathlib.Path('begun').touch()\n"
        "        time.sleep(100)\n"
        "    def simulate(self, individual, trial):\n"
        "        return 0.0\n"
        "experiment = l2l.Experiment(Slow(), 'random', launcher='local', stop={'generations': 1})\n"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        begun = tmp_path / "begun"
        begun.unlink(missing_ok=True)
        leader = Leader("run", file)
        leader.until(begun.exists)
        begin = time.monotonic()
        leader.signal(number)
        code, said = leader.end()
        assert code == STOPPED, said
        assert "nothing was begun" in said
        assert time.monotonic() - begin < 10


@pytest.mark.slow
def test_a_shell_that_dies_takes_nothing_along(tmp_path: Path, whole: Trajectory) -> None:
    file = experiment(tmp_path, "parts")
    shell = Leader("-c", f"{PROGRAM} run {file}; true", program=["sh"])
    run = tmp_path / "runs" / "parts"
    shell.until_started(tmp_path / "parts.notes", 10)
    os.kill(shell.process.pid, signal.SIGKILL)
    shell.process.wait()
    _, said = shell.end()
    assert "finished: 10 generations done" in said
    same(Trajectory(run), whole)


@pytest.mark.slow
def test_a_reader_of_its_output_that_leaves_stops_nothing(tmp_path: Path, whole: Trajectory) -> None:
    file = experiment(tmp_path, "parts")
    leader = Leader("run", file)
    assert leader.process.stdout
    leader.process.stdout.close()
    assert leader.process.wait(60) == 0
    leader.nothing_left()
    same(Trajectory(tmp_path / "runs" / "parts"), whole)


@pytest.mark.slow
def test_a_terminal_that_closes_stops_the_run_cleanly(tmp_path: Path, whole: Trajectory) -> None:
    stops = Stops(tmp_path)
    ours, theirs = os.openpty()
    try:
        leader = stops.leader(terminal=theirs)
        os.close(theirs)
        os.read(ours, 10)  # the line that says where it stands
    finally:
        os.close(ours)
    assert leader.process.wait(60) == STOPPED
    leader.nothing_left()
    assert Trajectory(stops.run).segments["reason"][-1] == "SIGHUP"
    l2l("resume", stops.run)
    same(Trajectory(stops.run), whole)


@pytest.mark.slow
def test_nohup_goes_on_when_the_terminal_closes(tmp_path: Path, whole: Trajectory) -> None:
    stops = Stops(tmp_path)
    leader = stops.leader(program=["nohup", PROGRAM])
    leader.signal(signal.SIGHUP)
    code, said = leader.end()
    assert code == 0, said
    same(Trajectory(stops.run), whole)


@pytest.mark.slow
def test_a_job_that_is_suspended_is_not_charged_with_the_time(tmp_path: Path) -> None:
    options = {"optimizer": {"name": "random", "population": 6}, "stop": {"generations": 1}}
    file = experiment(tmp_path, "parts", "Program", seconds=1.0, resources={"timeout": 2.0}, **options)
    leader = Leader("run", file)
    leader.until_started(tmp_path / "parts.notes", 2)
    leader.signal_all(signal.SIGSTOP)
    time.sleep(3)
    leader.signal_all(signal.SIGCONT)
    code, said = leader.end()
    assert code == 0, said
    trials = Trajectory(tmp_path / "runs" / "parts").trials
    assert trials["seconds"].max() > 3
    assert not trials["status"].any()
