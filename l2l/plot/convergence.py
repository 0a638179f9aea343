"""Best, median and quartiles of each objective over generations."""

from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from l2l.errors import OptionError
from l2l.plot.data.colours import BLUE, GREY, PURPLE, VERMILLION
from l2l.plot.data.convergence import Convergence, convergence
from l2l.plot.data.view import View
from l2l.plot.dress import letters, set_log, wants_log, whole_ticks
from l2l.plot.picture import Drawn, Place, canvas, plain, rasterized, short

By = Literal["generation", "individuals"]


def draw(view: View, place: Place, *, objective: str | None, log: bool | None, by: By) -> Drawn:
    """See `Plot.convergence`."""
    if by not in ("generation", "individuals"):
        raise OptionError(f"convergence: by: expected 'generation' or 'individuals', got {by!r}")
    view.need_objectives()
    objectives = (view.objective(objective),) if objective else view.objectives
    found = [convergence(view, one) for one in objectives]
    with canvas(place, len(found), columns=2) as at:
        for axes, one in zip(at.axes, found, strict=True):
            if len(one.generation) == 1:
                _single(axes, one)
            else:
                _several(axes, one, by)
            _others(axes, one)
            _scale(axes, one, log)
        at.legend()
        names = " and ".join(one.name for one in objectives)
        return at.finish(f"{names} over {_counted(found[0])}")


def _counted(one: Convergence) -> str:
    generations, individuals = len(one.generation), len(one.each)
    return f"{generations} generations" if generations > 1 else f"{individuals} individuals of one generation"


def _several(axes: Axes, one: Convergence, by: By) -> None:
    x = one.generation if by == "generation" else one.individuals
    axes.fill_between(x, one.low, one.high, color=BLUE, alpha=0.2, linewidth=0, label="quartiles")
    axes.plot(x, one.median, color=BLUE, linestyle="--", label="median")
    axes.plot(x, one.best, color=VERMILLION, label="best so far")
    axes.set_xlabel("generation" if by == "generation" else "individuals")
    axes.margins(x=0.02)
    whole_ticks(axes)


def _single(axes: Axes, one: Convergence) -> None:
    """One generation: each individual, and the best so far, in the order told."""
    number = np.arange(1, len(one.each) + 1)
    axes.plot(
        number,
        one.each,
        ".",
        color=BLUE,
        markersize=4,
        alpha=0.6,
        label="individuals",
        rasterized=rasterized(len(number)),
    )
    best = np.fmax.accumulate(one.each) if one.objective.maximize else np.fmin.accumulate(one.each)
    axes.plot(number, best, color=VERMILLION, drawstyle="steps-post", label="best so far")
    axes.set_xlabel("individuals")
    whole_ticks(axes)


def _others(axes: Axes, one: Convergence) -> None:
    """The target, the validation, the failures, and the axis of fitness."""
    objective = one.objective
    axes.set_ylabel(short(objective.label))
    axes.set_title(letters(objective.maximize), loc="right", color=GREY, fontsize="small")
    if one.target is not None:
        axes.axhline(one.target, color=GREY, linestyle=":", label=f"target {one.target:g}")
    for place, test in enumerate(one.validated):
        spread = None if np.isnan(test.spread) else test.spread
        axes.errorbar(
            [axes.dataLim.x1],
            [test.mean],
            yerr=spread,
            fmt="D",
            color=PURPLE,
            markersize=5,
            capsize=3,
            zorder=5,
            label=None if place else "validation (mean, standard deviation)",
        )
    failed = int(one.failed.sum())
    if failed:
        text = f"{failed:,} of {len(one.each):,} individuals failed"
        if failed == len(one.each):
            axes.text(0.5, 0.5, f"all {failed:,} individuals failed", transform=axes.transAxes, ha="center")
            axes.set_yticks([])
            axes.set_xlim(0.0, max(1.0, len(one.generation) - 1.0))
        else:
            axes.set_title(plain(text), loc="left", color=GREY, fontsize="small")


def _scale(axes: Axes, one: Convergence, log: bool | None) -> None:
    shown = [one.best, one.low, one.median, one.high] if len(one.generation) > 1 else [one.each]
    if one.target is not None:
        shown.append(np.array([one.target]))
    values = np.concatenate(shown)
    if log or (log is None and wants_log(values, one.objective)):
        set_log(axes, "y", values)
