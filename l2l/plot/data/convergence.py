"""How good individuals were, generation by generation."""

from dataclasses import dataclass

import numpy as np

from l2l.plot.data.dimensions import Floats, Quantity
from l2l.plot.data.view import Ints, View

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Validated:
    """What fresh trials of an individual gave.

    Args:
        individual: Its number.
        mean: Over the trials that succeeded.
        spread: Standard deviation over them; NaN for fewer than two.
        trials: How many succeeded.
    """

    individual: int
    mean: float
    spread: float
    trials: int


@dataclass(frozen=True, slots=True)
class Convergence:
    """One objective over g generations.

    Args:
        objective: What is measured.
        generation: (g,) their numbers.
        individuals: (g,) how many individuals were told until the end of each.
        best: (g,) the best fitness so far; NaN until something succeeds.
        low: (g,) the lower quartile of the individuals of each generation, without those that failed.
        median: (g,) likewise.
        high: (g,) the upper quartile, likewise.
        failed: (g,) how many individuals of each generation failed.
        each: (n,) fitness of all individuals in the order told, NaN where they failed.
        target: The fitness at which the run stops, or None.
        validated: What fresh trials of the winners gave.
    """

    objective: Quantity
    generation: Ints
    individuals: Ints
    best: Floats
    low: Floats
    median: Floats
    high: Floats
    failed: Ints
    each: Floats
    target: float | None
    validated: tuple[Validated, ...]


def convergence(view: View, objective: Quantity) -> Convergence:
    """How one objective developed.

    Args:
        view: The run.
        objective: One of its objectives.

    Raises:
        NotFoundError: No generation is complete yet.
    """
    view.need_some()
    fitness = np.where(view.failed, np.nan, view.fitness(objective))
    first = np.asarray(view.trajectory.generations["first"])
    count = np.asarray(view.trajectory.generations["count"])
    quartiles = quantiles_over(fitness, first, count, QUARTILES)
    return Convergence(
        objective=objective,
        generation=np.arange(len(first)),
        individuals=first + count,
        best=running_best(fitness, objective)[first + count - 1],
        low=quartiles[0],
        median=quartiles[1],
        high=quartiles[2],
        failed=np.add.reduceat(view.failed.astype(np.int64), first),
        each=fitness,
        target=view.target,
        validated=validated(view, objective),
    )


def running_best(fitness: Floats, objective: Quantity) -> Floats:
    """(n,) the best of the first, the first two, …; NaN until one is no NaN."""
    return np.asarray(np.fmax.accumulate(fitness) if objective.maximize else np.fmin.accumulate(fitness))


def quantiles_over(values: Floats, first: Ints, count: Ints, shares: tuple[float, ...]) -> Floats:
    """Quantiles of consecutive parts of a column, (shares, parts), without NaN; NaN where a part has nothing else.

    Args:
        values: (n,) or (n, k), of which all k count alike.
        first: (parts,) where each part begins.
        count: (parts,) how long each is.
        shares: Of the quantiles, from 0 to 1.
    """
    found = np.full((len(shares), len(first)), np.nan)
    for part, (start, length) in enumerate(zip(first.tolist(), count.tolist(), strict=True)):
        there = values[start : start + length]
        there = there[~np.isnan(there)]
        if there.size:
            found[:, part] = np.quantile(there, shares)
    return found


def validated(view: View, objective: Quantity) -> tuple[Validated, ...]:
    """What the validation gave in one objective, best individual first."""
    table = view.trajectory.validation
    if not len(table):
        return ()
    fitness = np.asarray(table[f"fitness/{objective.name}"])
    individuals = np.asarray(table["individual"])
    found = []
    for number in dict.fromkeys(individuals.tolist()):
        values = fitness[(individuals == number) & np.isfinite(fitness)]
        if len(values):
            spread = float(values.std(ddof=1)) if len(values) > 1 else np.nan
            found.append(Validated(number, float(values.mean()), spread, len(values)))
    return tuple(found)
