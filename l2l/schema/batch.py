"""From several records of a kind to rows at once: in steady state a record is of one individual or trial alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.schema.columns import Ragged, Rows
from l2l.schema.layout import Layout
from l2l.schema.trials import TRIALS, TrialColumn
from l2l.values import Observable

Place = tuple[int, int]
"""A position in a journal: number of the file, offset."""

_MODULUS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Held:
    """A record that has not become rows yet.

    Args:
        data: Of the record.
        before: Where it begins in the journal.
        segment: To which it belongs.
    """

    data: Mapping[str, Any]
    before: Place
    segment: int


def asked_rows(layout: Layout, batch: Sequence[Held]) -> Rows:
    """Individuals that were asked, and where the journal says so."""
    said = [one.data for one in batch]
    lengths = [len(one["same_as"]) for one in said]
    columns = {name: _chain([one["columns"][name] for one in said]) for name in layout.space.names}
    rows: Rows = {
        "number": _chain([np.arange(one["first"], one["first"] + n) for one, n in zip(said, lengths, strict=True)]),
        "same_as": _chain([one["same_as"] for one in said]),
        "asked": np.repeat([one["event"] for one in said], lengths),
        "before_file": np.repeat([one.before[0] for one in batch], lengths),
        "before_offset": np.repeat([one.before[1] for one in batch], lengths),
        "before_segment": np.repeat([one.segment for one in batch], lengths),
    }
    rows |= {f"parameters/{name}": column for name, column in columns.items()}
    if layout.conditional:
        active = layout.space.activity_of_columns(columns)
        rows |= {f"active/{name}": active[name] for name in layout.conditional}
    return typed(layout, "individuals", rows)


def told_rows(layout: Layout, batch: Sequence[Held]) -> Rows:
    """What individuals came to."""
    said = [one.data for one in batch]
    fitness, spread = (_chain([one[name] for one in said]) for name in ("fitness", "spread"))
    rows: Rows = {
        "number": _chain([one["individuals"] for one in said]),
        "told": np.repeat([one["event"] for one in said], [len(one["individuals"]) for one in said]),
    }
    for place, one in enumerate(layout.objectives):
        rows |= {f"fitness/{one.name}": fitness[:, place], f"spread/{one.name}": spread[:, place]}
    rows["status"] = _chain([one["status"] for one in said])
    return typed(layout, "individuals", rows)


def trial_rows(layout: Layout, batch: Sequence[Held], codes: Callable[[Iterable[str]], NDArray[np.int32]]) -> Rows:
    """Records of kind `finished` or `validation` as rows of trials, with a further column `final`.

    Args:
        layout: Of the run.
        batch: The records.
        codes: Gives the numbers of hosts.
    """
    said = [one.data for one in batch]
    lengths = [len(one["index"]) for one in said]
    rows: Rows = {one.name: _taken(one, said, lengths) for one in TRIALS if one.record}
    entropy, fitness = np.asarray(rows["entropy"]), _chain([one["fitness"] for one in said])
    low = entropy[:, 0].astype(np.uint64) | entropy[:, 1].astype(np.uint64) << np.uint64(32)
    segments = [one.data.get("segment", one.segment) for one in batch]
    rows |= {
        "seed": (low % np.uint64(_MODULUS)).astype(np.int64) + 1,
        "segment": _chain([np.broadcast_to(one, (n,)) for one, n in zip(segments, lengths, strict=True)]),
        "host": _chain([codes(one["host"])[one["host_code"]] for one in said]),
    }
    for place, one in enumerate(layout.objectives):
        rows[f"fitness/{one.name}"] = fitness[:, place]
    for name, observable in layout.observables.items():
        rows[f"observables/{name}"] = _observable(observable, [one["observables"][name] for one in said])
    ordered = {name: rows[name] for name in layout.tables["trials"]}
    return {**typed(layout, "trials", ordered), "final": _chain([one["final"] for one in said]).astype(bool)}


def _taken(column: TrialColumn, said: Sequence[Mapping[str, Any]], lengths: Sequence[int]) -> NDArray[Any]:
    """A column of several records, which may have one value for all trials, or be older than the column."""
    if not column.shared and all(column.record in one for one in said):
        return _chain([one[column.record] for one in said])
    values = [one.get(column.record, column.column.fill) for one in said]
    if all(np.ndim(one) == 0 for one in values):
        return np.repeat(values, lengths)
    return _chain([np.broadcast_to(one, (n,)) for one, n in zip(values, lengths, strict=True)])


def _observable(observable: Observable, values: Sequence[Any]) -> Any:
    if observable.ragged:
        return Ragged.of(_chain([one["values"] for one in values]), _chain([one["lengths"] for one in values]))
    return _chain(values)


def _chain(arrays: Sequence[Any]) -> NDArray[Any]:
    return np.asarray(arrays[0]) if len(arrays) == 1 else np.concatenate(arrays)


def typed(layout: Layout, table: str, rows: Rows) -> Rows:
    """The rows with each column of its declared type."""
    columns = layout.tables[table]
    return {
        name: values if isinstance(values, Ragged) or name not in columns else np.asarray(values, columns[name].dtype)
        for name, values in rows.items()
    }
