"""Normal distributions that follow a natural gradient: what is beside `natural_evolution_strategies`.

The formulas are those of Wierstra et al., J. Mach. Learn. Res. 15 (2014), 949-980, doi:10.5555/2627435.2638566,
algorithms 5 (xNES) and 6 (SNES).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Exponential:
    """The distribution of xNES: mean (d,) and a root A (d, d) of the covariance A Aᵀ.

    Args:
        mean: Where it starts.
        root: A.
        rates: Learning rates of mean, step size and shape; None for 1, that of SNES, that of the paper. The paper has
            the last for the step size, too, though one number is learnt far more reliably than a matrix.
    """

    def __init__(self, mean: Floats, root: Floats, rates: Sequence[float | None] = (None, None, None)) -> None:
        d = len(mean)
        shape = (9.0 + 3.0 * math.log(d)) / (5.0 * d * math.sqrt(d))
        defaults = (1.0, _separable_rate(d), min(shape, 1.0))
        self.mean, self.root = mean, root
        self.rates = [one if rate is None else rate for rate, one in zip(rates, defaults, strict=True)]

    def points(self, steps: Floats) -> Floats:
        """Where standard normal steps (n, d) lead, not yet within bounds."""
        points: Floats = self.mean + steps @ self.root.T
        return points

    def steps(self, points: Floats) -> Floats:
        """The steps that lead to points (n, d)."""
        return np.asarray(np.linalg.solve(self.root, (points - self.mean).T).T, dtype=np.float64)

    @staticmethod
    def gradient(steps: Floats, utilities: Floats) -> tuple[Floats, float, Floats]:
        """The natural gradient in the distribution's own coordinates: mean (d,), step size, shape (d, d)."""
        d = steps.shape[1]
        whole = (steps * utilities[:, None]).T @ steps - utilities.sum() * np.eye(d)
        size = float(np.trace(whole)) / d
        return utilities @ steps, size, whole - size * np.eye(d)

    def follow(self, steps: Floats, utilities: Floats) -> None:
        """One step along the natural gradient."""
        mean, size, shape = self.gradient(steps, utilities)
        self.mean = self.mean + self.rates[0] * self.root @ mean
        exponent = 0.5 * (self.rates[1] * size * np.eye(len(mean)) + self.rates[2] * shape)
        eigenvalues, vectors = np.linalg.eigh(exponent)
        self.root = self.root @ (vectors * np.exp(eigenvalues)) @ vectors.T

    def deviations(self) -> Floats:
        """Standard deviations (d,)."""
        deviations: Floats = np.sqrt((self.root**2).sum(axis=1))
        return deviations

    def log_volume(self) -> float:
        """The logarithm of the root's determinant."""
        return float(np.linalg.slogdet(self.root)[1])

    def widen(self, least: Floats) -> None:
        """Bring standard deviations to at least (d,)."""
        factors = np.maximum(least / self.deviations(), 1.0)
        self.root = self.root * factors[:, None]


class Separable:
    """The distribution of SNES: mean and standard deviations (d,).

    Args:
        mean: Where it starts.
        sigma: Standard deviations.
        rates: Learning rates of mean and standard deviations; None for those of the paper.
    """

    def __init__(self, mean: Floats, sigma: Floats, rates: Sequence[float | None] = (None, None)) -> None:
        d = len(mean)
        defaults = (1.0, _separable_rate(d))
        self.mean, self.sigma = mean, sigma
        self.rates = [one if rate is None else rate for rate, one in zip(rates, defaults, strict=True)]

    def points(self, steps: Floats) -> Floats:
        """Where standard normal steps (n, d) lead, not yet within bounds."""
        return self.mean + steps * self.sigma

    def steps(self, points: Floats) -> Floats:
        """The steps that lead to points (n, d)."""
        return (points - self.mean) / self.sigma

    @staticmethod
    def gradient(steps: Floats, utilities: Floats) -> tuple[Floats, Floats]:
        """The natural gradient in the distribution's own coordinates: mean (d,), logarithms of deviations (d,)."""
        return utilities @ steps, utilities @ (steps**2 - 1.0)

    def follow(self, steps: Floats, utilities: Floats) -> None:
        """One step along the natural gradient."""
        mean, sizes = self.gradient(steps, utilities)
        self.mean = self.mean + self.rates[0] * self.sigma * mean
        self.sigma = self.sigma * np.exp(0.5 * self.rates[1] * sizes)

    def deviations(self) -> Floats:
        """Standard deviations (d,)."""
        return self.sigma

    def log_volume(self) -> float:
        """The logarithm of the product of the standard deviations."""
        return float(np.log(self.sigma).sum())

    def widen(self, least: Floats) -> None:
        """Bring standard deviations to at least (d,)."""
        self.sigma = np.maximum(self.sigma, least)


def utilities_of(n: int, baseline: bool = True) -> Floats:
    """Utilities (n,) of the ranks, best first: logarithmic for the better half.

    Args:
        n: How many individuals.
        baseline: Subtract 1 / n, so that the sum is 0, which lessens variance. That is right only where steps are 0 on
            average: where a part of the distribution failed, it would drive the mean into that part.
    """
    raw = np.maximum(0.0, math.log(n / 2 + 1) - np.log(np.arange(1, n + 1)))
    utilities: Floats = raw / raw.sum() - (1.0 / n if baseline else 0.0)
    return utilities


def _separable_rate(d: int) -> float:
    return min((3.0 + math.log(d)) / (5.0 * math.sqrt(d)), 1.0)
