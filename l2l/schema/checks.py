"""Whether a record says what its kind should say: a journal is read as if anybody could have written it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l2l.schema.layout import Layout
from l2l.schema.trials import TRIALS, TrialColumn
from l2l.values import Observable, Status

Check = Callable[[Mapping[str, Any], Layout], None]

_INTEGERS, _NUMBERS = "iu", "biuf"
_LARGEST = 2**62
"""Above every number of an individual, row or event."""


def check_record(kind: str, data: Mapping[str, Any], layout: Layout | None) -> Layout:
    """See that a record is well-formed; one of an unknown kind says nothing about the tables.

    Args:
        kind: Of the record.
        data: Of the record.
        layout: Of the run, from its first record; None before it.

    Returns:
        The layout from now on.

    Raises:
        ValueError: Says what is wrong with it.
    """
    if layout is None and kind != "run":
        raise ValueError(f"its first record should say what the run is of, got {kind!r}: records are missing")
    try:
        if kind == "run":
            layout = Layout(data)
            _run(data)
        elif layout is not None and kind in _CHECKS:
            _CHECKS[kind](data, layout)
    except _WRONG as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"a record {kind!r} that l2l would not have written: {what}") from None
    assert layout is not None
    return layout


_WRONG = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What may be raised by data of another form than expected."""


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}")


def _texts(data: Mapping[str, Any], *names: str) -> None:
    for name in names:
        _expect(isinstance(data[name], str), f"text as {name}")


def _flags(data: Mapping[str, Any], *names: str) -> None:
    for name in names:
        _expect(isinstance(data[name], bool), f"true or false as {name}")


def _times(data: Mapping[str, Any], *names: str) -> None:
    for name in names:
        _expect(isinstance(data[name], int | float), f"a number as {name}")


def _whole(data: Mapping[str, Any], *names: str, least: int = 0) -> None:
    for name in names:
        value = data[name]
        right = isinstance(value, int) and not isinstance(value, bool) and least <= value < _LARGEST
        _expect(right, f"a whole number of at least {least} as {name}")


def _array(value: Any, shape: tuple[int, ...], kinds: str, name: str, least: int | None = None) -> None:
    """See that a value is an array of that shape, and of numbers of that kind."""
    right = isinstance(value, np.ndarray) and value.shape == shape and (not value.size or value.dtype.kind in kinds)
    _expect(right, f"an array of shape {shape} as {name}")
    if least is not None and value.size:
        _expect(least <= int(value.min()) and int(value.max()) < _LARGEST, f"numbers of at least {least} as {name}")


def _length(value: Any, name: str) -> int:
    _expect(isinstance(value, np.ndarray) and value.ndim == 1, f"a row of numbers as {name}")
    return len(value)


def _statuses(value: Any, n: int) -> None:
    _array(value, (n,), _INTEGERS, "status", 0)
    _expect(not n or int(value.max()) <= max(Status), "statuses that there are")


def _run(data: Mapping[str, Any]) -> None:
    _whole(data, "population", least=1)
    _expect(isinstance(data["seed"], int), "a whole number as seed")
    _expect(isinstance(data.get("trials", 1), int) and data.get("trials", 1) >= 1, "a whole number as trials")
    if "fewest_trials" in data:
        _whole(data, "fewest_trials")
    _texts(data, "experiment", "fingerprint")
    _flags(data, "stochastic", "steady_state")
    _parts(data.get("parts", {}))


def _parts(parts: Any) -> None:
    _expect(isinstance(parts, dict) and all(isinstance(one, str) for one in parts.values()), "texts as parts")


def _segment(data: Mapping[str, Any], _: Layout) -> None:
    _whole(data, "number")
    for name in ("fingerprint", "experiment"):
        _expect(isinstance(data.get(name, ""), str), f"text as {name}")
    _expect(isinstance(data.get("sources", {}), dict), "texts as sources")
    _parts(data.get("parts") or {})


def _asked(data: Mapping[str, Any], layout: Layout) -> None:
    _whole(data, "first", "event")
    _times(data, "time")
    n = _length(data["same_as"], "same_as")
    _array(data["same_as"], (n,), _INTEGERS, "same_as", -1)
    _expect(not n or int(data["same_as"].max()) < data["first"] + n, "numbers of earlier individuals as same_as")
    names = layout.space.names
    _expect(sorted(data["columns"]) == sorted(names), f"columns {', '.join(names)}")
    for name, parameter in layout.space.parameters.items():
        column, codes = data["columns"][name], parameter.codes
        if codes is None:
            _array(column, (n, *parameter.shape), _NUMBERS, name)
        else:
            _array(column, (n, *parameter.shape), _INTEGERS, name, 0)
            _expect(not column.size or int(column.max()) < len(codes), f"choices of {name} that there are")


def _told(data: Mapping[str, Any], layout: Layout) -> None:
    _whole(data, "event")
    n, m = _length(data["individuals"], "individuals"), len(layout.objectives)
    _array(data["individuals"], (n,), _INTEGERS, "individuals", 0)
    _array(data["fitness"], (n, m), "f", "fitness")
    _array(data["spread"], (n, m), "f", "spread")
    _statuses(data["status"], n)


def _finished(data: Mapping[str, Any], layout: Layout) -> None:
    n = _results(data, layout)
    wanted = layout.run.get("trials", 1)
    _expect(not n or int(data["number"].max()) < wanted, f"numbers of trials below {wanted}")


def _results(data: Mapping[str, Any], layout: Layout) -> int:
    n = _length(data["index"], "index")
    for one in TRIALS:
        if one.record and (one.record in data or not one.measured):
            _entry(data, one, n)
    _array(data["host_code"], (n,), _INTEGERS, "host_code", 0)
    _statuses(data["status"], n)
    _array(data["final"], (n,), "b", "final")
    _array(data["fitness"], (n, len(layout.objectives)), "f", "fitness")
    hosts = data["host"]
    _expect(isinstance(hosts, list) and all(isinstance(one, str) for one in hosts), "texts as host")
    _expect(not n or int(data["host_code"].max()) < len(hosts), "hosts that are named")
    _expect(sorted(data["observables"]) == sorted(layout.observables), "the observables that are declared")
    for name, observable in layout.observables.items():
        _observable(data["observables"][name], observable, n, name)
    _failures(data["failures"], n)
    return n


def _entry(data: Mapping[str, Any], one: TrialColumn, n: int) -> None:
    """See that an entry of a record of trials is as the table says."""
    if one.shared and not isinstance(data[one.record], np.ndarray):
        _whole(data, one.record, least=one.least or 0)
        return
    kinds = "f" if one.column.fill != 0 else _INTEGERS
    _array(data[one.record], (n, *one.column.shape), kinds, one.record, one.least)


def _observable(value: Any, observable: Observable, n: int, name: str) -> None:
    kinds = observable.missing().dtype.kind
    if not observable.ragged:
        _array(value, (n, *observable.shape), kinds, name)
        return
    _array(value["lengths"], (n,), _INTEGERS, f"lengths of {name}", 0)
    _array(value["values"], (int(value["lengths"].sum()), *observable.shape), kinds, name)


def _failures(failures: Any, n: int) -> None:
    _expect(isinstance(failures, list), "a list as failures")
    for failure in failures:
        row, message, trace = failure
        right = isinstance(row, int) and 0 <= row < n and isinstance(message, str) and isinstance(trace, str)
        _expect(right, "row, message and traceback of each failure")


def _validation(data: Mapping[str, Any], layout: Layout) -> None:
    _results(data, layout)


def _generation(data: Mapping[str, Any], layout: Layout) -> None:
    _whole(data, "number", "count")
    _times(data, "started", "finished")
    best = np.asarray(data["best"], dtype=np.float64)
    _expect(best.shape == (len(layout.objectives),), "a number per objective as best")
    for name, value in data["report"].items():
        _expect(np.asarray(value).dtype.kind in _NUMBERS, f"numbers as {name}")


def _stopped(data: Mapping[str, Any], _: Layout) -> None:
    _whole(data, "segment")
    _texts(data, "reason")
    _flags(data, "finished")
    _times(data, "time")


def _difference(data: Mapping[str, Any], _: Layout) -> None:
    _whole(data, "segment", "event")
    _times(data, "difference")
    _flags(data, "adopted")


def _memo(data: Mapping[str, Any], _: Layout) -> None:
    _whole(data, "row")
    _texts(data, "path", "fingerprint")
    _times(data, "time")


_CHECKS: Mapping[str, Check] = {
    "segment": _segment,
    "asked": _asked,
    "told": _told,
    "finished": _finished,
    "validation": _validation,
    "generation": _generation,
    "stopped": _stopped,
    "difference": _difference,
    "memo": _memo,
}
