"""Latin hypercube sampling: random points of which each cell along every parameter holds one.

McKay, Beckman, Conover: A comparison of three methods for selecting values of input variables in the analysis of output
from a computer code. Technometrics 21 (1979), 239-245, doi:10.2307/1268522. SciPy carries it out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least
from l2l.space import ParameterSpace
from l2l.values import Results


class LatinHypercube(Optimizer):
    """Asks the points of one Latin hypercube over all samples, or of one a generation where `samples` is not given.

    Its points are asked even where they violate a constraint, since without them the design would not be a Latin
    hypercube; they are told as failed.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, before the hypercubes; they count as samples.
        population: Individuals of a generation.
        samples: Individuals in all, after which the search is finished; None for no end.
        steady_state: Ask for single individuals as soon as a place is free.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> search = LatinHypercube(ParameterSpace(x=Real(0.0, 4.0)), seed=1, population=2, samples=4)
        >>> asked = []
        >>> while not search.finished:
        ...     individuals = search.ask()
        ...     search.tell(individuals, [0.0] * len(individuals))
        ...     asked += individuals
        >>> sorted(int(individual["x"]) for individual in asked)
        [0, 1, 2, 3]
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
        self._ready = list(reversed(self.initial))  # the next one last
        self._size = population if samples is None else max(1, samples - len(self.initial))

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next points; the last generation is smaller where `samples` ends within it."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        if self.samples is not None:
            wanted = min(wanted, self.samples - self._count)
        while len(self._ready) < wanted:
            self._ready = [*self.space.latin_hypercube(self._size, self.rng)[::-1], *self._ready]
        self._count += wanted
        return self._asked([self._ready.pop() for _ in range(wanted)])

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
            return f"all {self.samples} samples are asked"
        return None
