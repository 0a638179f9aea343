"""Records as bytes: how events are encoded, framed and checksummed."""

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC = b"l2ljrnl2"
"""With what each file begins; its last letter is the version of the format."""
VERSION = int(MAGIC[-1:])
CHECK = struct.Struct("<I")
FRAME = struct.Struct("<QII")
SUMMED = struct.Struct("<QI")
_OFFSET = struct.Struct("<Q")
HEADER = struct.Struct("<I")
_ARRAY = "\0array"


class Position(NamedTuple):
    """A place in a journal, behind a record.

    Args:
        file: Number of the file, from 1.
        offset: In bytes.
    """

    file: int
    offset: int


class Record(NamedTuple):
    """An event, as it was appended.

    Args:
        position: Behind it.
        kind: "asked", "finished", ….
        data: Name → plain data or array.
    """

    position: Position
    kind: str
    data: dict[str, Any]


Wanted = Mapping[str, tuple[str, ...]]
"""Kind of record → the entries that are made of it, which are plain or arrays; other kinds are read whole."""


def seed_of(checksum: int, offset: int) -> int:
    """With what the checksums of a record begin: its file, and its place in it."""
    return zlib.crc32(_OFFSET.pack(offset), checksum)


def encode(kind: str, data: Mapping[str, Any], seed: int = 0) -> bytes:
    """A record as it stands in a file.

    Args:
        kind: Of the record.
        data: Of the record.
        seed: With which its checksums begin.
    """
    arrays: list[bytes | memoryview] = []
    offset = 0

    def plain(value: Any) -> Any:
        nonlocal offset
        if isinstance(value, np.ndarray):
            little = _LITTLE.get(value.dtype) or _little(value.dtype, kind)
            arrays.append(np.ascontiguousarray(value, dtype=little).data if value.size else b"")
            offset += value.nbytes
            return {_ARRAY: [little, value.shape, offset - value.nbytes]}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, Mapping):
            return dict(value)
        raise TypeError(f"journal record {kind!r}: expected plain data or an array, got {type(value).__name__}")

    header = json.JSONEncoder(default=plain, separators=(",", ":")).encode([kind, data]).encode()
    parts = [HEADER.pack(len(header)), header, *arrays]
    checksum = seed
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    summed = SUMMED.pack(HEADER.size + len(header) + offset, checksum)
    return b"".join((summed, CHECK.pack(zlib.crc32(summed, seed)), *parts))


_LITTLE: dict[np.dtype[Any], str] = {}


def _little(dtype: np.dtype[Any], kind: str) -> str:
    """The name of a numeric type in files."""
    if dtype.kind not in "biufc":
        raise TypeError(f"journal record {kind!r}: expected a numeric array, got dtype {dtype}")
    return _LITTLE.setdefault(dtype, dtype.newbyteorder("<").str)


def decode(payload: bytes, wanted: Wanted | None = None) -> tuple[str, dict[str, Any]]:
    """Kind and data of a record's payload; its arrays are read-only views of it.

    Args:
        payload: Of the record.
        wanted: As of `read_journal`.
    """
    (length,) = HEADER.unpack_from(payload)
    body = HEADER.size + length
    header = payload[HEADER.size : body]
    if wanted is not None and (names := wanted.get(_kind_of(header))) is not None:
        kind, plain, arrays = _parsed(header, names)
        return kind, plain | {name: _array(payload, body, place) for name, place in arrays}

    def revive(mapping: dict[str, Any]) -> Any:
        return _array(payload, body, _place(mapping[_ARRAY])) if _ARRAY in mapping else mapping

    kind, data = json.loads(str(header, "utf-8"), object_hook=revive)  # json would look first which encoding bytes have
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise ValueError("expected a kind and its data")
    return kind, data


def _kind_of(header: bytes) -> str:
    """The kind of a record, by how its header begins."""
    return str(header[2 : header.index(b'"', 2)], "utf-8")


Place = tuple[np.dtype[Any], list[int], int]
"""Where an array stands in a record's body: its type, its shape and its offset in bytes."""


def _place(said: Any) -> Place:
    """Where a header says that an array stands.

    Raises:
        ValueError: It is no array that l2l would have written.
    """
    name, shape, offset = said
    dtype = _DTYPES.get(name) or _dtype(name)
    if offset < 0 or any(size < 0 for size in shape):
        raise ValueError(f"expected a numeric array, got {name!r} of shape {shape} at {offset}")
    return dtype, shape, offset


def _array(payload: bytes, body: int, place: Place) -> NDArray[Any]:
    """An array of a payload whose body begins at a place."""
    dtype, shape, offset = place
    if len(shape) == 1:
        return np.frombuffer(payload, dtype, shape[0], body + offset)
    return np.frombuffer(payload, dtype, math.prod(shape), body + offset).reshape(shape)


@lru_cache(maxsize=256)
def _parsed(header: bytes, names: tuple[str, ...]) -> tuple[str, dict[str, Any], tuple[tuple[str, Place], ...]]:
    """Kind, plain entries and arrays of a header.

    It is kept: records of equally many trials on one machine have the same header, and reading it costs more than
    all else of a small record.
    """
    kind, data = json.loads(str(header, "utf-8"))
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise ValueError("expected a kind and its data")
    said = {name: data[name] for name in names}
    arrays = {name: one for name, one in said.items() if isinstance(one, dict) and _ARRAY in one}
    plain = {name: one for name, one in said.items() if name not in arrays}
    return kind, plain, tuple((name, _place(one[_ARRAY])) for name, one in arrays.items())


_DTYPES: dict[str, np.dtype[Any]] = {}


def _dtype(name: str) -> np.dtype[Any]:
    """The numeric type of a name in files.

    Raises:
        ValueError: It is another one.
    """
    dtype = np.dtype(name)
    if dtype.kind not in "biufc" or dtype.subdtype is not None:
        raise ValueError(f"expected a numeric array, got {name!r}")
    return _DTYPES.setdefault(name, dtype)


def records_in(raw: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of records that `encode` wrote one behind the other.

    Raises:
        ValueError: One of them does not check.
    """
    start = 0
    while start < len(raw):
        if len(raw) - start < FRAME.size:
            raise ValueError(f"the record at byte {start} is cut short")
        length, summed, _ = FRAME.unpack_from(raw, start)
        payload = raw[start + FRAME.size : start + FRAME.size + length]
        if len(payload) < length or length < HEADER.size or zlib.crc32(payload) != summed:
            raise ValueError(f"the record at byte {start} does not check")
        start += FRAME.size + length
        yield decode(payload)
