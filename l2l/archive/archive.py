"""The archive of a run while it lives: whole generations are appended, and no refusal or kill loses one."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.archive import disk, writing
from l2l.errors import Damaged, NotFoundError, OtherFormat, StorageError, storage_error
from l2l.files import open_new, open_regular, separate, sync_folder
from l2l.journal import Position, identity
from l2l.journal import files as journal_files
from l2l.schema import APPENDED, Fold, Rows, height
from l2l.trajectory.reading import (
    Busy,
    Checksums,
    checked_state,
    checksums_of,
    is_complete,
    marker_of,
    opened,
    read_state,
)
from l2l.trajectory.records import OF_OTHER_RUN, fold_in, of_other_run, read_beyond, together

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
        self._checksums: Checksums = {}
        self._queue: dict[str, list[Rows]] = {}
        self._written = dict.fromkeys(APPENDED, 0)
        self._records = 0
        self._identity = ""
        self._changes = 0
        self._broken = False
        self._next = 0.0
        self._hosts = -1
        self._fold = Fold(str(self._journal))
        self._fold = self._recovered()
        if self._fold.layout is None:
            for _ in fold_in(self._fold, self._journal):
                pass

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
        # Whatever is raised from here on, it is not known what stands in the file: then it is written anew.
        self._broken = True
        done = self._committed(pending, complete)
        self._broken = False
        return done

    def _committed(self, pending: Mapping[str, Rows], complete: bool) -> bool:
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
        checksums, written, records = dict(self._checksums), dict(self._written), self._records
        for table, parts in tables.items():
            for rows in parts:
                writing.append(file, layout, table, rows, start=written[table], checksums=checksums)
                written[table] += height(rows)
        if small is not None:
            writing.rewrite(file, layout, small, checksums)
            records = writing.put_records(file, self._fold.small.records())
            writing.describe(file, self._fold)
        if self._hosts != len(self._fold.hosts) or small:
            writing.name_hosts(file, self._fold.hosts)
        self._identity = self._identity or identity(self._journal)
        state = {
            **self._fold.state(),
            "seen": list(self._fold.position),
            "journal": self._identity,
            "counts": written,
            "checksums": checksums,
            "records": records,
            "complete": complete,
        }
        writing.put_state(file, state)
        self._checksums = checksums
        self._written = written
        self._records = records
        self._changes = self._fold.small.changes
        self._hosts = len(self._fold.hosts)

    @contextmanager
    def _marked(self, size: int) -> Iterator[None]:
        """A marker stands while the file may be torn; where writing fails it stays, and the file is rebuilt.

        Raises:
            StorageError: The disk refuses.
        """
        before: int | None = None
        try:
            separate(self.path)
            before = self.path.stat().st_size
            descriptor = open_regular(self._marker, os.O_WRONLY | os.O_CREAT)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(self.folder)
            disk.reserve(self.path, size)
        except OSError as error:
            # Nothing was written yet: the file is as it was.
            with suppress(OSError):
                if before is not None:
                    os.truncate(self.path, before)
                self._marker.unlink(missing_ok=True)
            raise storage_error(self.path, "write to", error) from None
        try:
            yield
        except disk.REFUSED as error:
            raise disk.refused(self.path, error) from None
        try:
            self._marker.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(self._marker, "remove", error) from None

    # --- recovering ----------------------------------------------------------------------------------------------

    def _recovered(self) -> Fold:
        """The fold that goes on where the file stands; the file is rebuilt where it is not sound.

        Raises:
            StorageError: The journal is damaged, or missing where it is wanted.
        """
        where = str(self._journal)
        self._remove(self._partial)
        if not self.path.exists():
            self._remove(self._marker)
            return Fold(where)
        there = bool(journal_files(self._journal))
        torn = self._marker.exists()
        why = "a commit to it was interrupted"
        if not torn:
            try:
                state, records = checked_state(self.path)
                why = "it belongs to a finished run"
                if there and not is_complete(state):
                    return self._resumed(state, records)
                if there and of_other_run(self._journal, records):
                    raise Damaged(self._journal, OF_OTHER_RUN)
            except Busy:
                why = "another program is writing to it"
            except Damaged as error:
                if error.file != self.path:
                    raise
                why = error.problem
            except OtherFormat:
                raise  # it is whole, for another l2l
            except StorageError as error:
                why = str(error)
        if not there:
            raise StorageError(
                f"{self._journal}: the journal is missing, and {self.path} does not do without: {why}. Restore the "
                "journal from a backup, or begin a new run and name this one in `memo`"
            )
        self._rebuild()
        return self._fold

    def _resumed(self, state: Mapping[str, Any], records: Iterable[tuple[str, Mapping[str, Any]]]) -> Fold:
        """The fold that goes on where a sound file stands, with what the journal has beyond it."""
        with together(self.path):
            fold = Fold.resume(state, records, str(self._journal))
        self._changes = fold.small.changes
        read_beyond(fold, self._journal, state)
        self._checksums = state["checksums"]
        self._written = dict(state["counts"])
        self._records = state["records"]
        return fold

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, "remove", error) from None

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
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise storage_error(self.path, "replace", error) from None
            raise
        self._broken = False

    def _refolded(self, complete: bool) -> bool:
        """Write the journal's rows to the new file; False where it has none."""
        rows = -1
        for _ in fold_in(self._fold, self._journal):
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
                os.close(open_new(self._partial))
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
        if layout is None:
            raise StorageError(
                f"{self.folder}: the journal of this run is gone, as where somebody removed the folder while it ran; "
                "begin it again"
            )
        try:
            with opened(self.path) as file:
                state, _ = read_state(file)
                found = checksums_of(file, layout, state)
        except (Busy, StorageError, NotFoundError):
            return False
        same = all(found.get(name, 0) == checksum for name, checksum in self._checksums.items())
        return same and state["counts"] == self._fold.counts and is_complete(state)
