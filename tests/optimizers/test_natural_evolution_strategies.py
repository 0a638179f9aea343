import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import ortho_group

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import NaturalEvolutionStrategies
from l2l.optimizers.natural_gradient import Exponential, Separable, utilities_of
from l2l.optimizers.unit_cube import by_rank, limited, reflected
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

Cost = Callable[[Individual], float]


class TestExponential(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> NaturalEvolutionStrategies:
        return NaturalEvolutionStrategies(space, seed=seed, **options)


class TestSeparable(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> NaturalEvolutionStrategies:
        return NaturalEvolutionStrategies(space, seed=seed, kind="separable", **options)


def minimized(optimizer: NaturalEvolutionStrategies, cost: Cost, target: float, evaluations: int) -> float:
    best, spent = math.inf, 0
    while not optimizer.finished and best > target and spent < evaluations:
        individuals = optimizer.ask()
        costs = [cost(one) for one in individuals]
        optimizer.tell(individuals, costs)
        best, spent = min(best, *costs), spent + len(costs)
    return best


def sphere(x: np.ndarray) -> float:
    return float(((x - 1.0) ** 2).sum())


def rosenbrock(x: np.ndarray) -> float:
    return float((100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum())


# --- theory ---


def trajectory(rotation: np.ndarray) -> np.ndarray:
    """Costs of 40 generations on f(R (u - ½)), begun at the rotated mean with the rotated root."""
    d, scales = len(rotation), 10.0 ** np.arange(len(rotation))
    space = ParameterSpace(u=Real(0.0, 1.0, shape=d))
    optimizer = NaturalEvolutionStrategies(space, seed=5, sigma=0.02, kind="exponential")
    optimizer._search = Exponential(0.5 + rotation.T @ np.full(d, 0.05), 0.02 * rotation.T)
    past = []
    for _ in range(40):
        individuals = optimizer.ask()
        costs = [float((scales * (rotation @ (one["u"] - 0.5)) ** 2).sum()) for one in individuals]
        optimizer.tell(individuals, costs)
        past.append(costs)
    return np.array(past)


def test_xnes_is_invariant_under_rotation() -> None:
    reference = trajectory(np.eye(4))
    assert reference[-1].min() < 1e-2 * reference[0].min()
    for seed in range(3):
        np.testing.assert_allclose(trajectory(ortho_group.rvs(4, random_state=seed)), reference, rtol=1e-6)


def quadratic(seed: int, d: int = 3) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(d, d))
    hessian, slope = root @ root.T, rng.normal(size=d)
    return hessian, slope, lambda x: 0.5 * np.einsum("ni,ij,nj->n", x, hessian, x) + x @ slope


def test_the_gradient_of_xnes_is_that_of_the_expected_cost_on_a_quadratic() -> None:
    hessian, slope, cost = quadratic(1)
    rng = np.random.default_rng(2)
    search = Exponential(rng.normal(size=3), 0.5 * rng.normal(size=(3, 3)))
    steps = rng.standard_normal((400_000, 3))
    costs = cost(search.points(steps))
    mean, size, shape = search.gradient(steps, (costs - costs.mean()) / len(costs))
    curved = search.root.T @ hessian @ search.root  # E[f (s sᵀ - 1)] = Aᵀ H A, E[f s] = Aᵀ ∇f
    np.testing.assert_allclose(mean, search.root.T @ (hessian @ search.mean + slope), atol=0.03)
    assert size == pytest.approx(np.trace(curved) / 3, abs=0.03)
    np.testing.assert_allclose(shape, curved - np.trace(curved) / 3 * np.eye(3), atol=0.05)


def test_the_gradient_of_snes_is_that_of_the_expected_cost_on_a_quadratic() -> None:
    hessian, slope, cost = quadratic(3)
    rng = np.random.default_rng(4)
    search = Separable(rng.normal(size=3), np.array([0.2, 0.5, 1.0]))
    steps = rng.standard_normal((400_000, 3))
    costs = cost(search.points(steps))
    mean, sizes = search.gradient(steps, (costs - costs.mean()) / len(costs))
    np.testing.assert_allclose(mean, search.sigma * (hessian @ search.mean + slope), atol=0.05)
    np.testing.assert_allclose(sizes, search.sigma**2 * np.diag(hessian), atol=0.06)


def test_a_step_along_the_gradient_multiplies_by_the_exponential() -> None:
    from scipy.linalg import expm

    rng = np.random.default_rng(1)
    root, steps, utilities = rng.normal(size=(3, 3)), rng.normal(size=(7, 3)), utilities_of(7)
    search = Exponential(np.zeros(3), root, (1.0, 0.3, 0.2))
    _, size, shape = search.gradient(steps, utilities)
    search.follow(steps, utilities)
    np.testing.assert_allclose(search.root, root @ expm(0.5 * (0.3 * size * np.eye(3) + 0.2 * shape)))
    np.testing.assert_allclose(search.mean, root @ (utilities @ steps))


def test_utilities_are_those_of_the_paper() -> None:
    utilities = utilities_of(6)
    assert utilities.sum() == pytest.approx(0.0)
    np.testing.assert_allclose(utilities[3:], -1 / 6)
    assert (utilities[0] + 1 / 6) / (utilities[1] + 1 / 6) == pytest.approx(math.log(4.0) / math.log(2.0))


def test_equal_costs_share_their_utilities() -> None:
    assert by_rank(np.array([5.0, 1.0, 5.0, 9.0]), np.array([4.0, 2.0, 1.0, 0.0])).tolist() == [1.5, 4.0, 1.5, 0.0]
    search = Separable(np.full(2, 0.5), np.full(2, 0.1))
    search.follow(np.random.default_rng(1).normal(size=(8, 2)), by_rank(np.ones(8), utilities_of(8)))
    np.testing.assert_allclose(search.mean, 0.5)
    np.testing.assert_allclose(search.sigma, 0.1)


def test_points_outside_are_reflected_at_the_faces() -> None:
    np.testing.assert_allclose(reflected(np.array([[-0.25, 1.25, 2.1, -1.9, 0.3]])), [[0.25, 0.75, 0.1, 0.1, 0.3]])
    inside = np.random.default_rng(1).random((5, 4)) * 1e-9
    assert (reflected(inside) == inside).all()


def test_far_steps_of_given_individuals_are_shortened() -> None:
    steps = limited(np.array([[100.0, 0.0], [0.3, 0.4], [0.0, 0.0]]))
    np.testing.assert_allclose(steps, [[math.sqrt(2.0) + 1.0, 0.0], [0.3, 0.4], [0.0, 0.0]])


# --- behaviour ---


@pytest.mark.parametrize("dimension", [1, 2, 5])
@pytest.mark.parametrize("kind", ["exponential", "separable"])
def test_the_sphere_is_solved(kind: Any, dimension: int) -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=dimension))
    for seed in range(3):
        optimizer = NaturalEvolutionStrategies(space, seed=seed, kind=kind)
        assert minimized(optimizer, lambda one: sphere(one["x"]), 1e-9, 400 * dimension) <= 1e-9


def test_the_valley_of_rosenbrock_is_followed() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2))
    for seed in range(4):
        optimizer = NaturalEvolutionStrategies(space, seed=seed)
        assert minimized(optimizer, lambda one: rosenbrock(one["x"]), 1e-8, 5000) <= 1e-8


def test_a_thousand_dimensions_are_searched_separably_and_fast() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=1000))
    optimizer = NaturalEvolutionStrategies(space, seed=1, sigma=0.05)
    assert optimizer.kind == "separable"
    first = sphere(space.default["x"])
    assert minimized(optimizer, lambda one: sphere(one["x"]), 0.0, 10_000) < 0.5 * first


def test_an_optimum_on_a_bound_is_found() -> None:
    optimizer = NaturalEvolutionStrategies(ParameterSpace(x=Real(0.0, 4.0, shape=3)), seed=1)
    assert minimized(optimizer, lambda one: float(one["x"].sum()), 1e-6, 3000) <= 1e-6


def test_integers_and_categories_are_searched_with_reals() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0), n=Integer(-20, 20), model=Categorical("a", "b", "c", "d"))

    def cost(one: Individual) -> float:
        return float((one["x"] - 1.3) ** 2 + 0.1 * (one["n"] - 7) ** 2 + "cbda".index(one["model"]) / 3)

    solved = [
        minimized(NaturalEvolutionStrategies(space, seed=seed, population=20), cost, 1e-6, 4000) for seed in range(4)
    ]
    assert np.median(solved) <= 1e-6


def test_failed_regions_are_left() -> None:
    def cost(one: Individual) -> float:
        return math.inf if one["x"][0] > 0.0 else sphere(one["x"])

    for seed in range(3):
        optimizer = NaturalEvolutionStrategies(ParameterSpace(x=Real(-5.0, 5.0, shape=3)), seed=seed)
        assert minimized(optimizer, cost, 1.001, 3000) <= 1.001  # the best of what does not fail is 1


def test_what_failed_does_not_move_the_distribution() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0, shape=2))
    moved = []
    for _ in range(2):
        optimizer = NaturalEvolutionStrategies(space, seed=1, population=4)
        individuals = optimizer.ask()
        optimizer._steps[2:] *= 10.0 ** len(moved)
        optimizer.tell(individuals, [1.0, 2.0, math.inf, math.inf])
        moved.append(optimizer.report())
    np.testing.assert_equal(moved[0], moved[1])


def test_nothing_but_failures_ends_with_a_reason() -> None:
    optimizer = NaturalEvolutionStrategies(ParameterSpace(x=Real(0.0, 1.0)), seed=1)
    assert minimized(optimizer, lambda _: math.inf, 0.0, 10**6) == math.inf
    assert optimizer.finished == "every individual of 20 generations in a row failed"


def test_it_says_why_it_is_finished() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2))
    reasons = []
    for tolfun, tolx in [(1e-9, 0.0), (0.0, 1e-6)]:
        optimizer = NaturalEvolutionStrategies(space, seed=1, tolfun=tolfun, tolx=tolx)
        minimized(optimizer, lambda one: sphere(one["x"]), -1.0, 5000)
        reasons.append(optimizer.finished)
    assert reasons == ["costs no longer differ (tolfun)", "the distribution is narrower than tolx"]


def test_constraints_are_met_by_drawing_anew() -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    optimizer = NaturalEvolutionStrategies(space, seed=1, population=8, initial=[{"rise": 1.0, "decay": 3.0}])
    for _ in range(20):
        individuals = optimizer.ask()
        assert space.feasible(individuals).all()
        optimizer.tell(individuals, [one["decay"] - one["rise"] for one in individuals])


def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2))
    optimizer = NaturalEvolutionStrategies(space, seed=1, population=6)
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
        ({"sigma_rate": -1.0}, "sigma_rate"),
        ({"tolx": math.nan}, "tolx"),
        ({"kind": "diagonal"}, "kind"),
        ({"kind": "separable", "shape_rate": 0.1}, "shape_rate"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        NaturalEvolutionStrategies(ParameterSpace(x=Real(0.0, 1.0)), **options)


def test_a_space_where_nothing_varies_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing in the space varies"):
        NaturalEvolutionStrategies(ParameterSpace(x=Fixed(1.0)))
