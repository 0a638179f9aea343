"""Evolution strategies: gradient descent on the expected cost of a normal distribution of fixed width.

Salimans, Ho, Chen, Sidor, Sutskever: Evolution strategies as a scalable alternative to reinforcement learning (2017),
doi:10.48550/arXiv.1703.03864. Adam: Kingma, Ba, ICLR 2015, doi:10.48550/arXiv.1412.6980.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import ReplayError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least, within
from l2l.optimizers.unit_cube import Ending, Floats, Places, by_rank, feasible, limited, reflected, start
from l2l.space import Individuals, ParameterSpace
from l2l.values import Results

EPSILON = 1e-8
"""Keeps Adam from dividing by zero."""


def mirrored(n: int, dimension: int, rng: np.random.Generator) -> Floats:
    """Standard normal steps (n, d) in pairs of opposites; the last is zero where n is odd."""
    half = rng.standard_normal((n // 2, dimension))
    return np.concatenate([np.stack([half, -half], axis=1).reshape(-1, dimension), np.zeros((n % 2, dimension))])


def gradient(steps: Floats, values: Floats, sigma: float) -> Floats:
    """The gradient (d,) of the mean value of a normal distribution, estimated from values (n,) at steps (n, d)."""
    slope: Floats = values @ steps / (len(steps) * sigma)
    return slope


def centred_ranks(costs: Floats) -> Floats:
    """From -1/2 for the best of n costs to 1/2 for the worst; equal costs share theirs."""
    n = len(costs)
    return by_rank(costs, np.arange(1.0 - n, n, 2.0)) / max(2 * (n - 1), 1)


def standardized(costs: Floats) -> Floats:
    """Costs less their mean, in units of their standard deviation; zero where all are equal."""
    scaled = costs / max(float(np.abs(costs).max()), np.finfo(np.float64).tiny)
    centred: Floats = scaled - scaled.mean()
    deviation = float(centred.std())
    return centred / deviation if deviation > 0.0 else centred


class Adam:
    """Steps of adaptive length for each coordinate, from running means of gradients and of their squares.

    Args:
        beta1: Memory of the mean of gradients.
        beta2: Memory of the mean of their squares.
    """

    def __init__(self, beta1: float, beta2: float) -> None:
        self.beta1, self.beta2 = beta1, beta2
        self._mean: Floats | float = 0.0
        self._square: Floats | float = 0.0
        self._count = 0

    def step(self, slope: Floats) -> Floats:
        """The step (d,) down a gradient (d,), of a length of about 1 in each coordinate."""
        self._count += 1
        self._mean = self.beta1 * self._mean + (1.0 - self.beta1) * slope
        self._square = self.beta2 * self._square + (1.0 - self.beta2) * slope**2
        mean = self._mean / (1.0 - self.beta1**self._count)
        square = self._square / (1.0 - self.beta2**self._count)
        return -mean / (np.sqrt(square) + EPSILON)


class EvolutionStrategies(Optimizer):
    """Moves the mean of a normal distribution down the gradient that its samples show, in the encoded unit cube.

    Samples come in pairs on opposite sides of the mean; where the population is odd, the mean is asked, too. At the
    bounds samples are reflected. Failed individuals are left out of the gradient. The width does not adapt: it
    shrinks, with the steps, by a constant factor a generation.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with; the distribution starts at the first of them, else at the defaults.
        population: Individuals of a generation; None for 4 + 3 log(dimension), rounded up to pairs.
        sigma: Standard deviation in the unit cube.
        learning_rate: Of Adam: about the length of a step in each coordinate of the unit cube; None for
            0.05 sqrt(min(1, population / dimension)), since few samples tell little of each coordinate.
        decay: Factor on `sigma` and `learning_rate` after each generation; 1, as in the paper, keeps them; None for
            1 - 0.02 min(1, population / dimension).
        rank_shaping: Take the ranks of costs instead of the costs, so that outliers do not count more than others.
        beta1: Of Adam: memory of the mean of gradients.
        beta2: Of Adam: memory of the mean of their squares.
        tolx: Stops once the standard deviation in the unit cube is below this.

    Raises:
        OptionError: An option is out of range, or nothing in the space varies.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> strategies = EvolutionStrategies(ParameterSpace(w=Real(-1.0, 1.0, shape=10)), seed=1)
        >>> for _ in range(200):
        ...     individuals = strategies.ask()
        ...     strategies.tell(individuals, [sum((one["w"] - 0.5) ** 2) for one in individuals])
        >>> strategies.report()["best_cost"] < 0.01
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int | None = None,
        sigma: float = 0.05,
        learning_rate: float | None = None,
        decay: float | None = None,
        rank_shaping: bool = True,
        beta1: float = 0.9,
        beta2: float = 0.999,
        tolx: float = 1e-11,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 2)
        within(self, "sigma", sigma, 0.0, 1.0, above=True)
        within(self, "learning_rate", 1.0 if learning_rate is None else learning_rate, 0.0, 1.0, above=True)
        within(self, "decay", 1.0 if decay is None else decay, 0.0, 1.0, above=True)
        within(self, "beta1", beta1, 0.0, 1.0 - EPSILON)
        within(self, "beta2", beta2, 0.0, 1.0 - EPSILON)
        within(self, "tolx", tolx, 0.0, math.inf)
        self._mean, d = start(self, space, self.initial), space.dimension
        self.population = 2 * math.ceil(2 + 1.5 * math.log(d)) if population is None else population
        share = min(1.0, self.population / d)
        self.sigma = sigma
        self.learning_rate = 0.05 * math.sqrt(share) if learning_rate is None else learning_rate
        self.decay = 1.0 - 0.02 * share if decay is None else decay
        self.rank_shaping = rank_shaping
        self.finite = self.decay < 1.0 and tolx > 0.0
        self._given = space.encode(self.initial)
        self._adam = Adam(beta1, beta2)
        self._ending = Ending(None, tolx)
        self._steps = np.zeros((0, d))
        self._biased = False  # whether steps are not 0 on average
        self._slope = 0.0
        self._best = math.inf
        self._reason: str | None = None

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next generation, in pairs around the mean; the first begins with the initial individuals."""
        self._generation_only(n)
        if self._reason:
            return []
        given, self._given = self._given[: self.population], self._given[self.population :]
        drawn = mirrored(self.population - len(given), self.space.dimension, self.rng)
        steps = np.concatenate([limited(self._steps_to(given)), drawn])
        points = np.concatenate([given, self._points(drawn)])

        self._biased = len(given) > 0

        def again(places: Places) -> Individuals:
            self._biased = True
            steps[places] = self.rng.standard_normal((len(places), self.space.dimension))
            points[places] = self._points(steps[places])
            return self.space.decode(points[places])

        individuals = feasible(self.space, self.space.decode(points), len(given), again)
        self._steps = steps
        return self._asked(individuals, points)

    def _points(self, steps: Floats) -> Floats:
        return reflected(self._mean + self.sigma * steps)

    def _steps_to(self, points: Floats) -> Floats:
        return (points - self._mean) / self.sigma

    def reask(self, individuals: Sequence[Individual]) -> None:
        """As in the contract; from archived individuals that differ it learns as from ones given from outside."""
        try:
            super().reask(individuals)
        except ReplayError:
            self._steps, self._biased = limited(self._steps_to(self.space.encode(individuals))), True
            raise

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Go a step of Adam down the gradient."""
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        succeeded = np.isfinite(told)
        fine = told[succeeded]
        if fine.size > 1:
            values = centred_ranks(fine) if self.rank_shaping else standardized(fine)
            if self._biased or fine.size < told.size:
                values -= values.max()  # towards what is better, not away from what is worse into what failed
            slope = gradient(self._steps[succeeded], values, self.sigma)
            self._slope = float(np.linalg.norm(slope))
            self._mean = np.clip(self._mean + self.learning_rate * self._adam.step(slope), 0.0, 1.0)
        if fine.size:
            self.sigma *= self.decay
            self.learning_rate *= self.decay
        self._best = min(self._best, float(told.min()))
        self._reason = self._ending.after(fine, self.sigma)

    def report(self) -> Mapping[str, float | Floats]:
        """Standard deviation, learning rate, mean (d,) in the unit cube, length of the last gradient, best cost."""
        return {
            "sigma": self.sigma,
            "learning_rate": self.learning_rate,
            "mean": self._mean,
            "gradient": self._slope,
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """Why it stopped, in words."""
        return self._reason
