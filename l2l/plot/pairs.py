"""A matrix of scatter plots: every pair of parameters, coloured by the fitness."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from l2l.errors import OptionError
from l2l.plot.data.colours import BLUE, VERMILLION
from l2l.plot.data.dimensions import Dimension, Floats
from l2l.plot.data.points import Points, points
from l2l.plot.data.view import View
from l2l.plot.dress import colours_of, dress, few_ticks, padded, whole_ticks
from l2l.plot.picture import Drawn, Place, canvas, rasterized, short

_MAX_PARAMETERS = 5
_JITTER = 0.25
_BINS = 20
_LETTERS = 14  # of a name in full size that has room beside a panel of five


def draw(view: View, place: Place, *, parameters: Sequence[str] | None, objective: str | None) -> Drawn:
    """See `Plot.pairs`."""
    found = points(view, view.objective(objective), parameters, most=_MAX_PARAMETERS)
    size = len(found.dimensions)
    if size > 12:
        raise OptionError(f"pairs: expected at most 12 parameters, got {size}; name fewer")
    values = _jittered(found)
    with canvas(place, size * size, columns=size, height=1.6 if size > 2 else 2.6) as at:
        scale = Normalize(*found.fitness_range)
        for place_of, axes in enumerate(at.axes):
            row, column = divmod(place_of, size)
            if row < column:
                axes.axis("off")
                continue
            if row == column:
                _histogram(axes, found, column)
            else:
                _scatter(axes, found, values, (row, column), scale)
            _labels(axes, found, row, column)
        if size > 1 and not found.failed.all():
            at.figure.colorbar(
                ScalarMappable(scale, colours_of(found.objective)),
                ax=at.axes,
                label=short(found.objective.label),
                aspect=40,
                pad=0.02,
                extend="min" if found.objective.maximize else "max",
            )
        at.legend()
        summary = f"{size} parameters of {len(found.number):,} individuals, coloured by {found.objective.name}"
        return at.finish(summary, found.notes)


def _jittered(found: Points) -> Floats:
    values = found.values.copy()
    rng = np.random.default_rng(0)
    for column, dimension in enumerate(found.dimensions):
        if dimension.choices is not None:
            values[:, column] += rng.uniform(-_JITTER, _JITTER, len(values))
    return values


def _scatter(axes: Axes, found: Points, values: Floats, place: tuple[int, int], scale: Normalize) -> None:
    row, column = place
    x, y = values[:, column], values[:, row]
    lost = found.failed
    if lost.any():
        axes.plot(
            x[lost],
            y[lost],
            "x",
            color=VERMILLION,
            markersize=3,
            markeredgewidth=0.6,
            label="failed",
            rasterized=rasterized(int(lost.sum())),
        )
    order = found.worst_first
    axes.scatter(
        x[order],
        y[order],
        c=found.fitness[order],
        cmap=colours_of(found.objective),
        norm=scale,
        s=8,
        linewidth=0,
        rasterized=rasterized(len(order)),
    )
    if found.best is not None:
        axes.plot(
            x[found.best], y[found.best], "*", color="white", markeredgecolor="black", markersize=10, label="best"
        )
    dress(axes, "x", found.dimensions[column], label=False)
    dress(axes, "y", found.dimensions[row], label=False)


def _histogram(axes: Axes, found: Points, column: int) -> None:
    dimension = found.dimensions[column]
    values = found.values[:, column]
    low, high = padded(dimension)
    if dimension.choices is not None:
        edges = np.arange(len(dimension.choices) + 1) - 0.5
    else:
        edges = np.geomspace(low, high, _BINS + 1) if dimension.log else np.linspace(low, high, _BINS + 1)
    succeeded, lost = values[~found.failed], values[found.failed]
    axes.hist(
        [succeeded[~np.isnan(succeeded)], lost[~np.isnan(lost)]],
        bins=edges.tolist(),
        stacked=True,
        color=[BLUE, VERMILLION],
        alpha=0.7,
    )
    dress(axes, "x", dimension, label=False)
    if len(found.dimensions) > 1:  # heights beside those of other parameters say nothing
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    else:
        axes.set_ylabel("individuals")
        whole_ticks(axes, "y")


def _labels(axes: Axes, found: Points, row: int, column: int) -> None:
    """Names along the left and the lower edge of the matrix alone."""
    last = len(found.dimensions) - 1
    few_ticks(axes.xaxis, found.dimensions[column])
    if row != column:
        few_ticks(axes.yaxis, found.dimensions[row])
    if row == last:
        _name(axes, "x", found.dimensions[column])
    else:
        axes.tick_params(axis="x", labelbottom=False)
    if column == 0 and row > 0:
        _name(axes, "y", found.dimensions[row])
    elif column > 0 and row != column:
        axes.tick_params(axis="y", labelleft=False)


def _name(axes: Axes, which: Literal["x", "y"], dimension: Dimension) -> None:
    """Name an axis, in smaller letters where the name is longer than a panel."""
    label = short(dimension.label, 24)
    axes.set(**{f"{which}label": label})
    if len(label) > _LETTERS:
        (axes.xaxis if which == "x" else axes.yaxis).label.set_fontsize("x-small")
