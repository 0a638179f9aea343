from typing import Any

import numpy as np
import pytest

from l2l import Individual, Maximize, Minimize, Status
from l2l.experiment.tally import Tally
from tests.l2l.experiment.plans import plan

NAN, INF = float("nan"), float("inf")


def tell(tally: Tally, first: int, costs: Any, fitness: Any | None = None) -> int | None:
    columns = np.array(costs, dtype=float)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if fitness is None:
        signs = np.array([one.sign for one in tally._plan.objectives])
        fitness = np.where(np.isfinite(columns), columns * signs, NAN)
    individuals = [Individual({"x": float(place)}) for place in range(len(columns))]
    return tally.tell(np.arange(first, first + len(columns)), individuals, columns, np.array(fitness, dtype=float))


def test_nothing_is_best_before_something_is_told() -> None:
    tally = Tally(plan())
    assert np.isnan(tally.best).all() and tally.best_individual is None and tally.best_number == -1
    assert (tally.standing.best, tally.told, tally.standing.generations) == (INF, 0, 0)


def test_the_best_is_followed_and_named() -> None:
    tally = Tally(plan())
    assert tell(tally, 0, [3.0, 2.0, 2.0]) == 1
    assert tell(tally, 3, [2.0, 5.0]) is None, "as good is no better"
    assert tell(tally, 5, [INF, 1.0]) == 6
    assert tally.best.tolist() == [1.0] and tally.best_number == 6 and tally.standing.best == 1.0
    assert tally.best_individual == Individual({"x": 1.0})
    assert (tally.told, tally.standing.individuals, tally.standing.trials) == (7, 7, 14)


def test_what_failed_is_never_best() -> None:
    tally = Tally(plan(objectives=(Maximize("reward"),)))
    assert tell(tally, 0, [INF, INF]) is None
    assert np.isnan(tally.best).all() and tally.best_individual is None
    assert tell(tally, 2, [INF, -1.0]) == 3
    assert tell(tally, 4, [INF, INF]) is None
    assert tally.best.tolist() == [1.0]


@pytest.mark.parametrize(
    ("objective", "costs", "best"), [(Minimize("a"), [2.0, 1.0], 1.0), (Maximize("a"), [-2.0, -1.0], 2.0)]
)
def test_the_best_fitness_is_in_the_objectives_own_direction(objective: Any, costs: list[float], best: float) -> None:
    tally = Tally(plan(objectives=(objective,)))
    tell(tally, 0, costs)
    assert tally.best.tolist() == [best] and tally.standing.best == min(costs)


def test_of_several_objectives_each_has_a_best_and_none_is_the_best() -> None:
    tally = Tally(plan(objectives=(Minimize("a"), Maximize("b"))))
    assert tell(tally, 0, [[1.0, -5.0], [2.0, -9.0], [INF, INF]]) is None
    assert tally.best.tolist() == [1.0, 9.0]
    assert tally.standing.best == INF and tally.best_individual is None


def test_weighed_costs_decide_and_fitness_is_kept_of_each_objective() -> None:
    tally = Tally(plan(objectives=(Minimize("a"), Maximize("b")), weights=(1.0, 1.0)))
    assert tell(tally, 0, [-4.0, -7.0], [[1.0, 5.0], [2.0, 9.0]]) == 1
    assert tally.best.tolist() == [1.0, 9.0] and tally.standing.best == -7.0


def test_a_generation_without_a_better_fitness_is_stagnation() -> None:
    tally = Tally(plan())
    stagnant = []
    for number, cost in enumerate([INF, 3.0, 3.0, 4.0, 2.0, 2.0]):
        tell(tally, number, [cost])
        assert tally.told_since == 1
        tally.close_generation({"sigma": number})
        stagnant.append(tally.standing.stagnant)
        assert tally.told_since == 0 and tally.report == {"sigma": number}
    assert stagnant == [1, 0, 1, 2, 0, 1]
    assert tally.standing.generations == 6


def test_a_better_fitness_counts_for_its_generation_also_where_told_in_parts() -> None:
    tally = Tally(plan())
    tell(tally, 0, [3.0])
    tell(tally, 1, [5.0])
    tally.close_generation({})
    tell(tally, 2, [2.0])
    tell(tally, 3, [4.0])
    assert tally.told_since == 2
    tally.close_generation({})
    assert tally.standing.stagnant == 0


def test_trials_and_failures_are_counted() -> None:
    tally = Tally(plan())
    tally.count(np.array([Status.OK, Status.FAILED, Status.INVALID], dtype=np.int8))
    tally.count(np.array([], dtype=np.int8))
    assert (tally.trials, tally.failures) == (3, 2)


def test_the_time_of_a_trial_is_a_moving_mean() -> None:
    tally = Tally(plan())
    tally.time([2.0])
    assert tally.seconds_per_trial == 2.0
    tally.time([3.0])
    assert tally.seconds_per_trial == pytest.approx(2.1)
    tally.time([])
    tally.time([4.0] * 100)
    assert tally.seconds_per_trial == pytest.approx(4.0, rel=1e-3)
