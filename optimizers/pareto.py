"""What evolutionary algorithms that search a Pareto front share: breeding, failures, the front and its volume."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.hypervolume import Hypervolume
from l2l.optimizers.options import at_least, within
from l2l.optimizers.unit_cube import stacked
from l2l.optimizers.variation import Variation
from l2l.space import ParameterSpace
from l2l.values import Results

Floats = NDArray[np.float64]

REJECTIONS, REPETITIONS = 20, 5
"""Rounds of breeding anew what violates a constraint, or is known already, before it is asked as it is."""


class Member:
    """An individual that succeeded, in the form that DEAP selects from.

    Args:
        individual: As it was asked.
        genes: (genes,).
        costs: (m,), finite.
        fitness: The same for DEAP.
    """

    __slots__ = ("costs", "fitness", "genes", "individual")

    def __init__(self, individual: Individual, genes: Floats, costs: Floats, fitness: Any) -> None:
        self.individual = individual
        self.genes = genes
        self.costs = costs
        self.fitness = fitness


class ParetoOptimizer(Optimizer):
    """Evolves a population towards a Pareto front; a subclass says who survives and who mates.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, first in the first generation.
        population: Individuals of a generation, and at most as many that survive.
        crossover_probability: Share of pairs that are crossed; the others are mutated copies.
        mutation_probability: Of each gene; None for one gene an individual on average.
        eta_crossover: Of simulated binary crossover.
        eta_mutation: Of polynomial mutation.
        reference: Costs (m,) that bound the reported hypervolume.
    """

    multi_objective = True

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None,
        initial: Sequence[Mapping[str, Any]],
        population: int,
        crossover_probability: float,
        mutation_probability: float | None,
        eta_crossover: float,
        eta_mutation: float,
        reference: Sequence[float] | None,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 2)
        within(self, "crossover_probability", crossover_probability, 0.0, 1.0)
        within(self, "mutation_probability", mutation_probability or 0.0, 0.0, 1.0)
        within(self, "eta_crossover", eta_crossover, 0.0, 1e6)
        within(self, "eta_mutation", eta_mutation, 0.0, 1e6)
        if reference is not None and (not len(reference) or not np.isfinite(reference).all()):
            raise OptionError(
                f"{type(self).__name__}: option 'reference': expected a finite cost for each objective, "
                f"got {reference!r}"
            )
        self.population = population
        self._variation = Variation(
            space,
            self.rng,
            crossover_probability=crossover_probability,
            mutation_probability=mutation_probability,
            eta_crossover=eta_crossover,
            eta_mutation=eta_mutation,
        )
        self._fresh = self._variation.codec.genes(space.encode(self.initial))
        self._hypervolume = Hypervolume(reference)
        self._objectives = 0 if reference is None else len(reference)
        self._fitness: Any = None
        self._parents: list[Member] = []

    @abstractmethod
    def _survivors(self, members: list[Member]) -> list[Member]:
        """Who of the parents and their children stays, at most a population."""

    @abstractmethod
    def _mates(self, n: int) -> NDArray[np.intp]:
        """(n,) places of the parents to be paired one after the other."""

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The children of the parents; at first, and as long as parents are missing, random individuals."""
        self._generation_only(n)
        fresh, self._fresh = self._fresh[: self.population], self._fresh[self.population :]
        missing = self.population - len(self._parents)
        strangers = min(missing, self.population // 2) if self._parents else self.population
        genes = np.concatenate((fresh, self._bred(self.population - len(fresh), strangers)))
        individuals = self._renewed(genes, len(fresh), strangers)
        return self._asked(individuals, self._variation.codec.points(genes))

    def _bred(self, n: int, strangers: int) -> Floats:
        """So many new genomes (n, genes), of which at most so many are random."""
        strangers = min(n, strangers)
        random = self._variation.random(strangers)
        if n == strangers:
            return random
        pairs = self._mates(n - strangers + (n - strangers) % 2)
        genes = np.stack([member.genes for member in self._parents])[pairs]
        children = self._variation.children(genes[::2], genes[1::2])[: n - strangers]
        return np.concatenate((children, random))

    def _renewed(self, genes: Floats, kept: int, strangers: int) -> list[Individual]:
        """The individuals of the genomes; those that are infeasible or known are bred anew, in place."""
        space, codec = self.space, self._variation.codec
        individuals = list(space.decode(codec.points(genes)))
        known = {member.individual for member in self._parents}.union(individuals[:kept])
        places = np.arange(kept, len(individuals))
        for attempt in range(REJECTIONS):
            feasible = space.feasible([individuals[place] for place in places])
            again = []
            for place, fine in zip(places.tolist(), feasible, strict=True):
                if not fine or (attempt < REPETITIONS and individuals[place] in known):
                    again.append(place)
                else:
                    known.add(individuals[place])
            if not again:
                break
            places = np.array(again)
            genes[places] = self._bred(len(again), strangers)
            for place, individual in zip(again, space.decode(codec.points(genes[places])), strict=True):
                individuals[place] = individual
        return individuals

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Choose who of parents and children survives; failed individuals never do."""
        self._count_objectives(costs)
        told = self._told(individuals, costs)
        alive = np.isfinite(told).all(axis=1)
        if not alive.any():
            return
        self._hypervolume.see(told[alive])
        members = {member.individual: member for member in self._parents}
        genes = self._variation.codec.genes(stacked(self.told_points))
        for place in np.flatnonzero(alive).tolist():
            fitness = self._fitness(told[place].tolist())
            members[individuals[place]] = Member(individuals[place], genes[place], told[place], fitness)
        self._parents = self._survivors(list(members.values()))

    def _count_objectives(self, costs: ArrayLike) -> None:
        shape = np.shape(costs)
        objectives = shape[1] if len(shape) == 2 else 1
        if not np.size(costs):
            return
        if self._objectives and objectives != self._objectives:
            raise OptionError(
                f"{type(self).__name__}: expected costs of {self._objectives} objectives, as in its options or told "
                f"before, got {objectives}"
            )
        if self._fitness is None:
            from deap import base

            self._objectives = objectives
            self._fitness = type("Fitness", (base.Fitness,), {"weights": (-1.0,) * objectives})

    @property
    def front(self) -> list[tuple[Individual, Floats]]:
        """Individuals that no other of the population dominates, with their costs (m,)."""
        if not self._parents:
            return []
        from moocore import is_nondominated

        costs = np.stack([member.costs for member in self._parents])
        best = is_nondominated(costs, keep_weakly=True)
        return [(self._parents[place].individual, costs[place]) for place in np.flatnonzero(best)]

    def report(self) -> Mapping[str, float]:
        """Hypervolume and size of the population's front, and how many of its individuals survived so far."""
        front = self.front
        return {
            "hypervolume": self._hypervolume.of(np.stack([costs for _, costs in front])) if front else math.nan,
            "front": float(len(front)),
            "survivors": float(len(self._parents)),
        }
