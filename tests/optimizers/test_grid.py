import itertools
import math
from typing import Any, ClassVar

import pytest

from l2l.errors import SpaceError
from l2l.individual import Individual
from l2l.optimizers import GridSearch
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract


class TestGridSearch(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> GridSearch:
        return GridSearch(space, seed=seed, points=2 if space.dimension > 20 else 3, **options)


def asked_by(search: GridSearch) -> list[list[Individual]]:
    generations = []
    while not search.finished:
        individuals = list(search.ask())
        search.tell(individuals, [math.inf] * len(individuals))
        generations.append(individuals)
    return generations


def test_it_asks_exactly_the_product_in_order() -> None:
    space = ParameterSpace(
        x=Real(0.0, 1.0), tau=Real(1.0, 100.0, log=True), n=Integer(1, 3), model=Categorical("a", "b")
    )
    generations = asked_by(GridSearch(space, points={"x": 5, "tau": 3, "n": 3}, population=7))
    asked = [one.row for generation in generations for one in generation]
    expected = itertools.product([0.0, 0.25, 0.5, 0.75, 1.0], [1.0, 10.0, 100.0], [1, 2, 3], ["a", "b"])
    assert asked == list(expected)


def test_the_last_generation_is_smaller() -> None:
    search = GridSearch(ParameterSpace(x=Real(0.0, 1.0)), points=10, population=4)
    assert [len(generation) for generation in asked_by(search)] == [4, 4, 2]
    assert search.finished == "all 10 points of the grid are asked"
    assert search.report() == {"asked": 1.0}


def test_initial_individuals_come_in_addition() -> None:
    search = GridSearch(ParameterSpace(x=Real(0.0, 1.0)), points=3, population=2, initial=[{"x": 0.3}, {"x": 0.4}, {}])
    assert [[one["x"] for one in generation] for generation in asked_by(search)] == [[0.3, 0.4], [0.5, 0.0], [0.5, 1.0]]


def test_a_parameter_without_effect_does_not_multiply_the_grid() -> None:
    space = ParameterSpace(amplitude=Real(0.0, 1.0), frequency=Real(1.0, 9.0, when="amplitude > 0"))
    (asked,) = asked_by(GridSearch(space, points=3))
    assert len(asked) == len(set(asked)) == 7


def test_a_huge_grid_is_never_held_as_a_whole() -> None:
    search = GridSearch(ParameterSpace(x=Real(0.0, 1.0, shape=10)), points=10, population=3)
    assert [one["x"][-1] for one in search.ask()] == [0.0, 0.111111111111, 0.222222222222]


def test_a_grid_beyond_counting_is_refused() -> None:
    with pytest.raises(SpaceError, match="too many"):
        GridSearch(ParameterSpace(x=Real(0.0, 1.0, shape=1000)))


def test_a_misspelt_parameter_is_named_with_the_near_one() -> None:
    with pytest.raises(KeyError, match="tau_m"):
        GridSearch(ParameterSpace(tau_m=Real(0.0, 1.0)), points={"tau": 3})
