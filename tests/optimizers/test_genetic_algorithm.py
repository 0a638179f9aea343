import math
from typing import Any, ClassVar

import numpy as np
import pytest

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import GeneticAlgorithm
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

SPACE = ParameterSpace(
    x=Real(-5.0, 5.0, shape=4), n=Integer(0, 10, shape=3), k=Integer(1, 1000, log=True), model=Categorical(*"abcd")
)
CROSSOVERS = ["sbx", "blend", "two-point", "uniform"]


class TestGeneticAlgorithm(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> GeneticAlgorithm:
        return GeneticAlgorithm(space, seed=seed, **options)


class TestGeneticAlgorithmWithOtherOperators(OptimizerContract):
    steady: ClassVar = {"steady_state": True, "population": 5}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> GeneticAlgorithm:
        options = {"crossover": "two-point", "mutation": "gaussian", "elitism": 0, **options}
        return GeneticAlgorithm(space, seed=seed, **options)


def cost(one: Individual) -> float:
    numbers = ((one["x"] - 1.3) ** 2).sum() + ((one["n"] - 3) ** 2).sum() + math.log(one["k"] / 37) ** 2
    return float(numbers) + "dcba".index(one["model"])


@pytest.mark.parametrize("crossover", CROSSOVERS)
@pytest.mark.parametrize("mutation", ["polynomial", "gaussian"])
def test_it_solves_a_mixed_problem(crossover: Any, mutation: Any) -> None:
    optimizer = GeneticAlgorithm(SPACE, seed=1, crossover=crossover, mutation=mutation)
    for _ in range(60):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [cost(one) for one in individuals])
    assert optimizer.report()["best_cost"] < 0.2


def test_it_is_better_than_random_search_by_far() -> None:
    rng = np.random.default_rng(1)
    random = min(cost(one) for one in SPACE.sample(2000, rng))
    optimizer = GeneticAlgorithm(SPACE, seed=1)
    for _ in range(40):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [cost(one) for one in individuals])
    assert optimizer.report()["best_cost"] < 0.01 * random


@pytest.mark.parametrize("elitism", [1, 3])
def test_the_best_are_asked_again_until_they_are_beaten(elitism: int) -> None:
    optimizer = GeneticAlgorithm(SPACE, seed=2, population=12, elitism=elitism)
    best: list[Individual] = []
    for _ in range(20):
        individuals = list(optimizer.ask())
        assert individuals[: len(best)] == best
        optimizer.tell(individuals, [cost(one) for one in individuals])
        best = sorted(dict.fromkeys(individuals), key=cost)[:elitism]


def test_the_failed_never_become_parents() -> None:
    optimizer = GeneticAlgorithm(SPACE, seed=3, population=20, elitism=5)
    failed: set[Individual] = set()
    for _ in range(20):
        individuals = list(optimizer.ask())
        assert not failed & set(individuals[:5])
        costs = [math.inf if one.key[0] < 200 else cost(one) for one in individuals]
        failed |= {one for one, its in zip(individuals, costs, strict=True) if math.isinf(its)}
        optimizer.tell(individuals, costs)
        assert math.isfinite(optimizer.report()["mean_cost"])


def test_a_generation_of_failures_keeps_the_parents() -> None:
    optimizer = GeneticAlgorithm(SPACE, seed=3, population=20)
    for failing in (True, False, True, True):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [math.inf if failing else cost(one) for one in individuals])
    assert cost(optimizer.ask()[0]) == optimizer.report()["best_cost"]


def test_in_steady_state_the_population_only_gets_better() -> None:
    optimizer = GeneticAlgorithm(SPACE, seed=4, population=20, steady_state=True)
    waiting = list(optimizer.ask(4))
    means = []
    for place in range(1500):
        told = waiting.pop(place % 4)
        optimizer.tell([told], [cost(told)])
        waiting += optimizer.ask(1)
        if place > 20:
            means.append(optimizer.report()["mean_cost"])
    assert means == sorted(means, reverse=True)
    assert optimizer.report()["best_cost"] < 1.0


def test_no_child_is_a_copy_of_its_parent() -> None:
    optimizer = GeneticAlgorithm(
        ParameterSpace(x=Real(0.0, 1.0, shape=3)), seed=1, crossover_probability=0.0, mutation_probability=0.0
    )
    first = list(optimizer.ask())
    optimizer.tell(first, [1.0] * len(first))
    assert not set(optimizer.ask()[1:]) & set(first)


def test_constraints_are_met_by_breeding_anew() -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    optimizer = GeneticAlgorithm(space, seed=1)
    for _ in range(10):
        individuals = optimizer.ask()
        assert space.feasible(individuals).all()
        optimizer.tell(individuals, [one["decay"] - one["rise"] for one in individuals])


def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0), model=Categorical("a", "b"))
    optimizer = GeneticAlgorithm(space, seed=1, population=3)
    archive = [space.individual({"x": x, "model": "b"}) for x in (0.1, 0.2, 0.3)]
    with pytest.raises(ReplayError, match="unit cube"):
        optimizer.reask(archive)
    optimizer.tell(archive, [1.0, 0.5, 2.0])
    assert optimizer.ask()[0] == archive[1]


def test_deap_is_left_without_classes_of_ours() -> None:
    from deap import creator

    before = set(vars(creator))
    for _ in range(2):
        individuals = (optimizer := GeneticAlgorithm(SPACE, seed=1)).ask()
        optimizer.tell(individuals, [cost(one) for one in individuals])
        optimizer.ask()
    assert set(vars(creator)) == before


def test_where_nothing_varies_there_is_one_individual() -> None:
    optimizer = GeneticAlgorithm(ParameterSpace(x=Fixed(1.0)), seed=1, population=4)
    for _ in range(3):
        individuals = optimizer.ask()
        assert [one["x"] for one in individuals] == [1.0] * 4
        optimizer.tell(individuals, [0.0] * 4)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 1}, "population"),
        ({"elitism": 50}, "elitism"),
        ({"tournament": 0}, "tournament"),
        ({"crossover_probability": 1.5}, "crossover_probability"),
        ({"mutation_probability": -0.1}, "mutation_probability"),
        ({"crossover": "sbx2"}, "crossover"),
        ({"sigma": 0.0}, "sigma"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        GeneticAlgorithm(SPACE, **options)
