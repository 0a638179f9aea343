"""The truth while a run lives: checksummed records of every event, appended and synced as they come.

A folder holds one file per process lifetime of the leader, `000001.journal` and on. A file is a magic number and
records; a record is its length, its CRC-32, and a payload of a JSON header followed by the raw bytes of the arrays
that the header names. What does not check ends its file: that is what a kill inside a write leaves behind.
"""

import json
import os
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np

from l2l.errors import storage_error

MAGIC = b"l2ljrnl1"
_FRAME = struct.Struct("<QI")
_HEADER = struct.Struct("<I")
_ARRAY = "\0array"


class Position(NamedTuple):
    """A place in a journal, behind a record.

    Args:
        file: Number of the file.
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


class Journal:
    """Appends records to the next numbered file of a folder; made on the first append.

    Args:
        folder: Made where it does not exist.

    Example:
        >>> with Journal(run / "journal") as journal:
        ...     journal.append("told", {"individuals": np.arange(16), "event": 3})
        ...     journal.sync()
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor = -1
        self._path = folder
        self._number = -1
        self._offset = 0

    @property
    def position(self) -> Position:
        """Behind the last record; (-1, 0) before the first."""
        return Position(self._number, self._offset)

    def append(self, kind: str, data: Mapping[str, Any]) -> Position:
        """Append a record, all of it or nothing.

        Args:
            kind: Of the record.
            data: Name → plain data (what JSON can say) or numeric arrays, nested as you like.

        Raises:
            StorageError: The disk is full or read-only.
        """
        record = encode(kind, data)
        if self._descriptor < 0:
            self._open()
        try:
            _write(self._descriptor, record)
        except OSError as error:
            self._take_back()
            raise storage_error(self._path, "write to", error) from None
        self._offset += len(record)
        return self.position

    def sync(self) -> None:
        """Wait until all that was appended is on the disk.

        Raises:
            StorageError: It cannot be brought there.
        """
        if self._descriptor >= 0:
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:
                raise storage_error(self._path, "sync", error) from None

    def close(self) -> None:
        """Close the file; a further append begins the next one."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        path = self.folder
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._number = max(files(self.folder), default=0) + 1
            path = file_of(self.folder, self._number)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                _write(descriptor, MAGIC)
                sync_folder(self.folder)
            except OSError:
                os.close(descriptor)
                path.unlink()
                raise
        except OSError as error:
            raise storage_error(path, "create", error) from None
        self._path, self._descriptor, self._offset = path, descriptor, len(MAGIC)

    def _take_back(self) -> None:
        """Cut off what a failed write left; where even that fails, what follows goes to the next file."""
        try:
            os.ftruncate(self._descriptor, self._offset)
        except OSError:
            self.close()


def encode(kind: str, data: Mapping[str, Any]) -> bytes:
    """A record as it stands in a file."""
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
    parts = [_HEADER.pack(len(header)), header, *arrays]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return b"".join((_FRAME.pack(_HEADER.size + len(header) + offset, checksum), *parts))


_LITTLE: dict[np.dtype[Any], str] = {}


def _little(dtype: np.dtype[Any], kind: str) -> str:
    """The name of a numeric type in files."""
    if dtype.kind not in "biufc":
        raise TypeError(f"journal record {kind!r}: expected a numeric array, got dtype {dtype}")
    return _LITTLE.setdefault(dtype, dtype.newbyteorder("<").str)


def decode(payload: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and data of a record's payload; its arrays are read-only views of it."""
    (length,) = _HEADER.unpack_from(payload)
    body = _HEADER.size + length

    def revive(mapping: dict[str, Any]) -> Any:
        if _ARRAY not in mapping:
            return mapping
        dtype, shape, offset = mapping[_ARRAY]
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(payload, dtype, count, body + offset).reshape(shape)

    kind, data = json.loads(payload[_HEADER.size : body], object_hook=revive)
    return kind, data


def read_journal(folder: Path, after: Position | None = None) -> Iterator[Record]:
    """The records of a journal in order; at any time, also while they are being written.

    Args:
        folder: Of the journal; one that does not exist has no records.
        after: Where a record ended: only what follows; None for all.

    Raises:
        StorageError: A file cannot be read.
    """
    for number, path in files(folder).items():
        if after is None or number >= after.file:
            start = after.offset if after is not None and number == after.file else 0
            try:
                with path.open("rb") as file:
                    yield from _records(file, number, start)
            except FileNotFoundError:
                continue  # the run was finished in the meantime
            except OSError as error:
                raise storage_error(path, "read", error) from None


def _records(file: BinaryIO, number: int, start: int) -> Iterator[Record]:
    size = os.fstat(file.fileno()).st_size
    if file.read(len(MAGIC)) != MAGIC:
        return
    offset = max(start, len(MAGIC))
    file.seek(offset)
    while len(frame := file.read(_FRAME.size)) == _FRAME.size:
        length, checksum = _FRAME.unpack(frame)
        offset += _FRAME.size + length
        if offset > size:
            size = os.fstat(file.fileno()).st_size
            if offset > size:
                return
        payload = file.read(length)
        if length < _HEADER.size or len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield Record(Position(number, offset), *decode(payload))


def records_in(raw: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of records that `encode` wrote one behind the other."""
    start = 0
    while start < len(raw):
        length, _ = _FRAME.unpack_from(raw, start)
        start += _FRAME.size + length
        yield decode(raw[start - length : start])


def files(folder: Path) -> dict[int, Path]:
    """The files of a journal, number → path, in order."""
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".journal" and path.stem.isdecimal()]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise storage_error(folder, "read", error) from None
    return {int(path.stem): path for path in sorted(found, key=lambda path: int(path.stem))}


def file_of(folder: Path, number: int) -> Path:
    """Where the file of that number stands."""
    return folder / f"{number:06d}.journal"


def write_first(folder: Path, records: Iterable[tuple[str, Mapping[str, Any]]]) -> Position:
    """Begin a journal with records from elsewhere, in file 000000, which is there whole or not at all.

    Raises:
        StorageError: The disk is full or read-only.
    """
    path = file_of(folder, 0)
    partial = path.with_suffix(".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(MAGIC)
            for kind, data in records:
                file.write(encode(kind, data))
            file.flush()
            os.fsync(file.fileno())
            position = Position(0, file.tell())
        partial.rename(path)
        sync_folder(folder)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise storage_error(path, "write", error) from None
    return position


def remove_journal(folder: Path) -> None:
    """Remove a journal, at once for readers; one that a kill left half removed is removed as well.

    Raises:
        StorageError: It cannot be removed.
    """
    leaving = folder.with_name(folder.name + ".removed")
    try:
        if leaving.exists():
            shutil.rmtree(leaving)
        if folder.exists():
            folder.rename(leaving)
            shutil.rmtree(leaving)
    except OSError as error:
        raise storage_error(folder, "remove", error) from None


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # a signal, a nearly full disk, or more than 2 GiB
        written += os.write(descriptor, memoryview(data)[written:])
