import math
from typing import Any

import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizers import ParallelTempering
from l2l.optimizers.metropolis import Spread, accepted, exchanged
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

LINE = ParameterSpace(x=Real(-2.0, 2.0))
LADDER = [0.25, 0.45, 0.8, 1.5, 3.0]


class TestParallelTempering(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> ParallelTempering:
        return ParallelTempering(space, seed=seed, **options)


class TestParallelTemperingForSomeGenerations(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> ParallelTempering:
        if "population" not in options:
            options["temperatures"] = [1.0, 0.1, 10.0]
        return ParallelTempering(space, seed=seed, generations=12, **options)


def double_well(x: Any) -> Any:
    """Minima near -1 and 1, of which the left is lower, with a barrier of 4 between them."""
    return 4.0 * (x**2 - 1.0) ** 2 + 0.2 * x


def sampled(optimizer: ParallelTempering, generations: int) -> np.ndarray:
    """The states (generations, temperatures)."""
    rows = []
    for _ in range(generations):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [double_well(one["x"]) for one in individuals])
        rows.append([one["x"] for one in optimizer.states])
    return np.array(rows)


def test_a_double_well_is_sampled_with_its_boltzmann_weights_by_replicas_that_travel() -> None:
    optimizer = ParallelTempering(LINE, seed=1, temperatures=LADDER)
    states = sampled(optimizer, 8000)[500:]
    x = np.linspace(-2.0, 2.0, 4001)
    for place, temperature in enumerate(LADDER):
        weights = np.exp(-double_well(x) / temperature)
        expected = weights[x < 0].sum() / weights.sum()
        assert (states[:, place] < 0).mean() == pytest.approx(expected, abs=0.04)
        mean_cost = (weights * double_well(x)).sum() / weights.sum()
        assert double_well(states[:, place]).mean() == pytest.approx(mean_cost, abs=0.1 * temperature)
    report = optimizer.report()
    assert report["round_trips"] > 100
    assert (np.asarray(report["exchange_rate"]) > 0.3).all()


def test_without_exchange_a_cold_chain_stays_in_its_well() -> None:
    optimizer = ParallelTempering(LINE, seed=1, temperatures=[0.02, 0.02001], initial=[{"x": 1.0}, {"x": 1.0}])
    assert (sampled(optimizer, 1000) > 0).all()


def test_states_swap_and_nothing_is_lost() -> None:
    optimizer = ParallelTempering(LINE, seed=2, temperatures=LADDER)
    sampled(optimizer, 2)
    visited = [set() for _ in LADDER]
    for _ in range(300):
        sampled(optimizer, 1)
        report = optimizer.report()
        replica = np.asarray(report["replica"])
        assert sorted(replica) == [0, 1, 2, 3, 4]
        np.testing.assert_allclose(report["costs"], [double_well(one["x"]) for one in optimizer.states], rtol=1e-9)
        for place, one in enumerate(replica):
            visited[int(one)].add(place)
    assert visited == [{0, 1, 2, 3, 4}] * 5


def test_the_exchange_rule_is_that_of_the_paper() -> None:
    temperatures = np.array([1.0, 2.0])
    chances = np.linspace(0.0, 1.0, 10001)[:-1]
    for low, high in [(0.0, 1.0), (1.0, 0.0), (2.0, 5.0)]:
        costs = np.array([low, high])
        share = np.mean([exchanged(costs, temperatures, np.array([0]), np.array([u]))[0] for u in chances[::10]])
        assert share == pytest.approx(min(1.0, math.exp((1.0 - 0.5) * (low - high))), abs=2e-3)
    for cold, hot, expected in [(math.inf, 1.0, True), (1.0, math.inf, False), (math.inf, math.inf, False)]:
        assert exchanged(np.array([cold, hot]), temperatures, np.array([0]), np.array([0.0]))[0] == expected


def test_the_metropolis_rule() -> None:
    now, proposed = np.array([1.0, 1.0, 1.0, math.inf, 1.0]), np.array([0.0, 2.0, 2.0, 5.0, math.inf])
    chances = np.array([0.99, 0.36, 0.37, 0.99, 0.0])
    assert accepted(now, proposed, 1.0, chances).tolist() == [True, True, False, True, False]
    assert accepted(now, proposed, 0.0, chances).tolist() == [True, False, False, True, False]


def test_the_spread_of_costs_is_measured_until_it_is_known() -> None:
    spread = Spread()
    for _ in range(4):
        assert spread.mean is None
        spread.add(np.array([1.0, 1.0, 2.0, math.inf]), np.array([2.0, 4.0, 2.0, 1.0]))
    spread.add(np.array([1.0, 1.0]), np.array([2.0, 4.0]))
    assert spread.mean == pytest.approx(2.0)


def test_the_automatic_ladder_is_geometric_and_in_units_of_the_cost() -> None:
    for unit in (1e-6, 1e6):
        optimizer = ParallelTempering(LINE, seed=1)
        for _ in range(3):
            individuals = optimizer.ask()
            optimizer.tell(individuals, [unit * one["x"] ** 2 for one in individuals])
        temperatures = optimizer.temperatures
        assert 0.3 < temperatures[-1] / unit < 4.0
        np.testing.assert_allclose(temperatures[1:] / temperatures[:-1], 1000 ** (1 / 7))


def test_it_solves_a_mixed_problem() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2), n=Integer(0, 10), model=Categorical(*"abcd"))

    def cost(one: Individual) -> float:
        return float(((one["x"] - 1.3) ** 2).sum() + (one["n"] - 3) ** 2) + "dcba".index(one["model"])

    optimizer = ParallelTempering(space, seed=1, generations=500)
    while not optimizer.finished:
        individuals = optimizer.ask()
        optimizer.tell(individuals, [cost(one) for one in individuals])
    assert optimizer.report()["best_cost"] < 0.05
    assert optimizer.finished == "all 500 generations are asked"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 1}, "population"),
        ({"temperatures": [1.0]}, "population"),
        ({"temperatures": [1.0, 0.0]}, "temperatures"),
        ({"temperatures": [1.0, 2.0], "population": 3}, "temperatures"),
        ({"coldest": 0.0}, "coldest"),
        ({"scale": 2.0}, "scale"),
        ({"generations": 0}, "generations"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        ParallelTempering(LINE, **options)
