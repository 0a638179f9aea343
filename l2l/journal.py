"""The truth while a run lives: checksummed records of every event, appended and synced as they come.

A folder holds one file per process lifetime of the leader, `000001.journal` and on. A file is a header and records.

- The header names the journal (a random number, the same in all files), the file's own number, and the file before:
  its number, where its last whole record ended, and the checksum of its header. So a file that is missing, doubled,
  exchanged or shortened is seen. Once a further file stands, the one before it says so in its header.
- A record is its length, the CRC-32 of its payload, the CRC-32 of both, and the payload: a JSON header followed by the
  raw bytes of the arrays that the header names. Both checksums begin with the file's header and the record's place,
  so that a record counts only where it was written.

A file comes into being with its header and its first record whole. A kill inside a later write leaves a record that is
cut short by the end of the last file: that record never was. Everything else that does not check is damage, and said.
"""

import json
import math
import os
import shutil
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np

from l2l.errors import Damaged, OtherFormat, StorageError, storage_error
from l2l.files import open_regular, sync_folder

MAGIC = b"l2ljrnl2"
"""With what each file begins; its last letter is the version of the format."""
_VERSION = int(MAGIC[-1:])
_OPEN, _FOLLOWED = bytes(8), b"followed"
_CHAIN = struct.Struct("<16sIIQI")
_CHECK = struct.Struct("<I")
START = len(MAGIC) + len(_OPEN) + _CHAIN.size + _CHECK.size
"""Bytes of a file's header; its first record begins there."""
_FRAME = struct.Struct("<QII")
_SUMMED = struct.Struct("<QI")
_OFFSET = struct.Struct("<Q")
_HEADER = struct.Struct("<I")
_ARRAY = "\0array"
_AGAIN = 0.02
"""Seconds after which a journal that does not check is looked at again: its leader may be writing just now."""
_TRIES = 50


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


class _Header(NamedTuple):
    """What a file says of itself.

    Args:
        journal: 16 random bytes that name the journal.
        number: Of the file.
        previous: Number of the file before; 0 for the first.
        end: Where the last whole record of the file before ended.
        check: Checksum of the header of the file before.
    """

    journal: bytes
    number: int
    previous: int = 0
    end: int = 0
    check: int = 0

    @property
    def checksum(self) -> int:
        """Of the header, with which the checksums of the file's records begin."""
        return zlib.crc32(_CHAIN.pack(*self), zlib.crc32(MAGIC))

    def encode(self) -> bytes:
        """As it stands in the file."""
        return MAGIC + _OPEN + _CHAIN.pack(*self) + _CHECK.pack(self.checksum)


class _File(NamedTuple):
    """A file of a journal whose header is right.

    Args:
        path: Of the file.
        header: What it says of itself.
        end: Where its records end, as the next file says; None for the last file.
    """

    path: Path
    header: _Header
    end: int | None


class Journal:
    """Appends records to the next numbered file of a folder; made on the first append.

    Whatever is raised in `append` or around it, the folder holds a record whole or not at all.

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
        self._checksum = 0

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
            StorageError: The disk is full or read-only, or the journal that is there is damaged.
        """
        if self._descriptor < 0:
            self._open(kind, data)
            return self.position
        record = encode(kind, data, _seed(self._checksum, self._offset))
        try:
            _write(self._descriptor, record)
            self._offset += len(record)
        except BaseException as error:
            self._take_back()
            if isinstance(error, OSError):
                raise storage_error(self._path, "write to", error) from None
            raise
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
        """Close the file; a further append begins the next one.

        Raises:
            StorageError: What was written late did not reach the disk.
        """
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                os.close(descriptor)
            except OSError as error:
                raise storage_error(self._path, "close", error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, kind: str, data: Mapping[str, Any]) -> None:
        """Make the next file with its first record: written beside, synced and renamed, so that it is there whole."""
        before = _last(self.folder)
        header = _next(before)
        path = file_of(self.folder, header.number)
        content = header.encode() + encode(kind, data, _seed(header.checksum, START))
        partial = path.with_suffix(".partial")
        descriptor = -1
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = open_regular(partial, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC)
            _write(descriptor, content)
            os.fsync(descriptor)
            partial.rename(path)
            sync_folder(self.folder)
            if before is not None:
                _mark_followed(before.path)
        except BaseException as error:
            if descriptor >= 0:
                with suppress(OSError):
                    os.close(descriptor)
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise storage_error(path, "create", error) from None
            raise
        self._path = path
        self._number = header.number
        self._checksum = header.checksum
        self._offset = len(content)
        self._descriptor = descriptor

    def _take_back(self) -> None:
        """Cut off what a failed write left; where even that fails, what follows goes to the next file."""
        try:
            os.ftruncate(self._descriptor, self._offset)
        except OSError:
            with suppress(StorageError):
                self.close()


def _next(before: _File | None) -> _Header:
    """The header of the file that follows."""
    if before is None:
        return _Header(os.urandom(16), 1)
    header = before.header
    assert before.end is not None
    return _Header(header.journal, header.number + 1, header.number, before.end, header.checksum)


def _last(folder: Path) -> _File | None:
    """The last file of a journal, with the end of its last whole record; None where there is none.

    Raises:
        StorageError: The journal is damaged.
    """
    chain = _chain(folder)
    if not chain:
        return None
    last, end = chain[-1], START
    try:
        with last.path.open("rb") as file:
            for end, _ in _payloads(file, last, START):  # noqa: B007 - the last one counts
                pass
    except OSError as error:
        raise storage_error(last.path, "read", error) from None
    return last._replace(end=end)


def _mark_followed(path: Path) -> None:
    """Let a file say that another one follows it, so that the other cannot go missing unseen."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, _FOLLOWED, len(MAGIC))
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _seed(checksum: int, offset: int) -> int:
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
    parts = [_HEADER.pack(len(header)), header, *arrays]
    checksum = seed
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    summed = _SUMMED.pack(_HEADER.size + len(header) + offset, checksum)
    return b"".join((summed, _CHECK.pack(zlib.crc32(summed, seed)), *parts))


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
    (length,) = _HEADER.unpack_from(payload)
    body = _HEADER.size + length

    def revive(mapping: dict[str, Any]) -> Any:
        if _ARRAY not in mapping:
            return mapping
        name, shape, offset = mapping[_ARRAY]
        dtype = _DTYPES.get(name) or _dtype(name)
        if offset < 0 or any(size < 0 for size in shape):
            raise ValueError(f"expected a numeric array, got {name!r} of shape {shape} at {offset}")
        array = np.frombuffer(payload, dtype, math.prod(shape), body + offset)
        return array if len(shape) == 1 else array.reshape(shape)

    header = str(payload[_HEADER.size : body], "utf-8")  # json would look first which encoding bytes have
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


def read_journal(folder: Path, after: Position | None = None, wanted: Wanted | None = None) -> Iterator[Record]:
    """The records of a journal in order; at any time, also while they are being written.

    Args:
        folder: Of the journal; one that does not exist has no records.
        after: Where a record ended: only what follows; None for all.
        wanted: What is made of records; None for all of them, whole.

    Raises:
        StorageError: A file cannot be read, is missing or is damaged; names the file and the place.
    """
    position = after if after is not None and after.file > 0 else None
    tries = 0
    while True:
        seen = _signature(folder)
        try:
            for record in _records(folder, position, wanted):
                position, tries = record.position, 0
                yield record
        except Damaged:
            # A leader that writes just now, or that removes the journal of a finished run, may look like damage.
            time.sleep(_AGAIN)
            tries += 1
            if not files(folder):
                return
            if tries > _TRIES or _signature(folder) == seen:
                raise
        else:
            return


def identity(folder: Path) -> str:
    """The random number that names a journal, in hexadecimal digits; "" where there is none.

    Raises:
        StorageError: Its files are damaged or do not belong together.
    """
    chain = _chain(folder)
    return chain[0].header.journal.hex() if chain else ""


def _records(folder: Path, after: Position | None, wanted: Wanted | None) -> Iterator[Record]:
    chain = _chain(folder)
    if after is not None and chain and after.file not in [one.header.number for one in chain]:
        raise Damaged(file_of(folder, after.file), "the file is missing, although records of it are archived")
    for one in chain:
        number, start = one.header.number, START
        if after is not None and number <= after.file:
            if number < after.file:
                continue
            start = after.offset
        try:
            with one.path.open("rb") as file:
                for end, payload in _payloads(file, one, start):
                    yield Record(Position(number, end), *_decoded(payload, one.path, end, wanted))
        except FileNotFoundError:
            return  # the run was finished in the meantime
        except OSError as error:
            raise storage_error(one.path, "read", error) from None


def _decoded(payload: bytes, path: Path, end: int, wanted: Wanted | None = None) -> tuple[str, dict[str, Any]]:
    """Kind and data of a record whose checksum is right.

    Raises:
        Damaged: It says nothing that l2l would have written.
    """
    try:
        kind, data = decode(payload, wanted)
    except (ValueError, TypeError, LookupError, RecursionError, MemoryError, struct.error) as error:
        raise Damaged(path, f"a record that does not read ({error})", end - len(payload) - _FRAME.size) from None
    return kind, data


def _payloads(file: BinaryIO, one: _File, start: int) -> Iterator[tuple[int, bytes]]:
    """The end and the payload of each whole record from a place on.

    Raises:
        Damaged: A record does not check, or a file ends too early; the torn end of the last one is no damage.
    """
    size = os.fstat(file.fileno()).st_size
    end, checksum, offset = one.end, one.header.checksum, start
    if size < max(start, end or 0):
        raise Damaged(one.path, f"expected at least {max(start, end or 0)} bytes, got {size}: its end is missing", size)
    file.seek(offset)
    while end is None or offset < end:
        frame = file.read(_FRAME.size)
        if len(frame) < _FRAME.size:
            break
        seed = _seed(checksum, offset)
        length, summed, check = _FRAME.unpack(frame)
        if zlib.crc32(frame[: _SUMMED.size], seed) != check:
            raise Damaged(one.path, "what should be a record does not check", offset)
        behind = offset + _FRAME.size + length
        if behind > size:
            size = os.fstat(file.fileno()).st_size
            if behind > size:
                break
        payload = file.read(length)
        if len(payload) < length:
            break
        if length < _HEADER.size or zlib.crc32(payload, seed) != summed:
            raise Damaged(one.path, "a record does not check", offset)
        offset = behind
        yield offset, payload
    if (end is not None and offset != end) or offset == START:
        raise Damaged(one.path, "a record is cut short", offset)


def _chain(folder: Path) -> list[_File]:
    """The files of a journal, each known to follow the one before it.

    Raises:
        Damaged: A header does not check, or a file is missing, doubled, exchanged or of another journal.
    """
    found: list[_File] = []
    followed = False
    for number, path in files(folder).items():
        try:
            header, followed = _header(path)
        except FileNotFoundError:
            return []  # the run was finished in the meantime
        except OSError as error:
            raise storage_error(path, "read", error) from None
        if header.number != number:
            raise Damaged(path, f"by its header this is file {header.number} of a journal, and not {number}")
        _check_link(path, header, found[-1] if found else None)
        if found:
            found[-1] = _ended(found[-1], header.end)
        found.append(_File(path, header, None))
    if found and followed:
        raise Damaged(file_of(folder, found[-1].header.number + 1), "the file is missing: the one before it names it")
    return found


def _ended(one: _File, end: int) -> _File:
    """A file of which the next one says where its records end.

    Raises:
        Damaged: It is shorter.
    """
    try:
        size = one.path.stat().st_size
    except FileNotFoundError:
        size = end  # the run was finished in the meantime
    if size < end:
        raise Damaged(one.path, f"expected at least {end} bytes, got {size}: its end is missing", size)
    return one._replace(end=end)


def _header(path: Path) -> tuple[_Header, bool]:
    """What a file says of itself, and whether it says that another one follows."""
    with path.open("rb") as file:
        raw = file.read(START)
    chained = raw[len(MAGIC) + len(_OPEN) : START - _CHECK.size]
    mark = raw[len(MAGIC) : len(MAGIC) + len(_OPEN)]
    if len(raw) == START and raw.startswith(MAGIC) and mark in (_OPEN, _FOLLOWED):
        header = _Header(*_CHAIN.unpack(chained))
        if _CHECK.pack(header.checksum) == raw[-_CHECK.size :]:
            return header, mark == _FOLLOWED
    what = "the file is empty" if not raw else "its beginning is not that of a file of a journal"
    if _of_other_version(raw):
        raise OtherFormat(path, _VERSION, int(raw[len(MAGIC) - 1 : len(MAGIC)]))
    raise Damaged(path, what, 0)


def _of_other_version(raw: bytes) -> bool:
    """Whether a file's beginning is whole, and that of another version of the format."""
    version = raw[len(MAGIC) - 1 : len(MAGIC)]
    if not raw.startswith(MAGIC[:-1]) or version not in b"123456789" or not version or raw.startswith(MAGIC):
        return False
    chained = raw[len(MAGIC) + len(_OPEN) : START - _CHECK.size]
    if len(raw) < START:
        return True
    # A header of ours of which the version alone is damaged still has our checksum.
    return _CHECK.pack(_Header(*_CHAIN.unpack(chained)).checksum) != raw[-_CHECK.size :]


def _check_link(path: Path, header: _Header, before: _File | None) -> None:
    if before is None:
        if header.previous:
            raise Damaged(file_of(path.parent, header.previous), f"the file is missing: {path.name} follows it")
        return
    if header.journal != before.header.journal:
        raise Damaged(path, f"it belongs to another journal than {before.path.name}")
    if header.previous != before.header.number:
        missing = file_of(path.parent, header.previous)
        raise Damaged(missing, f"the file is missing: {path.name} follows it")
    if header.check != before.header.checksum:
        raise Damaged(path, f"it does not follow {before.path.name}, but another file of that number")


def _signature(folder: Path) -> list[tuple[int, int, int]]:
    """Number, size and time of change of each file, by which one sees that somebody writes."""
    found: list[tuple[int, int, int]] = []
    for number, path in files(folder).items():
        with suppress(OSError):
            status = path.stat()
            found.append((number, status.st_size, status.st_mtime_ns))
    return found


def records_in(raw: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of records that `encode` wrote one behind the other.

    Raises:
        ValueError: One of them does not check.
    """
    start = 0
    while start < len(raw):
        if len(raw) - start < _FRAME.size:
            raise ValueError(f"the record at byte {start} is cut short")
        length, summed, _ = _FRAME.unpack_from(raw, start)
        payload = raw[start + _FRAME.size : start + _FRAME.size + length]
        if len(payload) < length or length < _HEADER.size or zlib.crc32(payload) != summed:
            raise ValueError(f"the record at byte {start} does not check")
        start += _FRAME.size + length
        yield decode(payload)


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
    except OSError as error:
        raise storage_error(folder, "remove", error) from None
    shutil.rmtree(leaving, ignore_errors=True)  # nobody reads it any more; what stays is removed the next time


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # a signal, a nearly full disk, or more than 2 GiB
        written += os.write(descriptor, memoryview(data)[written:])


class Lost(NamedTuple):
    """A part of a journal that cannot be proved right.

    Args:
        path: Of the file.
        offset: Where it begins, in bytes.
        size: In bytes; 0 for a file that is missing.
        problem: What is wrong with it.
    """

    path: Path
    offset: int
    size: int
    problem: str

    def __str__(self) -> str:
        if not self.size:
            return f"{self.path}: {self.problem}"
        return f"{self.path}: {self.size} bytes from byte {self.offset} on: {self.problem}"


def salvage(folder: Path, name: str = "") -> Iterator[Record | Lost]:
    """What can be proved right of a journal, whatever became of it, and what cannot.

    A record counts where both of its checksums are right, which begin with its file's header and its place. A header
    that is damaged is known from the next file, or from the one before.

    Args:
        folder: Of the journal; nobody writes to it.
        name: As `identity` gave it, where it is known from elsewhere.

    Raises:
        StorageError: A file cannot be read.
    """
    own, found, foreign = _salvaged_files(folder, bytes.fromhex(name))
    yield from foreign
    last = max(found, default=0)
    before, end = 0, 0  # checksum and end of the file before
    for number in range(1, last + 1):
        if number not in found:
            yield Lost(file_of(folder, number), 0, 0, "the file is missing")
            continue
        path, checksum = found[number]
        raw = _content(path)
        if checksum is None and own:
            header = _Header(own, number, number - 1, end, before)
            checksum = header.checksum if _record_at(raw, START, header.checksum)[0] else None
        if checksum is None:
            yield Lost(path, 0, len(raw) or 1, "nothing says which file of the journal it is")
            continue
        before, end = checksum, START
        for one in _salvaged(path, raw, number, checksum, is_last=number == last):
            if isinstance(one, Record):
                end = one.position.offset
            yield one


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise storage_error(path, "read", error) from None


def _salvaged_files(folder: Path, name: bytes) -> tuple[bytes, dict[int, tuple[Path, int | None]], list[Lost]]:
    """The journal's name, its files (number → path, and the header's checksum if known), and what is none of them."""
    read: dict[Path, _Header] = {}
    followed: set[int] = set()
    unknown: dict[int, Path] = {}
    foreign: list[Lost] = []
    for number, path in files(folder).items():
        try:
            read[path], is_followed = _header(path)
            followed |= {read[path].number} if is_followed else set()
        except OtherFormat as error:
            foreign.append(Lost(path, 0, path.stat().st_size, f"it has version {error.got} of the format"))
        except Damaged:
            unknown[number] = path
        except OSError as error:
            raise storage_error(path, "read", error) from None
    names = [header.journal for header in read.values()]
    own = name if name in names else max(names, key=names.count, default=name)
    headers: dict[int, _Header] = {}
    found: dict[int, tuple[Path, int | None]] = {}
    for path, header in read.items():
        if header.journal != own:
            foreign.append(Lost(path, 0, path.stat().st_size, "it belongs to another journal"))
        elif header.number not in headers:  # else it is a copy
            headers[header.number] = header
            found[header.number] = path, header.checksum
    for number, path in unknown.items():
        behind = next((one.check for one in headers.values() if one.previous == number), None)
        found.setdefault(number, (path, behind))
    last = max(found, default=0)
    if last in followed:
        foreign.append(Lost(file_of(folder, last + 1), 0, 0, "the file is missing: the one before it names it"))
    return own, found, foreign


def _salvaged(path: Path, raw: bytes, number: int, checksum: int, *, is_last: bool) -> Iterator[Record | Lost]:
    offset = START
    while offset < len(raw):
        behind, payload = _record_at(raw, offset, checksum)
        if payload is not None:
            try:
                record = Record(Position(number, behind), *_decoded(payload, path, behind))
            except Damaged as error:
                yield Lost(path, offset, behind - offset, error.problem)
            else:
                yield record
            offset = behind
            continue
        begin, offset = offset, _next_record(raw, offset, behind, checksum)
        torn = is_last and offset == len(raw) and (behind > len(raw) or len(raw) - begin < _FRAME.size)
        if not torn:  # else a kill left it
            yield Lost(path, begin, offset - begin, "it does not check")


def _record_at(raw: bytes, offset: int, checksum: int) -> tuple[int, bytes | None]:
    """Where the record ends that begins here, 0 where none does; and its payload, None where it does not check."""
    if len(raw) - offset < _FRAME.size:
        return 0, None
    seed = _seed(checksum, offset)
    length, summed, check = _FRAME.unpack_from(raw, offset)
    if zlib.crc32(raw[offset : offset + _SUMMED.size], seed) != check:
        return 0, None
    behind = offset + _FRAME.size + length
    payload = raw[offset + _FRAME.size : behind]
    right = behind <= len(raw) and length >= _HEADER.size and zlib.crc32(payload, seed) == summed
    return behind, payload if right else None


def _next_record(raw: bytes, offset: int, behind: int, checksum: int) -> int:
    """Where the next record begins behind one that does not check; the end of the file where there is none."""
    if behind:  # its length is right
        return min(behind, len(raw))
    for place in range(offset + 1, len(raw) - _FRAME.size + 1):
        if _record_at(raw, place, checksum)[0]:
            return place
    return len(raw)
