"""How long workers stand idle while trials wait for one, by their own timestamps."""

import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import Sleeper, Spy

from l2l import Evaluation, Experiment

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kind:
    """Trials, and the loop that they run in.

    Args:
        seconds: Of a trial, on average.
        spread: Standard deviation of its logarithm; 0 for trials of equal length.
        steady: Whether the loop is steady-state; there, more work could always be asked for, so all idleness counts.
    """

    seconds: float
    spread: float
    steady: bool

    def __str__(self) -> str:
        return (
            f"{'steady state' if self.steady else 'generational'}, "
            f"{1e3 * self.seconds:g} ms {'log-normal' if self.spread else 'equal'}"
        )


@dataclass(frozen=True, slots=True)
class Idle:
    """What a run of trials of one kind showed.

    Args:
        trials: How many.
        seconds: From the first that started to the last that ended.
        share: Of the workers' time in which one had nothing to do while a trial waited.
        ready: The same with the time in which one had something to do, but others its core: other programs, or the
            leader where workers have all cores.
    """

    trials: int
    seconds: float
    share: float
    ready: float


def idle(kind: Kind, work: float, workers: int, folder: str, launcher: Any = None) -> Idle:
    """Run trials of one kind.

    Args:
        kind: Of the trials.
        work: Seconds of the whole.
        workers: How many.
        folder: For the run.
        launcher: Has so many workers, and notes in `Spy` what goes out and comes back; the local one unless given.
    """
    trials = max(int(work * workers / kind.seconds), 20 * workers)
    population = max(trials // 5, 10 * workers)
    Spy.submitted.clear()
    Spy.collected.clear()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        run = Experiment(
            Sleeper(seconds=kind.seconds, spread=kind.spread),
            {"name": "random", "population": population, "steady_state": kind.steady},
            directory=Path(place) / "run",
            launcher=launcher or {"name": Spy, "workers": workers},
            stop={"individuals": trials},
        ).run(progress=None)
    if not run.finished:
        raise RuntimeError(f"expected a finished run, got one that stopped: {run.reason}")
    workers_of: dict[int, list[Evaluation]] = {}
    for _, evaluations in Spy.collected:
        for one in evaluations:
            workers_of.setdefault(one.process, []).append(one)
    began = {one.index: one.started for own in workers_of.values() for one in own}
    busy = [[(one.started, one.started + one.seconds) for one in own] for own in workers_of.values()]
    begin = max(min(start for start, _ in spans) for spans in busy)  # when the last worker had come up
    end = max(stop for spans in busy for _, stop in spans)
    if kind.steady:
        waiting = [(begin, max(began.values()))]
    else:
        waiting = [(instant, began[index]) for instant, out in Spy.submitted for index in out]
    waiting = clipped(union(waiting), begin, end)

    def share(spans_of: Iterable[list[Interval]]) -> float:
        lost = sum(length(waiting) - overlap(waiting, union(spans)) for spans in spans_of)
        return lost / (workers * (end - begin))

    return Idle(len(began), end - begin, share(map(with_delays, workers_of.values())), share(busy))


def with_delays(evaluations: list[Evaluation]) -> list[Interval]:
    """When a worker was at its trials, or would have been if it had had its core."""
    spans = []
    waited = math.inf
    for one in sorted(evaluations, key=lambda one: one.started):
        before, after = one.fitness
        spans.append((one.started - max(0.0, before - waited), one.started + one.seconds))
        waited = after
    return spans


def union(intervals: list[Interval]) -> list[Interval]:
    """The same points as intervals that do not overlap, in order."""
    merged: list[Interval] = []
    for start, stop in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        elif stop > start:
            merged.append((start, stop))
    return merged


def clipped(intervals: list[Interval], begin: float, end: float) -> list[Interval]:
    """What of them lies between begin and end."""
    return [(max(start, begin), min(stop, end)) for start, stop in intervals if stop > begin and start < end]


def length(intervals: list[Interval]) -> float:
    """Of disjoint intervals."""
    return sum(stop - start for start, stop in intervals)


def overlap(some: list[Interval], others: list[Interval]) -> float:
    """The length that two lists of disjoint, ordered intervals share."""
    shared, place = 0.0, 0
    for start, stop in some:
        while place < len(others) and others[place][1] <= start:
            place += 1
        at = place
        while at < len(others) and others[at][0] < stop:
            shared += min(stop, others[at][1]) - max(start, others[at][0])
            at += 1
    return shared
