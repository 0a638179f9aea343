"""Grids and refined scans as xarray data sets."""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import MissingPart, OptionError
from l2l.trajectory.levels import LARGEST, Axis, Ints, Placed, on_lattice, placed, spread_out, too_large
from l2l.values import Status

if TYPE_CHECKING:
    import xarray as xr

    from l2l.trajectory.trajectory import Trajectory

_NOBODY = -1


@dataclass(frozen=True)
class _Grid:
    """Whose results stand at each place.

    Args:
        axes: One per parameter that varies.
        source: (shape) which of the individuals; -1 for nobody.
        rows: (individuals,) of the table of individuals.
        level: (shape) of the coarsest lattice that has the place from which the results come; None for a plain grid.
        filled: (shape) whether the results are those of a coarser place; None for a plain grid.
    """

    axes: tuple[Axis, ...]
    source: Ints
    rows: Ints
    level: NDArray[np.int64] | None = None
    filled: NDArray[np.bool_] | None = None

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the axes."""
        return tuple(axis.name for axis in self.axes)

    def spread(self, values: NDArray[Any], fill: Any) -> NDArray[Any]:
        """Values of the individuals at their places."""
        flat = self.source.reshape(-1)
        if len(flat) == len(values) and (flat == np.arange(len(flat))).all():
            return values.reshape(self.source.shape + values.shape[1:])  # a grid that was asked in order
        whole = values[flat]
        nobody = flat == _NOBODY
        if nobody.any():
            whole[nobody] = fill
        return whole.reshape(self.source.shape + values.shape[1:])


def to_xarray(run: "Trajectory", level: int | None = None) -> "xr.Dataset":
    """A grid or a refined scan with parameter axes; see `Trajectory.to_xarray`."""
    try:
        import xarray as xr
    except ImportError:
        raise MissingPart("xarray", "pip install 'l2l[tables]'") from None
    grid = _grid(run, level)
    dims = grid.dims
    data: dict[str, Any] = _objectives(run, grid)
    data["status"] = (dims, _statuses(grid, run.individuals["status"][grid.rows]))
    data |= _observables(run, grid, {*data, *dims})
    data |= _masks(run, grid)
    if grid.level is not None and grid.filled is not None:
        meaning = "level of the coarsest lattice that has the place whose results stand here"
        data[_free("level", data, dims)] = (dims, grid.level, {"meaning": meaning})
        filled = {"meaning": "whether the results of the nearest place of a coarser lattice stand here"}
        data[_free("filled", data, dims)] = (dims, grid.filled, filled)
    units = {name: one.unit for name, one in run.space.parameters.items()}
    coordinates = {one.name: (one.name, one.values, {"unit": units[one.parameter]}) for one in grid.axes}
    return xr.Dataset(data, coordinates, attrs={"seed": str(run.seed), "fingerprint": run.fingerprint})


def _objectives(run: "Trajectory", grid: _Grid) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for one in run.objectives:
        direction = "maximize" if one.maximize else "minimize"
        attributes = {"unit": one.unit, "direction": direction}
        values = grid.spread(run.individuals[f"fitness/{one.name}"][grid.rows], np.nan)
        taken = one.name in grid.dims or one.name in ("status", "trial")
        data[f"fitness/{one.name}" if taken else one.name] = (grid.dims, values, attributes)
        if run.trials_per_individual > 1:
            spreads = grid.spread(run.individuals[f"spread/{one.name}"][grid.rows], np.nan)
            data[f"{one.name}_spread"] = (grid.dims, spreads, {"unit": one.unit})
    return data


def _statuses(grid: _Grid, codes: NDArray[np.int8]) -> NDArray[np.str_]:
    """Names of statuses; "" where nobody stands."""
    nothing = len(Status)
    there = grid.spread(codes, nothing)
    used = np.bincount(there.reshape(-1), minlength=nothing + 1) > 0
    names = [*(one.name for one in Status), ""]
    # Only names that occur: the longest one of them decides how many bytes each place takes.
    occurring = [name if known else "" for name, known in zip(names, used, strict=True)]
    return np.asarray(np.array(occurring)[there])


def _free(name: str, data: dict[str, Any], dims: tuple[str, ...]) -> str:
    """A name that nothing else has."""
    return f"lattice/{name}" if name in data or name in dims else name


# --- where the individuals stand -----------------------------------------------------------------------------------


def _grid(run: "Trajectory", level: int | None) -> _Grid:
    """Who stands where.

    Raises:
        OptionError: The individuals form no grid and no refined scan, or there is no such level.
    """
    found = placed(run)
    plain = _source(found)
    if plain is not None and (plain != _NOBODY).all():
        return _leveled(found, plain, level)
    fine = on_lattice(found, run.space.parameters)
    coarse = _coarsest_complete(fine)
    if coarse is not None and any(coarse):
        return _refined(fine, coarse, level)
    if plain is None or plain.size > 2 * len(found.rows):
        lengths = " × ".join(f"{len(axis)} of {axis.name}" for axis in found.axes) or "no varying parameter"
        raise OptionError(
            f"to_xarray: expected individuals on a grid, got {len(found.rows)} different ones over {lengths}; "
            'take to_pandas("individuals")'
        )
    return _leveled(found, plain, level)


def _leveled(found: Placed, source: Ints, level: int | None) -> _Grid:
    """A grid that is no refined scan has level 0 alone."""
    if level:
        raise OptionError(f"to_xarray: level: expected 0, since this is a grid of one level, got {level!r}")
    return _Grid(found.axes, source, found.rows)


def _source(found: Placed) -> Ints | None:
    """(shape) who stands where; None where two stand at one place, or there are far too many places."""
    if not len(found.rows):
        return None
    size = prod(found.shape)
    if size > LARGEST:
        return None
    flat, which = spread_out(found)
    source = np.full(size, _NOBODY, dtype=np.int64)
    source[flat] = which
    if np.count_nonzero(source != _NOBODY) < len(flat):
        return None
    return source.reshape(found.shape)


def _complete(found: Placed, strides: tuple[int, ...]) -> bool:
    """Whether every place of the lattice that takes every so-many-th value has its individual."""
    shape = tuple((len(axis) - 1) // stride + 1 for axis, stride in zip(found.axes, strides, strict=True))
    size = prod(shape)
    if size > LARGEST:
        return False
    steps = np.array(strides)[:, None]
    inactive = found.positions < 0
    there = (inactive | (found.positions % steps == 0)).all(axis=0)
    positions = np.where(inactive[:, there], -1, found.positions[:, there] // steps)
    axes = tuple(axis.every(stride) for axis, stride in zip(found.axes, strides, strict=True))
    flat, _ = spread_out(Placed(axes, positions, found.rows[there]))
    return len(flat) == size and len(np.unique(flat)) == size


def _coarsest_complete(found: Placed) -> tuple[int, ...] | None:
    """How often each axis of the finest complete lattice is still to be halved; None where none is complete."""
    left = [axis.halvings for axis in found.axes]
    if not found.axes or not len(found.rows) or not _complete(found, tuple(2**n for n in left)):
        return None
    finer = [max(n - 1, 0) for n in left]
    while finer != left and _complete(found, tuple(2**n for n in finer)):  # all axes together first
        left, finer = finer, [max(n - 1, 0) for n in finer]
    for axis in range(len(left)):
        while left[axis] and _complete(found, tuple(2 ** (n - (at == axis)) for at, n in enumerate(left))):
            left[axis] -= 1
    return tuple(left)


def _refined(found: Placed, coarse: tuple[int, ...], level: int | None) -> _Grid:
    """A refined scan at the lattice of a level; where that is not known, the results of a coarser one."""
    finest = max(coarse)
    chosen = finest if level is None else level
    if not 0 <= chosen <= finest or isinstance(chosen, bool):
        raise OptionError(
            f"to_xarray: level: expected 0, of which every point is known, to {finest}, the finest, got {level!r}"
        )
    cut = [max(n - chosen, 0) for n in coarse]
    here = _every(found, cut)
    size = prod(here.shape)
    if size > LARGEST:
        raise too_large(here.axes)
    flat, which = spread_out(here)
    source = np.full(size, _NOBODY, dtype=np.int64)
    source[flat] = which
    source = source.reshape(here.shape)
    levels = np.full(here.shape, chosen)
    filled = source == _NOBODY
    left = [n - cut_off for n, cut_off in zip(coarse, cut, strict=True)]
    for one in range(chosen + 1):
        strides = [2 ** max(n - one, 0) for n in left]
        mine = tuple(slice(None, None, stride) for stride in strides)
        if one:
            halved = tuple(2 if n >= one else 1 for n in left)
            part, known = source[mine], levels[mine]
            missing = part == _NOBODY
            part[missing] = _parent(part, halved)[missing]
            known[missing] = _parent(known, halved)[missing]
            new = ~_coarser(part.shape, halved) & ~missing
            known[new] = one
        else:
            levels[mine] = 0
    return _Grid(here.axes, source, here.rows, levels, filled)


def _every(found: Placed, cut: list[int]) -> Placed:
    """The individuals on a lattice of which so many halvings are left out."""
    steps = np.array([2**n for n in cut])[:, None]
    inactive = found.positions < 0
    there = (inactive | (found.positions % steps == 0)).all(axis=0)
    positions = np.where(inactive[:, there], -1, found.positions[:, there] // steps)
    axes = tuple(axis.every(2**n) for axis, n in zip(found.axes, cut, strict=True))
    return Placed(axes, positions, found.rows[there])


def _parent(values: NDArray[Any], halved: tuple[int, ...]) -> NDArray[Any]:
    """At each place what stands at the place of the next coarser lattice at or below it."""
    for axis, factor in enumerate(halved):
        if factor > 1:
            values = np.take(values, np.arange(values.shape[axis]) // factor * factor, axis=axis)
    return values


def _coarser(shape: tuple[int, ...], halved: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether a place belongs to the next coarser lattice."""
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(None, None, factor) for factor in halved)] = True
    return mask


# --- what stands there ---------------------------------------------------------------------------------------------


def _masks(run: "Trajectory", grid: _Grid) -> dict[str, Any]:
    """For each axis that a condition switches off somewhere, where it has an effect."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(axis.parameter for axis in grid.axes):
        column = f"active/{name}"
        if column in run.individuals:
            condition = run.space.parameters[name].when or ""
            active = grid.spread(run.individuals[column][grid.rows], False)
            found[column] = (grid.dims, active, {"when": condition})
    return found


def _axis_of(name: str, taken: set[str]) -> str:
    """A name for an axis of an observable that nothing else has."""
    return _axis_of(f"{name}_", taken) if name in taken else name


def _observables(run: "Trajectory", grid: _Grid, taken: set[str]) -> dict[str, Any]:
    """Observables of a fixed shape, with a further axis over trials.

    Args:
        run: It.
        grid: Who stands where.
        taken: Names that other arrays or axes have; an observable of such a name is called `observables/<name>`.
    """
    fixed = {name: one for name, one in run.observables.items() if not one.ragged}
    if not fixed:
        return {}
    trials, count = run.trials, run.trials_per_individual
    number = run.individuals["number"][grid.rows]
    n = len(number)
    # Trials stand in the order of their numbers, each once, so that as many as there can be are all of them.
    in_order = len(trials) == n * count and bool((trials["individual"].reshape(n, count) == number[:, None]).all())
    place: Any = None
    which: Any = None
    mine: Any = None
    if not in_order:
        place_of = np.full(max(int(number.max(initial=-1)), int(trials["individual"].max(initial=-1))) + 1, -1)
        place_of[number] = np.arange(n)
        mine = np.flatnonzero(place_of[trials["individual"]] >= 0)
        place, which = place_of[trials["individual"][mine]], trials["number"][mine]
    found: dict[str, Any] = {}
    repetition = "trial" if "trial" not in grid.dims else "trials/number"
    for name, one in fixed.items():
        missing = one.missing()
        if in_order:
            values = trials[f"observables/{name}"].reshape(n, count, *one.shape)
        else:
            values = np.full((n, count, *one.shape), missing.flat[0], dtype=missing.dtype)
            values[place, which] = trials[f"observables/{name}"][mine]
        label = f"observables/{name}" if name in taken or name == repetition else name
        inner = [_axis_of(f"{name}_{axis}", {*taken, *fixed}) for axis in range(len(one.shape))]
        dims = (*grid.dims, repetition, *inner)
        found[label] = (dims, grid.spread(values, missing.flat[0]), {"unit": one.unit})
    return found
