"""Grid search: every combination of evenly spaced values, the full factorial design.

Fisher: The design of experiments. Oliver and Boyd (1935). Its grid lies in the encoded space, so that a logarithmic
parameter has values of equal ratio.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least
from l2l.space import ParameterSpace
from l2l.values import Results


class GridSearch(Optimizer):
    """Asks every point of a grid once; the last parameter varies fastest, the last generation may be smaller.

    Parameters that a condition switches off take a single value, so that no point comes twice.

    Args:
        space: What is searched.
        seed: Not used: a grid has no randomness.
        initial: Individuals to begin with, before and in addition to the grid.
        points: Points along each number, for all or by name; categories take all their choices.
        population: Individuals of a generation.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        KeyError: `points` names what is no parameter.
        SpaceError: A number of points is missing or below 1, or the grid is too large.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> search = GridSearch(ParameterSpace(x=Real(0.0, 1.0), y=Real(1.0, 100.0, log=True)), points={"x": 2, "y": 3})
        >>> [(one["x"], one["y"]) for one in search.ask()]
        [(0.0, 1.0), (0.0, 10.0), (0.0, 100.0), (1.0, 1.0), (1.0, 10.0), (1.0, 100.0)]
    """

    multi_objective = True
    explores = True
    finite = True

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        points: int | Mapping[str, int] = 10,
        population: int = 100,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 1)
        self.grid = space.grid(points)
        self.population = population
        self.steady_state = steady_state
        self._count = 0
        self.total = self._total = len(self.initial) + len(self.grid)

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next points of the grid."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        start, end = self._count, min(self._count + wanted, self._total)
        first = len(self.initial)
        self._count = end
        return self._asked(self.initial[start:end] + self.grid[max(start - first, 0) : max(end - first, 0)])

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Check the order; nothing is learnt."""
        self._told(individuals, costs)

    def report(self) -> Mapping[str, float]:
        """The share of the grid that is asked."""
        return {"asked": self._count / self._total}

    @property
    def finished(self) -> str | None:
        """Once every point is asked."""
        return f"all {len(self.grid)} points of the grid are asked" if self._count >= self._total else None
