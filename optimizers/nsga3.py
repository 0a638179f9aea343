"""NSGA-III: the front of many objectives, spread out along reference directions.

Deb, Jain: An evolutionary many-objective optimization algorithm using reference-point-based nondominated sorting
approach, part I. IEEE Transactions on Evolutionary Computation 18 (2014), 577-601, doi:10.1109/TEVC.2013.2281535.
Reference directions: Das, Dennis, SIAM J. Optim. 8 (1998), 631-657, doi:10.1137/S1052623496307510. Survivors are
selected by DEAP: Fortin et al., J. Mach. Learn. Res. 13 (2012), 2171-2175, doi:10.5555/2503308.2503311.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.optimizers.fence import global_numpy_random_is
from l2l.optimizers.pareto import Floats, Member, ParetoOptimizer
from l2l.space import ParameterSpace

POPULATION = 92
"""Of the paper for three objectives: 91 directions, rounded up to a multiple of four."""
INNER = 0.5
"""How far from the middle the second layer of directions lies, as a share of the first's distance."""


class NSGA3(ParetoOptimizer):
    """Searches the Pareto front of three and more objectives (two work too).

    Each survivor stands for one of evenly spread directions in the space of costs, normalized between the best costs
    and the intercepts of the front; the least populated direction comes first. There are as many directions as fit the
    population, in two layers where there are more objectives than divisions. Parents are paired at random. Failed
    individuals never survive. As long as fewer than a population survived, up to half of each generation is random.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, first in the first generation.
        population: Individuals of a generation, and at most as many that survive; None for 92, or as many as there
            are `directions`, rounded up to a multiple of four.
        directions: (directions, objectives) weights, where some part of the front is wanted more than others; they are
            scaled to sum 1. None for evenly spread ones.
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
        >>> nsga3 = NSGA3(ParameterSpace(x=Real(0.0, 1.0, shape=3)), seed=1, population=20)
        >>> for _ in range(20):
        ...     individuals = nsga3.ask()
        ...     nsga3.tell(individuals, [((one["x"] - np.eye(3)) ** 2).sum(axis=1) for one in individuals])
        >>> nsga3.report()["front"]
        20.0
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int | None = None,
        directions: Sequence[Sequence[float]] | None = None,
        crossover_probability: float = 1.0,
        mutation_probability: float | None = None,
        eta_crossover: float = 30.0,
        eta_mutation: float = 20.0,
        reference: Sequence[float] | None = None,
    ) -> None:
        self._directions: Floats | None = None if directions is None else _checked(directions)
        if population is None:
            population = POPULATION if self._directions is None else max(4, -(-len(self._directions) // 4) * 4)
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
        if self._directions is not None:
            objectives = self._directions.shape[1]
            if self._objectives not in (0, objectives):
                raise OptionError(
                    f"NSGA3: options 'directions' and 'reference': expected the same number of objectives, "
                    f"got {objectives} and {self._objectives}"
                )
            self._objectives = objectives
        self._niching = np.random.RandomState(int(self.rng.integers(2**32)))
        self._ideal: Floats | None = None
        self._worst: Floats | None = None
        self._extremes: Floats | None = None

    def _survivors(self, members: list[Member]) -> list[Member]:
        """DEAP's selection among costs above the best ones; there it normalizes rightly only where these are 0."""
        from deap import tools

        if self._directions is None:
            self._directions = directions_for(self._objectives, self.population)
        costs = np.stack([member.costs for member in members])
        self._ideal = costs.min(axis=0) if self._ideal is None else np.minimum(self._ideal, costs.min(axis=0))
        self._worst = costs.max(axis=0) if self._worst is None else np.maximum(self._worst, costs.max(axis=0))
        if len(members) <= self.population:
            return members
        with np.errstate(all="ignore"), global_numpy_random_is(self._niching):
            for member, above in zip(members, np.nan_to_num(costs - self._ideal).tolist(), strict=True):
                member.fitness.values = above
            survivors, memory = tools.selNSGA3(
                members,
                self.population,
                self._directions,
                nd="log" if self._objectives > 1 else "standard",
                best_point=np.zeros((1, self._objectives)),
                worst_point=np.nan_to_num(self._worst - self._ideal)[None],
                extreme_points=None if self._extremes is None else np.nan_to_num(self._extremes - self._ideal),
                return_memory=True,
            )
            self._extremes = np.nan_to_num(memory.extreme_points + self._ideal)
        return list(survivors)

    def _mates(self, n: int) -> NDArray[np.intp]:
        parents = len(self._parents)
        shuffles = [self.rng.permutation(parents) for _ in range(-(-n // parents))]
        return np.concatenate(shuffles)[:n]


def directions_for(objectives: int, population: int) -> Floats:
    """Evenly spread directions, as many as fit the population, each of sum 1; where even the corners do not fit, these.

    Args:
        objectives: m, their number.
        population: At most so many, but at least m.
    """
    from deap import tools

    if objectives == 1:
        return np.ones((1, 1))
    divisions = 1
    while math.comb(objectives + divisions, divisions + 1) <= population:
        divisions += 1
    outer: Floats = tools.uniform_reference_points(objectives, divisions)
    if divisions >= objectives:
        return outer
    for inner in range(divisions, 0, -1):
        if len(outer) + math.comb(objectives + inner - 1, inner) <= population:
            return np.concatenate((outer, tools.uniform_reference_points(objectives, inner, INNER)))
    return outer


def _checked(directions: Sequence[Sequence[float]]) -> Floats:
    array = np.array(directions, dtype=np.float64)
    if array.ndim != 2 or not array.size or not np.isfinite(array).all() or (array < 0).any() or not array.any(1).all():
        raise OptionError(
            "NSGA3: option 'directions': expected rows of weights, one an objective, none negative and not all 0, "
            f"got {directions!r}"
        )
    scaled: Floats = array / array.sum(axis=1, keepdims=True)
    return scaled
