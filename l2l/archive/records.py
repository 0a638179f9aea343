"""A finished archive turned back into the records of a journal, so that a finished run can be extended."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import StorageError
from l2l.schema import APPENDED, PENDING, TRIALS, Layout, Ragged, Rows, height, joined, side_by_side, taken
from l2l.trajectory.reading import (
    Busy,
    check_column,
    column_names,
    is_complete,
    opened,
    read_column,
    read_state,
    read_table,
)
from l2l.values import MEASURES

_ATTEMPT = ("individual", "number", "attempt", "status")
_LAST = ("difference", "validation", "stopped")


def records_of(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records from which the archive of a finished run could have been made.

    Folded again they give the same tables. The order of what was asked and told is kept; results stand together
    before the generation to which they belong.

    Args:
        path: Of the archive.

    Raises:
        StorageError: It is damaged (a column does not have its checksum), or that of a run that is not finished.
    """
    try:
        with opened(path) as file:
            state, small = read_state(file)
            if not is_complete(state):
                raise StorageError(
                    f"{path}: expected the archive of a finished run; this one needs the journal that was beside it. "
                    "Restore the journal, or begin a new run and name this one in `memo`"
                )
            layout = Layout(next(data for kind, data in small if kind == "run"))
            tables = {table: read_table(file, table, layout, state["checksums"]) for table in (*APPENDED, *PENDING)}
            for table in APPENDED:
                if height(tables[table]) != state["counts"][table]:
                    raise ValueError(f"{table} has {height(tables[table])} rows and not {state['counts'][table]}")
    except Busy as error:
        raise StorageError(f"{error}: wait until that program has closed it, and try again") from None
    yield from ((kind, dict(data)) for kind, data in small if kind not in _LAST)
    yield from _Events(layout, tables, state["hosts"]).records()
    yield from ((kind, dict(data)) for kind, data in small if kind in _LAST)


def recovered_records(path: Path) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
    """The records of what can be proved right of an archive, and sentences on what cannot.

    Columns without which a run can go on are filled up; where another one is damaged, its table gives nothing.

    Args:
        path: Of the archive.

    Raises:
        Busy, NotFoundError, StorageError: It cannot be read at all.
    """
    lost: list[str] = []
    with opened(path) as file:
        state, small = read_state(file)
        layout = Layout(next(data for kind, data in small if kind == "run"))
        tables = {table: _recovered(file, table, layout, state, lost) for table in APPENDED}
        pending = {table: _recovered(file, table, layout, state, lost) for table in PENDING if is_complete(state)}
    if tables["individuals"] is None or None in pending.values():
        pending = {}
    found = {**tables, **pending}
    whole: dict[str, Rows] = {table: found.get(table) or {} for table in (*APPENDED, *PENDING)}
    if height(whole["individuals"]):
        generation = np.asarray(whole["individuals"]["generation"])
        whole["generations"]["count"] = np.bincount(generation[generation >= 0])
    records = [(kind, dict(data)) for kind, data in small if kind not in _LAST]
    records += _Events(layout, whole, state["hosts"]).records()
    records += [(kind, dict(data)) for kind, data in small if kind in _LAST]
    return records, lost


_SPARE = {
    "generations": ("first", "count", "started", "finished", "best/", "optimizer/"),
    "individuals": ("spread/", "active/"),
    "trials": ("seed", "host", *(one.name for one in MEASURES)),
    "failures": ("trial", "message", "traceback"),
}
"""Columns without which a run can go on, and beginnings of their names."""


def _recovered(file: Any, table: str, layout: Layout, state: Mapping[str, Any], lost: list[str]) -> Rows | None:
    """The rows of a table; None where a column is damaged that cannot be spared."""
    rows: Rows = {}
    n = state["counts"].get(table)
    for name in column_names(file, table, layout):
        column = layout.column(table, name)
        try:
            values = read_column(file, table, name, column, n)
            check_column(state["checksums"], f"{table}/{name}", values, column)
        except (OSError, RuntimeError, LookupError, ValueError, TypeError):
            lost.append(f"{file.filename}: the column {table}/{name} does not have its checksum")
            if not name.startswith(_SPARE[table.rpartition("/")[2]]):
                return None
            if n is None:
                return None
            values = column.filled(n)
        rows[name] = values
    return rows


class _Events:
    def __init__(self, layout: Layout, tables: Mapping[str, Rows], hosts: list[str]) -> None:
        self.layout = layout
        self.generations = tables["generations"]
        self.trials = [tables["trials"], tables["pending/trials"]]
        self.failures = [tables["failures"], tables["pending/failures"]]
        self.hosts = hosts
        some = [part for part in (tables["individuals"], tables["pending/individuals"]) if height(part)]
        self.individuals = joined(some) if some else {}

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All events in their order."""
        individuals = self.individuals
        if not individuals:
            return
        asked, told = np.asarray(individuals["asked"]), np.asarray(individuals["told"])
        generation = np.asarray(individuals["generation"])
        by_number = np.argsort(np.asarray(individuals["number"]), kind="stable")
        runs = [(rows, "asked") for rows in _runs(by_number, asked[by_number])]
        runs += [(rows, "told") for rows in _runs(np.arange(len(told)), told) if told[rows[0]] >= 0]
        runs.sort(key=lambda run: int((asked if run[1] == "asked" else told)[run[0][0]]))
        results = self._results(generation)
        begun, counted = -2, 0
        for rows, kind in runs:
            if kind == "asked":
                yield "asked", self._asked(rows, int(asked[rows[0]]))
                continue
            mine = int(generation[rows[0]])
            if mine != begun:
                yield from results(mine)
                begun, counted = mine, 0
            yield "told", self._told(rows, int(told[rows[0]]))
            counted += len(rows)
            if mine >= 0 and counted == int(self.generations["count"][mine]):
                yield "generation", self._generation(mine)
        if begun != -1:
            yield from results(-1)

    def _asked(self, rows: NDArray[np.int64], event: int) -> dict[str, Any]:
        individuals = self.individuals
        names = self.layout.space.names
        return {
            "first": int(individuals["number"][rows[0]]),
            "columns": {name: individuals[f"parameters/{name}"][rows] for name in names},
            "same_as": individuals["same_as"][rows],
            "event": event,
            "time": 0.0,
        }

    def _told(self, rows: NDArray[np.int64], event: int) -> dict[str, Any]:
        individuals = self.individuals
        names = [one.name for one in self.layout.objectives]
        return {
            "individuals": individuals["number"][rows],
            "event": event,
            "fitness": side_by_side([individuals[f"fitness/{name}"][rows] for name in names], len(rows)),
            "spread": side_by_side([individuals[f"spread/{name}"][rows] for name in names], len(rows)),
            "status": individuals["status"][rows],
        }

    def _generation(self, number: int) -> dict[str, Any]:
        row = {name: values[number] for name, values in self.generations.items()}
        prefix = "optimizer/"
        return {
            "number": number,
            "count": int(row["count"]),
            "started": float(row["started"]),
            "finished": float(row["finished"]),
            "best": np.array([row[f"best/{one.name}"] for one in self.layout.objectives]),
            "report": {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)},
        }

    def _results(self, generation: NDArray[np.int64]) -> Any:
        """A function from a generation's number to the records of its results; -1 for what was never told."""
        number = np.asarray(self.individuals["number"])
        generation_of = np.full(int(number.max()) + 1, -1)
        generation_of[number] = generation
        ends = [
            np.searchsorted(generation_of[np.asarray(rows["individual"])], range(int(generation.max()) + 2))
            if height(rows)
            else None
            for rows in (self.trials[0], self.failures[0])
        ]

        def of(wanted: int, rows: Rows, end: NDArray[np.int64] | None) -> Rows:
            return taken(rows, slice(*end[wanted : wanted + 2])) if end is not None else {}

        def results(wanted: int) -> Iterator[tuple[str, dict[str, Any]]]:
            trials, failures = self.trials[1], self.failures[1]
            if wanted >= 0:
                trials, failures = of(wanted, self.trials[0], ends[0]), of(wanted, self.failures[0], ends[1])
            if height(trials) or height(failures):
                yield "finished", self._finished(trials, failures)

        return results

    def _finished(self, trials: Rows, failures: Rows) -> dict[str, Any]:
        """Results as they came: final ones, and before them attempts that were repeated."""
        layout = self.layout
        n = height(trials)
        listed, repeated = _repeated(trials, failures)
        more = np.array(repeated, dtype=np.int64).reshape(-1, 4)
        extra = len(more)

        def column(name: str, dtype: Any, tail: Any = 0) -> NDArray[Any]:
            head = np.asarray(trials[name], dtype=dtype) if n else np.empty(0, dtype)
            return np.concatenate([head, np.broadcast_to(np.asarray(tail, dtype=dtype), (extra,))])

        entropy = np.asarray(trials["entropy"]) if n else np.empty((0, 4), np.uint32)
        names = [f"fitness/{one.name}" for one in layout.objectives]
        attempts = dict(zip(_ATTEMPT, more.T, strict=True))  # all that is known of attempts that were repeated
        return {
            **{
                one.record: column(one.name, one.column.dtype, attempts.get(one.name, 0))
                for one in TRIALS
                if one.record and not one.column.shape
            },
            "final": np.arange(n + extra) < n,
            "host": self.hosts,
            "host_code": column("host", np.int32),
            "entropy": np.concatenate([entropy, np.zeros((extra, 4), np.uint32)]),
            "segment": column("segment", np.int64),
            "fitness": side_by_side([column(name, np.float64, np.nan) for name in names], n + extra),
            "observables": {name: self._observable(name, trials, extra) for name in layout.observables},
            "failures": listed,
        }

    def _observable(self, name: str, trials: Rows, extra: int) -> Any:
        column = self.layout.tables["trials"][f"observables/{name}"]
        there = trials.get(f"observables/{name}", column.filled(0))
        whole = joined([{name: there}, {name: column.filled(extra)}])[name]
        return {"values": whole.values, "lengths": whole.lengths} if isinstance(whole, Ragged) else whole


def _repeated(trials: Rows, failures: Rows) -> tuple[list[list[Any]], list[tuple[int, int, int, int]]]:
    """Failures as a record lists them, and (individual, number, attempt, status) of attempts that have no row.

    A failure belongs to the trial's row where attempt and status are the same, else to an attempt of its own, which
    is taken to stand behind the rows.
    """
    if not height(failures):
        return [], []
    rows: dict[tuple[int, ...], int] = {}
    if height(trials):
        keys = zip(*(trials[name].tolist() for name in _ATTEMPT), strict=True)  # type: ignore[union-attr]
        rows = {key: row for row, key in enumerate(keys)}
    listed: list[list[Any]] = []
    repeated: list[tuple[int, int, int, int]] = []
    columns = [failures[name].tolist() for name in (*_ATTEMPT, "message", "traceback")]  # type: ignore[union-attr]
    for i, k, attempt, status, message, trace in zip(*columns, strict=True):
        place = rows.pop((i, k, attempt, status), -1)
        if place < 0:
            place = height(trials) + len(repeated)
            repeated.append((i, k, attempt, status))
        listed.append([place, message, trace])
    return listed, repeated


def _runs(order: NDArray[np.int64], keys: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Stretches of equal keys."""
    return np.split(order, np.flatnonzero(np.diff(keys)) + 1)
