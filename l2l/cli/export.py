"""`l2l export`: the tables of a run, and its arrays, for other programs."""

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from l2l.cli.folders import run_of, shown
from l2l.cli.parser import Command, WrongUsage
from l2l.cli.rerun import number
from l2l.display.output import refusals, say
from l2l.errors import MissingPart, OptionError
from l2l.files import written_whole

if TYPE_CHECKING:
    import pyarrow

    from l2l.trajectory import Trajectory

TABLES = ("individuals", "trials", "generations", "failures", "segments", "validation")
FORMATS = ("csv", "parquet", "json")
SCANS = {"netcdf": "grid.nc", "zarr": "grid.zarr"}
"""Formats of grids and refined scans, and how their file is called."""
ARRAYS = {**SCANS, "sbi": "sbi.npz"}
"""Formats that hold arrays and no table."""
_CHUNK = 10_000


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder, or its trajectory.h5")
    parser.add_argument(
        "--to", metavar="FORMAT", choices=(*FORMATS, *ARRAYS), required=True, help=", ".join((*FORMATS, *ARRAYS))
    )
    parser.add_argument("--table", metavar="TABLE", choices=TABLES, help=f"{', '.join(TABLES)} (individuals)")
    parser.add_argument("--level", metavar="N", type=number, help="of a refined scan, the finest unless given")
    parser.add_argument("--output", metavar="FILE", help="where to; RUN/TABLE.FORMAT unless given, - for the terminal")


def _run(arguments: argparse.Namespace) -> int:
    from l2l.trajectory import Trajectory
    from l2l.trajectory.frames import bare_names

    arguments.run = run_of(arguments.run)
    trajectory = Trajectory(arguments.run)
    if arguments.to in ARRAYS:
        return _arrays(arguments, trajectory)
    if arguments.level is not None:
        raise WrongUsage("l2l export", f"--level: it is for {' and '.join(SCANS)}")
    arguments.table = arguments.table or "individuals"
    table = trajectory.table(arguments.table)
    names = bare_names(list(table))
    columns = {names[name]: table.labels(name) for name in table}
    rows = len(table)
    width = len(dict(_flattened(columns))) if arguments.to == "csv" else len(columns)
    if arguments.output == "-":
        if arguments.to == "parquet":
            raise OptionError("--output -: parquet is no text; name a file")
        with refusals():
            _WRITERS[arguments.to](columns, rows, sys.stdout)
        return 0
    folder = arguments.run if arguments.run.is_dir() else arguments.run.parent
    path = Path(arguments.output) if arguments.output else folder / f"{arguments.table}.{arguments.to}"
    _to_file(columns, rows, path, arguments.to)
    say(f"{rows} {arguments.table} with {width} columns in {shown(path)}")
    return 0


def _arrays(arguments: argparse.Namespace, trajectory: "Trajectory") -> int:
    """A scan, or the trials, as arrays in a file of their own."""
    from l2l.cli.arrays import to_netcdf, to_sbi, to_zarr

    form = arguments.to
    if arguments.table is not None:
        raise WrongUsage("l2l export", f"--table: {form} holds no table; it is for {', '.join(FORMATS)}")
    if arguments.level is not None and form not in SCANS:
        raise WrongUsage("l2l export", f"--level: it is for {' and '.join(SCANS)}")
    if arguments.output == "-":
        raise OptionError(f"--output -: {form} is no text; name a file")
    folder = arguments.run if arguments.run.is_dir() else arguments.run.parent
    path = Path(arguments.output) if arguments.output else folder / ARRAYS[form]
    if form == "sbi":
        said = to_sbi(trajectory, path)
    else:
        said = (to_netcdf if form == "netcdf" else to_zarr)(trajectory, path, arguments.level)
    say(f"{said} in {shown(path)}")
    return 0


def _to_file(columns: Mapping[str, Any], rows: int, path: Path, form: str) -> None:
    with written_whole(path) as file:
        if form == "parquet":
            _parquet(columns, file)
        else:
            with file.open("w", encoding="utf-8", errors="backslashreplace", newline="") as text:
                _WRITERS[form](columns, rows, text)


# --- CSV: a column a component, ragged ones as JSON ----------------------------------------------------------------


def _csv(columns: Mapping[str, Any], rows: int, file: TextIO) -> None:
    flat = dict(_flattened(columns))
    writer = csv.writer(file, lineterminator="\n")
    # Python quotes only what holds its own end of line, but readers take a carriage return for one as well.
    quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(flat)
    for start in range(0, rows, _CHUNK):
        chunk = [_texts(values[start : start + _CHUNK]) for values in flat.values()]
        for row in zip(*chunk, strict=True):
            splits = any(isinstance(value, str) and "\r" in value for value in row)
            (quoting if splits else writer).writerow(row)


def _flattened(columns: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Columns of numbers and texts; arrays become a column a component, as `weights[0]`."""
    for name, values in columns.items():
        if not isinstance(values, np.ndarray) or values.ndim < 2:
            yield name, values
            continue
        for place in np.ndindex(values.shape[1:]):
            yield f"{name}[{','.join(map(str, place))}]", values[(slice(None), *place)]


def _texts(values: Any) -> list[Any]:
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "f":
            return ["" if value != value else repr(value) for value in values.tolist()]  # noqa: PLR0124 - NaN
        if values.dtype.kind == "b":
            return ["true" if value else "false" for value in values.tolist()]
        return list(values.tolist())
    return [json.dumps(_plain(value)) for value in values]


# --- JSON: a list of rows, as they are -----------------------------------------------------------------------------


def _json(columns: Mapping[str, Any], rows: int, file: TextIO) -> None:
    names = list(columns)
    file.write("[")
    for row in range(rows):
        entry = {name: _plain(columns[name][row]) for name in names}
        file.write(("," if row else "") + "\n" + json.dumps(entry, allow_nan=False, ensure_ascii=False))
    file.write("\n]\n")


def _plain(value: Any) -> Any:
    """What JSON can say; NaN and infinity, which it cannot, are null."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


# --- Parquet: arrays as lists --------------------------------------------------------------------------------------


def _parquet(columns: Mapping[str, Any], path: Path) -> None:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise MissingPart("pyarrow, which writes Parquet,", "pip install 'l2l[tables]'") from None
    table = arrow.table({name: _arrow(values, arrow) for name, values in columns.items()})
    parquet.write_table(table, path)


def _arrow(values: Any, arrow: Any) -> "pyarrow.Array":
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return arrow.array(values.tolist() if values.dtype == object else values)
    return arrow.array([np.asarray(value).tolist() for value in values])


_WRITERS = {"csv": _csv, "json": _json}

COMMAND = Command(
    "export",
    "a run as CSV, Parquet, JSON, NetCDF, Zarr or arrays",
    "Write a table of a run for other programs: a row an individual (or a trial, a generation, a failure), a column a\n"
    "parameter, fitness and so on. In CSV a vector is a column a component; failed fitness is empty there, null in\n"
    "JSON, NaN in Parquet. Works on a live run too.\n\n"
    "A grid or a refined scan becomes NetCDF or Zarr, with the parameters that vary as axes; --to sbi writes\n"
    "parameters and observables of the successful trials as NumPy arrays for simulation-based inference.",
    "  l2l export runs/brunel --to csv\n"
    "  l2l export runs/brunel --to parquet --table trials --output brunel.parquet\n"
    "  l2l export runs/brunel --to json --output - | jq '.[0]'\n"
    "  l2l export runs/scan --to netcdf --level 2\n",
    _arguments,
    _run,
)
