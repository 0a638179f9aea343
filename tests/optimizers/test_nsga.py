import math
from typing import Any

import numpy as np
import pytest

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import NSGA2, NSGA3
from l2l.optimizers.hypervolume import Hypervolume
from l2l.optimizers.nsga3 import directions_for
from l2l.optimizers.pareto import ParetoOptimizer
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

SPACE = ParameterSpace(
    x=Real(-5.0, 5.0, shape=4), n=Integer(0, 10, shape=3), k=Integer(1, 1000, log=True), model=Categorical(*"abcd")
)
BOTH = pytest.mark.parametrize("cls", [NSGA2, NSGA3])


class TestNSGA2(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> NSGA2:
        return NSGA2(space, seed=seed, **options)


class TestNSGA3(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> NSGA3:
        return NSGA3(space, seed=seed, **options)


def two_costs(one: Individual) -> list[float]:
    """Both are 0 at best, at x = 1 and at x = -1; everything else is best at one place for both."""
    rest = float(((one["n"] - 3) ** 2).sum()) + math.log(one["k"] / 37) ** 2 + "dcba".index(one["model"])
    return [float(((one["x"] - 1.0) ** 2).sum()) + rest, float(((one["x"] + 1.0) ** 2).sum()) + rest]


def evolve(optimizer: ParetoOptimizer, generations: int, costs: Any = two_costs) -> ParetoOptimizer:
    for _ in range(generations):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [costs(one) for one in individuals])
    return optimizer


@BOTH
def test_it_finds_the_front_of_a_mixed_problem(cls: Any) -> None:
    optimizer = evolve(cls(SPACE, seed=1), 100)
    first, second = np.sqrt([costs for _, costs in optimizer.front]).T
    # On the true front the distances from both optima add up to their distance, 4.
    assert np.median(first + second) < 4.2
    assert first.min() < 0.5 and second.min() < 0.5
    assert {one["model"] for one, _ in optimizer.front} == {"d"}


@pytest.mark.parametrize(
    ("cls", "peer", "problem", "generations"),
    [
        pytest.param(NSGA2, "NSGA2", "zdt2", 250, marks=pytest.mark.slow),  # a front that is not convex
        pytest.param(NSGA3, "NSGA3", "zdt3", 250, marks=pytest.mark.slow),  # a front in pieces
        (NSGA2, "NSGA2", "dtlz2", 100),
        (NSGA3, "NSGA3", "dtlz2", 100),
    ],
)
@pytest.mark.filterwarnings("ignore")  # those of the peer
@pytest.mark.timeout(300)
def test_it_reaches_the_hypervolume_of_pymoo(cls: Any, peer: str, problem: str, generations: int) -> None:
    from pymoo.algorithms.moo import nsga2, nsga3
    from pymoo.optimize import minimize
    from pymoo.problems import get_problem
    from pymoo.util.ref_dirs import get_reference_directions

    function = get_problem(problem)
    reference = [1.1] * function.n_obj
    space = ParameterSpace(x=Real(0.0, 1.0, shape=function.n_var))
    ours, theirs = [], []
    for seed in (1, 2, 3):
        optimizer = cls(space, seed=seed, population=92, reference=reference)
        evolve(optimizer, generations, lambda one: function.evaluate(one["x"]))
        ours.append(optimizer.report()["hypervolume"])
        if peer == "NSGA2":
            algorithm = nsga2.NSGA2(pop_size=92)
        else:
            divisions = 91 if function.n_obj == 2 else 12
            directions = get_reference_directions("das-dennis", function.n_obj, n_partitions=divisions)
            algorithm = nsga3.NSGA3(directions, pop_size=92)
        front = minimize(function, algorithm, ("n_gen", generations), seed=seed).pop.get("F")
        theirs.append(Hypervolume(reference).of(front))
    assert np.median(ours) >= 0.99 * np.median(theirs)


@pytest.mark.parametrize("objectives", [1, 2, 3, 5, 9, 15])
@BOTH
def test_any_number_of_objectives_is_minimized(cls: Any, objectives: int) -> None:
    optima = np.linspace(-1.0, 1.0, objectives)
    optimizer = cls(ParameterSpace(x=Real(-10.0, 10.0), y=Real(-10.0, 10.0)), seed=1, population=24)
    evolve(optimizer, 30, lambda one: (one["x"] - optima) ** 2 + one["y"] ** 2)
    found = [one for one, _ in optimizer.front]
    assert max(abs(one["x"]) for one in found) < 1.5
    assert max(abs(one["y"]) for one in found) < 1.0
    assert optimizer.report()["hypervolume"] > 0.0


@BOTH
def test_the_failed_never_enter_the_front(cls: Any) -> None:
    optimizer = cls(SPACE, seed=3, population=20)
    failed: set[Individual] = set()
    for _ in range(20):
        individuals = list(optimizer.ask())
        costs = np.array([two_costs(one) for one in individuals])
        for place, one in enumerate(individuals):
            if one.key[0] < 128:
                costs[place, place % 2] = math.inf  # one objective is enough
                failed.add(one)
        optimizer.tell(individuals, costs)
        front = optimizer.front
        assert not failed & {one for one, _ in front}
        assert np.isfinite([costs for _, costs in front]).all()
        assert math.isfinite(optimizer.report()["hypervolume"])
    assert failed


@BOTH
def test_no_individual_of_the_front_is_dominated_and_none_is_lost_from_it(cls: Any) -> None:
    optimizer = cls(SPACE, seed=5, population=30)
    seen: list[list[float]] = []
    for _ in range(5):
        individuals = optimizer.ask()
        told = [two_costs(one) for one in individuals]
        optimizer.tell(individuals, told)
        seen += told
    costs = np.array(seen)
    nondominated = {tuple(one) for one in costs if not ((costs <= one).all(1) & (costs < one).any(1)).any()}
    front = {tuple(one) for _, one in optimizer.front}
    assert front == nondominated or len(front) == 30


@BOTH
def test_costs_far_from_zero_are_spread_as_those_near_it(cls: Any) -> None:
    near = evolve(cls(SPACE, seed=1, population=20, reference=[50.0, 50.0]), 60)
    far = cls(SPACE, seed=1, population=20, reference=[1050.0, -950.0])
    evolve(far, 60, lambda one: two_costs(one) + np.array([1000.0, -1000.0]))
    assert far.report()["hypervolume"] == pytest.approx(near.report()["hypervolume"], rel=0.02)


def test_the_reference_point_is_the_worst_of_the_first_costs_and_a_tenth() -> None:
    volume = Hypervolume()
    assert math.isnan(volume.of(np.ones((1, 2))))
    volume.see(np.array([[0.0, 20.0], [10.0, 0.0]]))
    volume.see(np.array([[100.0, 200.0]]))
    np.testing.assert_allclose(volume.reference, [11.0, 22.0])
    assert volume.of(np.array([[0.0, 20.0], [10.0, 0.0]])) == pytest.approx(11 * 2 + 1 * 20)
    assert volume.of(np.array([[11.0, 0.0]])) == 0.0
    assert Hypervolume([2.0]).of(np.array([[0.5], [1.0]])) == 1.5


def test_beyond_eight_objectives_the_volume_is_close_to_exact() -> None:
    assert Hypervolume([1.0] * 10).of(np.full((1, 10), 0.5)) == pytest.approx(0.5**10, rel=0.05)


@pytest.mark.parametrize(
    ("objectives", "population", "expected"),
    [(1, 10, 1), (2, 92, 92), (3, 92, 91), (3, 91, 91), (3, 90, 78), (5, 212, 210), (8, 156, 156), (4, 2, 4)],
)
def test_there_are_as_many_directions_as_fit_the_population(objectives: int, population: int, expected: int) -> None:
    directions = directions_for(objectives, population)
    assert directions.shape == (expected, objectives)
    np.testing.assert_allclose(directions.sum(axis=1), 1.0)
    assert len(np.unique(directions.round(9), axis=0)) == expected


def test_wanted_directions_are_where_the_front_is_searched() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0, shape=2))

    def circle(one: Individual) -> list[float]:
        angle, size = one["x"][0] * math.pi / 2, 1.0 + one["x"][1]
        return [size * math.cos(angle), size * math.sin(angle)]

    wanted = [[1.0, 0.0], [0.5, 0.5], [0.52, 0.48], [0.48, 0.52], [0.0, 1.0]]
    optimizer = NSGA3(space, seed=1, directions=wanted)
    assert optimizer.population == 8
    evolve(optimizer, 60, circle)
    angles = np.array([one["x"][0] for one, _ in optimizer.front])
    assert np.sum(np.abs(angles - 0.5) < 0.05) >= 3
    assert angles.min() < 0.05 and angles.max() > 0.95
    with pytest.raises(OptionError, match="2 objectives"):
        NSGA3(space, seed=1, directions=wanted).tell([], [[1.0, 2.0, 3.0]])


@BOTH
def test_the_number_of_objectives_never_changes(cls: Any) -> None:
    optimizer = evolve(cls(SPACE, seed=1, population=4), 1)
    individuals = optimizer.ask()
    with pytest.raises(OptionError, match="2 objectives"):
        optimizer.tell(individuals, [[1.0, 2.0, 3.0]] * 4)
    optimizer.tell(individuals, [[1.0, 2.0]] * 4)


@BOTH
def test_known_individuals_are_not_asked_again_while_there_are_others(cls: Any) -> None:
    optimizer = cls(ParameterSpace(n=Integer(0, 400)), seed=1, population=10)
    for _ in range(10):
        survivors = {one for one, _ in optimizer.front}
        individuals = optimizer.ask()
        assert len(set(individuals)) == 10
        assert not survivors & set(individuals)
        optimizer.tell(individuals, [[one["n"], -one["n"]] for one in individuals])


@BOTH
def test_constraints_are_met_by_breeding_anew(cls: Any) -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    optimizer = cls(space, seed=1)
    for _ in range(10):
        individuals = optimizer.ask()
        assert space.feasible(individuals).all()
        optimizer.tell(individuals, [[one["decay"], -one["rise"]] for one in individuals])


@BOTH
def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from(cls: Any) -> None:
    space = ParameterSpace(x=Real(0.0, 1.0), model=Categorical("a", "b"))
    optimizer = cls(space, seed=1, population=3)
    archive = [space.individual({"x": x, "model": "b"}) for x in (0.1, 0.2, 0.3)]
    with pytest.raises(ReplayError, match="unit cube"):
        optimizer.reask(archive)
    optimizer.tell(archive, [[1.0, 0.5], [0.5, 1.0], [2.0, 2.0]])
    assert {one for one, _ in optimizer.front} == set(archive[:2])


@BOTH
def test_where_nothing_varies_there_is_one_individual(cls: Any) -> None:
    optimizer = evolve(cls(ParameterSpace(x=Fixed(1.0)), seed=1, population=4), 3, lambda one: [one["x"], 0.0])
    assert optimizer.report()["front"] == 1.0


@pytest.mark.parametrize(
    ("cls", "options", "named"),
    [
        (NSGA2, {"population": 1}, "population"),
        (NSGA3, {"population": 1}, "population"),
        (NSGA2, {"crossover_probability": 1.5}, "crossover_probability"),
        (NSGA2, {"mutation_probability": -0.1}, "mutation_probability"),
        (NSGA2, {"eta_crossover": -1.0}, "eta_crossover"),
        (NSGA2, {"eta_mutation": math.nan}, "eta_mutation"),
        (NSGA2, {"reference": [math.inf, 1.0]}, "reference"),
        (NSGA3, {"directions": [[1.0, -1.0]]}, "directions"),
        (NSGA3, {"directions": [[0.0, 0.0]]}, "directions"),
        (NSGA3, {"directions": [[0.5, 0.5]], "reference": [1.0, 1.0, 1.0]}, "directions"),
    ],
)
def test_options_out_of_range_are_refused(cls: Any, options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        cls(SPACE, **options)
