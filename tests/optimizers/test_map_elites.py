import importlib.util
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from l2l.errors import MissingPart, OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import MapElites
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract
from l2l.values import Results

PLANE = ParameterSpace(x=Real(-1.0, 1.0, shape=4))
UNIT = ((0.0, 1.0), (0.0, 1.0))
pytestmark = pytest.mark.timeout(180)  # the first use of CMA-ME in a process compiles
EMITTERS = pytest.mark.parametrize("emitter", ["cma-me", "line", "gaussian"])


def results_of(costs: ArrayLike, **observables: ArrayLike) -> Results:
    """Results of one trial an individual."""
    single = np.array(costs, dtype=np.float64).reshape(len(np.atleast_1d(costs)), 1, -1)
    columns = {name: np.array(values, dtype=np.float64)[:, None] for name, values in observables.items()}
    return Results(single, columns, np.full(single.shape[::2], np.nan), np.ones(len(single), dtype=np.int64))


class Described(MapElites):
    """With observables that follow from the individual, where a caller has none."""

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        points = self.space.encode(individuals)
        described = results_of(np.zeros(len(points)), first=points[:, 0], mean=points.mean(axis=1))
        super().tell(individuals, costs, described)


class TestCMAME(OptimizerContract):
    emitter: Any = "cma-me"

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> MapElites:
        given: Mapping[str, Any] = {
            "observables": ("first", "mean"), "ranges": UNIT, "cells": 5, "population": 10, "emitters": 2,
            "emitter": self.emitter,
        }  # fmt: skip
        return Described(space, seed=seed, **{**given, **options})


class TestLines(TestCMAME):
    emitter = "line"


class TestGaussians(TestCMAME):
    emitter = "gaussian"


def made(emitter: Any = "cma-me", space: ParameterSpace = PLANE, **options: Any) -> MapElites:
    given: dict[str, Any] = {"observables": ("a", "b"), "ranges": ((-1.0, 1.0), (-1.0, 1.0)), "cells": 8}
    return MapElites(space, seed=1, emitter=emitter, **{**given, **options})


def plane(individuals: Sequence[Individual]) -> tuple[np.ndarray[Any, Any], Results]:
    """Behaviour is the first two coordinates; at best, where the others are 0, the cost is the first."""
    x = np.stack([one["x"] for one in individuals])
    costs = 2.0 + x[:, 0] + (x[:, 2:] ** 2).sum(axis=1)
    return costs, results_of(costs, a=x[:, 0], b=x[:, 1])


def illuminate(optimizer: MapElites, generations: int) -> None:
    for _ in range(generations):
        individuals = optimizer.ask()
        optimizer.tell(individuals, *plane(individuals))


@EMITTERS
def test_it_fills_every_cell_with_nearly_the_best_that_it_can_hold(emitter: Any) -> None:
    optimizer = made(emitter)
    illuminate(optimizer, 60)
    report = optimizer.report()
    assert report["coverage"] == 1.0
    lowest = 2.0 + np.linspace(-1.0, 1.0, 9)[:-1]  # the best cost in each column of cells
    costs = np.asarray(report["costs"])
    assert costs.shape == (8, 8)
    assert ((costs >= lowest[:, None]) & (costs < lowest[:, None] + 0.35)).all()
    assert report["best_cost"] == costs.min()


@EMITTERS
def test_it_fills_more_than_random_search_does(emitter: Any) -> None:
    """In 30 coordinates, of which means are the behaviour, random points all behave alike."""
    space = ParameterSpace(x=Real(-1.0, 1.0, shape=30))
    coverage, score = [], []
    for kind in (emitter, None):
        optimizer = made(emitter, space, cells=20, reference=1.0)
        rng = np.random.default_rng(1)
        for _ in range(40):
            individuals = list(optimizer.ask())
            x = np.stack([one["x"] for one in (individuals if kind else space.sample(100, rng))])
            told = results_of(np.zeros(100), a=x[:, :15].mean(axis=1), b=x[:, 15:].mean(axis=1))
            optimizer.tell(individuals, (x**2).mean(axis=1), told)
        coverage.append(optimizer.report()["coverage"])
        score.append(optimizer.report()["qd_score"])
    assert coverage[0] > 1.5 * coverage[1]
    assert score[0] > 1.5 * score[1]


def test_the_archive_holds_the_best_of_each_cell_exactly() -> None:
    optimizer = made("gaussian", population=50)
    best: dict[tuple[int, int], tuple[float, Individual]] = {}
    for _ in range(10):
        individuals = list(optimizer.ask())
        costs, results = plane(individuals)
        optimizer.tell(individuals, costs, results)
        for one, cost in zip(individuals, costs.tolist(), strict=True):
            cell = tuple(int(min(7, (value + 1.0) * 4.0)) for value in one["x"][:2].tolist())
            best[cell] = min(best.get(cell, (math.inf, one)), (cost, one), key=lambda pair: pair[0])
    assert {elite.cell: (elite.cost, elite.individual) for elite in optimizer.elites} == best
    costs_of_elites = [elite.cost for elite in optimizer.elites]
    assert costs_of_elites == sorted(costs_of_elites)


def test_the_score_sums_how_far_elites_lie_below_the_reference() -> None:
    optimizer = made(population=4, reference=10.0)
    told = results_of([1.0, 2.0, 30.0, 4.0], a=[-0.9, -0.9, 0.0, 0.9], b=[0.0] * 4)
    optimizer.tell(optimizer.ask(), [1.0, 2.0, 30.0, 4.0], told)
    assert optimizer.report()["qd_score"] == (10.0 - 1.0) + 0.0 + (10.0 - 4.0)
    assert optimizer.report()["coverage"] == 3 / 64


def test_behaviour_outside_the_ranges_counts_to_the_outermost_cells() -> None:
    optimizer = made(population=2)
    optimizer.tell(optimizer.ask(), [1.0, 2.0], results_of([1.0, 2.0], a=[-50.0, 50.0], b=[50.0, 0.1]))
    assert {elite.cell for elite in optimizer.elites} == {(0, 7), (7, 4)}


def test_observables_are_means_over_trials() -> None:
    optimizer = made(population=2)
    trials = {"a": np.array([[-1.0, 0.0], [0.9, np.nan]]), "b": np.array([[0.5, 0.7], [1, -1]])}
    costs = np.array([[[1.0], [3.0]], [[2.0], [np.nan]]])
    optimizer.tell(optimizer.ask(), [2.0, 2.0], Results(costs, trials, np.ones((2, 1)), np.array([2, 1])))
    assert sorted(elite.observables.tolist() for elite in optimizer.elites) == [[-0.5, 0.6], [0.9, 0.0]]


@EMITTERS
def test_the_failed_never_enter_the_archive(emitter: Any) -> None:
    optimizer = made(emitter, population=20)
    failed: set[Individual] = set()
    for generation in range(15):
        individuals = list(optimizer.ask())
        costs, results = plane(individuals)
        costs[generation % 3 :: 3] = math.inf
        results.observables["a"][(generation + 1) % 3 :: 3] = np.nan if generation % 2 else math.inf
        failed |= {one for one, place in zip(individuals, range(20), strict=True) if (place - generation) % 3 != 2}
        optimizer.tell(individuals, costs, results)
        assert not failed & {elite.individual for elite in optimizer.elites}
    assert optimizer.elites


def test_all_kinds_of_parameters_are_searched() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0), n=Integer(0, 9), model=Categorical(*"abcd"))
    optimizer = made("cma-me", space, ranges=((-0.5, 9.5), (-0.5, 3.5)), cells=(10, 4), population=40)
    for _ in range(60):
        individuals = optimizer.ask()
        costs = [one["x"] for one in individuals]
        told = results_of(costs, a=[one["n"] for one in individuals], b=["abcd".index(o["model"]) for o in individuals])
        optimizer.tell(individuals, costs, told)
    report = optimizer.report()
    assert report["coverage"] == 1.0
    assert np.asarray(report["costs"]).max() < 0.3
    for elite in optimizer.elites:
        assert elite.cell == (elite.individual["n"], "abcd".index(elite.individual["model"]))


def test_what_tell_needs_is_said() -> None:
    optimizer = made(population=2)
    individuals = optimizer.ask()
    with pytest.raises(OptionError, match="observables a, b, got none"):
        optimizer.tell(individuals, [1.0, 2.0])
    with pytest.raises(OptionError, match="got a"):
        optimizer.tell(individuals, [1.0, 2.0], results_of([1.0, 2.0], a=[0.0, 0.0]))
    with pytest.raises(OptionError, match="one number a trial"):
        optimizer.tell(individuals, [1.0, 2.0], results_of([1.0, 2.0], a=np.zeros((2, 3)), b=[0.0, 0.0]))
    optimizer.tell(individuals, [1.0, 2.0], results_of([1.0, 2.0], a=[0.0, 0.0], b=[0.0, 0.0]))


def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from() -> None:
    optimizer, other = made(population=4), made(population=4, initial=[{"x": [0.5] * 4}])
    for _ in range(3):
        individuals = list(other.ask())
        costs, results = plane(individuals)
        other.tell(individuals, costs, results)
        with pytest.raises(ReplayError, match="unit cube"):
            optimizer.reask(individuals)
        optimizer.tell(individuals, costs, results)
    assert {one.individual for one in optimizer.elites} == {one.individual for one in other.elites}
    illuminate(optimizer, 3)


def test_without_pyribs_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("l2l.optimizers.map_elites.find_spec", lambda name: None if name == "ribs" else found(name))
    with pytest.raises(MissingPart, match=r"pip install 'l2l\[map-elites\]'"):
        made()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 1}, "population"),
        ({"emitters": 0}, "emitters"),
        ({"emitter": "es"}, "emitter"),
        ({"sigma": 0.0}, "sigma"),
        ({"observables": ("a", "a")}, "observables"),
        ({"observables": ()}, "observables"),
        ({"ranges": ((0.0, 1.0),)}, "ranges"),
        ({"ranges": ((0.0, 1.0), (1.0, 1.0))}, "ranges"),
        ({"ranges": ((0.0, 1.0), (0.0, math.inf))}, "ranges"),
        ({"cells": 0}, "cells"),
        ({"cells": (5, 5, 5)}, "cells"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        made(**{"emitter": "cma-me", **options})


def test_a_space_where_nothing_varies_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing in the space varies"):
        made(space=ParameterSpace(x=Fixed(1.0)))
