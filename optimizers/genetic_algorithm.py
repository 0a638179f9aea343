"""A genetic algorithm for real, integer and categorical parameters: tournaments, crossover, mutation, elitism.

Holland: Adaptation in natural and artificial systems. University of Michigan Press (1975). Simulated binary crossover:
Deb, Agrawal, Complex Systems 9 (1995), 115-148; polynomial mutation: Deb, Goyal, Computer Science and Informatics 26
(1996), 30-45; blend crossover: Eshelman, Schaffer, FOGA 2 (1993), doi:10.1016/B978-0-08-094832-4.50018-0. The operators
are those of DEAP: Fortin et al., J. Mach. Learn. Res. 13 (2012), 2171-2175, doi:10.5555/2503308.2503311.
"""

import math
import random
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal

from numpy.typing import ArrayLike

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.fence import global_random_is
from l2l.optimizers.genome import Genome, GenomeCodec
from l2l.optimizers.options import at_least, within
from l2l.space import Individuals, ParameterSpace
from l2l.values import Results

REJECTIONS = 20
"""Rounds of breeding anew what violates a constraint, before it is asked as it is."""

Crossover = Literal["sbx", "blend", "two-point", "uniform"]


class GeneticAlgorithm(Optimizer):
    """Evolves a population by tournament selection, crossover and mutation in the encoded unit cube.

    A category is one gene that is inherited or drawn anew. A failed individual never becomes a parent; where less than
    half of a generation succeeded, parents of the one before stay. The best (`elitism`) are members of the next
    generation, too. An experiment knows their result already and does not simulate them again, so that one whose noisy
    trial was lucky keeps its cost; with seeding "generation" it is simulated with new seeds, and has to be good again.
    In steady state each success takes the place of the worst in the population, if it is better.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, first in the first generation.
        population: Individuals of a generation.
        crossover: Of numbers: simulated binary ("sbx"), "blend", or exchange of genes ("two-point", "uniform").
        crossover_probability: Share of pairs that are crossed; the others are mutated copies.
        mutation: Of reals: "polynomial" or "gaussian"; integers are always mutated by normal steps.
        mutation_probability: Of each gene; None for one gene an individual on average.
        tournament: Individuals of which the best becomes a parent.
        elitism: How many of the best are asked again in the next generation.
        eta: Of simulated binary crossover and polynomial mutation: the higher, the closer to the parents.
        alpha: Of blend crossover: how far beyond the parents, as a share of their distance.
        sigma: Of normal steps: standard deviation in the unit cube; for integers at least half a cell.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> from l2l.space import Categorical, ParameterSpace, Real
        >>> space = ParameterSpace(x=Real(-5.0, 5.0), model=Categorical("a", "b"))
        >>> genetic = GeneticAlgorithm(space, seed=1, population=20)
        >>> for _ in range(30):
        ...     individuals = genetic.ask()
        ...     genetic.tell(individuals, [abs(one["x"]) + (one["model"] == "a") for one in individuals])
        >>> genetic.report()["best_cost"] < 0.1
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 50,
        crossover: Crossover = "sbx",
        crossover_probability: float = 0.9,
        mutation: Literal["polynomial", "gaussian"] = "polynomial",
        mutation_probability: float | None = None,
        tournament: int = 3,
        elitism: int = 1,
        eta: float = 15.0,
        alpha: float = 0.5,
        sigma: float = 0.1,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 2)
        at_least(self, "tournament", tournament, 1)
        at_least(self, "elitism", elitism, 0)
        within(self, "crossover_probability", crossover_probability, 0.0, 1.0)
        within(self, "mutation_probability", mutation_probability or 0.0, 0.0, 1.0)
        within(self, "eta", eta, 0.0, math.inf)
        within(self, "alpha", alpha, 0.0, math.inf)
        within(self, "sigma", sigma, 0.0, 1.0, above=True)
        if elitism >= population:
            raise OptionError(f"GeneticAlgorithm: option 'elitism': expected less than population, got {elitism!r}")
        self.population, self.elitism, self.tournament = population, elitism, tournament
        self.crossover, self.crossover_probability = crossover, crossover_probability
        self.mutation, self.sigma = mutation, sigma
        self.eta, self.alpha = eta, alpha
        self.steady_state = steady_state
        self._codec = GenomeCodec(space)
        genes = max(1, len(self._codec))
        self.mutation_probability = 1.0 / genes if mutation_probability is None else mutation_probability
        self._random = random.Random(int(self.rng.integers(2**63)))
        self._fresh = self._codec.genomes(space.encode(self.initial))
        self._unborn = population  # of the first generation
        self._parents: list[Genome] = []
        self._born: list[tuple[Individual, Genome]] = []  # asked and not told
        self._best = math.inf

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next generation: the best of the last and children of its tournaments; at first random individuals."""
        self._generation_only(n)
        wanted = self.population if n is None else max(n, 0)
        genomes, self._fresh = self._fresh[:wanted], self._fresh[wanted:]
        if self._parents and not self.steady_state:
            elite = list(dict.fromkeys(map(tuple, self._parents)))[: self.elitism]
            genomes += map(Genome, elite[: wanted - len(genomes)])
        kept = len(genomes)
        genomes += self._children(wanted - kept)
        self._unborn = max(0, self._unborn - wanted)
        individuals = self._feasible(genomes, kept)
        self._born += zip(individuals, genomes, strict=True)
        return self._asked(individuals)

    def _feasible(self, genomes: list[Genome], kept: int) -> Individuals:
        individuals = self.space.decode(self._codec.points(genomes))
        if not self.space.constraints:
            return individuals
        for _ in range(REJECTIONS):
            violating = (~self.space.feasible(individuals[kept:])).nonzero()[0] + kept
            if not violating.size:
                break
            children = self._children(violating.size)
            individuals = individuals.replaced(violating, self.space.decode(self._codec.points(children)))
            for place, child in zip(violating, children, strict=True):
                genomes[place] = child
        return individuals

    def _children(self, n: int) -> list[Genome]:
        if self._unborn or not self._parents:
            return self._codec.random(n, self.rng)
        from deap import tools

        with global_random_is(self._random):
            parents = tools.selTournament(self._parents, n + n % 2, self.tournament, fit_attr="merit")
            children = [Genome(parent) for parent in parents]
            for mother, father in zip(children[::2], children[1::2], strict=True):
                if random.random() < self.crossover_probability:
                    self._cross(mother, father)
            del children[n:]
            for child, parent in zip(children, parents, strict=False):
                for place in range(len(child)):
                    if random.random() < self.mutation_probability:
                        self._mutate_gene(child, place)
                if child == parent and child:
                    self._mutate_gene(child, random.randrange(len(child)))
        return children

    def _cross(self, mother: Genome, father: Genome) -> None:
        from deap import tools

        codec = self._codec
        if self.crossover == "uniform" or (self.crossover == "two-point" and len(codec) == 1):
            tools.cxUniform(mother, father, 0.5)
        elif self.crossover == "two-point":
            tools.cxTwoPoint(mother, father)
        else:
            pair = codec.numbers_of(mother), codec.numbers_of(father)
            if self.crossover == "blend":
                tools.cxBlend(*pair, self.alpha)
            else:
                tools.cxSimulatedBinaryBounded(*pair, self.eta, 0.0, 1.0)
            codec.set_numbers(mother, pair[0])
            codec.set_numbers(father, pair[1])
            for place in codec.categories:
                if random.random() < 0.5:
                    mother[place], father[place] = father[place], mother[place]

    def _mutate_gene(self, genome: Genome, place: int) -> None:
        from deap import tools

        codec = self._codec
        if codec.choices[place]:
            genome[place] = random.randrange(codec.choices[place])
            return
        gene = [genome[place]]
        if self.mutation == "polynomial" and not codec.cells[place]:
            tools.mutPolynomialBounded(gene, self.eta, 0.0, 1.0, 1.0)
        else:
            tools.mutGaussian(gene, 0.0, max(self.sigma, 0.5 * codec.cells[place]), 1.0)
        genome[place] = min(max(gene[0], 0.0), 1.0)

    def reask(self, individuals: Sequence[Individual]) -> None:
        """As in the contract; archived individuals that differ become the parents themselves."""
        before = len(self._born)
        try:
            super().reask(individuals)
        except ReplayError:
            genomes = self._codec.genomes(self.space.encode(individuals))
            self._born[before:] = zip(individuals, genomes, strict=True)
            raise
        genomes = [genome for _, genome in self._born[before:]]
        self._born[before:] = zip(individuals, genomes, strict=True)

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Choose who may become a parent."""
        told = self._told(individuals, costs)[:, 0]
        born = self._taken(individuals)
        for genome, cost in zip(born, told.tolist(), strict=True):
            genome.merit = -cost
        alive = [genome for genome in born if genome.merit > -math.inf]
        if not alive:
            return
        self._best = min(self._best, float(told.min()))
        if self.steady_state:
            alive += self._parents
        elif len(alive) < self.population // 2:
            again = set(map(tuple, born))
            others = [genome for genome in self._parents if tuple(genome) not in again]
            alive += others[: self.population // 2 - len(alive)]
        alive.sort(key=attrgetter("merit"), reverse=True)
        self._parents = alive[: self.population]

    def _taken(self, individuals: Sequence[Individual]) -> list[Genome]:
        if not self.steady_state:
            born, self._born = [genome for _, genome in self._born], []
            return born
        waiting = [individual for individual, _ in self._born]
        genomes = []
        for individual in individuals:
            place = waiting.index(individual)
            del waiting[place]
            genomes.append(self._born.pop(place)[1])
        return genomes

    def report(self) -> Mapping[str, float]:
        """Best cost so far, mean cost and mean standard deviation (unit cube) of those that may become parents."""
        if not self._parents:
            return {"best_cost": math.nan, "mean_cost": math.nan, "diversity": math.nan}
        share = 1.0 / len(self._parents)  # weights each, so that costs near the largest float do not overflow
        return {
            "best_cost": self._best,
            "mean_cost": math.fsum(-genome.merit * share for genome in self._parents),
            "diversity": float(self._codec.points(self._parents).std(axis=0).mean()) if len(self._codec) else 0.0,
        }
