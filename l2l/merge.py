"""Several runs of one optimizee as one archive, in which each trial stands once."""

import csv
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l import document
from l2l.aggregate import NAMES, aggregated, spread
from l2l.archive import Archive
from l2l.archive.repair import moved
from l2l.errors import OptionError, UserError, storage_error
from l2l.journal import Journal, remove_journal
from l2l.provenance import environment
from l2l.schema import Ragged, check_record, side_by_side
from l2l.space import ParameterSpace, united
from l2l.trajectory import Trajectory
from l2l.values import Status

Ints = NDArray[np.int64]

POINTS = "points.csv"
"""The points of a merged run, which its experiment names."""

_LASTING = (Status.OK, Status.INVALID)
"""Statuses that a trial has wherever it runs; any other one may be owed to the machine."""


@dataclass(slots=True)
class Merged:
    """What became of runs that were merged.

    Args:
        individuals, trials: Of the new run.
        equal: Trials that several runs had, and that stand once now.
        taken: Individuals and trials that were new with each run.
    """

    individuals: int = 0
    trials: int = 0
    equal: int = 0
    taken: list[tuple[int, int]] = field(default_factory=list)


def merge(folders: Sequence[Path], into: Path) -> Merged:
    """Join runs of one optimizee in a new run, which is finished and reads like any other.

    Complete generations count. Of a trial that several runs have, the first one stands; where one of them failed for
    a reason that may be the machine's, another one does.

    Args:
        folders: Of the runs, or their archives; they are left as they are.
        into: New, or empty; it appears when it is complete.

    Raises:
        UserError: The runs are not of one optimizee, their spaces do not go together, or two of them have different
            results of one trial; names both.
        OptionError: There are fewer than two, or the new folder holds something.
        StorageError: A run is damaged, or the disk refuses.
    """
    if len(folders) < 2:
        raise OptionError(f"merge: expected two runs or more, got {len(folders)}")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise OptionError(f"--into: expected a new folder, but {into} holds something; choose another one")
    runs = [Trajectory(folder) for folder in folders]
    for run in runs:
        run.check()
    space = _common_space(runs)
    parts = _Parts(runs, space)
    for run in runs:
        parts.take(run)
    parts.settle()
    beside = _beside(into)
    try:
        _write(parts, beside, into.absolute())
        if into.exists():
            into.rmdir()
        beside.rename(into)
    except OSError as error:
        raise storage_error(into, "write", error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return parts.made


def _beside(into: Path) -> Path:
    """A folder beside the new one, on the same disk."""
    try:
        into.absolute().parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.absolute().parent))
    except OSError as error:
        raise storage_error(into, "create", error) from None


# --- what goes together --------------------------------------------------------------------------------------------


def _common_space(runs: Sequence[Trajectory]) -> ParameterSpace:
    """The space in which the individuals of all runs lie.

    Raises:
        UserError: The runs are of several optimizees, or their spaces do not go together; names two of them.
    """
    first = runs[0]
    for run in runs:
        if len(set(run.fingerprints)) > 1:
            raise UserError(f"merge: {run.path}: the optimizee changed while this run went on; leave it out")
        if run.fingerprints != first.fingerprints:
            names = [
                name for name in sorted({*first.parts, *run.parts}) if first.parts.get(name) != run.parts.get(name)
            ]
            raise UserError(
                f"merge: {first.path} and {run.path} are of different optimizees: {', '.join(names) or 'version()'} "
                "changed; leave one out"
            )
    space = first.space
    for run in runs[1:]:
        try:
            space = united(space, run.space)
        except ValueError as error:
            raise UserError(f"merge: the spaces of {first.path} and {run.path} do not go together: {error}") from None
    return space


@dataclass(slots=True)
class _Part:
    """What a run gives.

    Args:
        run: It.
        segment: Number of its first process lifetime in the new run.
        rows: (n,) of its individuals that are new.
        numbers: (n,) theirs in the new run.
        trials: (k,) rows of its trials that stand.
        individual, number: (k,) in the new run.
    """

    run: Trajectory
    segment: int
    rows: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    trials: list[int] = field(default_factory=list)
    individual: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)


class _Parts:
    """The runs put together, individual by individual and trial by trial."""

    def __init__(self, runs: Sequence[Trajectory], space: ParameterSpace) -> None:
        self.first = runs[0]
        self.space = space
        self.parts: list[_Part] = []
        self.made = Merged()
        self.counts: dict[int, list[int]] = {}
        self._number_of: dict[bytes, int] = {}
        self._place_of: dict[tuple[int, bytes], tuple[int, int]] = {}
        self._used: dict[int, set[int]] = {}
        self._segments = 0

    def take(self, run: Trajectory) -> None:
        """Take what a run has beyond those before it."""
        part = _Part(run, self._segments)
        self.parts.append(part)
        self._segments += len(run.segments)
        keys = run.keys()
        individuals = run.individuals
        merged: dict[int, int] = {}
        for row in np.flatnonzero(individuals["same_as"] < 0).tolist():
            number = int(individuals["number"][row])
            known = self._number_of.setdefault(keys[number], len(self._number_of))
            merged[number] = known
            if known == len(self._used):
                self._used[known] = set()
                part.rows.append(row)
                part.numbers.append(known)
        twice = self._take_trials(part, merged)
        self._check_equal(part, twice)
        self.made.equal += len(twice)
        self.made.taken.append((len(part.rows), len(part.trials)))

    def _take_trials(self, part: _Part, merged: Mapping[int, int]) -> list[tuple[int, tuple[int, int]]]:
        """Take the trials that are new; rows of the others, with where an equal one stands."""
        run, place = part.run, len(self.parts) - 1
        trials = run.trials
        raw = np.ascontiguousarray(trials["entropy"], dtype="<u4").tobytes()
        twice: list[tuple[int, tuple[int, int]]] = []
        rows = zip(trials["individual"].tolist(), trials["number"].tolist(), trials["status"].tolist(), strict=True)
        for row, (number, repeat, status) in enumerate(rows):
            individual = merged[number]
            key = individual, raw[16 * row : 16 * row + 16] if run.stochastic else b""
            known = self._place_of.get(key)
            if known is None:
                used = self._used[individual]
                free = repeat if repeat not in used else next(n for n in range(len(used) + 1) if n not in used)
                used.add(free)
                self._place_of[key] = place, len(part.trials)
                part.trials.append(row)
                part.individual.append(individual)
                part.number.append(free)
                continue
            twice.append((row, known))
            other = self.parts[known[0]]
            old = int(other.run.trials["status"][other.trials[known[1]]])
            if old not in _LASTING and status in _LASTING and known[0] != place:
                self._replace(part, row, known, key)
        return twice

    def _replace(self, part: _Part, row: int, known: tuple[int, int], key: tuple[int, bytes]) -> None:
        """Let a trial stand for an equal one that failed by its machine."""
        other = self.parts[known[0]]
        self._place_of[key] = len(self.parts) - 1, len(part.trials)
        part.trials.append(row)
        part.individual.append(other.individual[known[1]])
        part.number.append(other.number[known[1]])
        other.trials[known[1]] = -1

    def _check_equal(self, part: _Part, twice: Sequence[tuple[int, tuple[int, int]]]) -> None:
        """See that trials that two runs have gave the same.

        Raises:
            UserError: They did not; names both runs, the individual and the trial.
        """
        for place in {known[0] for _, known in twice}:
            other = self.parts[place]
            pairs = [(row, other.trials[known[1]]) for row, known in twice if known[0] == place]
            mine, theirs = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
            there = theirs >= 0
            mine, theirs = mine[there], theirs[there]
            for run, rows in ((part.run, mine), (other.run, theirs)):
                lasting = np.isin(run.trials["status"][rows], _LASTING)
                mine, theirs = mine[lasting], theirs[lasting]
                rows = rows[lasting]  # noqa: PLW2901 - the rows that are left
            differs = _differing(part.run, mine, other.run, theirs)
            if differs is None:
                continue
            pair, what = differs
            names = [
                f"{run.path} (trial {run.trials['number'][row]} of individual {run.trials['individual'][row]})"
                for run, row in ((other.run, theirs[pair]), (part.run, mine[pair]))
            ]
            raise UserError(
                f"merge: {names[0]} and {names[1]} are one trial, by individual and seed, but have different {what}; "
                "run it again with `l2l rerun` to see which one is right, and leave the other run out"
            )

    def settle(self) -> None:
        """Number the trials of the individuals that have some from several runs, and count."""
        for part in self.parts:
            stays = [place for place, row in enumerate(part.trials) if row >= 0]
            part.trials, part.individual, part.number = (
                [one[place] for place in stays] for one in (part.trials, part.individual, part.number)
            )
        self.made.individuals = len(self._used)
        self.made.trials = sum(len(part.trials) for part in self.parts)

    @property
    def most(self) -> int:
        """Trials of the individual that has most."""
        return max((max(used, default=0) + 1 for used in self._used.values()), default=1)

    @property
    def fewest(self) -> int:
        """Trials of the individual that has fewest."""
        return min((len(used) for used in self._used.values() if used), default=1)


def _differing(run: Trajectory, rows: Ints, other: Trajectory, others: Ints) -> tuple[int, str] | None:
    """The first pair of trials that differ, and in what; None where all are equal."""
    for name in ["status", *(name for name in run.trials if name.startswith(("fitness/", "observables/")))]:
        ours, theirs = run.trials[name], other.trials[name]
        if isinstance(ours, Ragged):
            for pair, (row, place) in enumerate(zip(rows.tolist(), others.tolist(), strict=True)):
                if not _equal(ours[row], theirs[place]):
                    return pair, name
            continue
        equal = _equal_rows(ours[rows], theirs[others])
        if not equal.all():
            return int(np.argmin(equal)), name
    return None


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and bool(_equal_rows(one.reshape(1, -1), other.reshape(1, -1)).all())


def _equal_rows(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    equal = np.asarray(one == other)
    if one.dtype.kind in "fc":
        equal |= np.isnan(one) & np.isnan(other)
    return np.asarray(equal.reshape(len(one), -1).all(axis=1))


# --- the new run ---------------------------------------------------------------------------------------------------


def _write(parts: _Parts, folder: Path, final: Path) -> None:
    """Write the new run.

    Args:
        parts: What stands in it.
        folder: Where it is written.
        final: Where it will be, from which the paths in its experiment lead.
    """
    experiment = _experiment(parts, final)
    with Journal(folder / "journal") as journal:
        layout: Any = None
        for kind, data in _records(parts, experiment, final):
            layout = check_record(kind, data, None if kind == "run" else layout)
            journal.append(kind, data)
        journal.sync()
    Archive(folder).finish()
    remove_journal(folder / "journal")
    document.write(folder / "experiment.yaml", experiment)
    _points(Trajectory(folder), folder / POINTS)
    Trajectory(folder).check()


def _experiment(parts: _Parts, final: Path) -> dict[str, Any]:
    """The experiment of the first run, with all points in the place of its optimizer."""
    said = [_said(part.run, final) for part in parts.parts]
    merged = {**said[0], "optimizer": {"name": "points", "points": {"$path": POINTS}}, "trials": parts.most}
    if any(one.get("parameters") != said[0].get("parameters") for one in said):
        merged.pop("parameters", None)  # the points say it all
    return {name: value for name, value in merged.items() if name not in ("initial", "memo", "stop", "validate")}


def _said(run: Trajectory, final: Path) -> dict[str, Any]:
    """What the experiment of a run says, with paths that lead from the new folder."""
    base = (run.path if run.path.is_dir() else run.path.parent).absolute()
    _, data = moved("run", {"experiment": run.experiment}, base, final)
    said = document.parse(data["experiment"], base / "experiment.yaml").data
    return dict(said) if isinstance(said, Mapping) else {}


def _records(parts: _Parts, experiment: dict[str, Any], final: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records from which the archive is made; a generation per run that gave individuals."""
    text = document.dump(experiment)
    begun = dict(next(data for kind, data in parts.first.records() if kind == "run"))
    sizes = [len(part.rows) for part in parts.parts if part.rows]
    yield (
        "run",
        {
            **begun,
            "experiment": text,
            "space": parts.space.to_dict(),
            "trials": parts.most,
            "fewest_trials": parts.fewest,
            "steady_state": False,
            "population": max([*sizes, 1]),
        },
    )
    for place, part in enumerate(parts.parts):
        yield from _segments(part, final)
        fingerprint = parts.first.fingerprint
        yield "memo", {"row": place, "path": str(part.run.path), "fingerprint": fingerprint, "time": time.time()}
    own = sum(len(part.run.segments) for part in parts.parts)
    kept = {name: value for name, value in _last_segment(parts.first).items() if name in _KEPT}
    fingerprint = parts.first.fingerprint
    yield "segment", {**environment({}), **kept, "number": own, "fingerprint": fingerprint, "experiment": text}
    yield from _events(parts)
    reason = f"optimizer: all {parts.made.individuals} points are asked, merged from {len(parts.parts)} runs"
    yield "stopped", {"segment": own, "reason": reason, "finished": True, "time": time.time()}


_KEPT = ("parts", "texts", "aggregate", "notes", "version", "packages", "sources")
"""What the last process lifetime says of the optimizee."""


def _last_segment(run: Trajectory) -> Mapping[str, Any]:
    segments = [data for kind, data in run.records() if kind == "segment"]
    return max(segments, key=lambda one: int(one["number"]))


def _segments(part: _Part, final: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The process lifetimes of a run, none of which ends the new one."""
    base = (part.run.path if part.run.path.is_dir() else part.run.path.parent).absolute()
    for kind, data in part.run.records():
        if kind == "segment":
            yield moved(kind, {**data, "number": part.segment + data["number"]}, base, final)
        elif kind == "stopped":
            yield kind, {**data, "segment": part.segment + data["segment"], "finished": False}


def _events(parts: _Parts) -> Iterator[tuple[str, dict[str, Any]]]:
    """All is asked, then the trials come, then a generation per run is told."""
    told = [part for part in parts.parts if part.rows]
    for event, part in enumerate(told):
        yield "asked", _asked(parts.space, part, event)
    for place, part in enumerate(parts.parts):
        if part.trials:
            yield "finished", _finished(part, place)
    signs = np.array([one.sign for one in parts.first.objectives])
    best = np.full(len(signs), np.nan)
    several = _of_several(parts)
    for generation, part in enumerate(told):
        came = _told(part, len(told) + generation, several)
        yield "told", came
        best = np.fmin(best * signs, np.fmin.reduce(came["fitness"] * signs, axis=0)) * signs
        times = part.run.generations
        yield (
            "generation",
            {
                "number": generation,
                "count": len(part.rows),
                "started": float(times["started"].min()),
                "finished": float(times["finished"].max()),
                "best": best,
                "report": {},
            },
        )


def _asked(space: ParameterSpace, part: _Part, event: int) -> dict[str, Any]:
    columns = {name: part.run.individuals[f"parameters/{name}"][part.rows] for name in part.run.space.names}
    if part.run.space != space:  # categories have other places there
        columns = space.columns(part.run.space.from_columns(columns))
    same_as = np.full(len(part.rows), -1)
    return {"first": part.numbers[0], "columns": columns, "same_as": same_as, "event": event, "time": 0.0}


def _finished(part: _Part, place: int) -> dict[str, Any]:
    """The trials of a run that stand in the new one."""
    run, rows = part.run, np.array(part.trials)
    trials = run.trials
    hosts, codes = np.unique(np.asarray(trials["host"][rows], dtype=str), return_inverse=True)
    failures = run.failure_messages()
    copied = ("attempt", "status", "started", "seconds", "peak_memory", "entropy", "ranks", "threads")
    observables = {}
    for name in run.observables:
        values = trials[f"observables/{name}"][rows]
        ragged = isinstance(values, Ragged)
        observables[name] = {"values": values.values, "lengths": values.lengths} if ragged else values
    return {
        **{name: trials[name][rows] for name in copied},
        "index": np.array(part.individual),
        "number": np.array(part.number),
        "final": np.ones(len(rows), dtype=bool),
        "host": hosts.tolist(),
        "host_code": codes.astype(np.int32),
        "source": place,
        "segment": part.segment + trials["segment"][rows],
        "fitness": side_by_side([trials[f"fitness/{one.name}"][rows] for one in run.objectives], len(rows)),
        "observables": observables,
        "failures": [[at, *failures[row]] for at, row in enumerate(part.trials) if row in failures],
    }


def _told(part: _Part, event: int, several: Mapping[int, tuple[Any, Any, int]]) -> dict[str, Any]:
    """What the individuals of a run came to; those that have trials of several runs, over all of these."""
    individuals, rows = part.run.individuals, part.rows
    names = [one.name for one in part.run.objectives]
    fitness = side_by_side([individuals[f"fitness/{name}"][rows] for name in names], len(rows)).copy()
    spreads = side_by_side([individuals[f"spread/{name}"][rows] for name in names], len(rows)).copy()
    status = individuals["status"][rows].copy()
    for place, number in enumerate(part.numbers):
        if number in several:
            fitness[place], spreads[place], status[place] = several[number]
    numbers = np.array(part.numbers)
    return {"individuals": numbers, "event": event, "fitness": fitness, "spread": spreads, "status": status}


def _of_several(parts: _Parts) -> dict[int, tuple[Any, Any, int]]:
    """Fitness, spread and status of the individuals that have trials of several runs.

    Raises:
        UserError: The runs aggregate trials in different ways, or by a function.
    """
    first_of: dict[int, int] = {}
    mixed: set[int] = set()
    for place, part in enumerate(parts.parts):
        for number in [*part.numbers, *part.individual]:
            if first_of.setdefault(number, place) != place:
                mixed.add(number)
    if not mixed:
        return {}
    ways = {str(_said(part.run, Path.cwd()).get("aggregate", "mean")) for part in parts.parts}
    if len(ways) > 1 or not ways <= set(NAMES):
        raise UserError(
            f"merge: {len(mixed)} individuals have trials in several runs, whose aggregates are "
            f"{', '.join(sorted(ways))}: expected one and the same of {', '.join(NAMES)}; leave one run out"
        )
    objectives = parts.first.objectives
    signs = np.array([one.sign for one in objectives])
    found: dict[int, list[tuple[int, Any]]] = {number: [] for number in mixed}
    for part in parts.parts:
        trials = part.run.trials
        for row, number in zip(part.trials, part.individual, strict=True):
            if number in mixed:
                values = np.array([trials[f"fitness/{one.name}"][row] for one in objectives])
                found[number].append((int(trials["status"][row]), values))
    return {number: _came_to(rows, signs, next(iter(ways))) for number, rows in found.items()}


def _came_to(rows: Sequence[tuple[int, Any]], signs: Any, way: str) -> tuple[Any, Any, int]:
    status = max((one for one, _ in rows), default=int(Status.INVALID))
    nothing = np.full(len(signs), np.nan)
    if status != Status.OK:
        return nothing, nothing, status
    costs = np.array([values for _, values in rows])[None] * signs
    return aggregated(costs, way)[0] * signs, spread(costs)[0], status


def _points(run: Trajectory, path: Path) -> None:
    """The parameters of all individuals, as the optimizer `points` reads them."""
    columns: dict[str, list[Any]] = {}
    for name in run.space.names:
        values = run.individuals.labels(f"parameters/{name}")
        if values.ndim == 1:
            columns[name] = values.tolist()
            continue
        for place in np.ndindex(values.shape[1:]):
            columns[f"{name}[{','.join(map(str, place))}]"] = values[(slice(None), *place)].tolist()
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
