"""The (1+λ) evolution strategy with the one-fifth success rule.

I. Rechenberg: Evolutionsstrategie. Frommann-Holzboog, Stuttgart (1973). The rule in this form: S. Kern et al., Natural
Computing 3 (2004), 77-112, doi:10.1023/B:NACO.0000023416.59689.4e.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

import l2l
from l2l.errors import OptionError

SUCCESS = 0.2
"""Share of children better than their parent at which the step stays as it is."""


class OnePlusLambda(l2l.Optimizer):
    """Normal steps around the best point so far, longer after success and shorter after failure.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with.
        population: Children of a generation, λ.
        sigma: Standard deviation of the first steps, in the unit cube.
        least_sigma: Below which it never falls.
        steady_state: Ask for single children as soon as a place is free.

    Raises:
        OptionError: An option is out of range.
    """

    def __init__(
        self,
        space: l2l.ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 8,
        sigma: float = 0.2,
        least_sigma: float = 1e-6,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        if population < 1:
            raise OptionError(f"population: expected 1 or more, got {population}")
        if not 0.0 < least_sigma <= sigma <= 1.0:
            raise OptionError(f"sigma: expected 0 < least_sigma <= sigma <= 1, got {least_sigma} and {sigma}")
        self.population = population
        self.steady_state = steady_state
        self._sigma, self._least = sigma, least_sigma
        self._given = space.encode(self.initial)
        self._parent = space.encode([space.default])[0]
        self._cost = math.inf

    def ask(self, n: int | None = None) -> Sequence[l2l.Individual]:
        """Children of the best point so far; the initial individuals first."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        points = self._parent + self.rng.normal(scale=self._sigma, size=(wanted, self.space.dimension))
        given, self._given = self._given[:wanted], self._given[wanted:]
        points[: len(given)] = given
        points = points.clip(0.0, 1.0)
        return self._asked(self.space.decode(points), points)

    def tell(self, individuals: Sequence[l2l.Individual], costs: ArrayLike, results: l2l.Results | None = None) -> None:
        """Make a child that is as good the parent; adapt the step to success."""
        told = self._told(individuals, costs)[:, 0]
        for point, cost in zip(self.told_points, told.tolist(), strict=True):
            better = cost < self._cost
            if cost <= self._cost:
                self._parent, self._cost = point, cost
            change = math.exp((better - SUCCESS) / (1.0 + 0.5 * self.space.dimension))
            self._sigma = min(max(self._sigma * change, self._least), 1.0)

    def report(self) -> Mapping[str, float]:
        """The length of steps in the unit cube, and the best cost so far."""
        return {"sigma": self._sigma, "best_cost": self._cost}
