"""Measured data beside what the best individual simulates."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import NotFoundError, OptionError
from l2l.plot.data.dimensions import Floats, Quantity
from l2l.plot.data.observable import observed_quantity, values_of
from l2l.plot.data.view import View


@dataclass(frozen=True, slots=True)
class Fit:
    """Data of k numbers, and an observable of as many.

    Args:
        quantity: The observable.
        at: (k,) where the data were taken: the first column of data with two, else 0, 1, ….
        data: (k,) what was measured.
        noise: (k,) its standard deviation, or None where it is not known.
        individual: The number of the individual, the best unless chosen.
        mean: (k,) what it simulates, mean over its trials.
        low: (k,) the least over its trials.
        high: (k,) the largest over its trials.
        trials: How many these are.
        error: Root of the mean squared difference of mean and data.
    """

    quantity: Quantity
    at: Floats
    data: Floats
    noise: Floats | None
    individual: int
    mean: Floats
    low: Floats
    high: Floats
    trials: int
    error: float


def fit(
    view: View,
    objective: Quantity,
    name: str | None = None,
    data: ArrayLike | None = None,
    individual: int | None = None,
) -> Fit:
    """Data beside a simulation.

    Args:
        view: The run.
        objective: In which the best individual is best.
        name: Of the observable; unless given the one that the optimizer fits, or the first that is a vector.
        data: (k,) or (k, 2), the second with places in the first column; None for the target of an optimizer that
            fits data (`ensemble-kalman`).
        individual: The number of the individual; the best unless given.

    Raises:
        NotFoundError: There are no data, there is no such observable or individual, or nothing succeeded yet.
        OptionError: Data and observable have different lengths.
    """
    view.need_some()
    said = _of_optimizer(view)
    if name is None:
        name = said.observable or _first_vector(view)
    quantity, declared = observed_quantity(view, name)
    if declared.ragged or not declared.shape:
        raise OptionError(
            f"fit: expected an observable that is a vector, got {quantity.name!r}, which is "
            + ("of any length" if declared.ragged else "a scalar")
        )
    given = said.target if data is None else np.asarray(data, dtype=np.float64)
    if given is None:
        raise NotFoundError(
            f"{view.trajectory.path}: the optimizer of this run fits no data; give the data to compare with "
            "(data=…, on the command line --data FILE)"
        )
    number, values = values_of(view, quantity, objective, individual)
    values = values.reshape(len(values), -1)
    size = values.shape[1]
    if given.size == 1:
        given = np.resize(given, size)
    if given.ndim > 2 or (given.ndim == 2 and given.shape[1] != 2) or len(given) != size:
        raise OptionError(
            f"fit: expected data of shape ({size},) or ({size}, 2), as many as {quantity.name!r} has components, "
            f"got {given.shape}"
        )
    at, measured = (given[:, 0], given[:, 1]) if given.ndim == 2 else (np.arange(size, dtype=np.float64), given)
    mean = values.mean(axis=0)
    noise = np.resize(said.noise, size) if said.noise is not None and data is None else None
    known = np.isfinite(measured)
    return Fit(
        quantity,
        at=at,
        data=measured,
        noise=noise,
        individual=number,
        mean=mean,
        low=values.min(axis=0),
        high=values.max(axis=0),
        trials=len(values),
        error=float(np.sqrt(np.mean((mean[known] - measured[known]) ** 2))) if known.any() else np.nan,
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What the optimizer of a run was given to fit."""

    observable: str | None = None
    target: Floats | None = None
    noise: Floats | None = None


def _of_optimizer(view: View) -> _Fitted:
    said = view.settings.get("optimizer")
    if not isinstance(said, Mapping):
        return _Fitted()
    target = _numbers(said.get("target"))
    if target is None:
        return _Fitted()
    name = said.get("observable", "output")  # as `ensemble-kalman` calls it unless told otherwise
    noise = _numbers(said.get("noise"))
    return _Fitted(
        observable=name if name in view.trajectory.observables else None,
        target=target.ravel(),
        noise=None if noise is None else np.sqrt(np.diag(noise)) if noise.ndim == 2 else np.atleast_1d(noise),
    )


def _numbers(said: object) -> Floats | None:
    """Numbers that an option holds; None where it holds none."""
    try:
        values = np.asarray(said, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return np.atleast_1d(values) if values.size and np.isfinite(values).all() else None


def _first_vector(view: View) -> str | None:
    vectors = [name for name, one in view.trajectory.observables.items() if one.shape and not one.ragged]
    if not vectors and view.trajectory.observables:
        raise NotFoundError(f"{view.trajectory.path}: no observable of this run is a vector of fixed length")
    return vectors[0] if vectors else None
