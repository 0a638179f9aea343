"""Reading a journal, at any time, also while it is being written."""

import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from l2l.errors import Damaged, storage_error
from l2l.files import open_to_read
from l2l.journal.files import START, chain_of, file_of, files, payloads
from l2l.journal.record import FRAME, Position, Record, Wanted, decode

_AGAIN = 0.02
"""Seconds after which a journal that does not check is looked at again: its leader may be writing just now."""
_TRIES = 50


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
    chain = chain_of(folder)
    return chain[0].header.journal.hex() if chain else ""


def _records(folder: Path, after: Position | None, wanted: Wanted | None) -> Iterator[Record]:
    chain = chain_of(folder)
    if after is not None and chain and after.file not in [one.header.number for one in chain]:
        raise Damaged(file_of(folder, after.file), "the file is missing, although records of it are archived")
    for one in chain:
        number, start = one.header.number, START
        if after is not None and number <= after.file:
            if number < after.file:
                continue
            start = after.offset
        try:
            with open_to_read(one.path) as file:
                for end, payload in payloads(file, one, start):
                    yield Record(Position(number, end), *decoded(payload, one.path, end, wanted))
        except FileNotFoundError:
            return  # the run was finished in the meantime
        except OSError as error:
            raise storage_error(one.path, "read", error) from None


def decoded(payload: bytes, path: Path, end: int, wanted: Wanted | None = None) -> tuple[str, dict[str, Any]]:
    """Kind and data of a record whose checksum is right.

    Raises:
        Damaged: It says nothing that l2l would have written.
    """
    try:
        kind, data = decode(payload, wanted)
    except (ValueError, TypeError, LookupError, RecursionError, MemoryError, struct.error) as error:
        raise Damaged(path, f"a record that does not read ({error})", end - len(payload) - FRAME.size) from None
    return kind, data


def _signature(folder: Path) -> list[tuple[int, int, int]]:
    """Number, size and time of change of each file, by which one sees that somebody writes."""
    found: list[tuple[int, int, int]] = []
    for number, path in files(folder).items():
        with suppress(OSError):
            status = path.stat()
            found.append((number, status.st_size, status.st_mtime_ns))
    return found
