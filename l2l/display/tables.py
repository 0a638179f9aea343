"""Tables for people and for pipes."""

import math
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from l2l.display.output import is_terminal, one_line, say

_GAP = 2
_WIDEST = 40


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return "-" if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, type):
        return value.__qualname__
    return "" if value is None else str(value)


def _array(values: np.ndarray[Any, Any]) -> str:
    flat = values.ravel()
    if len(flat) <= 3:
        return "[" + " ".join(cell(one) for one in flat) + "]"
    shape = "×".join(map(str, values.shape))
    return f"[{cell(flat[0])} {cell(flat[1])} … {cell(flat[-1])}] ({shape})"


def full(value: Any) -> str:
    """A value with nothing left out."""
    if isinstance(value, np.ndarray):
        return "[" + ", ".join(full(one) for one in value) + "]"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return repr(float(value))
    return "" if value is None else str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], hint: str = "") -> None:
    """Print rows: aligned and cut to a terminal, complete and separated by tabs in a pipe.

    Args:
        columns: Their names, most important first.
        rows: A value a column.
        hint: Where to find the columns that do not fit.
    """
    if not is_terminal(sys.stdout):
        say("\t".join(map(one_line, columns)))
        for row in rows:
            say("\t".join(one_line(full(value)) for value in row))
        return
    say(aligned(columns, rows, shutil.get_terminal_size().columns, hint))


def aligned(columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int, hint: str = "") -> str:
    """Rows below each other, numbers to the right; what is too wide is cut, what does not fit is counted.

    Args:
        columns: Their names, most important first.
        rows: A value a column.
        width: Of the terminal, in letters.
        hint: Where to find the columns that do not fit.
    """
    columns = [one_line(name) for name in columns]
    cells = [[one_line(cell(value)) for value in row] for row in rows]
    last = len(columns) - 1
    sizes = [
        max([len(name), *(len(row[place]) for row in cells)]) if place == last else
        min(_WIDEST, max([len(name), *(len(row[place]) for row in cells)]))
        for place, name in enumerate(columns)
    ]  # fmt: skip
    shown, used = 0, -_GAP
    while shown < len(sizes) and (not shown or used + _GAP + min(sizes[shown], 12) <= width):
        used += _GAP + sizes[shown]
        shown += 1
    if shown and used > width:
        sizes[shown - 1] = max(1, sizes[shown - 1] - (used - width))
    numbers = [all(isinstance(row[place], int | float | np.number) for row in rows) for place in range(shown)]
    lines = [
        (" " * _GAP)
        .join(
            cut(text, size).rjust(size) if number else cut(text, size).ljust(size)
            for text, size, number in zip(line, sizes, numbers, strict=False)
        )
        .rstrip()
        for line in [list(columns), *cells]
    ]
    if shown < len(columns):
        lines.append(f"… and {len(columns) - shown} more columns{': ' + hint if hint else ''}")
    return "\n".join(lines)


def cut(text: str, size: int) -> str:
    """A text of at most so many letters."""
    return text if len(text) <= size else text[: max(0, size - 1)] + "…"


def duration(seconds: float) -> str:
    """Seconds as `0:01:23`, and with days above one."""
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    text = f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days}d {text}" if days else text


def ago(seconds: float) -> str:
    """How long ago, in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
