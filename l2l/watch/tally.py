"""What the records of a run come to: counts, generations, causes of failures, how busy the workers are."""

import math
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.ranking import pareto_front
from l2l.schema import Layout, Small
from l2l.spread import KEPT, Spread, spread_of
from l2l.values import Status

_CAUSES = 50
"""Different causes of failures that are kept: far more than a screen shows."""
_RECENT = 4096
"""Trials by which workers are judged: enough for minutes, few enough to be sorted at each look."""
_MANY = 512
"""Records that are held before they are counted."""
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_BRIEFLY = 0.01
"""Share of the time; as many workers as ran trials at once for less are no workers: clocks are not that exact."""

WANTED = {
    "asked": ("first", "same_as", "time"),
    "told": ("individuals", "fitness"),
    "finished": (
        *("index", "number", "final", "status", "started", "seconds"),
        *("source", "ranks", "threads", "host", "host_code", "failures"),
    ),
    "started": (),
}
"""What is counted of records, by kind; other kinds are wanted whole."""

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Cause:
    """Failures of one kind.

    Args:
        status: What became of the trials.
        message: Of the newest one.
        count: How many are known.
        trial: Individual and number of the newest one.
    """

    status: Status
    message: str
    count: int
    trial: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Machine:
    """How busy the workers of a machine are.

    Args:
        host: Its name.
        workers: The most trials that ran there at once.
        busy: Share of the workers' time in which they simulated.
    """

    host: str
    workers: int
    busy: float


class Tally:
    """Counts what the records of a run say; those of one run, in their order.

    Args:
        layout: What the run is of.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.small = Small()
        self.small.add("run", layout.run)
        self.trials_each: int = layout.run.get("trials", 1)
        self.signs = np.array([one.sign for one in layout.objectives])
        self.asked = self.told = self.closed = self.generation_count = 0
        self.last_count = 0
        self.trials = self.failed = self.cached = 0
        self.core_seconds = self.seconds = 0.0
        self.simulated = 0
        self.begun_at = self.news = float("nan")
        self.earlier_seconds = 0.0  # led by the segments before the last one
        self.best: Floats = np.full(len(layout.objectives), np.nan)
        self.front: Floats = np.empty((0, len(layout.objectives)))
        self.generations: deque[Spread] = deque(maxlen=KEPT)
        self.open: dict[int, int] = {}
        self.causes: dict[tuple[int, str], Cause] = {}
        self._held: dict[str, list[Mapping[str, Any]]] = {"asked": [], "finished": [], "told": []}
        self._archived: NDArray[np.int64] = np.empty(0, np.int64)
        self._early: dict[int, int] = {}
        self._fitness: list[Floats] = []
        self._recent: deque[tuple[str, Floats, Floats]] = deque()
        self._recent_count = 0

    # --- records -------------------------------------------------------------------------------------------------

    def add(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take a record; one that says nothing about the counts is passed over.

        Records of trials and individuals are held, and counted together by `settle`: there may be thousands per second,
        and arrays of one row each would cost more than all else. In which order these are counted changes nothing.
        """
        if kind in self._held:
            self._held[kind].append(data)
            if len(self._held[kind]) >= _MANY:
                self.settle()
        elif kind == "generation":
            self._generation(data)
        elif kind == "segment":
            self.settle()
            self._segment(data)
        elif kind == "validation":
            self._take_time(data["started"] + data["seconds"])
            self.small.add(kind, data)
        elif kind == "stopped":
            self.settle()
            self.news = float(data["time"])
            self.small.add(kind, data)

    def settle(self) -> None:
        """Count what is held."""
        held, self._held = self._held, {kind: [] for kind in self._held}
        if held["asked"]:
            self._asked(held["asked"])
        if held["finished"]:
            self._finished(held["finished"])
        if held["told"]:
            self._told(held["told"])

    def _segment(self, data: Mapping[str, Any]) -> None:
        if data["number"] in self.small.segments:  # the archive has it
            return
        if not math.isnan(self.begun_at):  # the one before ended with its last news
            self.earlier_seconds += max(0.0, self.news - self.begun_at)
        self.begun_at = self.news = float(data["started"])
        self._recent.clear()  # other workers, perhaps
        self._recent_count = 0
        self.small.add("segment", data)

    def _asked(self, records: Sequence[Mapping[str, Any]]) -> None:
        known = set(self._archived.tolist())
        for data in records:
            first = data["first"]
            self.asked = first + len(data["same_as"])
            for number, same_as in enumerate(data["same_as"].tolist(), first):
                if number not in known:
                    wanted = self.trials_each if same_as < 0 else 0
                    self.open[number] = max(0, wanted - self._early.pop(number, 0))
                    self.cached += self.trials_each - wanted
        self.news = float(records[-1]["time"])

    def _finished(self, records: Sequence[Mapping[str, Any]]) -> None:
        index, final, status, starts, seconds = (
            np.concatenate([data[name] for data in records])
            for name in ("index", "final", "status", "started", "seconds")
        )
        lengths = [len(data["index"]) for data in records]
        memo = np.repeat([_highest(data["source"]) >= 0 for data in records], lengths)
        fresh = self._fresh(index)
        counted = final & fresh
        for number in index[counted].tolist():
            left = self.open.get(number)
            if left:
                self.open[number] = left - 1
            elif left is None and number >= self.asked:
                self._early[number] = self._early.get(number, 0) + 1  # it is asked further below
        self.trials += int(np.count_nonzero(counted))
        self.failed += int(np.count_nonzero(status[counted]))
        self.cached += int(np.count_nonzero(counted & memo))
        if status.any():
            self._failures(records)
        simulated = fresh & ~memo
        if simulated.any():
            cores = _highest(records[-1]["ranks"]) * _highest(records[-1]["threads"])
            self.spent(seconds[simulated & final], cores)  # as the archive has it, without repeated attempts
            ends = starts + seconds
            self._take_time(ends[simulated])
            self._ran(records, starts, ends, simulated)

    def _ran(
        self, records: Sequence[Mapping[str, Any]], starts: Floats, ends: Floats, simulated: NDArray[np.bool_]
    ) -> None:
        """Take in when trials ran, host by host."""
        first = records[0]["host"]
        if len(first) == 1 and all(data["host"] == first for data in records):  # the usual case, on one machine
            self.ran(first[0], starts[simulated], ends[simulated])
            return
        names: dict[str, int] = {}
        codes = np.concatenate(
            [
                np.array([names.setdefault(host, len(names)) for host in data["host"]])[data["host_code"]]
                for data in records
            ]
        )
        for host, code in names.items():
            mine = simulated & (codes == code)
            if mine.any():
                self.ran(host, starts[mine], ends[mine])

    def _fresh(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these individuals the archive did not have."""
        if not len(self._archived):
            return np.ones(len(numbers), dtype=bool)
        return ~np.isin(numbers, self._archived)

    def _take_time(self, ends: Floats) -> None:
        if len(ends):
            self.news = float(np.fmax(self.news, np.max(ends)))

    def _failures(self, records: Sequence[Mapping[str, Any]]) -> None:
        for data in records:
            for row, message, _ in data["failures"]:
                trial = int(data["index"][row]), int(data["number"][row])
                self.failure(int(data["status"][row]), message, trial)

    def _told(self, records: Sequence[Mapping[str, Any]]) -> None:
        numbers = np.concatenate([data["individuals"] for data in records])
        fitness = np.concatenate([data["fitness"] for data in records])
        fresh = self._fresh(numbers)
        numbers, fitness = numbers[fresh], fitness[fresh]
        for number in numbers.tolist():
            self.open.pop(number, None)
        self.told += len(numbers)
        if len(numbers):
            self._fitness.append(fitness)
            self.improve(fitness)

    def _generation(self, data: Mapping[str, Any]) -> None:
        self.settle()
        if data["number"] < self.generation_count:  # the archive has it
            return
        self.generation_count = data["number"] + 1
        self.last_count = data["count"]
        self.closed = self.told
        self.news = float(data["finished"])
        self.close(np.concatenate(self._fitness) if self._fitness else np.empty((0, len(self.signs))))
        self._fitness = []
        self._archived = np.empty(0, np.int64)  # what is told from now on, it does not have

    # --- what records and the archive come to alike ----------------------------------------------------------------

    def archived(self, numbers: NDArray[np.int64]) -> None:
        """Say which individuals the archive has, whose records may come once more.

        Args:
            numbers: Of individuals that were told.
        """
        self._archived = numbers

    def spent(self, seconds: Floats, cores: Any) -> None:
        """Count what simulated trials took, on so many cores each."""
        total = float(seconds.sum())
        self.simulated += len(seconds)
        self.seconds += total
        self.core_seconds += float((seconds * cores).sum())

    def ran(self, host: str, starts: Floats, ends: Floats) -> None:
        """Take in when trials ran on a machine."""
        self._recent.append((host, starts, ends))
        self._recent_count += len(starts)
        while len(self._recent) > 1 and self._recent_count - len(self._recent[0][1]) >= _RECENT:
            self._recent_count -= len(self._recent.popleft()[1])

    def failure(self, status: int, message: str, trial: tuple[int, int]) -> None:
        """Count a failure under its cause, which becomes the newest one."""
        first = message.partition("\n")[0]
        key = status, _NUMBER.sub("0", first)  # else each trial that names its number, place or value is a cause
        cause = self.causes.pop(key, None) or Cause(Status(status), first, 0, trial)
        cause.message = first
        cause.count += 1
        cause.trial = trial
        self.causes[key] = cause
        if len(self.causes) > _CAUSES:
            del self.causes[next(iter(self.causes))]

    def improve(self, fitness: Floats) -> None:
        """Follow the best, and with several objectives the front.

        Args:
            fitness: (n, m), NaN where a trial failed.
        """
        costs = fitness * self.signs
        self.best = np.fmin(self.best * self.signs, np.fmin.reduce(costs, axis=0)) * self.signs
        if len(self.signs) > 1:
            known = np.unique(np.concatenate([self.front, costs]), axis=0)
            self.front = known[pareto_front(np.where(np.isnan(known), np.inf, known))]

    def close(self, fitness: Floats) -> None:
        """Note what the individuals of a generation came to.

        Args:
            fitness: (n, m), NaN where a trial failed.
        """
        self.generations.append(spread_of(fitness, self.signs))

    # --- what follows ----------------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        """Trials that were asked and are not over."""
        return sum(self.open.values())

    @property
    def validated(self) -> int:
        """Fresh trials of the winners that are over."""
        return sum(int(np.count_nonzero(data["final"])) for data in self.small.validations.values())

    @property
    def open_trials(self) -> tuple[int, int]:
        """Of the individuals that are asked and not told: trials that are over, and all of them."""
        total = self.asked_trials
        return total - self.outstanding, total

    @property
    def asked_trials(self) -> int:
        """Trials of the generation under way, those of told individuals included."""
        return (len(self.open) + self.told - self.closed) * self.trials_each

    def machines(self) -> list[Machine]:
        """How busy the workers are, by the last trials of each machine."""
        hosts: dict[str, list[tuple[Floats, Floats]]] = {}
        for host, starts, ends in self._recent:
            hosts.setdefault(host, []).append((starts, ends))
        return [_machine(host, parts) for host, parts in sorted(hosts.items())]


def _highest(column: Any) -> int:
    """The highest value of a column, of which a record has one number where all its trials agree."""
    return column if isinstance(column, int) else int(np.max(column))


def _machine(host: str, parts: Iterable[tuple[Floats, Floats]]) -> Machine:
    pairs = list(parts)
    starts = np.concatenate([one for one, _ in pairs])
    ends = np.concatenate([one for _, one in pairs])
    # Trials at once: one more at each start, one less at each end; of equal times the end comes first.
    times = np.concatenate([starts, ends])
    steps = np.concatenate([np.ones(len(starts)), -np.ones(len(ends))])
    order = np.lexsort((steps, times))
    workers = _workers(np.cumsum(steps[order])[:-1], np.diff(times[order]))
    first, last = float(starts.min()), float(ends.max())
    # Trials that began lately may still run and be unknown: what began before is known whole.
    until = last - float((ends - starts).max())
    if until - first < (last - first) / 2:
        until = last
    busy = float(np.clip(np.minimum(ends, until) - starts, 0.0, None).sum())
    span = (until - first) * workers
    return Machine(host, workers, min(1.0, busy / span) if span > 0 else 1.0)


def _workers(at_once: Floats, seconds: Floats) -> int:
    """The most trials that ran at once for more than an instant.

    Args:
        at_once: (n,) how many ran.
        seconds: (n,) for how long.
    """
    for_so_long = np.bincount(at_once.astype(np.int64), seconds)
    enough = np.flatnonzero(for_so_long > _BRIEFLY * for_so_long.sum())
    return max(1, int(enough.max(initial=1)))
