"""Trials that wait to be sent to a worker, as blocks of columns."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import repeat

import numpy as np

from l2l.blocks import TrialBlock
from l2l.values import Evaluation, Trial

Key = tuple[int, int, int]
"""(individual, trial, attempt): tells a trial from all others of a run."""

Ref = tuple[TrialBlock, int, int, int, int]
"""A trial: its block and its row there, and its key."""


def key(one: Trial | Evaluation) -> Key:
    """What tells a trial from all others of a run."""
    return one.index, one.number, one.attempt


def key_of(ref: Ref) -> Key:
    """The same of a trial in a block."""
    return ref[2:]


def refs_of(block: TrialBlock) -> Iterator[Ref]:
    """The trials of a block."""
    keys = (block.individual.tolist(), block.number.tolist(), block.attempt.tolist())
    return zip(repeat(block), range(len(block)), *keys, strict=False)


def gathered(refs: Iterable[Ref]) -> list[TrialBlock]:
    """Trials as blocks, in their order."""
    blocks: list[TrialBlock] = []
    rows: list[int] = []
    last: TrialBlock | None = None
    for block, row, *_ in refs:
        if block is not last:
            if last is not None:
                blocks.append(last.taken(np.array(rows)))
            last, rows = block, []
        rows.append(row)
    if last is not None:
        blocks.append(last.taken(np.array(rows)))
    return blocks


class Backlog:
    """Trials in the order in which they are to go out.

    `isolated` are the keys of trials that are sent in a batch of their own: one of several that were lost together is
    to blame, and that shows which.
    """

    def __init__(self) -> None:
        self._blocks: deque[TrialBlock] = deque()
        self._size = 0
        self.isolated: set[Key] = set()

    def __len__(self) -> int:
        return self._size

    def add(self, blocks: Iterable[TrialBlock]) -> None:
        """Put trials behind all others."""
        for block in blocks:
            self._blocks.append(block)
            self._size += len(block)

    def put_back(self, refs: Iterable[Ref]) -> None:
        """Put trials before all others, in their order."""
        blocks = gathered(refs)
        self._blocks.extendleft(reversed(blocks))
        self._size += sum(map(len, blocks))

    def take(self, size: int) -> TrialBlock:
        """The next trials, of one block; there is at least one.

        Args:
            size: At most so many.
        """
        block = self._blocks.popleft()
        if self.isolated:
            size = min(size, self._together(block))
        if len(block) > size:
            self._blocks.appendleft(block[size:])
            block = block[:size]
        self._size -= len(block)
        return block

    def _together(self, block: TrialBlock) -> int:
        """How many at the beginning of a block may be sent together."""
        for row, ref in enumerate(refs_of(block)):
            if key_of(ref) in self.isolated:
                return max(row, 1)
        return len(block)

    def drop(self, unwanted: Collection[Key]) -> int:
        """Forget trials; how many there were."""
        blocks: Sequence[TrialBlock] = tuple(self._blocks)
        before, self._size = self._size, 0
        self._blocks.clear()
        self.isolated -= set(unwanted)
        self.add(gathered(ref for block in blocks for ref in refs_of(block) if key_of(ref) not in unwanted))
        return before - self._size

    def clear(self) -> None:
        """Forget all."""
        self._blocks.clear()
        self.isolated.clear()
        self._size = 0
