"""The launcher jube on the real JUBE, and on a real Slurm: the contract, whole runs, killed parts, what people read."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from l2l import Experiment, Status, Trajectory
from l2l.errors import LauncherError, MissingPart, NotFoundError, OptionError, UserError
from l2l.individual import Individual
from l2l.launcher import Launcher
from l2l.launchers.jube.earlier import EarlierBenchmarks
from l2l.launchers.jube.json_form import evaluation_to_plain
from l2l.launchers.jube.launcher import JubeLauncher
from l2l.launchers.jube.work_package import PackageSpec
from l2l.testing.launchers import LauncherContract, collected, trials_of
from l2l.testing.misbehaving import Misbehaving
from l2l.values import Evaluation, Resources, Trial
from tests.faults.harness import Leader, TrialId, archived, l2l, same, starts, write_experiment
from tests.faults.models import Noted, Unlucky
from tests.slurm import Cluster

LOCAL = {"name": "jube", "workers": 2}
SLURM = {"name": "jube", "platform": "slurm", "workers": 2, "options": ["--mem=500M", "--time=5"]}
BEGUN, EVALUATION = "begun", "evaluation"


@pytest.fixture
def jube() -> str:
    """The path of JUBE's program."""
    program = shutil.which("jube")
    if program is None:
        pytest.skip("JUBE is not here (Debian's package jube)")
    return program


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
class TestJube(LauncherContract):
    patience = 50.0

    def launcher(self) -> Launcher:
        return JubeLauncher(workers=2)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.usefixtures("jube", "slurm")
class TestJubeOnSlurm(LauncherContract):
    patience = 100.0

    def launcher(self) -> Launcher:
        return JubeLauncher(platform="slurm", workers=2, options=["--mem=900M"])


def run(folder: Path, launcher: Any, optimizee: Any = None, **changes: Any) -> Trajectory:
    standard = {"trials": 2, "seed": 11, "stop": {"generations": 3}, "validate": {"trials": 3}}
    optimizer = {"name": "cma-es", "population": 12}
    made = Experiment(
        optimizee or Noted(notes=os.devnull), optimizer, directory=folder, launcher=launcher, **(standard | changes)
    )
    return made.run()


def experiment(folder: Path, launcher: Any, seconds: float) -> Path:
    """Written with notes of each start in `folder/notes`."""
    folder.mkdir()
    arguments = {
        "optimizer": {"name": "cma-es", "population": 12},
        "launcher": launcher,
        "trials": 2,
        "seed": 5,
        "stop": {"generations": 2},
        "directory": str(folder / "run"),
    }
    options = {"notes": str(folder / "notes"), "seconds": seconds}
    return write_experiment(folder / "experiment.yaml", "Noted", options, **arguments)


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    """What the packages of a run's generations have noted, of one kind."""
    found = []
    for file in sorted((folder / "run/jube").glob("0*/packages/*.results.jsonl")):
        said = [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
        found += [one[kind] for one in said if kind in one]
    return found


def evaluated(folder: Path) -> set[TrialId]:
    return {(one["index"], one["number"]) for one in lines(folder, EVALUATION)}


def check_equal(folder: Path, alone: Path) -> None:
    """See that a run that was disturbed has the trials of one that was not."""
    assert archived(Trajectory(folder / "run")) == archived(Trajectory(alone / "run"))


# --- whole runs ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_a_run_equals_one_in_a_single_process_in_a_folder_with_spaces(tmp_path: Path) -> None:
    stop = {"generations": 2}
    alone = run(tmp_path / "serial", "serial", stop=stop)
    same(alone, run(tmp_path / "with spaces & more", LOCAL, stop=stop))
    same(alone, run(tmp_path / "small", LOCAL | {"batch": 5}, stop=stop))


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_failed_attempts_are_retried_by_the_policy(tmp_path: Path) -> None:
    model = Unlucky(notes=os.devnull)
    one, other = (run(tmp_path / name, name, model, retries=1, seed=3) for name in ("local", "jube"))
    assert (one.trials["status"] == Status.CRASHED).any() and (one.trials["attempt"] == 1).any()
    same(one, other)


@pytest.mark.slow
def test_benchmarks_are_for_jube_to_read_and_continue(tmp_path: Path, jube: str) -> None:
    found = run(tmp_path, LOCAL | {"batch": 1}, trials=1, stop={"generations": 2}, validate=None)
    numbers, best = found.individuals["generation"], found.individuals["fitness/fitness"]
    for command in ("continue", "analyse", "result", "info"):
        folder = tmp_path / "jube/00001"
        said = subprocess.run([jube, command, "runs", "--id", "0"], cwd=folder, capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        assert "Traceback" not in said.stdout + said.stderr
    assert "not finished" not in said.stdout
    for generation in range(2):
        table = (tmp_path / f"jube/{generation:05d}/runs/000000/result/fitness.dat").read_text().splitlines()
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[3:]]
        shown = [float(row[4]) for row in rows if row[3] == "1"]
        assert np.array_equal(shown, [one for one in best[numbers == generation] if not np.isnan(one)])


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_results_stay_only_as_long_as_a_run_may_need_them(tmp_path: Path) -> None:
    run(tmp_path, LOCAL, stop={"generations": 6}, validate=None)
    left = {file.parent.parent.name for file in tmp_path.glob("jube/0*/packages/*.results.jsonl")}
    assert {"00004", "00005"} <= left and "00000" not in left
    promised = re.search(r"stay (\d+) files and (\d+) a work package", JubeLauncher().about())
    assert promised
    files = [one for one in (tmp_path / "jube/00000").rglob("*") if one.is_file()]
    assert len(files) == int(promised[1]) + 2 * int(promised[2])
    assert len(list(tmp_path.glob("jube/0*/runs/000000/result/fitness.dat"))) == 6


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_steady_state_is_refused(tmp_path: Path) -> None:
    steady = {"name": "tpe", "population": 4, "steady_state": True}
    with pytest.raises(UserError, match="whole generations"):
        Experiment(Noted(notes=os.devnull), steady, directory=tmp_path, launcher=LOCAL, stop={"generations": 1}).run()


# --- killed parts ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_a_killed_package_costs_what_it_had_not_finished(tmp_path: Path) -> None:
    folder, alone = tmp_path / "killed", tmp_path / "alone"
    leader = Leader("run", experiment(folder, LOCAL, 0.1))
    leader.until(lambda: len(lines(folder, BEGUN)) == 2 and len(lines(folder, EVALUATION)) > 2)
    os.kill(lines(folder, BEGUN)[0]["pid"], signal.SIGKILL)
    finished = evaluated(folder)
    code, said = leader.end()
    assert code == 0, said
    l2l("run", experiment(alone, "serial", 0.0))
    check_equal(folder, alone)
    lost = Trajectory(folder / "run").failures
    assert (lost["status"] == Status.LOST).any()
    assert any("vanished" in message for message in lost["message"])
    counts = Counter(starts(folder / "notes"))
    assert max(counts.values()) == 2 and all(counts[one] == 1 for one in finished)


class FailsOnce(Misbehaving):
    """Its third set-up, by whichever process, finds no licence."""

    def __init__(self, *, folder: str) -> None:
        self.folder = Path(folder)

    def setup(self) -> None:
        (self.folder / f"setup-{os.getpid()}").touch()
        if len([*self.folder.glob("setup-*")]) == 3:
            raise RuntimeError("no licence is left")


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_a_package_that_cannot_set_up_the_model_costs_its_own_trials(tmp_path: Path) -> None:
    with JubeLauncher(workers=2, batch=1) as launcher:
        launcher.start(FailsOnce(folder=str(tmp_path)), Resources(), tmp_path / "run")
        launcher.describe()
        trials = {one.id: one for one in trials_of(["well"] * 2)}
        launcher.submit([*trials.values()])
        found = collected(launcher, 2)
        (lost,) = [one for one in found.values() if one.status == Status.LOST]
        assert lost.failure and "gave up: a worker cannot evaluate: RuntimeError: no licence" in lost.failure.message
        launcher.submit([trials[lost.id]])
        found |= collected(launcher, 1)
    assert {one.status for one in found.values()} == {Status.OK}


def test_packages_that_a_loss_of_power_left_unwritten_are_passed_over(tmp_path: Path) -> None:
    terms = PackageSpec.of(Misbehaving(), Resources(), tmp_path, 30.0, 1)
    for number, text in enumerate(["", '{"trials": []}']):
        packages = tmp_path / f"{number:05d}/packages"
        packages.mkdir(parents=True)
        terms.write(packages)
        (packages / "0.json").write_text(text)
        nothing = Evaluation(0, 0, status=Status.CRASHED, fitness=(0.0,))
        (packages / "0.results.jsonl").write_text(json.dumps({"evaluation": evaluation_to_plain(nothing)}) + "\n")
    past = EarlierBenchmarks(tmp_path, terms)
    past.version = ""
    (trial,) = trials_of(["well"])
    assert past.known([trial]) == ([], [trial]) and past.next_number() == 2


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_a_killed_jube_takes_no_package_along(tmp_path: Path) -> None:
    folder, alone = tmp_path / "killed", tmp_path / "alone"
    leader = Leader("run", experiment(folder, LOCAL, 0.1))
    leader.until(lambda: len(lines(folder, BEGUN)) == 2)
    begun = lines(folder, BEGUN)
    for process in psutil.Process(leader.process.pid).children():
        if process.name() == "jube":
            process.kill()
    code, said = leader.end()
    assert code == 0, said
    l2l("run", experiment(alone, "serial", 0.0))
    check_equal(folder, alone)
    assert len(begun) == 2 and max(Counter(starts(folder / "notes")).values()) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_a_killed_leader_leaves_nothing_and_its_results_are_taken_over(tmp_path: Path) -> None:
    folder, alone = tmp_path / "killed", tmp_path / "alone"
    leader = Leader("run", experiment(folder, LOCAL, 0.1))
    leader.until(lambda: len(lines(folder, EVALUATION)) > 6)
    leader.kill()
    finished = evaluated(folder)
    l2l("resume", folder / "run")
    l2l("run", experiment(alone, "serial", 0.0))
    same(Trajectory(folder / "run"), Trajectory(alone / "run"))
    counts = Counter(starts(folder / "notes"))
    assert len(finished) > 6 and max(counts.values()) == 2
    assert all(counts[one] == 1 for one in finished)


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_results_of_another_seed_are_not_taken_over(tmp_path: Path) -> None:
    def ran(trials: list[Trial]) -> list[float]:
        with JubeLauncher(workers=1) as launcher:
            launcher.start(Misbehaving(), Resources(), tmp_path)
            launcher.describe()
            launcher.submit(trials)
            return [one.started for one in collected(launcher, len(trials)).values()]

    (first,) = ran(trials_of(["well"]))
    assert ran(trials_of(["well"])) == [first]
    again = [Trial(Individual({"x": 0.0, "behaviour": "well"}), entropy=8)]
    assert ran(again)[0] > first


@pytest.mark.slow
@pytest.mark.usefixtures("jube")
def test_a_signal_to_all_of_its_processes_stops_a_run_that_goes_on_later(tmp_path: Path) -> None:
    folder, alone = tmp_path / "stopped", tmp_path / "alone"
    leader = Leader("run", experiment(folder, LOCAL, 0.1))
    leader.until(lambda: len(lines(folder, EVALUATION)) > 2)
    leader.signal_all(signal.SIGTERM)
    code, said = leader.end()
    assert code == 75, said
    l2l("resume", folder / "run")
    l2l("run", experiment(alone, "serial", 0.0))
    same(Trajectory(folder / "run"), Trajectory(alone / "run"))


# --- on Slurm --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.usefixtures("jube", "slurm")
def test_batch_jobs_give_what_a_single_process_gives(tmp_path: Path) -> None:
    template = tmp_path / "site.job"
    template.write_text("#!/bin/bash\n#SBATCH --ntasks=1\n#OPTIONS#\n#COMMAND# && touch ready || touch error\n")
    found = run(tmp_path / "slurm", SLURM | {"template": str(template)})
    same(run(tmp_path / "serial", "serial"), found)
    assert len(list(tmp_path.glob("slurm/jube/0*/runs/000000/result/fitness.dat"))) == 4
    assert len(list(tmp_path.glob("slurm/jube/00000/runs/000000/*/done"))) == 2


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.usefixtures("jube")
def test_a_cancelled_job_and_a_killed_leader_lose_nothing(tmp_path: Path, slurm: Cluster) -> None:
    folder, alone = tmp_path / "killed", tmp_path / "alone"
    leader = Leader("run", experiment(folder, SLURM, 0.3))
    leader.until(lambda: len(lines(folder, BEGUN)) == 2 and len(lines(folder, EVALUATION)) > 1)
    slurm.ask("scancel", slurm.queue()[0])
    finished = evaluated(folder)
    leader.until((folder / "run/jube/00001").exists)
    leader.kill()
    finished |= evaluated(folder)
    code, said = Leader("resume", folder / "run").end(120.0)
    assert code == 0, said
    assert slurm.queue() == []
    l2l("run", experiment(alone, "serial", 0.0))
    check_equal(folder, alone)
    counts = Counter(starts(folder / "notes"))
    assert all(counts[one] == 1 for one in finished)


@pytest.mark.slow
@pytest.mark.usefixtures("jube", "slurm")
def test_what_slurm_says_of_a_job_that_it_refuses_is_told(tmp_path: Path) -> None:
    with JubeLauncher(platform="slurm", options=["--partition=nowhere"]) as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        with pytest.raises(LauncherError, match="invalid partition"):
            launcher.describe()


# --- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"platform": "pbs"}, "platform"),
        ({"workers": 0}, "workers"),
        ({"batch": 0}, "batch"),
        ({"patience": 0}, "patience"),
        ({"options": ["--mem=1G"]}, "'options' is for batch jobs"),
        ({"template": Path("site.job")}, "'template' is for batch jobs"),
        ({"platform": "slurm", "options": ["mem"]}, "--time=01:00:00"),
        ({"worker": 2}, "worker"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        JubeLauncher(**options)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("#!/bin/sh\n#COMMAND# #QUEUE#\n", OptionError, "got #QUEUE#"),
        ("#!/bin/sh\n#COMMAND#\n", OptionError, "touch ready"),
        ("#!/bin/sh\n", OptionError, "where the worker is to run"),
        (None, NotFoundError, "site.job"),
    ],
)
@pytest.mark.usefixtures("jube")
def test_a_template_that_cannot_be_filled_is_refused(
    tmp_path: Path, text: str | None, error: type[Exception], said: str
) -> None:
    if text is not None:
        (tmp_path / "site.job").write_text(text)
    launcher = JubeLauncher(platform="slurm", template=tmp_path / "site.job")
    with pytest.raises(error, match=said):
        launcher.start(Misbehaving(), Resources(), tmp_path)
    with pytest.raises(error, match=said):
        launcher.about()


@pytest.mark.usefixtures("jube")
def test_gpus_are_refused_where_none_are_shared_out(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"resources\.gpus"):
        JubeLauncher().start(Misbehaving(), Resources(gpus=1), tmp_path)


@pytest.mark.usefixtures("jube")
def test_a_folder_that_jube_cannot_work_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match="JUBE works in no folder"):
        JubeLauncher().start(Misbehaving(), Resources(), tmp_path / "$HOME")


def test_a_missing_jube_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPart, match="apt install jube"):
        JubeLauncher().start(Misbehaving(), Resources(), tmp_path)


def test_an_old_jube_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jube").write_text("#!/bin/sh\necho JUBE, version 2.4.2\n")
    (tmp_path / "jube").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(LauncherError, match=r"2\.5 or later.*2\.4\.2"):
        JubeLauncher().start(Misbehaving(), Resources(), tmp_path)


def test_use_before_start_says_so() -> None:
    launcher = JubeLauncher()
    for use in (launcher.describe, launcher.collect, lambda: launcher.submit([])):
        with pytest.raises(LauncherError, match="start"):
            use()
