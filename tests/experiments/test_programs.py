"""The experiments on a program in C and on a model in NetLogo, as they ship."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import l2l
from l2l.cli import main

TRUTH = {"a": 0.7, "b": 0.8, "tau": 12.5, "current": 0.5}


@pytest.fixture(autouse=True)
def _copy(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "experiments", tmp_path / "experiments", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize(("page", "name"), [("command.md", "c-program.yaml"), ("netlogo.md", "ants.yaml")])
def test_the_manual_shows_what_ships(repository: Path, page: str, name: str) -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```", (repository / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    assert yaml.safe_load(Path("experiments", name).read_text()) in [yaml.safe_load(one) for one in shown]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_parameters_of_the_neuron_in_c_are_recovered() -> None:
    fixed = "parameters={tau: 12.5, current: 0.5}"  # two of the four: a quarter of the time
    assert main(["run", "experiments/c-program.yaml", "--set", fixed, "--set", "optimizer.population=8"]) == 0
    trajectory = l2l.Trajectory("runs/c-program")
    assert trajectory.reason == "target 0.053 reached"
    for name in ("a", "b"):
        assert trajectory.best[name] == pytest.approx(TRUTH[name], rel=0.02)


def test_the_recording_is_what_the_script_makes() -> None:
    shipped = np.loadtxt("experiments/c-program/recording.txt")
    subprocess.run([sys.executable, "experiments/c-program/record.py"], check=True)
    assert np.allclose(np.loadtxt("recording.txt"), shipped, atol=2e-4)


if os.environ.get("NETLOGO_HOME"):

    @pytest.mark.slow
    @pytest.mark.timeout(300)
    def test_ants_bring_more_food_than_with_the_parameters_of_the_model() -> None:
        changes = ["--set", "stop={generations: 4}", "--set", "validate=null", "--set", "trials=3"]
        assert main(["run", "experiments/ants.yaml", *changes]) == 0
        trajectory = l2l.Trajectory("runs/ants")
        assert not len(trajectory.failures["status"])
        assert trajectory.individuals["parameters/diffusion-rate"][0] == 50.0
        assert trajectory.best.fitness > 1.2 * trajectory.individuals["fitness/food-per-tick"][0]
