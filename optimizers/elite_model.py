"""Sampling distributions that are fitted to an elite: what is beside the algorithms of `cross_entropy` and `face`.

Numbers follow normal distributions or a mixture of them, each category a distribution over its choices, independent of
all else. Rubinstein, Kroese: The cross-entropy method (2004), doi:10.1007/978-1-4757-4321-0, chapters 2 and 5.
"""

import math
from typing import Literal

import numpy as np

from l2l.optimizers.gaussians import Gaussians, entropy, mixture, moments
from l2l.optimizers.pycma import LeastSteps
from l2l.optimizers.unit_cube import Floats, reals, together
from l2l.space import Categorical, ParameterSpace

Distribution = Literal["diagonal", "full", "mixture"]


TRIED_AGAIN = 0.05
"""Probability with which a category is drawn from all its choices alike, so that none is lost for ever."""
PER_DIMENSION = 4
"""Individuals of an elite a dimension that make a covariance matrix worth more than its errors."""


def fitting(dimension: int, elites: int) -> Literal["diagonal", "full"]:
    """The distribution that an elite of some size determines well."""
    return "full" if elites >= PER_DIMENSION * dimension else "diagonal"


class EliteModel:
    """A distribution over the points of a space, in the encoded unit cube.

    Args:
        space: What is searched.
        mean: Where numbers start, (d,).
        sigma: With which standard deviation.
        distribution: Of numbers.
        components: Of a mixture.
    """

    def __init__(
        self, space: ParameterSpace, mean: Floats, sigma: float, distribution: Distribution, components: int
    ) -> None:
        self.distribution = distribution
        self.dimension = space.dimension
        kinds = [(space.slices[name], isinstance(p, Categorical)) for name, p in space.parameters.items()]
        self._choices = [where for where, categorical in kinds if categorical]
        chosen = np.zeros(space.dimension, dtype=bool)
        self._uniform = np.zeros(space.dimension)
        for where in self._choices:
            chosen[where] = True
            self._uniform[where] = 1.0 / (where.stop - where.start)
        places = np.flatnonzero(~chosen)
        self._numbers = together(places)
        self._reals = reals(space)[self._numbers]
        self._least_steps = LeastSteps(space)
        self.probabilities = self._uniform.copy()
        """(d,) at the coordinates of categories."""
        k, count = len(places), components if distribution == "mixture" else 1
        spread = np.full(k, sigma**2) if distribution != "full" else sigma**2 * np.eye(k)
        self.gaussians = Gaussians(np.full(count, 1.0 / count), np.stack([mean[self._numbers]] * count), spread[None])
        """Over the coordinates of numbers."""
        if count > 1:
            self.gaussians = Gaussians(self.gaussians.weights, self.gaussians.means, np.stack([spread] * count))
        self._fitted = False

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """So many points (n, d) in the unit cube; what lies outside is put on its faces."""
        points = np.zeros((n, self.dimension))
        points[:, self._numbers] = np.clip(self.gaussians.draw(n, rng), 0.0, 1.0)
        share = TRIED_AGAIN / max(1.0, 0.25 * len(self._choices))
        probabilities = (1.0 - share) * self.probabilities + share * self._uniform
        for where in self._choices:
            ends = np.cumsum(probabilities[where])
            places = np.searchsorted(ends[:-1], rng.random(n) * ends[-1], side="right")
            points[np.arange(n), where.start + places] = 1.0
        return points

    def learn(self, elite: Floats, smoothing: float, noise: float, rng: np.random.Generator) -> None:
        """Go towards the distribution of greatest likelihood of an elite (n, d), by the share `smoothing`.

        Args:
            elite: In the unit cube.
            smoothing: 1 forgets what was before.
            noise: Standard deviation that is added to what is fitted; for categories the share that is uniform.
            rng: Of a mixture's clusters.
        """
        fitted = self._fit(elite[:, self._numbers], rng).wider(noise**2)
        self.gaussians = self.gaussians.towards(fitted, smoothing).at_least(self._least_variances())
        share = min(noise, 1.0)
        frequencies = (1.0 - share) * elite.mean(axis=0) + share * self._uniform
        mixed = smoothing * frequencies + (1.0 - smoothing) * self.probabilities
        self.probabilities = np.where(self._uniform > 0.0, mixed, 0.0)

    def _fit(self, numbers: Floats, rng: np.random.Generator) -> Gaussians:
        if self.distribution != "mixture" or not numbers.shape[1] or len(numbers) < len(self.gaussians.weights):
            one = moments(numbers, self.distribution == "full")
            count = len(self.gaussians.weights)
            return Gaussians(self.gaussians.weights, np.repeat(one.means, count, 0), np.repeat(one.spreads, count, 0))
        fitted = mixture(numbers, self.gaussians, not self._fitted, int(rng.integers(2**32)))
        self._fitted = True
        return fitted

    def _least_variances(self) -> Floats:
        means = self.gaussians.means
        if not self._least_steps:
            return np.zeros_like(means)
        at = np.full((len(means), self.dimension), 0.5)
        at[:, self._numbers] = means
        return np.stack([self._least_steps.at(one)[self._numbers] ** 2 for one in at])

    def widest(self) -> float:
        """The largest standard deviation of a real, or probability that a category takes another choice than most."""
        parts = [np.sqrt(self.gaussians.variances[:, self._reals]).ravel()]
        parts += [np.array([1.0 - self.probabilities[where].max()]) for where in self._choices]
        every = np.concatenate(parts)
        return float(every.max()) if every.size else math.inf

    def entropy(self) -> float:
        """In nats: differential of numbers, plus that of the categories."""
        return self.gaussians.entropy() + sum(entropy(self.probabilities[where]) for where in self._choices)

    def mean(self) -> Floats:
        """(d,): means of numbers, probabilities of choices."""
        return self._whole(self.gaussians.mean, self.probabilities)

    def deviations(self) -> Floats:
        """(d,)."""
        return self._whole(self.gaussians.deviations, np.sqrt(self.probabilities * (1.0 - self.probabilities)))

    def _whole(self, numbers: Floats, categories: Floats) -> Floats:
        whole = categories.copy()
        whole[self._numbers] = numbers
        return whole
