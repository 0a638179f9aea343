"""The distribution of each parameter over generations, with the best individual so far."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from l2l.plot.data.colours import BLUE, PALETTE, VERMILLION
from l2l.plot.data.parameters import Distribution, distributions
from l2l.plot.data.view import View
from l2l.plot.dress import dress, padded, whole_ticks
from l2l.plot.picture import HATCHES, Drawn, Place, canvas, short

_MOST_CHOICES = 8
_BINS = 30


def draw(view: View, place: Place, *, parameters: Sequence[str] | None, objective: str | None) -> Drawn:
    """See `Plot.parameters`."""
    found, note = distributions(view, view.objective(objective), parameters)
    with canvas(place, len(found)) as at:
        for axes, one in zip(at.axes, found, strict=True):
            if one.values is not None:
                _histogram(axes, one)
            elif one.shares is not None and len(one.shares) <= _MOST_CHOICES:
                _shares(axes, one)
            else:
                _bands(axes, one)
        at.legend()
        return at.finish(f"{len(found)} parameter{'s' if len(found) > 1 else ''}", [note] if note else [])


def _bands(axes: Axes, one: Distribution) -> None:
    x = one.generation
    axes.fill_between(x, one.quantiles[0], one.quantiles[4], color=BLUE, alpha=0.12, linewidth=0, label="range")
    axes.fill_between(x, one.quantiles[1], one.quantiles[3], color=BLUE, alpha=0.3, linewidth=0, label="quartiles")
    axes.plot(x, one.quantiles[2], color=BLUE, linestyle="--", label="median")
    best = "best so far" if one.components == 1 else "best so far, median"
    if np.isfinite(one.best).any():
        axes.plot(x, one.best, color=VERMILLION, label=best)
    axes.set_xlabel("generation")
    axes.margins(x=0.02)
    whole_ticks(axes)
    dress(axes, "y", one.dimension)
    if one.components > 1:
        axes.set_title(f"{one.components:,} components", loc="left", fontsize="small")


def _shares(axes: Axes, one: Distribution) -> None:
    """A category: which share of each generation had which choice."""
    assert one.shares is not None and one.dimension.choices is not None
    areas = axes.stackplot(
        one.generation, one.shares, colors=PALETTE[: len(one.shares)], edgecolor="white", linewidth=0.5
    )
    for area, hatch in zip(areas, HATCHES, strict=False):
        area.set_hatch(hatch)
    axes.legend(
        areas[::-1],
        [short(choice, 20) for choice in one.dimension.choices][::-1],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        fontsize="x-small",
    )
    axes.set_ylim(0.0, 1.0)
    axes.set_xlim(float(one.generation[0]), float(one.generation[-1]))
    axes.set_ylabel(f"share of {short(one.dimension.name, 25)}")
    axes.set_xlabel("generation")
    whole_ticks(axes)


def _histogram(axes: Axes, one: Distribution) -> None:
    """A single generation: all its individuals."""
    assert one.values is not None
    values = one.values[~np.isnan(one.values)]
    dimension = one.dimension
    axes.set_ylabel("individuals" if one.components == 1 else "components")
    if dimension.choices is not None:
        counts = np.bincount(values.astype(np.int64), minlength=len(dimension.choices))
        axes.bar(np.arange(len(counts)), counts, color=BLUE, width=0.7)
    else:
        low, high = padded(dimension)
        edges = np.geomspace(low, high, _BINS + 1) if dimension.log else np.linspace(low, high, _BINS + 1)
        if dimension.whole and not dimension.log and dimension.high - dimension.low < _BINS:
            edges = np.arange(dimension.low - 0.5, dimension.high + 1.0)
        axes.hist(values, bins=edges.tolist(), color=BLUE, alpha=0.7)
    dress(axes, "x", dimension)
    if np.isfinite(one.best[-1]):
        axes.axvline(one.best[-1], color=VERMILLION, label="best" if one.components == 1 else "best, median")
