import math
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizers import GaussianProcess, RandomSearch
from l2l.optimizers.gaussian_process import standardized
from l2l.optimizers.regression import Regression, log_expected_improvement, negative_log_posterior
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

PLANE = ParameterSpace(x=Real(-5.0, 10.0), y=Real(0.0, 15.0))


class TestGaussianProcess(OptimizerContract):
    steady: ClassVar = {"steady_state": True, "startup": 70}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> GaussianProcess:
        return GaussianProcess(space, seed=seed, **{"population": 2, "startup": 6, **options})


def branin(one: Individual) -> float:
    x, y = one["x"], one["y"]
    curve = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


def best_of(optimizer: Any, evaluations: int, cost: Any = branin) -> float:
    best = math.inf
    for _ in range(evaluations // optimizer.population):
        individuals = optimizer.ask()
        costs = [cost(one) for one in individuals]
        optimizer.tell(individuals, costs)
        best = min(best, *costs)
    return best


def test_it_is_far_better_than_random_search_at_equal_budget() -> None:
    random = np.median([best_of(RandomSearch(PLANE, seed=seed, population=5), 40) for seed in range(3)])
    ours = np.median([best_of(GaussianProcess(PLANE, seed=seed), 40) for seed in range(3)])
    assert ours - 0.39789 < 0.02 * (random - 0.39789)


def test_it_solves_a_mixed_problem() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0), n=Integer(0, 10), model=Categorical(*"abc"))

    def cost(one: Individual) -> float:
        return float((one["x"] - 1.3) ** 2 + 0.3 * (one["n"] - 3) ** 2) + "cba".index(one["model"])

    assert best_of(GaussianProcess(space, seed=1), 50, cost) < 0.2


def test_batches_have_no_duplicates() -> None:
    optimizer = GaussianProcess(ParameterSpace(n=Integer(0, 19)), seed=1, population=4, startup=4)
    asked: list[Individual] = []
    while not optimizer.finished:
        individuals = optimizer.ask()
        optimizer.tell(individuals, [abs(one["n"] - 13) for one in individuals])
        asked += individuals
    assert len(asked) == len(set(asked)) == 20
    assert 13 in [one["n"] for one in asked[:12]]


def test_regions_that_fail_are_left() -> None:
    optimizer = GaussianProcess(ParameterSpace(x=Real(0.0, 1.0)), seed=1)
    assert best_of(optimizer, 40, lambda one: math.inf if one["x"] < 0.6 else one["x"]) < 0.62
    assert optimizer.report()["failed"] < 25


def test_the_regression_interpolates_and_knows_what_it_does_not_know() -> None:
    x = np.linspace(0.0, 1.0, 12)[:, None]
    y = np.sin(6.0 * x[:, 0])
    model = Regression(x, y)
    mean, deviation = model(x)
    np.testing.assert_allclose(mean, y, atol=0.02)
    between = np.linspace(0.05, 0.95, 50)[:, None]
    np.testing.assert_allclose(model(between)[0], np.sin(6.0 * between[:, 0]), atol=0.05)
    assert model(np.array([[3.0]]))[1][0] > 10.0 * deviation.max()
    believed = model.believing(np.array([2.0]))
    assert believed(np.array([[2.0]]))[0][0] == pytest.approx(model(np.array([[2.0]]))[0][0], abs=1e-2)
    assert believed(np.array([[2.0]]))[1][0] < 0.2 * model(np.array([[2.0]]))[1][0]


def test_the_gradient_of_the_posterior_is_right() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random((15, 3)), rng.normal(size=15)
    theta = np.array([-0.5, 0.2, 0.7, 0.3, -2.0])
    numeric = approx_fprime(theta, lambda one: negative_log_posterior(one, x, y)[0], 1e-6)
    np.testing.assert_allclose(negative_log_posterior(theta, x, y)[1], numeric, rtol=1e-4, atol=1e-4)


def test_noise_is_told_from_structure() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((80, 2))
    y = standardized(3.0 * x[:, 0] + 0.3 * rng.normal(size=80))
    theta = Regression(x, y).theta
    assert math.exp(theta[-1]) == pytest.approx(0.3**2 / (0.75 + 0.09), rel=0.5)
    assert theta[0] < theta[1]  # the second coordinate has no effect


def test_the_expected_improvement_is_right_far_into_the_tail() -> None:
    mean, deviation = np.array([0.0, 1.0, -2.0, 30.0, 35.0]), np.array([1.0, 0.5, 2.0, 1.0, 0.9])
    z = (0.5 - mean) / deviation
    exact = deviation * (stats.norm.pdf(z) + z * stats.norm.cdf(z))
    ours = log_expected_improvement(mean, deviation, 0.5)
    np.testing.assert_allclose(ours[:3], np.log(exact[:3]), rtol=1e-9)
    assert ours[3] == pytest.approx(stats.norm.logpdf(z[3]) - 2.0 * math.log(-z[3]), rel=1e-3)
    below = log_expected_improvement(np.linspace(39.0, 42.0, 50), np.ones(50), 0.0)
    assert (np.diff(below) < 0.0).all()


def test_failed_and_extreme_costs_are_cut() -> None:
    values = standardized(np.array([0.0, 1.0, 2.0, 1e300, math.inf]))
    assert np.isfinite(values).all()
    assert values[3] == values[4] == values.max()
    assert (standardized(np.array([3.0, 3.0, math.inf])) == 0.0).all()


@pytest.mark.parametrize(
    ("options", "named"), [({"population": 0}, "population"), ({"startup": 0}, "startup"), ({"points": 1}, "points")]
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        GaussianProcess(PLANE, **options)


def test_too_many_coordinates_are_refused() -> None:
    with pytest.raises(OptionError, match="at most 100 coordinates, got 101"):
        GaussianProcess(ParameterSpace(x=Real(0.0, 1.0, shape=101)))


def test_an_optimum_in_a_corner_is_reached_exactly() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0), y=Real(0.0, 1.0))
    optimizer = GaussianProcess(space, seed=1, population=1)
    for _ in range(20):
        (one,) = optimizer.ask()
        optimizer.tell([one], [one["x"] - 2.0 * one["y"]])
    assert optimizer.report()["best_cost"] == -2.0
