"""The parameters that vary as axes of a lattice, and where each individual stands on it.

A scan that refines asks the points of ever finer lattices, each of which halves the cells of the one before, and of
the finer ones only some. Which lattices these are follows from the values themselves: a value lies at a fraction k/N of
its parameter's range, and a lattice that is coarser by one level has every other k.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.space.categorical import Categorical
from l2l.space.numeric import Integer, Numeric
from l2l.space.parameter import Parameter

if TYPE_CHECKING:
    from l2l.trajectory.trajectory import Trajectory

Ints = NDArray[np.int64]

LARGEST = 50_000_000
"""Places of a lattice beyond which its arrays would not fit into the memory of a workstation."""

MOST_AXES = 16
"""Numbers that vary beyond which no lattice would be complete: two values of each are 65,536 points already."""

_FINEST = 2**20
"""Intervals along a parameter beyond which its values are taken for scattered ones."""

_CLOSE = 1e-6
"""Share of an interval by which a value may miss its place; values are rounded to 12 digits."""

INACTIVE = -1
"""In place of a position, where a parameter has no effect."""


@dataclass(frozen=True)
class Axis:
    """A parameter that varies.

    Args:
        name: Of the parameter, or of its component, as `w[0]`.
        parameter: Its name.
        values: (n,) on this axis, ascending; labels in the order of the choices.
        halvings: How often the axis may be made coarser by leaving out every other value.
    """

    name: str
    parameter: str
    values: NDArray[Any]
    halvings: int = 0

    def every(self, step: int) -> "Axis":
        """The axis with every so-many-th value."""
        return replace(self, values=self.values[::step])

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Placed:
    """Where individuals stand on axes.

    Args:
        axes: One per parameter that varies.
        positions: (axes, individuals) places on each axis, `INACTIVE` where its parameter has no effect.
        rows: (individuals,) of the table of individuals.
    """

    axes: tuple[Axis, ...]
    positions: Ints
    rows: Ints

    @property
    def shape(self) -> tuple[int, ...]:
        """Values along each axis."""
        return tuple(len(axis) for axis in self.axes)


def distinct(values: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """The distinct values in ascending order, and at which of them each value stands."""
    if (known := _in_turn(values)) is not None:
        return known
    found = np.unique(values)  # sorting alone and a search are several times faster than `return_inverse`
    return found, np.searchsorted(found, values)


def _in_turn(values: NDArray[Any]) -> tuple[NDArray[Any], Ints] | None:
    """The same of values that come in turn, as along an axis of a grid that was asked in order; None for others.

    Each value stands several times in a row, and when all have come they begin again: no sorting is needed.
    """
    if not len(values):
        return None
    changes = values != values[0]
    each = int(np.argmax(changes)) or len(values)
    heads = values[::each]
    again = np.flatnonzero(~changes[::each][1:])
    turn = int(again[0]) + 1 if len(again) else len(heads)
    found = heads[:turn]
    if len(values) % (each * turn) or not (found[1:] > found[:-1]).all():
        return None
    if not (values.reshape(-1, turn, each) == found[:, None]).all():
        return None
    places = np.broadcast_to(np.arange(turn)[:, None], (len(values) // (turn * each), turn, each))
    return found.copy(), places.reshape(-1)


def placed(run: "Trajectory") -> Placed:
    """The different individuals of a run on the axes of what varies; each component of an array is an axis.

    Raises:
        OptionError: More varies than an array has axes.
    """
    individuals = run.individuals
    rows = np.flatnonzero(individuals["same_as"] < 0)
    axes: list[Axis] = []
    positions: list[Ints] = []
    for name in run.space.names:
        active = individuals[f"active/{name}"][rows] if f"active/{name}" in individuals else None
        everywhere = active is None or bool(active.all())
        choices = individuals.choices(f"parameters/{name}")
        for label, values in _components(name, individuals[f"parameters/{name}"][rows]):
            found, places = distinct(values if everywhere else values[active])
            if len(found) < 2:
                continue
            if not everywhere:
                places, some = np.full(len(values), INACTIVE), places
                places[active] = some
            axes.append(Axis(label, name, _labelled(found, choices)))
            positions.append(places)
            if len(axes) > MOST_AXES:
                raise OptionError(
                    f"to_xarray: expected at most {MOST_AXES} numbers that vary, got more; take to_pandas()"
                )
    return Placed(tuple(axes), np.array(positions, dtype=np.int64).reshape(len(axes), len(rows)), rows)


def _components(name: str, values: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """A column of numbers as it is; one of arrays by component, as `to_pandas` calls them."""
    if values.ndim == 1:
        yield name, values
        return
    for place in np.ndindex(values.shape[1:]):
        yield f"{name}[{','.join(map(str, place))}]", np.ascontiguousarray(values[(slice(None), *place)])


def _labelled(values: NDArray[Any], choices: Sequence[str] | None) -> NDArray[Any]:
    return values if choices is None else np.array(choices)[np.asarray(values, dtype=np.intp)]


def on_lattice(found: Placed, parameters: Mapping[str, Parameter]) -> Placed:
    """The same individuals on the finest evenly spaced lattice on which all values lie.

    An axis whose values do not lie on such a lattice stays as it is.
    """
    axes, positions = [], []
    for axis, places in zip(found.axes, found.positions, strict=True):
        parameter = parameters[axis.parameter]
        fine = None if isinstance(parameter, Categorical) else _lattice_of(parameter, axis.values)
        if fine is None:
            axes.append(axis)
            positions.append(places)
            continue
        intervals, where = fine
        values = _values_on(parameter, intervals)
        values[where] = axis.values  # bit for bit where they were asked
        axes.append(Axis(axis.name, axis.parameter, values, _halvings(intervals)))
        positions.append(np.where(places == INACTIVE, INACTIVE, where[places]))
    return Placed(tuple(axes), np.array(positions, dtype=np.int64).reshape(found.positions.shape), found.rows)


def _lattice_of(parameter: Parameter, values: NDArray[Any]) -> tuple[int, Ints] | None:
    """The number of intervals of the lattice on which values lie, and where; None where there is none such."""
    if not isinstance(parameter, Numeric):
        return None
    fraction = _fractions(parameter, values)
    intervals = round(1.0 / float(np.diff(fraction).min()))
    if not 1 <= intervals <= _FINEST:
        return None
    places = fraction * intervals
    where = np.rint(places).astype(np.int64)
    if np.abs(places - where).max() > _CLOSE or len(np.unique(where)) < len(where):
        return None
    if isinstance(parameter, Integer) and not parameter.log and intervals > parameter.high - parameter.low:
        return None
    return intervals, where


def _fractions(parameter: Numeric, values: NDArray[Any]) -> NDArray[np.float64]:
    """Where values lie between the bounds, from 0 to 1."""
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        return np.asarray(np.log(values / low) / np.log(high / low))
    return np.asarray((values - low) / (high - low))


def _values_on(parameter: Parameter, intervals: int) -> NDArray[Any]:
    assert isinstance(parameter, Numeric)
    spread = np.geomspace if parameter.log else np.linspace
    values = spread(parameter.low, parameter.high, intervals + 1)
    return np.rint(values).astype(np.int64) if isinstance(parameter, Integer) else values


def _halvings(intervals: int) -> int:
    """How often a number is divisible by two."""
    return (intervals & -intervals).bit_length() - 1


def spread_out(found: Placed) -> tuple[Ints, Ints]:
    """Place of each individual in the flat lattice, and which individual it is.

    An individual whose parameter has no effect stands at every place along that axis.
    """
    shape = found.shape
    strides = np.array([prod(shape[axis + 1 :]) for axis in range(len(shape))], dtype=np.int64)
    inactive = found.positions == INACTIVE
    if not inactive.any():
        return strides @ found.positions, np.arange(len(found.rows))
    flat, which = [], []
    patterns, pattern = np.unique(inactive, axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        here = np.flatnonzero(pattern.reshape(-1) == number)
        free = np.flatnonzero(patterns[:, number])
        if len(here) * prod(shape[axis] for axis in free) > LARGEST:
            raise too_large(found.axes)
        origin = strides @ np.where(patterns[:, [number]], 0, found.positions[:, here])
        offsets = np.zeros(1, dtype=np.int64)
        for axis in free:
            offsets = (offsets[:, None] + strides[axis] * np.arange(shape[axis])).reshape(-1)
        flat.append((origin[:, None] + offsets).reshape(-1))
        which.append(np.repeat(here, len(offsets)))
    return np.concatenate(flat), np.concatenate(which)


def too_large(axes: Sequence[Axis]) -> OptionError:
    """The error for a lattice that no memory should hold."""
    lengths = " × ".join(f"{len(axis)} of {axis.name}" for axis in axes)
    return OptionError(
        f"to_xarray: expected at most {LARGEST:,} places, got {lengths}; take a lower level, or to_pandas()"
    )
