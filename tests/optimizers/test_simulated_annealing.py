import itertools
import math
from typing import Any

import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizers import SimulatedAnnealing
from l2l.optimizers.cooling import SCHEDULES, ScheduleName
from l2l.optimizers.moves import Moves
from l2l.optimizers.unit_cube import reflected
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

LINE = ParameterSpace(x=Real(-5.0, 5.0))


class TestSimulatedAnnealing(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> SimulatedAnnealing:
        return SimulatedAnnealing(space, seed=seed, **options)


class TestSimulatedAnnealingOfASingleChain(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> SimulatedAnnealing:
        options = {"population": 2, "temperature": 0.1, "schedule": "linear", "steps": 8, **options}
        return SimulatedAnnealing(space, seed=seed, **options)


@pytest.mark.parametrize(
    ("schedule", "formula"),
    [
        ("exponential", lambda k: 7.0 * 0.9**k),
        ("linear", lambda k: 7.0 * (1 - k / 50)),
        ("quadratic", lambda k: 7.0 * (1 - k / 50) ** 2),
        ("logarithmic", lambda k: 7.0 * math.log(2) / math.log(2 + k)),
        ("cauchy", lambda k: 7.0 / (1 + k)),
        ("very-fast", lambda k: 7.0 * math.exp(math.log(0.9) * k ** (1 / 3))),
        ("constant", lambda k: 7.0),
    ],
)
def test_each_cooling_schedule_matches_its_formula(schedule: ScheduleName, formula: Any) -> None:
    space = ParameterSpace(x=Real(0.0, 1.0, shape=3))
    optimizer = SimulatedAnnealing(space, seed=1, temperature=7.0, schedule=schedule, rate=0.9, steps=50)
    individuals = optimizer.ask()
    optimizer.tell(individuals, [0.0] * 10)
    for k in range(40):
        assert optimizer.report()["temperature"] == pytest.approx(formula(k), rel=1e-12)
        individuals = optimizer.ask()
        optimizer.tell(individuals, [0.0] * 10)


def test_every_schedule_starts_at_the_first_temperature_and_never_rises() -> None:
    for share in SCHEDULES.values():
        shares = [share(k, 0.9, 30, 4) for k in range(60)]
        assert shares[0] == 1.0
        assert all(later <= earlier for earlier, later in itertools.pairwise(shares))
        assert min(shares) >= 0.0


def minimized(optimizer: SimulatedAnnealing, cost: Any, generations: int = 1000) -> float:
    for _ in range(generations):
        if optimizer.finished:
            break
        individuals = optimizer.ask()
        optimizer.tell(individuals, [cost(one) for one in individuals])
    return optimizer.report()["best_cost"]


def test_it_finds_the_lowest_of_many_minima() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=2))

    def rastrigin(one: Individual) -> float:
        x = one["x"] - 1.0
        return float(10.0 * len(x) + (x**2 - 10.0 * np.cos(2.0 * np.pi * x)).sum())

    optimizer = SimulatedAnnealing(space, seed=1)
    assert minimized(optimizer, rastrigin) < 1e-3
    assert optimizer.finished == "the temperature fell to 9.9e-07 of the first after 454 generations"


def test_it_solves_a_mixed_problem() -> None:
    space = ParameterSpace(
        x=Real(-5.0, 5.0, shape=2), n=Integer(0, 10), k=Integer(1, 1000, log=True), model=Categorical(*"abcd")
    )

    def cost(one: Individual) -> float:
        numbers = ((one["x"] - 1.3) ** 2).sum() + (one["n"] - 3) ** 2 + math.log(one["k"] / 37) ** 2
        return float(numbers) + "dcba".index(one["model"])

    assert minimized(SimulatedAnnealing(space, seed=1), cost) < 0.1


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_automatic_temperature_is_in_units_of_the_cost(unit: float) -> None:
    optimizer = SimulatedAnnealing(LINE, seed=3, population=50)
    minimized(optimizer, lambda one: unit * one["x"] ** 2, generations=3)
    assert 0.01 < optimizer.report()["temperature"] / unit < 100.0
    accepted = []
    for _ in range(5):
        minimized(optimizer, lambda one: unit * one["x"] ** 2, generations=1)
        accepted.append(optimizer.report()["acceptance"])
    assert 0.75 < np.mean(accepted) < 0.99  # 80 % of what is worse, and all that is better


def test_at_a_constant_temperature_a_chain_samples_the_boltzmann_distribution() -> None:
    optimizer = SimulatedAnnealing(LINE, seed=3, population=100, temperature=0.5, schedule="constant")
    samples = []
    for generation in range(300):
        minimized(optimizer, lambda one: one["x"] ** 2, generations=1)
        if generation > 50:
            samples.append(optimizer.report()["mean_cost"])
    assert np.mean(samples) == pytest.approx(0.25, abs=0.02)  # equipartition: T / 2


def test_steps_get_shorter_as_it_gets_colder() -> None:
    optimizer = SimulatedAnnealing(LINE, seed=1)
    minimized(optimizer, lambda one: one["x"] ** 2, generations=20)
    early = optimizer.report()["scale"]
    minimized(optimizer, lambda one: one["x"] ** 2)
    assert optimizer.report()["scale"] < 0.05 * early


def test_moves_are_symmetric() -> None:
    space = ParameterSpace(a=Categorical(*"abc"), b=Categorical(*"ab"))
    moves, rng = Moves(space), np.random.default_rng(1)
    points = space.encode([space.individual({"a": "a", "b": "a"})] * 4000)
    moved = space.decode(moves.from_points(points, np.ones(4000), rng))
    assert all((one["a"] != "a") != (one["b"] != "a") for one in moved)  # exactly one switches
    shares = np.array([sum(one["a"] == choice for one in moved) for choice in "bc"]) / 4000
    np.testing.assert_allclose(shares, 0.25, atol=0.03)
    folded = reflected(np.array([-0.2, 0.3, 1.1, 2.4, -1.3]))
    np.testing.assert_allclose(folded, [0.2, 0.3, 0.9, 0.4, 0.7])


def test_constraints_are_met_by_drawing_anew() -> None:
    space = ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"])
    optimizer = SimulatedAnnealing(space, seed=1)
    for _ in range(30):
        individuals = optimizer.ask()
        assert space.feasible(individuals).all()
        optimizer.tell(individuals, [one["decay"] - one["rise"] for one in individuals])


def test_chains_leave_regions_that_fail() -> None:
    def cost(one: Individual) -> float:
        return math.inf if one["x"] > -4.0 else one["x"] ** 2

    assert minimized(SimulatedAnnealing(LINE, seed=1), cost) == pytest.approx(16.0, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"population": 0}, "population"),
        ({"temperature": 0.0}, "temperature"),
        ({"rate": 1.0}, "rate"),
        ({"steps": 0}, "steps"),
        ({"final": -1.0}, "final"),
        ({"scale": 0.0}, "scale"),
        ({"schedule": "slow"}, "schedule"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        SimulatedAnnealing(LINE, **options)
