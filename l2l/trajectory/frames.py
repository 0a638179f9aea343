"""Tables as pandas data frames, grids as xarray data sets."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import MissingPart, OptionError
from l2l.schema import Ragged
from l2l.space import ParameterSpace
from l2l.trajectory.table import Table
from l2l.values import Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from l2l.trajectory.trajectory import Trajectory

_BARE = ("parameters", "fitness", "observables", "best", "optimizer")
_INDEX = {
    "individuals": ["number"],
    "trials": ["individual", "number"],
    "validation": ["individual", "number"],
    "failures": ["individual", "number"],
}


def bare_names(columns: list[str]) -> dict[str, str]:
    """Column → its name without prefix, where no other column has that name."""
    short = {name: name.partition("/")[2] if name.partition("/")[0] in _BARE else name for name in columns}
    often = Counter(short.values())
    return {name: one if often[one] == 1 else name for name, one in short.items()}


def to_pandas(table: Table, space: ParameterSpace) -> "pd.DataFrame":
    """A table as a data frame, with bare names; see `Trajectory.to_pandas`."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingPart("pandas", "pip install 'l2l[tables]'") from None
    names = bare_names(list(table))
    columns = {
        label: values for name in table for label, values in _spread_out(names[name], _labelled(table, name, space))
    }
    frame = pd.DataFrame(columns)
    index = _INDEX.get(table.name)
    return frame.set_index(index) if index else frame


def _labelled(table: Table, name: str, space: ParameterSpace) -> Any:
    choices: tuple[Any, ...] | None = table.choices(name)
    if choices is None:
        return table[name]
    import pandas as pd

    room, _, parameter = name.partition("/")
    if room == "parameters":
        choices = space.parameters[parameter].codes or choices  # as declared: a number is no text
    if None in choices:  # which is no category to pandas
        return np.array([*choices, None], dtype=object)[np.asarray(table[name])]
    return pd.Categorical.from_codes(np.asarray(table[name], dtype=np.int64), pd.Index(choices))


def _spread_out(name: str, values: Any) -> Iterator[tuple[str, Any]]:
    """A column of arrays as one column a component, `name[0]`, `name[1]`, …; ragged ones as one of arrays."""
    if isinstance(values, Ragged):
        entries = np.empty(len(values), dtype=object)
        for row in range(len(values)):
            entries[row] = values[row]
        yield name, entries
    elif isinstance(values, np.ndarray) and values.ndim > 1:
        for place in np.ndindex(values.shape[1:]):
            yield f"{name}[{','.join(map(str, place))}]", values[(slice(None), *place)]
    else:
        yield name, values


def to_xarray(run: "Trajectory") -> "xr.Dataset":
    """A grid with parameter axes; see `Trajectory.to_xarray`."""
    try:
        import xarray as xr
    except ImportError:
        raise MissingPart("xarray", "pip install 'l2l[tables]'") from None
    individuals = run.individuals
    axes, places, rows = _axes(run)
    shape = tuple(len(axis) for axis in axes.values())
    dims = tuple(axes)

    def spread(values: NDArray[Any], fill: Any) -> NDArray[Any]:
        whole = np.full((*shape, *values.shape[1:]), fill, dtype=values.dtype)
        whole[places] = values
        return whole

    data: dict[str, Any] = {}
    for one in run.objectives:
        direction = "maximize" if one.maximize else "minimize"
        attributes = {"unit": one.unit, "direction": direction}
        data[_free(one.name, dims)] = (dims, spread(individuals[f"fitness/{one.name}"][rows], np.nan), attributes)
        if run.trials_per_individual > 1:
            spreads = spread(individuals[f"spread/{one.name}"][rows], np.nan)
            data[f"{one.name}_spread"] = (dims, spreads, {"unit": one.unit})
    status = np.array([*(one.name for one in Status)], dtype=object)[individuals["status"][rows]]
    data["status"] = (dims, spread(status.astype(str), "").astype(str))
    data |= _observables(run, rows, spread, dims)
    coordinates = {name: (name, values, {"unit": run.space.parameters[name].unit}) for name, values in axes.items()}
    return xr.Dataset(data, coordinates, attrs={"seed": str(run.seed), "fingerprint": run.fingerprint})


def _free(name: str, dims: tuple[str, ...]) -> str:
    return f"fitness/{name}" if name in dims or name == "status" else name


def _axes(run: "Trajectory") -> tuple[dict[str, NDArray[Any]], tuple[Any, ...], NDArray[np.int64]]:
    """Parameter → its values on the grid; where each individual stands; the individuals' rows.

    Raises:
        OptionError: The individuals form no grid.
    """
    individuals = run.individuals
    rows = np.flatnonzero(individuals["same_as"] < 0)
    axes: dict[str, NDArray[Any]] = {}
    places: list[NDArray[np.int64]] = []
    for name in run.space.names:
        column = f"parameters/{name}"
        values = individuals.labels(column)[rows]
        if values.ndim > 1:
            if len(values) and (values != values[0]).any():
                raise OptionError(
                    f"to_xarray: parameter {name!r} is an array that varies, which can be no axis; take to_pandas"
                )
            continue
        found, where = np.unique(values.astype(str) if values.dtype == object else values, return_inverse=True)
        if len(found) > 1:
            axes[name] = found
            places.append(where)
    size = int(np.prod([len(axis) for axis in axes.values()], dtype=np.int64))
    there = len(np.unique(np.ravel_multi_index(tuple(places), [len(axis) for axis in axes.values()]))) if axes else 1
    if not len(rows) or there != len(rows) or size > 2 * len(rows):
        lengths = " x ".join(f"{len(axis)} of {name}" for name, axis in axes.items()) or "no varying parameter"
        raise OptionError(
            f"to_xarray: expected individuals on a grid, got {len(rows)} different ones over {lengths}; "
            'take to_pandas("individuals")'
        )
    return axes, tuple(places), rows


def _observables(run: "Trajectory", rows: NDArray[np.int64], spread: Any, dims: tuple[str, ...]) -> dict[str, Any]:
    """Observables of a fixed shape, with a further axis over trials."""
    trials = run.trials
    number = run.individuals["number"][rows]
    place_of = np.full(int(number.max()) + 1, -1)
    place_of[number] = np.arange(len(rows))
    mine = np.flatnonzero(place_of[trials["individual"]] >= 0)
    place, which = place_of[trials["individual"][mine]], trials["number"][mine]
    found: dict[str, Any] = {}
    for name, one in run.observables.items():
        if one.ragged:
            continue
        missing = one.missing()
        values = np.full((len(rows), run.trials_per_individual, *one.shape), missing.flat[0], dtype=missing.dtype)
        values[place, which] = trials[f"observables/{name}"][mine]
        inner = tuple(f"{name}_{axis}" for axis in range(len(one.shape)))
        label = name if name not in dims and name not in {o.name for o in run.objectives} else f"observables/{name}"
        found[label] = ((*dims, "trial", *inner), spread(values, missing.flat[0]), {"unit": one.unit})
    return found
