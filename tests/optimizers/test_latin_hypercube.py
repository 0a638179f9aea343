import math
from typing import Any, ClassVar

import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizers import LatinHypercube
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

CUBE = ParameterSpace(x=Real(0.0, 1.0), tau=Real(1.0, 1e3, log=True), w=Real(-1.0, 1.0, shape=3))


class TestLatinHypercube(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> LatinHypercube:
        return LatinHypercube(space, seed=seed, **options)


class TestLatinHypercubeOfAllSamples(OptimizerContract):
    steady: ClassVar = {"steady_state": True, "samples": 200}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> LatinHypercube:
        return LatinHypercube(space, seed=seed, **{"samples": 1200, **options})


def asked_by(search: LatinHypercube) -> list[list[Individual]]:
    generations = []
    while not search.finished:
        individuals = list(search.ask())
        search.tell(individuals, [math.inf] * len(individuals))
        generations.append(individuals)
    return generations


def cells_of(individuals: list[Individual]) -> np.ndarray:
    return np.sort(np.floor(CUBE.encode(individuals) * len(individuals)), axis=0)


@pytest.mark.parametrize("population", [1, 7, 100])
def test_all_samples_are_one_hypercube(population: int) -> None:
    generations = asked_by(LatinHypercube(CUBE, seed=2, population=population, samples=50))
    asked = [one for generation in generations for one in generation]
    assert (cells_of(asked) == np.arange(50)[:, None]).all()


def test_without_an_end_each_generation_is_a_hypercube() -> None:
    search = LatinHypercube(CUBE, seed=2, population=20)
    generations = []
    for _ in range(3):
        individuals = list(search.ask())
        search.tell(individuals, [0.0] * 20)
        assert (cells_of(individuals) == np.arange(20)[:, None]).all()
        generations += individuals
    assert len(set(generations)) == 60
    assert search.finished is None


def test_integers_and_categories_are_covered_evenly() -> None:
    space = ParameterSpace(n=Integer(1, 4), model=Categorical("a", "b", "c"))
    (asked,) = asked_by(LatinHypercube(space, seed=1, samples=60))
    assert np.unique([one["n"] for one in asked], return_counts=True)[1].tolist() == [15] * 4
    assert np.unique([one["model"] for one in asked], return_counts=True)[1].tolist() == [20] * 3


def test_initial_individuals_count_as_samples() -> None:
    initial = [{"x": 0.5}, {"x": 0.25}, {"x": 0.75}]
    search = LatinHypercube(CUBE, seed=1, population=4, samples=10, initial=initial)
    generations = asked_by(search)
    assert [len(generation) for generation in generations] == [4, 4, 2]
    assert (cells_of([one for generation in generations for one in generation][3:]) == np.arange(7)[:, None]).all()
    assert search.finished == "all 10 samples are asked"
    assert [len(one) for one in asked_by(LatinHypercube(CUBE, samples=2, initial=initial))] == [2]


def test_a_space_where_nothing_varies_has_one_point() -> None:
    assert [one["x"] for one in LatinHypercube(ParameterSpace(x=Fixed(2.0)), population=3).ask()] == [2.0] * 3


@pytest.mark.parametrize("options", [{"population": 0}, {"samples": 0}])
def test_numbers_below_one_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="expected 1 or more"):
        LatinHypercube(CUBE, **options)
