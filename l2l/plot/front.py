"""The Pareto front: two objectives in a plane, three in space, more as pairs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from l2l.plot.data.colours import BLUE, COLOURS, GREY, PURPLE
from l2l.plot.data.front import Front, front
from l2l.plot.data.view import View
from l2l.plot.picture import Drawn, Place, canvas, rasterized, short


def draw(view: View, place: Place, *, objectives: Sequence[str] | None) -> Drawn:
    """See `Plot.front`."""
    view.need_objectives()
    found = front(view, objectives)
    number = len(found.objectives)
    summary = f"{int(found.front.sum()):,} of {len(found.number):,} individuals are on the front of " + " and ".join(
        one.name for one in found.objectives
    )
    notes = [*found.notes, *([f"{found.failed:,} individuals failed"] if found.failed else [])]
    if number == 3:
        with canvas(place, 1, height=4.4, subplot_kw={"projection": "3d"}) as at:
            _space(at.axes[0], found)
            return at.finish(summary, notes)
    with canvas(place, (number - 1) ** 2, columns=number - 1, height=3.6 if number == 2 else None) as at:
        for panel, axes in enumerate(at.axes):
            row, column = divmod(panel, number - 1)
            if row < column:
                axes.axis("off")
                continue
            _plane(axes, found, column, row + 1)
            if row < number - 2:
                axes.set_xlabel("")
            if column > 0:
                axes.set_ylabel("")
        at.legend()
        return at.finish(summary, notes)


def _plane(axes: Axes, found: Front, column: int, row: int) -> None:
    x, y = found.fitness[:, column], found.fitness[:, row]
    rest, on = ~found.front, found.front
    axes.plot(
        x[rest],
        y[rest],
        "o",
        color=GREY,
        markersize=3,
        alpha=0.4,
        markeredgewidth=0,
        label="individuals",
        rasterized=rasterized(int(rest.sum())),
    )
    if len(found.objectives) == 2:
        order = np.argsort(x[on], kind="stable")
        # Between two points of the front all is known to be attained that the worse of both attains.
        minimized = not found.objectives[column].maximize
        axes.step(x[on][order], y[on][order], where="post" if minimized else "pre", color=BLUE, linewidth=1.0)
    axes.plot(x[on], y[on], "o", color=BLUE, markersize=4.5, label="Pareto front", rasterized=rasterized(int(on.sum())))
    for place, (of_x, of_y) in enumerate(zip(found.validated[column], found.validated[row], strict=False)):
        if of_x.individual == of_y.individual:
            axes.errorbar(
                [of_x.mean],
                [of_y.mean],
                xerr=_spread(of_x.spread),
                yerr=_spread(of_y.spread),
                fmt="D",
                color=PURPLE,
                markersize=4,
                capsize=2,
                label=None if place else "validation",
                zorder=5,
            )
    axes.set_xlabel(_label(found, column))
    axes.set_ylabel(_label(found, row))
    axes.margins(0.05)


def _spread(value: float) -> float | None:
    return None if np.isnan(value) else value


def _label(found: Front, place: int) -> str:
    """The objective, and in which direction it is better."""
    one = found.objectives[place]
    return f"{short(one.label, 34)} {'→' if one.maximize else '←'}"


def _space(axes: Any, found: Front) -> None:
    """Three objectives; colour repeats the third, since depth is hard to see on paper."""
    x, y, z = found.fitness.T
    rest, on = ~found.front, found.front
    axes.scatter(
        x[rest],
        y[rest],
        z[rest],
        color=GREY,
        s=9,
        alpha=0.6,
        linewidth=0,
        label="individuals",
        depthshade=False,
        rasterized=True,
    )
    marks = axes.scatter(
        x[on],
        y[on],
        z[on],
        c=z[on],
        cmap=COLOURS,
        s=16,
        linewidth=0.3,
        edgecolor="black",
        depthshade=False,
        label="Pareto front",
        rasterized=rasterized(int(on.sum())),
    )
    axes.set_xlabel(_label(found, 0))
    axes.set_ylabel(_label(found, 1))
    axes.zaxis.set_rotate_label(False)
    axes.zaxis.set_ticklabels([])
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 1.05))
    axes.get_figure().colorbar(marks, ax=axes, label=_label(found, 2), shrink=0.7, pad=0.05)
    axes.view_init(elev=25, azim=45 if found.objectives[0].maximize else -135)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.pane.set_facecolor("white")
        axis.pane.set_edgecolor(GREY)
