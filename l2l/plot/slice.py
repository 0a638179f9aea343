"""Each parameter against the fitness, with the generation as colour."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from l2l.plot.data.colours import COLOURS, GREY, VERMILLION
from l2l.plot.data.points import Points, points
from l2l.plot.data.view import View
from l2l.plot.dress import dress, set_log, wants_log, whole_locator
from l2l.plot.picture import Drawn, Place, canvas, rasterized, short

_JITTER = 0.25  # of the distance between two categories, so that equal ones do not hide one another
_MAX_PANELS = 9


def draw(
    view: View, place: Place, *, parameters: Sequence[str] | None, objective: str | None, log: bool | None
) -> Drawn:
    """See `Plot.slice`."""
    found = points(view, view.objective(objective), parameters, most=_MAX_PANELS)
    with canvas(place, len(found.dimensions), sharey=place is None) as at:
        marks = [_panel(axes, found, column) for column, axes in enumerate(at.axes)]
        if log or (log is None and wants_log(found.fitness, found.objective)):
            for axes in at.axes:
                set_log(axes, "y", found.fitness)
        columns = min(3, len(at.axes))
        for axes in at.axes[::columns]:
            axes.set_ylabel(short(found.objective.label))
        rows = -(-len(at.axes) // columns)
        several = len(np.unique(found.generation)) > 1
        if several and not found.failed.all():
            bar = at.figure.colorbar(marks[0], ax=at.axes, label="generation", pad=0.02, aspect=12 * rows)
            bar.locator = whole_locator(5)
            bar.update_ticks()
        at.legend()
        return at.finish(
            f"{found.objective.name} against {len(found.dimensions)} parameter"
            f"{'s' if len(found.dimensions) > 1 else ''}, {len(found.number):,} individuals",
            found.notes,
        )


def _panel(axes: Axes, found: Points, column: int) -> PathCollection:
    dimension = found.dimensions[column]
    values = found.values[:, column]
    if dimension.choices is not None:
        values = values + np.random.default_rng(0).uniform(-_JITTER, _JITTER, len(values))
    order = np.flatnonzero(~found.failed)
    pixels = rasterized(len(order))
    marks = axes.scatter(
        values[order],
        found.fitness[order],
        c=found.generation[order],
        cmap=COLOURS,
        s=9,
        linewidth=0,
        alpha=0.8,
        vmin=found.generation.min(),
        vmax=max(found.generation.max(), found.generation.min() + 1),
        rasterized=pixels,
    )
    lost = values[found.failed]
    if len(lost):
        axes.plot(
            lost,
            np.full(len(lost), 0.985),
            "|",
            transform=axes.get_xaxis_transform(),
            color=VERMILLION,
            markersize=6,
            markeredgewidth=0.6,
            label=f"{len(lost):,} failed",
            rasterized=rasterized(len(lost)),
        )
    if found.best is not None:
        axes.plot(
            values[found.best],
            found.fitness[found.best],
            "*",
            color="white",
            markeredgecolor="black",
            markersize=11,
            label="best",
            zorder=5,
            clip_on=False,
        )
    elif found.failed.all():
        axes.text(0.5, 0.5, "all individuals failed", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_yticks([])
    dress(axes, "x", dimension)
    return marks
