"""The launcher mpi on a real MPI: the contract, whole runs, signals, deaths, trials of several ranks."""

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from l2l import Status, Trajectory
from tests.faults.harness import PROGRAM, Leader, check_replay, finished, same, starts, write_experiment
from tests.faults.test_bad_day import bad_day, check_bad_day
from tests.l2l.launchers.ranks import check_groups, check_program_on_ranks, program_on_ranks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MPIEXEC = Path(sys.executable).with_name("mpiexec")
ENVIRONMENT = {  # of Open MPI: as root in a container, more ranks than cores
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
CONTRACT = Path(__file__).with_name("mpi_contract.py")
GROUPS = Path(__file__).with_name("mpi_groups.py")


def ranks(
    number: int,
    *arguments: str | Path,
    program: tuple[str | Path, ...] = (PROGRAM,),
    environment: Mapping[str, str] = {},
) -> Leader:
    """`mpiexec -n NUMBER l2l …`."""
    return Leader(
        *arguments, program=(MPIEXEC, "-n", str(number), *program), environment={**ENVIRONMENT, **environment}
    )


def experiment(folder: Path, seconds: float = 0.02, **arguments: object) -> Path:
    """Written with notes of each start in `folder/notes`."""
    folder.mkdir(exist_ok=True)
    standard = {
        "optimizer": {"name": "cma-es", "population": 12},
        "trials": 2,
        "seed": 5,
        "stop": {"generations": 5},
        "directory": str(folder / "run"),
    }
    return write_experiment(
        folder / "experiment.yaml",
        "Noted",
        {"notes": str(folder / "notes"), "seconds": seconds},
        **(standard | arguments),
    )


def test_it_keeps_the_contract_of_launchers() -> None:
    code, said = ranks(3, CONTRACT, program=(sys.executable,)).end(280.0)
    assert code == 0, said
    assert " passed" in said and "failed" not in said


def test_a_run_on_ranks_equals_one_in_a_single_process(tmp_path: Path) -> None:
    file = experiment(tmp_path / "mpi")
    code, said = ranks(3, "run", file).end(120.0)
    assert code == 0, said
    alone = Leader("run", experiment(tmp_path / "serial"), "--launcher", "serial")
    assert alone.end(120.0)[0] == 0
    same(Trajectory(tmp_path / "mpi/run"), Trajectory(tmp_path / "serial/run"))


SEEN = """
import os, pathlib, time
import l2l


@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)), objectives=l2l.Minimize("cost"))
def seen(individual):
    here = pathlib.Path(__file__).parent
    (here / f"{os.getpid()} {os.environ['CUDA_VISIBLE_DEVICES']}").touch()
    until = time.monotonic() + 60.0
    while len([*here.glob("[0-9]*")]) < 2 and time.monotonic() < until:  # both have something to do
        time.sleep(0.01)
    return individual["x"]
"""


@pytest.mark.parametrize("together", [1, 2])
def test_gpus_are_shared_out_among_the_ranks_of_a_machine(tmp_path: Path, together: int) -> None:
    (tmp_path / "seen.py").write_text(SEEN)
    file = tmp_path / "experiment.yaml"
    text = {
        "optimizee": {"name": "seen.py:seen"},
        "optimizer": "random",
        "resources": {"ranks": together, "gpus": 2},
        "stop": {"generations": 3},
        "directory": str(tmp_path / "run"),
    }
    file.write_text(yaml.safe_dump(text))
    assert ranks(3, "run", file, environment={"CUDA_VISIBLE_DEVICES": "3,4,5,6"}).end(120.0)[0] == 0
    found = [one.name.split()[1] for one in tmp_path.glob("[0-9]*")]
    assert sorted(found) == ["3,4", "5,6"]
    other = ["--set", f"directory={tmp_path / 'other'}"]
    code, said = ranks(3, "run", file, *other, environment={"CUDA_VISIBLE_DEVICES": "3,4"}).end(120.0)
    assert code == 2 and "2 rank(s) with 2 GPU(s) each" in said and "need 4 in CUDA_VISIBLE_DEVICES, got 2" in said


def test_mpich_gives_the_same_as_open_mpi(tmp_path: Path, mpich: tuple[Path, dict[str, str]]) -> None:
    mpiexec, variables = mpich

    def job(number: int, *arguments: str | Path) -> Leader:
        return Leader(*arguments, program=(mpiexec, "-n", str(number)), environment=variables)

    code, said = job(3, sys.executable, CONTRACT).end(280.0)
    assert code == 0 and " passed" in said and "failed" not in said, said
    code, said = job(3, PROGRAM, "run", experiment(tmp_path / "mpich")).end(120.0)
    assert code == 0, said
    alone = Leader("run", experiment(tmp_path / "serial"), "--launcher", "serial")
    assert alone.end(120.0)[0] == 0
    same(Trajectory(tmp_path / "mpich/run"), Trajectory(tmp_path / "serial/run"))
    code, said = job(5, sys.executable, GROUPS, tmp_path / "groups").end(120.0)
    assert code == 0, said
    check_groups(tmp_path / "groups")


def test_a_bad_day_costs_the_trials_that_earned_it(tmp_path: Path) -> None:
    code, said = ranks(3, "run", bad_day(tmp_path)).end(200.0)
    assert code == 0, said
    check_bad_day(tmp_path, said)


def test_a_steady_run_is_replayed_as_it_was(tmp_path: Path) -> None:
    steady = {"optimizer": {"name": "random", "population": 12, "steady_state": True}, "stop": {"individuals": 60}}
    code, said = ranks(3, "run", experiment(tmp_path / "mpi", **steady)).end(120.0)
    assert code == 0, said
    check_replay(tmp_path / "mpi/run")


def test_a_signal_to_the_job_stops_it_cleanly_and_a_killed_rank_loses_nothing(tmp_path: Path) -> None:
    longer = {"stop": {"generations": 15}}
    file, notes, run = experiment(tmp_path / "mpi", 0.1, **longer), tmp_path / "mpi/notes", tmp_path / "mpi/run"
    first = ranks(3, "run", file)
    first.until(lambda: len(finished(run)) >= 20)
    first.signal(signal.SIGTERM)
    first.end(120.0)
    assert not Trajectory(run).finished
    early = len(finished(run))
    second = ranks(3, "run", file)
    second.until(lambda: len(finished(run)) >= early + 20)
    victim = next(pid for pid in rank_processes(second) if rank_of(pid) == 2)
    os.kill(victim, signal.SIGKILL)
    second.end(120.0)
    assert not Trajectory(run).finished
    before = finished(run)
    assert len(before) >= early + 20
    began = len(starts(notes))
    code, said = ranks(3, "run", file).end(120.0)
    assert code == 0, said
    again = starts(notes)[began:]
    assert not set(again) & set(before), "finished trials ran again"
    alone = Leader("run", experiment(tmp_path / "serial", 0.0, **longer), "--launcher", "serial")
    assert alone.end(120.0)[0] == 0
    same(Trajectory(run), Trajectory(tmp_path / "serial/run"))


def test_a_killed_worker_of_a_rank_costs_its_trial_alone(tmp_path: Path) -> None:
    file, run = experiment(tmp_path / "mpi", 0.2, retries=1), tmp_path / "mpi/run"
    job = ranks(3, "run", file)
    job.until(lambda: len(finished(run)) >= 10)
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in job.left()}
    os.kill(next(pid for pid, one in commands.items() if b"l2l/worker/__main__.py" in one), signal.SIGKILL)
    code, said = job.end(120.0)
    assert code == 0, said
    found = Trajectory(run)
    assert (found.trials["attempt"] == 1).sum() <= 1
    assert not (found.trials["status"] == Status.CRASHED).any()


def test_a_killed_leader_leaves_nothing_and_its_run_goes_on(tmp_path: Path) -> None:
    longer = {"stop": {"generations": 8}}
    file, notes, run = experiment(tmp_path / "mpi", 0.1, **longer), tmp_path / "mpi/notes", tmp_path / "mpi/run"
    job = ranks(3, "run", file)
    job.until(lambda: len(finished(run)) >= 30)
    os.kill(next(pid for pid in rank_processes(job) if rank_of(pid) == 0), signal.SIGKILL)
    job.end(120.0)
    before, began = finished(run), len(starts(notes))
    code, said = ranks(3, "run", file).end(120.0)
    assert code == 0, said
    assert not set(starts(notes)[began:]) & set(before), "finished trials ran again"
    alone = Leader("run", experiment(tmp_path / "serial", 0.0, **longer), "--launcher", "serial")
    assert alone.end(120.0)[0] == 0
    same(Trajectory(run), Trajectory(tmp_path / "serial/run"))


def test_ranks_that_take_the_job_along_twice_are_recorded(tmp_path: Path) -> None:
    deadly = (GROUPS, tmp_path / "run", "mpi", "deadly")
    for _ in range(2):
        code, _ = ranks(3, *deadly, program=(sys.executable,)).end(120.0)
        assert code != 0
    code, said = ranks(3, *deadly, program=(sys.executable,)).end(120.0)
    assert code == 0, said
    statuses = [Status(one) for one in Trajectory(tmp_path / "run").trials["status"]]
    assert statuses == [Status.CRASHED if one == 3 else Status.OK for one in range(6)]


def rank_processes(job: Leader) -> list[int]:
    """The ranks of a job, without what they started."""
    left = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in job.left()}
    return [pid for pid, command in left.items() if b"reaper.py" not in command and rank_of(pid) is not None]


def rank_of(pid: int) -> int | None:
    """The rank of a process that is one; workers have no such variable."""
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    found = [one.partition(b"=")[2] for one in variables if one.startswith(b"OMPI_COMM_WORLD_RANK=")]
    return int(found[0]) if found else None


def test_ranks_simulate_a_trial_together(tmp_path: Path) -> None:
    code, said = ranks(5, GROUPS, tmp_path / "run", program=(sys.executable,)).end(120.0)
    assert code == 0, said
    check_groups(tmp_path / "run")


def test_a_program_is_started_on_the_ranks_of_a_trial(tmp_path: Path) -> None:
    file = program_on_ranks(tmp_path)
    for launcher in ("local", "serial"):
        code, said = Leader("run", file, "--launcher", launcher, environment=ENVIRONMENT).end(120.0)
        assert code == 0, said
        check_program_on_ranks(tmp_path)
        shutil.rmtree(tmp_path / "run")
    code, said = ranks(3, "run", file).end(120.0)
    assert code != 0 and "it can from the launchers local (on this machine) and slurm" in said


def test_what_cannot_work_is_said(tmp_path: Path) -> None:
    file = experiment(tmp_path / "mpi")
    code, said = Leader("run", file, "--launcher", "mpi").end()
    assert code == 1 and "mpiexec -n 5 l2l run" in said
    code, said = ranks(3, "run", file, "--set", "resources.ranks=4").end(120.0)
    assert code != 0 and "expected at most 2, all but the leader's, got 4" in said
    code, said = ranks(3, "run", file, "--set", "resources.ranks=2", "--set", "resources.timeout=9").end(120.0)
    assert code != 0 and "resources.timeout: trials of several ranks" in said
