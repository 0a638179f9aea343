import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from l2l.errors import MissingPart, OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import CrossEntropy
from l2l.optimizers.elite_model import EliteModel
from l2l.optimizers.gaussians import Gaussians, mixture, moments
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

Cost = Callable[[Individual], float]
PLANE = ParameterSpace(x=Real(0.0, 1.0), y=Real(0.0, 1.0))


class TestDiagonal(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> CrossEntropy:
        return CrossEntropy(space, seed=seed, **{"population": 12, **options})


class TestFull(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> CrossEntropy:
        full = space.dimension < 100  # the eigenvalues of a thousand dimensions take their time
        options = {"population": 12, "distribution": "full" if full else None, **options}
        return CrossEntropy(space, seed=seed, **options)


class TestMixture(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> CrossEntropy:
        options = {"population": 12, "elite": 1.0, "distribution": "mixture", **options}
        return CrossEntropy(space, seed=seed, **options)


def minimized(optimizer: CrossEntropy, cost: Cost, target: float, evaluations: int) -> float:
    best, spent = math.inf, 0
    while not optimizer.finished and best > target and spent < evaluations:
        individuals = optimizer.ask()
        costs = [cost(one) for one in individuals]
        optimizer.tell(individuals, costs)
        best, spent = min(best, *costs), spent + len(costs)
    return best


def sphere(x: np.ndarray) -> float:
    return float(((x - 1.0) ** 2).sum())


# --- theory ---


@pytest.mark.parametrize("distribution", ["diagonal", "full"])
def test_fitted_moments_are_those_of_the_elite_smoothed(distribution: Any) -> None:
    optimizer = CrossEntropy(
        PLANE, seed=1, population=20, elite=0.25, distribution=distribution, smoothing=0.6, noise=0.0, sigma=0.1
    )
    mean, covariance = np.full(2, 0.5), 0.01 * np.eye(2)
    for _ in range(4):
        individuals = list(optimizer.ask())
        costs = np.array([one["x"] + 2.0 * one["y"] for one in individuals])
        optimizer.tell(individuals, costs)
        elite = np.array(optimizer.told_points)[np.argsort(costs, kind="stable")[:5]]
        mean = 0.6 * elite.mean(axis=0) + 0.4 * mean
        covariance = 0.6 * np.cov(elite.T, bias=True) + 0.4 * covariance
        fitted = optimizer._model.gaussians
        np.testing.assert_allclose(fitted.mean, mean)
        expected = covariance if distribution == "full" else np.diag(covariance)
        np.testing.assert_allclose(fitted.spreads[0], expected, atol=1e-15)


def test_noise_is_added_to_the_variance_of_the_elite_and_decays() -> None:
    optimizer = CrossEntropy(
        PLANE, seed=1, population=20, elite=0.2, distribution="diagonal", smoothing=1.0, noise=0.2, noise_decay=0.5
    )
    for generation in range(4):
        individuals = list(optimizer.ask())
        costs = np.array([one["x"] for one in individuals])
        optimizer.tell(individuals, costs)
        elite = np.array(optimizer.told_points)[np.argsort(costs, kind="stable")[:4]]
        expected = elite.var(axis=0) + (0.2 * 0.5**generation) ** 2
        np.testing.assert_allclose(optimizer._model.gaussians.spreads[0], expected)
        assert optimizer.report()["noise"] == pytest.approx(0.2 * 0.5 ** (generation + 1))


def test_probabilities_of_choices_are_the_frequencies_of_the_elite_smoothed() -> None:
    space = ParameterSpace(model=Categorical("a", "b", "c"), x=Real(0.0, 1.0))
    optimizer = CrossEntropy(space, seed=1, population=20, elite=0.5, smoothing=0.5, noise=0.0)
    individuals = list(optimizer.ask())
    costs = ["bca".index(one["model"]) + one["x"] for one in individuals]
    optimizer.tell(individuals, costs)
    elite = [individuals[place]["model"] for place in np.argsort(costs, kind="stable")[:10]]
    expected = [0.5 * elite.count(choice) / 10 + 0.5 / 3 for choice in "abc"]
    np.testing.assert_allclose(np.asarray(optimizer.report()["mean"])[:3], expected)


def test_choices_are_drawn_with_their_probabilities() -> None:
    space = ParameterSpace(model=Categorical("a", "b", "c"))
    model = EliteModel(space, np.full(3, 0.5), 0.1, "diagonal", 1)
    model.probabilities = np.array([0.2, 0.7, 0.1])
    counts = model.draw(5000, np.random.default_rng(1)).sum(axis=0)
    expected = 0.95 * model.probabilities + 0.05 / 3  # one in twenty is drawn from all choices alike
    assert stats.chisquare(counts, 5000 * expected).pvalue > 0.01


def test_what_is_drawn_has_the_moments_of_the_distribution() -> None:
    rng = np.random.default_rng(1)
    covariance = np.array([[0.04, 0.018], [0.018, 0.01]])
    full = Gaussians(np.ones(1), np.array([[0.3, 0.6]]), covariance[None]).draw(50_000, rng)
    np.testing.assert_allclose(np.cov(full.T), covariance, rtol=0.05)
    two = Gaussians(np.array([0.25, 0.75]), np.array([[0.2], [0.8]]), np.array([[1e-4], [4e-4]]))
    drawn = two.draw(50_000, rng)
    np.testing.assert_allclose(drawn.mean(axis=0), two.mean, rtol=0.01)
    np.testing.assert_allclose(drawn.std(axis=0), two.deviations, rtol=0.02)


def test_entropy_is_that_of_scipy() -> None:
    covariance = np.array([[0.04, 0.018], [0.018, 0.01]])
    full = Gaussians(np.ones(1), np.zeros((1, 2)), covariance[None])
    assert full.entropy() == pytest.approx(stats.multivariate_normal([0, 0], covariance).entropy())
    diagonal = Gaussians(np.ones(1), np.zeros((1, 2)), np.diag(covariance)[None])
    assert diagonal.entropy() == pytest.approx(sum(stats.norm(0, math.sqrt(v)).entropy() for v in (0.04, 0.01)))
    halves = Gaussians(np.full(2, 0.5), np.array([[0.0], [1.0]]), np.full((2, 1), 1e-6))
    assert halves.entropy() == pytest.approx(stats.norm(0, 1e-3).entropy() + math.log(2.0))


def test_a_mixture_finds_the_clusters_of_the_elite() -> None:
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal([0.2, 0.7], 1e-4, (60, 2)), rng.normal([0.8, 0.1], 2e-4, (20, 2))])
    before = Gaussians(np.full(2, 0.5), np.full((2, 2), 0.5), np.full((2, 2), 0.25))
    fitted = mixture(points, before, first=True, seed=1)
    order = np.argsort(fitted.means[:, 0])
    np.testing.assert_allclose(fitted.weights[order], [0.75, 0.25], atol=1e-6)
    np.testing.assert_allclose(fitted.means[order], [points[:60].mean(axis=0), points[60:].mean(axis=0)], atol=1e-9)
    assert (np.sqrt(fitted.spreads[order]) < 1e-3).all()
    again = mixture(points, fitted, first=False, seed=2)
    np.testing.assert_allclose(again.means, fitted.means, atol=1e-9)


def test_equal_points_are_a_mixture_without_width() -> None:
    before = Gaussians(np.full(2, 0.5), np.full((2, 1), 0.5), np.full((2, 1), 0.25))
    fitted = mixture(np.full((6, 1), 0.3), before, first=True, seed=1)
    np.testing.assert_allclose(fitted.means, 0.3)
    assert (fitted.spreads == 0.0).all()


# --- behaviour ---


@pytest.mark.parametrize("dimension", [1, 2, 5])
@pytest.mark.parametrize("distribution", [None, "diagonal", "full"])
def test_the_sphere_is_solved(distribution: Any, dimension: int) -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=dimension))
    for seed in range(3):
        optimizer = CrossEntropy(space, seed=seed, distribution=distribution, population=100)
        assert minimized(optimizer, lambda one: sphere(one["x"]), 1e-8, 8000) <= 1e-8


def test_the_valley_of_rosenbrock_is_followed_with_covariances() -> None:
    def rosenbrock(one: Individual) -> float:
        x, y = one["x"]
        return float(100.0 * (y - x**2) ** 2 + (1.0 - x) ** 2)

    space = ParameterSpace(x=Real(-2.0, 2.0, shape=2))
    for seed in range(3):
        optimizer = CrossEntropy(space, seed=seed, population=200, noise=0.1, noise_decay=0.9)
        assert minimized(optimizer, rosenbrock, 0.01, 8000) <= 0.01


def test_a_mixture_keeps_several_optima() -> None:
    optimizer = CrossEntropy(PLANE, seed=1, population=200, distribution="mixture", noise=0.0)
    minimized(optimizer, lambda one: min(abs(one["x"] - 0.2), abs(one["x"] - 0.8)) + abs(one["y"] - 0.5), 0.0, 2400)
    model = optimizer._model.gaussians
    np.testing.assert_allclose(np.sort(model.means[:, 0]), [0.2, 0.8], atol=0.01)
    assert np.asarray(optimizer.report()["deviations"])[0] > 0.1


def test_integers_and_categories_are_searched_with_reals() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0), n=Integer(-20, 20), model=Categorical("a", "b", "c", "d"))

    def cost(one: Individual) -> float:
        return float((one["x"] - 1.3) ** 2 + 0.1 * (one["n"] - 7) ** 2 + "cbda".index(one["model"]) / 3)

    for seed in range(3):
        assert minimized(CrossEntropy(space, seed=seed), cost, 1e-6, 4000) <= 1e-6


def test_an_optimum_on_a_bound_is_found() -> None:
    optimizer = CrossEntropy(ParameterSpace(x=Real(0.0, 4.0, shape=3)), seed=1)
    assert minimized(optimizer, lambda one: float(one["x"].sum()), 1e-6, 5000) <= 1e-6


def test_thousands_of_dimensions_are_searched_fast() -> None:
    optimizer = CrossEntropy(ParameterSpace(x=Real(-5.0, 5.0, shape=5000)), seed=1)
    begin = time.perf_counter()
    best = minimized(optimizer, lambda one: sphere(one["x"]), 0.0, 1500)
    assert time.perf_counter() - begin < 10.0
    assert best < 0.5 * sphere(np.random.default_rng(1).uniform(-5.0, 5.0, 5000))


def test_the_failed_never_belong_to_the_elite() -> None:
    optimizer = CrossEntropy(PLANE, seed=1, population=10, elite=0.5, distribution="diagonal", smoothing=1.0, noise=0.0)
    individuals = list(optimizer.ask())
    costs = np.full(10, math.inf)
    costs[[2, 5, 7]] = [3.0, 1.0, 2.0]
    optimizer.tell(individuals, costs)
    elite = np.array(optimizer.told_points)[[2, 5, 7]]
    share = 3 / 5  # three of five: the distribution changes by as much less
    np.testing.assert_allclose(optimizer.report()["mean"], share * elite.mean(axis=0) + (1 - share) * 0.5)
    assert optimizer.report()["elite_cost"] == 3.0


def test_failed_regions_are_left() -> None:
    def cost(one: Individual) -> float:
        return math.inf if one["x"][0] > 0.0 else sphere(one["x"])

    optimizer = CrossEntropy(ParameterSpace(x=Real(-5.0, 5.0, shape=3)), seed=1)
    assert minimized(optimizer, cost, 1.001, 5000) <= 1.001  # the best of what does not fail is 1


def test_nothing_but_failures_ends_with_a_reason() -> None:
    optimizer = CrossEntropy(PLANE, seed=1)
    assert minimized(optimizer, lambda _: math.inf, 0.0, 10**6) == math.inf
    assert optimizer.finished == "every individual of 20 generations in a row failed"


def test_it_says_why_it_is_finished() -> None:
    reasons = []
    for tolfun, tolx in [(1e-9, 0.0), (0.0, 1e-4)]:
        optimizer = CrossEntropy(PLANE, seed=1, tolfun=tolfun, tolx=tolx)
        minimized(optimizer, lambda one: (one["x"] - 0.3) ** 2 + (one["y"] - 0.4) ** 2, -1.0, 20_000)
        reasons.append(optimizer.finished)
    assert reasons == ["costs no longer differ (tolfun)", "the distribution is narrower than tolx"]


def test_constraints_are_met_by_drawing_anew() -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    optimizer = CrossEntropy(space, seed=1, population=20)
    for _ in range(20):
        individuals = optimizer.ask()
        assert space.feasible(individuals).all()
        optimizer.tell(individuals, [one["decay"] - one["rise"] for one in individuals])


def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from() -> None:
    optimizer = CrossEntropy(PLANE, seed=1, population=6, smoothing=1.0, noise=0.0)
    archive = PLANE.decode(np.linspace([0.1, 0.2], [0.3, 0.4], 6))
    with pytest.raises(ReplayError, match="unit cube"):
        optimizer.reask(archive)
    optimizer.tell(archive, [one["x"] for one in archive])
    np.testing.assert_allclose(optimizer.report()["mean"], PLANE.encode(archive[:2]).mean(axis=0))


def test_a_mixture_without_scikit_learn_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "sklearn" or name.startswith("sklearn.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPart, match=r"l2l\[mixture\]"):
        CrossEntropy(PLANE, distribution="mixture")


def test_moments_are_of_greatest_likelihood() -> None:
    points = np.random.default_rng(1).normal(size=(7, 3))
    np.testing.assert_allclose(moments(points, full=True).spreads[0], np.cov(points.T, bias=True))
    np.testing.assert_allclose(moments(points, full=False).spreads[0], points.var(axis=0))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 3}, "population"),
        ({"elite": 0.0}, "elite"),
        ({"smoothing": 1.5}, "smoothing"),
        ({"noise": -1.0}, "noise"),
        ({"noise_decay": 2.0}, "noise_decay"),
        ({"sigma": math.nan}, "sigma"),
        ({"distribution": "normal"}, "distribution"),
        ({"distribution": "mixture", "components": 6}, "components"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        CrossEntropy(PLANE, **options)


def test_a_space_where_nothing_varies_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing in the space varies"):
        CrossEntropy(ParameterSpace(x=Fixed(1.0)))
