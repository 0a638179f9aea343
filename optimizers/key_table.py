"""A table of whole numbers, which gives each a row: what a dictionary does, without an object for each entry."""

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Rows = NDArray[np.int64]

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: neighbouring keys get distant slots (Knuth 1973)
_FIRST = 1024  # slots to begin with; always a power of two, at least four times the number of rows
_DIRECT = 2**22  # keys up to which each has a slot of its own: 16 MB, and nothing to look for


class KeyTable:
    """Rows of keys, in the order in which the keys came; open addressing, for many keys at once.

    Args:
        most: All keys are below it, and at least 0.

    Example:
        >>> table = KeyTable(2**40)
        >>> table.add(np.array([7, 2**39, 7])).tolist()
        [0, 1, 0]
        >>> table.find(np.array([2**39, 8])).tolist()
        [1, -1]
    """

    def __init__(self, most: int) -> None:
        self._direct = most <= _DIRECT
        self._keys: Keys = np.zeros(_FIRST // 4, dtype=np.int64)
        self._slots: NDArray[np.int32] = np.full(most if self._direct else _FIRST, -1, dtype=np.int32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, keys: Keys) -> Rows:
        """The rows of keys (n,), -1 where there is none."""
        slot = self._home(keys)
        rows = self._slots[slot].astype(np.int64)
        if self._direct:
            return rows
        todo = np.flatnonzero((rows >= 0) & (self._keys[rows] != keys))
        slot = slot[todo]
        while todo.size:
            slot = self._next(slot)
            row = self._slots[slot].astype(np.int64)
            rows[todo] = row
            further = (row >= 0) & (self._keys[row] != keys[todo])
            todo, slot = todo[further], slot[further]
        return rows

    def add(self, keys: Keys) -> Rows:
        """The rows of keys (n,), new rows for those that are not there, in the order in which they come."""
        first = self._count
        self._make_room(first + keys.size)
        self._keys[first : first + keys.size] = keys  # each for the moment as if it were new
        own = np.arange(first, first + keys.size)
        rows = np.empty(keys.size, dtype=np.int64)
        landed = slot = self._home(keys)
        todo = np.arange(keys.size)
        while todo.size:
            free = np.flatnonzero(self._slots[slot] < 0)[::-1]
            self._slots[slot[free]] = own[
                todo[free]
            ]  # of several that want one slot the last written has it: the first
            row = self._slots[slot]
            hit = self._keys[row] == keys[todo]
            rows[todo[hit]] = row[hit]
            if hit.all():
                break
            todo, slot = todo[~hit], self._next(slot[~hit])
            landed = landed.copy()
            landed[todo] = slot
        winners = np.flatnonzero(rows == own)
        numbers = np.arange(first, first + winners.size)
        self._slots[landed[winners]] = numbers
        self._keys[numbers] = keys[winners]
        self._count = first + winners.size
        own[winners] = numbers
        new = rows >= first
        rows[new] = own[rows[new] - first]
        return rows

    def _make_room(self, size: int) -> None:
        if size > len(self._keys):
            room = max(size, 2 * len(self._keys))
            self._keys = np.concatenate([self._keys, np.zeros(room - len(self._keys), dtype=np.int64)])
        if self._direct or 4 * size <= len(self._slots):
            return
        slots = len(self._slots)
        while 4 * size > slots:
            slots *= 2
        self._slots = np.full(slots, -1, dtype=np.int32)
        rows = np.arange(self._count)
        slot = self._home(self._keys[rows])
        while rows.size:
            free = self._slots[slot] < 0
            self._slots[slot[free]] = rows[free]
            placed = self._slots[slot] == rows
            rows, slot = rows[~placed], self._next(slot[~placed])

    def _home(self, keys: Keys) -> NDArray[np.int64]:
        if self._direct:
            return keys
        bits = len(self._slots).bit_length() - 1
        return ((keys.view(np.uint64) * _SPREAD) >> np.uint64(64 - bits)).astype(np.int64)

    def _next(self, slot: NDArray[np.int64]) -> NDArray[np.int64]:
        return (slot + 1) & (len(self._slots) - 1)
