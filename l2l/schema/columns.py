"""Columns and rows: tables as one array a column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of the archive holds.

    Args:
        dtype: Of its entries; None for text.
        shape: Of one entry.
        ragged: Whether entries have a further first axis that differs in length.
        growing: Whether later entries may be larger; smaller ones are filled up with NaN.
        attributes: Name → what the column says of itself in the file.
    """

    dtype: np.dtype[Any] | None
    shape: tuple[int, ...] = ()
    ragged: bool = False
    growing: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fill(self) -> Any:
        """What stands for no entry."""
        if self.dtype is None:
            return ""
        return np.nan if self.dtype.kind == "f" else 0

    def filled(self, n: int) -> "Values":
        """So many entries that are none."""
        if self.ragged:
            return Ragged(np.empty((0, *self.shape), self.dtype), np.zeros(n + 1, np.int64))
        return np.full((n, *self.shape), self.fill, self.dtype if self.dtype is not None else object)


class Ragged:
    """Entries of different lengths, end to end.

    Args:
        values: All entries, one behind the other.
        offsets: (n + 1,) where each begins, and where the last ends.
    """

    __slots__ = ("offsets", "values")

    def __init__(self, values: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        self.values = values
        self.offsets = offsets

    @classmethod
    def of(cls, values: NDArray[Any], lengths: NDArray[np.int64]) -> "Ragged":
        """From the entries end to end and the length of each."""
        return cls(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) of each entry."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, place: Any) -> Any:
        """An entry for an integer; several, as `Ragged`, for a slice, a mask or an array of integers."""
        if isinstance(place, int | np.integer):
            row = range(len(self))[int(place)]
            return self.values[self.offsets[row] : self.offsets[row + 1]]
        rows = np.arange(len(self))[place]
        lengths, starts = self.lengths[rows], self.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        where = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[where], offsets)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Ragged):
            floats = self.values.dtype.kind == "f"
            return np.array_equal(self.offsets, other.offsets) and np.array_equal(
                self.values, other.values, equal_nan=floats
            )
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Ragged({len(self)} entries, {len(self.values)} values)"


Values = NDArray[Any] | Ragged
"""A column: (n, …), or n entries of different lengths."""

Rows = dict[str, Values]
"""A table: name of the column → its entries."""


def height(rows: Mapping[str, Values]) -> int:
    """The number of rows."""
    return len(next(iter(rows.values()))) if rows else 0


def taken(rows: Mapping[str, Values], places: Any) -> Rows:
    """Some of the rows, by slice, mask or array of integers."""
    return {name: values[places] for name, values in rows.items()}


def joined(parts: Sequence[Mapping[str, Values]]) -> Rows:
    """Tables one behind the other; a column that one of them lacks is NaN there."""
    if len(parts) == 1:
        return dict(parts[0])
    names = dict.fromkeys(name for part in parts for name in part)
    heights = [height(part) for part in parts]
    return {name: _chained([part.get(name) for part in parts], heights) for name in names}


def _chained(parts: Sequence[Values | None], heights: Sequence[int]) -> Values:
    there = [part for part in parts if part is not None]
    if isinstance(there[0], Ragged):
        ragged = [part for part in there if isinstance(part, Ragged)]
        return Ragged.of(
            np.concatenate([part.values for part in ragged]), np.concatenate([part.lengths for part in ragged])
        )
    arrays = [part for part in there if not isinstance(part, Ragged)]
    if len(there) == len(parts) and all(part.shape[1:] == arrays[0].shape[1:] for part in arrays):
        return np.concatenate(arrays)
    shape = (
        tuple(np.max([part.shape[1:] for part in arrays], axis=0).astype(int).tolist()) if arrays[0].ndim > 1 else ()
    )
    whole: NDArray[Any] = np.full((sum(heights), *shape), np.nan)
    start = 0
    for part, rows in zip(parts, heights, strict=True):
        if part is not None and not isinstance(part, Ragged):
            whole[(slice(start, start + rows), *(slice(0, size) for size in part.shape[1:]))] = part
        start += rows
    return whole


def side_by_side(columns: Sequence[Any], n: int) -> NDArray[np.float64]:
    """Columns of n numbers as one array (n, m); (n, 0) of none."""
    return np.stack(columns, axis=1) if columns else np.empty((n, 0))


def texts(values: Sequence[str]) -> NDArray[Any]:
    """A column of texts, of characters that every file can hold."""
    column = np.empty(len(values), dtype=object)
    column[:] = [plain_text(value) for value in values]
    return column


def plain_text(text: str) -> str:
    """The text without NUL and without halves of surrogate pairs."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
