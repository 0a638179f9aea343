"""Points read from lists and from tables: one array per parameter, every value checked with its place."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import MissingPart, OptionError, SpaceError, near
from l2l.individual import Individual
from l2l.space import Integer, ParameterSpace, Real
from l2l.space.parameter import Parameter

Columns = dict[str, NDArray[Any]]
"""Name → (n, …), as `ParameterSpace.columns` gives them."""

_CHUNK = 4096
"""Points that are individuals at once; all others are rows of arrays."""
_EXPORTED = frozenset({"number", "generation", "same_as", "asked", "told"})
"""Columns by which a table of individuals from `l2l export` is known."""
_COMPONENT = re.compile(r"(?P<name>.+)\[(?P<place>\d+(?:,\d+)*)\]")

_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def listed_points(space: ParameterSpace, points: Any) -> tuple[Columns, int]:
    """The columns of points that are given one by one, and how many there are.

    Raises:
        OptionError: One of them is none of this space; names its place in the list.
    """
    if not isinstance(points, Sequence) or not all(isinstance(one, Mapping) for one in points):
        raise OptionError(f"points: expected a list of mappings such as [{{g: 5.0}}], or a file, got {points!r}")
    if not points:
        raise OptionError("points: expected one or more, got none")
    return _gathered(space, ((f"points[{place}]", one) for place, one in enumerate(points)))


def points_of_file(space: ParameterSpace, file: Path, columns: Sequence[str] | None) -> tuple[Columns, int]:
    """The columns of the points in a table, and how many there are.

    Args:
        space: What is searched.
        file: Ends in .csv, .tsv or .parquet.
        columns: Those that are taken; None for all.

    Raises:
        OptionError: It cannot be read or holds no such points; names the file and the line.
        MissingPart: A Parquet file needs pyarrow.
    """
    kind = file.suffix.lower()
    if kind not in (*_SEPARATORS, ".parquet"):
        raise OptionError(f"points: {file}: expected a name that ends in .csv, .tsv or .parquet")
    try:
        if kind == ".parquet":
            header, rows = _parquet(file)
            return _of_table(space, file, header, rows, columns, unit="row")
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=_SEPARATORS[kind], strict=True)
            header = next(reader, [])
            lines = ((reader.line_num, row) for row in reader if row)
            return _of_table(space, file, [name.strip() for name in header], lines, columns, unit="line")
    except OSError as error:
        raise OptionError(f"points: {file}: it cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise OptionError(f"points: {file}: expected a text in UTF-8, got other bytes at {error.start}") from None
    except csv.Error as error:
        raise OptionError(f"points: {file}: it is no table of {kind[1:].upper()}: {error}") from None


def _parquet(file: Path) -> tuple[list[str], Iterator[tuple[int, list[Any]]]]:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise MissingPart("pyarrow, which reads Parquet,", "pip install 'l2l[tables]'") from None
    try:
        table = parquet.read_table(file)
    except arrow.ArrowInvalid as error:
        raise OptionError(f"points: {file}: it is no Parquet file: {str(error).splitlines()[0]}") from None
    return list(table.column_names), _rows_of(table)


def _rows_of(table: Any) -> Iterator[tuple[int, list[Any]]]:
    number = 0
    for batch in table.to_batches(max_chunksize=_CHUNK):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            number += 1
            yield number, list(row)


def _of_table(
    space: ParameterSpace,
    file: Path,
    header: Sequence[str],
    rows: Iterable[tuple[int, Sequence[Any]]],
    columns: Sequence[str] | None,
    *,
    unit: str,
) -> tuple[Columns, int]:
    """Points of a table's rows.

    Args:
        space: What is searched.
        file: For errors.
        header: The columns' names.
        rows: Number of the row or line, and its cells.
        columns: Those that are taken; None for all.
        unit: What the numbers count, "line" or "row".
    """
    cells = _cells(space, f"points: {file}:1" if unit == "line" else f"points: {file}", header, columns)

    def named() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for number, row in rows:
            place = f"points: {file}:{number}" if unit == "line" else f"points: {file}: row {number}"
            if len(row) != len(header):
                raise OptionError(f"{place}: expected {len(header)} cells as in the header, got {len(row)}")
            yield place, _values(space, cells, row, place)

    found, n = _gathered(space, named())
    if not n:
        raise OptionError(f"points: {file}: expected one {unit} per point below the header, got none")
    return found, n


Cell = tuple[int, str, tuple[int, ...] | None]
"""Place of a column, its parameter, and of which component it is; None for the whole value."""


def _cells(space: ParameterSpace, place: str, header: Sequence[str], wanted: Sequence[str] | None) -> list[Cell]:
    """What the columns of a table hold.

    Raises:
        OptionError: One is no parameter, or stands there twice; none is one.
    """
    known = {*header, *(match["name"] for label in header if (match := _COMPONENT.fullmatch(label)))}
    for name in wanted or ():
        if name not in known:
            raise OptionError(f"{place}: columns: {near(name, header, 'column')}")
    exported = set(header) >= _EXPORTED
    found: dict[tuple[str, tuple[int, ...] | None], Cell] = {}
    for column, label in enumerate(header):
        whole = label.removeprefix("parameters/")
        component = _COMPONENT.fullmatch(whole) if whole not in space else None
        name = component["name"] if component else whole
        if wanted is not None and label not in wanted and name not in wanted:
            continue
        if name not in space:
            if exported and wanted is None:
                continue
            raise OptionError(f"{place}: {near(name, space.names, 'parameter')}; `columns` says which columns to take")
        inner = tuple(map(int, component["place"].split(","))) if component else None
        shape = space[name].shape
        if inner is not None and (len(inner) != len(shape) or any(at >= n for at, n in zip(inner, shape, strict=True))):
            raise OptionError(f"{place}: {label!r}: parameter {name!r} has the shape {shape}")
        if (name, inner) in found:
            raise OptionError(f"{place}: the column {label!r} stands there twice")
        found[name, inner] = (column, name, inner)
    if not found:
        raise OptionError(f"{place}: expected columns called as parameters ({', '.join(space.names)}), got {header!r}")
    both = [name for name, inner in found if inner is not None and (name, None) in found]
    if both:
        raise OptionError(f"{place}: {both[0]!r} stands there as a whole and by component; leave one out")
    return list(found.values())


def _values(space: ParameterSpace, cells: Sequence[Cell], row: Sequence[Any], place: str) -> dict[str, Any]:
    """Parameter → value of a row; an empty cell is left out."""
    values: dict[str, Any] = {}
    for column, name, inner in cells:
        cell = row[column]
        if cell is None or (cell == "" and "" not in (space[name].codes or ())):
            continue
        try:
            value = _read(space[name], cell)
        except (ValueError, RecursionError):  # the latter of lists within lists without end
            kind = "a whole number" if isinstance(space[name], Integer) else "a number"
            raise OptionError(f"{place}: parameter {name!r}: expected {kind}, got {cell!r}") from None
        if inner is None:
            values[name] = value
            continue
        if name not in values:
            values[name] = np.array(space[name].default)  # a copy, for the components that are left out
        values[name][inner] = value
    return values


def _read(parameter: Parameter, cell: Any) -> Any:
    """A cell as the parameter's value; texts are read as what they say."""
    codes = parameter.codes
    if codes is not None:
        return _choice(codes, cell)
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if text.startswith("["):
        return json.loads(text)
    if isinstance(parameter, Real):
        return float(text)
    number = float(text)
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else int(number) if number.is_integer() else number


def _choice(choices: Sequence[Any], cell: Any) -> Any:
    """The choice that a cell means: itself, or what its text says."""
    for one in choices:
        if type(one) is type(cell) and one == cell:
            return one
    if not isinstance(cell, str):
        return cell
    for one in choices:
        if cell in (str(one), json.dumps(one)):  # as people and as `l2l export` write it
            return one
    return cell


def _gathered(space: ParameterSpace, named: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Columns, int]:
    """The columns of points, each checked at its place."""
    parts: list[Columns] = []
    some: list[Individual] = []
    n = 0
    for place, values in named:
        try:
            some.append(space.individual(values))
        except KeyError as error:
            raise OptionError(f"{place}: {error.args[0]}") from None
        except SpaceError as error:
            raise OptionError(f"{place}: {error}") from None
        n += 1
        if len(some) == _CHUNK:
            parts.append(space.columns(some))
            some = []
    if some or not parts:
        parts.append(space.columns(some))
    return {name: np.concatenate([part[name] for part in parts]) for name in space.names}, n
