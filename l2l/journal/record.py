"""Records as bytes: how events are encoded, framed and checksummed."""

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

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

    def revive(mapping: dict[str, Any]) -> Any:
        if _ARRAY not in mapping:
            return mapping
        name, shape, offset = mapping[_ARRAY]
        dtype = _DTYPES.get(name) or _dtype(name)
        if offset < 0 or any(size < 0 for size in shape):
            raise ValueError(f"expected a numeric array, got {name!r} of shape {shape} at {offset}")
        array = np.frombuffer(payload, dtype, math.prod(shape), body + offset)
        return array if len(shape) == 1 else array.reshape(shape)

    header = str(payload[HEADER.size : body], "utf-8")  # json would look first which encoding bytes have
    names = wanted.get(header[2 : header.index('"', 2)]) if wanted else None
    kind, data = json.loads(header, object_hook=revive if names is None else None)
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise ValueError("expected a kind and its data")
    if names is not None:
        said = {name: data[name] for name in names}
        data = {name: revive(one) if isinstance(one, dict) else one for name, one in said.items()}
    return kind, data


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
