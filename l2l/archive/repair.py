"""What can be proved right of a damaged run, as the journal of a new folder that goes on from there."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from l2l import document
from l2l.archive.archive import Archive
from l2l.archive.records import recovered_records
from l2l.errors import NotFoundError, OptionError, OtherFormat, StorageError, storage_error
from l2l.files import sync_folder
from l2l.journal import Journal, Lost, Record, encode, files, identity, salvage
from l2l.schema import Layout, check_record
from l2l.trajectory import Trajectory
from l2l.trajectory.reading import Busy, checked_state, is_complete
from l2l.values import Status

Said = tuple[str, dict[str, Any]]


@dataclass(slots=True)
class Repair:
    """What became of a run that was repaired.

    Args:
        lost: What could not be proved right, a sentence for each.
        generations, individuals, trials: What was recovered.
        again: Trials whose results are right, but of individuals that are lost: they are simulated again.
    """

    lost: list[str] = field(default_factory=list)
    generations: int = 0
    individuals: int = 0
    trials: int = 0
    again: int = 0


def repair(folder: Path, into: Path) -> Repair:
    """Recover what can be proved right of a run into a new folder, from which it goes on.

    Args:
        folder: Of the run, which nobody leads; it is left as it is.
        into: New, or empty.

    Raises:
        NotFoundError: There is no run.
        OptionError: The new folder holds something.
        StorageError: Nothing could be recovered, or the disk refuses.
    """
    if not files(folder / "journal") and not (folder / "trajectory.h5").exists():
        raise NotFoundError(f"{folder}: expected the folder of a run; there is neither journal nor archive here")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise OptionError(f"--into: expected a new folder, but {into} holds something; choose another one")
    made = Repair()
    known = _Known(made)
    _from_journal(known, folder / "journal", _name_in(folder / "trajectory.h5"))
    _from_archive(known, folder / "trajectory.h5")
    if known.layout is None:
        _refuse_other_format(folder)
        raise StorageError(
            f"{folder}: nothing can be recovered: neither journal nor archive says what the run is of. "
            "Restore it from a backup, or begin a new run"
        )
    _write(into, [moved(*one, folder.absolute(), into.absolute()) for one in known.records()], folder)
    run = Trajectory(into)
    made.generations = len(run.generations)
    made.individuals = len(run.individuals) + run.pending["individuals"]
    made.trials = len(run.trials) + len(run.unfinished)
    return made


def _write(into: Path, records: Sequence[Said], damaged: Path) -> None:
    """Write the new folder; its journal takes its name last, so that half a repair is never taken for a run.

    Raises:
        StorageError: The disk refuses.
    """
    partial = into / "journal.partial"
    try:
        into.mkdir(parents=True, exist_ok=True)
        if (damaged / "trials").is_dir():
            shutil.copytree(damaged / "trials", into / "trials", symlinks=True)
        document.write(into / "experiment.yaml", document.parse(_experiment(records), into / "experiment.yaml").data)
        with Journal(partial) as journal:
            for kind, data in records:
                journal.append(kind, data)
            journal.sync()
        partial.rename(into / "journal")
        sync_folder(into)
    except OSError as error:
        raise storage_error(into, "write to", error, "then repair into another new folder") from None
    Archive(into).commit(force=True)


def _experiment(records: Sequence[Said]) -> str:
    """The experiment as the last process lifetime that says so had it."""
    said = [data["experiment"] for kind, data in records if kind in ("run", "segment")]
    return str(next(filter(None, reversed(said))))


def moved(kind: str, data: dict[str, Any], old: Path, new: Path) -> Said:
    """A record in which the experiment's paths, which are relative to the run's folder, lead from the new folder."""
    text = data.get("experiment") if kind in ("run", "segment") else None
    if not text:
        return kind, data
    said = document.parse(text, old / "experiment.yaml").data
    if isinstance(said, dict) and isinstance(said.get("memo"), list):
        said["memo"] = [_path(one, old, new) for one in said["memo"]]
    return kind, {**data, "experiment": document.dump(_led(said, old, new))}


def _led(said: Any, old: Path, new: Path) -> Any:
    if isinstance(said, dict):
        if isinstance(path := said.get("$path"), str):
            return {"$path": _path(path, old, new)}
        return {key: _named(value, old, new) if key in _CODE else _led(value, old, new) for key, value in said.items()}
    return [_led(one, old, new) for one in said] if isinstance(said, list) else said


_CODE = ("name", "aggregate")
"""Keys whose values may name code in a file, as `../models.py:Bowl`."""


def _named(value: Any, old: Path, new: Path) -> Any:
    place, colon, name = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    return f"{_path(place, old, new)}{colon}{name}" if place.endswith(".py") else _led(value, old, new)


def _path(path: str, old: Path, new: Path) -> str:
    return path if Path(path).is_absolute() else os.path.relpath(os.path.normpath(old / path), new)


def _name_in(path: Path) -> str:
    """The name of the journal from which an archive was made; "" where it does not say."""
    try:
        state, _ = checked_state(path)
    except (StorageError, NotFoundError, Busy):
        return ""
    return "" if is_complete(state) else str(state["journal"])


def _refuse_other_format(folder: Path) -> None:
    """Say it where a run was written in another version of the format.

    Raises:
        OtherFormat: It was.
    """
    for read, path in ((identity, folder / "journal"), (checked_state, folder / "trajectory.h5")):
        try:
            read(path)
        except OtherFormat:
            raise
        except (StorageError, NotFoundError, Busy):
            pass  # it is damaged


def _from_journal(known: "_Known", folder: Path, name: str) -> None:
    for one in salvage(folder, name):
        if isinstance(one, Lost):
            known.made.lost.append(str(one))
        elif isinstance(one, Record):
            known.take(one.kind, one.data, str(folder))


def _from_archive(known: "_Known", path: Path) -> None:
    """What the archive has beyond the journal; an archive that does not check gives nothing."""
    if not path.exists():
        return
    try:
        records, lost = recovered_records(path)
        if known.of_other_run(*records[0]):
            known.made.lost.append(f"{path}: it belongs to another run than the journal")
            return
        known.made.lost += lost
        for kind, data in records:
            known.take(kind, data, str(path))
    except (StorageError, Busy) as error:
        known.made.lost.append(getattr(error, "problem", None) or str(error))


class _Known:
    """Records that are right, of whatever source; those that come first count."""

    def __init__(self, made: Repair) -> None:
        self.made = made
        self.layout: Layout | None = None
        self.run: dict[str, Any] = {}
        self._early: list[tuple[str, dict[str, Any], str]] = []
        self._segment = 0
        self._segments: dict[int, dict[str, Any]] = {}
        self._stopped: dict[int, dict[str, Any]] = {}
        self._rest: list[Said] = []
        self._validations: list[Said] = []
        self._events: dict[int, Said] = {}
        self._generations: dict[int, dict[str, Any]] = {}
        self._results: list[dict[str, Any]] = []

    def take(self, kind: str, data: dict[str, Any], where: str) -> None:
        """Take a record; one that comes before the run is known waits."""
        if self.layout is None and kind != "run":
            self._early.append((kind, data, where))
            return
        try:
            layout = check_record(kind, data, None if kind == "run" else self.layout)
        except ValueError as error:
            self.made.lost.append(f"{where}: {error}")
            return
        if self.layout is None:
            self.layout = layout
            self.run = data
            early, self._early = self._early, []
            for one in early:
                self.take(*one)
        elif kind != "run":
            self._sort(kind, data)

    def of_other_run(self, kind: str, data: dict[str, Any]) -> bool:
        """Whether the first record of an archive is of another run than what is known."""
        return self.layout is not None and encode(kind, data) != encode("run", self.run)

    def _sort(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "segment":
            self._segment = data["number"]
            self._segments.setdefault(data["number"], data)
        elif kind == "stopped":
            self._stopped.setdefault(data["segment"], data)
        elif kind in ("asked", "told"):
            self._events.setdefault(data["event"], (kind, data))
        elif kind == "generation":
            self._generations.setdefault(data["number"], data)
        elif kind == "finished":
            self._results.append({"segment": self._segment, **data})
        elif kind == "validation":
            self._validations.append((kind, {"segment": self._segment, **data}))
        elif kind in ("memo", "difference"):
            self._rest.append((kind, data))

    def records(self) -> Iterator[Said]:
        """A journal that goes together: the longest beginning of the run of which nothing is missing."""
        yield "run", self.run
        yield from self._small()
        walk = _Walk(self)
        yield from walk.records()
        whole = walk.reached == len(self._events)
        if whole:
            yield from self._validations
        elif self._validations:
            self.made.lost.append(f"{len(self._validations)} records of validation, which belong to what is lost")
        last = max(self._segments, default=0)
        if last in self._stopped:
            stop = self._stopped[last]
            if not stop["finished"] or (whole and not self.made.lost):
                yield "stopped", stop

    def _small(self) -> Iterator[Said]:
        """Segments, those that are lost with nothing but their number, and what earlier ones said at their end."""
        last = max(self._segments, default=0)
        parts: Any = self.run.get("parts", {})
        for number in range(last + 1):
            unknown = {"number": number, "fingerprint": self.run["fingerprint"], "parts": parts, "experiment": ""}
            if number not in self._segments:
                self.made.lost.append(f"what process lifetime {number} of the run said of itself")
            segment = self._segments.get(number, unknown)
            parts = segment.get("parts") or parts
            yield "segment", segment
            if number in self._stopped and number < last:
                yield "stopped", {**self._stopped[number], "finished": False}
        yield from self._rest

    @property
    def events(self) -> Mapping[int, Said]:
        """Ordinal → what was asked or told."""
        return self._events

    @property
    def generations(self) -> Mapping[int, dict[str, Any]]:
        """Number → the record that closes it."""
        return self._generations

    @property
    def results(self) -> Sequence[dict[str, Any]]:
        """Records of results."""
        return self._results


class _Walk:
    """Follows the events from the first one until one is missing, or lacks what it rests on."""

    def __init__(self, known: _Known) -> None:
        assert known.layout
        self._known = known
        run = known.layout.run
        self._trials = run.get("fewest_trials", run.get("trials", 1))
        self._asked = 0
        self._first: dict[int, bool] = {}
        self._open: set[int] = set()
        self._closed = 0
        self._since = 0
        self._of: dict[int, list[tuple[int, int]]] = {}
        self._taken: set[tuple[int, int]] = set()
        self._rows: dict[int, set[int]] = {}
        self.reached = 0
        for place, record in enumerate(known.results):
            for row, index in enumerate(record["index"].tolist()):
                self._of.setdefault(index, []).append((place, row))
                if record["final"][row]:
                    self._rows.setdefault(index, set()).add(int(record["number"][row]))

    def records(self) -> Iterator[Said]:
        """Events and results that go together."""
        for event in range(max(self._known.events, default=-1) + 1):
            if event not in self._known.events:
                break
            kind, data = self._known.events[event]
            if kind == "asked":
                if data["first"] != self._asked:
                    break
                self._ask(data)
                yield kind, data
            else:
                numbers = data["individuals"].tolist()
                if not self._complete(numbers, data["status"].tolist()):
                    break
                yield from self._results_of(numbers)
                yield kind, data
                self._open -= set(numbers)
                self._since += len(numbers)
            self.reached = event + 1
            closing = self._known.generations.get(self._closed)
            if kind == "told" and closing is not None and closing["count"] == self._since:
                yield "generation", closing
                self._closed += 1
                self._since = 0
            elif kind == "told" and closing is None and self._closed < max(self._known.generations, default=-1):
                break  # its end is missing: the run closes it when it goes on
        yield from self._results_of(sorted(self._open))
        self._say_lost()

    def _ask(self, data: Mapping[str, Any]) -> None:
        n = len(data["same_as"])
        for number, same in enumerate(data["same_as"].tolist(), self._asked):
            self._first[number] = same < 0
        self._open |= set(range(self._asked, self._asked + n))
        self._asked += n

    def _complete(self, numbers: list[int], statuses: list[int]) -> bool:
        """Whether these individuals are asked and open, and all of their trials are there."""
        for number, status in zip(numbers, statuses, strict=True):
            if number not in self._open:
                return False
            there = len(self._rows.get(number, ()))
            if self._first[number] and there < self._trials and (there or status != Status.INVALID):
                return False
        return True

    def _results_of(self, numbers: Sequence[int]) -> Iterator[Said]:
        """The results of these individuals, each once."""
        wanted: dict[int, list[int]] = {}
        for number in numbers:
            seen: set[tuple[int, int, bool]] = set()
            for place, row in self._of.get(number, ()):
                record = self._known.results[place]
                trial = int(record["number"][row]), int(record["attempt"][row]), bool(record["final"][row])
                if trial not in seen and (place, row) not in self._taken:
                    seen.add(trial)
                    self._taken.add((place, row))
                    wanted.setdefault(place, []).append(row)
        for place in sorted(wanted):
            yield "finished", _some(self._known.results[place], np.array(sorted(wanted[place])))

    def _say_lost(self) -> None:
        known, lost = self._known, self._known.made.lost
        events = [event for event in known.events if event >= self.reached]
        if events:
            lost.append(f"{len(events)} events that rest on what is missing: the run goes on at event {self.reached}")
        known.made.again = sum(len(rows) for index, rows in self._rows.items() if index >= self._asked)
        if known.made.again:
            lost.append(f"{known.made.again} results of individuals that are lost: they are simulated again")


def _some(record: dict[str, Any], rows: Any) -> dict[str, Any]:
    """Some rows of a record of results."""
    n = len(record["index"])
    if len(rows) == n:
        return record
    places = {int(row): place for place, row in enumerate(rows)}
    found = {
        name: value[rows] if isinstance(value, np.ndarray) and len(value) == n and name != "host" else value
        for name, value in record.items()
    }
    found["observables"] = {name: _some_values(value, rows) for name, value in record["observables"].items()}
    found["failures"] = [[places[row], *texts] for row, *texts in record["failures"] if row in places]
    return found


def _some_values(value: Any, rows: Any) -> Any:
    from l2l.schema import Ragged

    if isinstance(value, np.ndarray):
        return value[rows]
    some = Ragged.of(value["values"], value["lengths"])[rows]
    return {"values": some.values, "lengths": some.lengths}
