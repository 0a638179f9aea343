"""What designs share whose points are all known from the start."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least
from l2l.space import ParameterSpace
from l2l.values import Results


class ListedDesign(Optimizer):
    """Asks the points of a list once, in their order; the last generation may be smaller.

    A subclass calls `_begin` at the end of its constructor and implements `_points`.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, before and in addition to the list.
    """

    multi_objective = True
    explores = True
    finite = True
    listed: str = "points"
    """What stands in the list, for messages."""

    def __init__(
        self, space: ParameterSpace, *, seed: int | None = None, initial: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        self._count = self._total = 0

    def _begin(self, size: int, population: int, *, steady_state: bool) -> None:
        """Say how long the list is and how it is asked."""
        at_least(self, "population", population, 1)
        self.population = population
        self.steady_state = steady_state
        self.total = self._total = len(self.initial) + size

    @abstractmethod
    def _points(self, start: int, stop: int) -> Sequence[Individual]:
        """The points of the list from place `start` to before `stop`."""

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next points of the list."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        start, first = self._count, len(self.initial)
        stop = self._count = min(start + wanted, self._total)
        listed = self._points(max(start - first, 0), max(stop - first, 0))
        given = self.initial[start:stop]
        return self._asked([*given, *listed] if given else listed)

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Check the order; nothing is learnt."""
        self._told(individuals, costs)

    def report(self) -> Mapping[str, float]:
        """The share of all points that is asked."""
        return {"asked": self._count / self._total}

    @property
    def finished(self) -> str | None:
        """Once every point is asked."""
        return f"all {self._total - len(self.initial)} {self.listed} are asked" if self._count >= self._total else None
