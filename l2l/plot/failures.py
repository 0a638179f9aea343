"""Failed trials over generations by status, and the causes."""

import textwrap
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from l2l.plot.data.colours import GREY, OF_STATUS, ORANGE
from l2l.plot.data.failures import Failures, failures
from l2l.plot.data.view import View
from l2l.plot.dress import whole_ticks
from l2l.plot.picture import HATCHES, Drawn, Place, canvas, plain

_MOST_CAUSES = 8
_LETTERS = 90  # of a message: one line across the picture


def draw(view: View, place: Place) -> Drawn:
    """See `Plot.failures`."""
    found = failures(view)
    trials = int(found.trials.sum())
    if not found.failed and not found.causes:
        with canvas(place, 1) as at:
            axes = at.axes[0]
            axes.bar(found.first, found.trials, width=0.9 * found.width, align=_align(found), color=GREY, alpha=0.25)
            axes.text(0.5, 0.5, f"none of {trials:,} trials failed", transform=axes.transAxes, ha="center")
            _axes(axes, found)
            return at.finish(f"none of {trials:,} trials failed")
    shown = found.causes[:_MOST_CAUSES]
    tall = 0.5 + 0.36 * len(shown)  # inches
    with canvas(place, 2, columns=1, height_ratios=(1.9, tall)) as at:
        over, causes = at.axes
        if at.own:
            at.drawn.set_size_inches(6.0, 2.2 + tall)  # type: ignore[union-attr]
        _bars(over, found)
        _causes(causes, found)
        more = len(found.causes) - len(shown)
        notes = [f"{more} rarer causes are not shown; l2l show RUN --failures has them all"] if more > 0 else []
        return at.finish(f"{found.failed:,} of {trials:,} trials failed, of {len(found.causes)} causes", notes)


def _bars(axes: Axes, found: Failures) -> None:
    axes.bar(
        found.first,
        found.trials,
        width=0.9 * found.width,
        align=_align(found),
        color=GREY,
        alpha=0.2,
        label="all trials",
    )
    below = np.zeros(len(found.first))
    for place, (status, counts) in enumerate(zip(found.statuses, found.counts, strict=True)):
        axes.bar(
            found.first,
            counts,
            width=0.9 * found.width,
            align=_align(found),
            bottom=below,
            label=status.name,
            color=OF_STATUS[status],
            hatch=HATCHES[place],
            edgecolor="white",
            linewidth=0.3,
        )
        below += counts
    _axes(axes, found)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _align(found: Failures) -> Literal["center", "edge"]:
    return "center" if found.width == 1 else "edge"


def _axes(axes: Axes, found: Failures) -> None:
    axes.set_xlabel("generation" if found.width == 1 else f"generation ({found.width} per bar)")
    axes.set_ylabel("trials")
    whole_ticks(axes)
    whole_ticks(axes, "y")
    axes.margins(x=0.02)


def _causes(axes: Axes, found: Failures) -> None:
    shown = found.causes[:_MOST_CAUSES]
    place = np.arange(len(shown))
    axes.barh(place + 0.25, [one.count for one in shown], color=ORANGE, height=0.3)
    # The messages stand above their bars, since they are too long to stand beside them.
    for row, one in zip(place.tolist(), shown, strict=True):
        text = f"{one.count:,} × {one.status.name}: {' '.join(one.message.split())}"
        axes.annotate(
            plain(textwrap.shorten(text, _LETTERS, placeholder=" …")),
            (0.0, row + 0.05),
            xytext=(2, 0),
            textcoords="offset points",
            xycoords=axes.get_yaxis_transform(),
            va="bottom",
            fontsize="small",
        )
    axes.set_ylim(len(shown) - 0.4, -0.5)
    axes.set_yticks([])
    axes.set_xlim(0.0, None)
    axes.set_xlabel("attempts that failed")
    whole_ticks(axes)
