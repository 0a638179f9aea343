"""Random search: independent points, uniform in the encoded space.

Bergstra, Bengio: Random search for hyper-parameter optimization. J. Mach. Learn. Res. 13 (2012), 281-305,
doi:10.5555/2188385.2188395.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least
from l2l.space import Individuals, ParameterSpace
from l2l.values import Results

REJECTIONS = 100
"""Rounds of drawing anew what violates a constraint, before it is asked as it is."""


class RandomSearch(Optimizer):
    """Draws every individual on its own, uniform in the encoded space (in the logarithm where a parameter is `log`).

    Points that violate a constraint are drawn anew, up to 100 times; what then still violates one is asked and told
    as failed.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with; they count as samples.
        population: Individuals of a generation.
        samples: Individuals in all, after which the search is finished; None for no end.
        steady_state: Ask for single individuals as soon as a place is free.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> search = RandomSearch(ParameterSpace(x=Real(0.0, 1.0)), seed=1, population=3, samples=5)
        >>> individuals = search.ask()
        >>> search.tell(individuals, [individual["x"] for individual in individuals])
        >>> len(search.ask())
        2
    """

    multi_objective = True
    explores = True

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 100,
        samples: int | None = None,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 1)
        at_least(self, "samples", samples, 1)
        self.population = population
        self.samples = samples
        self.finite = samples is not None
        self.steady_state = steady_state
        self._count = self._failed = 0

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next individuals; the last generation is smaller where `samples` ends within it."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        if self.samples is not None:
            wanted = min(wanted, self.samples - self._count)
        given = self.initial[self._count : self._count + wanted]
        individuals = given + self._drawn(wanted - len(given))
        self._count += wanted
        return self._asked(individuals)

    def _drawn(self, n: int) -> Individuals:
        individuals = self.space.sample(n, self.rng)
        if not self.space.constraints:
            return individuals
        violating = (~self.space.feasible(individuals)).nonzero()[0]
        for _ in range(REJECTIONS):
            if not violating.size:
                break
            redrawn = self.space.sample(violating.size, self.rng)
            individuals = individuals.replaced(violating, redrawn)
            violating = violating[~self.space.feasible(redrawn)]
        return individuals

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Check the order; nothing is learnt."""
        self._failed += int(np.isinf(self._told(individuals, costs)).any(axis=1).sum())

    def report(self) -> Mapping[str, float]:
        """Individuals asked so far, and how many of them failed."""
        return {"asked": float(self._count), "failed": float(self._failed)}

    @property
    def finished(self) -> str | None:
        """Once all samples are asked."""
        if self.samples is not None and self._count >= self.samples:
            return f"all {self.samples} samples are drawn"
        return None
