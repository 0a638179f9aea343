"""Sensitivity indices as bars."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from l2l.plot.data.colours import GREY
from l2l.plot.picture import Picture

_SHOWN = {"sobol": ("S1", "ST"), "morris": ("mu_star", "sigma"), "pawn": ("median",)}
"""Statistics of each method that are drawn."""
_NAMES = {
    "S1": "first order",
    "ST": "total",
    "mu_star": "mean size of effects",
    "sigma": "their standard deviation",
    "median": "median of KS distances",
}


def bars(table: tuple[Sequence[str], Sequence[Sequence[Any]]], method: str) -> Picture:
    """A panel per value, with a bar per parameter and statistic and confidence intervals.

    Args:
        table: Columns and rows, as `Sensitivity.table` gives them.
        method: Of the indices.
    """
    columns, rows = table
    values = list(dict.fromkeys(row[0] for row in rows))
    figure = Picture(figsize=(7.0, 0.8 + 2.2 * len(values)), layout="constrained")
    for place, value in enumerate(values):
        axes = figure.add_subplot(len(values), 1, place + 1)
        mine = [row for row in rows if row[0] == value]
        shown = _SHOWN[method]
        at, height = np.arange(len(mine)), 0.8 / len(shown)
        for number, name in enumerate(shown):
            widths = [row[columns.index(name)] for row in mine]
            interval = columns.index(f"{name}_conf") if f"{name}_conf" in columns else None
            errors = None if interval is None else [row[interval] for row in mine]
            offset = at + (number - (len(shown) - 1) / 2) * height
            axes.barh(offset, widths, 0.9 * height, xerr=errors, ecolor=GREY, label=_NAMES[name])
        axes.set_yticks(at, [str(row[1]) for row in mine])
        axes.invert_yaxis()
        axes.set_title(value, loc="left")
        if place == 0:
            axes.legend()
    figure.summary = f"{method} indices of {', '.join(values)}"
    return figure
