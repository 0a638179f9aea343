"""Regression by a Gaussian process, as light as Bayesian optimization needs it: SciPy alone.

Rasmussen, Williams: Gaussian processes for machine learning. MIT Press (2006), doi:10.7551/mitpress/3206.001.0001.
Priors of the length scales: Hvarfner, Hellsten, Nardi, ICML 2024, arXiv:2402.02229. Logarithm of the expected
improvement: Ament et al., NeurIPS 2023, arXiv:2310.20708.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

JITTER = 1e-8
SMALLEST_LENGTH, LARGEST_LENGTH = 5e-3, 1e3
NOISE, NOISE_SPREAD = -6.0, 2.0
"""Mean and standard deviation of the prior of the noise variance's logarithm; the values have variance 1."""


class Regression:
    """A Gaussian process with a Matérn 5/2 kernel, a length scale for each coordinate, and noise.

    Args:
        x: (n, d) points.
        y: (n,) values of mean 0 and variance 1.
        theta: (d + 2,) logarithms of the length scales, the variance and the noise variance; None fits them (maximum a
            posteriori).
    """

    def __init__(self, x: Floats, y: Floats, theta: Floats | None = None) -> None:
        from scipy.linalg import cho_factor, cho_solve

        self.x, self.y = x, y
        self.theta = fitted(x, y) if theta is None else theta
        variance, noise = np.exp(self.theta[-2:])
        covariance = variance * matern(self._scaled(x), self._scaled(x))[0]
        covariance[np.diag_indices(len(x))] += noise + JITTER
        self._factor = cho_factor(covariance, lower=True)
        self._weights = cho_solve(self._factor, y)

    def _scaled(self, x: Floats) -> Floats:
        scaled: Floats = x / np.exp(self.theta[:-2])
        return scaled

    def __call__(self, x: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation (n,) of the function, without noise, at points (n, d)."""
        from scipy.linalg import solve_triangular

        variance = math.exp(self.theta[-2])
        cross = variance * matern(self._scaled(x), self._scaled(self.x))[0]
        solved = solve_triangular(self._factor[0], cross.T, lower=True, check_finite=False)
        return cross @ self._weights, np.sqrt(np.maximum(variance - (solved**2).sum(axis=0), 1e-12 * variance))

    def believing(self, x: Floats) -> "Regression":
        """As if its mean had been observed at a further point (d,)."""
        point = x[None]
        return Regression(np.concatenate([self.x, point]), np.concatenate([self.y, self(point)[0]]), self.theta)


def matern(x: Floats, other: Floats) -> tuple[Floats, Floats]:
    """The Matérn 5/2 correlation (n, m) of points scaled by their lengths, and -dk/dr / r of it."""
    squared = (x**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * x @ other.T
    r = math.sqrt(5.0) * np.sqrt(np.maximum(squared, 0.0))
    decay = np.exp(-r)
    return (1.0 + r + r**2 / 3.0) * decay, 5.0 / 3.0 * (1.0 + r) * decay


def fitted(x: Floats, y: Floats) -> Floats:
    """The logarithms (d + 2,) of length scales, variance and noise variance that are most probable."""
    from scipy.optimize import minimize

    d = x.shape[1]
    start = np.array([*[math.log(0.5 * math.sqrt(d))] * d, 0.0, NOISE])
    lengths = (math.log(SMALLEST_LENGTH), math.log(LARGEST_LENGTH))
    bounds = [*[lengths] * d, (-5.0, 5.0), (-16.0, 1.0)]
    found = minimize(
        negative_log_posterior, start, (x, y), "L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": 60}
    )
    return np.asarray(found.x, dtype=np.float64)


def negative_log_posterior(theta: Floats, x: Floats, y: Floats) -> tuple[float, Floats]:
    """Up to a constant, with its gradient (d + 2,).

    Args:
        theta: (d + 2,) as `Regression` has it.
        x: (n, d).
        y: (n,).
    """
    from scipy.linalg import cho_solve, cholesky, lapack

    n, d = x.shape
    scaled, (variance, noise) = x / np.exp(theta[:d]), np.exp(theta[d:])
    correlation, slope = matern(scaled, scaled)
    covariance = variance * correlation
    covariance[np.diag_indices(n)] += noise + JITTER
    factor = cholesky(covariance, lower=True, check_finite=False)
    weights = cho_solve((factor, True), y, check_finite=False)
    value = 0.5 * float(y @ weights) + float(np.log(np.diag(factor)).sum())
    inverse: Any = lapack.dpotri(factor, lower=1)[0]
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    pull = np.outer(weights, weights) - inverse
    along = pull * (variance * slope)
    # The sum over pairs of along (x_i - x_j)², for every coordinate without a matrix of its own.
    squares = 2.0 * (along.sum(axis=1) @ scaled**2 - (scaled * (along @ scaled)).sum(axis=0))
    gradient = -0.5 * np.array([*squares, (pull * variance * correlation).sum(), noise * np.trace(pull)])
    means = np.array([*[math.sqrt(2.0) + 0.5 * math.log(d)] * d, 0.0, NOISE])
    spreads = np.array([*[math.sqrt(3.0)] * d, 1.0, NOISE_SPREAD])
    away = (theta - means) / spreads
    return value + 0.5 * float(away @ away), gradient + away / spreads


def log_expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """The logarithm (n,) of the expected improvement below `best` of normal values."""
    from scipy.special import log_ndtr

    z = (best - mean) / deviation
    density = -0.5 * z**2 - 0.5 * math.log(2.0 * math.pi)
    near = np.maximum(z, -40.0)
    ratio = 1.0 + near * np.exp(log_ndtr(near) + 0.5 * near**2 + 0.5 * math.log(2.0 * math.pi))
    # Far below, φ(z) + z Φ(z) is φ(z) / z².
    logarithm = np.where(z < -40.0, -2.0 * np.log(np.maximum(-z, 1.0)), np.log(np.maximum(ratio, 1e-300)))
    return density + logarithm + np.log(deviation)
