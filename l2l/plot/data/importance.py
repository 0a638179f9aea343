"""Which parameters matter for an objective.

PED-ANOVA compares how a parameter is distributed among the best individuals with how it is distributed among all, by
their Pearson divergence: S. Watanabe, A. Bansal, F. Hutter (2023), PED-ANOVA: efficiently quantifying hyperparameter
importance in arbitrary subspaces, IJCAI 2023, doi:10.24963/ijcai.2023/488. It needs no model, knows categories and
conditions, and compares with what the optimizer sampled, so that a region that was sampled often counts no more.

Spearman's rank correlation sees monotone effects alone, and says in which direction they go: C. Spearman (1904), The
proof and measurement of association between two things, doi:10.2307/1412159. For categories it is the correlation ratio
of the ranks: W. H. Kruskal, W. A. Wallis (1952), Use of ranks in one-criterion variance analysis,
doi:10.1080/01621459.1952.10483441.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2l.errors import NotFoundError, near
from l2l.plot.data.dimensions import Dimension, Floats, Quantity
from l2l.plot.data.view import Ints, View

BEST_SHARE = 0.1
"""The share of individuals that count as the best for PED-ANOVA."""
LEAST = 8
"""Individuals with a fitness, below which nothing is said about importance."""

_CELLS = 32  # of the histogram of a number; finer ones differ less than two runs do
_RESAMPLES = 30  # enough for a standard error that is good to an eighth of itself
_MOST_USED = 20_000  # individuals of which the importance is computed: more change nothing that can be seen

Cells = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each of d parameters matters for an objective.

    Args:
        objective: Which one.
        dimensions: (d,) the parameters, the most important first.
        value: (d,) shares of the sum over all parameters (PED-ANOVA), or signed correlations with the fitness
            (Spearman).
        spread: (d,) standard error, by resampling the individuals.
        chance: (d,) what a parameter without any effect would show on average.
        method: What was computed, for an axis.
        reference: Where the method is described.
        individuals: How many it rests on.
        note: What was left out, as a sentence; "" where nothing was.
    """

    objective: Quantity
    dimensions: tuple[Dimension, ...]
    value: Floats
    spread: Floats
    chance: Floats
    method: str
    reference: str
    individuals: int
    note: str


@dataclass(frozen=True, slots=True)
class _Method:
    axis: str
    reference: str
    compute: Callable[["_Sample"], Floats]


@dataclass(frozen=True, slots=True)
class _Sample:
    """Individuals as the methods take them: coordinates (d, n), NaN where inactive, and costs (n,)."""

    dimensions: Sequence[Dimension]
    coordinates: Floats
    cost: Floats

    def taken(self, places: Ints) -> "_Sample":
        return _Sample(self.dimensions, self.coordinates[:, places], self.cost[places])

    def shuffled(self, rng: np.random.Generator) -> "_Sample":
        return _Sample(self.dimensions, self.coordinates, rng.permutation(self.cost))


def importance(
    view: View, objective: Quantity, names: Sequence[str] | None = None, method: str = "ped-anova", most: int = 15
) -> Importance:
    """How much the parameters matter.

    Args:
        view: The run.
        objective: For which objective.
        names: Parameters as a user types them; None for the most important.
        method: "ped-anova" or "spearman".
        most: How many parameters, where no names are given.

    Raises:
        NotFoundError: Too few individuals succeeded, no such method, or no such parameter.
    """
    if method not in METHODS:
        raise NotFoundError(near(method, METHODS, "method of importance"))
    dimensions, note = view.main_dimensions(most, names, objective)
    sample = _sample(view, objective, dimensions)
    succeeded = int(np.isfinite(sample.cost).sum())
    if succeeded < LEAST:
        raise NotFoundError(
            f"{view.trajectory.path}: importance needs at least {LEAST} different individuals with a fitness, "
            f"got {succeeded}"
        )
    chosen, rng = METHODS[method], np.random.default_rng(0)
    n = len(sample.cost)
    value = chosen.compute(sample)
    again = np.stack([chosen.compute(sample.taken(rng.integers(0, n, n))) for _ in range(_RESAMPLES)])
    chance = np.abs(np.stack([chosen.compute(sample.shuffled(rng)) for _ in range(_RESAMPLES)])).mean(axis=0)
    spread = again.std(axis=0, ddof=1)
    if method == "ped-anova":
        # Shares of all parameters, those that are not shown included, so that a choice of names changes no share.
        every = sample if len(dimensions) == len(view.dimensions) else _sample(view, objective, view.dimensions)
        total = float(_divergences(every).sum()) or 1.0
        value, spread, chance = value / total, spread / total, chance / total
    if objective.maximize and method == "spearman":  # with the fitness, not with the cost
        signed = np.array([one.choices is None for one in dimensions])
        value = np.where(signed, -value, value)
    order = np.argsort(-np.abs(value), kind="stable")
    return Importance(
        objective,
        tuple(dimensions[place] for place in order),
        value[order],
        spread[order],
        chance[order],
        chosen.axis,
        chosen.reference,
        n,
        note,
    )


def strongest(view: View, most: int, objective: Quantity) -> list[Dimension]:
    """The dimensions that matter most, in the order of the space; the first ones where nothing can be said."""
    sample = _sample(view, objective, view.dimensions)
    if np.isfinite(sample.cost).sum() < LEAST:
        return list(view.dimensions[:most])
    order = np.argsort(-_divergences(sample), kind="stable")[:most]
    return [view.dimensions[place] for place in sorted(order.tolist())]


def _sample(view: View, objective: Quantity, dimensions: Sequence[Dimension]) -> _Sample:
    rows = np.flatnonzero(view.different)
    if len(rows) > _MOST_USED:
        rows = np.sort(np.random.default_rng(0).choice(rows, _MOST_USED, replace=False))
    coordinates = [one.scaled(one.values(view.individuals, rows)) for one in dimensions]
    return _Sample(dimensions, np.stack(coordinates), view.cost(objective)[rows])


def _divergences(sample: _Sample) -> Floats:
    """(d,) Pearson divergence of the distribution among the best from that among all."""
    n = len(sample.cost)
    best = np.argsort(sample.cost, kind="stable")[: max(2, math.ceil(BEST_SHARE * n))]
    best = best[np.isfinite(sample.cost[best])]
    found = np.zeros(len(sample.dimensions))
    for place, (dimension, values) in enumerate(zip(sample.dimensions, sample.coordinates, strict=True)):
        cells, number = _cells(dimension, values)
        among_all = _density(cells, number, dimension)
        ratio = _density(cells[best], number, dimension) / among_all
        found[place] = float(among_all @ (ratio - 1.0) ** 2)
    return found


def _cells(dimension: Dimension, values: Floats) -> tuple[Cells, int]:
    """In which cell each value lies, and how many there are; the last one is for inactive parameters."""
    number = len(dimension.choices) if dimension.choices else _CELLS
    cells = np.clip(np.nan_to_num(values) * number, 0, number - 1).astype(np.int64)
    return np.where(np.isnan(values), number, cells), number


def _density(cells: Cells, number: int, dimension: Dimension) -> Floats:
    """(cells + 1,) a smoothed histogram, which is nowhere 0."""
    counts = np.bincount(cells, minlength=number + 1).astype(np.float64)
    there = counts[:number]
    n = there.sum()
    if dimension.choices is None and n > 1:
        # Scott's rule for the width of the kernel, at least half a cell.
        at = np.arange(number)
        mean = at @ there / n
        width = max(0.5, math.sqrt((at - mean) ** 2 @ there / n) * n**-0.2)
        kernel = np.exp(-0.5 * ((at[:, None] - at) / width) ** 2)
        counts[:number] = (kernel / kernel.sum(axis=0)) @ there
    counts += 1.0 / (number + 1)  # together as much as one individual
    return np.asarray(counts / counts.sum())


def _correlations(sample: _Sample) -> Floats:
    """(d,) rank correlations with the cost; of categories the correlation ratio, which has no sign."""
    from scipy.stats import rankdata

    found = np.zeros(len(sample.dimensions))
    for place, (dimension, values) in enumerate(zip(sample.dimensions, sample.coordinates, strict=True)):
        known = ~np.isnan(values)  # failed individuals rank last
        if known.sum() < 3:
            continue
        ranks = rankdata(sample.cost[known])
        of_values = rankdata(values[known])
        if dimension.choices is not None:
            _, group = np.unique(values[known], return_inverse=True)
            of_values = (np.bincount(group, ranks) / np.bincount(group))[group]
        if np.ptp(ranks) > 0 and np.ptp(of_values) > 0:
            found[place] = np.corrcoef(of_values, ranks)[0, 1]
    return found


METHODS = {
    "ped-anova": _Method(
        "importance, share of the sum (PED-ANOVA)", "Watanabe et al. 2023, doi:10.24963/ijcai.2023/488", _divergences
    ),
    "spearman": _Method("rank correlation (Spearman)", "Spearman 1904, doi:10.2307/1412159", _correlations),
}
