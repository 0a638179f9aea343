"""Parallel coordinates: each individual a line over the axes of its parameters."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from l2l.plot.data.colours import BLACK, GREY, VERMILLION
from l2l.plot.data.dimensions import Dimension, Floats
from l2l.plot.data.points import Points, points
from l2l.plot.data.view import View
from l2l.plot.dress import colours_of
from l2l.plot.picture import Drawn, Place, canvas, rasterized, short

_MAX_PARAMETERS = 10
_MOST_LINES = 3000  # more hide one another
_INACTIVE = -0.12
"""Where lines pass an axis on which they have no value, below its lower end."""


def draw(view: View, place: Place, *, parameters: Sequence[str] | None, objective: str | None) -> Drawn:
    """See `Plot.parallel`."""
    found = points(view, view.objective(objective), parameters, most=_MAX_PARAMETERS, most_shown=_MOST_LINES)
    heights = _heights(found)
    with canvas(place, 1) as at:
        axes = at.axes[0]
        if at.own:
            at.drawn.set_size_inches(max(5.0, min(1.0 + 1.2 * len(found.dimensions), 10.0)), 3.8)  # type: ignore[union-attr]
        scale = Normalize(*found.fitness_range)
        _lines(axes, found, heights, scale)
        inactive = bool(np.isnan(found.values).any())
        for place_of, dimension in enumerate(found.dimensions):
            _axis(axes, dimension, float(place_of))
        if inactive:
            axes.text(-0.06, _INACTIVE, "inactive", ha="right", va="center", fontsize="x-small", color=GREY)
        axes.set_xlim(-0.35, len(found.dimensions) - 0.4)
        axes.set_ylim(_INACTIVE - 0.06 if inactive else -0.04, 1.04)
        axes.set_xticks(range(len(found.dimensions)), [short(one.label, 24) for one in found.dimensions])
        if sum(len(one.label) for one in found.dimensions) > 70:
            axes.tick_params(axis="x", labelrotation=25)
        axes.tick_params(axis="x", length=0)
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        if not found.failed.all():
            at.figure.colorbar(
                ScalarMappable(scale, colours_of(found.objective)),
                ax=axes,
                label=short(found.objective.label),
                pad=0.02,
                extend="min" if found.objective.maximize else "max",
            )
        if found.failed.any() or found.best is not None:
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.02), ncols=3)
        summary = f"{len(found.number):,} individuals over {len(found.dimensions)} parameters"
        return at.finish(summary, found.notes)


def _heights(found: Points) -> Floats:
    """(n, d) of each line on each axis, from 0 to 1; below where a parameter is inactive."""
    columns = []
    for column, dimension in enumerate(found.dimensions):
        scaled = dimension.scaled(found.values[:, column])
        if dimension.choices is not None:  # lines of one choice lie side by side
            spread = 0.3 / len(dimension.choices)
            scaled = scaled + np.random.default_rng(column).uniform(-spread, spread, len(scaled))
        columns.append(np.where(np.isnan(scaled), _INACTIVE, scaled))
    return np.stack(columns, axis=1)


def _lines(axes: Axes, found: Points, heights: Floats, scale: Normalize) -> None:
    x = np.arange(heights.shape[1], dtype=np.float64)
    if len(x) == 1:  # a line needs two ends
        x, heights = np.array([0.0, 0.35]), np.repeat(heights, 2, axis=1)

    def segments(rows: np.ndarray) -> np.ndarray:
        return np.stack([np.broadcast_to(x, (len(rows), len(x))), heights[rows]], axis=2)

    pixels = rasterized(len(heights))
    lost = np.flatnonzero(found.failed)
    if len(lost):
        axes.add_collection(
            LineCollection(
                list(segments(lost)),
                colors=VERMILLION,
                linewidths=0.6,
                linestyles="dotted",
                alpha=0.6,
                rasterized=pixels,
                label=f"{len(lost):,} failed",
            )
        )
    order = found.worst_first
    lines = LineCollection(
        list(segments(order)),
        cmap=colours_of(found.objective),
        norm=scale,
        linewidths=0.7,
        rasterized=pixels,
        alpha=0.8 if len(order) < 500 else 0.4,
    )
    lines.set_array(found.fitness[order])
    axes.add_collection(lines)
    if found.best is not None:
        axes.plot(x, heights[found.best], color=BLACK, linewidth=2.2, label="best", zorder=5)


def _axis(axes: Axes, dimension: Dimension, x: float) -> None:
    """The axis of a parameter, with the values of its ends, or its choices."""
    axes.plot([x, x], [0.0, 1.0], color=GREY, linewidth=0.8, zorder=4)
    if dimension.choices is not None:
        places = range(0, len(dimension.choices), -(-len(dimension.choices) // 10))
        ticks = [(float(dimension.scaled(np.array(place))), dimension.choices[place]) for place in places]
    else:
        shares = (0.0, 0.5, 1.0)
        if dimension.log:
            values = [dimension.low * (dimension.high / dimension.low) ** share for share in shares]
        else:
            values = [dimension.low + share * (dimension.high - dimension.low) for share in shares]
        ticks = [(share, f"{value:.3g}") for share, value in zip(shares, values, strict=True)]
    for height, text in ticks:
        axes.annotate(
            short(text, 16),
            (x, height),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize="x-small",
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.75, "edgecolor": "none"},
            zorder=6,
        )
