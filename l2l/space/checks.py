"""Checks of what users write in parameters: each returns the value as parameters keep it, or raises `SpaceError`."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import SpaceError
from l2l.quantities import scalar, whole_number

MOST_VALUES = 10_000_000
"""Values of a parameter, 80 MB; designs and covariances take many times more."""


def is_number(value: Any) -> bool:
    """Whether it is a number, of Python or NumPy, and no truth value."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def truth(value: Any, what: str) -> bool:
    """A truth value, of Python or NumPy; `what` names the place in the error."""
    found = scalar(value)
    if not isinstance(found, bool):
        raise SpaceError(f"{what}: expected true or false, got {value!r}")
    return found


def finite(value: Any, what: str = "") -> float:
    """A finite number as float; `what` names the place in the error."""
    place = f"{what}: " if what else ""
    value = scalar(value)
    if not is_number(value):
        hint = ""
        if isinstance(value, str) and _reads_as_number(value):
            hint = f"; that is text, write {float(value)!r} (YAML needs a point in 1.0e-3)"
        raise SpaceError(f"{place}expected a number, got {value!r}{hint}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SpaceError(f"{place}expected a finite number, got {value!r}")
    return number


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def integer(value: Any, what: str = "") -> int:
    """A whole number, also one written 3.0, as int; `what` names the place in the error."""
    number = finite(value, what)
    if not number.is_integer():
        place = f"{what}: " if what else ""
        raise SpaceError(f"{place}expected an integer, got {value!r}")
    return int(scalar(value))


def array_of(value: Any) -> NDArray[Any]:
    """An array of numbers as float64 or int64."""
    try:
        array = np.array(value)
    except (ValueError, TypeError):
        raise SpaceError(f"expected an array of numbers, got {type(value).__name__}") from None
    if array.dtype.kind not in "iuf":
        raise SpaceError(f"expected an array of numbers, got {value!r}")
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of positive integers."""
    axes = tuple(shape) if isinstance(shape, tuple | list | np.ndarray) and np.ndim(shape) else (shape,)
    lengths = tuple(0 if isinstance(axis, float) else whole_number(axis) or 0 for axis in axes)
    if any(length < 1 for length in lengths):
        raise SpaceError(f"shape: expected a positive integer or a tuple of them, got {shape!r}")
    if math.prod(lengths) > MOST_VALUES:
        memory = f"{math.prod(lengths) * 8 / 1e9:.3g} GB for one individual"
        raise SpaceError(f"shape: expected at most {MOST_VALUES:,} values, got {shape!r}, which is {memory}")
    return lengths


def unit_of(unit: Any) -> str:
    """A unit, which is text."""
    if not isinstance(unit, str):
        raise SpaceError(f"unit: expected text, got {unit!r}")
    return unit


def when_of(when: Any) -> str | None:
    """A condition, which is text, or None."""
    if when is not None and (not isinstance(when, str) or not when.strip()):
        raise SpaceError(f"when: expected a condition such as 'amplitude > 0', got {when!r}")
    return when


def choice_of(value: Any) -> Any:
    """A choice as plain data that hash: lists become tuples, NumPy scalars Python's."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = scalar(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, tuple | list):
        return tuple(choice_of(item) for item in value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise SpaceError(f"expected text, a truth value, a finite number, None, or a tuple of these, got {value!r}")


def fixed_value(value: Any) -> Any:
    """The value of a fixed parameter: a number, a choice, or a read-only array."""
    if isinstance(value, list) and value:
        try:
            value = array_of(value)
        except SpaceError:
            return choice_of(value)
    if isinstance(value, np.ndarray) and value.ndim:
        array = array_of(value)
        if not np.isfinite(array).all():
            raise SpaceError("expected finite numbers, got NaN or infinity among them")
        array.flags.writeable = False
        return array
    return choice_of(value.item() if isinstance(value, np.ndarray) else value)


def plain(choice: Any) -> Any:
    """A choice as JSON has it: tuples become lists."""
    return [plain(item) for item in choice] if isinstance(choice, tuple) else choice
