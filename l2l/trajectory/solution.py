"""An individual and what came of it; which are best."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.trajectory.table import Table
from l2l.values import Status


class Solution(Mapping[str, Any]):
    """A tested point: a mapping parameter → value, with its fitness.

    Args:
        individual: The point.
        number: Of the individual in its run.
        generation: In which it was told.
        fitness: A number, or for several objectives a mapping by name; NaN where a trial failed.
        spread: Standard deviation over its trials, likewise.
        status: What became of its trials.
        trials: Their rows.

    Example:
        >>> trajectory.best["eta"], trajectory.best.fitness
    """

    __slots__ = ("fitness", "generation", "individual", "number", "spread", "status", "trials")

    def __init__(
        self,
        individual: Individual,
        *,
        number: int,
        generation: int,
        fitness: Any,
        spread: Any,
        status: Status,
        trials: Table,
    ) -> None:
        self.individual = individual
        self.number = number
        self.generation = generation
        self.fitness = fitness
        self.spread = spread
        self.status = status
        self.trials = trials

    def __getitem__(self, name: str) -> Any:
        return self.individual[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.individual)

    def __len__(self) -> int:
        return len(self.individual)

    @property
    def inactive(self) -> frozenset[str]:
        """Parameters that have no effect here."""
        return self.individual.inactive

    def __repr__(self) -> str:
        point = repr(self.individual).removeprefix("Individual(").removesuffix(")")
        return f"Solution({self.number}: fitness={self.fitness!r}, {point})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Solution):
            return self.number == other.number and self.individual == other.individual
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.number, self.individual))


def pareto_front(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows that no other row dominates, in the order of the first cost; of equal rows all.

    Args:
        costs: (n, m), lower is better; rows that are not finite are never in the front.
    """
    left = np.flatnonzero(np.isfinite(costs).all(axis=1))
    left = left[np.lexsort(costs[left].T[::-1])]  # a row is dominated only by one before it
    front: list[int] = []
    while len(left):
        one = costs[left[0]]
        front.append(int(left[0]))
        rest = costs[left[1:]]
        dominated = (rest >= one).all(axis=1) & (rest > one).any(axis=1)
        left = left[1:][~dominated]
    return np.array(front, dtype=np.int64)


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
