"""Differential evolution with success-history adaptation: SHADE, and L-SHADE where the budget is known.

Tanabe, Fukunaga: Improving the search performance of SHADE using linear population size reduction. IEEE CEC 2014,
1658-1665, doi:10.1109/CEC.2014.6900380. Its mutation current-to-pbest/1 with an archive: Zhang, Sanderson, IEEE
Transactions on Evolutionary Computation 13 (2009), 945-958, doi:10.1109/TEVC.2009.2014613.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least, within
from l2l.optimizers.success_history import SuccessHistory
from l2l.optimizers.unit_cube import feasible
from l2l.space import Individuals, ParameterSpace
from l2l.values import Results

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

LEAST_POPULATION = 4
"""The paper's least: a target, one of the best and two others."""
ADULTS_PER_DIMENSION, GENERATIONS = 18, 120
"""Of the default population with a budget: the paper's, where the budget is for so many generations; with the paper's
budgets, 10,000 evaluations a dimension, it is for several times as many."""
NOBODY = -1.0
"""The target of those that replace nobody in particular."""


class DifferentialEvolution(Optimizer):
    """Each member of a population is replaced by its child, if that is not worse.

    A child is its parent moved towards one of the best members and along the difference of two others, in some of its
    coordinates. How far and how many is learnt from what succeeded. With `evaluations` the population shrinks
    linearly to four, which concentrates the search towards the end (L-SHADE). Failed members are replaced first: by
    children of the others, or by random ones while fewer than four succeeded.

    Args:
        space: What is searched; integers and categories by their encoded coordinates.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, first in the first generation.
        population: Members, and individuals of a generation, at least four; None for 6 + 4 log(dimension), which
            serves up to 300 evaluations a dimension, or where that is more with `evaluations` for a 120th of them, at
            most 18 a dimension.
        evaluations: Individuals in all, after which it is finished and towards which the population shrinks; None
            for no end and a population that stays.
        memory: Entries of the history of success.
        best_share: Share of the population that counts as the best.
        archive_share: How many replaced members are kept for differences, as a multiple of the population.
        tolx: Finished once the standard deviations of all coordinates in the unit cube are at most this.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        OptionError: An option is out of range, or nothing in the space varies.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> evolution = DifferentialEvolution(ParameterSpace(x=Real(-5.0, 5.0, shape=4)), seed=1, evaluations=4000)
        >>> while not evolution.finished:
        ...     individuals = evolution.ask()
        ...     evolution.tell(individuals, [(one["x"] ** 2).sum() for one in individuals])
        >>> evolution.report()["best_cost"] < 1e-6
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int | None = None,
        evaluations: int | None = None,
        memory: int = 6,
        best_share: float = 0.11,
        archive_share: float = 2.6,
        tolx: float = 1e-12,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, LEAST_POPULATION)
        at_least(self, "evaluations", evaluations, 1)
        at_least(self, "memory", memory, 1)
        within(self, "best_share", best_share, 0.0, 1.0, above=True)
        within(self, "archive_share", archive_share, 0.0, math.inf)
        within(self, "tolx", tolx, 0.0, math.inf)
        if not space.dimension:
            raise OptionError(
                "DifferentialEvolution: nothing in the space varies; it needs a parameter that is not fixed"
            )
        if population is None:
            population = int(6 + 4 * math.log(space.dimension))
            if evaluations is not None:
                population = max(population, min(ADULTS_PER_DIMENSION * space.dimension, evaluations // GENERATIONS))
        self.population = self._first_population = population
        self.evaluations, self.finite = evaluations, evaluations is not None
        self.best_share, self.archive_share, self.tolx = best_share, archive_share, tolx
        self.steady_state = steady_state
        self.history = SuccessHistory(memory)
        self._fresh = space.encode(self.initial)
        self._points = np.empty((0, space.dimension))
        self._costs = np.empty(0)
        self._names = np.empty(0)  # a number for each member, which stays when others go
        self._archive = np.empty((0, space.dimension))
        self._named = self._count = self._told_count = self._turn = 0
        self._unborn = population
        self._reason: str | None = None

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """A child for each member; at first random individuals."""
        self._generation_only(n)
        if self.finished:
            return []
        wanted = self.population if n is None else max(n, 0)
        if self.evaluations is not None:
            wanted = min(wanted, self.evaluations - self._count)
        given, self._fresh = self._fresh[:wanted], self._fresh[wanted:]
        few = len(self._points) < LEAST_POPULATION
        born = len(given) + (wanted - len(given) if few else min(wanted - len(given), self._unborn))
        targets = np.full(wanted, -1, dtype=np.intp)
        if born < wanted:
            targets[born:] = (self._turn + np.arange(wanted - born)) % len(self._points)
        self._turn += wanted - born
        self._unborn = max(0, self._unborn - born)
        self._count += wanted
        rows = self._rows(targets)
        rows[: len(given), :-3] = given
        individuals = self.space.decode(rows[:, :-3])

        def again(places: Places) -> Individuals:
            rows[places] = self._rows(targets[places])
            return self.space.decode(rows[places, :-3])

        return self._asked(feasible(self.space, individuals, len(given), again), rows)

    def _rows(self, targets: Places) -> Floats:
        """(n, d + 3): a child for each target (random for -1), the target's number, and the F and CR that made it."""
        rows = np.full((len(targets), self.space.dimension + 3), math.nan)
        rows[:, -3] = NOBODY
        bred = targets >= 0
        rows[bred, -3] = self._names[targets[bred]]
        alive = np.flatnonzero(np.isfinite(self._costs))
        random = ~bred | (len(alive) < LEAST_POPULATION)
        rows[random, :-3] = self.rng.random((int(random.sum()), self.space.dimension))
        if not random.all():
            F, CR = self.history.draw(int((~random).sum()), self.rng)
            rows[~random, :-3] = self._children(targets[~random], alive, F, CR)
            rows[~random, -2], rows[~random, -1] = F, CR
        return rows

    def _children(self, targets: Places, alive: Places, F: Floats, CR: Floats) -> Floats:
        """Children (n, d) by current-to-pbest/1 with archive, and binomial crossover.

        Args:
            targets: (n,) places of members; those that failed are stood in for by others.
            alive: Places of the members that did not fail, at least four.
            F: (n,) lengths of steps.
            CR: (n,) probabilities of a coordinate to be taken.
        """
        n, (d, rng) = len(targets), (self.space.dimension, self.rng)
        pool, costs = self._points[alive], self._costs[alive]
        place = np.minimum(np.searchsorted(alive, targets), len(alive) - 1)
        place = np.where(alive[place] == targets, place, rng.integers(len(alive), size=n))
        best = np.argsort(costs, kind="stable")[: max(2, round(self.best_share * len(alive)))]
        leader = rng.choice(best, size=n)
        one = rng.integers(len(alive) - 1, size=n)
        one += one >= place
        other = rng.integers(len(alive) + len(self._archive) - 2, size=n)
        other += other >= np.minimum(place, one)
        other += other >= np.maximum(place, one)
        everyone = np.concatenate((pool, self._archive))
        parent = pool[place]
        mutant = parent + F[:, None] * (pool[leader] - parent + pool[one] - everyone[other])
        mutant = np.where(mutant < 0.0, 0.5 * parent, np.where(mutant > 1.0, 0.5 * (1.0 + parent), mutant))
        taken = rng.random((n, d)) < CR[:, None]
        taken[np.arange(n), rng.integers(d, size=n)] = True
        return np.where(taken, mutant, parent)

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Replace members by children that are not worse, and learn from those that are better."""
        told = self._told(individuals, costs)[:, 0]
        for row, cost in zip(self.told_points, told.tolist(), strict=True):
            foreign = len(row) == self.space.dimension  # archived ones that differ from what was asked
            point, name = row[: self.space.dimension], NOBODY if foreign else row[-3]
            place = np.flatnonzero(self._names == name)
            if place.size:
                self._compete(int(place[0]), point, cost, F=row[-2], CR=row[-1])
            elif len(self._points) < self.population:
                self._join(point, cost)
            else:
                worst = int(np.argmax(self._costs))
                if cost < self._costs[worst]:
                    self._points[worst], self._costs[worst] = point, cost
        before = self._told_count
        self._told_count += len(told)
        if self._told_count // self._first_population > before // self._first_population or not self.steady_state:
            self.history.learn()
        if len(told):
            self._shrink()
        if len(self._points) == self.population and float(self._points.std(axis=0).max()) <= self.tolx:
            self._reason = "all members are the same (tolx)"

    def _join(self, point: Floats, cost: float) -> None:
        self._points = np.concatenate((self._points, point[None]))
        self._costs = np.append(self._costs, cost)
        self._names = np.append(self._names, float(self._named))
        self._named += 1

    def _compete(self, place: int, point: Floats, cost: float, *, F: float, CR: float) -> None:
        before = float(self._costs[place])
        if not cost <= before or math.isinf(cost):
            return
        if cost < before < math.inf:
            self._keep(self._points[place])
            if not math.isnan(F):
                self.history.succeeded(F, CR, before - cost)
        self._points[place], self._costs[place] = point, cost

    def _keep(self, point: Floats) -> None:
        """Put a member that was replaced into the archive, in the place of a random one where it is full."""
        size = round(self.archive_share * self.population)
        if len(self._archive) < size:
            self._archive = np.concatenate((self._archive, point[None]))
        elif size:
            self._archive[self.rng.integers(len(self._archive))] = point

    def _shrink(self) -> None:
        """Remove the worst members, and random ones of the archive, as the budget is used up."""
        self.population = self._population_after(self._told_count)
        if len(self._points) > self.population:
            stay = np.sort(np.argsort(self._costs, kind="stable")[: self.population])
            self._points, self._costs, self._names = self._points[stay], self._costs[stay], self._names[stay]
        size = round(self.archive_share * self.population)
        if len(self._archive) > size:
            self._archive = self._archive[np.sort(self.rng.permutation(len(self._archive))[:size])]

    def _population_after(self, evaluations: int) -> int:
        if self.evaluations is None:
            return self._first_population
        used = min(1.0, evaluations / self.evaluations)
        return round(self._first_population + (LEAST_POPULATION - self._first_population) * used)

    def report(self) -> Mapping[str, float]:
        """Best cost, members, their standard deviation (unit cube), mean memories of F and CR, size of the archive."""
        best = float(self._costs.min()) if len(self._costs) else math.inf
        return {
            "best_cost": best if math.isfinite(best) else math.nan,
            "population": float(self.population),
            "diversity": float(self._points.std(axis=0).mean()) if len(self._points) else math.nan,
            "F": float(self.history.F.mean()),
            "CR": float(np.nan_to_num(self.history.CR).mean()),
            "archive": float(len(self._archive)),
        }

    @property
    def finished(self) -> str | None:
        """Once all evaluations are asked, or all members are the same."""
        if self.evaluations is not None and self._count >= self.evaluations:
            return f"all {self.evaluations} evaluations are asked"
        return self._reason
