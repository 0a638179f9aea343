"""Which cells of a scan come next: those that a rule wants most, and the largest ones."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from l2l.optimizers.scan_cells import OPEN

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Candidates:
    """The cells that a rule wants, in no order; what is no longer open or wanted leaves when it is met."""

    def __init__(self) -> None:
        self._parts: list[Integers] = []
        self._listed = np.zeros(0, dtype=bool)

    def add(self, cells: Integers) -> None:
        """Remember cells, different ones."""
        if not len(cells):
            return
        most = int(cells.max()) + 1
        if most > len(self._listed):
            more = max(most, 2 * len(self._listed)) - len(self._listed)
            self._listed = np.concatenate([self._listed, np.zeros(more, dtype=bool)])
        new = cells[~self._listed[cells]]  # a cell that was judged before may be there already
        self._listed[new] = True
        self._parts.append(new)

    def top(self, n: int, scores: Floats, state: NDArray[np.int8]) -> Integers:
        """The n cells of the highest scores, highest first; of equal ones the older."""
        cells = self._live(scores, state)
        if len(cells) > n:
            score = scores[cells]
            cells = cells[score >= np.partition(score, len(cells) - n)[len(cells) - n]]
        order = np.lexsort((cells, -scores[cells]))
        return cells[order[:n]]

    def count(self, scores: Floats, state: NDArray[np.int8], least: float) -> int:
        """How many cells score more than `least`."""
        return int(np.count_nonzero(scores[self._live(scores, state)] > least))

    def _live(self, scores: Floats, state: NDArray[np.int8]) -> Integers:
        if not self._parts:
            return np.zeros(0, dtype=np.int64)
        cells = np.concatenate(self._parts) if len(self._parts) > 1 else self._parts[0]
        live = (state[cells] == OPEN) & (scores[cells] > -np.inf)
        if not live.all():
            self._listed[cells[~live]] = False
            cells = cells[live]
        self._parts = [cells]
        return cells


class Largest:
    """Cells by their size, the largest first, those of one size spread over the space."""

    def __init__(self) -> None:
        self._sizes: dict[int, Integers] = {}
        self._new: list[tuple[Integers, Integers]] = []

    def add(self, cells: Integers, size: Integers) -> None:
        """Remember cells (m,) of sizes (m,); a cell of which less is known has a larger one."""
        self._new.append((cells, size))

    def take(self, n: int, wanted: Callable[[Integers], NDArray[np.bool_]]) -> Integers:
        """At most n of the largest that are wanted; they and all larger ones that are not wanted leave."""
        for size, cells in self._descending():
            fine = cells[wanted(cells)]
            self._sizes[size] = fine[n:]
            if len(fine):
                return fine[:n]
        return np.zeros(0, dtype=np.int64)

    def any(self, wanted: Callable[[Integers], NDArray[np.bool_]]) -> bool:
        """Whether there is a cell that is wanted; what is not wanted leaves."""
        for size, cells in self._descending():
            self._sizes[size] = cells[wanted(cells)]
            if len(self._sizes[size]):
                return True
        return False

    def _descending(self) -> Iterator[tuple[int, Integers]]:
        if self._new:
            self._sort()
        for size in sorted(self._sizes, reverse=True):
            if len(self._sizes[size]):
                yield size, self._sizes[size]
            else:
                del self._sizes[size]

    def _sort(self) -> None:
        cells = np.concatenate([cells for cells, _ in self._new])
        size = np.concatenate([size for _, size in self._new])
        self._new = []
        for one in set(size.tolist()):
            some = cells[size == one]
            if one in self._sizes:
                some = np.concatenate([self._sizes[one], some])
            mixed = some.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            some = some[np.argsort(mixed, kind="stable")]
            self._sizes[one] = some[np.concatenate([[True], some[1:] != some[:-1]])]
