"""Numbers from a table that a program wrote: CSV, or TSV, with the names of the columns in its first line."""

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from l2l.errors import Invalid, OptionError, near
from l2l.optimizees.program import LARGEST_RESULT, number
from l2l.quantities import whole_number

SEPARATORS = {"csv": ",", "tsv": "\t"}
ROWS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": fmean,
    "median": median,
    "min": min,
    "max": max,
    "sum": math.fsum,
}
_KEYS = ("csv", "tsv", "column", "row")


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Where in which table a result stands.

    Args:
        file: Name in the private folder.
        separator: Of the cells of a row.
        columns: Objective or observable → name of its column, or its place from 0.
        row: "first", "last", what becomes of all rows ("mean", …), or a row's place; from the end below 0.
    """

    file: str
    separator: str
    columns: Mapping[str, str | int]
    row: str | int

    @classmethod
    def of(cls, said: Mapping[str, Any], names: Sequence[str], place: str) -> "ResultTable":
        """From an option such as `{csv: out.csv, column: rate, row: mean}`.

        Args:
            said: The option.
            names: Objectives and observables; each has the column of its name unless `column` says another.
            place: The option's name, for errors.

        Raises:
            OptionError: A key is unknown or missing, or its value wrong.
        """
        for key in said:
            if key not in _KEYS:
                raise OptionError(f"{place}: {near(str(key), _KEYS, 'key')}")
        kinds = [kind for kind in SEPARATORS if kind in said]
        if len(kinds) != 1 or not isinstance(said[kinds[0]], str):
            raise OptionError(f"{place}: expected a file, as in {{csv: out.csv, column: rate}}, got {dict(said)!r}")
        row = said.get("row", "last")
        by_name = isinstance(row, str) and row in ("first", "last", *ROWS)
        if not by_name and whole_number(row) is None:
            raise OptionError(f"{place}: row: expected first, last, {', '.join(ROWS)} or a number, got {row!r}")
        columns = _columns(said.get("column"), names, place)
        return cls(said[kinds[0]], SEPARATORS[kinds[0]], columns, row if by_name else int(row))

    def read(self, folder: Path, whole: Sequence[str]) -> dict[str, Any]:
        """The number of each objective and observable, or all numbers of its column.

        Args:
            folder: Of the trial.
            whole: Observables that take all rows.

        Raises:
            Invalid: The table is not there, too large, or has no such column, row or number; names the line.
        """
        path = folder / self.file
        if not path.is_file():
            raise Invalid(f"{self.file}: the program was to write it, and did not")
        if path.stat().st_size > LARGEST_RESULT:
            raise Invalid(f"{self.file}: expected at most {LARGEST_RESULT} bytes, got {path.stat().st_size}")
        try:
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                numbers = self._numbers(self._rows(file))
        except csv.Error as error:
            raise Invalid(f"{self.file}: expected a table: {error}") from None
        return {name: values if name in whole else self._one(name, values) for name, values in numbers.items()}

    def _rows(self, file: Any) -> Iterator[tuple[int, list[str]]]:
        """Line and cells of each row; blank lines and comments are left out."""
        reader = csv.reader(file, delimiter=self.separator, skipinitialspace=True)
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                yield reader.line_num, [cell.strip() for cell in cells]

    def _numbers(self, rows: Iterator[tuple[int, list[str]]]) -> dict[str, list[float]]:
        line, header = next(rows, (0, []))
        places = {name: self._place(column, header) for name, column in self.columns.items()}
        numbers: dict[str, list[float]] = {name: [] for name in places}
        named = any(isinstance(column, str) for column in self.columns.values())
        if header and not named and all(_is_number(header, place) for place in places.values()):
            self._take(line, header, places, numbers)  # a table without names of columns
        for line, cells in rows:
            self._take(line, cells, places, numbers)
        return numbers

    def _place(self, column: str | int, header: list[str]) -> int:
        if isinstance(column, int):
            return column
        if column not in header:
            raise Invalid(f"{self.file}: {near(column, header, 'column')}")
        return header.index(column)

    def _take(self, line: int, cells: list[str], places: Mapping[str, int], numbers: dict[str, list[float]]) -> None:
        for name, place in places.items():
            text = cells[place] if place < len(cells) else ""
            value = number(text)
            if value is None:
                raise Invalid(
                    f"{self.file}, line {line}: expected a number in column {self.columns[name]!r}, got {text!r}"
                )
            numbers[name].append(value)

    def _one(self, name: str, values: list[float]) -> float:
        if not values:
            raise Invalid(f"{self.file}: expected a row with numbers, got none")
        if isinstance(self.row, int):
            if not -len(values) <= self.row < len(values):
                raise Invalid(f"{self.file}: expected a row {self.row} for {name}, got {len(values)} rows")
            return values[self.row]
        if self.row in ("first", "last"):
            return values[0 if self.row == "first" else -1]
        return float(ROWS[self.row](values))


def _columns(said: Any, names: Sequence[str], place: str) -> dict[str, str | int]:
    """Name → its column: each its own, unless one is said for all there is, or a mapping says them."""
    given = said if isinstance(said, Mapping) else {} if said is None else dict.fromkeys(names, said)
    if said is not None and not isinstance(said, Mapping) and len(names) > 1:
        raise OptionError(f"{place}: column: expected one for each of {', '.join(names)}, as a mapping, got {said!r}")
    for name in given:
        if name not in names:
            raise OptionError(f"{place}: column: {near(str(name), names, 'objective or observable')}")
    columns: dict[str, str | int] = {}
    for name in names:
        column = given.get(name, name)
        at = None if isinstance(column, str) else whole_number(column)
        if not isinstance(column, str) and (at is None or at < 0):
            raise OptionError(f"{place}: column: expected a name, or a place from 0, got {column!r}")
        columns[name] = column if at is None else at
    return columns


def _is_number(cells: list[str], place: int) -> bool:
    return place < len(cells) and number(cells[place]) is not None
