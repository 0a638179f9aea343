"""What the plots and the table of a report draw: the columns of the run, each once, and the numbers of each plot."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import L2LError
from l2l.plot.data import Dimension, View
from l2l.plot.data.convergence import convergence
from l2l.plot.data.failures import failures
from l2l.plot.data.importance import importance
from l2l.plot.data.observable import AlongVector, Matrix, OverGenerations, observable
from l2l.plot.data.timeline import Timeline
from l2l.report.pack import Pack
from l2l.values import Status

ROWS = 100_000
"""Individuals that the page holds at most; of more it holds a subset, and says so."""
_BYTES = 6_000_000  # of columns before compression: with plotly's 2 MB the page stays below 9 MB
_LINES = 3_000  # of the parallel coordinates: more are one grey area
_MOST_PARAMETERS = 30  # that can be chosen and stand in the table
_LEAST_PARAMETERS = 4
_MOST_OBSERVABLES = 12
_POINTS = 2_000  # along one line: a screen has no more places
_MATRIX = 200  # rows and columns of a matrix that is drawn
_LANES = 64  # of the timeline: more are thinner than a line
_BARS = 20_000


class Payload:
    """The data of a page.

    Args:
        view: The run.
        timeline: What ran when; None where nothing was simulated here.
    """

    def __init__(self, view: View, timeline: Timeline | None) -> None:
        self.pack = Pack()
        self._view = view
        self._rows, self.note = _subset(view, ROWS)
        self._dimensions, self._left_out = _dimensions(view, len(self._rows))
        self.data: dict[str, Any] = {
            "rows": len(self._rows),
            "columns": self.pack.columns,
            "fields": self._fields() if len(view) else [],
            "statuses": [status.name for status in Status],
            "plots": self._plots(timeline) if len(view) or timeline else [],
            "note": self.note,
        }

    # --- columns of individuals ------------------------------------------------------------------------------------

    def _fields(self) -> list[dict[str, Any]]:
        """The columns that the table has, and from which axes are chosen."""
        view, rows = self._view, self._rows
        run, individuals = view.trajectory, view.individuals
        found = [
            self._field("number", "individual", individuals["number"][rows], whole=True),
            self._field("generation", "generation", view.generation[rows], whole=True),
            self._field("status", "status", individuals["status"][rows], choices=[one.name for one in Status]),
        ]
        for place, one in enumerate(view.objectives):
            values = np.where(view.failed, np.nan, view.fitness(one))[rows]
            better = None if one.maximize is None else "maximize" if one.maximize else "minimize"
            found.append(self._field(f"fitness{place}", one.name, values, unit=one.unit, better=better))
            if run.trials_per_individual > 1 and not view.explored:
                spread = individuals[f"spread/{one.name}"][rows]
                found.append(self._field(f"spread{place}", f"sd of {one.name}", spread, unit=one.unit, spread=True))
        for place, dimension in enumerate(self._dimensions):
            said = {name: getattr(dimension, name) for name in ("unit", "log", "low", "high", "choices", "whole")}
            values = dimension.values(individuals, rows)
            found.append(self._field(f"parameter{place}", dimension.name, values, parameter=True, **said))
        found += self._observed()
        seconds = _per_individual(view, np.asarray(run.trials["seconds"], dtype=np.float64))
        found.append(self._field("seconds", "simulated", seconds[rows], unit="s"))
        return found

    def _field(self, key: str, name: str, values: NDArray[Any], **more: Any) -> dict[str, Any]:
        self.pack.add(key, _coded(values) if more.get("choices") else values)
        return {"key": key, "name": name, **{word: one for word, one in more.items() if one not in (None, "", False)}}

    def _observed(self) -> list[dict[str, Any]]:
        """Observables that are scalars, as the mean over each individual's trials that succeeded."""
        view = self._view
        if view.explored:
            return []  # they stand in the place of the fitness
        scalars = [name for name, one in view.trajectory.observables.items() if not one.shape and not one.ragged]
        used = len(self._rows) * 4 * (len(self._dimensions) + 2 * len(view.objectives) + 1)
        places = max(1, (_BYTES - used) // max(1, 4 * len(self._rows)))
        found = []
        for place, name in enumerate(scalars[: min(places, _MOST_OBSERVABLES)]):
            values = _per_individual(view, np.asarray(view.trajectory.trials[f"observables/{name}"], float), mean=True)
            unit = view.trajectory.observables[name].unit
            found.append(self._field(f"observable{place}", name, values[self._rows], unit=unit))
        return found

    # --- plots -----------------------------------------------------------------------------------------------------

    def _plots(self, timeline: Timeline | None) -> list[dict[str, Any]]:
        view = self._view
        several = len(view.objectives) > 1 and not view.explored
        found: list[dict[str, Any]] = []
        if len(view):
            shown = view.shown()
            self.pack.add("shown", self._places(shown.rows))
            succeeded = not view.failed.all()
            found += [self._convergence(shown.note)] if succeeded and not view.explored else []
            if several and succeeded:
                self.pack.add("front", self._places(view.front))
                found.append({"kind": "front", "title": "Trade-offs between objectives", "note": shown.note})
            if self._dimensions and view.objectives and (succeeded or len(self._dimensions) == 1):
                title = "Parameters and observables" if view.explored else "Parameters and fitness"
                found.append({"kind": "slice", "title": title, "note": self._notes(shown.note)})
            if len(self._dimensions) > 1 and view.objectives:
                found.append({"kind": "map", "title": "Map of two parameters", "note": self._notes(shown.note)})
                found.append(self._parallel())
            found += _tried(self._importance) + self._observables() + _tried(self._failures)
        if timeline is not None:
            found.append(self._timeline(timeline))
        return found

    def _places(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """Where rows of the run stand among those of the page."""
        places = np.searchsorted(self._rows, rows)
        there = places < len(self._rows)
        there[there] = self._rows[places[there]] == rows[there]
        return np.asarray(places[there])

    def _notes(self, *notes: str) -> str:
        return "; ".join(one for one in (*notes, self._left_out) if one)

    def _convergence(self, note: str) -> dict[str, Any]:
        view = self._view
        series = []
        for place, one in enumerate(view.objectives):
            data = convergence(view, one)
            kept = _thinned(len(data.generation))
            self.pack.add("generations_over", data.generation[kept])
            self.pack.add("individuals_over", data.individuals[kept])
            for name in ("best", "low", "median", "high"):
                self.pack.add(f"{name}{place}", getattr(data, name)[kept])
            series.append(
                {
                    "target": data.target,
                    "validated": [[v.individual, v.mean, v.spread, v.trials] for v in data.validated],
                }
            )
        return {
            "kind": "convergence", "title": "Convergence", "note": note, "series": series,
            "generations": len(view.trajectory.generations),
        }  # fmt: skip

    def _parallel(self) -> dict[str, Any]:
        lines = self._view.shown(_LINES)
        self.pack.add("lines", self._places(lines.rows))
        title = "Parallel coordinates"
        return {"kind": "parallel", "title": title, "note": self._notes(lines.note)}

    def _importance(self) -> dict[str, Any]:
        found = [importance(self._view, one, most=15) for one in self._view.objectives]
        series = [
            {
                "names": [dimension.name for dimension in data.dimensions],
                "value": data.value,
                "spread": data.spread,
                "chance": data.chance,
                "axis": data.method,
            }
            for data in found
        ]
        note = f"{found[0].reference}; from {found[0].individuals:,} individuals"
        return {
            "kind": "importance", "title": "Which parameters matter", "series": series,
            "note": "; ".join(part for part in (note, found[0].note) if part),
        }  # fmt: skip

    def _observables(self) -> list[dict[str, Any]]:
        """The observables that can be drawn, which a reader chooses from."""
        view = self._view
        series = []
        for name in list(view.trajectory.observables)[:_MOST_OBSERVABLES]:
            series += _tried(lambda name=name: self._observable(name))  # type: ignore[misc]
        left = len(view.trajectory.observables) - _MOST_OBSERVABLES
        note = f"{left} further observables are in the archive" if left > 0 else ""
        return [{"kind": "observable", "title": "Observables", "series": series, "note": note}] if series else []

    def _observable(self, name: str) -> dict[str, Any]:
        found = observable(self._view, self._view.objectives[0], name)
        said: dict[str, Any] = {"name": found.quantity.name, "unit": found.quantity.unit}
        if isinstance(found, OverGenerations):
            kept = _thinned(len(found.generation))
            return said | {
                "form": "generations", "x": found.generation[kept], "quartiles": found.quartiles[:, kept],
                "best": found.best[kept],
            }  # fmt: skip
        if isinstance(found, AlongVector):
            kept = _thinned(len(found.mean))
            return said | {
                "form": "vector", "x": kept, "individual": found.individual, "trials": found.trials,
                "mean": found.mean[kept], "low": found.low[kept], "high": found.high[kept],
                "generation": found.generation, "quartiles": found.quartiles[:, kept],
            }  # fmt: skip
        if isinstance(found, Matrix):
            rows, columns = (_thinned(size, _MATRIX) for size in found.mean.shape)
            return said | {
                "form": "matrix", "individual": found.individual, "trials": found.trials,
                "x": columns, "y": rows, "z": found.mean[np.ix_(rows, columns)],
            }  # fmt: skip
        values = [np.asarray(one).reshape(len(one), -1)[:, 0] if len(one) else one for one in found.values]
        return said | {
            "form": "raster",
            "rows": [f"{a}-{b}" for a, b in zip(found.individuals, found.trials, strict=True)],
            "values": [np.asarray(one)[_thinned(len(one))] for one in values],
        }

    def _failures(self) -> dict[str, Any] | None:
        data = failures(self._view)
        if not data.failed:
            return None
        return {
            "kind": "failures", "title": "Failures over generations", "first": data.first, "width": data.width,
            "statuses": [status.name for status in data.statuses], "counts": data.counts,
            "most": int(data.counts.sum(axis=0).max()), "note": "",
        }  # fmt: skip

    def _timeline(self, data: Timeline) -> dict[str, Any]:
        start, stop, lane, status, validation = data.bars()
        kept = np.flatnonzero(lane < _LANES)
        notes = []
        if len(data.hosts) > _LANES:
            notes.append(f"{_LANES} of {len(data.hosts):,} lanes are drawn; the utilization is that of all")
        if len(kept) > _BARS:
            failed = status[kept] != Status.OK
            sampled = np.unique(np.concatenate([kept[failed], kept[:: -(-len(kept) // _BARS)]]))
            notes.append(f"{len(sampled):,} of {len(kept):,} trials are drawn, all that failed among them")
            kept = sampled
        self.pack.add("bar_start", start[kept])
        self.pack.add("bar_seconds", (stop - start)[kept])
        self.pack.add("bar_lane", lane[kept])
        self.pack.add("bar_status", np.where(validation[kept], len(Status), status[kept]))
        return {
            "kind": "timeline", "title": "Trials over time", "hosts": data.hosts[:_LANES],
            "at": data.busy_at, "busy": data.busy, "utilization": data.utilization, "pauses": data.pauses,
            "note": "; ".join(notes),
        }  # fmt: skip


def _subset(view: View, most: int) -> tuple[NDArray[np.int64], str]:
    """The rows that a page holds, in ascending order, and what was left out."""
    if len(view) <= most:
        return np.arange(len(view)), ""
    held, shown = view.shown(most, among=np.ones(len(view), bool)), view.shown()
    return np.union1d(held.rows, shown.rows), held.note.replace("are shown", "are in this page")


def _dimensions(view: View, rows: int) -> tuple[list[Dimension], str]:
    if not len(view) or not view.dimensions:
        return [], ""
    places = _BYTES // max(1, 4 * rows) - 2 * len(view.objectives) - 1
    most = int(np.clip(places, _LEAST_PARAMETERS, _MOST_PARAMETERS))
    dimensions, note = view.main_dimensions(most)
    return dimensions, note


def _per_individual(view: View, values: NDArray[np.float64], mean: bool = False) -> NDArray[np.float64]:
    """(n,) the sum over each individual's trials, or the mean over those that succeeded."""
    trials = view.trajectory.trials
    if not len(trials):
        return np.full(len(view), np.nan)
    row = view.rows_of(np.asarray(trials["individual"]))
    used = np.isfinite(values) & ((np.asarray(trials["status"]) == Status.OK) if mean else True)
    sums = np.bincount(row[used], values[used], minlength=len(view))
    count = np.bincount(row[used], minlength=len(view))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / np.where(count, count, np.nan) if mean else np.where(count, sums, np.nan))


def _coded(values: NDArray[Any]) -> NDArray[np.int64]:
    """Places of categories; -1 where there is none."""
    return np.where(np.isnan(values), -1, values).astype(np.int64) if values.dtype.kind == "f" else values


def _thinned(length: int, most: int = _POINTS) -> NDArray[np.int64]:
    """At most so many places from the first to the last."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(np.int64))


def _tried(make: Callable[[], Mapping[str, Any] | None]) -> list[dict[str, Any]]:
    """What can be drawn of a run as it stands: too few individuals, or none that succeeded, leave a plot out."""
    try:
        found = make()
    except L2LError:
        return []
    return [dict(found)] if found else []
