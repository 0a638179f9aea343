"""Gradient descent with measured or observed gradients: SGD, momentum, RMSProp, Adam, AdaMax, from one or more starts.

Cauchy: Méthode générale pour la résolution des systèmes d'équations simultanées. C. R. Acad. Sci. 25 (1847), 536-538.
The estimators of the gradient and the update rules have their references in `gradients` and `update_rules`; the probes
get shorter in Spall's ratio to the learning rate, doi:10.1109/7.705889.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.gradients import ChainRule, Directions, EstimatorName, cells, differences, least_squares, slopes
from l2l.optimizers.moves import Floats, Opening, random_points
from l2l.optimizers.observed import observed
from l2l.optimizers.options import at_least, within
from l2l.optimizers.update_rules import RULES, RuleName
from l2l.space import Categorical, ParameterSpace
from l2l.values import Results

LARGEST_DEFAULT = 101
"""Individuals a start, beyond which the default population leaves a part of the coordinates to the next generation."""
SHRINKING = 1.0 / 6.0
"""Power of the learning rate's decay with which probes get shorter: Spall's 0.101 / 0.602."""
STILL = 10
"""Generations without movement after which there is no more to come."""
FAILED_GENERATIONS = 20
"""Generations in a row of which nothing succeeds, after which there is no point in going on."""


class GradientDescent(Optimizer):
    """Steps against the gradient in the encoded unit cube, clipped to it, from one or several starts.

    Each generation asks every start and pairs of probes around it, x + δ and x - δ; of an even number of individuals a
    start the last probe has no partner and is compared with the start. A failed probe is left out of the gradient, its
    partner compared with the start; what remains unknown does not move. A start whose generation failed as a whole
    goes half way back to the best point that it saw, or elsewhere. Integers are probed at least a cell away. The first
    starts are the initial individuals (the best of them where there are more), else the defaults, then random points.

    With "observable" the optimizee returns the gradient of the cost with respect to the natural parameters, (d,) in the
    order of the space, of a fitness that is maximized its negative. The chain rule takes it to the unit cube: times
    high - low, on a logarithmic scale times x log(high / low).

    Args:
        space: What is searched; it has no categories.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with.
        population: Individuals of a generation, at least two a start (one with "observable"); None for as many as a
            whole gradient takes, 2 d + 1 a start, but at most 101 a start. With fewer, finite differences measure and
            move some coordinates each generation, the others in the next.
        gradient: "finite-difference" (central), "spsa" (all coordinates at once, random signs), "least-squares" over
            random directions, or "observable".
        observable: The name of the observable that is the gradient.
        rule: "sgd", "momentum", "rmsprop", "adam" or "adamax".
        starts: Points that descend side by side; None for one, or with "observable" for as many as population.
        learning_rate: Of the first step; for adam, adamax and rmsprop about its length along each coordinate in the
            unit cube, for sgd and momentum times the gradient in cost per unit cube.
        decay: After t generations the learning rate is learning_rate / (1 + decay t).
        step: Distance of probes in the unit cube (along each coordinate; least squares: altogether).
        momentum: Of momentum, and of the mean gradient of adam and adamax (β₁).
        smoothing: Of the squared gradient (β₂); None for 0.9 in rmsprop, 0.999 in adam and adamax.
        epsilon: Of rmsprop and adam, in cost per unit cube.
        tolerance: Finished once no start moved further than this in ten generations.

    Raises:
        OptionError: An option is out of range, the space has categories, or nothing in it varies.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> space = ParameterSpace(x=Real(-5.0, 5.0), y=Real(-5.0, 5.0))
        >>> descent = GradientDescent(space, seed=1, initial=[{"x": 3.0}])
        >>> for _ in range(200):
        ...     individuals = descent.ask()
        ...     descent.tell(individuals, [one["x"] ** 2 + one["y"] ** 2 for one in individuals])
        >>> descent.report()["best_cost"] < 1e-3
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int | None = None,
        gradient: EstimatorName = "finite-difference",
        observable: str = "gradient",
        rule: RuleName = "adam",
        starts: int | None = None,
        learning_rate: float = 0.02,
        decay: float = 0.01,
        step: float = 0.01,
        momentum: float = 0.9,
        smoothing: float | None = None,
        epsilon: float = 1e-8,
        tolerance: float = 1e-8,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        observed = gradient == "observable"
        _check_space(space)
        at_least(self, "starts", starts, 1)
        self.starts = starts or (population or 1 if observed else 1)
        self.population = self._population(population, observed)
        for name, value, high in (("learning_rate", learning_rate, math.inf), ("step", step, 0.5)):
            within(self, name, value, 0.0, high, above=True)
        for name, value, high in (
            ("decay", decay, math.inf),
            ("momentum", momentum, 1 - 1e-9),
            ("tolerance", tolerance, 1),
        ):
            within(self, name, value, 0.0, high)
        within(self, "smoothing", smoothing or 0.0, 0.0, 1 - 1e-9)
        within(self, "epsilon", epsilon, 0.0, math.inf, above=True)
        self.learning_rate, self.decay, self.step, self.tolerance = learning_rate, decay, step, tolerance
        self.observables = (observable,) if observed else ()
        self._chain_rule = ChainRule(space)
        self._estimate = least_squares if gradient == "least-squares" else slopes
        self._rule = RULES[rule]((self.starts, space.dimension), momentum, smoothing, epsilon)
        self._directions = [Directions(gradient, space.dimension) for _ in range(self.starts)]
        self._opening = Opening(space, self.initial, self.population) if len(self.initial) > self.starts else None
        self._centres = self._first_centres()
        self._rows = _rows(self.population, self.starts)
        self._best_points, self._best_costs = self._centres.copy(), np.full(self.starts, math.inf)
        self._costs, self._norms = np.full(self.starts, math.nan), np.full(self.starts, math.nan)
        self._steps = self._still = self._failed = 0

    def _population(self, population: int | None, observed: bool) -> int:
        if observed:
            if population not in (None, self.starts):
                raise OptionError(
                    f"GradientDescent: option 'population': expected {self.starts}, one for each of the starts, got "
                    f"{population!r}; an observed gradient needs no probes"
                )
            return self.starts
        at_least(self, "population", population, 2 * self.starts)
        return population or self.starts * min(2 * self.space.dimension + 1, LARGEST_DEFAULT)

    def _first_centres(self) -> Floats:
        given = self.space.encode((self.initial or [self.space.default])[: self.starts])
        others: Floats = random_points(self.space, self.starts - len(given), self.rng)
        return np.concatenate([given, others])

    @property
    def _decayed(self) -> float:
        return 1.0 / (1.0 + self.decay * self._steps)

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The starts, where they are by now, then the probes around each."""
        self._generation_only(n)
        if self.finished:
            return []
        if self._opening:
            points = self._opening.ask(self.rng)
        else:
            points = np.concatenate([self._centres, *(self._probes(start) for start in range(self.starts))])
        return self._asked(self.space.decode(points), points)

    def _probes(self, start: int) -> Floats:
        count = len(self._rows[start]) - 1
        steps = np.maximum(self.step * self._decayed**SHRINKING, cells(self.space, self._centres[start]))
        ahead = steps * self._directions[start].draw((count + 1) // 2, self.rng)
        both = np.stack([ahead, -ahead], axis=1).reshape(-1, self.space.dimension)[:count]
        probes: Floats = (self._centres[start] + both).clip(0.0, 1.0)
        return probes

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Make a step from every start."""
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        self._failed = 0 if np.isfinite(told).any() else self._failed + 1
        if self._opening:
            self._open(self._opening, told)
        elif told.size == self.population:  # else an archive of other options was adopted
            self._descend(individuals, told, results)

    def _open(self, opening: Opening, told: Floats) -> None:
        if started := opening.tell(self.told_points, told):
            self._centres, self._best_costs = (one[: self.starts].copy() for one in started)
            self._best_points, self._opening = self._centres.copy(), None

    def _descend(self, individuals: Sequence[Individual], told: Floats, results: Results | None) -> None:
        points = self.space.encode(individuals)  # where the cost was taken: integers lie at the centres of their cells
        for start, rows in enumerate(self._rows):
            winner = rows[int(told[rows].argmin())]
            if told[winner] < self._best_costs[start]:
                self._best_points[start], self._best_costs[start] = self.told_points[winner], told[winner]
        gradients = self._observed(individuals, told, results) if self.observables else self._measured(points, told)
        before = np.array(self.told_points[: self.starts])
        self._centres = (before + self._rule.step(gradients, self.learning_rate * self._decayed)).clip(0.0, 1.0)
        for start, rows in enumerate(self._rows):
            if np.isinf(told[rows]).all():
                self._leave(start, before)
        self._steps += 1
        moved = np.abs(self._centres - before).max()
        self._still = self._still + 1 if moved <= self.tolerance else 0
        self._costs = np.where(np.isfinite(told[: self.starts]), told[: self.starts], math.nan)
        unit = np.nanmax(np.abs(gradients), axis=1, initial=1e-300)
        self._norms = unit * np.sqrt(np.nansum((gradients / unit[:, None]) ** 2, axis=1))

    def _measured(self, points: Floats, told: Floats) -> Floats:
        gradients = []
        for rows in self._rows:
            count = len(rows)
            pairs = [(place, place + 1 if place + 1 < count else 0) for place in range(1, count, 2)]
            gradients.append(self._estimate(*differences(points[rows], told[rows], pairs)))
        return np.stack(gradients)

    def _observed(self, individuals: Sequence[Individual], told: Floats, results: Results | None) -> Floats:
        (name,) = self.observables
        mean = observed(self, results, name, self.space.dimension, "component of the parameters in their order")
        mean[np.isinf(told)] = math.nan
        gradients: Floats = mean * self._chain_rule(individuals)
        return gradients

    def _leave(self, start: int, before: Floats) -> None:
        self._rule.forget(start)
        if math.isfinite(self._best_costs[start]):
            self._centres[start] = 0.5 * (before[start] + self._best_points[start])
        else:
            self._centres[start] = random_points(self.space, 1, self.rng)[0]

    def report(self) -> Mapping[str, float | Floats]:
        """Learning rate; of each start its cost and the norm of its gradient (cost per unit cube); best cost so far."""
        best = float(self._best_costs.min())
        return {
            "learning_rate": self.learning_rate * self._decayed,
            "costs": self._costs.copy(),
            "gradient_norms": self._norms.copy(),
            "best_cost": best if math.isfinite(best) else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """Once no start moves any more, or nothing succeeds."""
        if self._still >= STILL:
            return f"no start moved further than tolerance, {self.tolerance:g}, in {STILL} generations"
        if self._failed >= FAILED_GENERATIONS:
            return f"every individual of {self._failed} generations in a row failed"
        return None


def _check_space(space: ParameterSpace) -> None:
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Categorical):
            raise OptionError(
                f"GradientDescent: parameter {name!r}: expected numbers, got categories, which have no gradient; "
                "fix it, or take another optimizer"
            )
    if not space.dimension:
        raise OptionError("GradientDescent: nothing in the space varies; it needs a parameter that is not fixed")


def _rows(population: int, starts: int) -> list[list[int]]:
    """Of each start its rows in a generation: itself, then its probes."""
    shares = [len(part) for part in np.array_split(np.arange(population - starts), starts)]
    ends = starts + np.cumsum(shares)
    return [
        [start, *range(end - share, end)] for start, (share, end) in enumerate(zip(shares, ends.tolist(), strict=True))
    ]
