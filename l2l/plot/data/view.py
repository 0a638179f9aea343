"""The columns of a run that several pictures need, each computed once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l import document
from l2l.errors import NotFoundError, near
from l2l.plot.data.dimensions import Dimension, Floats, Quantity, dimensions_of
from l2l.values import Status

if TYPE_CHECKING:
    from l2l.trajectory.table import Table
    from l2l.trajectory.trajectory import Trajectory

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_SHOWN = 20_000
"""Individuals that a picture draws: more take long to draw, and hide one another."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The individuals that a picture draws.

    Args:
        rows: Of the table of individuals, in ascending order.
        note: What was left out, as a sentence; "" where nothing was.
    """

    rows: Ints
    note: str = ""


class View:
    """A run as pictures look at it.

    Args:
        trajectory: The run.
    """

    def __init__(self, trajectory: "Trajectory") -> None:
        self.trajectory = trajectory
        self.individuals: Table = trajectory.individuals
        self.objectives = tuple(Quantity(one.name, one.unit, one.maximize) for one in trajectory.objectives)
        self.explored = not self.objectives
        """Whether there is no objective: scalar observables take its place, and none of their values is the best."""
        if self.explored:
            scalars = {name: one for name, one in trajectory.observables.items() if not one.shape and not one.ragged}
            self.objectives = tuple(Quantity(name, one.unit) for name, one in scalars.items())

    def __len__(self) -> int:
        return len(self.individuals)

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """All scalars and components of parameters that can vary."""
        return dimensions_of(self.trajectory.space)

    @cached_property
    def generation(self) -> Ints:
        """(n,) of each individual."""
        return np.asarray(self.individuals["generation"])

    @cached_property
    def failed(self) -> Mask:
        """(n,) whether an individual lacks the fitness of some objective, or, without one, some trial failed."""
        if self.explored:
            return np.asarray(self.individuals["status"] != Status.OK)
        return np.asarray(~np.isfinite(self.trajectory.costs).all(axis=1))

    @cached_property
    def different(self) -> Mask:
        """(n,) whether no earlier individual is equal."""
        return np.asarray(self.individuals["same_as"] < 0)

    @cached_property
    def front(self) -> Ints:
        """Rows of the Pareto front, in the order of the first objective."""
        return self.trajectory.front_rows

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """What the file of the experiment says."""
        text = self.trajectory.experiment
        said = document.parse(text, self.trajectory.path / "experiment.yaml").data if text else None
        return said if isinstance(said, Mapping) else {}

    @property
    def target(self) -> float | None:
        """The fitness at which the run stops, where it has a single objective and such a rule."""
        stop = self.settings.get("stop")
        target = stop.get("target") if isinstance(stop, Mapping) else None
        known = isinstance(target, int | float) and len(self.objectives) == 1
        return float(target) if known and target is not None else None

    def objective(self, name: str | None = None) -> Quantity:
        """An objective by its name; the first unless given.

        Raises:
            NotFoundError: There is none of that name; lists the near ones.
        """
        for one in self.objectives:
            if name in (None, one.name):
                return one
        raise NotFoundError(near(str(name), [one.name for one in self.objectives], "objective"))

    def fitness(self, objective: Quantity) -> Floats:
        """(n,) in one objective, NaN where it failed; without objectives the mean of an observable over trials."""
        if self.explored:
            return self._observed(objective.name)
        return np.asarray(self.individuals[f"fitness/{objective.name}"], dtype=np.float64)

    def _observed(self, name: str) -> Floats:
        """(n,) mean of a scalar observable over the trials that succeeded; equal individuals share their trials."""
        if name not in self._means:
            self._means[name] = self.trajectory.means(name)
        return self._means[name]

    @cached_property
    def _means(self) -> dict[str, Floats]:
        return {}

    def cost(self, objective: Quantity) -> Floats:
        """(n,) in one objective: lower is better, +inf where it failed."""
        costs = self.fitness(objective) * objective.sign
        return np.where(np.isfinite(costs) & ~self.failed, costs, np.inf)

    def best(self, objective: Quantity) -> int | None:
        """The row of the best individual in one objective; None where all failed, or nothing is better than else."""
        if objective.maximize is None:
            return None
        cost = self.cost(objective)
        row = int(np.argmin(cost)) if len(cost) else 0
        return row if len(cost) and np.isfinite(cost[row]) else None

    def need_objectives(self) -> None:
        """See that there is something to be good at.

        Raises:
            NotFoundError: The optimizee declares no objectives.
        """
        if self.explored:
            raise NotFoundError(
                f"{self.trajectory.path}: the optimizee declares no objectives; draw map, slice or observable instead"
            )

    def need_some(self) -> None:
        """See that there is something to draw.

        Raises:
            NotFoundError: No generation is complete yet.
        """
        if not len(self):
            raise NotFoundError(
                f"{self.trajectory.path}: no generation is complete yet, so there is nothing to draw; "
                "try again when the first one is over"
            )

    def rows_of(self, numbers: Ints) -> Ints:
        """The rows of individuals by their numbers."""
        known = np.asarray(self.individuals["number"])
        order = np.argsort(known, kind="stable")
        return np.asarray(order[np.searchsorted(known, numbers, sorter=order)])

    def shown(self, most: int = MOST_SHOWN, among: Mask | None = None) -> Shown:
        """The individuals that a picture draws: all, or the best, the front, all failures and a sample of the others.

        Args:
            most: How many, unless more of them failed.
            among: (n,) whether an individual may be drawn; equal ones are drawn once unless given.
        """
        candidates = self.different if among is None else among
        rows = np.flatnonzero(candidates)
        if len(rows) <= most:
            return Shown(rows)
        keep = candidates & self.failed
        keep[self.front] = True
        for objective in self.objectives:
            best = self.best(objective)
            if best is not None:
                keep[best] = True
        others = np.flatnonzero(candidates & ~keep)
        places = max(0, most - int(keep.sum()))
        # The same sample each time, so that a picture can be made again.
        sample = np.random.default_rng(0).choice(others, min(places, len(others)), replace=False)
        keep[sample] = True
        found = np.flatnonzero(keep)
        if len(found) == len(rows):
            return Shown(rows)
        kept = "the best, the front, all failures" if len(self.objectives) > 1 else "the best, all failures"
        return Shown(
            found, f"{len(found):,} of {len(rows):,} individuals are shown: {kept} and a random sample of the others"
        )

    def main_dimensions(
        self, most: int, names: Sequence[str] | None = None, objective: Quantity | None = None
    ) -> tuple[list[Dimension], str]:
        """The dimensions that a picture with few places shows.

        Args:
            most: How many there are places for, where no names are given.
            names: As a user types them; None for those that matter most.
            objective: To which they should matter; the first unless given.

        Returns:
            The dimensions in the order of the space, and what was left out, as a sentence ("" for nothing).

        Raises:
            NotFoundError: A name is no parameter that varies, or no parameter varies.
        """
        from l2l.plot.data.dimensions import chosen_dimensions
        from l2l.plot.data.importance import strongest

        if names is not None and len(names):
            return chosen_dimensions(self.dimensions, names), ""
        if not self.dimensions:
            raise NotFoundError(f"{self.trajectory.path}: no parameter of this run varies")
        if len(self.dimensions) <= most:
            return list(self.dimensions), ""
        found = strongest(self, most, objective or self.objectives[0])
        return found, f"{most} of {len(self.dimensions):,} parameters are shown: those that matter most by PED-ANOVA"
