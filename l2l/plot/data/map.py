"""Two parameters and a value: a grid, or scattered points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from l2l.errors import NotFoundError, OptionError, near
from l2l.plot.data.dimensions import Dimension, Floats, Quantity
from l2l.plot.data.view import MOST_SHOWN, Ints, Mask, View
from l2l.values import Status

_MOST_REGIMES = 12
"""Whole numbers of which no more differ are names of regimes, as long as they are no counts."""


@dataclass(frozen=True, slots=True)
class Map:
    """A value over two parameters.

    Args:
        x: The parameter of the first axis.
        y: The parameter of the second axis.
        quantity: What the value is.
        at_x: (p,) places of the points; of a grid the (columns,) values of x.
        at_y: (p,) likewise, (rows,).
        value: (p,), or of a grid (rows, columns); places in `regimes` where there are some; NaN where nothing is known.
        failed: Of the same shape, whether all individuals there failed.
        grid: Whether it is one.
        regimes: What the values are called; None for numbers on a scale.
        best: Where the best individual lies, or None.
        notes: What was left out or put together, as sentences.
    """

    x: Dimension
    y: Dimension
    quantity: Quantity
    at_x: Floats
    at_y: Floats
    value: Floats
    failed: Mask
    grid: bool
    regimes: tuple[str, ...] | None
    best: tuple[float, float] | None
    notes: tuple[str, ...]


def parameter_map(
    view: View,
    objective: Quantity,
    names: Sequence[str] | None = None,
    value: str | None = None,
    most_shown: int = MOST_SHOWN,
) -> Map:
    """A value over two parameters.

    Args:
        view: The run.
        objective: Where the best individual is marked, and the value unless another one is named.
        names: The two parameters; None for the two that matter most.
        value: An objective, a scalar observable (mean over trials), or "status".
        most_shown: Points, where they form no grid.

    Raises:
        NotFoundError: No generation is complete yet, or there is no such parameter or value.
        OptionError: Not two parameters.
    """
    view.need_some()
    if not names and len(view.dimensions) < 2:
        raise OptionError(
            f"map: expected a run with two parameters that vary, got {len(view.dimensions)}; draw slice instead"
        )
    dimensions, note = view.main_dimensions(2, names, objective)
    if len(dimensions) != 2:
        raise OptionError(
            f"map: expected two parameters, got {', '.join(one.name for one in dimensions[:8])}; "
            "name two scalars or components, as in parameters=['x[0]', 'x[1]']"
        )
    x, y = dimensions
    quantity, values, regimes = _values(view, objective, value)
    at_x, at_y = x.values(view.individuals), y.values(view.individuals)
    there = view.different & ~np.isnan(at_x) & ~np.isnan(at_y)
    best_row = view.best(objective)
    best = (float(at_x[best_row]), float(at_y[best_row])) if best_row is not None and there[best_row] else None
    notes = [note] if note else []
    failed = view.failed & np.isnan(values) if regimes is None else np.zeros(len(view), bool)
    rows = np.flatnonzero(there)
    found_x, column = np.unique(at_x[rows], return_inverse=True)
    found_y, row = np.unique(at_y[rows], return_inverse=True)
    cells = row * len(found_x) + column
    if _is_grid(len(found_x), len(found_y), cells):
        size = len(found_x) * len(found_y)
        most = int(np.bincount(cells).max())
        if most > 1:
            how = "the most frequent" if regimes else "the mean"
            notes.append(f"{how} over up to {most} individuals that differ in other parameters is shown")
        whole = _most_frequent(values[rows], cells, size) if regimes else _mean(values[rows], cells, size)
        all_failed = _mean(failed[rows].astype(np.float64), cells, size) == 1.0
        shape = len(found_y), len(found_x)
        return Map(
            x,
            y,
            quantity,
            found_x,
            found_y,
            whole.reshape(shape),
            all_failed.reshape(shape),
            True,
            regimes,
            best,
            tuple(notes),
        )
    shown = view.shown(most_shown, among=there)
    if shown.note:
        notes.append(shown.note)
    rows = shown.rows
    return Map(x, y, quantity, at_x[rows], at_y[rows], values[rows], failed[rows], False, regimes, best, tuple(notes))


def _is_grid(columns: int, rows: int, cells: Ints) -> bool:
    """Whether points lie on a grid that is at least half full."""
    return columns > 1 and rows > 1 and columns * rows <= 2 * len(np.unique(cells))


def _mean(values: Floats, cells: Ints, size: int) -> Floats:
    known = ~np.isnan(values)
    number = np.bincount(cells[known], minlength=size)
    sums = np.bincount(cells[known], values[known], minlength=size)
    return np.asarray(sums / np.where(number, number, np.nan))


def _most_frequent(values: Floats, cells: Ints, size: int) -> Floats:
    known = ~np.isnan(values)
    codes = values[known].astype(np.int64)
    counts = np.zeros((size, int(codes.max(initial=0)) + 1), np.int64)
    np.add.at(counts, (cells[known], codes), 1)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), np.nan)


def _values(view: View, objective: Quantity, name: str | None) -> tuple[Quantity, Floats, tuple[str, ...] | None]:
    """(n,) the value of each individual, and its regimes where it has some."""
    by_name = {} if view.explored else {one.name: one for one in view.objectives}
    if view.explored and name is None:
        name = objective.name  # an observable, which may have regimes
    if name is None or name in by_name:
        quantity = objective if name is None else by_name[name]
        return quantity, np.where(view.failed, np.nan, view.fitness(quantity)), None
    if name == "status":
        status = np.asarray(view.individuals["status"], dtype=np.int64)
        codes, places = np.unique(status, return_inverse=True)
        return Quantity("status"), places.astype(np.float64), tuple(Status(code).name for code in codes.tolist())
    observables = view.trajectory.observables
    scalars = [one for one, declared in observables.items() if not declared.shape and not declared.ragged]
    if name not in scalars:
        if name in observables:
            raise OptionError(f"map: expected a value that is a scalar, got the observable {name!r}, which is an array")
        raise NotFoundError(near(name, [*by_name, *scalars, "status"], "value"))
    quantity = Quantity(name, observables[name].unit)
    values, discrete = _of_observable(view, name)
    if not discrete:
        return quantity, values, None
    known = np.isfinite(values)
    names, places = np.unique(values[known], return_inverse=True)
    coded = np.full(len(values), np.nan)
    coded[known] = places
    labels = [("no", "yes")[int(one)] if discrete == "b" else f"{one:g}" for one in names.tolist()]
    if view.failed.any():  # a regime of its own
        coded[view.failed] = len(labels)
        labels.append("failed")
    return quantity, coded, tuple(labels)


def _of_observable(view: View, name: str) -> tuple[Floats, str]:
    """(n,) of the individuals: mean over trials, or the most frequent of few whole numbers, with the kind of these."""
    trials = view.trajectory.trials
    row = view.rows_of(np.asarray(trials["individual"]))
    succeeded = np.asarray(trials["status"] == Status.OK)
    raw = np.asarray(trials[f"observables/{name}"])[succeeded]
    row = row[succeeded]
    values = raw.astype(np.float64)
    kinds = np.unique(values[np.isfinite(values)])
    if raw.dtype.kind not in "iub" or len(kinds) > _MOST_REGIMES or not len(kinds):
        return _mean(values, row, len(view)), ""
    places = _most_frequent(np.searchsorted(kinds, values).astype(np.float64), row, len(view))
    known = ~np.isnan(places)
    found = np.full(len(view), np.nan)
    found[known] = kinds[places[known].astype(np.int64)]
    return found, "b" if raw.dtype.kind == "b" else "i"
