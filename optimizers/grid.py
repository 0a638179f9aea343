"""Grid search: every combination of evenly spaced values, the full factorial design.

Fisher: The design of experiments. Oliver and Boyd (1935). Its grid lies in the encoded space, so that a logarithmic
parameter has values of equal ratio.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from l2l.individual import Individual
from l2l.optimizers.listed import ListedDesign
from l2l.space import ParameterSpace


class GridSearch(ListedDesign):
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

    listed = "points of the grid"

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
        self.grid = space.grid(points)
        self._begin(len(self.grid), population, steady_state=steady_state)

    def _points(self, start: int, stop: int) -> Sequence[Individual]:
        return self.grid[start:stop]
