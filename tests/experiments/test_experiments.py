"""Every experiment that ships with the source tree can be read, and the quick ones run to their end."""

import shutil
from pathlib import Path

import pytest

import l2l
from l2l.cli import main
from l2l.config import load

FILES = sorted(
    one.name for one in (Path(__file__).parents[2] / "experiments").iterdir() if one.suffix in (".py", ".yaml")
)
QUICK = ["01-sphere.yaml", "02-bowl.py", "03-grid.yaml", "04-command.yaml"]
SCAN = "05-scan.py"
NETWORKS = ["brunel.yaml", "brunel.py", "brunel-phases.yaml"]
SHORTENED = {
    "arbor-cell.yaml": ["optimizer.population=4"],
    "arbor-cell-front.yaml": ["optimizer.population=4"],
    "neuron-cell.yaml": ["optimizer.population=4"],
    "learning-sinusoids.yaml": ["optimizee.train_tasks=10", "optimizee.test_tasks=20", "optimizer.population=4"],
    "cartpole.yaml": ["optimizee.episodes=1", "optimizer.population=4", "validate.trials=2"],
    "mountain-car.yaml": ["optimizee.episodes=1", "optimizer.population=4", "validate.trials=2"],
    "mountain-car-spiking.yaml": ["optimizee.episodes=1", "optimizer.population=2", "validate.trials=2"],
    "whole-brain.yaml": ["optimizee.duration=100.0", "optimizee.reference_runs=1", "optimizer.population=4"],
    "nest-plasticity.yaml": ["optimizee.presentations=9", "optimizee.test_tasks=2", "optimizer.population=4"],
    "digits.yaml": [
        "optimizee={name: nest-reservoir, n_reservoir: 30, n_training: 40, n_test: 10, batch: 10}",
        "optimizer.population=4",
        "optimizer.size=100",
    ],
    "structural-plasticity.yaml": ["optimizee.growth=1000", "optimizee.duration=1000", "optimizer.population=4"],
}
"""Experiments on simulators → what makes two generations of them quick enough for a test."""


@pytest.fixture(autouse=True)
def _copy(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "experiments", tmp_path / "experiments", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize("name", FILES)
def test_every_experiment_is_valid(name: str) -> None:
    optimizee = load(Path("experiments") / name).optimizee
    assert optimizee.objectives or optimizee.observables


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_experiment_runs_to_its_end(name: str) -> None:
    assert main(["run", f"experiments/{name}", "--launcher", "serial"]) == 0
    trajectory = l2l.Trajectory(Path("runs") / Path(name).stem)
    assert trajectory.finished
    assert not len(trajectory.failures["status"])
    expected = {"01-sphere": 1e-6, "02-bowl": 0.01, "03-grid": 1.0, "04-command": 0.012}[Path(name).stem]
    assert trajectory.best.fitness <= expected
    if name == "04-command.yaml":
        assert trajectory.best["frequency"] == pytest.approx(1.7, rel=0.02)
        assert trajectory.best["decay"] == pytest.approx(0.8, rel=0.1)


def test_a_scan_maps_regimes_and_is_drawn() -> None:
    pytest.importorskip("matplotlib")
    shorter = ["--set", "optimizer.samples=120", "--launcher", "serial"]
    assert main(["run", f"experiments/{SCAN}", *shorter]) == 0
    assert main(["plot", "runs/05-scan", "map", "--value", "regime"]) == 0
    trajectory = l2l.Trajectory(Path("runs/05-scan"))
    assert len(trajectory.individuals) == 120
    assert Path("runs/05-scan/map.png").exists()


@pytest.mark.parametrize("name", NETWORKS)
def test_an_experiment_with_nest_can_be_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("nest")
    assert main(["check", f"experiments/{name}"]) == 0
    assert "nest-balanced-network" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORTENED)
def test_an_experiment_on_a_simulator_runs_two_generations(name: str) -> None:
    changes = [word for change in [*SHORTENED[name], "stop={generations: 2}"] for word in ("--set", change)]
    assert main(["run", f"experiments/{name}", "--launcher", "serial", *changes]) == 0
    trajectory = l2l.Trajectory(Path("runs") / Path(name).stem)
    assert trajectory.finished
    assert not len(trajectory.failures["status"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_balanced_network_reaches_its_target() -> None:
    pytest.importorskip("nest")
    assert main(["run", "experiments/brunel.yaml", "--workers", "2"]) == 0
    trajectory = l2l.Trajectory("runs/brunel")
    assert trajectory.best.fitness <= 0.01
    assert main(["run", "experiments/brunel.py"]) == 0
    assert len(l2l.Trajectory("runs/brunel").trials["number"]) == len(trajectory.trials["number"])
