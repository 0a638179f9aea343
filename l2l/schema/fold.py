"""From events to tables: what archive and reader alike make of a journal's records."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import Damaged
from l2l.schema.batch import Held, Place, asked_rows, told_rows, trial_rows
from l2l.schema.columns import Rows, height, joined, plain_text, taken, texts
from l2l.schema.layout import APPENDED, Layout
from l2l.schema.small import Small
from l2l.values import Status

START: Place = (0, 0)
_UNTOLD = -1
_MANY = 512
"""Records that are held before they become rows."""

Ints = NDArray[np.int64]


class Fold:
    """Takes records in their order, gives rows of whole generations in canonical order.

    However many workers ran the trials, the rows are the same, times and hosts aside: individuals as told, trials by
    individual and number.

    Args:
        where: Names the journal in errors.

    Example:
        >>> fold = Fold("runs/brunel")
        >>> for position, kind, data in read_journal(folder):
        ...     fold.add(kind, data, position)
        >>> fold.take()["individuals"]["status"]
    """

    def __init__(self, where: str = "journal") -> None:
        self.where = where
        self.layout: Layout | None = None
        self.small = Small()
        self.counts = dict.fromkeys(APPENDED, 0)
        self.hosts: dict[str, int] = {}
        self.position: Place = START
        self._given = 0
        self._dimensions: dict[str, int] = {}
        self._segment = 0
        self._next: int | None = 0
        self._held: dict[str, list[Held]] = {"asked": [], "told": [], "finished": []}
        self._open: list[Rows] = []
        self._told: list[Rows] = []
        self._trials: list[Rows] = []
        self._failures: list[tuple[int, int, int, int, str, str]] = []
        self._out: dict[str, list[Rows]] = {}

    # --- records -------------------------------------------------------------------------------------------------

    def add(self, kind: str, data: Mapping[str, Any], position: Place | None = None) -> None:
        """Take a record.

        Args:
            kind: Of the record; one that says nothing about the tables is passed over.
            data: Of the record.
            position: Behind it.

        Raises:
            StorageError: It does not go with those before.
        """
        if kind == "run":
            self.layout = Layout(data)
            self.small.add(kind, data)
        elif self.layout is None:
            raise self._damaged(f"its first record should say what the run is of, got {kind!r}")
        elif kind in self._held:
            if kind == "asked":
                self._asked(data)
            elif kind == "finished":
                self._fail(data)
            self._hold(kind, data)
        elif kind == "generation":
            self._settle()
            self._close(self.layout, data)
        else:
            if kind == "segment":
                self._segment = data["number"]
            elif kind == "validation":
                data = {"segment": self._segment, **data}
                self._codes(data["host"])
            self.small.add(kind, data)
        if position is not None:
            self.position = position

    def _asked(self, data: Mapping[str, Any]) -> None:
        first = data["first"]
        if self._next is not None and first != self._next:
            raise self._damaged(f"expected individual {self._next} to be asked next, got {first}")
        self._next = first + len(data["same_as"])

    def _fail(self, data: Mapping[str, Any]) -> None:
        index, number, attempt, status = (data[name] for name in ("index", "number", "attempt", "status"))
        for row, message, trace in data["failures"]:
            one = int(index[row]), int(number[row]), int(attempt[row]), int(status[row])
            self._failures.append((*one, plain_text(message), plain_text(trace)))

    def _hold(self, kind: str, data: Mapping[str, Any]) -> None:
        held = self._held[kind]
        held.append(Held(data, self.position, self._segment))
        if len(held) >= _MANY:
            self._settle()

    def _settle(self) -> None:
        """Make rows of the records that are held."""
        layout, held = self.layout, self._held
        assert layout
        if held["asked"]:
            self._open.append(asked_rows(layout, held["asked"]))
        if held["told"]:
            self._told.append(told_rows(layout, held["told"]))
        if held["finished"]:
            self._trials.append(trial_rows(layout, held["finished"], self._codes))
        self._held = {kind: [] for kind in held}

    def _codes(self, hosts: Iterable[str]) -> NDArray[np.int32]:
        return np.array([self.hosts.setdefault(host, len(self.hosts)) for host in hosts], dtype=np.int32)

    # --- a generation --------------------------------------------------------------------------------------------

    def _close(self, layout: Layout, data: Mapping[str, Any]) -> None:
        """Give out the rows of a generation, unless an archive has them already."""
        told = joined(self._told) if self._told else {}
        self._told = []
        fresh = data["number"] >= self._given
        numbers = np.asarray(told["number"]) if told else np.empty(0, np.int64)
        individuals = self._individuals(layout, told, numbers, data["number"]) if len(numbers) else {}
        trials, failures = self._trials_of(layout, numbers)
        if not fresh:
            return
        if height(individuals) != len(numbers) or len(numbers) != data["count"]:
            raise self._damaged(
                f"generation {data['number']} should have {data['count']} individuals, got {height(individuals)} asked "
                f"and {len(numbers)} told"
            )
        self._check_trials(layout, data["number"], individuals, trials)
        self._give("generations", self._generation(layout, data))
        for table, rows in (("individuals", individuals), ("trials", trials), ("failures", failures)):
            if height(rows):
                self._give(table, rows)

    def _check_trials(self, layout: Layout, number: int, individuals: Rows, trials: Rows) -> None:
        """See that all trials of a generation's individuals are there."""
        wanted = layout.run.get("fewest_trials", layout.run.get("trials", 1))  # in merged runs they differ
        simulated = np.asarray(individuals["same_as"]) < 0 if individuals else np.empty(0, dtype=bool)
        if "fewest_trials" not in layout.run and height(trials) == wanted * np.count_nonzero(simulated):
            return
        ids = np.asarray(individuals["number"])[simulated]
        of = np.asarray(trials["individual"]) if trials else np.empty(0, np.int64)
        found = np.bincount(_position(of, ids) + 1, minlength=len(ids) + 1)[1:]
        # Those that violate a constraint were never simulated.
        never = (found == 0) & (np.asarray(individuals["status"])[simulated] == Status.INVALID)
        missing = int((wanted - found[~never]).clip(0).sum())
        if missing:
            raise self._damaged(f"generation {number} was told without {missing} of its trials")

    def _damaged(self, problem: str) -> Damaged:
        return Damaged(Path(self.where), f"{problem}: records are missing")

    def _give(self, table: str, rows: Rows) -> None:
        self._out.setdefault(table, []).append(rows)
        self.counts[table] += height(rows)

    def _generation(self, layout: Layout, data: Mapping[str, Any]) -> Rows:
        rows: Rows = {
            "first": np.array([self.counts["individuals"]]),
            "count": np.array([data["count"]]),
            "started": np.array([data["started"]], dtype=np.float64),
            "finished": np.array([data["finished"]], dtype=np.float64),
        }
        for one, best in zip(layout.objectives, np.asarray(data["best"], np.float64).tolist(), strict=True):
            rows[f"best/{one.name}"] = np.array([best])
        for name, value in data["report"].items():
            array = np.asarray(value, dtype=np.float64)
            if self._dimensions.setdefault(name, array.ndim) != array.ndim:
                name = f"{name} ({array.ndim}-d)"  # noqa: PLW2901 - another form of the same quantity
            rows[f"optimizer/{name}"] = array[None]
        return rows

    def _individuals(self, layout: Layout, told: Rows, numbers: Ints, generation: int) -> Rows:
        """The rows of those told, in their order; they are open no longer."""
        if not self._open:
            return {}
        opened = joined(self._open)
        known = np.asarray(opened["number"])
        places = np.searchsorted(known, numbers)
        there = places < len(known)
        there[there] = known[places[there]] == numbers[there]
        staying = np.ones(len(known), dtype=bool)
        staying[places[there]] = False
        self._open = [taken(opened, staying)] if staying.any() else []
        if not there.all():
            told, numbers, places = taken(told, there), numbers[there], places[there]
        rows = opened if np.array_equal(places, np.arange(len(known))) else taken(opened, places)
        return _individual_rows(layout, rows, told, generation)

    def _trials_of(self, layout: Layout, numbers: Ints) -> tuple[Rows, Rows]:
        """The trials and failures of individuals, in their order; they are held no longer."""
        trials: Rows = {}
        if self._trials:
            held = joined(self._trials)
            position = _position(np.asarray(held["individual"]), numbers)
            rows = _canonical(held, position)
            trials = taken(held, rows)
            del trials["final"]
            # A second result of a trial is dropped once the first has been given out.
            wanted = (position < 0) & self._awaited(np.asarray(held["individual"]))
            self._trials = [taken(held, wanted)] if wanted.any() else []
        return trials, self._failures_of(numbers, trials)

    def _awaited(self, individuals: Ints) -> NDArray[np.bool_]:
        """Whether these individuals are open, or not asked yet."""
        awaited = individuals >= (self._next or 0)
        for rows in self._open:
            awaited |= np.isin(individuals, np.asarray(rows["number"]))
        return awaited

    def _failures_of(self, numbers: Ints, trials: Rows) -> Rows:
        if not self._failures:
            return {}
        individual = np.array([one[0] for one in self._failures], dtype=np.int64)
        position = _position(individual, numbers)
        mine = np.flatnonzero(position >= 0)
        staying = (position < 0) & self._awaited(individual)
        found = [self._failures[place] for place in mine.tolist()]
        self._failures = [self._failures[place] for place in np.flatnonzero(staying).tolist()]
        if not found:
            return {}
        number, attempt = (np.array([one[place] for one in found], dtype=np.int64) for place in (1, 2))
        order = np.lexsort((attempt, number, position[mine]))
        row_of: dict[tuple[int, int], int] = {}
        if trials:
            ids = zip(np.asarray(trials["individual"]).tolist(), np.asarray(trials["number"]).tolist(), strict=True)
            row_of = {one: self.counts["trials"] + row for row, one in enumerate(ids)}
        found = [found[place] for place in order.tolist()]
        return {
            "trial": np.array([row_of.get(one[:2], -1) for one in found], dtype=np.int64),
            "individual": individual[mine][order],
            "number": number[order],
            "attempt": attempt[order],
            "status": np.array([one[3] for one in found], dtype=np.int8),
            "message": texts([one[4] for one in found]),
            "traceback": texts([one[5] for one in found]),
        }

    # --- what comes of it ----------------------------------------------------------------------------------------

    def take(self) -> dict[str, Rows]:
        """The rows of generations closed since the last call."""
        out = {table: joined(parts) for table, parts in self._out.items()}
        self._out = {}
        return out

    @property
    def waiting(self) -> bool:
        """Whether there are rows to take."""
        return bool(self._out)

    def small_tables(self) -> dict[str, Rows]:
        """The small tables, whole."""
        assert self.layout
        layout = self.layout
        tables = self.small.tables(layout)
        tables["validation"] = self.small.validation(
            lambda data: trial_rows(layout, [Held(data, START, data["segment"])], self._codes)
        )
        return {table: rows for table, rows in tables.items() if height(rows)}

    def pending(self) -> dict[str, Rows]:
        """Individuals asked and not in a closed generation, and their trials and failures so far."""
        layout = self.layout
        assert layout
        self._settle()
        copy = Fold(self.where)
        copy.counts = {**self.counts, "trials": 0}
        copy._open, copy._told, copy._trials = list(self._open), list(self._told), list(self._trials)
        copy._failures = list(self._failures)
        if not self._open:
            return {}
        opened = np.asarray(joined(self._open)["number"])
        told = joined(self._told) if self._told else _nothing_told(layout, opened[:0])
        told = taken(told, np.isin(np.asarray(told["number"]), opened))
        untold = np.setdiff1d(opened, np.asarray(told["number"]))
        told = joined([told, _nothing_told(layout, untold)])
        numbers = np.asarray(told["number"])
        individuals = copy._individuals(layout, told, numbers, -1)
        trials, failures = copy._trials_of(layout, numbers)
        found = {"individuals": individuals, "trials": trials, "failures": failures}
        return {table: rows for table, rows in found.items() if height(rows)}

    # --- going on where an archive stands ------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What a later fold needs besides the small records, as plain data: see `resume`."""
        self._settle()
        file, offset, segment = *self.position, self._segment
        if self._open:  # what was asked first stands first
            file, offset, segment = (int(self._open[0][f"before_{name}"][0]) for name in ("file", "offset", "segment"))
        return {
            "position": [file, offset],
            "counts": dict(self.counts),
            "hosts": list(self.hosts),
            "dimensions": dict(self._dimensions),
            "segment": segment,
        }

    @classmethod
    def resume(
        cls, state: Mapping[str, Any], records: Iterable[tuple[str, Mapping[str, Any]]], where: str = "journal"
    ) -> "Fold":
        """A fold that gives out what an archive does not have yet, from the journal's records behind `state.position`.

        Args:
            state: As the archive holds it.
            records: The small records that the archive holds.
            where: Names the journal in errors.
        """
        fold = cls(where)
        fold.position = (state["position"][0], state["position"][1])
        fold.counts = dict(state["counts"])
        fold.hosts = {host: code for code, host in enumerate(state["hosts"])}
        fold._dimensions = dict(state["dimensions"])
        fold._segment = state["segment"]
        fold._given = fold.counts["generations"]
        fold._next = None
        for kind, data in records:
            if kind == "run":
                fold.layout = Layout(data)
            fold.small.add(kind, data)
        return fold


def _individual_rows(layout: Layout, rows: Rows, told: Rows, generation: int) -> Rows:
    n = height(rows)
    merged = {**rows, **told, "generation": np.full(n, generation)}
    return {name: merged[name] for name in layout.tables["individuals"]}


def _nothing_told(layout: Layout, numbers: Ints) -> Rows:
    n = len(numbers)
    rows: Rows = {"number": numbers, "told": np.full(n, _UNTOLD)}
    for one in layout.objectives:
        rows |= {f"fitness/{one.name}": np.full(n, np.nan), f"spread/{one.name}": np.full(n, np.nan)}
    return rows | {"status": np.full(n, _UNTOLD, dtype=np.int8)}


def _position(individuals: Ints, numbers: Ints) -> Ints:
    """Where each individual stands among the numbers; -1 for nowhere."""
    if not len(numbers):
        return np.full(len(individuals), -1)
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    places = np.minimum(np.searchsorted(ordered, individuals), len(numbers) - 1)
    return np.where(ordered[places] == individuals, order[places], -1)


def _canonical(held: Rows, position: Ints) -> Ints:
    """Rows of final results by individual and number; of several results the first that came."""
    number = np.asarray(held["number"])
    mine = np.flatnonzero((position >= 0) & np.asarray(held["final"]))
    mine = mine[np.lexsort((number[mine], position[mine]))]
    first = np.ones(len(mine), dtype=bool)
    first[1:] = (np.diff(position[mine]) != 0) | (np.diff(number[mine]) != 0)
    return mine[first]
