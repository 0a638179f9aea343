"""A value over two parameters, as a heat map: of a grid, or of scattered points; regimes as areas."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm, Normalize, to_hex
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import LinearTriInterpolator, Triangulation

from l2l.plot.data.colours import COLOURS, GREY, PALETTE, VERMILLION
from l2l.plot.data.dimensions import Dimension, Floats
from l2l.plot.data.map import Map, parameter_map
from l2l.plot.data.view import Mask, View
from l2l.plot.dress import colours_of, dress
from l2l.plot.picture import Drawn, Place, canvas, rasterized, short

_FINE = 200  # places of an interpolated surface along an axis: as many as can be told apart
_LEAST_FOR_SURFACE = 10  # points from which on an interpolated surface says something
_MARKERS = ("o", "s", "^", "D", "v", "P", "p", "*")


def draw(
    view: View,
    place: Place,
    *,
    parameters: Sequence[str] | None,
    objective: str | None,
    value: str | None,
    log: bool | None,
) -> Drawn:
    """See `Plot.map`."""
    found = parameter_map(view, view.objective(objective), parameters, value)
    with canvas(place, 1) as at:
        axes = at.axes[0]
        colours, norm = _colours(found, log)
        marks: ScalarMappable
        if found.grid:
            marks = axes.pcolormesh(
                _edges(found.at_x, found.x),
                _edges(found.at_y, found.y),
                np.ma.masked_invalid(found.value),
                cmap=colours,
                norm=norm,
                rasterized=rasterized(found.value.size),
            )
            _failed_cells(axes, found)
        elif isinstance(colours, ListedColormap):
            _regime_points(axes, found, colours)
        else:
            marks = _scattered(axes, found, colours, norm)
        dress(axes, "x", found.x, limits=not found.grid)
        dress(axes, "y", found.y, limits=not found.grid)
        if found.best is not None:
            axes.plot(*found.best, "*", color="white", markeredgecolor="black", markersize=12, label="best", zorder=6)
        if found.regimes is not None:
            assert isinstance(colours, ListedColormap)
            _regimes(axes, found, colours)
        else:
            if np.isfinite(found.value).any():
                whole = bool((found.value[np.isfinite(found.value)] % 1 == 0).all())
                ticks = MaxNLocator(integer=True) if whole and type(norm) is Normalize else None
                at.figure.colorbar(marks, ax=axes, label=short(found.quantity.label), pad=0.02, ticks=ticks)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        what = f"{found.quantity.name} over {found.x.name} and {found.y.name}"
        size = f"{found.value.shape[1]} × {found.value.shape[0]} cells" if found.grid else f"{len(found.at_x):,} points"
        return at.finish(f"{what}, {size}", found.notes)


def _colours(found: Map, log: bool | None) -> tuple[str | ListedColormap, Normalize]:
    """Scale of colours, and how values are brought onto it."""
    if found.regimes is not None:
        if len(found.regimes) <= len(PALETTE):
            colours = [GREY if name == "failed" else PALETTE[place] for place, name in enumerate(found.regimes)]
        else:
            scale = colormaps[COLOURS]
            shares = np.linspace(0.0, 1.0, len(found.regimes))
            colours = [to_hex(scale(share)) for share in shares.tolist()]
        edges = np.arange(len(colours) + 1) - 0.5
        return ListedColormap(colours), BoundaryNorm(edges.tolist(), len(colours))
    there = found.value[np.isfinite(found.value)]
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    return colours_of(found.quantity), LogNorm(low, high) if log and low > 0 else Normalize(low, high)


def _edges(places: Floats, dimension: Dimension) -> Floats:
    """(n + 1,) where cells around n places begin and end, on the scale of the parameter."""
    at = np.log(places) if dimension.log else places
    middles = 0.5 * (at[1:] + at[:-1])
    edges = np.concatenate([[2 * at[0] - middles[0]], middles, [2 * at[-1] - middles[-1]]])
    return np.exp(edges) if dimension.log else edges


def _failed_cells(axes: Axes, found: Map) -> None:
    rows, columns = np.nonzero(found.failed)
    if len(rows):
        axes.plot(
            found.at_x[columns],
            found.at_y[rows],
            "x",
            color=VERMILLION,
            markersize=5,
            label="failed",
            rasterized=rasterized(len(rows)),
        )


def _regime_points(axes: Axes, found: Map, colours: ListedColormap) -> None:
    """Points of each regime, with a shape of its own that tells it apart in grey."""
    assert found.regimes is not None
    for place, name in enumerate(found.regimes):
        mine = found.value == place
        if not mine.any():
            continue
        failed = name == "failed"
        many = rasterized(len(mine))
        axes.plot(
            found.at_x[mine],
            found.at_y[mine],
            "x" if failed else _MARKERS[place % len(_MARKERS)],
            color=to_hex(colours(place)),
            markersize=3 if many else 5,
            markeredgewidth=0.8 if failed else 0.0,
            label=short(name, 20),
            rasterized=many,
        )


def _scattered(axes: Axes, found: Map, colours: str, norm: Normalize) -> PathCollection:
    """Points, over a surface between them where there are enough."""
    known = np.isfinite(found.value)
    surface = _surface(found, known)
    if surface is not None:
        share = np.linspace(0.0, 1.0, len(surface) + 1)
        axes.pcolormesh(
            _at_share(found.x, share),
            _at_share(found.y, share),
            np.ma.masked_invalid(surface),
            cmap=colours,
            norm=norm,
            rasterized=True,
        )
    many = rasterized(int(known.sum()))
    marks = axes.scatter(
        found.at_x[known],
        found.at_y[known],
        c=found.value[known],
        cmap=colours,
        norm=norm,
        s=6 if many else 16,
        linewidth=0.0 if many else 0.4,
        edgecolor="white",
        rasterized=many,
        zorder=3,
    )
    if found.failed.any():
        axes.plot(
            found.at_x[found.failed],
            found.at_y[found.failed],
            "x",
            color=VERMILLION,
            markersize=4,
            markeredgewidth=0.7,
            label="failed",
            rasterized=rasterized(int(found.failed.sum())),
            zorder=4,
        )
    return marks


def _surface(found: Map, known: Mask) -> Floats | None:
    """(rows, columns) values between the points, linear on the scales of the parameters; None for too few points."""
    if known.sum() < _LEAST_FOR_SURFACE or found.x.choices is not None or found.y.choices is not None:
        return None
    x, y = found.x.scaled(found.at_x[known]), found.y.scaled(found.at_y[known])
    middles = (np.arange(_FINE) + 0.5) / _FINE
    try:
        between = LinearTriInterpolator(Triangulation(x, y), found.value[known])
    except (RuntimeError, ValueError):  # all points lie on one line, or are equal
        return None
    return np.asarray(np.ma.filled(between(*np.meshgrid(middles, middles)), np.nan))


def _at_share(dimension: Dimension, share: Floats) -> Floats:
    """Values at shares of the range of a parameter, on its scale."""
    if dimension.log:
        return np.asarray(dimension.low * (dimension.high / dimension.low) ** share)
    return dimension.low + share * (dimension.high - dimension.low)


def _regimes(axes: Axes, found: Map, colours: ListedColormap) -> None:
    assert found.regimes is not None
    handles, names = axes.get_legend_handles_labels()
    if found.grid:  # cells have no labels of their own
        present = np.unique(found.value[np.isfinite(found.value)]).astype(int).tolist()
        handles = [*(Patch(facecolor=to_hex(colours(place))) for place in present), *handles]
        names = [*(short(found.regimes[place], 20) for place in present), *names]
    axes.legend(
        handles=handles,
        labels=names,
        title=short(found.quantity.label, 30),
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
    )
