"""Which of many costs are best: the Pareto front, and a ranking front by front."""

import numpy as np
from numpy.typing import NDArray


def pareto_front(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows that no other row dominates, in the order of the first cost; of equal rows all.

    Args:
        costs: (n, m), lower is better; rows that are not finite are never in the front.
    """
    left = np.flatnonzero(np.isfinite(costs).all(axis=1))
    left = left[np.lexsort(costs[left].T[::-1])]
    if not len(left):
        return np.empty(0, dtype=np.int64)
    if costs.shape[1] > 2:
        from moocore import is_nondominated

        return np.asarray(left[is_nondominated(costs[left], keep_weakly=True)], dtype=np.int64)
    # In the order of the first cost a row is dominated only by one before it, of which the one with the lowest
    # second cost decides: linear in the rows, also where all of them are in the front.
    first, second = costs[left, 0], costs[left, -1]
    lower = np.concatenate([[True], second[1:] < np.minimum.accumulate(second)[:-1]])
    lowest = np.maximum.accumulate(np.where(lower, np.arange(len(left)), 0))
    equal = (second == second[lowest]) & (first == first[lowest])
    return np.asarray(left[lower | equal], dtype=np.int64)


def ranking(costs: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """The n best rows: by cost, or for several costs front by front.

    Args:
        costs: (k, m), lower is better; rows that are not finite are left out.
        n: How many.
    """
    finite = np.asarray(np.isfinite(costs).all(axis=1))
    if costs.shape[1] == 1:
        order = np.argsort(costs[:, 0], kind="stable")
        return order[finite[order]][:n].astype(np.int64)
    remaining = np.where(finite[:, None], costs, np.inf)
    found: list[NDArray[np.int64]] = []
    count = 0
    while count < n and len(front := pareto_front(remaining)):
        found.append(front)
        count += len(front)
        remaining[front] = np.inf
    return np.concatenate(found)[:n] if found else np.empty(0, np.int64)
