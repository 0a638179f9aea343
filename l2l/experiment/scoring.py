"""From the trials of individuals to what the optimizer is told."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2l.aggregate import aggregated, spread
from l2l.experiment.plan import Plan
from l2l.memo import Book
from l2l.values import Results, Status


@dataclass(frozen=True, slots=True)
class Scores:
    """What individuals came to; n individuals, m objectives.

    Args:
        costs: (n, m), or (n, 1) where weights make one of several; +inf where failed. Without objectives (n, 1) of
            zeros, so that an optimizer sees what failed.
        results: What lies behind them.
        fitness: (n, m) aggregated over trials, in the objectives' own direction; NaN where failed.
        spread: (n, m) over trials.
        status: (n,) of the individuals: `OK` where all trials are.
    """

    costs: NDArray[np.float64]
    results: Results
    fitness: NDArray[np.float64]
    spread: NDArray[np.float64]
    status: NDArray[np.int8]


def score(
    plan: Plan,
    book: Book,
    rows: NDArray[np.int64],
    infeasible: NDArray[np.bool_],
    wanted: Sequence[str] = (),
) -> Scores:
    """Score individuals by their trials.

    Args:
        plan: How trials are aggregated and objectives weighed.
        book: Has the trials.
        rows: (n,) under which numbers.
        infeasible: (n,) those that were never simulated.
        wanted: Names of what the optimizer looks at; objectives among them stand with the observables.
    """
    signs = np.array([objective.sign for objective in plan.objectives])
    statuses = book.status(rows)
    statuses[infeasible] = Status.INVALID
    single = book.fitness(rows) * signs
    single[infeasible] = np.nan
    status = statuses.max(axis=1)
    ok = status == Status.OK
    costs = np.full((len(rows), len(signs)), np.inf)
    if ok.any():
        costs[ok] = aggregated(single[ok], plan.aggregate)
    costs[~np.isfinite(costs)] = np.inf  # from a function: NaN or -inf is no success
    spreads = np.full_like(costs, np.nan)
    spreads[ok] = spread(single[ok])
    counts = np.where(infeasible, 0, plan.trials).astype(np.int64)
    fitness = np.where(np.isfinite(costs), costs * signs, np.nan)
    observables = book.observables(rows)
    for place, objective in enumerate(plan.objectives):
        if objective.name in wanted and objective.name not in observables:
            observables[objective.name] = single[:, :, place] * objective.sign
    results = Results(single, observables, spreads, counts)
    if not plan.objectives:
        costs = np.where(ok, 0.0, np.inf)[:, None]
    return Scores(_weighed(costs, plan), results, fitness, spreads, status)


def _weighed(costs: NDArray[np.float64], plan: Plan) -> NDArray[np.float64]:
    """(n, m) costs, or their weighted sum (n, 1)."""
    if plan.weights is None:
        return costs
    total = np.full((len(costs), 1), np.inf)
    finite = np.isfinite(costs).all(axis=1)
    total[finite, 0] = (costs[finite] * plan.weights).sum(axis=1)
    return total
