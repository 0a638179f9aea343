import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import cma
import numpy as np
import pytest
from scipy.stats import ortho_group

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import CMAES
from l2l.optimizers.pycma import behind_all, into_bounds
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

Cost = Callable[[Individual], float]


class TestCMAES(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> CMAES:
        return CMAES(space, seed=seed, **options)


class TestCMAESWithRestarts(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> CMAES:
        return CMAES(space, seed=seed, tolfun=1e-2, restarts="bipop", **options)

    def test_population_is_the_size_of_a_generation(self) -> None:
        """It grows with every restart."""


def sphere(x: np.ndarray) -> float:
    return float(((x - 1.0) ** 2).sum())


def rosenbrock(x: np.ndarray) -> float:
    return float((100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum())


def rastrigin(x: np.ndarray) -> float:
    return float(10.0 * len(x) + ((x - 1.0) ** 2 - 10.0 * np.cos(2.0 * np.pi * (x - 1.0))).sum())


def minimized(optimizer: CMAES, cost: Cost, target: float = 1e-8, evaluations: int = 20_000) -> tuple[float, int]:
    """The best cost, and the evaluations that it took."""
    best, spent = math.inf, 0
    while not optimizer.finished and best > target and spent < evaluations:
        individuals = optimizer.ask()
        costs = [cost(individual) for individual in individuals]
        optimizer.tell(individuals, costs)
        best, spent = min(best, *costs), spent + len(costs)
    return best, spent


def spent_by_pycma(cost: Callable[[np.ndarray], float], dimension: int, seed: int, target: float = 1e-8) -> int:
    rng = np.random.default_rng(seed)
    strategy = cma.CMAEvolutionStrategy(
        dimension * [0.5],
        0.25,
        {"bounds": [0, 1], "randn": lambda *shape: rng.standard_normal(shape), "seed": math.nan, "verbose": -9},
    )
    while not strategy.stop() and strategy.best.f > target:
        points = strategy.ask()
        strategy.tell(points, [cost(point * 10.0 - 5.0) for point in points])
    return int(strategy.countevals)


@pytest.mark.parametrize("cost", [sphere, rosenbrock])
@pytest.mark.parametrize("dimension", [2, 6])
def test_it_needs_no_more_evaluations_than_pycma_alone(cost: Callable[[np.ndarray], float], dimension: int) -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=dimension))
    ours = []
    for seed in range(3):
        best, spent = minimized(CMAES(space, seed=seed), lambda one: cost(one["x"]))
        assert best <= 1e-8
        ours.append(spent)
    theirs = [spent_by_pycma(cost, dimension, seed) for seed in range(3)]
    assert np.median(ours) <= 1.25 * np.median(theirs)


def test_it_is_invariant_under_rotation() -> None:
    """On a function turned in space the first steps differ, so that medians of what is spent are compared."""
    space, scales = ParameterSpace(x=Real(-5.0, 5.0, shape=4)), np.geomspace(1.0, 1e4, 4)

    def spent(rotation: np.ndarray) -> float:
        def cost(one: Individual) -> float:
            return float((scales * (rotation @ one["x"]) ** 2).sum())

        starts = [[{"x": np.random.default_rng(seed).uniform(-2.0, 2.0, 4)}] for seed in range(5)]
        runs = [minimized(CMAES(space, seed=seed, initial=start), cost) for seed, start in enumerate(starts)]
        assert all(best <= 1e-8 for best, _ in runs)
        return float(np.median([count for _, count in runs]))

    along = spent(np.eye(4))
    for seed in range(3):
        assert spent(ortho_group.rvs(4, random_state=seed)) == pytest.approx(along, rel=0.15)


def test_from_five_hundred_dimensions_on_memory_grows_with_them_and_not_with_their_square() -> None:
    dimension = 3000
    optimizer = CMAES(ParameterSpace(x=Real(-5.0, 5.0, shape=dimension)), seed=1)
    scales = np.linspace(1.0, 100.0, dimension)
    tracemalloc.start()
    for _ in range(3):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [float((scales * one["x"] ** 2).sum()) for one in individuals])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * dimension**2 / 4  # a covariance matrix alone takes four times as much
    assert float(optimizer.report()["axis_ratio"]) > 1.0


def test_one_dimension_converges() -> None:
    best, spent = minimized(CMAES(ParameterSpace(x=Real(-5.0, 5.0)), seed=1), lambda one: (one["x"] - 1.0) ** 2)
    assert best <= 1e-8
    assert spent < 300


def test_an_optimum_on_a_bound_is_found() -> None:
    space = ParameterSpace(x=Real(0.0, 4.0, shape=3))
    best, _ = minimized(CMAES(space, seed=1), lambda one: float(one["x"].sum()), target=1e-6)
    assert best <= 1e-6


def test_integers_and_categories_are_searched_with_reals() -> None:
    space = ParameterSpace(
        x=Real(-5.0, 5.0), n=Integer(-20, 20), k=Integer(1, 1000, log=True), model=Categorical("a", "b", "c", "d")
    )

    def cost(one: Individual) -> float:
        wrong = {"a": 1.0, "b": 0.5, "c": 0.0, "d": 0.7}[one["model"]]
        return float((one["x"] - 1.3) ** 2 + 0.1 * (one["n"] - 7) ** 2 + math.log(one["k"] / 37) ** 2 + wrong)

    for seed in range(4):
        assert minimized(CMAES(space, seed=seed), cost, evaluations=3000)[0] <= 1e-8


@pytest.mark.parametrize("restarts", ["ipop", "bipop"])
def test_restarts_find_the_global_optimum_of_many(restarts: Any) -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2))
    optimizer = CMAES(space, seed=2, restarts=restarts, tolfun=1e-6)
    assert minimized(optimizer, lambda one: rastrigin(one["x"]))[0] <= 1e-8
    assert optimizer.finished is None


def test_a_thousand_dimensions_are_searched_on_the_diagonal() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=1000))
    optimizer = CMAES(space, seed=1)
    first = sphere(space.default["x"])
    assert minimized(optimizer, lambda one: sphere(one["x"]), evaluations=3000)[0] < 0.9 * first


def test_failed_regions_are_left() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=3))
    optimizer = CMAES(space, seed=1)

    def cost(one: Individual) -> float:
        return math.inf if one["x"][0] > 0.0 else sphere(one["x"])

    assert minimized(optimizer, cost, target=1.0 + 1e-6)[0] <= 1.0 + 1e-6  # the best of what does not fail is 1
    mean = optimizer.report()["mean"]
    assert isinstance(mean, np.ndarray)
    assert mean[0] == pytest.approx(0.5, abs=1e-2)


def test_failures_rank_behind_everything() -> None:
    assert behind_all(np.array([1.0, math.inf, 3.0])).tolist() == [1.0, 5.0, 3.0]
    assert behind_all(np.array([2.0, math.inf])).tolist() == [2.0, 4.0]
    assert behind_all(np.array([-1e308, 1e308, math.inf]))[2] == np.finfo(float).max
    assert behind_all(np.array([math.inf, math.inf])) is None


@pytest.mark.parametrize("spread", [0.01, 0.3, 1.0, 100.0])
def test_bounds_are_kept_as_by_pycma_to_the_last_bit(spread: float) -> None:
    theirs = cma.BoundTransform([-1.0, 1.0])
    x = 0.5 + spread * np.random.default_rng(1).standard_normal(5000)
    x[:9] = np.array([0.0, 1.0, 0.025, 0.975, -0.025, 1.025, -0.55, 1.55, 0.5])  # where its pieces meet
    kept = into_bounds(x)
    np.testing.assert_array_equal(kept, 0.5 * (theirs.repair(2.0 * x - 1.0) + 1.0))
    assert 0.0 <= kept.min() <= kept.max() <= 1.0


def test_nothing_but_failures_ends_with_a_reason() -> None:
    optimizer = CMAES(ParameterSpace(x=Real(0.0, 1.0, shape=2)), seed=1)
    best, spent = minimized(optimizer, lambda _: math.inf)
    assert best == math.inf
    assert spent == 20 * optimizer.population
    assert optimizer.finished == "every individual of 20 generations in a row failed"


def test_a_plateau_at_the_start_is_no_reason_to_stop() -> None:
    optimizer = CMAES(ParameterSpace(x=Real(-5.0, 5.0, shape=2)), seed=1)
    for _ in range(5):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [1.0] * len(individuals))
    assert optimizer.finished is None
    assert minimized(optimizer, lambda one: sphere(one["x"]))[0] <= 1e-8


def test_it_says_in_words_why_it_is_finished() -> None:
    optimizer = CMAES(ParameterSpace(x=Real(-5.0, 5.0, shape=2)), seed=1)
    minimized(optimizer, lambda one: sphere(one["x"]), target=-1.0)
    assert optimizer.finished == "costs no longer differ (tolfun)"


def test_constraints_are_met_by_drawing_anew() -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    optimizer = CMAES(space, seed=1, population=8)
    for _ in range(20):
        individuals = optimizer.ask()
        assert space.feasible(individuals).all()
        optimizer.tell(individuals, [one["decay"] - one["rise"] for one in individuals])


def test_it_starts_at_the_first_initial_individual() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2))
    optimizer = CMAES(space, seed=1, sigma=0.01, initial=[{"x": [4.0, -4.0]}])
    for one in optimizer.ask():
        np.testing.assert_allclose(one["x"], [4.0, -4.0], atol=0.5)


def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2))
    optimizer = CMAES(space, seed=1, population=6)
    archive = space.decode(np.full((6, 2), 0.25) + np.linspace(0.0, 0.1, 6)[:, None])
    with pytest.raises(ReplayError, match="unit cube"):
        optimizer.reask(archive)
    optimizer.tell(archive, [float(one["x"][0]) for one in archive])
    mean = optimizer.report()["mean"]
    assert isinstance(mean, np.ndarray)
    assert (mean < 0.45).all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 3}, "population"),
        ({"sigma": 0.0}, "sigma"),
        ({"sigma": 2.0}, "sigma"),
        ({"tolfun": -1.0}, "tolfun"),
        ({"tolx": math.nan}, "tolx"),
        ({"restarts": "often"}, "restarts"),
        ({"popsize": 10}, "popsize"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        CMAES(ParameterSpace(x=Real(0.0, 1.0)), **options)


def test_a_space_where_nothing_varies_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing in the space varies"):
        CMAES(ParameterSpace(x=Fixed(1.0)))
