"""Observables: scalars over generations, vectors, matrices, and values of any length."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import NotFoundError, near
from l2l.plot.data.convergence import QUARTILES, quantiles_over
from l2l.plot.data.dimensions import Floats, Quantity
from l2l.plot.data.parameters import best_rows
from l2l.plot.data.view import Ints, View
from l2l.values import Observable, Status

_MOST_COMPONENTS = 800  # of a vector: more are closer together than a line is wide
_ROWS = 30  # of a raster: more are thinner than their marks


@dataclass(frozen=True, slots=True)
class OverGenerations:
    """A scalar over g generations.

    Args:
        quantity: The observable.
        generation: (g,) their numbers.
        quartiles: (3, g) of the trials that succeeded.
        best: (g,) mean over the trials of the best individual so far.
        each: (n,) of all trials that succeeded; what a single generation shows.
    """

    quantity: Quantity
    generation: Ints
    quartiles: Floats
    best: Floats
    each: Floats


@dataclass(frozen=True, slots=True)
class AlongVector:
    """A vector of k components.

    Args:
        quantity: The observable.
        individual: The number of the individual that is shown, the best unless chosen.
        mean: (k,) over its trials.
        low: (k,) the least over its trials.
        high: (k,) the largest over its trials.
        trials: How many these are.
        generation: The one whose trials the quartiles are of.
        quartiles: (3, k) over the trials of that generation that succeeded.
        together: How many neighbouring components of the observable were put into one of the k: 1, unless it has more
            than can be told apart. Then `mean` and `quartiles` are means over them, `low` and `high` their extremes.
    """

    quantity: Quantity
    individual: int
    mean: Floats
    low: Floats
    high: Floats
    trials: int
    generation: int
    quartiles: Floats
    together: int = 1


@dataclass(frozen=True, slots=True)
class Matrix:
    """A value with two axes or more, mean over an individual's trials.

    Args:
        quantity: The observable.
        individual: The number of the individual, the best unless chosen.
        mean: (rows, columns); further axes were put together with the rows.
        trials: How many the mean is of.
    """

    quantity: Quantity
    individual: int
    mean: Floats
    trials: int


@dataclass(frozen=True, slots=True)
class Raster:
    """Values of any length, one row per trial, the best individuals first.

    Args:
        quantity: The observable.
        individuals: (rows,) number of the individual of each row.
        trials: (rows,) number of the trial of each row.
        values: (rows,) arrays (length,), or (length, k) where an entry has components.
    """

    quantity: Quantity
    individuals: tuple[int, ...]
    trials: tuple[int, ...]
    values: tuple[NDArray[Any], ...]


def observed_quantity(view: View, name: str | None = None) -> tuple[Quantity, Observable]:
    """An observable by its name; the first unless given.

    Raises:
        NotFoundError: The run has none, or none of that name; lists the near ones.
    """
    known: Mapping[str, Observable] = view.trajectory.observables
    if not known:
        raise NotFoundError(f"{view.trajectory.path}: the optimizee of this run declares no observables")
    if name is not None and name not in known:
        raise NotFoundError(near(name, known, "observable"))
    name = next(iter(known)) if name is None else name
    return Quantity(name, known[name].unit), known[name]


def observable(
    view: View, objective: Quantity, name: str | None = None, individual: int | None = None
) -> OverGenerations | AlongVector | Matrix | Raster:
    """An observable, in the form that fits its shape.

    Args:
        view: The run.
        objective: In which the best individual is best.
        name: Of the observable; the first unless given.
        individual: The number of the individual to be shown; the best unless given.

    Raises:
        NotFoundError: There is no such observable or individual, or nothing succeeded yet.
    """
    view.need_some()
    quantity, declared = observed_quantity(view, name)
    if declared.ragged:
        return _raster(view, objective, quantity, individual)
    if not declared.shape and individual is None:
        return _over_generations(view, objective, quantity)
    number, values = values_of(view, quantity, objective, individual)
    if len(declared.shape) > 1:
        mean = values.mean(axis=0)
        return Matrix(quantity, number, mean.reshape(-1, mean.shape[-1]), len(values))
    values = values.reshape(len(values), -1)
    generation, others = _last_generation(view, quantity)
    together = -(-values.shape[1] // _MOST_COMPONENTS)
    first = np.arange(0, values.shape[1], together)
    count = np.diff([*first, values.shape[1]])
    quartiles = np.quantile(others.reshape(len(others), -1), QUARTILES, axis=0)
    return AlongVector(
        quantity,
        number,
        mean=np.add.reduceat(values.mean(axis=0), first) / count,
        low=np.minimum.reduceat(values.min(axis=0), first),
        high=np.maximum.reduceat(values.max(axis=0), first),
        trials=len(values),
        generation=generation,
        quartiles=np.add.reduceat(quartiles, first, axis=1) / count,
        together=together,
    )


def values_of(
    view: View, quantity: Quantity, objective: Quantity, individual: int | None = None
) -> tuple[int, NDArray[np.float64]]:
    """An individual's number, and its values of an observable, (trials, …); the best individual's unless one is given.

    Raises:
        NotFoundError: All individuals failed, there is no such individual, or no trial of it succeeded.
    """
    trials = view.trajectory.trials
    number = _simulated(view, best_number(view, objective) if individual is None else individual)
    mine = np.flatnonzero((trials["individual"] == number) & (trials["status"] == Status.OK))
    if not len(mine):
        raise NotFoundError(f"{view.trajectory.path}: no trial of individual {number} succeeded")
    values = np.asarray(trials[f"observables/{quantity.name}"])[mine]
    return number if individual is None else individual, values.astype(np.float64)


def best_number(view: View, objective: Quantity) -> int:
    """The number of the best individual; of the first that succeeded where none is better than else.

    Raises:
        NotFoundError: All failed.
    """
    row = view.best(objective)
    if objective.maximize is None and not view.failed.all():
        row = int(np.argmin(view.failed))
    if row is None:
        raise NotFoundError(
            f"{view.trajectory.path}: no individual has a fitness: all {len(view)} failed; "
            "draw the failures instead, which says why"
        )
    return int(view.individuals["number"][row])


def _simulated(view: View, number: int) -> int:
    """The number of the individual whose trials count for this one: an equal one may have been simulated before."""
    rows = np.flatnonzero(view.individuals["number"] == number)
    if not len(rows):
        raise NotFoundError(
            f"{view.trajectory.path}: no individual {number}; there are {len(view)} in complete generations"
        )
    same = int(view.individuals["same_as"][rows[0]])
    return number if same < 0 else same


def _over_generations(view: View, objective: Quantity, quantity: Quantity) -> OverGenerations:
    trials = view.trajectory.trials
    row = view.rows_of(np.asarray(trials["individual"]))
    succeeded = np.asarray(trials["status"] == Status.OK)
    values = np.where(succeeded, np.asarray(trials[f"observables/{quantity.name}"], dtype=np.float64), np.nan)
    order = np.argsort(view.generation[row], kind="stable")
    count = np.bincount(view.generation[row], minlength=len(view.trajectory.generations))
    first = np.cumsum(count) - count
    number = np.bincount(row, succeeded, minlength=len(view))
    with np.errstate(invalid="ignore"):
        mean = np.bincount(row, np.nan_to_num(values), minlength=len(view)) / np.where(number, number, np.nan)
    best = best_rows(view, objective)
    return OverGenerations(
        quantity,
        generation=np.arange(len(count)),
        quartiles=quantiles_over(values[order], first, count, QUARTILES),
        best=np.where(best >= 0, mean[best], np.nan),
        each=values[succeeded],
    )


def _last_generation(view: View, quantity: Quantity) -> tuple[int, NDArray[np.float64]]:
    """The last generation in which a trial succeeded, and the values of its trials."""
    trials = view.trajectory.trials
    generation = view.generation[view.rows_of(np.asarray(trials["individual"]))]
    succeeded = np.asarray(trials["status"] == Status.OK)
    last = int(generation[succeeded].max())
    rows = np.flatnonzero(succeeded & (generation == last))
    return last, np.asarray(trials[f"observables/{quantity.name}"])[rows].astype(np.float64)


def _raster(view: View, objective: Quantity, quantity: Quantity, individual: int | None) -> Raster:
    trials = view.trajectory.trials
    if individual is not None:
        numbers = [_simulated(view, individual)]
    else:
        best_number(view, objective)  # says so where all failed
        order = np.argsort(np.where(view.different, view.cost(objective), np.inf), kind="stable")[:_ROWS]
        numbers = np.asarray(view.individuals["number"])[order].tolist()
    values = trials[f"observables/{quantity.name}"]
    found: list[tuple[int, int, NDArray[Any]]] = []
    succeeded = np.asarray(trials["status"] == Status.OK)
    for number in numbers:
        rows = np.flatnonzero((trials["individual"] == number) & succeeded).tolist()
        found += [(number, int(trials["number"][row]), np.asarray(values[row])) for row in rows]
        if len(found) >= _ROWS:
            break
    found = found[:_ROWS]
    return Raster(quantity, tuple(a for a, _, _ in found), tuple(b for _, b, _ in found), tuple(c for _, _, c in found))
