"""Statistics over trials, and over the parameters that a reader does not ask about."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import NotFoundError, OptionError, near
from l2l.quantities import scalar
from l2l.schema import Column
from l2l.trajectory.levels import INACTIVE, Ints, distinct
from l2l.trajectory.table import Table, table_of
from l2l.values import Status

if TYPE_CHECKING:
    from l2l.trajectory.trajectory import Trajectory

Floats = NDArray[np.float64]
Statistic = str | float

NAMED = ("mean", "error", "deviation", "minimum", "median", "maximum")
"""Statistics that have a name; a number from 0 to 1 is that quantile."""

_MEANING = {
    "mean": "mean over trials",
    "error": "standard error of the mean: the standard deviation over trials by the root of their number",
    "deviation": "standard deviation over trials, with n - 1",
    "minimum": "lowest of the trials",
    "median": "median of the trials",
    "maximum": "highest of the trials",
}


def aggregate(
    run: "Trajectory",
    values: Sequence[str] | str | None,
    by: Sequence[str] | str | None,
    statistics: Sequence[Statistic] | Statistic,
) -> Table:
    """See `Trajectory.aggregate`."""
    wanted = _values(run, values)
    asked = _statistics(statistics)
    groups, columns, rows = _grouped(run, by)
    n = len(next(iter(rows.values()))) if rows else 1
    trials = run.trials
    group = groups[_place_of(run)[trials["individual"]]]
    fine = np.asarray(trials["status"] == Status.OK)
    everyone = bool(fine.all())
    whole = group if everyone else group[fine]
    count = np.bincount(whole, minlength=n)
    rows["trials"] = count
    rows["failed"] = np.bincount(group, minlength=n) - count
    columns["trials"] = Column(np.dtype(np.int64), attributes={"meaning": "successful trials"})
    columns["failed"] = Column(np.dtype(np.int64), attributes={"meaning": "trials that are not OK"})
    for name, (column, unit) in wanted.items():
        data = np.asarray(trials[column], dtype=np.float64)
        found = _over(whole, data if everyone else data[fine], count, asked)
        for statistic, result in found.items():
            label = f"{name}/{statistic}"
            meaning = _MEANING.get(statistic, f"quantile {statistic[1:]} of the trials")
            columns[label] = Column(np.dtype(np.float64), result.shape[1:], attributes=_said(unit, meaning))
            rows[label] = result
    return table_of("aggregate", columns, rows)


def _said(unit: str, meaning: str) -> dict[str, Any]:
    return {"unit": unit, "meaning": meaning}


def means_of_individuals(run: "Trajectory", name: str) -> Floats:
    """(n,) an objective, or the mean of a scalar observable over the trials that succeeded; NaN where none did.

    An individual that equals an earlier one has the value of that one.
    """
    individuals = run.individuals
    if name in {one.name for one in run.objectives}:
        return np.asarray(individuals[f"fitness/{name}"], dtype=np.float64)
    table = aggregate(run, name, None, "mean")
    numbers, same_as = np.asarray(individuals["number"]), np.asarray(individuals["same_as"])
    own = np.where(same_as < 0, numbers, same_as)
    order = np.argsort(table["number"])
    places = order[np.searchsorted(table["number"], own, sorter=order)]
    return np.asarray(table[f"{name}/mean"])[places]


# --- what is wanted ------------------------------------------------------------------------------------------------


def _values(run: "Trajectory", names: Sequence[str] | str | None) -> dict[str, tuple[str, str]]:
    """Name → column of the table of trials, and unit."""
    known = {name: (f"observables/{name}", one.unit) for name, one in run.observables.items() if not one.ragged}
    known |= {one.name: (f"fitness/{one.name}", one.unit) for one in run.objectives}
    if names is None:
        return known
    for name in (chosen := [names] if isinstance(names, str) else list(names)):
        if name in run.observables and name not in known:
            raise OptionError(f"aggregate: observable {name!r} differs in length from trial to trial")
        if name not in known:
            raise NotFoundError(near(str(name), known, "objective or observable"))
    return {name: known[name] for name in chosen}


def _statistics(given: Sequence[Statistic] | Statistic) -> dict[str, Statistic]:
    """Name of the column → statistic."""
    found: dict[str, Statistic] = {}
    for one in [given] if isinstance(given, str | float | int) else given:
        if isinstance(one, str):
            if one not in NAMED:
                raise OptionError(f"aggregate: {near(one, NAMED, 'statistic')}; a quantile is a number from 0 to 1")
            found[one] = one
            continue
        quantile = scalar(one)
        if not isinstance(quantile, int | float) or isinstance(quantile, bool) or not 0.0 <= quantile <= 1.0:
            raise OptionError(f"aggregate: expected the name of a statistic or a quantile from 0 to 1, got {one!r}")
        found[f"q{quantile:g}"] = float(quantile)
    return found


# --- groups --------------------------------------------------------------------------------------------------------


def _grouped(
    run: "Trajectory", by: Sequence[str] | str | None
) -> tuple[Ints, dict[str, Column], dict[str, NDArray[Any]]]:
    """The group of each individual, and what tells the groups apart: a column per parameter.

    Raises:
        NotFoundError: There is no parameter of that name.
        OptionError: It is an array.
    """
    individuals = run.individuals
    first = np.asarray(individuals["same_as"] < 0)
    described = {name: individuals.column(name) for name in individuals}
    if by is None:
        rows = np.flatnonzero(first)
        groups = np.full(len(individuals), -1)
        groups[rows] = np.arange(len(rows))
        names = ["number", *(f"parameters/{name}" for name in run.space.names)]
        return groups, {name: described[name] for name in names}, {name: individuals[name][rows] for name in names}
    columns: dict[str, Column] = {}
    levels: list[NDArray[Any]] = []
    group = np.zeros(len(individuals), dtype=np.int64)
    size = 1
    for name in [by] if isinstance(by, str) else by:
        if name not in run.space:
            raise NotFoundError(near(str(name), run.space.names, "parameter"))
        column = f"parameters/{name}"
        if described[column].shape:
            raise OptionError(f"aggregate: parameter {name!r} is an array, by which nothing can be grouped")
        found, places = _distinct(individuals, name)
        columns[column] = described[column]
        levels.append(found)
        group = group * len(found) + places
        size *= max(len(found), 1)
        if size > 2**62:
            raise OptionError("aggregate: too many combinations of these parameters; name fewer")
    there, places = _numbered(group[first], size)
    groups = np.full(len(individuals), -1)
    groups[first] = places
    rows_of: dict[str, NDArray[Any]] = {}
    for column, found in zip(reversed(columns), reversed(levels), strict=True):
        there, at = np.divmod(there, max(len(found), 1))
        rows_of[column] = found[at]
    rows_of = dict(reversed(rows_of.items()))
    individual = Column(np.dtype(np.int64), attributes={"meaning": "different individuals"})
    columns["individuals"] = individual
    rows_of["individuals"] = np.bincount(places) if len(places) else np.zeros(0, np.int64)
    return groups, columns, rows_of


def _numbered(groups: Ints, size: int) -> tuple[Ints, Ints]:
    """As `distinct`, for numbers below `size`."""
    if size > 4 * len(groups) + 1024:
        return distinct(groups)
    there = np.bincount(groups, minlength=size) > 0  # which takes less time than sorting
    return np.flatnonzero(there), (np.cumsum(there) - 1)[groups]


def _distinct(individuals: Table, name: str) -> tuple[NDArray[Any], Ints]:
    """The values of a parameter and where each individual stands; one more, as the first, where it has no effect.

    That one is NaN for numbers and "no choice" (-1) for categories.
    """
    values = individuals[f"parameters/{name}"]
    if f"active/{name}" not in individuals or (active := individuals[f"active/{name}"]).all():
        return distinct(values)
    found, some = distinct(values[active])
    places = np.zeros(len(values), dtype=np.int64)
    places[active] = some + 1
    nothing = INACTIVE if individuals.choices(f"parameters/{name}") else np.nan
    return np.concatenate([[nothing], found]), places


def _place_of(run: "Trajectory") -> Ints:
    """Number of an individual → its row."""
    number = run.individuals["number"]
    if len(number) and number[0] == 0 and (np.diff(number) == 1).all():
        return np.arange(len(number))
    place = np.full(int(number.max(initial=-1)) + 1, -1)
    place[number] = np.arange(len(number))
    return place


# --- statistics ----------------------------------------------------------------------------------------------------


def _over(group: Ints, data: Floats, count: Ints, asked: Mapping[str, Statistic]) -> dict[str, Floats]:
    """Each statistic of values (n, …) per group (groups, …); NaN for a group without trials."""
    flat = data.reshape(len(data), -1)
    found: dict[str, list[Floats]] = {name: [] for name in asked}
    for component in range(flat.shape[1]):
        for name, one in _of_column(group, flat[:, component], count, asked).items():
            found[name].append(one)
    shape = (len(count), *data.shape[1:])
    return {name: np.stack(some, axis=1).reshape(shape) for name, some in found.items()}


def _of_column(group: Ints, data: Floats, count: Ints, asked: Mapping[str, Statistic]) -> dict[str, Floats]:
    n = len(count)
    found: dict[str, Floats] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(group, weights=data, minlength=n) / count
        if {"error", "deviation"} & {*asked}:
            squares = np.bincount(group, weights=(data - mean[group]) ** 2, minlength=n)
            deviation = np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)
            found["deviation"] = deviation
            found["error"] = deviation / np.sqrt(count)
    found["mean"] = mean
    if {*asked} - {"mean", "error", "deviation"}:
        order = np.lexsort((data, group))
        ordered = data[order]
        starts = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
        quantiles = {"minimum": 0.0, "median": 0.5, "maximum": 1.0}
        for name, one in asked.items():
            if name not in ("mean", "error", "deviation"):
                found[name] = _quantile(ordered, starts, count, quantiles.get(name, one))
    return {name: found[name] for name in asked}


def _quantile(ordered: Floats, starts: Ints, count: Ints, quantile: Any) -> Floats:
    """Of values that are sorted within their groups, by linear interpolation as NumPy has it."""
    found = np.full(len(count), np.nan)
    some = np.flatnonzero(count)
    at = quantile * (count[some] - 1)
    below = np.floor(at).astype(np.int64)
    above = np.minimum(below + 1, count[some] - 1)
    low, high = ordered[starts[some] + below], ordered[starts[some] + above]
    share = at - below
    found[some] = np.where(share > 0, low + (high - low) * share, low)
    return found
