"""The archive of a run while it lives: whole generations are appended, and no refusal or kill loses one."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.archive import disk, writing
from l2l.errors import NotFoundError, StorageError, storage_error
from l2l.journal import Position, read_journal, sync_folder
from l2l.journal import files as journal_files
from l2l.schema import APPENDED, Fold, Rows, height
from l2l.trajectory.reading import (
    Busy,
    checked_state,
    column_names,
    is_complete,
    marker_of,
    opened,
    read_column,
    read_state,
)

if TYPE_CHECKING:
    import h5py

INTERVAL = 1.0
"""Seconds between commits, at least."""
_SHARE = 50.0
"""A commit that takes long is followed by a pause that is so many times longer."""
_BATCH = 100_000
"""Rows that are written at once when an archive is rebuilt."""


class Archive:
    """The file `trajectory.h5` of a run, as its leader writes it.

    What an earlier leader left is put in order first: a commit that was killed, or a file that does not open, is
    rebuilt from the journal; what the journal has beyond it is queued. After that `add` takes what the leader appends.

    Args:
        folder: Of the run, with its `journal`; both are this process's alone (see `RunLock`).

    Raises:
        StorageError: The disk is full or read-only, or the journal of an unfinished run is missing.

    Example:
        >>> archive = Archive(folder)
        >>> archive.add("told", data, journal.append("told", data))
        >>> archive.commit()
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "trajectory.h5"
        self._journal = folder / "journal"
        self._marker = marker_of(self.path)
        self._partial = self.path.with_name(self.path.name + ".partial")
        self._checksums: writing.Checksums = {}
        self._queue: dict[str, list[Rows]] = {}
        self._written = dict.fromkeys(APPENDED, 0)
        self._changes = 0
        self._broken = False
        self._next = 0.0
        self._hosts = -1
        self._fold = Fold(str(self._journal))
        self._fold = self._recovered()
        for position, kind, data in read_journal(self._journal, Position(*self._fold.position)):
            self._fold.add(kind, data, position)

    # --- queueing ------------------------------------------------------------------------------------------------

    def add(self, kind: str, data: Mapping[str, Any], position: Position) -> None:
        """Take a record that was appended to the journal; in memory alone.

        Args:
            kind: Of the record.
            data: Of the record; its arrays must not change any more.
            position: Behind it, as `Journal.append` returned it.
        """
        self._fold.add(kind, data, position)

    @property
    def waiting(self) -> bool:
        """Whether there is something to commit."""
        return self._fold.waiting or bool(self._queue) or self._fold.small.changes != self._changes

    @property
    def due(self) -> bool:
        """Whether `commit` would write now."""
        return time.monotonic() >= self._next and self.waiting

    # --- committing ----------------------------------------------------------------------------------------------

    def commit(self, force: bool = False) -> bool:
        """Append the generations that were closed; at most about once a second.

        Args:
            force: At once.

        Returns:
            Whether it is done; False where it is not due yet, or a reader holds the file.

        Raises:
            StorageError: The disk is full or read-only; the journal still has everything.
        """
        now = time.monotonic()
        if not self.waiting:
            return True
        if self._fold.layout is None or (now < self._next and not force):
            return False
        done = self._commit({})
        self._next = time.monotonic() + max(INTERVAL, _SHARE * (time.monotonic() - now) if done else 0.0)
        return done

    def finish(self) -> bool:
        """Make the archive of a finished run complete and verify it, so that the journal may be removed.

        A reader that holds the file keeps what it reads; the complete archive takes the file's place then.

        Returns:
            True.

        Raises:
            StorageError: The disk is full or read-only, or what was written reads otherwise.
        """
        if self._fold.layout is None:
            raise StorageError(f"{self._journal}: expected the journal of a finished run, got an empty one")
        if not self._commit(self._pending(), complete=True):
            self._rebuild(complete=True)
        if not self._verified():
            self._rebuild(complete=True)
            if not self._verified():
                raise StorageError(
                    f"{self.path}: what was written reads otherwise; check the disk. The journal beside it is kept "
                    "and has everything"
                )
        return True

    def _commit(self, pending: Mapping[str, Rows], complete: bool = False) -> bool:
        if self._broken:
            self._rebuild()
        self._take()
        if not self.path.exists():
            self._rebuild(complete)
            return True
        if not disk.free(self.path):
            return False
        tables = {table: parts for table, parts in self._queue.items() if parts}
        small = None
        if complete or self._fold.small.changes != self._changes:
            small = {**self._fold.small_tables(), **pending}
        rows = [part for parts in tables.values() for part in parts]
        with self._marked(writing.size_of([*rows, *(small or {}).values()]) + 2**18):
            try:
                with disk.for_writing(self.path, "r+") as file:
                    self._append(file, tables, small, complete)
            except Busy:
                return False
            disk.sync(self.path)
        self._queue = {}
        return True

    def _take(self) -> None:
        """Queue what the fold gives."""
        for table, rows in self._fold.take().items():
            self._queue.setdefault(table, []).append(rows)

    def _append(
        self, file: "h5py.File", tables: Mapping[str, list[Rows]], small: Mapping[str, Rows] | None, complete: bool
    ) -> None:
        """Write rows, small tables where they changed, and where the file stands then."""
        layout = self._fold.layout
        assert layout
        checksums, written = dict(self._checksums), dict(self._written)
        for table, parts in tables.items():
            for rows in parts:
                writing.append(file, layout, table, rows, start=written[table], checksums=checksums)
                written[table] += height(rows)
        if small is not None:
            writing.rewrite(file, layout, small)
            writing.put_records(file, self._fold.small.records())
            writing.describe(file, self._fold)
        if self._hosts != len(self._fold.hosts) or small:
            writing.name_hosts(file, self._fold.hosts)
        state = {**self._fold.state(), "counts": written, "checksums": checksums, "complete": complete}
        writing.put_state(file, state)
        self._checksums, self._written = checksums, written
        self._changes, self._hosts = self._fold.small.changes, len(self._fold.hosts)

    @contextmanager
    def _marked(self, size: int) -> Iterator[None]:
        """A marker stands while the file may be torn; where writing fails it stays, and the file is rebuilt.

        Raises:
            StorageError: The disk refuses.
        """
        before = self.path.stat().st_size
        try:
            descriptor = os.open(self._marker, os.O_WRONLY | os.O_CREAT, 0o666)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(self.folder)
            disk.reserve(self.path, size)
        except OSError as error:
            # Nothing was written yet: the file is as it was.
            with suppress(OSError):
                os.truncate(self.path, before)
                self._marker.unlink(missing_ok=True)
            raise storage_error(self.path, "write to", error) from None
        self._broken = True
        try:
            yield
        except disk.REFUSED as error:
            raise disk.refused(self.path, error) from None
        self._broken = False
        self._marker.unlink(missing_ok=True)

    # --- recovering ----------------------------------------------------------------------------------------------

    def _recovered(self) -> Fold:
        """The fold that goes on where the file stands; the file is rebuilt where it is not sound."""
        where = str(self._journal)
        self._partial.unlink(missing_ok=True)
        if not self.path.exists():
            self._marker.unlink(missing_ok=True)
            return Fold(where)
        torn = self._marker.exists()
        why = "a commit to it was interrupted"
        if not torn:
            try:
                state, records = checked_state(self.path)
                if not is_complete(state) and self._covers(Position(*state["position"])):
                    self._checksums, self._written = state["checksums"], dict(state["counts"])
                    fold = Fold.resume(state, records, where)
                    self._changes = fold.small.changes
                    return fold
                why = "it belongs to a finished run" if is_complete(state) else "it is ahead of the journal"
            except Busy:
                why = "another program is writing to it"
            except StorageError as error:
                why = str(error)
        if not any(True for _ in read_journal(self._journal)):
            raise StorageError(
                f"{self._journal}: the journal is missing, and {self.path} does not do without: {why}. Restore the "
                "journal from a backup, or begin a new run and name this one in `memo`"
            )
        self._rebuild()
        return self._fold

    def _covers(self, position: Position) -> bool:
        path = journal_files(self._journal).get(position.file)
        return path is not None and path.stat().st_size >= position.offset

    def _rebuild(self, complete: bool = False) -> None:
        """Write the archive anew from the journal, in a file that takes its place when it is whole."""
        before, self._broken = self._fold, True
        self._queue, self._checksums, self._written = {}, {}, dict.fromkeys(APPENDED, 0)
        try:
            self._fold = Fold(str(self._journal))
            if self._refolded(complete):
                disk.sync(self._partial)
                self._partial.replace(self.path)
                sync_folder(self.folder)
                self._marker.unlink(missing_ok=True)
        except BaseException as error:
            self._fold = before
            self._partial.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise storage_error(self.path, "replace", error) from None
            raise
        self._broken = False

    def _refolded(self, complete: bool) -> bool:
        """Write the journal's rows to the new file; False where it has none."""
        rows = -1
        for position, kind, data in read_journal(self._journal):
            self._fold.add(kind, data, position)
            now = self._fold.counts["individuals"] + self._fold.counts["trials"]
            if rows < 0 or now - rows > _BATCH:
                self._flush("w" if rows < 0 else "r+")
                rows = now
        if rows < 0:
            return False
        pending = self._pending() if complete else {}
        self._flush("r+", {**self._fold.small_tables(), **pending}, complete)
        return True

    def _pending(self) -> dict[str, Rows]:
        return {f"pending/{table}": rows for table, rows in self._fold.pending().items()}

    def _flush(self, mode: str, small: Mapping[str, Rows] | None = None, complete: bool = False) -> None:
        """Write what is queued to the file that is being rebuilt."""
        self._take()
        rows = [part for parts in self._queue.values() for part in parts]
        size = writing.size_of([*rows, *(small or {}).values()]) + 2**20
        try:
            if mode == "w":
                self._partial.touch()
            disk.reserve(self._partial, size)
            with disk.for_writing(self._partial, mode) as file:
                if mode == "w":
                    assert self._fold.layout
                    writing.begin(file, self._fold.layout)
                self._append(file, self._queue, small, complete)
        except disk.REFUSED as error:
            raise disk.refused(self._partial, error) from None
        self._queue = {}

    # --- verifying -----------------------------------------------------------------------------------------------

    def _verified(self) -> bool:
        """Whether the file reads as what was written to it."""
        layout = self._fold.layout
        assert layout
        found: writing.Checksums = {}
        try:
            with opened(self.path) as file:
                state, _ = read_state(file)
                for table in APPENDED:
                    for name in column_names(file, table, layout):
                        column = layout.column(table, name)
                        values = read_column(file, table, name, column, state["counts"][table])
                        writing.add_checksum(found, f"{table}/{name}", values, column)
        except (Busy, StorageError, NotFoundError):
            return False
        same = all(found.get(name, 0) == checksum for name, checksum in self._checksums.items())
        return same and state["counts"] == self._fold.counts and is_complete(state)
