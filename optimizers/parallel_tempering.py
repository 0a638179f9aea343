"""Parallel tempering: replicas of a chain at different temperatures that exchange their states.

Earl, Deem: Parallel tempering: theory, applications, and new perspectives. Phys. Chem. Chem. Phys. 7 (2005), 3910-3916,
doi:10.1039/B509983H. Swendsen, Wang, Phys. Rev. Lett. 57 (1986), 2607, doi:10.1103/PhysRevLett.57.2607. Step lengths
adapt less and less: Andrieu, Thoms, Stat. Comput. 18 (2008), 343-373, doi:10.1007/s11222-008-9110-y.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.metropolis import Spread, accepted, exchanged
from l2l.optimizers.moves import Floats, Moves, Opening, random_points
from l2l.optimizers.options import at_least, within
from l2l.optimizers.unit_cube import stacked
from l2l.space import ParameterSpace
from l2l.values import Results

TEMPERATURES = 8
TARGET_ACCEPTANCE = 0.3
"""Share of accepted moves that the step length at each temperature adapts to."""
FORGETTING = 0.6
"""The t-th adaptation of a step length counts t ** -0.6."""
SHORTEST, LONGEST = 1e-12, 1.0


class ParallelTempering(Optimizer):
    """Samples exp(-cost / temperature) at several temperatures at once; cold replicas leave minima through hot ones.

    Each generation every replica makes a symmetric random move in the encoded unit cube, accepted by the Metropolis
    rule at its temperature; then neighbouring temperatures, even and odd pairs in turn, exchange their states with
    probability min(1, exp((1/T_i - 1/T_j) (E_i - E_j))). So the states at each temperature are samples, uniform in the
    encoded space where costs are equal. What fails or violates a constraint has probability 0. Replicas start at the
    initial individuals, the best at the coldest temperature, then at random points.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with.
        population: Temperatures, and individuals of a generation; None for as many as `temperatures`, else 8.
        temperatures: In units of cost; None for a geometric ladder whose hottest is the mean difference of cost between
            random points.
        coldest: The coldest temperature of the automatic ladder, as a share of the hottest.
        scale: Length of the first steps in the unit cube; it adapts at each temperature.
        generations: Finished after so many; None for no end.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> tempering = ParallelTempering(ParameterSpace(x=Real(-2.0, 2.0)), seed=1, generations=200)
        >>> while not tempering.finished:
        ...     individuals = tempering.ask()
        ...     tempering.tell(individuals, [(one["x"] ** 2 - 1.0) ** 2 for one in individuals])
        >>> tempering.report()["best_cost"] < 1e-3
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int | None = None,
        temperatures: Sequence[float] | None = None,
        coldest: float = 1e-3,
        scale: float = 0.2,
        generations: int | None = None,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        self._ladder = None if temperatures is None else np.sort(np.array(temperatures, dtype=np.float64))
        count = (TEMPERATURES if self._ladder is None else len(self._ladder)) if population is None else population
        at_least(self, "population", count, 2)
        self._check_ladder(count)
        within(self, "coldest", coldest, 0.0, 1.0, above=True)
        within(self, "scale", scale, 0.0, 1.0, above=True)
        at_least(self, "generations", generations, 1)
        self.population, self.coldest, self.generations = count, coldest, generations
        self.finite = generations is not None
        self._spread = Spread()
        self._moves = Moves(space)
        self._opening: Opening | None = Opening(space, self.initial, count)
        self._points = np.zeros((count, space.dimension))
        self._costs = np.full(count, math.inf)
        self._scales = np.full(count, scale / math.sqrt(max(1, self._moves.numbers)))
        self._asked_generations = 0
        self._steps = 0
        self._accepted = np.zeros(count)
        self._tried, self._exchanges = np.zeros(count - 1), np.zeros(count - 1)
        self._travel = _Travel(count)
        self._best = math.inf

    def _check_ladder(self, count: int) -> None:
        if self._ladder is None:
            return
        if len(self._ladder) != count:
            raise OptionError(
                f"ParallelTempering: option 'temperatures': expected as many as population, {count}, "
                f"got {len(self._ladder)}"
            )
        for temperature in self._ladder.tolist():
            within(self, "temperatures", temperature, 0.0, 1e300, above=True)

    @property
    def temperatures(self) -> Floats:
        """(population,) ascending, in units of cost; NaN while they are still to be measured."""
        return np.full(self.population, math.nan) if self._ladder is None else self._ladder.copy()

    @property
    def states(self) -> Sequence[Individual]:
        """Where the replica at each temperature stands, the coldest first."""
        return self.space.decode(self._points)

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """A move of the replica at each temperature, the coldest first."""
        self._generation_only(n)
        if self.finished:
            return []
        self._asked_generations += 1
        if self._opening:
            points = self._opening.ask(self.rng)
        else:
            points = self._moves.from_points(self._points, self._scales, self.rng)
            lost = np.flatnonzero(np.isinf(self._costs))
            if lost.size:
                points[lost] = random_points(self.space, lost.size, self.rng)
        return self._asked(self.space.decode(points), points)

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Accept or reject the moves, then exchange states between temperatures."""
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        self._best = min(self._best, float(told.min()))
        if self._opening:
            self._open(self._opening, told)
            return
        moved = accepted(self._costs, told, self.temperatures, self.rng.random(self.population))
        self._points[moved] = stacked(self.told_points)[moved]
        self._costs[moved] = told[moved]
        self._accepted += moved
        self._steps += 1
        adapted = self._scales * np.exp((moved - TARGET_ACCEPTANCE) * self._steps**-FORGETTING)
        self._scales = adapted.clip(SHORTEST, LONGEST)
        self._exchange()

    def _open(self, opening: Opening, told: Floats) -> None:
        started = opening.tell(self.told_points, told)
        if self._ladder is None:
            self._spread.add(told[:-1], told[1:])
            if self._spread.mean is not None:
                self._ladder = self._spread.mean * np.geomspace(self.coldest, 1.0, self.population)
        if started and self._ladder is not None:
            self._points, self._costs = started
            self._opening = None

    def _exchange(self) -> None:
        pairs = np.arange(self._steps % 2, self.population - 1, 2)
        going = exchanged(self._costs, self.temperatures, pairs, self.rng.random(pairs.size))
        self._tried[pairs] += 1
        self._exchanges[pairs] += going
        order = np.arange(self.population)
        order[pairs[going]] += 1
        order[pairs[going] + 1] -= 1
        self._points, self._costs = self._points[order], self._costs[order]
        self._travel.exchange(order)

    def report(self) -> Mapping[str, float | Floats]:
        """Of each temperature, the coldest first: cost, accepted share, replica there; exchanged share of neighbours.

        Also how often a replica went from the coldest temperature to the hottest and back, the state (d,) at the
        coldest in the unit cube, and the best cost so far.
        """
        with np.errstate(invalid="ignore"):
            rates = np.where(self._tried > 0, self._exchanges / self._tried.clip(min=1), math.nan)
        return {
            "temperatures": self.temperatures,
            "costs": np.where(np.isfinite(self._costs), self._costs, math.nan),
            "acceptance": self._accepted / self._steps if self._steps else np.full(self.population, math.nan),
            "exchange_rate": rates,
            "replica": self._travel.replica.astype(np.float64),
            "round_trips": float(self._travel.round_trips),
            "coldest": self._points[0].copy(),
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """After the given number of generations."""
        if self.generations is not None and self._asked_generations >= self.generations:
            return f"all {self.generations} generations are asked"
        return None


class _Travel:
    """Which replica is at which temperature, and their round trips."""

    def __init__(self, count: int) -> None:
        self.replica = np.arange(count)
        self.round_trips = 0
        self._hot = np.zeros(count, dtype=bool)  # by replica: on its way back from the hottest
        self._begun = np.zeros(count, dtype=bool)  # by replica: was at the coldest before
        self._begun[0] = True

    def exchange(self, order: Any) -> None:
        self.replica = self.replica[order]
        coldest, hottest = self.replica[0], self.replica[-1]
        if self._hot[coldest]:
            self.round_trips += 1
        self._hot[coldest], self._begun[coldest] = False, True
        self._hot[hottest] = self._begun[hottest]
