"""What is asked of every registered optimizer beyond the contract: cheap replays, sane defaults, wide spaces."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l.errors import OptionError, SpaceError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.registry import build, names
from l2l.space import ParameterSpace, Real
from l2l.testing.optimizers import archived, same_report
from l2l.values import Results

EVALUATIONS = 10_000
DATA = 4
SPACE = ParameterSpace(x=Real(-5.0, 5.0, shape=3), y=Real(1e-3, 10.0, log=True))

NEEDED: Mapping[str, Mapping[str, Any]] = {
    "ensemble-kalman": {"target": [0.3] * DATA},
    "map-elites": {"observables": ["first", "second"], "ranges": [[0.0, 1.0], [0.0, 1.0]]},
    "points": {"points": [{}] * 200},
}
"""Options without a default."""

ENDLESS: Mapping[str, Mapping[str, Any]] = {
    "cma-es": {"restarts": "bipop", "population": 50},
    "cross-entropy": {"tolfun": 0.0, "tolx": 0.0},
    "cross-entropy: mixture": {"distribution": "mixture", "population": 100, "tolfun": 0.0, "tolx": 0.0},
    "differential-evolution": {"tolx": 0.0, "population": 100},
    "differential-evolution: steady": {"tolx": 0.0, "population": 100, "steady_state": True},
    "ensemble-kalman": {"time": None, "inflation": 1.1},
    "evolution-strategies": {"tolx": 0.0},
    "face": {"tolx": 0.0, "patience": EVALUATIONS},
    "gaussian-process": {"startup": EVALUATIONS, "population": 100},
    "genetic-algorithm": {},
    "genetic-algorithm: steady": {"steady_state": True},
    "gradient-descent": {"tolerance": 0.0},
    "grid": {"points": 11},
    "islands": {"optimizer": {"name": "genetic-algorithm", "population": 25}},
    "islands: migration": {"migration": 3},
    "latin-hypercube": {},
    "latin-hypercube: one": {"samples": EVALUATIONS + 100},
    "map-elites": {},
    "map-elites: line": {"emitter": "line"},
    "natural-evolution-strategies": {"tolfun": 0.0, "tolx": 0.0},
    "natural-evolution-strategies: separable": {"kind": "separable", "tolfun": 0.0, "tolx": 0.0},
    "nsga2": {},
    "nsga3": {},
    "parallel-tempering": {},
    "points": {"points": [{"y": 1e-3 + 1e-4 * place} for place in range(EVALUATIONS + 100)]},
    "morris": {"samples": 3000},
    "random": {},
    "saltelli": {"samples": 4096},
    "refine": {"finest": 1025},
    "simulated-annealing": {"final": 0.0},
    "sobol": {},
    "sobol: steady": {"steady_state": True},
    "tpe": {"startup": EVALUATIONS, "population": 100},
}
"""Options with which each goes on for so many evaluations; model-based ones with as large a design."""


def made(case: str, space: ParameterSpace = SPACE, **options: Any) -> Optimizer:
    name = case.partition(":")[0]
    optimizer: Optimizer = build("optimizer", {"name": name, "seed": 1, **NEEDED.get(name, {}), **options}, space)
    return optimizer


def simulated(space: ParameterSpace, individuals: Sequence[Individual]) -> tuple[np.ndarray, Results]:
    """Costs (n,) without a slope to follow, of which every seventh failed, and what lies behind them."""
    points = space.encode(individuals)
    costs = np.sin(1e5 * points).sum(axis=1)
    costs[3::7] = math.inf
    trials = np.where(np.isinf(costs), math.nan, costs)[:, None, None]
    observables = {"output": points[:, None, :DATA], "first": points[:, None, 0], "second": points[:, None, 1]}
    return costs, Results(trials, observables, np.zeros((len(costs), 1)), np.ones(len(costs), dtype=np.int64))


def test_every_optimizer_is_among_these() -> None:
    assert {case.partition(":")[0] for case in ENDLESS} == set(names("optimizer"))


@pytest.mark.slow
@pytest.mark.timeout(120)  # of some seconds, on a machine that others share
@pytest.mark.parametrize("case", ENDLESS)
def test_ten_thousand_archived_evaluations_replay_in_seconds(case: str) -> None:
    original, count, history = made(case, **ENDLESS[case]), 0, []
    while count < EVALUATIONS:
        individuals = list(original.ask(10 if original.steady_state else None))
        assert individuals, original.finished
        told = simulated(SPACE, individuals)
        original.tell(individuals, *told)
        history.append((archived(SPACE, individuals), told))
        count += len(individuals)
    replayed = made(case, **ENDLESS[case])
    for individuals, told in history:
        replayed.reask(individuals)
        replayed.tell(individuals, *told)
    assert replayed.replayed_difference == 0.0
    same_report(replayed, original)
    if "startup" not in ENDLESS[case]:  # a model of so many points is no replay
        n = 10 if original.steady_state else None
        assert list(replayed.ask(n)) == list(original.ask(n))


@pytest.mark.parametrize("name", names("optimizer"))
def test_nothing_but_a_seed_is_needed(name: str) -> None:
    optimizer = made(name)
    for _ in range(2):
        individuals = optimizer.ask()
        assert len(individuals) == optimizer.population
        optimizer.tell(individuals, *simulated(SPACE, individuals))
        assert optimizer.report(), "a user wants to see something of each generation"


@pytest.mark.parametrize("name", names("optimizer"))
def test_vectors_of_thousands_are_searched_or_refused_in_words(name: str) -> None:
    space = ParameterSpace(x=Real(-1.0, 1.0, shape=5000))
    try:
        optimizer = made(name, space, population=16)
    except (OptionError, SpaceError) as refusal:
        words = str(refusal)
    else:
        for _ in range(2):
            individuals = list(optimizer.ask())
            assert len(individuals) == 16
            optimizer.tell(individuals, *simulated(space, individuals))
            optimizer.report()
        words = "at most"
    assert "at most" in words or "too many" in words


@pytest.mark.parametrize("name", names("optimizer"))
def test_the_manual_names_all_that_is_reported(name: str, repository: Path) -> None:
    manual = (repository / "docs/optimizers.md").read_text()
    reported = {what for what in made(name).report() if not what.startswith("islands_")}
    assert {what for what in reported if f"`{what}`" not in manual} == set()
