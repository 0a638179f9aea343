"""What failed, when, and why."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from l2l.plot.data.view import Ints, View
from l2l.values import Status

_MOST_BARS = 100  # more bars are narrower than a line


@dataclass(frozen=True, slots=True)
class Cause:
    """Failures that have one cause.

    Args:
        status: What became of the trials.
        message: What they said; "…" stands for numbers in which their messages differ.
        count: How many attempts failed so.
        individual: The number of the first individual that did.
    """

    status: Status
    message: str
    count: int
    individual: int


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed trials over b bars, each of several generations in long runs.

    Args:
        first: (b,) the first generation of each bar.
        width: How many generations a bar has.
        statuses: (s,) those that occur, without OK.
        counts: (s, b) trials with this status.
        trials: (b,) all trials.
        causes: Why attempts failed, the most frequent first; repeated attempts count too.
    """

    first: Ints
    width: int
    statuses: tuple[Status, ...]
    counts: Ints
    trials: Ints
    causes: tuple[Cause, ...]

    @property
    def failed(self) -> int:
        """How many trials failed."""
        return int(self.counts.sum())


def failures(view: View) -> Failures:
    """What failed in the complete generations.

    Raises:
        NotFoundError: No generation is complete yet.
    """
    view.need_some()
    trials = view.trajectory.trials
    generation = view.generation[view.rows_of(np.asarray(trials["individual"]))]
    number = len(view.trajectory.generations)
    width = -(-number // _MOST_BARS)
    bars = -(-number // width)
    status = np.asarray(trials["status"])
    statuses = tuple(Status(code) for code in np.unique(status).tolist() if code != Status.OK)
    counts = [np.bincount(generation[status == one] // width, minlength=bars) for one in statuses]
    return Failures(
        first=np.arange(bars) * width,
        width=width,
        statuses=statuses,
        counts=np.stack(counts) if counts else np.zeros((0, bars), np.int64),
        trials=np.bincount(generation // width, minlength=bars),
        causes=_causes(view),
    )


def _causes(view: View) -> tuple[Cause, ...]:
    table = view.trajectory.failures
    counted: Counter[tuple[int, str]] = Counter()
    said: dict[tuple[int, str], str] = {}
    first: dict[tuple[int, str], int] = {}
    rows = (np.asarray(table[name]).tolist() for name in ("status", "message", "individual"))
    for status, message, individual in zip(*rows, strict=True):
        general = _NUMBER.sub("…", message)
        key = status, general
        counted[key] += 1
        first.setdefault(key, individual)
        if said.setdefault(key, message) != message:
            said[key] = general
    return tuple(Cause(Status(key[0]), said[key], count, first[key]) for key, count in counted.most_common())


_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
"""A number in a message; digits within a name such as `iaf2` are none."""
