"""What a run has come to: counts, the best, and where it stands to its stop rules."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.experiment.plan import Plan
from l2l.individual import Individual
from l2l.spread import KEPT, Spread, spread_of
from l2l.stop import Standing
from l2l.values import Status


class Tally:
    """Counts of a run, over all its process lifetimes.

    Args:
        plan: What is run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._signs = np.array([objective.sign for objective in plan.objectives])
        self._best_before = np.inf
        self.standing = Standing()
        self.told_since = 0
        """Individuals that were told since a generation was closed."""
        self.best = np.full(len(plan.objectives), np.nan)
        self.best_individual: Individual | None = None
        self.best_number = -1
        self.trials = self.failures = self.simulated = self.cached = 0
        self.seconds_per_trial = 0.0
        self._deviation = 0.0
        self.report: dict[str, Any] = {}
        self.course: deque[Spread] = deque(maxlen=KEPT)
        self._fitness: list[NDArray[np.float64]] = []  # of the generation under way

    @property
    def told(self) -> int:
        """Individuals that the optimizer was told of."""
        return self.standing.individuals

    def count(self, status: NDArray[np.int8]) -> None:
        """Count final trials."""
        self.trials += len(status)
        self.failures += int(np.count_nonzero(status != Status.OK))

    def time(self, seconds: Sequence[float]) -> None:
        """Follow how long trials take, as a running mean."""
        for one in seconds:
            self._deviation += (
                0.1 * (abs(one - self.seconds_per_trial) - self._deviation) if self.seconds_per_trial else 0
            )
            self.seconds_per_trial += (0.1 if self.seconds_per_trial else 1.0) * (one - self.seconds_per_trial)

    @property
    def seconds_of_short(self) -> float:
        """Seconds that a rather short trial takes; 0.0 before the first."""
        return max(self.seconds_per_trial - self._deviation, self.seconds_per_trial / 4)

    @property
    def seconds_wanted(self) -> float:
        """Seconds within which most trials end, by those measured; 0.0 before the first."""
        return self.seconds_per_trial + 3.0 * self._deviation

    def tell(
        self,
        numbers: NDArray[np.int64],
        individuals: Sequence[Individual],
        costs: NDArray[np.float64],
        fitness: NDArray[np.float64],
    ) -> int | None:
        """Count individuals that were told.

        Args:
            numbers: (n,) of the individuals.
            individuals: (n,).
            costs: (n, 1), or (n, m) for a multi-objective optimizer.
            fitness: (n, m), NaN where failed.

        Returns:
            The number of a new best individual, where there is one cost and one is better than all before.
        """
        self.best = np.fmin(self.best * self._signs, np.fmin.reduce(fitness * self._signs, axis=0)) * self._signs
        self.told_since += len(numbers)
        self._fitness.append(fitness)
        improved: int | None = None
        best = self.standing.best
        if costs.shape[1] == 1 and len(self._signs):
            place = int(np.argmin(costs[:, 0]))
            if costs[place, 0] < best:
                best = float(costs[place, 0])
                improved = self.best_number = int(numbers[place])
                self.best_individual = individuals[place]
        told = self.told + len(numbers)
        self.standing = replace(self.standing, individuals=told, trials=told * self._plan.trials, best=best)
        return improved

    def close_generation(self, report: Mapping[str, Any]) -> None:
        """Count a generation that is complete."""
        self.report = dict(report)
        self.course.append(spread_of(np.concatenate(self._fitness), self._signs))
        self._fitness = []
        stagnant = 0 if self.standing.best < self._best_before else self.standing.stagnant + 1
        self._best_before = self.standing.best
        self.standing = replace(self.standing, generations=self.standing.generations + 1, stagnant=stagnant)
        self.told_since = 0
