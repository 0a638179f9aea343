"""Plans of runs that are not run."""

from pathlib import Path
from typing import Any

import numpy as np

from l2l import Minimize, ParameterSpace, Real, Resources, Stop
from l2l.experiment.plan import Plan
from l2l.memo import Book
from l2l.values import Observable

SPACE = ParameterSpace(x=Real(0.0, 1.0))


def plan(**changes: Any) -> Plan:
    """A plan with one minimized objective and two trials, unless something else is said."""
    arguments: dict[str, Any] = {
        "folder": Path("run"),
        "space": SPACE,
        "objectives": (Minimize("error"),),
        "observables": {},
        "stochastic": True,
        "fingerprint": "",
        "trials": 2,
        "seed": 0,
        "seeding": "individual",
        "aggregate": "mean",
        "weights": None,
        "stop": Stop(),
        "resources": Resources(),
        "on_failure": "continue",
        "retries": 0,
        "max_failures": 1.0,
        "keep": "failures",
        "validate": None,
        "population": 4,
        "steady_state": False,
    }
    return Plan(**(arguments | changes))


def book(status: Any, fitness: Any, **observables: Any) -> Book:
    """A book with these final results, (n, T) statuses and (n, T, m) fitness; a status of -1 is not final."""
    status, fitness = np.array(status, dtype=np.int8), np.array(fitness, dtype=float)
    made = Book(
        status.shape[1], fitness.shape[2], {name: Observable(np.shape(one)[2:]) for name, one in observables.items()}
    )
    index, number = np.nonzero(status != -1)
    columns = {name: np.array(one)[index, number] for name, one in observables.items()}
    made.write(index, number, status[index, number], fitness[index, number], columns)
    return made
