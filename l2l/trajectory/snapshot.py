"""A run as it stands at one instant: what its archive holds, and what only its journal has yet."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from l2l.errors import Damaged, NotFoundError, OtherFormat, StorageError
from l2l.journal import files as journal_files
from l2l.schema import APPENDED, PENDING, Column, Fold, Layout, Rows, Values, height, taken
from l2l.schema import joined as put_together
from l2l.trajectory.reading import (
    Busy,
    check_column,
    column_names,
    is_complete,
    marker_of,
    opened,
    read_column,
    read_entries,
    read_state,
    read_table,
)
from l2l.trajectory.records import fold_in, read_beyond, together

if TYPE_CHECKING:
    import h5py

_COMMIT = 0.3
"""Seconds that a commit is waited for before the journal alone is read."""


class _Completed(Exception):
    """The run was finished while it was read, and its archive has all now."""


class Snapshot:
    """Where a run stands; rows are read from the file when they are wanted.

    Args:
        path: A run's folder, or an archive.

    Raises:
        NotFoundError: There is neither archive nor journal.
        StorageError: The archive is damaged, and there is no journal that could stand in.
    """

    def __init__(self, path: Path) -> None:
        # A folder that is not there yet may be there in a moment: only a file is taken for an archive.
        self.path = path if path.is_file() or path.suffix == ".h5" else path / "trajectory.h5"
        self._journal = self.path.parent / "journal" if self.path.name == "trajectory.h5" else None
        if not self.path.exists() and not self._has_journal():
            raise NotFoundError(
                f"{path}: expected the folder of a run, or its trajectory.h5; there is neither archive nor journal here"
            )
        self.complete = False
        self._stored: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}
        self._checksums: Mapping[str, int] = {}
        self._checked: set[str] = set()
        self._fold = self._current()
        with together(self._place):
            self._fresh = self._fold.take()
        self._whole: dict[str, Rows] | None = None
        self._pending: dict[str, Rows] | None = None

    @property
    def _place(self) -> Path:
        """What is named where records do not go together."""
        return self._journal or self.path

    @property
    def fold(self) -> Fold:
        """What the small records say."""
        return self._fold

    @property
    def layout(self) -> Layout:
        """What the run is of."""
        assert self._fold.layout
        return self._fold.layout

    def height(self, table: str) -> int:
        """Rows of a table that only grows."""
        return self._stored.get(table, 0) + height(self._fresh.get(table, {}))

    def columns(self, table: str) -> list[str]:
        """Its columns."""
        declared = list(self.layout.tables[table])
        reported = [*self._names.get(table, ()), *self._fresh.get(table, ())]
        return list(dict.fromkeys(declared + reported))

    def read(self, table: str, name: str) -> Values:
        """A column of a table that only grows."""
        stored = self._stored.get(table, 0)
        column = self.layout.column(table, name)
        fresh = self._fresh.get(table, {})
        parts: list[Rows] = []
        if stored:
            parts.append({name: self._from_file(table, name, column, stored)})
        if fresh:
            parts.append({name: fresh[name]} if name in fresh else {"": next(iter(fresh.values()))})
        return put_together(parts)[name] if parts else column.filled(0)

    def small(self) -> dict[str, Rows]:
        """The small tables."""
        with together(self._place):
            return self._fold.small_tables()

    def pending(self) -> dict[str, Rows]:
        """What was asked and is in no closed generation: "individuals", "trials", "failures"."""
        if self._pending is None:
            with together(self._place):
                self._pending = self._fold.pending()
            if self.complete:
                with opened(self.path) as file:
                    found = {table: read_table(file, table, self.layout, self._checksums) for table in PENDING}
                self._pending = {table.rpartition("/")[2]: rows for table, rows in found.items() if height(rows)}
        return self._pending

    # --- reading what belongs together ---------------------------------------------------------------------------

    def _current(self) -> Fold:
        """The archive and what the journal has beyond it; the journal alone while the archive is not sound."""
        until = time.monotonic() + _COMMIT
        while True:
            problem: Exception
            try:
                return self._beyond_file()
            except _Completed:
                continue
            except OtherFormat:
                raise
            except Damaged as error:
                if error.file != self.path:
                    raise  # the journal is: nothing else stands in
                problem = error
            except (StorageError, NotFoundError, Busy) as error:
                problem = error
            now = time.monotonic()
            if not isinstance(problem, Busy) or now > until:
                fold = self._from_journal()
                if fold is not None:
                    return fold
            if now > until + _COMMIT or self._journal is None:
                raise self._left_torn() if isinstance(problem, Busy) else problem
            time.sleep(0.005)

    def _left_torn(self) -> Exception:
        marker = marker_of(self.path).name
        return StorageError(
            f"{self.path}: a commit to it was interrupted ({marker} stands beside it), and there is no journal "
            f"from which to rebuild it: restore the folder from a backup, or remove {marker} to try what is left"
        )

    def _beyond_file(self) -> Fold:
        with opened(self.path, _COMMIT) as file:
            if marker_of(self.path).exists():
                raise Busy(f"{self.path} is being written")
            state, records = read_state(file)
            fold = Fold.resume(state, records, str(self._journal or self.path))
            assert fold.layout
            names = {table: column_names(file, table, fold.layout) for table in APPENDED}
        complete = is_complete(state)
        if not complete and self._journal is not None:
            read_beyond(fold, self._journal, state)
            # A finished run's journal goes once its archive is complete, perhaps while it is read: then look again.
            if not self._has_journal() and self._completed():
                raise _Completed
        self._stored, self._names, self.complete = dict(state["counts"]), names, complete
        self._checksums = state["checksums"]
        return fold

    def _has_journal(self) -> bool:
        return self._journal is not None and bool(journal_files(self._journal))

    def _completed(self) -> bool:
        with opened(self.path, _COMMIT) as file:
            return is_complete(read_state(file)[0])

    def _from_journal(self) -> Fold | None:
        if self._journal is None:
            return None
        fold = Fold(str(self._journal))
        for _ in fold_in(fold, self._journal):
            pass
        if not self._has_journal():
            return None  # it went while it was read
        self._stored, self._names, self.complete = {}, {}, False
        return fold

    def entries(self, table: str, names: Sequence[str], places: NDArray[np.int64]) -> Rows | None:
        """A few rows of columns that are not ragged; None where they do not all stand in the file.

        Args:
            table: Its name.
            names: Of the columns.
            places: Of the rows, in ascending order.
        """
        if self._whole is not None or not len(places) or places[-1] >= self._stored.get(table, 0):
            return None
        try:
            with opened(self.path, _COMMIT) as file:
                if self.complete or not marker_of(self.path).exists():
                    for name in names:
                        self._check(file, table, name)
                    return {name: read_entries(file, table, name, places) for name in names}
        except StorageError:
            if not self._has_journal():
                raise
        except (Busy, NotFoundError):
            pass
        return None

    def check(self) -> None:
        """See that all that stands in the file is what was written.

        Raises:
            StorageError: A column is not, and there is no journal that could stand in.
        """
        for table, stored in self._stored.items():
            for name in self._names[table] if stored else ():
                self._from_file(table, name, self.layout.column(table, name), stored)

    def _check(self, file: "h5py.File", table: str, name: str) -> None:
        """See once that a column of which a few rows are wanted is what was written."""
        if f"{table}/{name}" not in self._checked:
            self._stored_column(file, table, name)

    def _stored_column(self, file: "h5py.File", table: str, name: str) -> Values:
        """A column as it stands in the file, seen to be what was written."""
        column = self.layout.column(table, name)
        values = read_column(file, table, name, column, self._stored[table])
        check_column(self._checksums, f"{table}/{name}", values, column)
        self._checked.add(f"{table}/{name}")
        return values

    def _from_file(self, table: str, name: str, column: Column, rows: int) -> Values:
        """Stored rows; from the journal where the file has become unreadable since. Rows never change."""
        until = time.monotonic() + _COMMIT
        while self._whole is None:
            try:
                with opened(self.path, _COMMIT) as file:
                    if self.complete or not marker_of(self.path).exists():
                        return self._stored_column(file, table, name)
            except StorageError:
                if not self._has_journal():
                    raise
                until = 0.0
            except (Busy, NotFoundError):
                pass
            if time.monotonic() > until:
                self._whole = self._all_rows()
            time.sleep(0.005)
        return taken(self._whole.get(table, {}) or {name: column.filled(rows)}, slice(0, rows))[name]

    def _all_rows(self) -> dict[str, Rows]:
        fold = Fold(str(self._journal))
        if self._journal is not None:
            for _ in fold_in(fold, self._journal):
                pass
        with together(self._place):
            rows: Mapping[str, Rows] = fold.take()
        short = [table for table, stored in self._stored.items() if height(rows.get(table, {})) < stored]
        if short:
            raise StorageError(
                f"{self.path}: it has become unreadable since this trajectory was opened, and its journal is gone; "
                "open it anew"
            )
        return dict(rows)
