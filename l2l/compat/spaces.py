"""A parameter space for an optimizee that has none: from what it draws, and from what bounds it."""

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError, near
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.space.parameter import Parameter

DRAWS = 100
"""Individuals that are drawn to see the range: 98 % of that of a uniform distribution, on average."""
_BEYOND = (1e15, 1e18)
"""Values beyond every bound."""
_BOUNDED = 1e12
"""A value below this that came of one beyond every bound was bounded."""


def drawn(optimizee: Any, number: int = DRAWS) -> list[dict[str, Any]]:
    """Individuals as `create_individual` makes them.

    Raises:
        OptionError: It makes no dictionaries of numbers with the same names.
    """
    draws: list[dict[str, Any]] = []
    for _ in range(number):
        one = optimizee.create_individual()
        name = type(optimizee).__name__
        if not isinstance(one, Mapping) or not one:
            raise OptionError(f"{name}.create_individual: expected a dictionary of parameters, got {one!r}")
        if draws and set(one) != set(draws[0]):
            raise OptionError(
                f"{name}.create_individual: expected the same names each time, got {sorted(one)} and {sorted(draws[0])}"
            )
        draws.append({key: copy.deepcopy(value) for key, value in one.items()})
    return draws


def space_of(
    optimizee: Any, draws: Sequence[Mapping[str, Any]], bounds: Mapping[str, tuple[float, float]]
) -> ParameterSpace:
    """The space of an optimizee.

    Args:
        optimizee: With `bounding_func` or without.
        draws: Individuals that it made.
        bounds: Name → (low, high), where these are known better.

    Raises:
        OptionError: A parameter is neither a number, nor an array of numbers, nor a text or truth value.
    """
    for name in bounds:
        if name not in draws[0]:
            raise OptionError(f"bounds: {near(name, draws[0], 'parameter')}")
    parameters: dict[str, Parameter] = {}
    for name in draws[0]:  # no comprehension: a warning counts the frames up to the caller of `wrap`
        parameters[name] = _parameter(optimizee, name, draws, bounds.get(name))
    return ParameterSpace(parameters)


def _parameter(
    optimizee: Any, name: str, draws: Sequence[Mapping[str, Any]], given: tuple[float, float] | None
) -> Parameter:
    values = [one[name] for one in draws]
    if all(isinstance(value, str | bool | np.bool_) for value in values):
        return Categorical(sorted({value.item() if isinstance(value, np.bool_) else value for value in values}))
    try:
        array = np.array([np.asarray(value) for value in values])
    except ValueError:
        array = np.array([""])
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise OptionError(
            f"create_individual: parameter {name!r}: expected a finite number, or an array of numbers that always has "
            f"the same shape, got {values[0]!r}"
        )
    low, high = given if given is not None else _range(optimizee, name, draws, array)
    shape = array.shape[1:]
    if array.dtype.kind in "iu":
        return Integer(math.ceil(low), math.floor(high), shape=shape)
    return Real(float(low), float(high), shape=shape)


def _range(optimizee: Any, name: str, draws: Sequence[Mapping[str, Any]], array: NDArray[Any]) -> tuple[float, float]:
    """The bounds of a parameter: those of `bounding_func`, else those of the draws."""
    low, high = _bounded(optimizee, name, draws[0], -1.0), _bounded(optimizee, name, draws[0], 1.0)
    known = [one for one in (*low, *high) if one is not None]
    bottom, top = float(array.min()), float(array.max())
    if low:
        bottom = min(known)
    if high:
        top = max(known)
    if bottom < top:
        return bottom, top
    around = max(abs(bottom), 1.0)
    warnings.warn(
        f"{type(optimizee).__name__}: neither create_individual nor bounding_func says how far {name!r} may go from "
        f"{bottom:g}: taken as {bottom - around:g} to {bottom + around:g}; "
        f"say it with bounds={{{name!r}: (low, high)}}",
        stacklevel=5,
    )
    return bottom - around, bottom + around


def _bounded(optimizee: Any, name: str, draw: Mapping[str, Any], sign: float) -> list[float]:
    """What `bounding_func` makes of values beyond every bound on one side; nothing where it lets them pass."""
    bound = getattr(optimizee, "bounding_func", None)
    if bound is None:
        return []
    found: list[float] = []
    for far in _BEYOND:
        probe = copy.deepcopy(dict(draw))
        was = np.asarray(probe[name])
        value = np.full(was.shape, sign * far, dtype=was.dtype)
        probe[name] = value if was.shape else was.dtype.type(sign * far).item()
        try:
            became = np.asarray(bound(probe)[name], dtype=np.float64)
        except Exception:  # noqa: BLE001 - it is theirs, and such values may be nothing to it
            return []
        if not np.isfinite(became).all() or np.abs(became).max(initial=0.0) > _BOUNDED:
            return []
        found += [float(became.min(initial=math.inf)), float(became.max(initial=-math.inf))]
    return found


def within(space: ParameterSpace, draw: Mapping[str, Any]) -> dict[str, Any]:
    """A draw as an individual of the space: what lies beyond a bound is put on it."""
    values: dict[str, Any] = {}
    for name in space:
        parameter, value = space[name], draw[name]
        if isinstance(parameter, Real | Integer):
            clipped = np.clip(np.asarray(value), parameter.low, parameter.high)
            values[name] = clipped if clipped.ndim else clipped.item()
        else:
            values[name] = value
    return values
