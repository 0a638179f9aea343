"""Runs that pictures are drawn of, each made once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import l2l
from tests.l2l.plot import models

RUNS: dict[str, dict[str, Any]] = {
    "mixed": {
        "optimizee": models.mixed,
        "optimizer": {"name": "nsga2", "population": 16},
        "trials": 2,
        "stop": {"generations": 4},
        "validate": {"best": 2, "trials": 3},
    },
    "three": {"optimizee": models.three, "optimizer": {"name": "random", "samples": 40}},
    "four": {"optimizee": models.four, "optimizer": {"name": "random", "samples": 30}},
    "weights": {"optimizee": models.weights, "optimizer": {"name": "random", "samples": 40, "population": 20}},
    "failing": {"optimizee": models.failing, "optimizer": {"name": "random", "samples": 20, "population": 10}},
    "one": {
        "optimizee": models.one,
        "optimizer": {"name": "cma-es", "population": 6},
        "stop": {"generations": 5, "target": 1e-9},
    },
    "categories": {
        "optimizee": models.categories,
        "optimizer": {"name": "genetic-algorithm", "population": 8},
        "stop": {"generations": 3},
    },
    "grid": {"optimizee": models.surface, "optimizer": {"name": "grid", "points": 5}},
    "onegen": {"optimizee": models.surface, "optimizer": {"name": "random", "samples": 60, "population": 60}},
    "steady": {
        "optimizee": models.surface,
        "optimizer": {"name": "differential-evolution", "population": 8, "steady_state": True},
        "stop": {"individuals": 40},
    },
    "odd": {"optimizee": models.odd_names, "optimizer": {"name": "random", "samples": 20}},
    "fitted": {
        "optimizee": models.surface,
        "optimizer": {"name": "ensemble-kalman", "target": [1.0, 2.0, 3.5], "noise": 0.5, "population": 8},
        "stop": {"generations": 2},
    },
}

Runs = Callable[[str], l2l.Trajectory]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A run by its name, read anew each time."""
    folder = tmp_path_factory.mktemp("drawn")

    def read(name: str) -> l2l.Trajectory:
        path: Path = folder / name
        if not path.exists():
            l2l.Experiment(**RUNS[name], seed=1, launcher="serial", directory=path).run()
        return l2l.Trajectory(path)

    return read
