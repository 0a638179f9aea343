import math
import time
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.stats import qmc

from l2l.errors import OptionError, SpaceError
from l2l.individual import Individual
from l2l.optimizers import Sobol
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

SQUARE = ParameterSpace(x=Real(0.0, 1.0), y=Real(0.0, 1.0))


class TestSobol(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Sobol:
        return Sobol(space, seed=seed, **options)


def asked_by(search: Sobol, generations: int = 1000) -> list[Individual]:
    asked: list[Individual] = []
    for _ in range(generations):
        individuals = search.ask()
        search.tell(individuals, [math.inf] * len(individuals))
        asked += individuals
        if search.finished:
            break
    return asked


@pytest.mark.parametrize("population", [1, 7, 64])
def test_generations_continue_one_sequence(population: int) -> None:
    whole = Sobol(SQUARE, seed=3, population=256).ask()
    assert asked_by(Sobol(SQUARE, seed=3, population=population, samples=256)) == list(whole)


def test_every_dyadic_box_holds_as_many_points() -> None:
    points = SQUARE.encode(asked_by(Sobol(SQUARE, seed=1, population=48, samples=256)))
    for cells in [(256, 1), (1, 256), (16, 16), (64, 4)]:
        counts, *_ = np.histogram2d(points[:, 0], points[:, 1], bins=cells, range=[[0, 1], [0, 1]])
        assert (counts == 1).all()


def test_it_is_more_even_than_random_points() -> None:
    points = SQUARE.encode(asked_by(Sobol(SQUARE, seed=1, population=100, samples=512)))
    random = np.random.default_rng(1).random((512, 2))
    assert qmc.discrepancy(points) < 0.1 * qmc.discrepancy(random)


def test_another_seed_scrambles_otherwise() -> None:
    assert not set(Sobol(SQUARE, seed=1).ask()) & set(Sobol(SQUARE, seed=2).ask())


def test_all_kinds_are_covered_evenly() -> None:
    space = ParameterSpace(
        tau=Real(1.0, 100.0, log=True), n=Integer(1, 4), model=Categorical("a", "b"), w=Real(0.0, 1.0, shape=3)
    )
    asked = asked_by(Sobol(space, seed=1, population=64, samples=64))
    assert sum(one["tau"] < 10.0 for one in asked) == 32
    assert np.unique([one["n"] for one in asked], return_counts=True)[1].tolist() == [16] * 4
    assert sum(one["model"] == "a" for one in asked) == 32


def test_what_violates_a_constraint_is_left_out() -> None:
    space = ParameterSpace(rise=Real(0.0, 1.0), decay=Real(0.0, 1.0), constraints=["rise < decay"])
    asked = asked_by(Sobol(space, seed=1, population=50, samples=200))
    assert space.feasible(asked).all()
    assert len(set(asked)) == 200
    hopeless = ParameterSpace(x=Real(0.0, 1.0), constraints=["x > 2"])
    assert len(Sobol(hopeless, seed=1, population=5).ask()) == 5


def test_initial_individuals_count_as_samples() -> None:
    search = Sobol(SQUARE, seed=1, population=4, samples=10, initial=[{"x": 0.5}, {"x": 0.25}])
    asked = asked_by(search)
    assert len(asked) == 10
    assert asked[2:] == list(Sobol(SQUARE, seed=1, population=8).ask())
    assert search.finished == "all 10 samples are asked"
    assert search.finite


def test_ten_thousand_samples_replay_in_seconds() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0, shape=20))
    individuals = asked_by(Sobol(space, seed=1, population=100, samples=10_000))
    replayed = Sobol(space, seed=1, population=100)
    begin = time.perf_counter()
    for start in range(0, 10_000, 100):
        replayed.reask(individuals[start : start + 100])
        replayed.tell(individuals[start : start + 100], [0.0] * 100)
    assert time.perf_counter() - begin < 5.0


def test_a_space_where_nothing_varies_has_one_point() -> None:
    assert [one["x"] for one in Sobol(ParameterSpace(x=Fixed(2.0)), seed=1, population=3).ask()] == [2.0] * 3


def test_a_space_of_too_many_coordinates_is_refused_when_it_is_built() -> None:
    with pytest.raises(SpaceError, match="21201"):
        Sobol(ParameterSpace(x=Real(0.0, 1.0, shape=21_202)))


@pytest.mark.parametrize("options", [{"population": 0}, {"samples": 0}])
def test_numbers_below_one_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="expected 1 or more"):
        Sobol(SQUARE, **options)
