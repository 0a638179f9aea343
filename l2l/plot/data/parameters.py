"""How the parameters of individuals are distributed, generation by generation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from l2l.plot.data.convergence import quantiles_over
from l2l.plot.data.dimensions import Dimension, Floats, Quantity
from l2l.plot.data.view import Ints, View

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
WIDE = 12
"""Components from which on a parameter that is an array is shown as one distribution of all its components."""
_SAMPLED = 4000  # components of a wide parameter in one generation that are looked at: quantiles need no more


@dataclass(frozen=True, slots=True)
class Distribution:
    """A parameter over g generations.

    Args:
        dimension: Which one; the parameter as a whole where it has many components.
        components: How many components were put together.
        generation: (g,) their numbers.
        quantiles: (5, g) least, lower quartile, median, upper quartile and largest; NaN where inactive throughout.
        best: (g,) the value of the best individual so far; of many components their median.
        shares: (choices, g) for a category, which share of individuals has which choice; None for numbers.
        values: (n,) of all individuals of a single generation, for a histogram; None for several generations.
    """

    dimension: Dimension
    components: int
    generation: Ints
    quantiles: Floats
    best: Floats
    shares: Floats | None
    values: Floats | None


def distributions(
    view: View, objective: Quantity, names: Sequence[str] | None = None, most: int = 9
) -> tuple[list[Distribution], str]:
    """The distributions of parameters, and what was left out, as a sentence ("" for nothing).

    Args:
        view: The run.
        objective: In which the best individual so far is best.
        names: Parameters as a user types them; None for all, or the most important.
        most: How many of them, where no names are given.

    Raises:
        NotFoundError: No generation is complete yet, or no such parameter.
    """
    view.need_some()
    wide: dict[str, int] = {}
    for one in view.dimensions:
        wide[one.parameter] = wide.get(one.parameter, 0) + 1
    together = [name for name, size in wide.items() if size > WIDE and (not names or name in names)]
    single = [one for one in view.dimensions if wide[one.parameter] <= WIDE]
    note = ""
    if names:
        own = [name for name in names if name not in together]
        dimensions = view.main_dimensions(most, own)[0] if own else []
    elif len(single) + len(together) <= most or len(single) <= 1:
        dimensions = single
    else:
        strong, note = view.main_dimensions(most, None, objective)
        dimensions = [one for one in strong if wide[one.parameter] <= WIDE]
    best = best_rows(view, objective)
    found = [_of_dimension(view, one, best) for one in dimensions]
    return found + [_of_wide(view, name, best) for name in together[:most]], note


def best_rows(view: View, objective: Quantity) -> Ints:
    """(g,) the row of the best individual so far at the end of each generation; -1 without any."""
    if objective.maximize is None:
        return np.full(len(view.trajectory.generations), -1)
    cost = view.cost(objective)
    lowest = np.minimum.accumulate(cost)
    improved = np.concatenate([[np.isfinite(cost[0])], cost[1:] < lowest[:-1]])
    row = np.maximum.accumulate(np.where(improved, np.arange(len(cost)), -1))
    ends = np.asarray(view.trajectory.generations["first"]) + np.asarray(view.trajectory.generations["count"]) - 1
    return np.asarray(row[ends])


def _of_dimension(view: View, dimension: Dimension, best: Ints) -> Distribution:
    values = dimension.values(view.individuals)
    first = np.asarray(view.trajectory.generations["first"])
    count = np.asarray(view.trajectory.generations["count"])
    shares = None
    if dimension.choices is not None:
        here = values[:, None] == np.arange(len(dimension.choices))
        shares = (np.add.reduceat(here.astype(np.float64), first, axis=0) / count[:, None]).T
    return Distribution(
        dimension,
        components=1,
        generation=np.arange(len(first)),
        quantiles=quantiles_over(values, first, count, SHARES),
        best=np.where(best >= 0, values[best], np.nan),
        shares=shares,
        values=values if len(first) == 1 else None,
    )


def _of_wide(view: View, name: str, best: Ints) -> Distribution:
    one = next(dimension for dimension in view.dimensions if dimension.parameter == name)
    whole = Dimension(name, unit=one.unit, log=one.log, low=one.low, high=one.high, whole=one.whole, when=one.when)
    column = view.individuals[f"parameters/{name}"].reshape(len(view), -1)
    first = np.asarray(view.trajectory.generations["first"])
    count = np.asarray(view.trajectory.generations["count"])
    # Each generation gives about as many numbers, evenly spread over its individuals and components.
    stride = max(1, int(count.max()) * column.shape[1] // _SAMPLED)
    active = view.individuals[f"active/{name}"] if f"active/{name}" in view.individuals else np.ones(len(view), bool)
    quantiles = np.full((len(SHARES), len(first)), np.nan)
    for generation, (start, length) in enumerate(zip(first.tolist(), count.tolist(), strict=True)):
        rows = start + np.flatnonzero(active[start : start + length])
        if len(rows):
            sample = column[rows].reshape(-1)[:: stride | 1]  # odd, so that no period of the components is met
            quantiles[:, generation] = np.quantile(sample, SHARES)
    return Distribution(
        whole,
        components=column.shape[1],
        generation=np.arange(len(first)),
        quantiles=quantiles,
        best=np.array([float(np.median(column[row])) if row >= 0 else np.nan for row in best.tolist()]),
        shares=None,
        values=column[:: max(1, stride // 4 | 1)].reshape(-1).astype(np.float64) if len(first) == 1 else None,
    )
