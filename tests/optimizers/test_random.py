import math
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import stats

from l2l.errors import OptionError
from l2l.optimizers import RandomSearch
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract


class TestRandomSearch(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> RandomSearch:
        return RandomSearch(space, seed=seed, **options)


def test_reals_are_uniform_on_their_scale() -> None:
    space = ParameterSpace(x=Real(-3.0, 5.0), tau=Real(1e-3, 1e3, log=True))
    individuals = RandomSearch(space, seed=1, population=4000).ask()
    x = np.array([one["x"] for one in individuals])
    tau = np.array([one["tau"] for one in individuals])
    assert stats.kstest(x, stats.uniform(-3.0, 8.0).cdf).pvalue > 0.01
    assert stats.kstest(np.log10(tau), stats.uniform(-3.0, 6.0).cdf).pvalue > 0.01
    assert abs(stats.spearmanr(x, tau).statistic) < 0.05


def test_integers_and_choices_are_equally_likely() -> None:
    space = ParameterSpace(n=Integer(-2, 4), model=Categorical("a", "b", "c"))
    individuals = RandomSearch(space, seed=2, population=4000).ask()
    for name in space:
        _, counts = np.unique([one[name] for one in individuals], return_counts=True)
        assert stats.chisquare(counts).pvalue > 0.01


def test_generations_do_not_repeat() -> None:
    search = RandomSearch(ParameterSpace(x=Real(0.0, 1.0)), seed=1, population=50)
    asked = []
    for _ in range(4):
        individuals = search.ask()
        search.tell(individuals, [0.0] * 50)
        asked += individuals
    assert len(set(asked)) == 200


def test_constraints_are_met_where_they_can_be() -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    assert space.feasible(RandomSearch(space, seed=1, population=500).ask()).all()


def test_what_cannot_meet_a_constraint_is_asked_all_the_same() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0), constraints=["x > 2"])
    assert len(RandomSearch(space, seed=1, population=5).ask()) == 5


def test_it_is_finished_once_all_samples_are_drawn() -> None:
    search = RandomSearch(
        ParameterSpace(x=Real(0.0, 1.0)), seed=1, population=4, samples=10, initial=[{"x": 0.5}, {"x": 0.25}]
    )
    sizes = []
    while not search.finished:
        individuals = search.ask()
        sizes.append(len(individuals))
        search.tell(individuals, [math.inf] * len(individuals))
    assert sizes == [4, 4, 2]
    assert search.finished == "all 10 samples are drawn"


def test_a_space_where_nothing_varies_has_one_point() -> None:
    search = RandomSearch(ParameterSpace(x=Fixed(2.0)), seed=1, population=3)
    assert [one["x"] for one in search.ask()] == [2.0] * 3


@pytest.mark.parametrize("options", [{"population": 0}, {"samples": 0}, {"samples": -1}])
def test_numbers_below_one_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="expected 1 or more"):
        RandomSearch(ParameterSpace(x=Real(0.0, 1.0)), **options)
