import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import EvolutionStrategies
from l2l.optimizers.evolution_strategies import Adam, centred_ranks, gradient, mirrored, standardized
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

Cost = Callable[[Individual], float]


class TestEvolutionStrategies(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> EvolutionStrategies:
        return EvolutionStrategies(space, seed=seed, **options)


class TestWithoutRanks(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> EvolutionStrategies:
        return EvolutionStrategies(space, seed=seed, rank_shaping=False, decay=1.0, **options)


def minimized(optimizer: EvolutionStrategies, cost: Cost, generations: int) -> float:
    best = math.inf
    for _ in range(generations):
        individuals = optimizer.ask()
        if not individuals:
            break
        costs = [cost(one) for one in individuals]
        optimizer.tell(individuals, costs)
        best = min(best, *costs)
    return best


def sphere(x: np.ndarray) -> float:
    return float(((x - 1.0) ** 2).sum())


# --- theory ---


def test_the_gradient_is_that_of_the_expected_cost_on_a_quadratic() -> None:
    rng = np.random.default_rng(1)
    root, slope, mean = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)
    hessian, sigma = root @ root.T, 0.3
    estimates = []
    for _ in range(400):
        steps = mirrored(50, 4, rng)
        x = mean + sigma * steps
        costs = 0.5 * np.einsum("ni,ij,nj->n", x, hessian, x) + x @ slope
        estimates.append(gradient(steps, costs, sigma))
    exact = hessian @ mean + slope
    error = np.std(estimates, axis=0) / math.sqrt(400)
    assert (np.abs(np.mean(estimates, axis=0) - exact) < 4.0 * error).all()
    assert (error < 0.1 * np.linalg.norm(exact)).all()


def test_mirrored_pairs_remove_the_even_part_of_the_cost() -> None:
    steps = mirrored(10, 3, np.random.default_rng(1))
    np.testing.assert_array_equal(steps[::2], -steps[1::2])
    np.testing.assert_allclose(gradient(steps, 1e3 + (steps**2).sum(axis=1), 0.1), 0.0, atol=1e-9)
    assert (mirrored(5, 3, np.random.default_rng(1))[4] == 0.0).all()


def test_ranks_are_centred_and_shared() -> None:
    np.testing.assert_allclose(centred_ranks(np.array([1e9, -3.0, 0.0])), [0.5, -0.5, 0.0])
    np.testing.assert_allclose(centred_ranks(np.array([2.0, 2.0, 7.0, 1.0])), [0.0, 0.0, 0.5, -0.5])
    assert (centred_ranks(np.full(7, 3.0)) == 0.0).all()
    np.testing.assert_allclose(standardized(np.array([1e308, -1e308])), [1.0, -1.0])
    np.testing.assert_allclose(standardized(np.zeros(3)), 0.0)


def test_adam_is_that_of_the_paper() -> None:
    adam, slopes = Adam(0.9, 0.99), np.random.default_rng(1).normal(size=(5, 3))
    for t in range(1, 6):
        step = adam.step(slopes[t - 1])
        past = np.arange(t - 1, -1, -1)[:, None]
        mean = (0.1 * 0.9**past * slopes[:t]).sum(axis=0) / (1 - 0.9**t)
        square = (0.01 * 0.99**past * slopes[:t] ** 2).sum(axis=0) / (1 - 0.99**t)
        np.testing.assert_allclose(step, -mean / (np.sqrt(square) + 1e-8))


def test_an_order_preserving_transformation_of_costs_changes_nothing() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=3))
    plain, bent = EvolutionStrategies(space, seed=1), EvolutionStrategies(space, seed=1)
    minimized(plain, lambda one: sphere(one["x"]), 30)
    minimized(bent, lambda one: math.exp(sphere(one["x"]) / 10.0), 30)
    np.testing.assert_array_equal(plain.report()["mean"], bent.report()["mean"])


# --- behaviour ---


def test_generations_are_pairs_around_the_mean() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0, shape=3))
    optimizer = EvolutionStrategies(space, seed=1, population=7)
    points = space.encode(optimizer.ask())
    np.testing.assert_allclose(points[0:6:2] + points[1:6:2], 1.0)
    np.testing.assert_allclose(points[6], 0.5)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_the_sphere_is_solved(dimension: int) -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=dimension))
    for seed in range(3):
        optimizer = EvolutionStrategies(space, seed=seed)
        assert minimized(optimizer, lambda one: sphere(one["x"]), 600) <= 1e-6


def test_the_valley_of_rosenbrock_is_followed() -> None:
    def rosenbrock(one: Individual) -> float:
        x, y = one["x"]
        return float(100.0 * (y - x**2) ** 2 + (1.0 - x) ** 2)

    space = ParameterSpace(x=Real(-2.0, 2.0, shape=2))
    for seed in range(3):
        optimizer = EvolutionStrategies(space, seed=seed, decay=0.995)
        assert minimized(optimizer, rosenbrock, 1500) <= 1e-3


def test_thousands_of_dimensions_are_searched_fast() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=5000))
    optimizer = EvolutionStrategies(space, seed=1, population=50)
    first = sphere(space.default["x"])
    begin = time.perf_counter()
    minimized(optimizer, lambda one: sphere(one["x"]), 100)
    assert time.perf_counter() - begin < 10.0
    assert sphere(np.asarray(optimizer.report()["mean"]) * 10.0 - 5.0) < 0.9 * first


def test_integers_and_categories_are_searched_with_reals() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0), n=Integer(-20, 20), model=Categorical("a", "b", "c", "d"))

    def cost(one: Individual) -> float:
        return float((one["x"] - 1.3) ** 2 + 0.1 * (one["n"] - 7) ** 2 + "cbda".index(one["model"]) / 3)

    solved = [minimized(EvolutionStrategies(space, seed=s, population=20, sigma=0.1), cost, 300) for s in range(4)]
    assert np.median(solved) < 0.1


def test_failed_regions_are_left() -> None:
    def cost(one: Individual) -> float:
        return math.inf if one["x"][0] > 0.0 else sphere(one["x"])

    for seed in range(3):
        optimizer = EvolutionStrategies(ParameterSpace(x=Real(-5.0, 5.0, shape=3)), seed=seed)
        assert minimized(optimizer, cost, 600) <= 1.01  # the best of what does not fail is 1


@pytest.mark.parametrize("rank_shaping", [True, False])
def test_what_failed_does_not_enter_the_gradient(rank_shaping: bool) -> None:
    space = ParameterSpace(x=Real(0.0, 1.0, shape=2))
    moved = []
    for factor in (1.0, 100.0):
        optimizer = EvolutionStrategies(space, seed=1, population=4, rank_shaping=rank_shaping)
        individuals = optimizer.ask()
        optimizer._steps[2:] *= factor
        optimizer.tell(individuals, [1.0, 2.0, math.inf, math.inf])
        moved.append(optimizer.report())
    np.testing.assert_equal(moved[0], moved[1])
    assert np.isfinite(moved[0]["mean"]).all()


def test_width_and_learning_rate_decay_until_it_ends() -> None:
    optimizer = EvolutionStrategies(ParameterSpace(x=Real(0.0, 1.0)), seed=1, sigma=0.2, decay=0.5, tolx=1e-3)
    assert optimizer.finite
    minimized(optimizer, lambda one: one["x"], 3)
    assert optimizer.report()["sigma"] == pytest.approx(0.2 * 0.5**3)
    assert optimizer.report()["learning_rate"] == pytest.approx(0.05 * 0.5**3)
    minimized(optimizer, lambda one: one["x"], 100)
    assert optimizer.finished == "the distribution is narrower than tolx"


def test_nothing_but_failures_ends_with_a_reason() -> None:
    optimizer = EvolutionStrategies(ParameterSpace(x=Real(0.0, 1.0)), seed=1)
    assert minimized(optimizer, lambda _: math.inf, 1000) == math.inf
    assert optimizer.finished == "every individual of 20 generations in a row failed"


def test_constraints_are_met_by_drawing_anew() -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    optimizer = EvolutionStrategies(space, seed=1, initial=[{"rise": 1.0, "decay": 3.0}])
    for _ in range(50):
        individuals = optimizer.ask()
        assert space.feasible(individuals).all()
        optimizer.tell(individuals, [one["decay"] - one["rise"] for one in individuals])


def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2))
    optimizer = EvolutionStrategies(space, seed=1, population=6)
    archive = space.decode(np.full((6, 2), 0.25) + np.linspace(0.0, 0.1, 6)[:, None])
    with pytest.raises(ReplayError, match="unit cube"):
        optimizer.reask(archive)
    optimizer.tell(archive, [float(one["x"][0]) for one in archive])
    assert (np.asarray(optimizer.report()["mean"]) < 0.5).all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 1}, "population"),
        ({"sigma": 0.0}, "sigma"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"decay": 1.1}, "decay"),
        ({"beta1": 1.0}, "beta1"),
        ({"beta2": math.nan}, "beta2"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        EvolutionStrategies(ParameterSpace(x=Real(0.0, 1.0)), **options)


def test_a_space_where_nothing_varies_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing in the space varies"):
        EvolutionStrategies(ParameterSpace(x=Fixed(1.0)))
