"""A table of a run: one array a column, read when it is first looked at."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import near
from l2l.schema import Column, Ragged, Values


class Table(Mapping[str, Any]):
    """Column → array, one row an entry; `len` is the number of rows.

    Statuses and categories are small integers, which `labels` names; columns of an observable whose length differs from
    trial to trial are `Ragged`.

    Args:
        name: Of the table.
        columns: Name → what is known of the column.
        rows: Their number.
        read: Gives a column.
        choices: What the integers of further columns mean.

    Raises:
        KeyError: From `table[name]`, for an unknown column; lists the near ones.

    Example:
        >>> trajectory.trials["seconds"].mean()
    """

    def __init__(
        self,
        name: str,
        columns: Mapping[str, Column],
        rows: int,
        read: Callable[[str], Values],
        choices: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.name = name
        self._columns = dict(columns)
        self._rows = rows
        self._read = read
        self._choices = dict(choices or {})
        self._cache: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._cache:
            if name not in self._columns:
                raise KeyError(near(str(name), self._columns, f"column of {self.name}"))
            values = self._read(name)
            if name == "host" and self._columns[name].dtype is not None:
                names = np.array(self._choices["host"], dtype=object)
                values = names[np.asarray(values)]
            if isinstance(values, np.ndarray):
                values.flags.writeable = False
            self._cache[name] = values
        return self._cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def _repr_html_(self) -> str:
        """As notebooks show it: the first rows of the first columns, with their units."""
        from l2l.display.markup import COLUMNS, ROWS, heading, table

        names = sorted((name for name in self if name != "entropy"), key=_by_interest)  # which seed says as well
        shown = {name: self.labels(name) for name in names[:COLUMNS]}
        units = [self.attributes(name).get("unit", "") for name in names]
        titles = [f"{name} [{unit}]" if unit else name for name, unit in zip(names, units, strict=True)]
        rows = [[column[row] for column in shown.values()] for row in range(min(len(self), ROWS))]
        return heading(f"{self.name}: {len(self):,} rows") + table(titles, rows, len(self))

    def __repr__(self) -> str:
        return f"Table({self.name!r}, {len(self)} rows: {', '.join(self._columns)})"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def column(self, name: str) -> Column:
        """What is known of a column: dtype, shape and what it says of itself.

        Raises:
            KeyError: There is no such column.
        """
        if name not in self._columns:
            raise KeyError(near(str(name), self._columns, f"column of {self.name}"))
        return self._columns[name]

    def attributes(self, name: str) -> Mapping[str, Any]:
        """What a column says of itself: unit, bounds, direction, choices, ….

        Raises:
            KeyError: There is no such column.
        """
        return self.column(name).attributes

    def choices(self, name: str) -> tuple[str, ...] | None:
        """What the integers of a column mean; None for a column of numbers or texts."""
        if name == "host":
            return None
        found = self.attributes(name).get("choices")
        return None if found is None else tuple(found)

    def labels(self, name: str) -> Any:
        """A column with its integers named; any other column as it is."""
        choices, values = self.choices(name), self[name]
        if choices is None:
            return values
        return np.array([*choices, ""], dtype=object)[np.asarray(values)]  # -1 is none of them

    def row(self, place: int) -> dict[str, Any]:
        """One row: column → entry.

        Raises:
            IndexError: There is none.
        """
        place = range(len(self))[place]
        entries = {name: self[name][place] for name in self}
        return {name: one.item() if isinstance(one, np.generic) else one for name, one in entries.items()}

    def where(self, mask: NDArray[np.bool_] | Callable[[], NDArray[np.bool_]]) -> "Table":
        """The rows for which the mask is true.

        Args:
            mask: (rows,), or a function that gives it when the rows are first looked at.
        """
        return _Part(self, mask)

    def _raw(self, name: str) -> Any:
        return self._read(name) if name == "host" else self[name]


def _by_interest(column: str) -> int:
    """What a column is of, before what it holds, before how that came about."""
    if column in ("individual", "number", "generation", "trial", "status"):
        return 0
    return 1 if column.partition("/")[0] in ("fitness", "parameters", "observables", "best") else 2


class _Part(Table):
    """Some rows of another table."""

    def __init__(self, whole: Table, mask: Any) -> None:
        super().__init__(whole.name, whole._columns, 0, self._read_part, whole._choices)
        self._whole = whole
        self._mask = mask

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._mask() if callable(self._mask) else self._mask)

    def _read_part(self, name: str) -> Any:
        return self._whole._raw(name)[self._places]

    def __len__(self) -> int:
        return len(self._places)


def table_of(name: str, columns: Mapping[str, Column], rows: Mapping[str, Values], hosts: Sequence[str] = ()) -> Table:
    """A table of rows that are in memory."""
    n = len(next(iter(rows.values()))) if rows else 0
    return Table(
        name, columns, n, lambda column: rows.get(column, columns[column].filled(n)), {"host": list(hosts) or [""]}
    )


def is_ragged(values: Any) -> bool:
    """Whether a column's entries differ in length."""
    return isinstance(values, Ragged)
