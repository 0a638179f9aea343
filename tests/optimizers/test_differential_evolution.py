import math
from typing import Any, ClassVar

import numpy as np
import pytest

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import DifferentialEvolution
from l2l.optimizers.success_history import SuccessHistory, lehmer_mean
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

SPACE = ParameterSpace(
    x=Real(-5.0, 5.0, shape=4), n=Integer(0, 10, shape=3), k=Integer(1, 1000, log=True), model=Categorical(*"abcd")
)
STEADY = pytest.mark.parametrize("steady_state", [False, True])


class TestSHADE(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> DifferentialEvolution:
        return DifferentialEvolution(space, seed=seed, **options)


class TestLSHADE(OptimizerContract):
    steady: ClassVar = {"steady_state": True, "population": 5}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> DifferentialEvolution:
        return DifferentialEvolution(space, seed=seed, evaluations=100, **options)

    def test_population_is_the_size_of_a_generation(self) -> None:
        for population in range(4, 9):
            optimizer = self.make(SPACE, 2, population=population)
            assert len(optimizer.ask()) == optimizer.population == population  # at first; then it shrinks


def cost(one: Individual) -> float:
    numbers = ((one["x"] - 1.3) ** 2).sum() + ((one["n"] - 3) ** 2).sum() + math.log(one["k"] / 37) ** 2
    return float(numbers) + "dcba".index(one["model"])


def evolve(optimizer: DifferentialEvolution, evaluations: int, function: Any = cost, at_once: int = 3) -> float:
    asked = 0
    while asked < evaluations and not optimizer.finished:
        individuals = optimizer.ask(at_once if optimizer.steady_state else None)
        asked += len(individuals)
        optimizer.tell(individuals, [function(one) for one in individuals])
    return float(optimizer.report()["best_cost"])


@STEADY
def test_it_solves_a_mixed_problem(steady_state: bool) -> None:
    assert evolve(DifferentialEvolution(SPACE, seed=1, evaluations=4000, steady_state=steady_state), 4000) < 0.01


def sphere(one: Individual) -> float:
    return float(((one["x"] - 1.2) ** 2).sum())


def rastrigin(one: Individual) -> float:
    x = one["x"] - 1.2
    return float((10.0 + x**2 - 10.0 * np.cos(2.0 * np.pi * x)).sum())


@pytest.mark.parametrize("function", [sphere, rastrigin])
@STEADY
def test_it_is_at_least_as_good_as_scipys(function: Any, steady_state: bool) -> None:
    from scipy.optimize import differential_evolution

    d, evaluations = 6, 3600
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=d))
    ours, theirs = [], []
    for seed in range(3):
        optimizer = DifferentialEvolution(space, seed=seed, evaluations=evaluations, steady_state=steady_state)
        ours.append(evolve(optimizer, evaluations, function))
        result = differential_evolution(
            lambda x: function({"x": x}),
            [(-5.0, 5.0)] * d,
            maxiter=evaluations // (15 * d) - 1,
            popsize=15,
            rng=seed,
            polish=False,
            tol=0.0,
        )
        assert result.nfev == evaluations
        theirs.append(result.fun)
    assert np.median(ours) <= np.median(theirs)


def test_the_memory_takes_the_weighted_lehmer_means_in_turn() -> None:
    history = SuccessHistory(2)
    history.succeeded(0.4, 0.2, 1.0)
    history.succeeded(0.8, 0.6, 3.0)
    history.learn()
    # weights 1/4 and 3/4: sum of w x² over sum of w x
    assert history.F.tolist() == pytest.approx([(0.25 * 0.16 + 0.75 * 0.64) / (0.25 * 0.4 + 0.75 * 0.8), 0.5])
    assert history.CR.tolist() == pytest.approx([(0.25 * 0.04 + 0.75 * 0.36) / (0.25 * 0.2 + 0.75 * 0.6), 0.5])
    history.learn()
    assert history.F[1] == 0.5  # a generation without success changes nothing
    history.succeeded(1.0, 1.0, 5.0)
    history.learn()
    history.succeeded(0.5, 0.5, 5.0)
    history.learn()
    assert history.F.tolist() == history.CR.tolist() == [0.5, 1.0]


def test_a_crossover_rate_that_reached_zero_stays_there() -> None:
    history = SuccessHistory(1)
    history.succeeded(0.5, 0.0, 1.0)
    history.learn()
    assert np.isnan(history.CR[0])
    history.succeeded(0.5, 0.9, 1.0)
    history.learn()
    assert np.isnan(history.CR[0])
    assert not history.draw(100, np.random.default_rng(1))[1].any()


def test_steps_and_rates_are_drawn_around_the_memory() -> None:
    history = SuccessHistory(1)
    F, CR = history.draw(20_000, np.random.default_rng(1))
    assert (F > 0.0).all() and F.max() == 1.0 and CR.min() >= 0.0 and CR.max() <= 1.0
    assert CR.mean() == pytest.approx(0.5, abs=0.01) and CR.std() == pytest.approx(0.1, abs=0.01)
    quartiles = np.quantile(F, [0.25, 0.5, 0.75])  # of a Cauchy distribution: one scale to each side
    np.testing.assert_allclose(quartiles, [0.42, 0.51, 0.61], atol=0.02)  # those below 0 are drawn anew
    assert lehmer_mean(np.zeros(2), np.ones(2)) == 0.0


def test_improvements_near_the_largest_float_have_weights() -> None:
    history = SuccessHistory(1)
    history.succeeded(0.5, 0.5, math.inf)
    history.succeeded(0.5, 0.5, 1e300)
    history.learn()
    assert history.F[0] == 0.5


def test_the_population_shrinks_linearly_to_four() -> None:
    optimizer = DifferentialEvolution(
        ParameterSpace(x=Real(0.0, 1.0, shape=5)), seed=1, population=50, evaluations=2000
    )
    told, sizes = 0, []
    while not optimizer.finished:
        individuals = list(optimizer.ask())
        sizes.append(len(individuals))
        assert len(individuals) == min(optimizer.population, 2000 - told)
        optimizer.tell(individuals, [float(((one["x"] - 0.3) ** 2).sum()) for one in individuals])
        told += len(individuals)
        assert optimizer.population == round((4 - 50) / 2000 * told + 50)
        assert optimizer.report()["archive"] <= round(2.6 * optimizer.population)
    assert told == 2000
    assert sizes[0] == 50 and optimizer.population == 4
    assert optimizer.finite and "2000" in str(optimizer.finished)
    assert list(optimizer.ask()) == []


def test_without_a_budget_the_population_stays() -> None:
    optimizer = DifferentialEvolution(ParameterSpace(x=Real(0.0, 1.0, shape=5)), seed=1)
    assert not optimizer.finite
    evolve(optimizer, 500, sphere)
    assert optimizer.population == 12


def test_a_child_is_its_parent_moved_to_one_of_the_best_and_along_a_difference() -> None:
    """With F = 1 and CR = 1 each child must be x + best - x + one - other for some members."""
    space = ParameterSpace(x=Real(0.0, 1.0, shape=2))
    optimizer = DifferentialEvolution(space, seed=3, population=6, best_share=0.34)
    optimizer.history.F[:], optimizer.history.CR[:] = 1e9, 1e9  # drawn values are cut at 1
    parents = list(optimizer.ask())
    members = np.array([one["x"] for one in parents])
    optimizer.tell(parents, range(6))
    children = np.array([one["x"] for one in optimizer.ask()])
    for place, child in enumerate(children):
        possible = []
        for best in (0, 1):  # a share of 0.34 of six
            for one in range(6):
                for other in range(6):
                    if len({place, one, other}) == 3:
                        mutant = members[best] + members[one] - members[other]
                        x = members[place]
                        possible.append(np.where(mutant < 0, x / 2, np.where(mutant > 1, (1 + x) / 2, mutant)))
        assert np.abs(np.array(possible) - child).max(axis=1).min() < 1e-9


def test_replaced_members_go_to_the_archive_and_worse_children_nowhere() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0, shape=3))
    optimizer = DifferentialEvolution(space, seed=1, population=8)
    for costs, archived_members in (([1.0] * 8, 0), ([2.0] * 8, 0), ([1.0] * 8, 0), ([0.5] * 3 + [9.0] * 5, 3)):
        optimizer.tell(optimizer.ask(), costs)
        assert optimizer.report()["archive"] == archived_members
    assert optimizer.report()["best_cost"] == 0.5
    for one in range(20):
        optimizer.tell(optimizer.ask(), [-float(one)] * 8)
    assert optimizer.report()["archive"] == round(2.6 * 8)


@STEADY
def test_the_failed_are_replaced_and_never_bred_from(steady_state: bool) -> None:
    space = ParameterSpace(x=Real(0.0, 1.0, shape=2))
    optimizer = DifferentialEvolution(space, seed=3, population=12, steady_state=steady_state)

    def half(one: Individual) -> float:
        return float(one["x"].sum()) if one["x"][0] > 0.5 else math.inf

    assert evolve(optimizer, 600, half) == pytest.approx(0.5, abs=0.02)
    assert np.isfinite(optimizer._costs).all()


def test_as_long_as_all_fail_everything_is_random() -> None:
    optimizer = DifferentialEvolution(SPACE, seed=3, population=10)
    asked: set[Individual] = set()
    for _ in range(20):
        individuals = optimizer.ask()
        asked |= set(individuals)
        optimizer.tell(individuals, [math.inf] * 10)
    assert len(asked) == 200
    assert math.isnan(optimizer.report()["best_cost"])
    assert evolve(optimizer, 4000) < 0.2


def test_it_ends_where_all_members_are_the_same() -> None:
    optimizer = DifferentialEvolution(ParameterSpace(x=Real(0.0, 1.0)), seed=1, population=10)
    assert evolve(optimizer, 20_000, lambda one: abs(one["x"] - 0.3)) < 1e-9
    assert "same" in str(optimizer.finished)


def test_thousands_of_components_are_searched() -> None:
    optimizer = DifferentialEvolution(ParameterSpace(x=Real(-5.0, 5.0, shape=5000)), seed=1)
    first = evolve(optimizer, 50, sphere)
    assert evolve(optimizer, 500, sphere) < first


def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0), model=Categorical("a", "b"))
    optimizer = DifferentialEvolution(space, seed=1, population=4)
    archive = [space.individual({"x": x, "model": "b"}) for x in (0.1, 0.2, 0.3, 0.4)]
    for costs in ([1.0, 0.5, 2.0, 3.0], [9.0, 9.0, 0.25, 9.0]):
        with pytest.raises(ReplayError, match="unit cube"):
            optimizer.reask(archive)
        optimizer.tell(archive, costs)
        assert optimizer.report()["best_cost"] == min(costs)
    optimizer.tell(optimizer.ask(), [1.0] * 4)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 3}, "population"),
        ({"evaluations": 0}, "evaluations"),
        ({"memory": 0}, "memory"),
        ({"best_share": 0.0}, "best_share"),
        ({"archive_share": -1.0}, "archive_share"),
        ({"tolx": math.nan}, "tolx"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        DifferentialEvolution(SPACE, **options)


def test_a_space_where_nothing_varies_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing in the space varies"):
        DifferentialEvolution(ParameterSpace(x=Fixed(1.0)))
