"""Reading the archive's file: what it holds, column by column, without ever disturbing who writes it."""

import json
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import Damaged, NotFoundError, OtherFormat, StorageError, storage_error
from l2l.files import kind_of
from l2l.journal import records_in
from l2l.schema import APPENDED, FORMAT, PENDING, REWRITTEN, VERSION, Column, Layout, Ragged, Values, check_record
from l2l.trajectory.sharing import closed_for_all

if TYPE_CHECKING:
    import h5py

STATE = "l2l/state"
RECORDS = "l2l/records"
PATIENCE = 10.0
"""Seconds for which a file that is being written is waited for."""
_SLASH = "\N{DIVISION SLASH}"
_DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError)
"""What h5py and json raise where a file does not say what was written to it."""

Checksums = dict[str, int]
"""Column → CRC-32 of all that was written to it."""


class Changed(ValueError):
    """What stands in the file is not what was written."""


class Busy(Exception):
    """The file is being written."""


def marker_of(path: Path) -> Path:
    """The file that stands while a commit to an archive is under way."""
    return path.with_name(path.name + ".commit")


def place_of(table: str, column: str) -> str:
    """Where a column stands in the file; a name with a slash must not make a folder of it."""
    prefix, slash, name = column.partition("/")
    return f"{table}/{prefix}{slash}{name.replace('/', _SLASH)}"


def damaged(path: Path, why: object) -> Damaged:
    """The error for a file that is no archive, or no longer one."""
    what = f"it has no {why}" if isinstance(why, KeyError) else str(why)
    return Damaged(path, f"expected an archive of l2l, got a file that does not read as one ({what})")


@contextmanager
def opened(path: Path, patience: float = PATIENCE) -> Iterator["h5py.File"]:
    """An archive, for reading.

    Args:
        path: Of the file.
        patience: Seconds to wait for a writer.

    Raises:
        Busy: A writer holds it for longer.
        NotFoundError: There is none.
        StorageError: It is damaged, of another version of the format, or no archive.
    """
    file = _open(path, time.monotonic() + patience)
    try:
        with closed_for_all(file):
            _check(file, path)
            yield file
    except Changed as error:
        raise Damaged(path, str(error)) from None
    except _DAMAGE as error:
        raise damaged(path, error) from None


def _open(path: Path, until: float) -> "h5py.File":
    import h5py

    if path.exists() and not path.is_file():
        # HDF5 would wait for the other end of a pipe.
        raise Damaged(path, f"expected an archive of l2l, got {kind_of(path)}")
    while True:
        try:
            return h5py.File(path, "r", locking="best-effort")
        except FileNotFoundError:
            raise NotFoundError(f"there is no archive {path}") from None
        except BlockingIOError:
            if time.monotonic() > until:
                raise Busy(f"{path} is being written") from None
            time.sleep(0.002)
        except PermissionError as error:
            raise storage_error(path, "read", error) from None
        except OSError as error:
            if "already open" in str(error):  # for writing, in this very process
                raise Busy(f"{path} is being written") from None
            raise damaged(path, error) from None


def _check(file: "h5py.File", path: Path) -> None:
    if file.attrs.get("format") != FORMAT:
        raise StorageError(f"{path}: expected an archive of l2l (attribute format {FORMAT!r}), got another HDF5 file")
    version = file.attrs["version"]
    if not isinstance(version, int | np.integer) or version < 1:
        raise ValueError(f"its version is {version!r}")
    if version != VERSION:
        raise OtherFormat(path, VERSION, int(version))


def read_state(file: "h5py.File") -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """The state of the fold that wrote it, and its small records.

    Raises:
        ValueError: They are not what was written.
    """
    raw = file[STATE][:].tobytes()
    if zlib.crc32(raw) != file[STATE].attrs["crc32"]:
        raise Changed(f"{STATE} does not have its checksum")
    state: dict[str, Any] = json.loads(raw)
    for table in APPENDED:
        if not isinstance(state["counts"][table], int) or state["counts"][table] < 0:
            raise ValueError(f"{STATE}: {state['counts'][table]!r} rows of {table}")
    raw = file[RECORDS][:].tobytes()
    if zlib.crc32(raw) != state["records"]:
        raise Changed(f"{RECORDS} does not have its checksum")
    records = list(records_in(raw))
    layout = None
    for kind, data in records:
        layout = check_record(kind, data, layout)
    if layout is None:
        raise ValueError(f"{RECORDS} is empty")
    return state, records


def add_checksum(checksums: Checksums, name: str, values: Values, column: Column) -> None:
    """Take values into the checksum of their column."""
    if isinstance(values, Ragged):
        add_checksum(checksums, f"{name}/lengths", values.lengths, Column(np.dtype(np.int64)))
        name, values = f"{name}/values", values.values
    if column.dtype is None:
        raw: Any = "".join([f"{text}\0" for text in values]).encode()
    else:
        array = np.asarray(values, dtype=column.dtype)
        raw = np.ascontiguousarray(array[~np.isnan(array)] if column.growing else array)
    checksums[name] = zlib.crc32(raw, checksums.get(name, 0))


def check_column(checksums: Mapping[str, int], name: str, values: Values, column: Column) -> None:
    """See that a whole column is what was written.

    Args:
        checksums: Of all columns.
        name: "table/column".
        values: As read.
        column: What it holds.

    Raises:
        ValueError: It is not.
    """
    found: Checksums = {}
    add_checksum(found, name, values, column)
    if any(checksums.get(part, 0) != checksum for part, checksum in found.items()):
        raise Changed(f"the column {name} does not have its checksum")


def read_column(file: "h5py.File", table: str, name: str, column: Column, n: int | None) -> Values:
    """The first n entries of a column; all for None.

    Raises:
        KeyError, ValueError: It is not there, or shorter.
    """
    place = place_of(table, name)
    if n is None:
        n = len(file[place]["offsets"]) - 1 if column.ragged else len(file[place])
    if column.ragged:
        offsets = np.asarray(file[place]["offsets"][: n + 1], dtype=np.int64)
        if len(offsets) <= n:
            raise ValueError(f"{place} has {len(offsets) - 1} rows and not {n}")
        return Ragged(file[place]["values"][: offsets[-1]], offsets)
    dataset = file[place]
    if len(dataset) < n:
        raise ValueError(f"{place} has {len(dataset)} rows and not {n}")
    if column.dtype is None:
        return np.asarray(dataset.asstr()[:n], dtype=object)
    return np.asarray(dataset[:n])


def read_entries(file: "h5py.File", table: str, name: str, places: NDArray[np.int64]) -> NDArray[Any]:
    """Some entries of a column that is not ragged, at places in ascending order."""
    dataset = file[place_of(table, name)]
    return np.asarray(dataset.asstr()[places] if dataset.dtype == object else dataset[places])


def column_names(file: "h5py.File", table: str, layout: Layout) -> list[str]:
    """The columns that a table has in the file."""
    if table not in file:
        return []
    names = [name for name in layout.tables[table] if place_of(table, name) in file]
    reported = file[table].get("optimizer", ()) if table == "generations" else ()
    return names + [f"optimizer/{name.replace(_SLASH, '/')}" for name in reported]


def read_table(file: "h5py.File", table: str, layout: Layout, checksums: Mapping[str, int]) -> dict[str, Values]:
    """All of a table.

    Raises:
        KeyError, ValueError: A column is not what was written.
    """
    found: dict[str, Values] = {}
    for name in column_names(file, table, layout):
        column = layout.column(table, name)
        found[name] = read_column(file, table, name, column, None)
        check_column(checksums, f"{table}/{name}", found[name], column)
    heights = {name: len(values) for name, values in found.items()}
    if len(set(heights.values())) > 1:
        raise ValueError(f"the columns of {table} differ in length")
    return found


def checksums_of(file: "h5py.File", layout: Layout, state: Mapping[str, Any]) -> Checksums:
    """The checksums of all columns as they stand in the file.

    Raises:
        KeyError, ValueError: A column is not there, or shorter than it should be.
    """
    found: Checksums = {}
    for table in (*APPENDED, *REWRITTEN, *PENDING):
        for name in column_names(file, table, layout):
            column = layout.column(table, name)
            values = read_column(file, table, name, column, state["counts"].get(table))
            add_checksum(found, f"{table}/{name}", values, column)
    return found


def checked_state(path: Path, patience: float = PATIENCE) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """As `read_state`, from a path.

    Raises:
        Busy, NotFoundError, StorageError: As `opened`.
    """
    with opened(path, patience) as file:
        return read_state(file)


def is_complete(state: Mapping[str, Any]) -> bool:
    """Whether the archive is that of a finished run and needs no journal."""
    return bool(state.get("complete"))
