"""What ran when on which worker, and how busy the workers were."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch

from l2l.plot.data.colours import BLACK, BLUE, GREY, OF_STATUS, SKY
from l2l.plot.data.dimensions import Floats
from l2l.plot.data.timeline import Timeline, timeline
from l2l.plot.data.view import View
from l2l.plot.picture import Drawn, Place, canvas, rasterized, short
from l2l.values import Status

_VALIDATION = SKY
_UNITS = ((86400.0 * 3, 86400.0, "d"), (3600.0 * 3, 3600.0, "h"), (60.0 * 3, 60.0, "min"), (0.0, 1.0, "s"))


def draw(view: View, place: Place) -> Drawn:
    """See `Plot.timeline`."""
    found = timeline(view)
    factor, unit = next((size, name) for least, size, name in _UNITS if found.span >= least)
    lanes = len(found.hosts)
    with canvas(place, 2, columns=1, sharex=True, height_ratios=(3.0, 1.0)) as at:
        if at.own:
            at.drawn.set_size_inches(7.0, 2.4 + min(max(0.18 * lanes, 0.8), 6.0))  # type: ignore[union-attr]
        bars, busy = at.axes
        _bars(bars, found, factor)
        busy.fill_between(found.busy_at / factor, found.busy * 100.0, step="mid", color=BLUE, alpha=0.4, linewidth=0)
        busy.axhline(found.utilization * 100.0, color=BLACK, linestyle="--", linewidth=0.9)
        busy.set_ylim(0.0, 105.0)
        busy.set_ylabel("busy (%)")
        busy.set_xlabel(f"time since the first trial ({unit})")
        busy.set_title(f"{found.utilization:.0%} on average", loc="right", fontsize="small", color=GREY)
        for position, length in found.pauses:
            for axes in at.axes:
                axes.axvline(position / factor, color=GREY, linestyle=":", linewidth=1.2)
            bars.annotate(
                f"stopped for {_duration(length)}",
                (position / factor, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize="x-small",
                color=GREY,
            )
        notes = [f"{found.elsewhere:,} trials were taken from earlier runs"] if found.elsewhere else []
        workers = f"{lanes} worker{'s' if lanes > 1 else ''} at once"
        return at.finish(
            f"{len(found.start):,} trials on {workers}, {found.utilization:.0%} busy over {_duration(found.span)}",
            notes,
        )


def _bars(axes: Axes, found: Timeline, factor: float) -> None:
    start, stop, lane, status, validation = found.bars()
    start, stop = start / factor, stop / factor
    corners = np.stack(
        [
            np.stack([start, lane - 0.4], axis=1),
            np.stack([start, lane + 0.4], axis=1),
            np.stack([stop, lane + 0.4], axis=1),
            np.stack([stop, lane - 0.4], axis=1),
        ],
        axis=1,
    )
    handles = []
    kinds = [(code, test) for code in np.unique(status).tolist() for test in (False, True)]
    for code, test in kinds:
        mine = (status == code) & (validation == test)
        if not mine.any():
            continue
        colour = _VALIDATION if test and code == Status.OK else OF_STATUS[Status(code)]
        # A thin edge of the same colour, or trials that are shorter than a pixel would not be seen.
        shape = corners[mine] if code == Status.OK else _upper(corners[mine])
        axes.add_collection(
            PolyCollection(
                list(shape), facecolors=colour, edgecolors=colour, linewidths=0.2, rasterized=rasterized(len(start))
            )
        )
        name = Status(code).name if not test else f"validation, {Status(code).name}"
        handles.append(Patch(color=colour, label=name))
    lanes = len(found.hosts)
    axes.set_xlim(0.0, found.span / factor * 1.005)
    axes.set_ylim(lanes - 0.4, -0.6)
    _hosts(axes, found.hosts)
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _upper(corners: Floats) -> Floats:
    """Rectangles of half the height, by which failures differ from successes in grey.

    Args:
        corners: (n, 4, 2) of whole ones; the lower lane is the larger number.
    """
    found = corners.copy()
    found[:, 1:3, 1] -= 0.4
    return found


def _hosts(axes: Axes, hosts: tuple[str, ...]) -> None:
    """Workers of one host are counted; where there are few, each has its line."""
    names = list(dict.fromkeys(hosts))
    first = [hosts.index(name) for name in names]
    if len(names) == 1:
        axes.set_ylabel(f"workers on {short(names[0], 30)}")
        places = sorted({*range(0, len(hosts), max(1, len(hosts) // 8))})
        axes.set_yticks(places, [str(place + 1) for place in places])
        return
    ends = [*first[1:], len(hosts)]
    middles = [0.5 * (begin + end - 1) for begin, end in zip(first, ends, strict=True)]
    step = -(-len(names) // 20)
    axes.set_yticks(middles[::step], [short(name, 24) for name in names[::step]])
    for begin in first[1:]:
        axes.axhline(begin - 0.5, color=GREY, linewidth=0.5)
    axes.set_ylabel("workers by host")


def _duration(seconds: float) -> str:
    factor, unit = next((size, name) for least, size, name in _UNITS if seconds >= least)
    return f"{seconds / factor:.3g} {unit}"
