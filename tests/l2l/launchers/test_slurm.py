"""The launcher slurm on a real Slurm: the contract, whole runs, lost nodes, killed leaders, trials of several ranks."""

import json
import os
import signal
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from l2l import Status, Trajectory
from l2l.errors import OptionError
from l2l.experiment.folder import claim_folder
from l2l.launchers.slurm.launcher import Share, SlurmLauncher, cores_of
from l2l.launchers.slurm.requests import Job, look_after
from l2l.values import Resources
from tests.faults.harness import PROGRAM, Leader, check_replay, finished, same, starts, write_experiment
from tests.faults.test_bad_day import bad_day, check_bad_day
from tests.l2l.launchers.ranks import check_groups, check_program_on_ranks, program_on_ranks
from tests.slurm import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONTRACT = Path(__file__).with_name("slurm_contract.py")
GROUPS = Path(__file__).with_name("mpi_groups.py")
Mpich = tuple[Path, dict[str, str]]


def allocated(*arguments: str | Path, program: tuple[str | Path, ...] = (PROGRAM,)) -> Leader:
    """`l2l …` in an allocation of both nodes, as a job that is not killed where it loses one has it."""
    return Leader(*arguments, program=("salloc", "--quiet", "--nodes=2", "--ntasks=4", "--no-kill", *program))


def experiment(folder: Path, seconds: float = 0.02, model: str = "Noted", **arguments: object) -> Path:
    """Written with notes of each start in `folder/notes`."""
    folder.mkdir(exist_ok=True)
    standard = {
        "optimizer": {"name": "cma-es", "population": 12},
        "trials": 2,
        "seed": 5,
        "stop": {"generations": 5},
        "directory": str(folder / "run"),
    }
    options = {"notes": str(folder / "notes"), "seconds": seconds}
    return write_experiment(folder / "experiment.yaml", model, options, **(standard | arguments))


def alone(folder: Path, **arguments: object) -> Trajectory:
    """The same experiment in a single process."""
    code, said = Leader("run", experiment(folder, 0.0, **arguments), "--launcher", "serial").end(120.0)
    assert code == 0, said
    return Trajectory(folder / "run")


def test_it_keeps_the_contract_of_launchers(slurm: Cluster) -> None:
    code, said = allocated(CONTRACT, program=(sys.executable,)).end(280.0)
    assert code == 0, said
    assert " passed" in said and "failed" not in said


def test_a_run_in_an_allocation_equals_one_in_a_single_process(tmp_path: Path, slurm: Cluster) -> None:
    code, said = allocated("run", experiment(tmp_path / "slurm")).end(120.0)
    assert code == 0, said
    run = Trajectory(tmp_path / "slurm/run")
    same(run, alone(tmp_path / "serial"))
    assert len({*(tmp_path / "slurm/run/logs").glob("worker-*.log")}) == 4, "each core of both nodes has a worker"


def test_a_bad_day_costs_the_trials_that_earned_it(tmp_path: Path, slurm: Cluster) -> None:
    code, said = allocated("run", bad_day(tmp_path)).end(200.0)
    assert code == 0, said
    check_bad_day(tmp_path, said)


def test_a_steady_run_is_replayed_as_it_was(tmp_path: Path, slurm: Cluster) -> None:
    steady = {"optimizer": {"name": "random", "population": 12, "steady_state": True}, "stop": {"individuals": 60}}
    code, said = allocated("run", experiment(tmp_path / "slurm", 0.02, **steady)).end(120.0)
    assert code == 0, said
    check_replay(tmp_path / "slurm/run")


def test_a_lost_node_costs_nothing_but_time(tmp_path: Path, slurm: Cluster) -> None:
    longer = {"stop": {"generations": 12}}
    file, run = experiment(tmp_path / "slurm", 0.1, **longer), tmp_path / "slurm/run"
    leader = allocated("run", file)
    leader.until(lambda: len(finished(run)) >= 30)
    slurm.kill_node("n2")
    code, said = leader.end(200.0)
    assert code == 0, said
    found = Trajectory(run)
    assert not (found.trials["status"] == Status.CRASHED).any()
    same(found, alone(tmp_path / "serial", **longer))


def test_a_killed_leader_leaves_nothing_and_its_run_goes_on(tmp_path: Path, slurm: Cluster) -> None:
    longer = {"stop": {"generations": 10}}
    file, notes, run = experiment(tmp_path / "slurm", 0.1, **longer), tmp_path / "slurm/notes", tmp_path / "slurm/run"
    leader = allocated("run", file)
    leader.until(lambda: len(finished(run)) >= 30)
    os.kill(leader_of(run), signal.SIGKILL)
    leader.end(60.0)
    before, began = finished(run), len(starts(notes))
    code, said = allocated("run", file).end(120.0)
    assert code == 0, said
    assert not set(starts(notes)[began:]) & set(before), "finished trials ran again"
    same(Trajectory(run), alone(tmp_path / "serial", **longer))


def leader_of(run: Path) -> int:
    """The process that leads a run."""
    return int(json.loads((run / "lock").read_text())["pid"])


def test_a_killed_worker_costs_its_trial_alone(tmp_path: Path, slurm: Cluster) -> None:
    leader = allocated("run", experiment(tmp_path / "slurm", 0.2, retries=1))
    run = tmp_path / "slurm/run"
    leader.until(lambda: len(finished(run)) >= 10)
    worker = next(
        pid for pid in leader.left() if b"l2l/worker/__main__.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(worker, signal.SIGKILL)
    code, said = leader.end(120.0)
    assert code == 0, said
    found = Trajectory(run)
    assert (found.trials["attempt"] == 1).sum() <= 1
    assert not (found.trials["status"] == Status.CRASHED).any()
    same_results(found, alone(tmp_path / "serial", retries=1))


def same_results(one: Trajectory, other: Trajectory) -> None:
    """See that the trials came to the same, whichever attempt it was."""
    for column in ("individual", "number", "seed", "status", "fitness/fitness"):
        assert np.array_equal(one.trials[column], other.trials[column], equal_nan=column.startswith("fitness"))


def test_jobs_from_a_login_node_bring_workers(tmp_path: Path, slurm: Cluster) -> None:
    launcher = {"name": "slurm", "workers": 3, "per_job": 2, "options": ["--time=5"]}
    run = tmp_path / "slurm/run"
    (run / ".l2l-left").mkdir(parents=True)  # by a leader that was killed
    leader = Leader("run", experiment(tmp_path / "slurm", 0.05, launcher=launcher))
    leader.until(lambda: len(finished(run)) >= 10)
    calls = [*run.glob(".l2l-*/call")]
    assert len(calls) == 1 and stat.S_IMODE(calls[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(calls[0].parent.stat().st_mode) == 0o700
    secret = json.loads(calls[0].read_text())["secret"]
    assert not [pid for pid in leader.left() if secret.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
    slurm.ask("scancel", slurm.queue()[0])
    code, said = leader.end(120.0)
    assert code == 0, said
    assert not [*run.glob(".l2l-*")] and secret not in "".join(log.read_text() for log in run.glob("logs/*"))
    same(Trajectory(run), alone(tmp_path / "serial"))
    slurm.until(lambda: not slurm.queue())


def test_ranks_simulate_a_trial_together(
    tmp_path: Path, slurm: Cluster, mpich: Mpich, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in mpich[1].items():
        monkeypatch.setenv(name, value)
    code, said = allocated(GROUPS, tmp_path / "run", "slurm", program=(sys.executable,)).end(120.0)
    assert code == 0, said
    check_groups(tmp_path / "run")


def test_ranks_that_crash_or_hang_cost_their_trial_alone_also_on_nodes_that_drain(
    tmp_path: Path, slurm: Cluster, mpich: Mpich, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in mpich[1].items():
        monkeypatch.setenv(name, value)
    leader = allocated(GROUPS, tmp_path / "run", "slurm", "bad", program=(sys.executable,))
    leader.until((tmp_path / "run/logs/step-1.log").exists)
    slurm.ask("scontrol", "update", "nodename=n1,n2", "state=drain", "reason=test")
    code, said = leader.end(200.0)
    assert code == 0, said
    run = Trajectory(tmp_path / "run")
    assert len(run.trials) == 12
    expected = [Status.CRASHED if one == 3 else Status.TIMEOUT if one == 7 else Status.OK for one in range(12)]
    assert [Status(one) for one in run.trials["status"]] == expected
    assert "longer than its limit of 3 s" in str(run.failures["message"][1])


def test_what_cannot_work_is_said(tmp_path: Path, slurm: Cluster) -> None:
    file = experiment(tmp_path / "slurm")
    code, said = allocated("run", file, "--set", "resources.ranks=5").end(60.0)
    assert code == 2 and "the allocation has no room for one; its nodes: n1 2 core(s), n2 2 core(s)" in said
    code, said = allocated("run", file, "--set", "resources.threads=3").end(60.0)
    assert code == 2 and "1 rank(s) of 3 thread(s)" in said
    refused = {"name": "slurm", "options": ["--partition=nowhere"]}
    code, said = Leader("run", experiment(tmp_path / "login", launcher=refused)).end(60.0)
    assert code == 1 and "invalid partition specified: nowhere" in said
    (tmp_path / "slurm/run").mkdir()
    claim_folder(tmp_path / "slurm/run")
    for number in range(64):
        (tmp_path / f"slurm/run/logs/worker-{number}.log").mkdir(parents=True)
    code, said = Leader("run", file, program=("salloc", "--quiet", "--ntasks=1", PROGRAM)).end(60.0)
    assert code == 1 and "ended 3 times before a worker was ready" in said and "IsADirectoryError" in said
    with pytest.raises(OptionError, match=r"resources\.memory"):
        SlurmLauncher().check(Resources(ranks=2, memory="1 GB"))  # type: ignore[arg-type]


def test_jobs_are_as_they_were_where_the_queue_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"RUNNING": 'echo "7 RUNNING"', "no answer": "echo 'cannot contact controller' >&2; exit 1", "": "true"}
    call, log, wanted = tmp_path / "call", tmp_path / "log", Resources()
    job = Job("0", 1, log, tasks=1, resources=wanted, options=[], step=[], call=call, label="l2l-test")
    job.number = "7"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for state, answer in answers.items():
        (tmp_path / "squeue").write_text(f"#!/bin/sh\n{answer}\n")
        (tmp_path / "squeue").chmod(0o755)
        assert look_after([job], "l2l-test") is (state != "no answer")
        assert job.state == ("RUNNING" if state == "no answer" else state)


HABITS = {"SQUEUE_FORMAT": "%j", "SQUEUE_STATES": "SUSPENDED", "SINFO_FORMAT": "%t", "SCANCEL_STATE": "SUSPENDED"}
"""What a user may have set for work at the terminal."""
MODEL = """
import os
import l2l

@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)), objectives=l2l.Minimize("gpus"))
def model(individual):
    if os.environ.get("FOR_MODELS") != "there":
        raise RuntimeError(f"FOR_MODELS is not there; PATH is {os.environ.get('PATH')}")
    return float(len(os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")))
"""
"""Wants a variable of its leader's environment, and counts its GPUs."""
BARE = "#!/bin/sh\nexport FOR_MODELS=there\nexec {command}\n"


def modelled(folder: Path, **arguments: object) -> Path:
    """An experiment over it."""
    folder.mkdir(exist_ok=True)
    (folder / "model.py").write_text(MODEL)
    file = folder / "experiment.yaml"
    standard = {
        "optimizee": {"name": f"{folder}/model.py:model"},
        "optimizer": {"name": "random", "samples": 8},
        "directory": str(folder / "run"),
    }
    file.write_text(json.dumps({**standard, **arguments}))
    return file


def submitted(folder: Path, *options: str, command: str) -> tuple[int, str]:
    """Exit code and output of a job that sets up its own environment; waits for its end."""
    script = folder / "job.sh"
    script.write_text(BARE.format(command=command))
    job = Leader("--wait", f"--output={folder}/out", "--nodes=1", "--ntasks=1", *options, script, program=("sbatch",))
    code, said = job.end(120.0)
    return code, said + (folder / "out").read_text()


def test_workers_are_as_many_as_there_are_gpus_and_see_what_their_leader_sees(
    tmp_path: Path, slurm: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**HABITS, "SBATCH_EXPORT": "NONE"}.items():
        monkeypatch.setenv(name, value)
    file = modelled(tmp_path, resources={"gpus": 1})
    options = ("--export=NONE", "--cpus-per-task=2", "--gres=gpu:1", "--hint=nomultithread")
    code, said = submitted(tmp_path, *options, command=f"{PROGRAM} run {file} --launcher slurm")
    assert code == 0, said
    run = Trajectory(tmp_path / "run")
    assert {*run.trials["status"]} == {Status.OK}
    assert {*run.trials["fitness/gpus"]} == {1.0}
    assert len([*(tmp_path / "run/logs").glob("worker-*.log")]) == 1  # two cores, one GPU


def test_the_jobs_of_a_folder_with_any_name_find_their_log_and_their_way(
    tmp_path: Path, slurm: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**HABITS, "SBATCH_EXPORT": "NONE", "SBATCH_WAIT": "1", "FOR_MODELS": "there"}.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "50%noise %j, back\\slash [1]"
    file = modelled(folder, launcher={"name": "slurm", "patience": 60})
    code, said = Leader("run", file).end(120.0)
    assert code == 0, said
    assert {*Trajectory(folder / "run").trials["status"]} == {Status.OK}
    assert (folder / "run/logs/job-0.log").exists()


def test_each_task_of_an_array_knows_its_own_end(tmp_path: Path, slurm: Cluster) -> None:
    said = f"{sys.executable} -c 'from l2l.allocation import job_end; print(job_end() is not None)'"
    script = tmp_path / "job.sh"
    script.write_text(f"#!/bin/sh\nunset SLURM_JOB_END_TIME\n{said}\nsleep 3\n")
    options = ("--wait", "--array=1-3", "--time=2", "--ntasks=1", f"--output={tmp_path}/out-%a")
    code, text = Leader(*options, script, program=("sbatch",)).end(120.0)
    assert code == 0, text
    assert [(tmp_path / f"out-{task}").read_text() for task in (1, 2, 3)] == ["True\n"] * 3


def test_a_node_has_room_for_as_many_as_have_all_that_they_want() -> None:
    node = Share(cores=8, gpus=3, memory=10 * 2**30)
    assert node.places(Resources()) == 8
    assert node.places(Resources(threads=3)) == 2
    assert node.places(Resources(gpus=1)) == 3
    assert node.places(Resources(gpus=4)) == 0
    assert node.places(Resources(memory="4 GiB")) == 2
    assert node.places(Resources(memory="40 GiB")) == 1
    assert Share(cores=8).places(Resources(gpus=1, memory="4 GiB")) == 8  # where Slurm does not say


def test_short_forms_of_cores_are_read() -> None:
    assert cores_of("72(x2),36") == [72, 72, 36]
    assert cores_of("4") == [4]
    assert cores_of("") == []


def test_a_program_is_started_on_the_ranks_of_a_trial(
    tmp_path: Path, slurm: Cluster, mpich: Mpich, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in mpich[1].items():
        monkeypatch.setenv(name, value)
    file = program_on_ranks(tmp_path)
    code, said = allocated("run", file, "--launcher", "slurm", "--set", "launcher.mpi=pmi2").end(120.0)
    assert code == 0, said
    check_program_on_ranks(tmp_path)
