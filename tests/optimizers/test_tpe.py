import builtins
import logging
import math
import warnings
from typing import Any, ClassVar

import numpy as np
import optuna
import pytest

from l2l.errors import MissingPart, OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import TPE, RandomSearch
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

PLANE = ParameterSpace(x=Real(-5.0, 10.0), y=Real(0.0, 15.0))


class TestTPE(OptimizerContract):
    steady: ClassVar = {"steady_state": True, "startup": 4}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> TPE:
        return TPE(space, seed=seed, **{"population": 2, "startup": 4, **options})


def branin(one: Individual) -> float:
    x, y = one["x"], one["y"]
    curve = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


def best_of(optimizer: Any, evaluations: int) -> float:
    best = math.inf
    for _ in range(evaluations // optimizer.population):
        individuals = optimizer.ask()
        costs = [branin(one) for one in individuals]
        optimizer.tell(individuals, costs)
        best = min(best, *costs)
    return best


def test_it_is_better_than_random_search_at_equal_budget() -> None:
    seeds = range(5)
    random = np.median([best_of(RandomSearch(PLANE, seed=seed, population=5), 60) for seed in seeds])
    ours = np.median([best_of(TPE(PLANE, seed=seed, population=5), 60) for seed in seeds])
    assert ours - 0.3979 < 0.6 * (random - 0.3979)


def test_batches_have_no_duplicates() -> None:
    space = ParameterSpace(n=Integer(0, 9), model=Categorical("a", "b", "c"))
    optimizer = TPE(space, seed=1, population=6, startup=5)
    asked: list[Individual] = []
    for _ in range(4):
        individuals = list(optimizer.ask())
        optimizer.tell(individuals, [one["n"] + (one["model"] == "a") for one in individuals])
        asked += individuals
    assert len(set(asked)) == len(asked)
    assert {(0, "b"), (0, "c")} <= {(one["n"], one["model"]) for one in asked}


def test_it_is_finished_once_every_point_is_asked() -> None:
    optimizer = TPE(ParameterSpace(n=Integer(0, 3), model=Categorical("a", "b")), seed=1, population=3, startup=2)
    asked: list[Individual] = []
    while not optimizer.finished:
        individuals = optimizer.ask()
        optimizer.tell(individuals, [one["n"] for one in individuals])
        asked += individuals
    assert len(asked) == len(set(asked)) == 8
    assert optimizer.finished == "all 8 points of the space are asked"


def test_conditional_parameters_are_learnt_where_they_are_active() -> None:
    space = ParameterSpace(
        kind=Categorical("flat", "tuned"),
        gain=Real(1.0, 1000.0, log=True, when="kind == 'tuned'"),
        order=Integer(1, 9, when="gain > 20"),
    )

    def cost(one: Individual) -> float:
        if one["kind"] == "flat":
            return 3.0
        return abs(math.log(one["gain"] / 100.0)) + (
            abs(one["order"] - 7) * 0.1 if "order" not in one.inactive else 2.0
        )

    optimizer = TPE(space, seed=1)
    for _ in range(8):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [cost(one) for one in individuals])
    assert optimizer.report()["best_cost"] < 0.4


def test_failures_are_avoided_and_never_among_the_best() -> None:
    optimizer = TPE(ParameterSpace(x=Real(0.0, 1.0)), seed=1, startup=20)
    late = []
    for generation in range(6):
        individuals = optimizer.ask()
        costs = [math.inf if one["x"] < 0.7 else 1.0 - one["x"] for one in individuals]
        optimizer.tell(individuals, costs)
        late += costs if generation > 2 else []
    assert np.isinf(late).mean() < 0.3
    report = optimizer.report()
    assert report["told"] == 60
    assert report["failed"] > 0


def test_an_archive_whose_design_differs_is_an_error() -> None:
    optimizer = TPE(PLANE, seed=1, population=2)
    archive = [PLANE.individual({"x": x}) for x in (1.0, 2.0)]
    with pytest.raises(ReplayError, match="unit cube"):
        optimizer.reask(archive)
    optimizer.tell(archive, [1.0, 2.0])


def test_optuna_is_silent_and_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        filters = list(warnings.filters)
        best_of(TPE(PLANE, seed=1, population=5, startup=5), 20)
        assert logging.getLogger("optuna").level == logging.DEBUG
        assert list(warnings.filters) == filters
    finally:
        optuna.logging.set_verbosity(optuna.logging.INFO)
    assert capfd.readouterr() == ("", "")


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "optuna":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPart, match=r"pip install 'l2l\[optuna\]'"):
        TPE(PLANE, seed=1)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"population": 0}, "population"), ({"startup": 0}, "startup"), ({"candidates": 0}, "candidates")],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        TPE(PLANE, **options)


def test_too_many_coordinates_are_refused() -> None:
    with pytest.raises(OptionError, match="at most 300 coordinates, got 301"):
        TPE(ParameterSpace(x=Real(0.0, 1.0, shape=301)))
