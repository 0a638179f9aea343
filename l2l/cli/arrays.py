"""Runs as arrays for other programs: NetCDF and Zarr of scans, NumPy archives for simulation-based inference."""

import inspect
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import MissingPart, OptionError, storage_error
from l2l.files import written_whole
from l2l.values import Status

if TYPE_CHECKING:
    import xarray as xr

    from l2l.trajectory import Trajectory

_STORE = (".zgroup", "zarr.json")
"""Files by which a folder is known to hold Zarr."""


def to_netcdf(trajectory: "Trajectory", path: Path, level: int | None) -> str:
    """Write a scan as NetCDF 4; what is written, in words."""
    try:
        import h5netcdf  # noqa: F401 - said before anything is read
    except ImportError:
        raise MissingPart("h5netcdf, which writes NetCDF,", "pip install 'l2l[scans]'") from None
    data = _portable(trajectory.to_xarray(level))
    with written_whole(path) as file:
        data.to_netcdf(file, engine="h5netcdf")
    return _shape(data)


def to_zarr(trajectory: "Trajectory", path: Path, level: int | None) -> str:
    """Write a scan as a folder of Zarr, version 2, which all readers know; what is written, in words.

    Raises:
        OptionError: Something else stands there.
    """
    try:
        import zarr  # noqa: F401 - said before anything is read
    except ImportError:
        raise MissingPart("zarr", "pip install 'l2l[scans]'") from None
    if path.exists() and not any((path / name).is_file() for name in _STORE):
        raise OptionError(f"--output {path}: expected a new folder, or one of Zarr, but something else stands there")
    data = _portable(trajectory.to_xarray(level))
    version = "zarr_format" if "zarr_format" in inspect.signature(data.to_zarr).parameters else "zarr_version"
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
        try:
            options: Any = {version: 2}
            data.to_zarr(beside / "new", consolidated=True, **options)
            if path.exists():
                path.rename(beside / "old")
            (beside / "new").rename(path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise storage_error(path, "write", error) from None
    return _shape(data)


def _portable(data: "xr.Dataset") -> "xr.Dataset":
    """A data set in the words of the CF conventions: codes with their meanings, `units`; no slash in a name."""
    names = [one.name for one in Status]
    status = data["status"].values
    codes = np.full(status.shape, -1, dtype=np.int8)
    for one in Status:
        codes[status == one.name] = one
    flags = {"flag_values": np.array([-1, *Status], dtype=np.int8), "flag_meanings": " ".join(["none", *names])}
    data = data.assign(status=(data["status"].dims, codes, flags))
    for variable in data.variables.values():
        if unit := variable.attrs.pop("unit", ""):
            variable.attrs["units"] = unit
    masks: dict[Any, Any] = {}
    for name, array in data.data_vars.items():
        if array.dtype.kind == "b":
            said = {**array.attrs, "flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "false true"}
            masks[name] = (array.dims, array.values.astype(np.int8), said)
    data = data.assign(masks)
    free = {str(name): str(name).replace("/", ".") for name in (*data.variables, *data.dims) if "/" in str(name)}
    return data.rename(free)


def _shape(data: "xr.Dataset") -> str:
    lengths = " × ".join(f"{size} {name}" for name, size in data.sizes.items())
    return f"{len(data.data_vars)} arrays over {lengths}"


def to_sbi(trajectory: "Trajectory", path: Path) -> str:
    """Write the successful trials as arrays (NumPy .npz) for simulation-based inference; what is written, in words.

    `theta` (trials, components of parameters that vary) and `x` (trials, components of observables) have a name per
    column; categories are places among their choices. `low`, `high` and `log` say how the parameters were searched.

    Raises:
        OptionError: No trial succeeded, or there is nothing to infer from.
    """
    trials = trajectory.trials
    rows = np.flatnonzero(trials["status"] == Status.OK)
    if not len(rows):
        raise OptionError(f"{trajectory.path}: no trial succeeded, so that nothing can be inferred")
    numbers = trajectory.individuals["number"]
    order = np.argsort(numbers)
    individual = order[np.searchsorted(numbers, trials["individual"][rows], sorter=order)]
    theta, names, bounds = _parameters(trajectory, individual)
    x, x_names = _results(trajectory, rows)
    low, high, log = zip(*bounds, strict=True)
    with written_whole(path) as file, file.open("wb") as opened:
        np.savez(
            opened,
            theta=theta,
            theta_names=np.array(names),
            x=x,
            x_names=np.array(x_names),
            low=np.array(low),
            high=np.array(high),
            log=np.array(log),
            individual=trials["individual"][rows],
            trial=trials["number"][rows],
        )
    return f"{len(theta)} trials with {len(names)} parameters and {len(x_names)} observables"


Bounds = tuple[float, float, bool]


def _parameters(
    trajectory: "Trajectory", rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], list[str], list[Bounds]]:
    columns: list[NDArray[np.float64]] = []
    names: list[str] = []
    bounds: list[Bounds] = []
    for name, parameter in trajectory.space.parameters.items():
        if parameter.width == 0:
            continue  # it is fixed
        values = np.asarray(trajectory.individuals[f"parameters/{name}"], dtype=np.float64)[rows]
        codes = parameter.codes
        low, high = (0.0, len(codes) - 1.0) if codes is not None else _bounds(parameter)
        for label, column in _components(name, values):
            names.append(label)
            columns.append(column)
            bounds.append((low, high, bool(getattr(parameter, "log", False))))
    if not columns:
        raise OptionError(f"{trajectory.path}: no parameter varies, so that nothing can be inferred")
    return np.stack(columns, axis=1), names, bounds


def _bounds(parameter: Any) -> tuple[float, float]:
    return float(parameter.low), float(parameter.high)


def _results(trajectory: "Trajectory", rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], list[str]]:
    """Observables of a fixed shape; objectives where there is none."""
    fixed = [name for name, one in trajectory.observables.items() if not one.ragged]
    wanted = {name: f"observables/{name}" for name in fixed}
    wanted = wanted or {one.name: f"fitness/{one.name}" for one in trajectory.objectives}
    if not wanted:
        raise OptionError(f"{trajectory.path}: no observable has a fixed shape, so that nothing can be inferred from")
    columns: list[NDArray[np.float64]] = []
    names: list[str] = []
    for name, column in wanted.items():
        for label, values in _components(name, np.asarray(trajectory.trials[column], dtype=np.float64)[rows]):
            names.append(label)
            columns.append(values)
    return np.stack(columns, axis=1), names


def _components(name: str, values: NDArray[np.float64]) -> list[tuple[str, NDArray[np.float64]]]:
    if values.ndim == 1:
        return [(name, values)]
    places = list(np.ndindex(values.shape[1:]))
    return [(f"{name}[{','.join(map(str, place))}]", values[(slice(None), *place)]) for place in places]
