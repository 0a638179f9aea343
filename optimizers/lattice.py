"""The dyadic lattice of a scan: axes, places on them, and the individuals there.

An axis is one component of a number. Its places are 0 to finest - 1, evenly spaced on the parameter's scale. Place i
of n lies at i / (n - 1) of the range, a quotient that is the same number on every lattice that holds the point.
Numbers with few values (integers, steps) may have the same value at several places, which are one point then. Each
combination of categories has a lattice of its own; a parameter that it switches off has no axis there.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError, SpaceError, near
from l2l.individual import Individual
from l2l.quantities import whole_number
from l2l.space import Categorical, Integer, Numeric, ParameterSpace, Real
from l2l.space.conditions import Condition

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_AXES = 6
"""Numbers beyond which a lattice has more corners per cell, and more points, than anyone can simulate."""
MOST_PLACES = 2**16 + 1
"""Places along an axis: finer differences than these are none that a scan looks for."""
MOST_POINTS = 2**62
"""Points beyond which they cannot be counted in 64 bits."""
MOST_LATTICES = 4096
"""Combinations of categories, each of which has a first lattice to be simulated."""
_SAME = 1e-9  # in the unit cube, as replay has it


@dataclass(frozen=True)
class Axis:
    """One component of a number.

    Args:
        name: Of the parameter.
        coordinate: Its column among the encoded coordinates.
        start: Places of the first lattice.
        finest: Places of the finest.
        units: (finest,) encoded coordinate at each place.
        ranks: (finest,) number of the value at each place; places of one value share it.
        whole: Whether the number has few values, whose coordinates are the middles of cells.
    """

    name: str
    coordinate: int
    start: int
    finest: int
    units: Floats
    ranks: Integers
    whole: bool

    @property
    def step(self) -> int:
        """Places from one point of the first lattice to the next; a power of two."""
        return (self.finest - 1) // (self.start - 1)


class Lattice:
    """The points of a scan.

    Args:
        owner: Name of the optimizer, for messages.
        space: What is scanned.
        start: Points along each axis of the first lattice, for all or by name.
        finest: Points along each axis of the finest.

    Raises:
        OptionError: Numbers of points that do not nest, too many axes, points or combinations.
        KeyError: `start` or `finest` names what is no number.
    """

    def __init__(
        self, owner: str, space: ParameterSpace, start: int | Mapping[str, int], finest: int | Mapping[str, int]
    ) -> None:
        self.space = space
        names = [name for name, one in space.parameters.items() if isinstance(one, Numeric)]
        width = sum(space[name].size for name in names)
        if width > MOST_AXES:
            raise OptionError(
                f"{owner}: a scan has at most {MOST_AXES} numbers, got {width}; fix some of them, or take `sobol`"
            )
        for option, given in (("start", start), ("finest", finest)):
            for name in given if isinstance(given, Mapping) else ():
                if name not in names:
                    raise KeyError(f"{owner}: option {option!r}: {near(name, names, 'number')}")
        self.axes = [axis for name in names for axis in _axes(owner, space, name, start, finest)]
        self.dimension = len(self.axes)
        self.finest = np.array([axis.finest for axis in self.axes], dtype=np.int64)
        self.start = np.array([axis.start for axis in self.axes], dtype=np.int64)
        self.step = np.array([axis.step for axis in self.axes], dtype=np.int64)
        self.every_place = [int(axis.ranks[-1]) == axis.finest - 1 for axis in self.axes]
        self._conditional = _conditional_axes(space, self.axes)
        self._categories = {name: one for name, one in space.parameters.items() if isinstance(one, Categorical)}
        self.codes, self._bases, self.inactive = self._combinations(owner)
        self._strides = self._radices(owner)
        self._first_keys = (
            np.concatenate([self.codes + 1, np.ones((len(self.codes), self.dimension))], axis=1).astype(np.int64)
            @ self._strides
        )

    @property
    def combinations(self) -> int:
        """Lattices: combinations of categories that differ."""
        return len(self.codes)

    def _combinations(self, owner: str) -> tuple[Integers, Floats, NDArray[np.bool_]]:
        """Codes (c, categories), encoded coordinates (c, d), and which axes have no effect there (c, a)."""
        sizes = [len(one.choices) for one in self._categories.values()]
        if math.prod(sizes) > MOST_LATTICES:
            raise OptionError(
                f"{owner}: at most {MOST_LATTICES} combinations of categories, got {math.prod(sizes)}; fix some of them"
            )
        codes = np.array(list(itertools.product(*map(range, sizes))), dtype=np.int64).reshape(
            math.prod(sizes), len(sizes)
        )
        bases = np.zeros((len(codes), self.space.dimension))
        for place, name in enumerate(self._categories):
            bases[np.arange(len(codes)), self.space.slices[name].start + codes[:, place]] = 1.0
        active = self.space.decoded_activity(bases)
        decided = _decided_by(self.space, self._categories)
        useful = np.ones(len(codes), dtype=bool)
        for place, name in enumerate(self._categories):
            if name in decided and name in active:
                useful &= active[name] | (codes[:, place] == 0)
        off = np.zeros((len(codes), self.dimension), dtype=bool)
        for place, axis in enumerate(self.axes):
            if axis.name in decided and axis.name in active:
                off[:, place] = ~active[axis.name]
        self._numbered = np.where(useful, np.cumsum(useful) - 1, -1)
        return codes[useful], bases[useful], off[useful]

    def _radices(self, owner: str) -> Integers:
        """What each category and axis counts in a key; digit 0 is that of a parameter that has no effect."""
        sizes = [len(one.choices) + 1 for one in self._categories.values()]
        sizes += [int(axis.ranks[-1]) + 2 for axis in self.axes]
        if math.prod(sizes) > MOST_POINTS:
            counts = " × ".join(str(axis.finest) for axis in self.axes)
            raise OptionError(f"{owner}: option 'finest': a lattice of {counts} points is too large; take fewer")
        self.most_keys = math.prod(sizes)
        strides = np.ones(len(sizes), dtype=np.int64)
        for place in range(len(sizes) - 1, 0, -1):
            strides[place - 1] = strides[place] * sizes[place]
        return strides

    def size(self, *, first: bool = False) -> int:
        """How many different points the finest lattice has, or the first; at most so many where that is not counted."""
        counts: dict[str, int] = {axis.name: axis.start if first else axis.finest for axis in self.axes}
        try:
            return len(self.space.grid(counts or 1))
        except SpaceError:  # conditions on numbers, of too many combinations
            return self.combinations * math.prod(axis.start if first else axis.finest for axis in self.axes)

    def encoded(self, combination: Integers, places: Integers) -> Floats:
        """The encoded coordinates (n, d) of places (n, a) on the lattices of combinations (n,)."""
        points = self._bases[combination]
        for place, axis in enumerate(self.axes):
            points[:, axis.coordinate] = axis.units[places[:, place]]
        return points

    def individuals(self, combination: Integers, places: Integers) -> tuple[Sequence[Individual], Floats]:
        """The individuals at places, and their encoded coordinates."""
        points = self.encoded(combination, places)
        return self.space.decode(points), points

    def keys(self, combination: Integers, places: Integers) -> Integers:
        """One number per point (n,), equal exactly for equal individuals."""
        digits = len(self._categories)
        if not self._conditional:
            ranks = places
            if not all(self.every_place):
                ranks = np.stack([axis.ranks[places[:, place]] for place, axis in enumerate(self.axes)], axis=1)
            return self._first_keys[combination] + ranks @ self._strides[digits:]
        active = self.space.decoded_activity(self.encoded(combination, places))
        found = np.zeros(len(places), dtype=np.int64)
        for place, name in enumerate(self._categories):
            found += self._digit(self.codes[combination, place], active.get(name)) * self._strides[place]
        for place, axis in enumerate(self.axes):
            found += self._digit(axis.ranks[places[:, place]], active.get(axis.name)) * self._strides[digits + place]
        return found

    @staticmethod
    def _digit(values: Integers, active: NDArray[np.bool_] | None) -> Integers:
        return values + 1 if active is None else np.where(active, values + 1, 0)

    def located(self, points: Floats) -> tuple[Integers, Integers, NDArray[np.bool_]]:
        """Combinations (n,) and nearest places (n, a) of encoded coordinates (n, d), and whether they are these."""
        active = self.space.decoded_activity(points) if self._conditional else {}
        number, on = np.zeros(len(points), dtype=np.int64), np.ones(len(points), dtype=bool)
        for name, one in self._categories.items():
            code = points[:, self.space.slices[name]].argmax(axis=1)
            if name in active:
                code = np.where(active[name], code, 0)
            number = number * len(one.choices) + code
        combination = self._numbered[number]
        places = np.zeros((len(points), self.dimension), dtype=np.int64)
        for place, axis in enumerate(self.axes):
            unit = points[:, axis.coordinate]
            nearest = _nearest(axis, unit)
            there = np.abs(axis.units[nearest] - unit) <= _SAME
            if axis.name in active:
                there |= ~active[axis.name]
            places[:, place] = nearest
            on &= there
        return np.maximum(combination, 0), places, on & (combination >= 0)

    def first(self, combination: int) -> Integers:
        """The places (n, a) of the first lattice of a combination, the last axis fastest."""
        along = [
            np.zeros(1, dtype=np.int64) if off else np.arange(axis.start) * axis.step
            for axis, off in zip(self.axes, self.inactive[combination].tolist(), strict=True)
        ]
        if not along:
            return np.zeros((1, 0), dtype=np.int64)
        return np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, len(along))

    def values(self, axis: int, low: Integers, size: Integers) -> Integers:
        """How many values of an axis lie within cells, both ends counted, less one."""
        ranks = self.axes[axis].ranks
        found: Integers = ranks[low + size] - ranks[low]
        return found


def _nearest(axis: Axis, unit: Floats) -> Integers:
    """The place of an axis that is nearest to encoded coordinates."""
    if axis.ranks[-1] == axis.finest - 1 and not axis.whole:
        return np.rint(unit * (axis.finest - 1)).astype(np.int64)
    first = np.unique(axis.ranks, return_index=True)[1]
    units = axis.units[first]
    found: Integers = first[np.searchsorted(0.5 * (units[1:] + units[:-1]), unit)]
    return found


def _axes(
    owner: str, space: ParameterSpace, name: str, start: int | Mapping[str, int], finest: int | Mapping[str, int]
) -> list[Axis]:
    """The axes of one number, all alike."""
    first, last = _points(owner, "start", name, start, 5), _points(owner, "finest", name, finest, 129)
    _check_nested(owner, name, first, last)
    units, ranks = _scale(space, name, last)
    where = space.slices[name]
    whole = bool(space[name].cells)  # type: ignore[attr-defined]
    return [Axis(name, column, first, last, units, ranks, whole) for column in range(where.start, where.stop)]


def _points(owner: str, option: str, name: str, given: int | Mapping[str, int], default: int) -> int:
    said = given.get(name, default) if isinstance(given, Mapping) else given
    number = whole_number(said)
    if number is None or not 2 <= number <= MOST_PLACES:
        raise OptionError(
            f"{owner}: option {option!r}: expected 2 to {MOST_PLACES} points along {name!r}, got {said!r}; "
            f"a number that shall not vary is fixed by `parameters`"
        )
    return number


def _check_nested(owner: str, name: str, start: int, finest: int) -> None:
    ratio, rest = divmod(finest - 1, start - 1)
    if not rest and ratio > 0 and ratio & (ratio - 1) == 0:
        return
    halved = max(0, round(math.log2(max(finest - 1, 1) / (start - 1))))
    fitting = sorted({(start - 1) * 2**times + 1 for times in (max(halved - 1, 0), halved, halved + 1)})
    raise OptionError(
        f"{owner}: option 'finest': from {start} points along {name!r} halving the distances gives "
        f"{', '.join(map(str, fitting))} points, got {finest}"
    )


def _scale(space: ParameterSpace, name: str, finest: int) -> tuple[Floats, Integers]:
    """Encoded coordinate and number of the value at each place of an axis."""
    number = space[name]
    assert isinstance(number, Real | Integer)
    even = np.arange(finest) / (finest - 1)
    alone = ParameterSpace({name: _single(number)})
    if number.cells and not number.log:
        cell = np.floor(even * (number.cells - 1) + 0.5)  # the nearest value, of two the upper
        units = (cell + 0.5) / number.cells
    elif number.cells:
        values = np.clip(np.rint(number.low * (number.high / number.low) ** even), number.low, number.high)
        units = alone.encode(alone.from_columns({name: values.astype(np.int64)}))[:, 0]
    else:
        units = even
    values = alone.columns(alone.decode(units[:, None]))[name]
    ranks = np.concatenate([[0], np.cumsum(values[1:] != values[:-1])]).astype(np.int64)
    return units, ranks


def _single(number: Real | Integer) -> Real | Integer:
    """One component of a number, whatever its shape and condition."""
    if isinstance(number, Integer):
        return Integer(number.low, number.high, step=number.step, log=number.log)
    return Real(number.low, number.high, step=number.step, log=number.log)


def _conditional_axes(space: ParameterSpace, axes: Sequence[Axis]) -> bool:
    return any(space[axis.name].when is not None for axis in axes) or any(
        isinstance(one, Categorical) and one.when is not None for one in space.parameters.values()
    )


def _decided_by(space: ParameterSpace, categories: Mapping[str, Any]) -> set[str]:
    """The parameters of which categories and fixed parameters alone decide whether they have an effect."""
    decided: set[str] = set()
    undecided = set(space.parameters)
    numbers = {name for name, one in space.parameters.items() if isinstance(one, Numeric)}
    while True:
        found = {
            name
            for name in undecided
            if (when := space[name].when) is None
            or all(other in decided and other not in numbers for other in Condition(when, space.parameters).names)
        }
        if not found:
            return decided
        decided |= found
        undecided -= found
