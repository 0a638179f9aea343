"""NSGA-II: the front by non-dominated sorting, spread out by crowding distance.

Deb, Pratap, Agarwal, Meyarivan: A fast and elitist multiobjective genetic algorithm: NSGA-II. IEEE Transactions on
Evolutionary Computation 6 (2002), 182-197, doi:10.1109/4235.996017. Survivors are selected by DEAP: Fortin et al., J.
Mach. Learn. Res. 13 (2012), 2171-2175, doi:10.5555/2503308.2503311.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizers.pareto import Member, ParetoOptimizer
from l2l.space import ParameterSpace


class NSGA2(ParetoOptimizer):
    """Searches the Pareto front of two or three objectives (of one, it is a plain genetic algorithm).

    Parents are found by binary tournaments: who dominates wins, else who has more room. Parents and children together
    are sorted by how many fronts lie before them; within the last front that fits the most isolated survive. Failed
    individuals never do. As long as fewer than a population survived, up to half of each generation is random.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, first in the first generation.
        population: Individuals of a generation, and at most as many that survive.
        crossover_probability: Share of pairs that are crossed; the others are mutated copies.
        mutation_probability: Of each gene; None for one gene an individual on average.
        eta_crossover: Of simulated binary crossover: the higher, the closer to the parents.
        eta_mutation: Of polynomial mutation: the higher, the smaller the steps.
        reference: Costs, one an objective (minus the fitness where it is maximized), that bound the reported
            hypervolume; None for the worst of the first generation plus a tenth of its range.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> nsga2 = NSGA2(ParameterSpace(x=Real(-10.0, 10.0)), seed=1, population=20)
        >>> for _ in range(20):
        ...     individuals = nsga2.ask()
        ...     nsga2.tell(individuals, [(one["x"] ** 2, (one["x"] - 2.0) ** 2) for one in individuals])
        >>> all(-0.1 < one["x"] < 2.1 for one, costs in nsga2.front)
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 100,
        crossover_probability: float = 0.9,
        mutation_probability: float | None = None,
        eta_crossover: float = 15.0,
        eta_mutation: float = 20.0,
        reference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(
            space,
            seed=seed,
            initial=initial,
            population=population,
            crossover_probability=crossover_probability,
            mutation_probability=mutation_probability,
            eta_crossover=eta_crossover,
            eta_mutation=eta_mutation,
            reference=reference,
        )

    def _survivors(self, members: list[Member]) -> list[Member]:
        from deap import tools

        survivors: list[Member] = tools.selNSGA2(
            members, self.population, nd="log" if self._objectives > 1 else "standard"
        )
        return survivors

    def _mates(self, n: int) -> NDArray[np.intp]:
        """Winners of binary tournaments, for which the parents are shuffled as often as needed."""
        parents = len(self._parents)
        shuffles = -(-2 * n // parents)
        order = np.concatenate([self.rng.permutation(parents) for _ in range(shuffles)])
        return np.array([self._winner(one, other) for one, other in order[: 2 * n].reshape(n, 2)], dtype=np.intp)

    def _winner(self, one: int, other: int) -> int:
        first, second = self._parents[one].fitness, self._parents[other].fitness
        if first.dominates(second) or (first.crowding_dist > second.crowding_dist and not second.dominates(first)):
            return one
        return other
