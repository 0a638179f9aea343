"""Batches of trials: how many go to a worker at once, and how they travel."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l.individual import Individual
from l2l.values import Resources, Trial

Row = tuple[int, int, int, int, tuple[Any, ...], frozenset[str]]
"""index, number, attempt, entropy, values of the individual, its inactive parameters."""

_OVERHEAD = 5e-6
_MOST = 1024
_MOST_BYTES = 1 << 22


class Sizing:
    """Learns how long trials take, and sizes batches to about so much work that sending them does not count.

    Args:
        slots: Workers that share the backlog.
        vectorized: Whether the optimizee simulates batches in its own way, which get larger for as long as one takes
            under half a second.
        timeout: Seconds of a trial, which a vectorized batch stays well below.
        work: Seconds that a batch is to take.
    """

    def __init__(
        self, slots: int, *, vectorized: bool = False, timeout: float | None = None, work: float = 0.05
    ) -> None:
        self._slots = slots
        self._work = work
        self._vectorized = 16 if vectorized else 0
        self._longest = min(0.5, timeout / 4) if timeout else 0.5
        self._grown = 1
        self._bytes = 0.0
        self.seconds: float | None = None
        """Of a trial, a moving mean with our own overhead; None before the first."""

    def learn(self, seconds: float, count: int) -> None:
        """Take note that `count` trials took so long together."""
        mean = seconds / count + _OVERHEAD
        weight = 1.0 - 0.95**count
        self.seconds = mean if self.seconds is None else self.seconds + weight * (mean - self.seconds)
        if self._vectorized:
            if seconds < self._longest and count >= self._vectorized:
                self._vectorized = min(2 * self._vectorized, _MOST)
            elif seconds > 2 * self._longest:
                self._vectorized = max(1, min(count, self._vectorized) // 2)

    def learn_bytes(self, size: int, count: int) -> None:
        """Take note that a batch was so large as a message."""
        self._bytes = size / count

    def lasts(self, trials: int) -> float:
        """The seconds that so many trials are expected to take one worker."""
        return trials * (self.seconds or 0.0)

    def size(self, backlog: int) -> int:
        """Trials of the next batch; less towards the end of the backlog, so that all workers end together."""
        if self._vectorized:
            size = min(self._vectorized, math.ceil(backlog / self._slots))
        elif self.seconds is None:
            size = 1
        else:
            wanted = min(int(self._work / self.seconds), 4 * self._grown, _MOST)
            share = max(math.ceil(backlog / (2 * self._slots)), int(self._work / 50 / self.seconds))
            size = max(1, min(wanted, share))
            self._grown = max(self._grown, min(size, wanted))
        if self._bytes:
            size = min(size, max(1, int(_MOST_BYTES / self._bytes)))
        return min(size, backlog)


class Form:
    """What many trials share: the names of the parameters, where private folders are made, what they are for.

    Args:
        code: Its number between leader and worker.
        names: Of the parameters.
        root: Of private folders.
        validation: Whether they are fresh trials of winners.
    """

    __slots__ = ("code", "index", "names", "root", "validation")

    def __init__(self, code: int, names: tuple[str, ...], root: Path | None, validation: bool = False) -> None:
        self.code = code
        self.names = names
        self.root = root
        self.validation = validation
        self.index = {name: place for place, name in enumerate(names)}

    def trials(self, rows: Sequence[Row], resources: Resources, launch: tuple[str, ...] = ()) -> list[Trial]:
        """The trials that rows describe."""
        return [self.trial(row, resources, launch) for row in rows]

    def trial(self, row: Row, resources: Resources, launch: tuple[str, ...] = ()) -> Trial:
        """The trial that a row describes."""
        index, number, attempt, entropy, values, inactive = row
        for value in values:
            if type(value) is np.ndarray:
                value.flags.writeable = False
        individual = Individual.of(self.index, values, inactive)
        return Trial(
            individual, number, entropy, index, attempt, resources, self.root, None, launch, validation=self.validation
        )


class Forms:
    """The forms that a leader has met, found quickly by identity."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], Path | None, bool], Form] = {}
        self._last_index: Any = None
        self._last_root: Path | None = None
        self._last: Form | None = None

    def of(self, trial: Trial) -> Form:
        """The form of a trial."""
        index = trial.individual._index
        last, alike = self._last, index is self._last_index and trial.root is self._last_root
        if last is not None and alike and trial.validation is last.validation:
            return last
        key = (tuple(index), trial.root, trial.validation)
        form = self._known.get(key)
        if form is None:
            form = self._known[key] = Form(len(self._known), *key)
        self._last_index, self._last_root, self._last = index, trial.root, form
        return form


def row_of(trial: Trial) -> Row:
    """A trial as it travels."""
    individual = trial.individual
    return trial.index, trial.number, trial.attempt, trial.entropy, individual.row, individual.inactive
