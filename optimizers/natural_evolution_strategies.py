"""Natural evolution strategies: a normal distribution that follows the natural gradient of its expected fitness.

Wierstra, Schaul, Glasmachers, Sun, Peters, Schmidhuber: Natural evolution strategies. J. Mach. Learn. Res. 15 (2014),
949-980, doi:10.5555/2627435.2638566. Exponential (xNES): Glasmachers et al., GECCO 2010, doi:10.1145/1830483.1830557.
Separable (SNES): Schaul, Glasmachers, Schmidhuber, GECCO 2011, doi:10.1145/2001576.2001692.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.natural_gradient import Exponential, Separable, utilities_of
from l2l.optimizers.options import at_least, within
from l2l.optimizers.pycma import LeastSteps
from l2l.optimizers.unit_cube import (
    Ending,
    Floats,
    Places,
    by_rank,
    feasible,
    limited,
    reals,
    reflected,
    start,
    window_of,
)
from l2l.space import Individuals, ParameterSpace
from l2l.values import Results

SEPARABLE_FROM = 50
"""Dimensions from which xNES adapts too slowly to be worth its matrices."""


class NaturalEvolutionStrategies(Optimizer):
    """Samples from a normal distribution in the encoded unit cube and moves it along the natural gradient.

    Only the ranks of costs count. At the bounds samples are reflected. Integers and categories are searched by their
    coordinates. Failed individuals are left out: the gradient is that of the others, and the step is shorter by their
    share.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with; the distribution starts at the first of them, else at the defaults.
        population: Individuals of a generation; None for 4 + 3 log(dimension).
        kind: "exponential" adapts all covariances (xNES), "separable" only variances (SNES); None for exponential
            below 50 dimensions.
        sigma: First standard deviation in the unit cube.
        mean_rate: Learning rate of the mean.
        sigma_rate: Learning rate of the step size, or of all standard deviations where separable; None for that of
            SNES, (3 + log d) / (5 sqrt d).
        shape_rate: Learning rate of the shape, if exponential; None for that of xNES, (9 + 3 log d) / (5 d sqrt d).
        tolfun: Stops once costs differ less than this, in a generation and over recent ones.
        tolx: Stops once the standard deviations of all reals in the unit cube are below this.

    Raises:
        OptionError: An option is out of range, or nothing in the space varies.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> strategy = NaturalEvolutionStrategies(ParameterSpace(x=Real(-5.0, 5.0), y=Real(-5.0, 5.0)), seed=1)
        >>> while not strategy.finished:
        ...     individuals = strategy.ask()
        ...     strategy.tell(individuals, [one["x"] ** 2 + one["y"] ** 2 for one in individuals])
        >>> strategy.report()["best_cost"] < 1e-9
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int | None = None,
        kind: Literal["exponential", "separable"] | None = None,
        sigma: float = 0.25,
        mean_rate: float = 1.0,
        sigma_rate: float | None = None,
        shape_rate: float | None = None,
        tolfun: float = 1e-11,
        tolx: float = 1e-11,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 2)
        within(self, "sigma", sigma, 0.0, 1.0, above=True)
        rates = {"mean_rate": mean_rate, "sigma_rate": sigma_rate, "shape_rate": shape_rate}
        for name, rate in rates.items():
            within(self, name, 0.0 if rate is None else rate, 0.0, 10.0)
        within(self, "tolfun", tolfun, 0.0, math.inf)
        within(self, "tolx", tolx, 0.0, math.inf)
        mean, d = start(self, space, self.initial), space.dimension
        self.population = 4 + int(3 * math.log(d)) if population is None else population
        self.kind = kind or ("exponential" if d < SEPARABLE_FROM else "separable")
        self._search: Exponential | Separable
        if self.kind == "exponential":
            self._search = Exponential(mean, sigma * np.eye(d), (mean_rate, sigma_rate, shape_rate))
        elif shape_rate is None:
            self._search = Separable(mean, np.full(d, sigma), (mean_rate, sigma_rate))
        else:
            raise OptionError(
                "NaturalEvolutionStrategies: option 'shape_rate': the separable kind has no shape to learn; "
                "leave it out, or take kind 'exponential'"
            )
        self._given = space.encode(self.initial)
        self._least_steps = LeastSteps(space)
        self._reals = reals(space)
        self._ending = Ending(tolfun, tolx, window_of(d, self.population))
        self._steps = np.zeros((0, d))
        self._biased = False  # whether steps are not 0 on average
        self._best = math.inf
        self._reason: str | None = None

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next generation, drawn from the distribution; the first begins with the initial individuals."""
        self._generation_only(n)
        if self._reason:
            return []
        steps = self.rng.standard_normal((self.population, self.space.dimension))
        points = reflected(self._search.points(steps))
        given, self._given = self._given[: self.population], self._given[self.population :]
        self._biased = len(given) > 0
        if len(given):
            points[: len(given)], steps[: len(given)] = given, limited(self._search.steps(given))

        def again(places: Places) -> Individuals:
            self._biased = True
            steps[places] = self.rng.standard_normal((len(places), self.space.dimension))
            points[places] = reflected(self._search.points(steps[places]))
            return self.space.decode(points[places])

        individuals = feasible(self.space, self.space.decode(points), len(given), again)
        self._steps = steps
        return self._asked(individuals, points)

    def reask(self, individuals: Sequence[Individual]) -> None:
        """As in the contract; from archived individuals that differ it learns as from ones given from outside."""
        try:
            super().reask(individuals)
        except ReplayError:
            self._steps, self._biased = limited(self._search.steps(self.space.encode(individuals))), True
            raise

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Follow the natural gradient of the ranks of the costs."""
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        succeeded = np.isfinite(told)
        fine = told[succeeded]
        if fine.size > 1:
            utilities = utilities_of(fine.size, baseline=not self._biased and fine.size == told.size)
            share = fine.size / told.size
            self._search.follow(self._steps[succeeded], share * by_rank(fine, utilities))
        if self._least_steps:
            self._search.widen(self._least_steps.at(reflected(self._search.mean)))
        self._best = min(self._best, float(told.min()))
        deviations = self._search.deviations()[self._reals]
        self._reason = self._ending.after(fine, float(deviations.max()) if deviations.size else math.inf)

    def report(self) -> Mapping[str, float | Floats]:
        """Geometric mean of the standard deviations along all axes, mean (d,), deviations (d,), best cost."""
        return {
            "sigma": math.exp(self._search.log_volume() / self.space.dimension),
            "mean": reflected(self._search.mean),
            "deviations": self._search.deviations(),
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """Why it stopped, in words."""
        return self._reason
