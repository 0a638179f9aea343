"""Appending to a journal, and removing one."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from l2l.errors import StorageError, storage_error
from l2l.files import open_new, open_regular, open_to_read, separate, sync_folder
from l2l.journal.files import FOLLOWED, START, Header, JournalFile, chain_of, file_of, payloads
from l2l.journal.record import MAGIC, Position, encode, seed_of


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
        self._name = b""

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
        record = encode(kind, data, seed_of(self._checksum, self._offset))
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

    def check_place(self) -> None:
        """See that the file which is written to still stands in its place, before others are changed beside it.

        Raises:
            StorageError: Its folder was moved, removed or replaced: what stands there now is not this run's.
        """
        if self._descriptor < 0:
            return
        try:
            there = os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except (FileNotFoundError, NotADirectoryError):
            there = False
        except OSError as error:
            raise storage_error(self._path, "look at", error) from None
        if not there:
            raise self._is_gone()

    def _is_gone(self) -> StorageError:
        return StorageError(
            f"{self.folder.parent}: this folder was moved, removed or replaced while the run went on, and nothing more "
            "is written there. If it was moved, go on at its new place with l2l resume; if it was removed, begin again"
        )

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
        if self._name and (before is None or before.header.journal != self._name):
            raise self._is_gone()
        header = _next(before)
        path = file_of(self.folder, header.number)
        content = header.encode() + encode(kind, data, seed_of(header.checksum, START))
        partial = path.with_suffix(".partial")
        descriptor = -1
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = open_new(partial, os.O_WRONLY | os.O_APPEND)
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
        self._name = header.journal
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


def _next(before: JournalFile | None) -> Header:
    """The header of the file that follows."""
    if before is None:
        return Header(os.urandom(16), 1)
    header = before.header
    assert before.end is not None
    return Header(header.journal, header.number + 1, header.number, before.end, header.checksum)


def _last(folder: Path) -> JournalFile | None:
    """The last file of a journal, with the end of its last whole record; None where there is none.

    Raises:
        StorageError: The journal is damaged.
    """
    chain = chain_of(folder)
    if not chain:
        return None
    last, end = chain[-1], START
    try:
        with open_to_read(last.path) as file:
            for end, _ in payloads(file, last, START):  # noqa: B007 - the last one counts
                pass
    except OSError as error:
        raise storage_error(last.path, "read", error) from None
    return last._replace(end=end)


def _mark_followed(path: Path) -> None:
    """Let a file say that another one follows it, so that the other cannot go missing unseen."""
    separate(path)
    descriptor = open_regular(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, FOLLOWED, len(MAGIC))
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


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
