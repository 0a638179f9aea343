"""The same trajectory wherever trials run, and each trial the same again."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l import Experiment, Status, Trajectory
from l2l.cli import main
from tests.faults.harness import same
from tests.faults.models import Noted, Unlucky

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "cma-es": {"population": 16},
    "genetic-algorithm": {"population": 16},
    "random": {"population": 16},
    "grid": {"points": 3, "population": 30},
}
LAUNCHERS = {
    "serial": "serial",
    **{f"local-{workers}": {"name": "local", "workers": workers} for workers in (1, 2, 4)},
}


def run(folder: Path, optimizer: str, launcher: Any, optimizee: Any = None, **changes: Any) -> Trajectory:
    made = Experiment(
        optimizee or Noted(notes=os.devnull),
        {"name": optimizer, **OPTIMIZERS[optimizer]},
        directory=folder,
        launcher=launcher,
        **{"trials": 2, "seed": 11, "stop": {"generations": 5}, **changes},
    )
    return made.run()


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_launcher_gives_the_same_trajectory(tmp_path: Path, optimizer: str) -> None:
    runs = {name: run(tmp_path / name, optimizer, launcher) for name, launcher in LAUNCHERS.items()}
    one = runs.pop("serial")
    check_variety(one)
    for other in runs.values():
        same(one, other)
    check_reruns(one)


def check_variety(found: Trajectory) -> None:
    """See that there is something to be different in."""
    trials, individuals = found.trials, found.individuals
    assert {Status.OK, Status.FAILED, Status.INVALID} <= set(trials["status"].tolist())
    assert len(np.unique(trials["seed"])) == len(trials)
    assert not individuals["active/depth"].all() and individuals["active/depth"].any()
    assert len(np.unique(trials["observables/spikes"].lengths)) > 2


def check_reruns(found: Trajectory) -> None:
    """See that some trials give the same again, failed ones among them."""
    failed = np.flatnonzero(found.trials["status"] != Status.OK)[:4]
    well = np.random.default_rng(1).choice(np.flatnonzero(found.trials["status"] == Status.OK), 4, replace=False)
    for row in [*failed, *well]:
        individual, number = (int(found.trials[name][row]) for name in ("individual", "number"))
        assert main(["rerun", str(found.path), "--individual", str(individual), "--trial", str(number)]) == 0


@pytest.mark.slow
def test_retries_are_the_same_with_any_number_of_workers(tmp_path: Path) -> None:
    model = Unlucky(notes=os.devnull)
    runs = [run(tmp_path / name, "cma-es", LAUNCHERS[name], model, retries=1) for name in ("local-1", "local-4")]
    crashed = runs[0].trials["status"] == Status.CRASHED
    again = runs[0].trials["attempt"] == 1
    assert crashed.any() and (again & ~crashed).any()
    attempts = runs[0].failures["attempt"][runs[0].failures["status"] == Status.CRASHED]
    assert sorted(set(attempts.tolist())) == [0, 1]
    same(runs[0], runs[1])
