"""Which parameters matter, with the standard error and what chance alone would show."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from l2l.plot.data.colours import BLACK, BLUE, ORANGE
from l2l.plot.data.importance import Importance, importance
from l2l.plot.data.view import View
from l2l.plot.picture import Drawn, Place, canvas, short


def draw(view: View, place: Place, *, parameters: Sequence[str] | None, objective: str | None, method: str) -> Drawn:
    """See `Plot.importance`."""
    view.need_some()
    objectives = (view.objective(objective),) if objective else view.objectives
    found = [importance(view, one, parameters, method) for one in objectives]
    rows = max(len(one.dimensions) for one in found)
    with canvas(place, len(found), columns=2, height=1.3 + 0.24 * rows) as at:
        for axes, one in zip(at.axes, found, strict=True):
            _bars(axes, one)
        at.legend()
        first = found[0]
        notes = [f"{first.reference}; {first.individuals:,} individuals, bars with standard error"]
        most = " and ".join(f"{one.dimensions[0].name} for {one.objective.name}" for one in found)
        return at.finish(f"most important: {most}", [*([first.note] if first.note else []), *notes])


def _bars(axes: Axes, one: Importance) -> None:
    place = np.arange(len(one.dimensions))
    axes.barh(
        place,
        one.value,
        xerr=one.spread,
        color=BLUE,
        height=0.7,
        error_kw={"ecolor": BLACK, "elinewidth": 0.8, "capsize": 2},
    )
    axes.plot(one.chance, place, "|", color=ORANGE, markersize=9, markeredgewidth=2.0, label="by chance alone")
    if (one.value < 0).any():
        axes.plot(-one.chance, place, "|", color=ORANGE, markersize=9, markeredgewidth=2.0)
        axes.axvline(0.0, color=BLACK, linewidth=0.8)
    axes.set_yticks(place, [short(dimension.name, 28) for dimension in one.dimensions])
    axes.invert_yaxis()
    axes.set_xlabel(one.method)
    axes.set_title(short(one.objective.name), loc="left")
    axes.tick_params(axis="y", length=0)
