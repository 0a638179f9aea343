"""Events go to the journal at once, and to the archive when there is time."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from l2l.archive import Archive
from l2l.journal import Journal, Position

_SYNC_EVERY = 0.05
_SHARE = 20.0
"""A sync that takes long is followed by a pause that is so many times longer."""
_ALLOWED = 1 / 40
"""Share of the run's time that syncs before the optimizer is told may take; others are at most a twentieth."""
_MOST = 1.0
"""Seconds of syncing that are saved up, at most."""
_FIRST = 0.03
"""Seconds that the first commit is expected to take, which makes the archive."""
_FREE = nullcontext()


class Recorder:
    """Notes events, each of them whole or not at all, in the journal and in the archive's books alike.

    The records of a journal's file reach the disk in order. So an event may take effect in this process before it is
    synced: whatever follows from it stands behind it, and is lost with it if the power fails. A kill loses nothing.
    All the same the results are synced before the optimizer is told of them, unless that takes too much of the time.

    Interruptions wait while something is noted. Whatever is raised all the same leaves it open what was noted: then
    the journal goes on in a further file behind what it has, and the archive is put in order from it.

    Args:
        journal, archive: Of the run's folder.
        held: Entered while something is noted.
        beside: Called when it keeps up, to write down what is no event.
    """

    def __init__(
        self,
        journal: Journal,
        archive: Archive,
        held: AbstractContextManager[None] = _FREE,
        beside: Callable[[], None] | None = None,
    ) -> None:
        self.journal = journal
        self.held = held
        self._beside = beside
        self._archive = archive
        self._noted: list[tuple[str, Mapping[str, Any], Position]] = []
        self._sure = True
        self._dirty = False
        self._next_sync = 0.0
        self._saved = _SYNC_EVERY
        self._saved_at = time.monotonic()
        self._sync_takes, self._commit_takes = 0.0, _FIRST

    def log(self, kind: str, data: Mapping[str, Any]) -> None:
        """Append an event to the journal, and queue it for the archive.

        Args:
            kind: Of the event.
            data: Of the event; its arrays must not change any more.

        Raises:
            StorageError: The disk is full or read-only.
        """
        with self.held:
            if not self._sure:
                self._begin_anew()
            self._sure = False
            self._noted.append((kind, data, self.journal.append(kind, data)))
            self._dirty = True
            self._sure = True

    @property
    def archive(self) -> Archive:
        """The archive, with all events so far."""
        with self.held:
            if not self._sure:
                self._begin_anew()
            self._sure = False
            for event in self._noted:
                self._archive.add(*event)
            self._noted.clear()
            self._sure = True
        return self._archive

    def _begin_anew(self) -> None:
        """Find out what was noted."""
        self.journal.check_place()
        self.journal.close()
        self._archive = Archive(self._archive.folder)
        self._noted.clear()
        self._sure = True

    def sync(self) -> None:
        """Bring the journal to the disk."""
        if self._dirty:
            begin = time.monotonic()
            self.journal.sync()
            self._dirty = False
            now = time.monotonic()
            self._sync_takes = now - begin
            self._next_sync = now + max(_SYNC_EVERY, _SHARE * self._sync_takes)

    def settle(self) -> None:
        """Bring the journal to the disk before anything follows from it, where that does not take too much time.

        Raises:
            StorageError: It cannot be brought there.
        """
        now = time.monotonic()
        self._saved = min(self._saved + _ALLOWED * (now - self._saved_at), _MOST)
        self._saved_at = now
        if self._dirty and self._saved >= self._sync_takes:
            self.sync()
            self._saved -= self._sync_takes

    def keep_up(self) -> None:
        """Sync and commit what has come, at most as often as is useful; best while workers have something to do."""
        if time.monotonic() >= self._next_sync:
            self.sync()
        if self.archive.due:
            begin = time.monotonic()
            self.commit()
            self._commit_takes = time.monotonic() - begin
        if self._beside is not None:
            self._beside()

    def commit(self, force: bool = False) -> bool:
        """Commit what was noted to the archive, which is never ahead of the journal on the disk.

        Args:
            force: At once.

        Returns:
            As `Archive.commit`.

        Raises:
            StorageError: The disk is full or read-only.
        """
        with self.held:
            archive = self.archive
            self.sync()
            self.journal.check_place()
            return archive.commit(force)

    @property
    def takes(self) -> float:
        """Seconds that the next `keep_up` is expected to take."""
        return self._sync_takes + (self._commit_takes if self._archive.due else 0.0)
