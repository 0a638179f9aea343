"""Writing tables to the archive's file: columns, uncompressed, appended."""

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.journal import encode
from l2l.schema import APPENDED, FORMAT, VERSION, Column, Fold, Layout, Ragged, Rows, Values, height
from l2l.trajectory.reading import RECORDS, STATE, Checksums, add_checksum, place_of

if TYPE_CHECKING:
    import h5py

_CHUNK = 8192
"""Bytes of a chunk, for narrow rows: small runs stay small, and a million rows are still read quickly."""
_SMALL = 256
"""The same for small tables."""
_LARGE = 32_000
"""Bytes of an attribute that HDF5 keeps beside the dataset; what is larger is written as text."""


def begin(file: "h5py.File", layout: Layout) -> None:
    """Make the empty tables, with all that the columns say of themselves."""
    run = layout.run
    _say(file, {"format": FORMAT, "version": VERSION, "l2l": run.get("l2l", ""), "seed": run["seed"]})
    _say(file, {"objectives": [one.name for one in layout.objectives], "trials": run.get("trials", 1)})
    _say(file, {"stochastic": run["stochastic"], "steady_state": run["steady_state"], "population": run["population"]})
    for table in APPENDED:
        for name, column in layout.tables[table].items():
            make(file, place_of(table, name), column)
    if layout.space.constraints:
        _say(file["individuals/parameters"], {"constraints": list(layout.space.constraints)})
    file.create_group("l2l").attrs["meaning"] = (
        "for l2l alone, when the run goes on: where this file stands in the journal, and records of the small tables"
    )
    for place in (STATE, RECORDS):
        file.create_dataset(place, (0,), np.uint8, maxshape=(None,), chunks=(4096,))


def make(file: "h5py.File", place: str, column: Column, room: int = _CHUNK) -> None:
    """An empty column.

    Args:
        file: Open for writing.
        place: Where it stands.
        column: What it holds.
        room: Bytes of a chunk, for narrow rows.
    """
    import h5py

    shape = column.shape
    if column.ragged:
        rows = max(1, room // (8 * int(np.prod(shape, dtype=int) or 1)))
        file.create_dataset(
            f"{place}/values", (0, *shape), column.dtype, maxshape=(None, *shape), chunks=(rows, *_least_one(shape))
        )
        file.create_dataset(f"{place}/offsets", (1,), np.int64, maxshape=(None,), chunks=(1024,))
        meaning = "row i is values[offsets[i]:offsets[i + 1]]"
        _say(file[place], {"meaning": meaning, **column.attributes})
        return
    dtype, width = (h5py.string_dtype(), 16) if column.dtype is None else (column.dtype, column.dtype.itemsize)
    rows = max(1, min(1024, room // max(1, width * int(np.prod(shape, dtype=int)))))
    dataset = file.create_dataset(
        place,
        (0, *shape),
        dtype,
        maxshape=(None, *((None,) * len(shape) if column.growing else shape)),
        chunks=(rows, *_least_one(shape)),
        fillvalue=None if column.dtype is None else column.fill,
    )
    _say(dataset, column.attributes)


def _least_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(1, size) for size in shape)


def append(file: "h5py.File", layout: Layout, table: str, rows: Rows, *, start: int, checksums: Checksums) -> None:
    """Write rows behind those that a table has.

    Args:
        file: Open for writing.
        layout: Of the run.
        table: Its name.
        rows: Column → entries; for a column that the file lacks, it is made.
        start: How many rows there are.
        checksums: Brought up to date.
    """
    end = start + height(rows)
    for name, values in rows.items():
        column = layout.column(table, name, values)
        _write(_made(file, place_of(table, name), column), column, values, start)
        add_checksum(checksums, f"{table}/{name}", values, column)
    reported = file[table].get("optimizer") if table == "generations" else None
    for dataset in reported.values() if reported else ():
        if len(dataset) < end:  # not reported this time
            dataset.resize(end, axis=0)


def _made(file: "h5py.File", place: str, column: Column, room: int = _CHUNK) -> Any:
    thing = file.get(place)
    if thing is None:
        make(file, place, column, room)
        thing = file[place]
    return thing


def _write(thing: Any, column: Column, values: Values, start: int) -> None:
    """Write entries from `start` on to a dataset, or to the group of a ragged column."""
    if isinstance(values, Ragged):
        offsets, dataset = thing["offsets"], thing["values"]
        before = int(offsets[start])
        _put(dataset, values.values, before)
        _put(offsets, values.offsets[1:] + before, start + 1)
        return
    if column.growing and thing.shape[1:] != values.shape[1:]:
        shape = np.maximum(thing.shape[1:], values.shape[1:]).tolist()
        thing.resize((thing.shape[0], *shape))
    _put(thing, values, start)


def _put(dataset: "h5py.Dataset", values: NDArray[Any], start: int) -> None:
    """Write at the end; what stood behind `start` is cut off."""
    end = start + len(values)
    if len(dataset) != end:
        dataset.resize(end, axis=0)
    if values.size:
        dataset[(slice(start, end), *(slice(0, size) for size in values.shape[1:]))] = values


def rewrite(file: "h5py.File", layout: Layout, tables: Mapping[str, Rows], checksums: Checksums) -> None:
    """Write small tables from their beginning, and bring their checksums up to date."""
    for table, rows in tables.items():
        for name in [name for name in checksums if name.startswith(f"{table}/")]:
            del checksums[name]
        for name, values in rows.items():
            column = layout.column(table, name, values)
            _write(_made(file, place_of(table, name), column, _SMALL), column, values, 0)
            add_checksum(checksums, f"{table}/{name}", values, column)


def describe(file: "h5py.File", fold: Fold) -> None:
    """What the file says of the run as a whole, and its sources."""
    layout, small = fold.layout, fold.small
    assert layout
    last = small.last_segment
    for name in ("experiment", "fingerprint"):
        _say(file, {name: last.get(name) or layout.run[name]})
    _say(file, {"finished": small.finished, "reason": small.reason})
    for (segment, name), text in small.sources().items():
        place = place_of("sources", f"{segment}/{name}")
        if place not in file:
            file[place] = text


def name_hosts(file: "h5py.File", hosts: Iterable[str]) -> None:
    """Say what the numbers of hosts mean."""
    for table in ("trials", "validation"):
        if f"{table}/host" in file:
            _say(file[f"{table}/host"], {"choices": list(hosts)})


def put_state(file: "h5py.File", state: Mapping[str, Any]) -> None:
    """Write where the file stands, and the checksum of that."""
    raw = json.dumps(state).encode()
    _put(file[STATE], np.frombuffer(raw, np.uint8), 0)
    file[STATE].attrs["crc32"] = np.uint32(zlib.crc32(raw))


def put_records(file: "h5py.File", records: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
    """Write the records of the small tables; their checksum."""
    raw = b"".join(encode(kind, data) for kind, data in records)
    _put(file[RECORDS], np.frombuffer(raw, np.uint8), 0)
    return zlib.crc32(raw)


def size_of(tables: Iterable[Rows]) -> int:
    """Bytes that rows will take in the file, rather too many."""
    total = 0
    for rows in tables:
        for values in rows.values():
            if isinstance(values, Ragged):
                total += values.values.nbytes + values.offsets.nbytes
            elif values.dtype == object:
                total += sum(len(text) * 4 + 48 for text in values)
            else:
                total += values.nbytes
            total += 2 * _CHUNK
    return total + total // 8


def _say(thing: Any, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        thing.attrs[name] = _attribute(value)


def _attribute(value: Any) -> Any:
    import h5py

    if isinstance(value, list):
        if len(value) * 16 > _LARGE or not all(isinstance(one, str) for one in value):
            return json.dumps(value)
        return np.array(value, dtype=h5py.string_dtype())
    if isinstance(value, np.ndarray) and value.nbytes > _LARGE:
        return json.dumps(value.tolist())
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value.replace("\0", "") if isinstance(value, str) else value
