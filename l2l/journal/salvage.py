"""What can be proved right of a damaged journal, and what cannot."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from l2l.errors import Damaged, OtherFormat, storage_error
from l2l.files import open_to_read
from l2l.journal.files import START, Header, file_of, files, read_header
from l2l.journal.reading import decoded
from l2l.journal.record import FRAME, HEADER, SUMMED, Position, Record, seed_of


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
            header = Header(own, number, number - 1, end, before)
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
        with open_to_read(path) as file:
            return file.read()
    except OSError as error:
        raise storage_error(path, "read", error) from None


def _salvaged_files(folder: Path, name: bytes) -> tuple[bytes, dict[int, tuple[Path, int | None]], list[Lost]]:
    """The journal's name, its files (number → path, and the header's checksum if known), and what is none of them."""
    read: dict[Path, Header] = {}
    followed: set[int] = set()
    unknown: dict[int, Path] = {}
    foreign: list[Lost] = []
    for number, path in files(folder).items():
        try:
            read[path], is_followed = read_header(path)
            followed |= {read[path].number} if is_followed else set()
        except OtherFormat as error:
            foreign.append(Lost(path, 0, path.stat().st_size, f"it has version {error.got} of the format"))
        except Damaged:
            unknown[number] = path
        except OSError as error:
            raise storage_error(path, "read", error) from None
    names = [header.journal for header in read.values()]
    own = name if name in names else max(names, key=names.count, default=name)
    headers: dict[int, Header] = {}
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
                record = Record(Position(number, behind), *decoded(payload, path, behind))
            except Damaged as error:
                yield Lost(path, offset, behind - offset, error.problem)
            else:
                yield record
            offset = behind
            continue
        begin, offset = offset, _next_record(raw, offset, behind, checksum)
        torn = is_last and offset == len(raw) and (behind > len(raw) or len(raw) - begin < FRAME.size)
        if not torn:  # else a kill left it
            yield Lost(path, begin, offset - begin, "it does not check")


def _record_at(raw: bytes, offset: int, checksum: int) -> tuple[int, bytes | None]:
    """Where the record ends that begins here, 0 where none does; and its payload, None where it does not check."""
    if len(raw) - offset < FRAME.size:
        return 0, None
    seed = seed_of(checksum, offset)
    length, summed, check = FRAME.unpack_from(raw, offset)
    if zlib.crc32(raw[offset : offset + SUMMED.size], seed) != check:
        return 0, None
    behind = offset + FRAME.size + length
    payload = raw[offset + FRAME.size : behind]
    right = behind <= len(raw) and length >= HEADER.size and zlib.crc32(payload, seed) == summed
    return behind, payload if right else None


def _next_record(raw: bytes, offset: int, behind: int, checksum: int) -> int:
    """Where the next record begins behind one that does not check; the end of the file where there is none."""
    if behind:  # its length is right
        return min(behind, len(raw))
    for place in range(offset + 1, len(raw) - FRAME.size + 1):
        if _record_at(raw, place, checksum)[0]:
            return place
    return len(raw)
