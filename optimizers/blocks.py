"""What designs of sensitivity analyses share: points in blocks, each of which belongs together."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.optimizers.listed import ListedDesign
from l2l.optimizers.options import at_least
from l2l.space import Categorical, Fixed, ParameterSpace
from l2l.space.designs import expand

_CHUNK = 65_536
"""Numbers of a design that are laid out at once and kept, so that points may be asked one by one."""
_MOST = 256
"""Blocks that are laid out at once, of which a generation seldom needs more."""


class BlockDesign(ListedDesign):
    """Asks blocks of points one behind the other; the first blocks of a larger design are those of a smaller one.

    A subclass sets `block` and `effects`, calls `_begin_blocks` at the end of its constructor and implements
    `_blocks`.

    Args:
        space: What is analysed; a parameter at least must vary.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, before and in addition to the blocks.
    """

    block: int
    """Points of a block."""
    effects: Sequence[str]
    """The names of what is varied: parameters, or components of these."""

    def __init__(
        self, space: ParameterSpace, *, seed: int | None = None, initial: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        self._scrambling = int(self.rng.integers(2**63))
        self._kept: tuple[int, NDArray[np.float64]] | None = None

    def _begin_blocks(self, samples: int, population: int, *, steady_state: bool) -> None:
        at_least(self, "samples", samples, 2)
        self._width = sum(width for _, width in coordinates(self.space))
        self._samples = samples
        self._at_once = min(_MOST, max(1, _CHUNK // (self.block * max(1, self._width))))
        self._begin(samples * self.block, population, steady_state=steady_state)

    @abstractmethod
    def _blocks(self, start: int, stop: int) -> NDArray[np.float64]:
        """The points of blocks from `start` to before `stop` in the unit cube, (points, coordinates)."""

    def design(self, start: int, stop: int) -> NDArray[np.float64]:
        """The points from place `start` to before `stop` of the list in the unit cube, (points, coordinates).

        There is one coordinate per component of a number and one per category.
        """
        parts = [np.empty((0, self._width))]
        size = self._at_once * self.block
        for chunk in range(start // size, -(-stop // size)):
            if self._kept is None or self._kept[0] != chunk:
                last = min((chunk + 1) * self._at_once, self._samples)
                self._kept = chunk, self._blocks(chunk * self._at_once, last)
            parts.append(self._kept[1][max(start - chunk * size, 0) : stop - chunk * size])
        return np.concatenate(parts)

    def _points(self, start: int, stop: int) -> Sequence[Individual]:
        return self.space.decode(expand(self.space, self.design(start, stop))) if stop > start else []


def coordinates(space: ParameterSpace) -> list[tuple[str, int]]:
    """The parameters that vary, and how many coordinates of a design each has."""
    return [
        (name, 1 if isinstance(one, Categorical) else one.width)
        for name, one in space.parameters.items()
        if not isinstance(one, Fixed)
    ]
