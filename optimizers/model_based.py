"""What optimizers share that fit a model to all that was told before they ask."""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.moves import random_points
from l2l.optimizers.options import at_least
from l2l.space import Categorical, Individuals, Numeric, ParameterSpace
from l2l.values import Results

PROPOSALS, TRIES = 3, 30
"""So many proposals, then random points, until one is new and violates no constraint; then it is asked as it is."""
COUNTABLE = 4096
"""Points of a space without reals up to which those that are left are listed instead."""


class ModelBased(Optimizer):
    """Asks a design first, then what a model proposes; each ask is drawn from the seed and the number asked before.

    So a replay need not think: `reask` compares the design alone, and adopts what the model proposed. Nothing is asked
    twice where that can be helped.

    Args:
        space: What is searched.
        seed: Of all randomness.
        initial: Individuals to begin with.
        population: Individuals of a generation.
        startup: Individuals of the design, initial ones included.
        steady_state: Ask for single individuals as soon as a place is free.
        largest: Coordinates beyond which the model is no use.
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None,
        initial: Sequence[Mapping[str, Any]],
        population: int,
        startup: int,
        steady_state: bool,
        largest: int,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 1)
        at_least(self, "startup", startup, 1)
        if space.dimension > largest:
            raise OptionError(
                f"{type(self).__name__}: expected a space of at most {largest} coordinates, got {space.dimension}; "
                "take cma-es, or fix parameters"
            )
        self.population, self.startup, self.steady_state = population, startup, steady_state
        self._entropy = int(self.rng.integers(2**63))
        self._design = list(dict.fromkeys([*self.initial, *self._drawn(max(0, startup - len(self.initial)))]))
        countable = _points(space) <= COUNTABLE
        self._grid = space.grid(COUNTABLE) if countable else None
        self._points = len(self._grid) if self._grid is not None else math.inf
        self._individuals: list[Individual] = []  # all that were asked, in order
        self._seen: set[Individual] = set()
        self._costs: list[float] = []  # of each; NaN while it is not told
        self._waiting: dict[Individual, list[int]] = {}
        self._best = math.inf

    def _drawn(self, n: int) -> Individuals:
        individuals = self.space.latin_hypercube(n, self.rng)
        violating = np.flatnonzero(~self.space.feasible(individuals))
        redrawn = self.space.decode(random_points(self.space, violating.size, self.rng))
        return individuals.replaced(violating, redrawn)

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next of the design, then what the model proposes, each taking those before it into account."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        start = len(self._individuals)
        given = self._design[start : start + wanted]
        self._enter(given)
        others = int(min(wanted - len(given), self._points - len(self._seen)))
        if others > 0:
            self._propose(others, np.random.default_rng([self._entropy, len(self._individuals)]))
        return self._asked(self._individuals[start:])

    def reask(self, individuals: Sequence[Individual]) -> None:
        """Adopt archived individuals; only those of the design are compared with what would be asked.

        Raises:
            ReplayError: The design differs from them.
        """
        start = len(self._individuals)
        expected = self._design[start : start + len(individuals)]
        self._enter(individuals)
        self._asked(individuals)
        self._compare(expected, individuals[: len(expected)])

    def _enter(self, individuals: Sequence[Individual]) -> None:
        """Count individuals as asked."""
        for one in individuals:
            self._waiting.setdefault(one, []).append(len(self._individuals))
            self._individuals.append(one)
            self._costs.append(math.nan)
        self._seen.update(individuals)
        self._entered(individuals)

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Remember the costs for the model of the next ask."""
        told = self._told(individuals, costs)[:, 0]
        for one, cost in zip(individuals, told.tolist(), strict=True):
            place = self._waiting[one].pop(0)
            if not self._waiting[one]:
                del self._waiting[one]
            self._costs[place] = cost
            self._learn(place, cost)
            self._best = min(self._best, cost)

    def _new(self, propose: Callable[[], Individual], rng: np.random.Generator) -> Individual:
        """What `propose` gives, again or at random where it was asked before or violates a constraint."""
        one = propose()
        for tried in range(1, TRIES):
            if one not in self._seen and self.space.violated(one) is None:
                return one
            if tried < PROPOSALS:
                one = propose()
            elif self._grid is None:
                one = self.space.sample(1, rng)[0]
        if self._grid is None:
            return one
        left = [one for one in self._grid if one not in self._seen]
        feasible = [one for one, fine in zip(left, self.space.feasible(left), strict=True) if fine] or left
        return feasible[int(rng.integers(len(feasible)))]

    @abstractmethod
    def _propose(self, n: int, rng: np.random.Generator) -> None:
        """Enter so many proposals."""

    def _entered(self, individuals: Sequence[Individual]) -> None:
        """Take individuals into the model, their costs still unknown."""

    def _learn(self, place: int, cost: float) -> None:
        """Take the cost of the individual asked at a place into the model."""

    def report(self) -> Mapping[str, float]:
        """Best cost so far, individuals told, of which so many failed."""
        told = np.array(self._costs)
        return {
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
            "told": float((~np.isnan(told)).sum()),
            "failed": float(np.isinf(told).sum()),
        }

    @property
    def finished(self) -> str | None:
        """Once every point of a space of few points is asked."""
        return f"all {self._points} points of the space are asked" if len(self._seen) >= self._points else None


def _points(space: ParameterSpace) -> float:
    """How many different points the space has at most."""
    points = 1.0
    for parameter in space.parameters.values():
        if isinstance(parameter, Numeric) and not parameter.cells:
            return math.inf
        if isinstance(parameter, Numeric):
            points *= math.inf if parameter.size > 100 else float(parameter.cells) ** parameter.size
        elif isinstance(parameter, Categorical):
            points *= len(parameter.choices)
    return points
