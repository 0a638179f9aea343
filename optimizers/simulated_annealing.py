"""Simulated annealing: chains that accept worse points less and less often as a temperature falls.

Kirkpatrick, Gelatt, Vecchi: Optimization by simulated annealing. Science 220 (1983), 671-680,
doi:10.1126/science.220.4598.671. The initial temperature follows Johnson et al., Operations Research 37 (1989),
865-892, doi:10.1287/opre.37.6.865: a given share of the worsening moves is accepted at first.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.cooling import SCHEDULES, ScheduleName
from l2l.optimizers.metropolis import Spread, accepted
from l2l.optimizers.moves import REJECTIONS, Floats, Moves, Opening, random_points
from l2l.optimizers.options import at_least, within
from l2l.optimizers.unit_cube import stacked
from l2l.space import ParameterSpace
from l2l.values import Results

FIRST_ACCEPTANCE = 0.8
"""Share of the worsening moves that the automatic initial temperature accepts."""
TARGET_ACCEPTANCE = 0.3
"""Share of accepted moves that the step length adapts to."""
ADAPTATION = 0.2
"""How much a single acceptance changes the logarithm of the step length."""
SHORTEST, LONGEST = 1e-12, 1.0


class SimulatedAnnealing(Optimizer):
    """Independent chains of random moves in the encoded unit cube, each accepted by the Metropolis rule.

    A move that improves the cost is accepted, another with probability exp(-worsening / temperature). Each chain adapts
    the length of its steps so that 30 % of the moves are accepted. Categories switch to another choice. Chains start at
    the initial individuals (the best of them where there are more), then at random points; one that only met failures
    so far draws at random.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with.
        population: Chains; individuals of a generation.
        schedule: How the temperature falls with the generation k, as a share of the first: "exponential" rate^k,
            "linear" 1 - k/steps, "quadratic" its square, "logarithmic" log 2 / log(2 + k), "cauchy" 1 / (1 + k),
            "very-fast" rate^(k^(1/dimension)), "constant" 1.
        temperature: The first one, in units of cost; None for one that accepts 80 % of the worsening moves, measured
            over at least ten moves.
        rate: Of the exponential and the very fast schedule.
        steps: Generations of the linear and the quadratic schedule.
        final: Finished once the temperature is below this share of the first.
        scale: Length of the first steps in the unit cube.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> annealing = SimulatedAnnealing(ParameterSpace(x=Real(-5.0, 5.0)), seed=1)
        >>> while not annealing.finished:
        ...     individuals = annealing.ask()
        ...     annealing.tell(individuals, [one["x"] ** 2 for one in individuals])
        >>> annealing.report()["best_cost"] < 1e-4
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 10,
        schedule: ScheduleName = "exponential",
        temperature: float | None = None,
        rate: float = 0.97,
        steps: int = 500,
        final: float = 1e-6,
        scale: float = 0.2,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 1)
        at_least(self, "steps", steps, 1)
        if temperature is not None:
            within(self, "temperature", temperature, 0.0, 1e300, above=True)
        within(self, "rate", rate, 0.0, 1.0 - 1e-9, above=True)
        within(self, "final", final, 0.0, 1.0)
        within(self, "scale", scale, 0.0, 1.0, above=True)
        self.population = population
        self.rate, self.steps, self.final = rate, steps, final
        self.finite = schedule in ("linear", "quadratic") or (
            schedule in ("exponential", "very-fast", "cauchy") and final > 0.0
        )
        self._share = SCHEDULES[schedule]
        self._first_temperature = temperature
        self._cooled = 0
        self._spread = Spread()
        self._moves = Moves(space)
        self._opening: Opening | None = Opening(space, self.initial, population)
        self._points = np.zeros((population, space.dimension))
        self._costs = np.full(population, math.inf)
        self._scales = np.full(population, scale / math.sqrt(max(1, self._moves.numbers)))
        self._acceptance = math.nan
        self._best = math.inf

    @property
    def temperature(self) -> float:
        """Of the next moves, in units of cost; NaN while it is still to be measured."""
        if self._first_temperature is None:
            return math.nan
        return self._first_temperature * self._share_now()

    def _share_now(self) -> float:
        return self._share(self._cooled, self.rate, self.steps, self.space.dimension)

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """A move from where each chain stands."""
        self._generation_only(n)
        if self.finished:
            return []
        points = self._opening.ask(self.rng) if self._opening else self._moved(np.arange(self.population))
        individuals = self.space.decode(points)
        if self.space.constraints and not self._opening:
            for _ in range(REJECTIONS):
                violating = np.flatnonzero(~self.space.feasible(individuals))
                if not violating.size:
                    break
                points[violating] = self._moved(violating)
                individuals = individuals.replaced(violating, self.space.decode(points[violating]))
        return self._asked(individuals, points)

    def _moved(self, chains: Any) -> Floats:
        points = self._moves.from_points(self._points[chains], self._scales[chains], self.rng)
        lost = np.flatnonzero(np.isinf(self._costs[chains]))
        if lost.size:
            points[lost] = random_points(self.space, lost.size, self.rng)
        return points

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Accept or reject the moves, then cool."""
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        self._best = min(self._best, float(told.min()))
        if self._opening:
            if started := self._opening.tell(self.told_points, told):
                self._points, self._costs = started
                self._opening = None
            return
        moved = self._accepted(told)
        self._points[moved] = stacked(self.told_points)[moved]
        self._costs[moved] = told[moved]
        self._acceptance = float(moved.mean())
        self._scales = (self._scales * np.exp(ADAPTATION * (moved - TARGET_ACCEPTANCE))).clip(SHORTEST, LONGEST)

    def _accepted(self, told: Floats) -> NDArray[np.bool_]:
        chances = self.rng.random(self.population)
        if self._first_temperature is not None:
            temperature = self.temperature
            self._cooled += 1
            return accepted(self._costs, told, temperature, chances)
        self._spread.add(self._costs, told)
        if self._spread.mean is not None:
            self._first_temperature = self._spread.mean / -math.log(FIRST_ACCEPTANCE)
        return np.isfinite(told)

    def report(self) -> Mapping[str, float]:
        """Temperature, share of accepted moves, mean length of steps in the unit cube, best cost, mean over chains."""
        alive = self._costs[np.isfinite(self._costs)]
        return {
            "temperature": self.temperature,
            "acceptance": self._acceptance,
            "scale": float(self._scales.mean()) * math.sqrt(max(1, self._moves.numbers)),
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
            "mean_cost": float((alive / alive.size).sum()) if alive.size else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """Once the schedule has ended."""
        if self._first_temperature is None:
            return None
        share = self._share_now()
        if share <= 0.0 or share < self.final:
            return f"the temperature fell to {share:.2g} of the first after {self._cooled} generations"
        return None
