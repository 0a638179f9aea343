"""Batches of trials: how many go to a worker at once, and how they travel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l.individual import Individual
from l2l.values import Resources, Trial

TrialRow = tuple[int, int, int, int, tuple[Any, ...], frozenset[str]]
"""index, number, attempt, entropy, values of the individual, its inactive parameters."""


class BatchHeader:
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

    def trials(self, rows: Sequence[TrialRow], resources: Resources, launch: tuple[str, ...] = ()) -> list[Trial]:
        """The trials that rows describe."""
        return [self.trial(row, resources, launch) for row in rows]

    def trial(self, row: TrialRow, resources: Resources, launch: tuple[str, ...] = ()) -> Trial:
        """The trial that a row describes."""
        index, number, attempt, entropy, values, inactive = row
        for value in values:
            if type(value) is np.ndarray:
                value.flags.writeable = False
        individual = Individual.of(self.index, values, inactive)
        return Trial(
            individual, number, entropy, index, attempt, resources, self.root, None, launch, validation=self.validation
        )


class Headers:
    """The headers that a leader has met, found quickly by identity."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], Path | None, bool], BatchHeader] = {}
        self._last_index: Any = None
        self._last_root: Path | None = None
        self._last: BatchHeader | None = None

    def of(self, trial: Trial) -> BatchHeader:
        """The header of a trial."""
        index = trial.individual._index
        last, alike = self._last, index is self._last_index and trial.root is self._last_root
        if last is not None and alike and trial.validation is last.validation:
            return last
        key = (tuple(index), trial.root, trial.validation)
        header = self._known.get(key)
        if header is None:
            header = self._known[key] = BatchHeader(len(self._known), *key)
        self._last_index, self._last_root, self._last = index, trial.root, header
        return header


def row_of(trial: Trial) -> TrialRow:
    """A trial as it travels."""
    individual = trial.individual
    return trial.index, trial.number, trial.attempt, trial.entropy, individual.row, individual.inactive
