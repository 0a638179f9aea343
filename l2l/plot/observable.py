"""An observable: scalars over generations, vectors with a band, matrices as images, ragged values as a raster."""

import numpy as np
from matplotlib.axes import Axes

from l2l.plot.data.colours import BLACK, BLUE, COLOURS, GREY, VERMILLION
from l2l.plot.data.observable import AlongVector, Matrix, OverGenerations, Raster, observable
from l2l.plot.data.view import View
from l2l.plot.dress import set_log, whole_ticks
from l2l.plot.picture import Drawn, Place, canvas, rasterized, short

_FEW = 60  # components that have marks of their own
_LABELLED = 16  # rows of a raster whose individuals are named


def draw(
    view: View,
    place: Place,
    *,
    observable_name: str | None,
    objective: str | None,
    individual: int | None,
    log: bool | None,
) -> Drawn:
    """See `Plot.observable`."""
    found = observable(view, view.objective(objective), observable_name, individual)
    with canvas(place, 1) as at:
        axes = at.axes[0]
        if isinstance(found, OverGenerations):
            summary = _over_generations(axes, found, log)
            at.legend()
        elif isinstance(found, AlongVector):
            summary = _along(axes, found, log, chosen=individual is not None)
        elif isinstance(found, Matrix):
            image = axes.imshow(found.mean, cmap=COLOURS, aspect="auto", interpolation="nearest", origin="lower")
            at.figure.colorbar(image, ax=axes, label=short(found.quantity.label), pad=0.02)
            axes.set_xlabel("last axis")
            axes.set_ylabel("first axis")
            axes.set_title(_of(found.individual, found.trials), loc="left", fontsize="small", color=GREY)
            summary = f"{found.quantity.name} of individual {found.individual}"
        else:
            summary = _raster(axes, found)
        return at.finish(summary)


def _over_generations(axes: Axes, found: OverGenerations, log: bool | None) -> str:
    if len(found.generation) == 1:
        axes.hist(found.each[np.isfinite(found.each)], bins=30, color=BLUE, alpha=0.7)
        axes.set_xlabel(short(found.quantity.label))
        axes.set_ylabel("trials")
        if np.isfinite(found.best[0]):
            axes.axvline(found.best[0], color=VERMILLION, label="best individual")
        if log:
            set_log(axes, "x", found.each)
        return f"{found.quantity.name} of {len(found.each):,} trials of one generation"
    low, median, high = found.quartiles
    axes.fill_between(found.generation, low, high, color=BLUE, alpha=0.2, linewidth=0, label="quartiles")
    axes.plot(found.generation, median, color=BLUE, linestyle="--", label="median")
    if np.isfinite(found.best).any():
        axes.plot(found.generation, found.best, color=VERMILLION, label="best individual so far")
    axes.set_xlabel("generation")
    axes.set_ylabel(short(found.quantity.label))
    whole_ticks(axes)
    axes.margins(x=0.02)
    if log:
        set_log(axes, "y", np.concatenate([low, high, found.best]))
    return f"{found.quantity.name} over {len(found.generation)} generations"


def _along(axes: Axes, found: AlongVector, log: bool | None, *, chosen: bool) -> str:
    place = np.arange(len(found.mean)) * found.together
    low, median, high = found.quartiles
    of = f"generation {found.generation}"
    axes.fill_between(place, low, high, color=BLUE, alpha=0.2, linewidth=0, label=f"{of}, quartiles")
    axes.plot(place, median, color=BLUE, linestyle="--", linewidth=1.0, label=f"{of}, median")
    who = f"individual {found.individual}" if chosen else f"best individual ({found.individual})"
    if found.trials > 1 or found.together > 1:
        axes.fill_between(place, found.low, found.high, color=VERMILLION, alpha=0.2, linewidth=0)
        who += f", mean and range of {found.trials} trial{'s' if found.trials > 1 else ''}"
    if found.together > 1:
        axes.set_title(f"{found.together} components per point", loc="right", fontsize="x-small", color=GREY)
    marker = "o" if len(place) <= _FEW else None
    axes.plot(place, found.mean, color=VERMILLION, marker=marker, markersize=3, linewidth=1.0, label=who)
    axes.set_xlabel(f"component of {short(found.quantity.name, 30)}")
    axes.set_ylabel(short(found.quantity.label))
    axes.margins(x=0.02)
    whole_ticks(axes)
    if log:
        set_log(axes, "y", np.concatenate([found.mean, median]))
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize="x-small")
    return f"{found.quantity.name} of individual {found.individual}, {len(place):,} points along it"


def _raster(axes: Axes, found: Raster) -> str:
    widths = {values.shape[1:] for values in found.values}
    inner = widths.pop() if len(widths) == 1 else ()
    total = sum(len(values) for values in found.values)
    if inner == (2,):  # such as times and senders
        values = found.values[0]
        axes.plot(values[:, 0], values[:, 1], ".", color=BLACK, markersize=3, rasterized=rasterized(len(values)))
        axes.set_xlabel(f"{short(found.quantity.label)}, first component")
        axes.set_ylabel("second component")
        axes.set_title(f"individual {found.individuals[0]}, trial {found.trials[0]}", loc="left", fontsize="small")
        return f"{len(values):,} entries of {found.quantity.name} of individual {found.individuals[0]}"
    for row, values in enumerate(found.values):
        flat = values.reshape(-1)
        axes.plot(
            flat,
            np.full(len(flat), row),
            "|",
            color=BLACK,
            markersize=max(2.0, 120.0 / len(found.values)) ** 0.9,
            markeredgewidth=0.6,
            rasterized=rasterized(total),
        )
    axes.set_xlabel(short(found.quantity.label))
    axes.set_ylabel("individual-trial, best first")
    step = -(-len(found.values) // _LABELLED)
    rows = range(0, len(found.values), step)
    axes.set_yticks(list(rows), [f"{found.individuals[row]}-{found.trials[row]}" for row in rows])
    axes.set_ylim(len(found.values) - 0.4, -0.6)
    return f"{total:,} entries of {found.quantity.name} in {len(found.values)} trials"


def _of(individual: int, trials: int) -> str:
    return f"individual {individual}" + (f", mean of {trials} trials" if trials > 1 else "")
