from typing import Any, ClassVar

import numpy as np
import pytest

from l2l.errors import OptionError, SpaceError
from l2l.optimizers import Morris, Saltelli
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

MIXED = ParameterSpace(
    x=Real(0.0, 1.0), w=Real(0.0, 1.0, shape=2), n=Integer(1, 8), c=Categorical("a", "b", "c"), f=Fixed(1.0)
)


class TestSaltelli(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Saltelli:
        return Saltelli(space, seed=seed, samples=4, **options)


class TestMorris(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Morris:
        return Morris(space, seed=seed, samples=3, **options)


@pytest.mark.parametrize("design", [Saltelli, Morris])
def test_twice_the_samples_begin_with_the_same_points(design: Any) -> None:
    small, large = (design(MIXED, seed=5, samples=n, population=10_000).ask() for n in (16, 32))
    assert len(large) == 2 * len(small)
    assert large[: len(small)] == small


@pytest.mark.parametrize("design", [Saltelli, Morris])
def test_points_asked_one_by_one_are_those_of_generations(design: Any) -> None:
    whole = list(design(MIXED, seed=5, samples=8, population=1000).ask())
    search = design(MIXED, seed=5, samples=8, steady_state=True)
    assert [one for _ in range(len(whole)) for one in search.ask(1)] == whole


def test_a_block_mixes_two_points_parameter_by_parameter() -> None:
    search = Saltelli(MIXED, seed=1, samples=8, second_order=True, population=1000)
    assert search.block == 10 and list(search.effects) == ["x", "w", "n", "c"]
    asked = search.ask()
    for start in range(0, len(asked), search.block):
        a, b = asked[start], asked[start + search.block - 1]
        for place, name in enumerate(search.effects):
            for one, own, others in ((asked[start + 1 + place], b, a), (asked[start + 5 + place], a, b)):
                for other in search.effects:
                    assert np.array_equal(one[other], (own if other == name else others)[other])


def test_a_trajectory_moves_each_coordinate_once_by_half_of_its_levels() -> None:
    search = Morris(MIXED, seed=1, samples=50, levels=6)
    assert list(search.effects) == ["x", "w[0]", "w[1]", "n", "c"]
    steps = np.diff(search.design(0, 50 * 6).reshape(50, 6, 5), axis=1)
    moved = np.abs(steps) > 1e-12
    assert (moved.sum(axis=1) == 1).all() and (moved.sum(axis=2) == 1).all()
    np.testing.assert_allclose(np.abs(steps[moved]), 3 / 5)
    assert abs((steps[moved] > 0).mean() - 0.5) < 0.1


def test_what_cannot_be_analysed_is_refused() -> None:
    for design in (Saltelli, Morris):
        with pytest.raises(SpaceError, match=r"vary|varies"):
            design(ParameterSpace(f=Fixed(1.0)))
        with pytest.raises(OptionError, match="samples"):
            design(MIXED, samples=1)
    with pytest.raises(OptionError, match="even number from 2, got 3"):
        Morris(MIXED, levels=3)
