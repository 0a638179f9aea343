"""What ran when, on which worker, and how busy the workers were."""

import heapq
from dataclasses import dataclass

import numpy as np

from l2l.errors import NotFoundError
from l2l.plot.data.dimensions import Floats
from l2l.plot.data.view import Ints, Mask, View

_BINS = 200  # of the utilization: as fine as a line across a page shows
_OVERLAP = 1e-3  # seconds by which two trials of one worker may seem to overlap: clocks are no better
_OVERLAP_SHARE = 0.1  # of a trial, likewise: on a busy machine a worker reads the clock late
_PAUSE = 0.1  # a stop between two segments is cut out from this share of the simulated time on
_LEFT = 0.02  # what stays of it
_FINEST = 2000  # bars of one lane: a page has no more places


@dataclass(frozen=True, slots=True)
class Timeline:
    """k trials that were simulated in this run, in order of their lanes and starts.

    The archive knows the host of a trial, not its worker: a lane is filled with trials that did not overlap, and a host
    has as many lanes as it had trials at once.

    Args:
        began: Unix time of the first start, in seconds.
        start: (k,) seconds since then, pauses cut out.
        stop: (k,) likewise.
        lane: (k,) in which lane.
        status: (k,) what became of it.
        validation: (k,) whether it is one of the fresh trials of the validation.
        hosts: (lanes,) the host of each lane.
        busy_at: (t,) middles of intervals, in seconds.
        busy: (t,) the share of lanes that simulated in each interval.
        utilization: The share of all lanes' time that was simulated.
        pauses: Pairs of where on the axis a pause was cut out, and how long it was in truth, both in seconds.
        elsewhere: Trials whose results came from other runs.
    """

    began: float
    start: Floats
    stop: Floats
    lane: Ints
    status: Ints
    validation: Mask
    hosts: tuple[str, ...]
    busy_at: Floats
    busy: Floats
    utilization: float
    pauses: tuple[tuple[float, float], ...]
    elsewhere: int

    @property
    def span(self) -> float:
        """Seconds from the first start to the last end, pauses cut out."""
        return float(self.stop.max())

    def bars(self) -> tuple[Floats, Floats, Ints, Ints, Mask]:
        """Start, stop, lane, status and validation of bars: trials too close to be told apart are one bar."""
        close = self.span / _FINEST
        joined = (
            (self.lane[1:] == self.lane[:-1])
            & (self.status[1:] == self.status[:-1])
            & (self.validation[1:] == self.validation[:-1])
            & (self.start[1:] - self.stop[:-1] < close)
            & (self.stop[:-1] - self.start[:-1] < close)
        )
        first = np.flatnonzero(np.concatenate([[True], ~joined]))
        stop = np.maximum.reduceat(self.stop, first)
        return self.start[first], stop, self.lane[first], self.status[first], self.validation[first]


def timeline(view: View) -> Timeline:
    """What ran when, with trials of the open generation and of the validation.

    Raises:
        NotFoundError: No trial was simulated in this run yet.
    """
    run = view.trajectory
    tables = [run.trials, run.unfinished, run.validation]
    names = ("started", "seconds", "status", "segment", "source")
    started, seconds, status, segment, source = (
        np.concatenate([np.asarray(table[name]) for table in tables if len(table)] or [np.empty(0)]) for name in names
    )
    host = np.concatenate([np.asarray(table["host"], dtype=object) for table in tables if len(table)] or [np.empty(0)])
    validation = np.repeat([False, False, True], [len(table) for table in tables])
    here = (source < 0) & np.isfinite(started) & (started > 0) & np.isfinite(seconds)
    if not here.any():
        why = "all results came from other runs" if len(source) else "none is over yet"
        raise NotFoundError(f"{run.path}: no trial was simulated in this run; {why}")
    elsewhere = int((source >= 0).sum())
    began = float(started[here].min())
    order = np.flatnonzero(here)[np.argsort(started[here], kind="stable")]
    start, stop = started[order] - began, started[order] - began + seconds[order]
    start, stop, pauses = _without_pauses(start, stop, segment[order])
    lane, hosts = _lanes(start, stop, host[order])
    edges = np.linspace(0.0, max(float(stop.max()), 1e-9), _BINS + 1)
    simulated = np.diff(_simulated_until(edges, start, stop))
    by_lane = np.lexsort((start, lane))
    return Timeline(
        began=began,
        start=start[by_lane],
        stop=stop[by_lane],
        lane=lane[by_lane],
        status=status[order][by_lane].astype(np.int64),
        validation=validation[order][by_lane],
        hosts=hosts,
        busy_at=0.5 * (edges[1:] + edges[:-1]),
        busy=simulated / (np.diff(edges) * len(hosts)),
        utilization=float(simulated.sum() / (edges[-1] * len(hosts))),
        pauses=pauses,
        elsewhere=elsewhere,
    )


def _without_pauses(
    start: Floats, stop: Floats, segment: Ints
) -> tuple[Floats, Floats, tuple[tuple[float, float], ...]]:
    """Times without the pauses between segments that are long beside the time that was simulated."""
    end = np.maximum.accumulate(stop)
    gap = start[1:] - end[:-1]
    worked = float(end[-1] - gap[(segment[1:] != segment[:-1]) & (gap > 0)].sum())
    places = np.flatnonzero((segment[1:] != segment[:-1]) & (gap > _PAUSE * max(worked, 1e-9)))
    cut = np.zeros(len(start))
    pauses = []
    for place in places.tolist():
        length = float(gap[place]) - _LEFT * worked
        pauses.append((float(end[place] - cut[place]) + 0.5 * _LEFT * worked, float(gap[place])))
        cut[place + 1 :] += length
    return start - cut, stop - cut, tuple(pauses)


def _lanes(start: Floats, stop: Floats, host: np.ndarray) -> tuple[Ints, tuple[str, ...]]:
    """The lane of each trial, and the host of each lane; trials are in the order of their starts."""
    lanes = np.zeros(len(start), dtype=np.int64)
    names: list[str] = []
    for name in dict.fromkeys(host.tolist()):
        mine = np.flatnonzero(host == name)
        free: list[int] = []
        working: list[tuple[float, int]] = []
        for place, begin, end in zip(mine.tolist(), start[mine].tolist(), stop[mine].tolist(), strict=True):
            slack = max(_OVERLAP, _OVERLAP_SHARE * (end - begin))
            while working and working[0][0] <= begin + slack:
                heapq.heappush(free, heapq.heappop(working)[1])
            if free:
                lane = heapq.heappop(free)
            else:
                lane = len(names)
                names.append(str(name))
            heapq.heappush(working, (end, lane))
            lanes[place] = lane
    return lanes, tuple(names)


def _simulated_until(times: Floats, start: Floats, stop: Floats) -> Floats:
    """Seconds of simulation, of all lanes together, until each of these times."""

    def until(begin: Floats) -> Floats:
        ordered = np.sort(begin)
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        count = np.searchsorted(ordered, times)
        return np.asarray(count * times - sums[count])

    return until(start) - until(stop)
