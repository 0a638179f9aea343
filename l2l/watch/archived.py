"""What the archive of a run has, as counts: read once, in pieces, and closed at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.journal import Position
from l2l.schema import Layout, side_by_side
from l2l.spread import KEPT
from l2l.trajectory.reading import Busy, is_complete, marker_of, opened, place_of, read_state
from l2l.trajectory.records import together
from l2l.watch.tally import Tally

if TYPE_CHECKING:
    import h5py

_PIECE = 1_000_000
"""Rows that are read at once: some ten MB."""
_FAILURES = 200
"""Failures that are read: the newest, of which a screen shows a few."""
_BUSY = 4096
"""Trials by which workers are judged, as in a tally."""


def tally_of(path: Path, patience: float) -> tuple[Tally, Position, bool]:
    """The counts of what an archive holds, from where the journal goes on, and whether it needs no journal.

    Args:
        path: Of the archive.
        patience: Seconds for which a writer is waited for.

    Raises:
        Busy: It is being written.
        NotFoundError: There is none.
        StorageError: It is damaged, or of another format.
    """
    with opened(path, patience) as file:
        if marker_of(path).exists():
            raise Busy(f"{path} is being written")
        state, records = read_state(file)
        with together(path):
            layout = next(Layout(data) for kind, data in records if kind == "run")
            tally = Tally(layout)
            for kind, data in records:
                tally.add(kind, data)
            _take(tally, file, state)
    return tally, Position(*state["position"]), is_complete(state)


def _take(tally: Tally, file: "h5py.File", state: dict[str, Any]) -> None:
    counts = state["counts"]
    tally.generation_count = counts["generations"]
    tally.told = tally.closed = tally.asked = counts["individuals"]
    _take_individuals(tally, file, counts["individuals"])
    _take_generations(tally, file, counts["generations"])
    _take_trials(tally, file, "trials", counts["trials"])
    _take_pending(tally, file)
    _take_recent(tally, file, counts["trials"], list(state["hosts"]))
    _take_failures(tally, file, counts["failures"])


def _column(file: "h5py.File", table: str, name: str, rows: slice) -> NDArray[Any]:
    return np.asarray(file[place_of(table, name)][rows])


def _pieces(rows: int) -> list[slice]:
    return [slice(first, min(first + _PIECE, rows)) for first in range(0, rows, _PIECE)]


def _take_individuals(tally: Tally, file: "h5py.File", n: int) -> None:
    for rows in _pieces(n):
        same_as = _column(file, "individuals", "same_as", rows)
        tally.cached += int(np.count_nonzero(same_as >= 0)) * tally.trials_each
        tally.improve(_fitness(tally, file, rows))
    if n and tally.layout.run["steady_state"]:  # individuals are told in another order than asked
        tally.archived(_column(file, "individuals", "number", slice(0, n)))


def _fitness(tally: Tally, file: "h5py.File", rows: slice) -> NDArray[np.float64]:
    columns = [_column(file, "individuals", f"fitness/{one.name}", rows) for one in tally.layout.objectives]
    return side_by_side(columns, rows.stop - rows.start)


def _take_generations(tally: Tally, file: "h5py.File", n: int) -> None:
    _take_times(tally, _column(file, "generations", "finished", slice(0, n)))
    rows = slice(max(0, n - KEPT), n)
    firsts = _column(file, "generations", "first", rows).tolist()
    counts = _column(file, "generations", "count", rows).tolist()
    if not firsts:
        return
    fitness = _fitness(tally, file, slice(firsts[0], firsts[-1] + counts[-1]))
    for first, count in zip(firsts, counts, strict=True):
        tally.close(fitness[first - firsts[0] : first - firsts[0] + count])
    tally.last_count = counts[-1]


def _take_times(tally: Tally, finished: NDArray[np.float64]) -> None:
    """How long the segments led the run: one that was killed, until its last generation was complete."""
    small = tally.small
    begins = [float(one["started"]) for _, one in sorted(small.segments.items())]
    tally.earlier_seconds = 0.0
    for number, begin in enumerate(begins):
        later = begins[number + 1] if number + 1 < len(begins) else np.inf
        known = finished[(finished >= begin) & (finished < later)]
        end = float(known.max()) if len(known) else begin
        if number in small.stopped:
            end = float(small.stopped[number]["time"])
        tally.news = end
        if number + 1 < len(begins):
            tally.earlier_seconds += max(0.0, end - begin)


def _take_pending(tally: Tally, file: "h5py.File") -> None:
    """What a finished run had asked and not put to use."""
    for table in ("individuals", "trials"):
        place = f"pending/{table}"
        if place not in file:
            continue
        n = len(file[place_of(place, "number")])
        if table == "trials":
            _take_trials(tally, file, place, n)
        else:
            same_as = _column(file, place, "same_as", slice(0, n))
            tally.cached += int(np.count_nonzero(same_as >= 0)) * tally.trials_each


def _take_trials(tally: Tally, file: "h5py.File", table: str, n: int) -> None:
    for rows in _pieces(n):
        simulated = _column(file, table, "source", rows) < 0
        tally.trials += len(simulated)
        tally.cached += int(np.count_nonzero(~simulated))
        tally.failed += int(np.count_nonzero(_column(file, table, "status", rows)))
        cores = _column(file, table, "ranks", rows) * _column(file, table, "threads", rows)
        tally.spent(_column(file, table, "seconds", rows)[simulated], cores[simulated])


def _take_recent(tally: Tally, file: "h5py.File", n: int, hosts: list[str]) -> None:
    """When the last trials ran, of the segment that ran last."""
    rows = slice(max(0, n - _BUSY), n)
    segment = max(tally.small.segments, default=0)
    latest = (_column(file, "trials", "segment", rows) == segment) & (_column(file, "trials", "source", rows) < 0)
    starts = _column(file, "trials", "started", rows)
    ends = starts + _column(file, "trials", "seconds", rows)
    codes = _column(file, "trials", "host", rows)
    for code in np.unique(codes[latest]).tolist():
        mine = latest & (codes == code)
        tally.ran(hosts[code], starts[mine], ends[mine])


def _take_failures(tally: Tally, file: "h5py.File", n: int) -> None:
    rows = slice(max(0, n - _FAILURES), n)
    if not n:
        return
    messages = file[place_of("failures", "message")].asstr()[rows]
    status, individual, number = (
        _column(file, "failures", name, rows).tolist() for name in ("status", "individual", "number")
    )
    for one, message, *trial in zip(status, messages, individual, number, strict=True):
        tally.failure(one, str(message), (trial[0], trial[1]))
