import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from l2l.individual import Individual
from l2l.launchers.jube.json_form import evaluation_from_plain
from l2l.launchers.jube.work_package import PROGRAM, PackageSpec, results_of, write_package
from l2l.optimizee import Optimizee
from l2l.space import ParameterSpace, Real
from l2l.testing.launchers import assert_same, is_gone, trials_of
from l2l.testing.misbehaving import BrokenSetup, Misbehaving
from l2l.values import Resources, Trial
from l2l.worker.evaluate import evaluate


class Devices(Optimizee):
    """Its fitness is the GPUs that it sees, as one number."""

    space = ParameterSpace(x=Real(0.0, 1.0))

    def simulate(self, individual: Individual, trial: Trial) -> float:
        return float(os.environ["CUDA_VISIBLE_DEVICES"].replace(",", ""))


class Interrupted(Optimizee):
    """Fails in the very moment in which a batch system ends the job."""

    space = ParameterSpace(x=Real(0.0, 1.0))

    def simulate(self, individual: Individual, trial: Trial) -> float:
        threading.Timer(0.02, os.kill, [os.getppid(), signal.SIGTERM]).start()
        raise RuntimeError("the program that I started was killed by SIGTERM")


def written(
    folder: Path,
    *behaviours: str,
    optimizee: Optimizee | None = None,
    resources: Resources = Resources(),
    workers: int | None = 1,
) -> Path:
    """A package of trials."""
    PackageSpec.of(optimizee or Misbehaving(), resources, folder / "logs", 30.0, workers).write(folder)
    write_package(folder / "0.json", trials_of(behaviours))
    return folder / "0.json"


def started(file: Path, *arguments: Path, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", PROGRAM, file, *arguments]
    return subprocess.Popen(command, cwd=file.parent, env={**os.environ, **environment})


def said(file: Path, kind: str) -> list[Any]:
    if not results_of(file).exists():
        return []
    lines = results_of(file).read_text().splitlines(keepends=True)
    entries = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]
    return [one[kind] for one in entries if kind in one]


def test_results_and_table_say_what_came_of_each_trial(tmp_path: Path) -> None:
    behaviours = ["well", "raises", "nan", "well", "segfault"]
    file = written(tmp_path, *behaviours)
    assert started(file, tmp_path / "table").wait(50) == 0
    found = {one.index: one for one in map(evaluation_from_plain, said(file, "evaluation"))}
    for trial in trials_of(behaviours)[:4]:
        assert_same(found[trial.index], evaluate(Misbehaving(), trial))
    rows = [line.split() for line in (tmp_path / "table").read_text().splitlines()[1:]]
    assert {int(row[0]): row[3] for row in rows} == {index: one.status.name for index, one in found.items()}
    assert [float(text) for row in rows if row[0] == "0" for text in row[4:]] == list(found[0].fitness)
    (ready,) = said(file, "ready")
    assert ready["version"] == "misbehaving 1"
    assert said(file, "done") == [True]


def test_what_is_in_the_results_does_not_run_again_even_behind_a_line_that_was_cut_off(tmp_path: Path) -> None:
    file = written(tmp_path, "well", "well")
    assert started(file).wait(50) == 0
    first = said(file, "evaluation")[0]
    results_of(file).write_text(json.dumps({"evaluation": first}) + '\n{"evaluation": {"ind')
    assert started(file, tmp_path / "table").wait(50) == 0
    once, other = said(file, "evaluation")
    assert once == first and other["index"] != first["index"]
    assert len((tmp_path / "table").read_text().splitlines()) == 3


def test_a_model_that_cannot_be_set_up_is_refused_with_what_it_said(tmp_path: Path) -> None:
    for how, kind in (("raise", "launcher"), ("missing", "user")):
        folder = tmp_path / how
        folder.mkdir()
        file = written(folder, "well", optimizee=BrokenSetup(how=how))
        assert started(file).wait(50) == 1
        (refused,) = said(file, "refused")
        assert refused["kind"] == kind and "simulator" in refused["message"]
        assert said(file, "done") == []


def test_trials_at_once_share_the_gpus_of_their_job(tmp_path: Path) -> None:
    file = written(tmp_path, *["well"] * 8, optimizee=Devices(), resources=Resources(gpus=2), workers=None)
    assert started(file, SLURM_CPUS_PER_TASK="4", CUDA_VISIBLE_DEVICES="0,1,2,3,4").wait(50) == 0
    seen = {(one["process"], *one["fitness"]) for one in said(file, "evaluation")}
    assert {fitness for _, fitness in seen} <= {1.0, 23.0} and len(seen) <= 2
    results_of(file).unlink()
    assert started(file, SLURM_CPUS_PER_TASK="4", CUDA_VISIBLE_DEVICES="0").wait(50) == 1
    (refused,) = said(file, "refused")
    assert (
        refused["kind"] == "user"
        and "with 2 GPU(s) each need 2 in CUDA_VISIBLE_DEVICES of the batch job" in refused["message"]
    )


def test_what_fails_because_the_job_is_ended_is_no_result(tmp_path: Path) -> None:
    file = written(tmp_path, "well", optimizee=Interrupted())
    assert started(file).wait(50) == 143
    assert said(file, "evaluation") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_its_end_leaves_no_process_and_no_result_of_what_ran(tmp_path: Path, number: int) -> None:
    file = written(tmp_path, "well", "hangs")
    process = started(file)
    while not said(file, "evaluation") and process.poll() is None:
        os.sched_yield()
    (done,) = said(file, "evaluation")
    process.send_signal(number)
    assert process.wait(20) == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert is_gone(done["process"])
    assert len(said(file, "evaluation")) == 1 and said(file, "done") == []
