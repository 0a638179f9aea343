"""Individuals as points: what `slice`, `pairs` and `parallel` draw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from l2l.plot.data.dimensions import Dimension, Floats, Quantity
from l2l.plot.data.view import MOST_SHOWN, Ints, Mask, View


@dataclass(frozen=True, slots=True)
class Points:
    """n individuals in d parameters.

    Args:
        objective: What `fitness` is of.
        dimensions: (d,) the parameters.
        number: (n,) numbers of the individuals.
        values: (n, d), NaN where a parameter is inactive; places for categories.
        fitness: (n,), NaN where an individual failed.
        generation: (n,)
        failed: (n,) whether an individual lacks a fitness.
        front: (n,) whether an individual is on the Pareto front, or of a single objective the best.
        best: The place of the best among the n; None where all failed.
        notes: What was left out, as sentences.
    """

    objective: Quantity
    dimensions: tuple[Dimension, ...]
    number: Ints
    values: Floats
    fitness: Floats
    generation: Ints
    failed: Mask
    front: Mask
    best: int | None
    notes: tuple[str, ...]

    @property
    def worst_first(self) -> Ints:
        """The individuals that succeeded, in the order in which better ones are drawn over worse ones."""
        order = np.argsort(self.fitness * -self.objective.sign, kind="stable")
        return np.asarray(order[~self.failed[order]])

    @property
    def fitness_range(self) -> tuple[float, float]:
        """Fitness between which colours differ; the worst tenth shares one, so that outliers leave some to others."""
        there = self.fitness[~self.failed]
        if not len(there):
            return 0.0, 1.0
        if self.objective.maximize:
            low, high = np.quantile(there, [0.1, 1.0]).tolist()
        else:
            low, high = np.quantile(there, [0.0, 0.9]).tolist()
        return (low, high) if high > low else (low - 0.5, high + 0.5)


def points(
    view: View,
    objective: Quantity,
    names: Sequence[str] | None = None,
    most: int = 6,
    most_shown: int = MOST_SHOWN,
) -> Points:
    """The individuals that a picture shows, with the parameters that it shows.

    Args:
        view: The run.
        objective: Which fitness.
        names: Parameters as a user types them; None for all, or the most important.
        most: How many of them, where no names are given.
        most_shown: Individuals, unless more failed.

    Raises:
        NotFoundError: No generation is complete yet, or no such parameter.
    """
    view.need_some()
    dimensions, note = view.main_dimensions(most, names, objective)
    shown = view.shown(most_shown)
    rows = shown.rows
    failed = view.failed[rows]
    best_row = view.best(objective)
    places: Sequence[int] = np.flatnonzero(rows == best_row).tolist() if best_row is not None else []
    return Points(
        objective=objective,
        dimensions=tuple(dimensions),
        number=np.asarray(view.individuals["number"])[rows],
        values=np.stack([one.values(view.individuals, rows) for one in dimensions], axis=1),
        fitness=np.where(failed, np.nan, view.fitness(objective)[rows]),
        generation=view.generation[rows],
        failed=failed,
        front=np.isin(rows, view.front),
        best=places[0] if places else None,
        notes=tuple(text for text in (note, shown.note) if text),
    )
