import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizers import FACE
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

Cost = Callable[[Individual], float]
PLANE = ParameterSpace(x=Real(0.0, 1.0), y=Real(0.0, 1.0))


class TestFACE(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> FACE:
        return FACE(space, seed=seed, **options)


class TestSmallSamples(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> FACE:
        return FACE(space, seed=seed, **{"population": 3, "elites": 3, "largest": 9, "patience": 2, **options})


def minimized(optimizer: FACE, cost: Cost, target: float, evaluations: int) -> float:
    best, spent = math.inf, 0
    while not optimizer.finished and best > target and spent < evaluations:
        individuals = optimizer.ask()
        costs = [cost(one) for one in individuals]
        optimizer.tell(individuals, costs)
        best, spent = min(best, *costs), spent + len(costs)
    return best


def told(optimizer: FACE, costs: list[float]) -> tuple[float, bool]:
    """The size of the sample after a generation of such costs, and whether the distribution was fitted to it."""
    before = np.array(optimizer.report()["mean"])
    optimizer.tell(optimizer.ask(), costs)
    return float(np.asarray(optimizer.report()["sample"])), not np.array_equal(before, optimizer.report()["mean"])


# --- theory ---


def test_the_sample_grows_until_it_improves_and_shrinks_then() -> None:
    optimizer = FACE(PLANE, seed=1, population=4, elites=2, largest=16)
    assert told(optimizer, [5.0, 6.0, 7.0, 8.0]) == (4.0, True)  # the first has nothing to be compared with
    assert told(optimizer, [5.0, 9.0, 9.0, 9.0]) == (4.0, False)  # neither best 5 nor worst of the elite 6 is better
    assert told(optimizer, [7.0, 8.0, 9.0, 9.0]) == (8.0, False)
    assert told(optimizer, [5.5, 9.0, 9.0, 9.0]) == (12.0, True)  # the elite is 5, 5.5 now
    assert told(optimizer, [4.0, 9.0, 9.0, 9.0]) == (4.0, True)  # the best is better


def test_the_largest_sample_is_taken_as_it_is() -> None:
    optimizer = FACE(PLANE, seed=1, population=4, elites=2, largest=12, patience=2)
    assert told(optimizer, [1.0, 1.0, 2.0, 3.0]) == (4.0, True)
    assert [told(optimizer, [9.0, 8.0, 7.0, 6.0]) for _ in range(3)] == [(4.0, False), (8.0, False), (12.0, True)]
    assert told(optimizer, [5.0, 8.0, 7.0, 6.0]) == (4.0, True)  # compared with the sample before, not with the best
    assert optimizer.finished is None


def test_the_elite_is_chosen_from_the_whole_sample() -> None:
    optimizer = FACE(PLANE, seed=1, population=4, elites=3, smoothing=1.0, distribution="diagonal")
    optimizer.tell(optimizer.ask(), [1.0, 2.0, 3.0, 4.0])
    sample, costs = [], [[9.0, 3.5, 3.6, math.inf], [2.5, 7.0, 8.0, math.inf], [6.0, 5.0, math.inf, 2.9]]
    for generation in costs:
        individuals = optimizer.ask()
        optimizer.tell(individuals, generation)
        sample += optimizer.told_points
    elite = np.array([sample[4], sample[11], sample[1]])  # of costs 2.5, 2.9, 3.5: worse than 1, 2, 3
    assert optimizer.report()["sample"] == 12.0
    np.testing.assert_array_equal(optimizer._elite, elite)
    optimizer.tell(optimizer.ask(), [0.5, 9.0, 9.0, 9.0])
    fitted = np.array([optimizer.told_points[0], sample[4], sample[11]])
    np.testing.assert_allclose(optimizer._model.gaussians.mean, fitted.mean(axis=0))
    np.testing.assert_allclose(optimizer._model.gaussians.spreads[0], fitted.var(axis=0))


def test_it_ends_as_reliable_or_not() -> None:
    flat = FACE(PLANE, seed=1, population=4, largest=12, patience=3)
    minimized(flat, lambda _: 1.0, 0.0, 1000)
    assert flat.finished == "reliable: all costs of the elite are equal, in 3 samples in a row"
    rising = FACE(PLANE, seed=1, population=4, largest=12, patience=3)
    costs = iter(range(10_000))
    minimized(rising, lambda _: float(next(costs)), -1.0, 1000)
    assert rising.finished == "not reliable: 3 samples of 12 in a row did not improve"


# --- behaviour ---


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_the_sphere_is_solved(dimension: int) -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=dimension))
    for seed in range(3):
        optimizer = FACE(space, seed=seed)
        assert minimized(optimizer, lambda one: float(((one["x"] - 1.0) ** 2).sum()), 1e-8, 5000) <= 1e-8


def test_the_valley_of_rosenbrock_is_followed() -> None:
    def rosenbrock(one: Individual) -> float:
        x, y = one["x"]
        return float(100.0 * (y - x**2) ** 2 + (1.0 - x) ** 2)

    space = ParameterSpace(x=Real(-2.0, 2.0, shape=2))
    solved = [minimized(FACE(space, seed=seed, population=60), rosenbrock, 0.01, 8000) for seed in range(5)]
    assert np.median(solved) <= 0.05  # it follows the valley, but narrows too early to reach its end


def test_integers_and_categories_are_searched_with_reals() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0), n=Integer(-20, 20), model=Categorical("a", "b", "c", "d"))

    def cost(one: Individual) -> float:
        return float((one["x"] - 1.3) ** 2 + 0.1 * (one["n"] - 7) ** 2 + "cbda".index(one["model"]) / 3)

    for seed in range(3):
        assert minimized(FACE(space, seed=seed), cost, 1e-4, 5000) <= 1e-4


def test_thousands_of_dimensions_are_searched_fast() -> None:
    optimizer = FACE(ParameterSpace(x=Real(-5.0, 5.0, shape=5000)), seed=1)
    begin = time.perf_counter()
    best = minimized(optimizer, lambda one: float((one["x"] ** 2).sum()), 0.0, 1500)
    assert time.perf_counter() - begin < 10.0
    assert best < 0.5 * 5000 * 100 / 12


def test_the_failed_are_counted_but_never_belong_to_the_elite() -> None:
    optimizer = FACE(PLANE, seed=1, population=4, elites=3, largest=8)
    assert told(optimizer, [math.inf, 1.0, math.inf, 2.0]) == (4.0, False)
    assert told(optimizer, [math.inf, math.inf, 3.0, math.inf]) == (8.0, True)
    assert optimizer.report()["elite_cost"] == 3.0
    failing = FACE(PLANE, seed=1)
    assert minimized(failing, lambda _: math.inf, 0.0, 10**6) == math.inf
    assert failing.finished == "every individual of 20 generations in a row failed"


def test_constraints_are_met_by_drawing_anew() -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    optimizer = FACE(space, seed=1)
    for _ in range(20):
        individuals = optimizer.ask()
        assert space.feasible(individuals).all()
        optimizer.tell(individuals, [one["decay"] - one["rise"] for one in individuals])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 1}, "population"),
        ({"largest": 30}, "largest"),
        ({"elites": 1}, "elites"),
        ({"elites": 401}, "elites"),
        ({"distribution": "mixture"}, "distribution"),
        ({"smoothing": 0.0}, "smoothing"),
        ({"patience": 0}, "patience"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        FACE(PLANE, **options)


def test_a_space_where_nothing_varies_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing in the space varies"):
        FACE(ParameterSpace(x=Fixed(1.0)))
