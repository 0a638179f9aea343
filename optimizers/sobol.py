"""Sobol search: the points of a low-discrepancy sequence, which fill the space more evenly than random ones.

Sobol': On the distribution of points in a cube and the approximate evaluation of integrals. USSR Comput. Math. Math.
Phys. 7 (1967), 86-112, doi:10.1016/0041-5553(67)90144-9. Scrambling: Owen, J. Complexity 14 (1998), 466-489,
doi:10.1006/jcom.1998.0487; direction numbers: Joe, Kuo, SIAM J. Sci. Comput. 30 (2008), 2635-2654,
doi:10.1137/070709359. SciPy carries it out.
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
"""Rounds of going on in the sequence past what violates a constraint, before it is asked as it is."""


class Sobol(Optimizer):
    """Asks the points of one scrambled Sobol sequence, which goes on from generation to generation.

    It is most even where the samples are a power of two. Points that violate a constraint are left out, unless 100
    rounds find too few others.

    Args:
        space: What is searched; at most 21201 coordinates.
        seed: Scrambles the sequence; None takes the experiment's.
        initial: Individuals to begin with; they count as samples.
        population: Individuals of a generation.
        samples: Individuals in all, after which the search is finished; None for no end.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        SpaceError: The space has more coordinates than Sobol sequences.

    Example:
        >>> from l2l.space import Individuals, ParameterSpace, Real
        >>> search = Sobol(ParameterSpace(x=Real(0.0, 4.0)), seed=1, population=4)
        >>> sorted(int(individual["x"]) for individual in search.ask())
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
        population: int = 128,
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
        self._scrambling = int(self.rng.integers(2**63))
        self._count = self._failed = 0
        self._place = 0
        space.sobol(1, self._scrambling)  # refuses a space that is too wide

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next points; the last generation is smaller where `samples` ends within it."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        if self.samples is not None:
            wanted = min(wanted, self.samples - self._count)
        given = self.initial[self._count : self._count + wanted]
        individuals = given + self._next(wanted - len(given))
        self._count += wanted
        return self._asked(individuals)

    def _next(self, n: int) -> Individuals:
        found = self.space.sobol(0, self._scrambling, self._place)
        for _ in range(REJECTIONS):
            points = self.space.sobol(n - len(found), self._scrambling, self._place)
            self._place += len(points)
            found = found.joined([found, points.taken(np.flatnonzero(self.space.feasible(points)))])
            if len(found) == n:
                return found
        left_out = self.space.sobol(n - len(found), self._scrambling, self._place)
        self._place += len(left_out)
        return found.joined([found, left_out])

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
