"""The small tables, whose earlier rows may still change: segments, differences met in replay, memos, validation."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from l2l.schema.columns import Rows, Values, height, joined, plain_text, taken, texts
from l2l.schema.layout import Columns, Layout


class Small:
    """The records from which the small tables are made; taking one twice changes nothing."""

    def __init__(self) -> None:
        self.run: Mapping[str, Any] = {}
        self.segments: dict[int, Mapping[str, Any]] = {}
        self.stopped: dict[int, Mapping[str, Any]] = {}
        self.differences: dict[tuple[int, int], Mapping[str, Any]] = {}
        self.memos: dict[int, Mapping[str, Any]] = {}
        self.validations: dict[bytes, Mapping[str, Any]] = {}
        self.changes = 0

    def add(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take a record; one of another kind is passed over."""
        if kind == "run":
            self.run = data
        elif kind == "segment":
            self.segments[data["number"]] = data
        elif kind == "stopped":
            self.stopped[data["segment"]] = data
        elif kind == "difference":
            self.differences[data["segment"], data["event"]] = data
        elif kind == "memo":
            self.memos[data["row"]] = data
        elif kind == "validation":
            self.validations[data["index"].tobytes() + b"-" + data["number"].tobytes()] = data
        else:
            return
        self.changes += 1

    def records(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The records from which the same can be made."""
        yield "run", self.run
        for kind, held in self._held():
            for data in held.values():
                yield kind, data

    def _held(self) -> Iterator[tuple[str, Mapping[Any, Mapping[str, Any]]]]:
        yield "segment", self.segments
        yield "memo", self.memos
        yield "difference", self.differences
        yield "validation", self.validations
        yield "stopped", self.stopped

    @property
    def finished(self) -> bool:
        """Whether the run is over: its last segment ended so."""
        return bool(self._last_stop().get("finished", False))

    @property
    def reason(self) -> str:
        """Why the last segment stopped; "" while it runs, or where it was killed."""
        return str(self._last_stop().get("reason", ""))

    def _last_stop(self) -> Mapping[str, Any]:
        return self.stopped.get(max(self.segments, default=0), {})

    @property
    def last_segment(self) -> Mapping[str, Any]:
        """What the last segment said of itself."""
        return self.segments[max(self.segments)] if self.segments else {}

    def sources(self) -> dict[tuple[int, str], str]:
        """(segment, name) → text of fingerprinted files and git's diff, where it differs from before."""
        found: dict[tuple[int, str], str] = {}
        latest: dict[str, str] = {}
        for number, segment in sorted(self.segments.items()):
            said = dict(segment.get("sources", {}))
            if segment.get("diff"):
                said["git diff"] = segment["diff"]
            for name, text in said.items():
                if latest.get(name) != text:
                    latest[name] = found[number, name] = plain_text(text)
        return found

    def tables(self, layout: Layout) -> dict[str, Rows]:
        """Segments, differences and memos."""
        segments = [self._segment(number) for number in sorted(self.segments)]
        differences = [self.differences[key] for key in sorted(self.differences)]
        memos = [self.memos[row] for row in sorted(self.memos)]
        rows: dict[str, list[Any]] = {"segments": segments, "differences": differences, "memos": memos}
        return {table: _table(layout.tables[table], said) for table, said in rows.items()}

    def _segment(self, number: int) -> dict[str, Any]:
        stop = self.stopped.get(number, {})
        met = [one["difference"] for (segment, _), one in self.differences.items() if segment == number]
        return {
            **self.segments[number],
            "stopped": stop.get("time", np.nan),
            "finished": stop.get("finished", False),
            "reason": stop.get("reason", ""),
            "difference": max(met, default=0.0),
        }

    def validation(self, rows_of: Callable[[Mapping[str, Any]], Rows]) -> Rows:
        """Fresh trials of the winners, by individual and number.

        Args:
            rows_of: Makes rows of trials of a record.
        """
        parts: list[Rows] = []
        for data in self.validations.values():
            rows = rows_of(data)
            messages, traces = [""] * height(rows), [""] * height(rows)
            for row, message, trace in data["failures"]:
                messages[row], traces[row] = message, trace
            parts.append({**rows, "message": texts(messages), "traceback": texts(traces)})
        if not parts:
            return {}
        whole = joined(parts)
        whole = taken(whole, np.asarray(whole["final"]))
        number, individual = np.asarray(whole["number"]), np.asarray(whole["individual"])
        order = np.lexsort((number, individual))
        first = np.ones(len(order), dtype=bool)
        first[1:] = (np.diff(individual[order]) != 0) | (np.diff(number[order]) != 0)
        del whole["final"]
        return taken(whole, order[first])


def _table(columns: Columns, said: list[Any]) -> Rows:
    return {name: _values(name, column.dtype, [one.get(name) for one in said]) for name, column in columns.items()}


def _values(name: str, dtype: np.dtype[Any] | None, said: list[Any]) -> Values:
    if dtype is None:
        return texts([one if isinstance(one, str) else "" if one is None else json.dumps(one) for one in said])
    nothing = np.nan if dtype.kind == "f" else 0
    return np.array([nothing if one is None else one for one in said], dtype=dtype)
