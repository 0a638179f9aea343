"""Axes as parameters and objectives want them: labels with units, scales, categories, limits."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from l2l.plot.data.colours import COLOURS
from l2l.plot.data.dimensions import Dimension, Floats, Quantity
from l2l.plot.picture import short

_MOST_NAMES = 15  # categories whose names are legible side by side
_FEW_DECADES = 30.0  # from the lowest to the highest value of a logarithmic axis, below which it gets plain numbers
_MARGIN = 0.04  # of an axis, so that marks at a bound are whole
_DECADES = 1.5  # powers of ten between the quartiles and the best from which on a logarithmic scale shows more


def dress(axes: Axes, which: str, dimension: Dimension, *, label: bool = True, limits: bool = True) -> None:
    """Label and scale the x or the y axis for a parameter.

    Args:
        axes: Whose axis.
        which: "x" or "y".
        dimension: The parameter.
        label: Whether its name is written.
        limits: Whether the axis spans the bounds of the parameter.
    """
    axis: Axis = axes.xaxis if which == "x" else axes.yaxis
    if label:
        axis.set_label_text(short(dimension.label))
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    if dimension.log:
        set_scale("log")
        if dimension.high / dimension.low < _FEW_DECADES:
            _plain_ticks(axis)
    if limits:
        set_limits(*padded(dimension))
    if dimension.choices is not None:
        places = np.arange(len(dimension.choices))[:: -(-len(dimension.choices) // _MOST_NAMES)]
        axis.set_ticks(places.tolist(), [short(dimension.choices[place], 20) for place in places])
        if which == "x" and sum(len(one) for one in dimension.choices) > 20:
            axes.tick_params(axis="x", labelrotation=30)
            for text in axes.get_xticklabels():
                text.set_horizontalalignment("right")
                text.set_rotation_mode("anchor")
    elif dimension.whole and not dimension.log:
        axis.set_major_locator(whole_locator())


def _plain_ticks(axis: Axis) -> None:
    """Ticks at 1, 2 and 5 as plain numbers: matplotlib's own, as 3 × 10⁰, overlap where few decades are shown."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def padded(dimension: Dimension) -> tuple[float, float]:
    """The bounds of a parameter with a margin on its scale."""
    if dimension.choices is not None:
        return dimension.low, dimension.high
    if dimension.log:
        factor = (dimension.high / dimension.low) ** _MARGIN
        return dimension.low / factor, dimension.high * factor
    margin = _MARGIN * (dimension.high - dimension.low)
    return dimension.low - margin, dimension.high + margin


def wants_log(values: Floats, objective: Quantity) -> bool:
    """Whether a fitness that is minimized spans so many powers of ten that a logarithmic scale shows more."""
    there = values[np.isfinite(values)]
    if objective.maximize or not len(there) or there.min() <= 0:
        return False
    return bool(np.log10(there.max() / there.min()) > _DECADES)


def set_log(axes: Axes, which: str, values: Floats) -> None:
    """A logarithmic axis, symmetric around 0 where some values are not positive."""
    there = values[np.isfinite(values)]
    set_scale: Any = axes.set_xscale if which == "x" else axes.set_yscale
    if len(there) and there.min() > 0:
        set_scale("log")
    elif len(there) and there.any():
        sizes = np.abs(there[there != 0])
        set_scale("symlog", linthresh=float(np.quantile(sizes, 0.05)))


def whole_ticks(axes: Axes, which: str = "x") -> None:
    """Ticks at whole numbers alone, for an axis of generations."""
    (axes.xaxis if which == "x" else axes.yaxis).set_major_locator(whole_locator(6))


def whole_locator(most: int = 9) -> MaxNLocator:
    """Ticks at whole numbers alone, also where there is room for one only."""
    return MaxNLocator(integer=True, nbins=most, min_n_ticks=1)


def few_ticks(axis: Axis, dimension: Dimension) -> None:
    """Fewer ticks, for a small panel."""
    if dimension.choices is None and not dimension.log:
        axis.set_major_locator(whole_locator(3) if dimension.whole else MaxNLocator(nbins=3))


def colours_of(objective: Quantity) -> str:
    """The scale of colours on which better individuals are darker, as they should stand out on white."""
    return f"{COLOURS}_r" if objective.maximize else COLOURS


def letters(direction: bool | None) -> str:
    """A word for the direction of an objective; "" where it has none."""
    return {True: "maximized", False: "minimized", None: ""}[direction]
