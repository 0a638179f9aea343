import math
from typing import ClassVar

import pytest

import l2l
from l2l.testing.optimizees import OptimizeeContract
from l2l_chaos.logistic_map import LogisticMap


class TestLogisticMap(OptimizeeContract):
    silent: ClassVar[bool] = True

    def make(self) -> l2l.Optimizee:
        return LogisticMap()


@pytest.mark.parametrize(("growth", "exponent"), [(3.4, math.log(0.76) / 2.0), (4.0, math.log(2.0))])
def test_the_exponent_is_the_one_that_theory_says(growth: float, exponent: float) -> None:
    model = LogisticMap(target=exponent, noise=0.0, steps=10_000)
    individual = model.space.individual({"growth": growth, "start": 0.3})
    outcome = model.simulate(individual, l2l.Trial(individual))
    assert outcome.observables["exponent"] == pytest.approx(exponent, abs=0.01)
    assert outcome.fitness < 0.01


def test_a_population_that_dies_out_is_invalid() -> None:
    model = LogisticMap(noise=0.2)
    individual = model.space.individual({"growth": 4.0})
    with pytest.raises(l2l.Invalid, match="died out"):
        model.simulate(individual, l2l.Trial(individual, entropy=1))
