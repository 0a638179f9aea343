"""Islands: several copies of any optimizer side by side, between which the best may migrate.

Cohoon, Hegde, Martin, Richards: Punctuated equilibria: a parallel genetic algorithm. ICGA 1987, 148-154. Migration in a
ring: Alba, Tomassini, IEEE Transactions on Evolutionary Computation 6 (2002), 443-462, doi:10.1109/TEVC.2002.800880.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l import registry
from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least
from l2l.space import ParameterSpace
from l2l.values import Results

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

OWN = ("seed", "initial")
"""Options of the inner optimizer that are given to the islands, which share them out."""
REJECTIONS = 100
"""Random individuals of which the first that meets the constraints is where an island begins."""


class Islands(Optimizer):
    """Runs copies of an optimizer, each with a seed of its own; a generation is the union of theirs.

    The first individuals of all islands come first, then their second ones, and so on. The first island has the seed
    of the whole, so that one island alone is the inner optimizer itself. With `migration` an island that has found
    nothing better since the last migration, while its left neighbour in the ring is better, is begun anew at the
    neighbour's best individual, with a new seed and budget, even if it was finished: its own search has ended in a
    poorer place. What inner optimizers know of several
    objectives (without migration), observables and an end of their own holds for the whole; it is finished when all
    islands are.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, dealt out to the islands in turn.
        optimizer: The inner optimizer: a name, a class, or a mapping of its `name` and options.
        islands: How many.
        population: Individuals of a generation of all islands together, shared evenly; None for what the inner
            optimizers choose.
        scatter: Whether islands that get no initial individual begin at a random one (the first at the defaults).
        migration: Generations between migrations, for one objective; 0 for none.

    Raises:
        OptionError: An option is out of range, or the inner optimizer refuses its own or is steady-state.
        NotFoundError: There is no optimizer of that name.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> space = ParameterSpace(x=Real(-5.0, 5.0), y=Real(-5.0, 5.0))
        >>> islands = Islands(space, seed=1, optimizer={"name": "cma-es", "population": 6}, islands=3)
        >>> islands.population
        18
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        optimizer: str | Mapping[str, Any] | type = "cma-es",
        islands: int = 4,
        population: int | None = None,
        scatter: bool = True,
        migration: int = 0,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "islands", islands, 1)
        at_least(self, "population", population, islands)
        at_least(self, "migration", migration, 0)
        self.inner, self.migration = optimizer, migration
        _, given = registry.parts("optimizer", optimizer)
        for name in (*OWN, *(("population",) if population is not None else ())):
            if name in given:
                raise OptionError(f"Islands: option 'optimizer': give {name!r} to Islands, which shares it out")
        first = int(self.rng.integers(2**63)) if seed is None else seed
        self._seeds = np.random.SeedSequence([first, islands])
        self._shares = _shares(population, islands)
        self._bests = np.full(islands, math.inf)
        self._best_individuals: list[Individual | None] = [None] * islands
        self._improved = np.zeros(islands, dtype=bool)
        self._migrations = self._generation = 0
        self._order: list[Places] = []
        self.islands: list[Optimizer] = []
        """The inner optimizers."""
        for place in range(islands):
            begin: list[Individual] = self.initial[place::islands]
            if scatter and place and not begin:
                begin = [self._somewhere()]
            self.islands.append(self._built(place, first if place == 0 else self._new_seed(), begin))
        self.population = sum(island.population for island in self.islands)
        if population not in (None, self.population):
            raise OptionError(
                f"Islands: option 'population': {type(self.islands[0]).__name__} takes no population; leave it out"
            )
        self._take_over(self.islands[0])

    def _take_over(self, inner: Optimizer) -> None:
        if inner.steady_state:
            raise OptionError(
                "Islands: option 'optimizer': expected one that asks whole generations, "
                f"got {type(inner).__name__} in steady state"
            )
        self.multi_objective = inner.multi_objective and not self.migration
        self.observables = inner.observables
        self.finite = all(island.finite for island in self.islands) and not self.migration

    def _new_seed(self) -> int:
        return int(self._seeds.spawn(1)[0].generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _somewhere(self) -> Individual:
        rng = np.random.default_rng(self._new_seed())  # the first island draws what self.rng would
        drawn = self.space.sample(REJECTIONS if self.space.constraints else 1, rng)
        fine = np.flatnonzero(self.space.feasible(drawn))
        return drawn[int(fine[0]) if fine.size else 0]

    def _built(self, place: int, seed: int, initial: Sequence[Individual]) -> Optimizer:
        share: dict[str, Any] = {} if self._shares is None else {"population": self._shares[place]}
        return registry.build(
            "optimizer", self.inner, self.space, defaults={"seed": seed, "initial": list(initial), **share}
        )

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The generations of all islands that are not finished, dealt together."""
        self._generation_only(n)
        asked = [[] if island.finished else list(island.ask()) for island in self.islands]
        self._order = _dealt([len(one) for one in asked])
        individuals: list[Any] = [None] * sum(map(len, asked))
        for places, one in zip(self._order, asked, strict=True):
            for place, individual in zip(places.tolist(), one, strict=True):
                individuals[place] = individual
        return self._asked(individuals)

    def reask(self, individuals: Sequence[Individual]) -> None:
        """As in the contract, by the `reask` of each island."""
        sizes = [0 if island.finished else island.population for island in self.islands]
        known = sum(sizes) == len(individuals)
        asked: list[Sequence[Individual]] = []
        if not known:  # some island's last generation is smaller, which only asking tells
            asked = [[] if island.finished else list(island.ask()) for island in self.islands]
            sizes = [len(one) for one in asked]
        self._order = _dealt(sizes)
        self._asked(individuals)
        if sum(sizes) != len(individuals):
            self._compare([one for some in asked for one in some], individuals)
        first_error: ReplayError | None = None
        for number, (island, places) in enumerate(zip(self.islands, self._order, strict=True)):
            own = [individuals[place] for place in places]
            try:
                if known and own:
                    island.reask(own)
                elif own:
                    island.adopt(own)
                    island._compare(asked[number], own)
            except ReplayError as error:
                first_error = first_error or error
            self.replayed_difference = max(self.replayed_difference, island.replayed_difference)
        if first_error is not None:
            raise first_error

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Tell each island what came of its individuals; then some may be begun anew at their neighbour's best."""
        told = self._told(individuals, costs)
        if not len(told):
            return
        for number, (island, places) in enumerate(zip(self.islands, self._order, strict=True)):
            if places.size:
                own = [individuals[place] for place in places]
                island.tell(own, told[places], None if results is None else _part(results, places))
                if told.shape[1] == 1:
                    self._remember(number, own, told[places, 0])
        self._generation += 1
        if self.migration and self._generation % self.migration == 0:
            self._migrate()

    def _remember(self, number: int, individuals: Sequence[Individual], costs: Floats) -> None:
        best = int(np.argmin(costs))
        if costs[best] < self._bests[number]:
            self._bests[number], self._best_individuals[number] = costs[best], individuals[best]
            self._improved[number] = True

    def _migrate(self) -> None:
        before, individuals = self._bests.copy(), list(self._best_individuals)
        improved, self._improved = self._improved, np.zeros(len(self.islands), dtype=bool)
        for number in range(len(self.islands)):
            neighbour = individuals[number - 1]
            if improved[number] or neighbour is None or not before[number - 1] < before[number]:
                continue
            self.islands[number] = self._built(number, self._new_seed(), [neighbour])
            self._bests[number], self._best_individuals[number] = before[number - 1], neighbour
            self._improved[number] = True  # it has until the migration after the next to show what it can
            self._migrations += 1
        self.population = sum(island.population for island in self.islands)

    def report(self) -> Mapping[str, float | Floats]:
        """Best cost of all and of each island (islands,), of one objective; how many run; migrations; their reports.

        What islands report is stacked, (islands, …), under its own name with `islands_` before it.
        """
        reports = [island.report() for island in self.islands]
        best = float(self._bests.min())
        return {
            "best_cost": best if math.isfinite(best) else math.nan,
            "island_best_costs": np.where(np.isfinite(self._bests), self._bests, math.nan),
            "running": float(sum(island.finished is None for island in self.islands)),
            "migrations": float(self._migrations),
            **{f"islands_{name}": np.stack([np.asarray(one[name], float) for one in reports]) for name in reports[0]},
        }

    @property
    def finished(self) -> str | None:
        """Once all islands are."""
        reasons = [island.finished for island in self.islands]
        if any(reason is None for reason in reasons):
            return None
        return "all islands are finished: " + "; ".join(dict.fromkeys(map(str, reasons)))


def _shares(population: int | None, islands: int) -> list[int] | None:
    if population is None:
        return None
    least, more = divmod(population, islands)
    return [least + (place < more) for place in range(islands)]


def _dealt(sizes: Sequence[int]) -> list[Places]:
    """For each island the places of its individuals; the first of all islands come first, then the second ones."""
    island = np.repeat(np.arange(len(sizes)), sizes)
    rank = np.concatenate([np.arange(size) for size in sizes])
    place = np.empty(len(island), dtype=np.intp)
    place[np.lexsort((island, rank))] = np.arange(len(island))
    return np.split(place, np.cumsum(sizes)[:-1])


def _part(results: Results, places: Places) -> Results:
    return Results(
        results.costs[places],
        {name: values[places] for name, values in results.observables.items()},
        results.spread[places],
        results.trials[places],
    )
