"""The Pareto front among all individuals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from l2l.errors import NotFoundError
from l2l.plot.data.convergence import Validated, validated
from l2l.plot.data.dimensions import Floats, Quantity
from l2l.plot.data.view import MOST_SHOWN, Ints, Mask, View
from l2l.ranking import pareto_front


@dataclass(frozen=True, slots=True)
class Front:
    """n individuals in m objectives; those that failed are left out.

    Args:
        objectives: (m,)
        number: (n,) numbers of the individuals.
        fitness: (n, m)
        front: (n,) whether no other dominates it in these objectives.
        generation: (n,)
        failed: How many individuals failed.
        validated: (m,) what fresh trials of winners gave in each objective.
        notes: What was left out, as sentences.
    """

    objectives: tuple[Quantity, ...]
    number: Ints
    fitness: Floats
    front: Mask
    generation: Ints
    failed: int
    validated: tuple[tuple[Validated, ...], ...]
    notes: tuple[str, ...]


def front(view: View, names: Sequence[str] | None = None, most_shown: int = MOST_SHOWN) -> Front:
    """The Pareto front.

    Args:
        view: The run.
        names: Objectives, at least two; None for all.
        most_shown: Individuals, unless the front is larger.

    Raises:
        NotFoundError: The run has a single objective, no such objective, or no individual has a fitness yet.
    """
    view.need_some()
    objectives = tuple(view.objective(name) for name in names) if names else view.objectives
    if len(set(objectives)) < 2:
        remedy = (
            "draw its convergence instead" if len(view.objectives) == 1 else "name at least two different objectives"
        )
        raise NotFoundError(
            f"{view.trajectory.path}: expected several objectives for a Pareto front, got "
            f"{', '.join(one.name for one in objectives)}; {remedy}"
        )
    if view.failed.all():
        raise NotFoundError(f"{view.trajectory.path}: no individual has a fitness; all {len(view)} failed")
    costs = np.stack([view.cost(one) for one in objectives], axis=1)
    costs[~view.different] = np.inf
    on_front = pareto_front(costs)
    shown = view.shown(most_shown, among=view.different & ~view.failed)
    rows = np.union1d(shown.rows, on_front)
    return Front(
        objectives=objectives,
        number=np.asarray(view.individuals["number"])[rows],
        fitness=np.stack([view.fitness(one)[rows] for one in objectives], axis=1),
        front=np.isin(rows, on_front),
        generation=view.generation[rows],
        failed=int((view.failed & view.different).sum()),
        validated=tuple(validated(view, one) for one in objectives),
        notes=(shown.note,) if shown.note else (),
    )
