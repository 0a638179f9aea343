"""Explicit points: exactly those of a list, or of the rows of a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from l2l.individual import Individual
from l2l.optimizers.listed import ListedDesign
from l2l.optimizers.point_table import listed_points, points_of_file
from l2l.space import ParameterSpace


class Points(ListedDesign):
    """Asks given points once, in the order given; what a point leaves out has its default.

    Args:
        space: What is searched.
        seed: Not used: nothing is random.
        initial: Individuals to begin with, before and in addition to the points.
        points: A list of mappings name → value, or the path of a CSV, TSV or Parquet file with a column per
            parameter. A vector has a column per component, `w[0]`, `w[1]`, …, as `l2l export` writes it, or one of
            lists.
        columns: The columns of the file that are taken. Unless given, every column must be a parameter; of a table of
            individuals that `l2l export` wrote the parameters are taken.
        population: Individuals of a generation.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        OptionError: A point or a file cannot be used; names the place, or the file and the line.
        MissingPart: A Parquet file needs pyarrow.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> search = Points(ParameterSpace(x=Real(0.0, 1.0), y=Real(0.0, 4.0)), points=[{"x": 0.1}, {"x": 0.2, "y": 1}])
        >>> [(one["x"], one["y"]) for one in search.ask()]
        [(0.1, 2.0), (0.2, 1.0)]
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        points: Sequence[Mapping[str, Any]] | Path,
        columns: Sequence[str] | None = None,
        population: int = 100,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        if isinstance(points, str | Path):
            self._columns, size = points_of_file(space, Path(points), columns)
        else:
            self._columns, size = listed_points(space, points)
        self._begin(size, population, steady_state=steady_state)

    def _points(self, start: int, stop: int) -> Sequence[Individual]:
        if stop <= start:
            return []
        return self.space.from_columns({name: column[start:stop] for name, column in self._columns.items()})
