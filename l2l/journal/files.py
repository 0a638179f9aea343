"""The files of a journal: their headers, and how each proves that it follows the one before."""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from l2l.errors import Damaged, OtherFormat, storage_error
from l2l.files import open_to_read
from l2l.journal.record import CHECK, FRAME, HEADER, MAGIC, SUMMED, VERSION, seed_of

_OPEN, FOLLOWED = bytes(8), b"followed"
_CHAIN = struct.Struct("<16sIIQI")
START = len(MAGIC) + len(_OPEN) + _CHAIN.size + CHECK.size
"""Bytes of a file's header; its first record begins there."""


class Header(NamedTuple):
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
        return MAGIC + _OPEN + _CHAIN.pack(*self) + CHECK.pack(self.checksum)


class JournalFile(NamedTuple):
    """A file of a journal whose header is right.

    Args:
        path: Of the file.
        header: What it says of itself.
        end: Where its records end, as the next file says; None for the last file.
    """

    path: Path
    header: Header
    end: int | None


def payloads(file: BinaryIO, one: JournalFile, start: int) -> Iterator[tuple[int, bytes]]:
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
        frame = file.read(FRAME.size)
        if len(frame) < FRAME.size:
            break
        seed = seed_of(checksum, offset)
        length, summed, check = FRAME.unpack(frame)
        if zlib.crc32(frame[: SUMMED.size], seed) != check:
            raise Damaged(one.path, "what should be a record does not check", offset)
        behind = offset + FRAME.size + length
        if behind > size:
            size = os.fstat(file.fileno()).st_size
            if behind > size:
                break
        payload = file.read(length)
        if len(payload) < length:
            break
        if length < HEADER.size or zlib.crc32(payload, seed) != summed:
            raise Damaged(one.path, "a record does not check", offset)
        offset = behind
        yield offset, payload
    if (end is not None and offset != end) or offset == START:
        raise Damaged(one.path, "a record is cut short", offset)


def chain_of(folder: Path) -> list[JournalFile]:
    """The files of a journal, each known to follow the one before it.

    Raises:
        Damaged: A header does not check, or a file is missing, doubled, exchanged or of another journal.
    """
    found: list[JournalFile] = []
    followed = False
    for number, path in files(folder).items():
        try:
            header, followed = read_header(path)
        except FileNotFoundError:
            return []  # the run was finished in the meantime
        except OSError as error:
            raise storage_error(path, "read", error) from None
        if header.number != number:
            raise Damaged(path, f"by its header this is file {header.number} of a journal, and not {number}")
        _check_link(path, header, found[-1] if found else None)
        if found:
            found[-1] = _ended(found[-1], header.end)
        found.append(JournalFile(path, header, None))
    if found and followed:
        raise Damaged(file_of(folder, found[-1].header.number + 1), "the file is missing: the one before it names it")
    return found


def _ended(one: JournalFile, end: int) -> JournalFile:
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


def read_header(path: Path) -> tuple[Header, bool]:
    """What a file says of itself, and whether it says that another one follows."""
    with open_to_read(path) as file:
        raw = file.read(START)
    chained = raw[len(MAGIC) + len(_OPEN) : START - CHECK.size]
    mark = raw[len(MAGIC) : len(MAGIC) + len(_OPEN)]
    if len(raw) == START and raw.startswith(MAGIC) and mark in (_OPEN, FOLLOWED):
        header = Header(*_CHAIN.unpack(chained))
        if CHECK.pack(header.checksum) == raw[-CHECK.size :]:
            return header, mark == FOLLOWED
    what = "the file is empty" if not raw else "its beginning is not that of a file of a journal"
    if _of_other_version(raw):
        raise OtherFormat(path, VERSION, int(raw[len(MAGIC) - 1 : len(MAGIC)]))
    raise Damaged(path, what, 0)


def _of_other_version(raw: bytes) -> bool:
    """Whether a file's beginning is whole, and that of another version of the format."""
    version = raw[len(MAGIC) - 1 : len(MAGIC)]
    if not raw.startswith(MAGIC[:-1]) or version not in b"123456789" or not version or raw.startswith(MAGIC):
        return False
    chained = raw[len(MAGIC) + len(_OPEN) : START - CHECK.size]
    if len(raw) < START:
        return True
    # A header of ours of which the version alone is damaged still has our checksum.
    return CHECK.pack(Header(*_CHAIN.unpack(chained)).checksum) != raw[-CHECK.size :]


def _check_link(path: Path, header: Header, before: JournalFile | None) -> None:
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
