"""Counts, numbers, flags, durations and sizes, as users write them.

Every place that takes one of these reads it here, so that a value from NumPy (the length of an axis, an entry of
`np.arange`, an array that holds one number) and a text such as "10min" or "2 GB" mean the same everywhere.
"""

import math
import operator
import re
from datetime import timedelta
from typing import Any

import numpy as np

from l2l.errors import OptionError

DURATIONS = '"10min", "1h30m" or "2d", or such as "00:10:00"'
"""How a duration may be written, for messages."""


def scalar(value: Any) -> Any:
    """The Python object that a NumPy scalar, or an array with exactly one entry, holds; anything else as it is."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(())[()]
    if isinstance(value, np.floating):
        return float(value)  # `item` of a long double gives a long double again
    return value.item() if isinstance(value, np.generic) else value


def whole_number(value: Any) -> int | None:
    """A whole number as int, also one written 3.0; None where the value is none."""
    number = scalar(value)
    if isinstance(number, bool):
        return None
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    try:
        return operator.index(number)
    except TypeError:
        return None


def finite_number(value: Any) -> float | None:
    """A finite number as float; None where the value is none."""
    number = scalar(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    try:
        converted = float(number)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def whole(value: Any, what: str, least: int = 1) -> int:
    """A count.

    Args:
        value: What the user gave.
        what: Its place, with which the message begins ("stop.generations").
        least: The smallest that is allowed.

    Raises:
        OptionError: It is no whole number, or below `least`.
    """
    number = whole_number(value)
    if number is None or number < least:
        raise OptionError(f"{what}: expected a whole number of at least {least}, got {value!r}")
    return number


def share(value: Any, what: str) -> float:
    """A number from 0 to 1.

    Raises:
        OptionError: It is none; the message begins with `what`.
    """
    number = finite_number(value)
    if number is None or not 0 <= number <= 1:
        raise OptionError(f"{what}: expected a share from 0 to 1, got {value!r}")
    return number


def flag(value: Any, what: str) -> bool:
    """A truth value.

    Raises:
        OptionError: It is none; the message begins with `what`.
    """
    truth = scalar(value)
    if not isinstance(truth, bool):
        raise OptionError(f"{what}: expected true or false, got {value!r}")
    return truth


_MEMORY = re.compile(r"(\d+(?:\.\d*)?(?:e\d+)?|\.\d+)\s*(?:([kmgt])(i?)b?|b|bytes)?", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def bytes_of(memory: int | float | str | None, what: str = "memory") -> int | None:
    """Bytes from a number or a text: 1 kB is 1000 bytes, 1 KiB is 1024.

    Raises:
        OptionError: It is neither; names `what`.

    Example:
        >>> bytes_of("2 GB"), bytes_of("512MiB")
        (2000000000, 536870912)
    """
    if memory is None:
        return None
    size: Any = memory
    if isinstance(memory, str):
        match = _MEMORY.fullmatch(memory.strip())
        if not match:
            raise OptionError(f'{what}: expected bytes or a text such as "2 GB", got {memory!r}')
        size = float(match[1]) * (1024 if match[3] else 1000) ** _POWER[(match[2] or "").lower()]
    number = finite_number(size)
    if number is None or number < 1:
        raise OptionError(f'{what}: expected bytes above 0 or a text such as "2 GB", got {memory!r}')
    return int(scalar(size))


_CLOCK = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)")
_UNITS = (  # from the longest to the shortest, which is the order in which they are written
    (("w", "week", "weeks"), 604800.0),
    (("d", "day", "days"), 86400.0),
    (("h", "hr", "hrs", "hour", "hours"), 3600.0),
    (("m", "min", "mins", "minute", "minutes"), 60.0),
    (("s", "sec", "secs", "second", "seconds"), 1.0),
    (("ms", "msec", "millisecond", "milliseconds"), 0.001),
)
_PARTS = re.compile(r"\s*".join(rf"(?:(\d+(?:\.\d*)?|\.\d+)\s*(?:{'|'.join(names)})(?![a-z]))?" for names, _ in _UNITS))


def seconds_of(given: Any, what: str = "timeout") -> float | None:
    """As `duration`; None, which stands for no limit, stays None."""
    return None if given is None else duration(given, what)


def duration(given: Any, what: str) -> float:
    """Seconds from a number, or from a text such as "10min", "1h30m", "2d", "00:10:00" or "1-00:00:00".

    A clock has two parts (minutes and seconds), three, or three behind a number of days. A `timedelta` counts too.

    Raises:
        OptionError: It is none of these; names `what`.

    Example:
        >>> duration("10min", "timeout"), duration("1h 30m", "timeout"), duration("00:10:00", "timeout")
        (600.0, 5400.0, 600.0)
    """
    value = scalar(given)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    seconds = _read_duration(value) if isinstance(value, str) else finite_number(value)
    if seconds is None:
        raise OptionError(f"{what}: expected seconds or a text such as {DURATIONS}, got {given!r}")
    if not 0 < seconds < math.inf:
        raise OptionError(f"{what}: expected seconds above 0 or a text such as {DURATIONS}, got {given!r}")
    return seconds


def _read_duration(text: str) -> float | None:
    """Seconds from a text; None where it has none of the known forms."""
    text = text.strip().lower()
    if clock := _CLOCK.fullmatch(text):
        days, hours, minutes, rest = (float(part or 0) for part in clock.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + rest
    parts = _PARTS.fullmatch(text)
    if parts is None or not any(parts.groups()):
        return None
    return math.fsum(float(part or 0) * size for part, (_, size) in zip(parts.groups(), _UNITS, strict=True))
