"""What is known already: the evaluations of this run, and those of earlier runs that the user names.

Within a run individuals are known by the number under which they were first asked. What a trial gave stands in
growing arrays at that number, so that an individual costs the leader some hundred bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError, UserError
from l2l.values import Observable, Status

if TYPE_CHECKING:
    from l2l.trajectory import Trajectory

UNKNOWN = -1
"""In place of a status, where a trial has none yet."""


class Book:
    """The evaluations of this run.

    Args:
        trials: Of each individual, T.
        objectives: How many, m.
        observables: Those that the optimizer wants.
    """

    def __init__(self, trials: int, objectives: int, observables: Mapping[str, Observable]) -> None:
        for name, observable in observables.items():
            if observable.ragged:
                raise OptionError(f"observable {name!r} differs in length from trial to trial: no optimizer can use it")
        self._first: dict[bytes, int] = {}
        self._status: NDArray[np.int8] = np.empty((0, trials), dtype=np.int8)
        self._fitness: NDArray[np.float64] = np.empty((0, trials, objectives))
        self._missing = {name: one.missing() for name, one in observables.items()}
        self._observables: dict[str, NDArray[Any]] = {
            name: np.empty((0, trials, *one.shape), dtype=one.dtype) for name, one in self._missing.items()
        }

    def add(
        self,
        start: int,
        keys: Sequence[bytes],
        generation: int | None = None,
    ) -> NDArray[np.int64]:
        """Enter individuals that were asked.

        Args:
            start: Number of the first.
            keys: (n,) that name their contents.
            generation: Where seeds differ from generation to generation, its number.

        Returns:
            `same_as` (n,): the number of the first equal individual, or -1 for a new one.
        """
        self._grow(start + len(keys))
        if generation is not None:
            tag = generation.to_bytes(8, "little")
            keys = [key + tag for key in keys]
        asked = range(start, start + len(keys))
        first = list(map(self._first.setdefault, keys, asked))
        return np.where(np.equal(first, asked), -1, np.array(first, dtype=np.int64))

    def _grow(self, size: int) -> None:
        room = len(self._status)
        if size > room:
            more = max(size, room + room // 2, 256) - room
            self._status = _extended(self._status, more, UNKNOWN)
            self._fitness = _extended(self._fitness, more, np.nan)
            for name, missing in self._missing.items():
                self._observables[name] = _extended(self._observables[name], more, missing)

    def write(
        self,
        index: NDArray[np.int64],
        number: NDArray[np.int64],
        status: NDArray[np.int8],
        fitness: NDArray[np.float64],
        observables: Mapping[str, Any],
    ) -> None:
        """Note final results; columns of k trials."""
        if not len(index):
            return
        self._grow(int(index.max()) + 1)
        self._status[index, number] = status
        self._fitness[index, number] = fitness
        for name, column in self._observables.items():
            column[index, number] = observables[name]

    def known(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, T): which trials of these individuals are final."""
        return np.not_equal(self._status[numbers], UNKNOWN)

    def status(self, numbers: NDArray[np.int64]) -> NDArray[np.int8]:
        """(n, T), -1 where not final."""
        return self._status[numbers]

    def fitness(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, T, m), NaN where failed."""
        return self._fitness[numbers]

    def observables(self, numbers: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Name → (n, T, …), of those that the optimizer wants."""
        return {name: column[numbers] for name, column in self._observables.items()}


def _extended(array: NDArray[Any], more: int, fill: Any) -> NDArray[Any]:
    tail = np.empty((more, *array.shape[1:]), dtype=array.dtype)
    tail[...] = fill
    return np.concatenate([array, tail])


class Elsewhere:
    """What earlier runs found: trials that need not be run again.

    Only what is `OK` or `INVALID` there counts, under the same ranks and threads.

    Args:
        paths: Run folders or archives.
        fingerprint: Of the optimizee; theirs must be the same.
        stochastic: Whether the seed is part of what a trial is.
        resources: (ranks, threads).
        parts: What the fingerprint is made of, to say what differs.

    Raises:
        UserError: A run is of another optimizee or has other objectives or observables.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        fingerprint: str,
        stochastic: bool,
        resources: tuple[int, int],
        parts: Mapping[str, str] = {},
    ) -> None:
        from l2l.trajectory import Trajectory

        self._stochastic = stochastic
        self._places: dict[bytes, tuple[int, int]] = {}
        self.runs: list[Trajectory] = []
        self.paths = [Path(path) for path in paths]
        for path in self.paths:
            run = Trajectory(path)
            run.check()
            if set(run.fingerprints) != {fingerprint}:
                raise UserError(
                    f"memo: {path} was computed with another optimizee: {_difference(run, parts)}; leave it out"
                )
            self._index(len(self.runs), run, resources)
            self.runs.append(run)

    def _index(self, place: int, run: "Trajectory", resources: tuple[int, int]) -> None:
        keys = run.keys()
        trials = run.trials
        counts = (trials["status"] == Status.OK) | (trials["status"] == Status.INVALID)
        counts &= (trials["ranks"] == resources[0]) & (trials["threads"] == resources[1])
        rows = np.flatnonzero(counts)
        raw = np.ascontiguousarray(trials["entropy"][rows], dtype="<u4").tobytes()
        for at, (row, individual) in enumerate(zip(rows.tolist(), trials["individual"][rows].tolist(), strict=True)):
            key = self._key(keys[individual], raw[16 * at : 16 * at + 16])
            self._places.setdefault(key, (place, row))

    def _key(self, key: bytes, entropy: bytes) -> bytes:
        return key + entropy if self._stochastic else key

    def __len__(self) -> int:
        return len(self._places)

    def find(self, key: bytes, entropy: bytes) -> tuple[int, int] | None:
        """(run, row of its trials) of a trial, by the individual's key and 16 bytes of entropy; None for none."""
        return self._places.get(self._key(key, entropy))


def _difference(run: "Trajectory", parts: Mapping[str, str]) -> str:
    """What differs between the optimizee of an earlier run and ours, in words."""
    if len(run.fingerprints) > 1:
        return "it changed while that run went on, so that not all results are of one"
    names = [name for name in sorted({*parts, *run.parts}) if parts.get(name) != run.parts.get(name)]
    return f"{', '.join(names) or 'version()'} changed"
