"""The cells of a scan: boxes between points of a lattice, which are halved along one axis or more.

All cells stand in arrays, a row per cell; a million take some 60 MB. The cells of the first lattice are the roots of
trees. A halved cell knows the row of its first child, so that the cell around a place is found by going down.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizers.lattice import Integers, Lattice
from l2l.optimizers.scan_rules import Size

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

OPEN, WAITING, HALVED, FINAL = 0, 1, 2, 3
"""A cell that may be halved, one that waits for its points, one that has children, one of which all is known."""
_COLUMNS = (
    "low",
    "side",
    "combination",
    "child",
    "halved",
    "state",
    "inside",
    "probed",
    "volume",
    "divisible",
    "scores",
)
"""The arrays of `Cells`, which grow together."""


@dataclass(frozen=True)
class Pattern:
    """How a cell is halved along an axis: its block are its corners and the points halfway between two of them.

    Args:
        offsets: (k, a) places of the points of the block, in halves of the sides.
        children: (2, 2**a) which points of the block are the corners of each child.
        edges: (e, 3) which points of the block lie halfway, and between which two corners.
    """

    offsets: Integers
    children: Integers
    edges: Integers


class Cells:
    """The cells over a lattice.

    Args:
        lattice: Has the points.
        rules: How many numbers each cell gets.
    """

    def __init__(self, lattice: Lattice, rules: int) -> None:
        self.lattice = lattice
        self.dimension = d = lattice.dimension
        self.count = 0
        self.low: NDArray[np.int32] = np.zeros((0, d), dtype=np.int32)
        self.side: NDArray[np.int32] = np.zeros((0, d), dtype=np.int32)
        self.combination: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.child: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.halved: NDArray[np.int8] = np.zeros(0, dtype=np.int8)
        self.state: NDArray[np.int8] = np.zeros(0, dtype=np.int8)
        self.inside: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.probed: Mask = np.zeros(0, dtype=bool)
        self.volume: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self.divisible: Mask = np.zeros((0, d), dtype=bool)
        self.scores: NDArray[np.float64] = np.zeros((0, rules))
        self.corner_bits = np.array(list(itertools.product((0, 1), repeat=d)), dtype=np.int64).reshape(2**d, d)
        self._patterns: dict[int, Pattern] = {}
        self._widest = np.zeros((d, 64), dtype=np.int64)
        self._full = np.log2(np.maximum(lattice.finest - 1, 1))
        self._roots = self._laid_out()

    def _laid_out(self) -> tuple[Integers, Integers]:
        """Make the cells of the first lattices; of each lattice its first row, and its cells along each axis."""
        firsts, shapes = [], []
        for combination in range(self.lattice.combinations):
            whole = self.lattice.inactive[combination]
            shape = np.where(whole, 1, self.lattice.start - 1)
            side = np.where(whole, self.lattice.finest - 1, self.lattice.step)
            places = np.stack(np.unravel_index(np.arange(int(shape.prod())), shape), axis=1) if len(shape) else None
            low = np.zeros((1, 0), dtype=np.int64) if places is None else places * side
            firsts.append(self.count)
            shapes.append(shape)
            self._append(low, np.broadcast_to(side, low.shape), np.full(len(low), combination))
        return np.array(firsts, dtype=np.int64), np.array(shapes, dtype=np.int64).reshape(len(firsts), self.dimension)

    def _append(
        self, low: Integers, side: Integers, combination: NDArray[Any], inside: NDArray[Any] | int = -1
    ) -> None:
        start, self.count = self.count, self.count + len(low)
        if self.count > len(self.low):
            more = max(self.count, 2 * len(self.low), 256) - len(self.low)
            for name in _COLUMNS:
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros((more, *old.shape[1:]), dtype=old.dtype)]))
        new = slice(start, self.count)
        self.low[new], self.side[new], self.combination[new] = low, side, combination
        self.child[new] = -1
        self.inside[new] = inside
        self.scores[new] = -np.inf
        self.state[new] = OPEN
        self.volume[new] = np.log2(side).sum(axis=1) - self._full.sum()
        self.divisible[new] = self._divisible(low, side, combination)
        self._counted(side, 1)

    def _counted(self, side: Integers, sign: int) -> None:
        """Keep count of the sides of cells that are not halved."""
        power = np.frexp(side)[1]
        for axis in range(self.dimension):
            self._widest[axis] += sign * np.bincount(power[:, axis], minlength=64)

    @property
    def widest(self) -> float:
        """The longest side of a cell that is not halved and could be, as a share of its axis."""
        found = 0.0
        for axis in range(self.dimension):
            powers = np.flatnonzero(self._widest[axis])
            if len(powers):
                found = max(found, 2.0 ** (int(powers[-1]) - 1) / (int(self.lattice.finest[axis]) - 1))
        return min(found, 1.0)

    def _divisible(self, low: Integers, side: Integers, combination: NDArray[Any]) -> Mask:
        """(m, a) along which axes cells can be halved: those with a value between their ends that has an effect."""
        can: Mask = (side > 1) & ~self.lattice.inactive[combination]
        for axis in range(self.dimension):
            if not self.lattice.every_place[axis]:
                can[:, axis] &= self.lattice.values(axis, low[:, axis], side[:, axis]) > 1
        return can

    def level(self, cells: Integers) -> Floats:
        """(m,) how often cells were halved along each axis, on average."""
        found: Floats = np.log2(self.lattice.step / np.minimum(self.side[cells], self.lattice.step)).sum(axis=1)
        return found / max(self.dimension, 1)

    def size(self, cells: Integers) -> Size:
        """How large cells are, for rules."""
        volume = self.volume[cells].astype(np.float64)
        mixed = cells.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # spreads equal cells over the lattice
        tie = (mixed >> np.uint64(40)).astype(np.float64) / 2.0**24
        return Size(volume + tie, volume * (self.dimension - 1) / max(self.dimension, 1))

    def pattern(self, axis: int) -> Pattern:
        """How cells are halved along an axis."""
        if axis not in self._patterns:
            offsets = list(itertools.product(*[(0, 1, 2) if one == axis else (0, 2) for one in range(self.dimension)]))
            place = {offset: number for number, offset in enumerate(offsets)}
            corners = [[2 * bit for bit in bits] for bits in self.corner_bits.tolist()]
            children = [
                [
                    place[tuple(at // 2 + upper if one == axis else at for one, at in enumerate(corner))]
                    for corner in corners
                ]
                for upper in (0, 1)
            ]
            halfway = [offset for offset in offsets if offset[axis] == 1]
            edges = [[place[(*offset[:axis], at, *offset[axis + 1 :])] for at in (1, 0, 2)] for offset in halfway]
            self._patterns[axis] = Pattern(
                np.array(offsets, dtype=np.int64), np.array(children, dtype=np.int64), np.array(edges, dtype=np.int64)
            )
        return self._patterns[axis]

    def block(self, cells: Integers, pattern: Pattern) -> tuple[Integers, Integers]:
        """Combinations (m k,) and places (m k, a) of the blocks of cells."""
        side = self.side[cells].astype(np.int64)
        places = self.low[cells][:, None, :] + (pattern.offsets[None] * side[:, None, :]) // 2
        combination = np.repeat(self.combination[cells].astype(np.int64), len(pattern.offsets))
        return combination, places.reshape(len(combination), self.dimension)

    def corners(self, cells: Integers) -> tuple[Integers, Integers]:
        """Combinations (m k,) and places (m k, a) of the corners of cells."""
        places = self.low[cells][:, None, :] + self.corner_bits[None] * self.side[cells].astype(np.int64)[:, None, :]
        combination = np.repeat(self.combination[cells].astype(np.int64), len(self.corner_bits))
        return combination, places.reshape(len(combination), self.dimension)

    def middle(self, cells: Integers) -> tuple[Integers, Integers]:
        """Combinations (m,) and places (m, a) of the points in the middle of cells."""
        can = self.divisible[cells]
        places = self.low[cells] + np.where(can, self.side[cells] // 2, 0)
        return self.combination[cells].astype(np.int64), places.astype(np.int64)

    def halve(self, cells: Integers, axis: int, places: Integers) -> Integers:
        """Give cells (m,) their two children; the rows of these, (m, 2).

        Args:
            cells: Rows.
            axis: Along which they are halved.
            places: (m, a) of the point that each cell knows inside (any, where it knows none).
        """
        side = np.repeat(self.side[cells].astype(np.int64), 2, axis=0)
        low = np.repeat(self.low[cells].astype(np.int64), 2, axis=0)
        side[:, axis] //= 2
        low[1::2, axis] += side[1::2, axis]
        first = self.count
        within = ((np.repeat(places, 2, axis=0) >= low) & (np.repeat(places, 2, axis=0) <= low + side)).all(axis=1)
        inside = np.where(within, np.repeat(self.inside[cells], 2), -1)
        self._append(low, side, np.repeat(self.combination[cells], 2), inside)
        self._counted(self.side[cells].astype(np.int64), -1)
        self.child[cells] = first + 2 * np.arange(len(cells))
        self.halved[cells] = axis
        self.state[cells] = HALVED
        return first + np.arange(2 * len(cells)).reshape(-1, 2)

    def around(self, combination: Integers, places: Integers) -> Integers:
        """(n, 2**a) the cells without children that touch points, one per direction; -1 beyond the end of an axis.

        Args:
            combination: (n,).
            places: (n, a).
        """
        n, d = places.shape
        directions = 2 * self.corner_bits - 1
        twice = (2 * places[:, None, :] + directions[None]).reshape(
            n * len(directions), d
        )  # odd, and so inside of a cell
        combos = np.repeat(combination, len(directions))
        fits = ((twice > 0) & (twice < 2 * (self.lattice.finest - 1))).all(axis=1)
        found = np.full(len(twice), -1, dtype=np.int64)
        found[fits] = self._down(combos[fits], twice[fits])
        return found.reshape(n, -1)

    def _down(self, combination: Integers, twice: Integers) -> Integers:
        firsts, shapes = self._roots
        shape = shapes[combination]
        side = np.where(self.lattice.inactive[combination], self.lattice.finest - 1, self.lattice.step)
        at = twice // (2 * side)
        cell = firsts[combination].copy()
        stride = np.ones(len(cell), dtype=np.int64)
        for axis in range(self.dimension - 1, -1, -1):
            cell += at[:, axis] * stride
            stride = stride * shape[:, axis]
        going = np.arange(len(cell))
        while going.size:
            child = self.child[cell[going]]
            there = child >= 0
            if not there.all():
                going, child = going[there], child[there]
            if not going.size:
                break
            here = cell[going]
            along = self.halved[here]
            upper = twice[going, along] > 2 * self.low[here, along] + self.side[here, along]
            cell[going] = child + upper
        return cell
