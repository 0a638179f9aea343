"""The linear algebra of ensemble Kalman inversion, in the space of the ensemble: cheap for many data and parameters."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError

Floats = NDArray[np.float64]


class Noise:
    """The normal noise of data.

    Args:
        noise: Standard deviation, for all or (k,), or covariance (k, k).
        size: The number k of data.

    Raises:
        OptionError: It has another shape or is not positive.
    """

    def __init__(self, noise: Any, size: int) -> None:
        array = np.array(noise, dtype=np.float64)
        if array.shape not in ((), (size,), (size, size)):
            raise OptionError(
                "EnsembleKalman: option 'noise': expected a standard deviation, one for each datum or a covariance, of "
                f"shape (), ({size},) or ({size}, {size}), got shape {array.shape}"
            )
        self._covariance = array if array.ndim == 2 else None
        self._deviations = np.broadcast_to(array, (size,)) if array.ndim < 2 else np.ones(size)
        if self._covariance is None:
            positive = bool((array > 0.0).all() and np.isfinite(array).all())
        else:
            positive = bool(
                np.isfinite(array).all() and np.allclose(array, array.T) and np.linalg.eigvalsh(array)[0] > 0
            )
        if not positive:
            raise OptionError(f"EnsembleKalman: option 'noise': expected positive (definite) numbers, got {noise!r}")

    @property
    def correlated(self) -> bool:
        """Whether it is given as a covariance."""
        return self._covariance is not None

    def whitened(self, residuals: Floats, part: NDArray[np.intp]) -> Floats:
        """Residuals (n, m) of some data in units in which their noise is standard normal.

        Args:
            residuals: Of the data in `part`.
            part: (m,) their places.
        """
        if self._covariance is None:
            return residuals / self._deviations[part]
        from scipy.linalg import solve_triangular

        factor = np.linalg.cholesky(self._covariance[np.ix_(part, part)])
        white: Floats = solve_triangular(factor, residuals.T, lower=True).T
        return white


def data_misfit_step(missing: Floats) -> float:
    """The pseudo-time step of Iglesias and Yang's data misfit controller.

    Args:
        missing: (n, m) data minus simulated data, whitened.
    """
    misfits = 0.5 * (missing**2).sum(axis=1)
    data = missing.shape[1]
    with np.errstate(divide="ignore"):
        steps = data / (2.0 * misfits.mean()), math.sqrt(data) / np.sqrt(2.0 * misfits.var(ddof=1))
    return float(max(steps))


def kalman_moves(
    members: Floats, missing: Floats, step: float, localization: float, rng: np.random.Generator
) -> Floats:
    """By what the members move, (n, d): C^θG (C^GG + Γ / step)^-1 (data + noise - simulated), noise ~ N(0, Γ / step).

    The noise is drawn with mean 0 over the ensemble.

    Args:
        members: (n, d).
        missing: (n, m) data minus simulated data, in units in which the noise covariance Γ is the identity.
        step: Of pseudo-time.
        localization: In standard errors of a correlation; 0 for none.
        rng: Draws the noise.
    """
    n = len(members)
    noise = rng.standard_normal(missing.shape)
    noise = (noise - noise.mean(axis=0)) * math.sqrt(n / (n - 1) / step)
    residuals = missing + noise
    anomalies = (members - members.mean(axis=0)) / math.sqrt(n - 1)
    simulated = (missing.mean(axis=0) - missing) / math.sqrt(n - 1)
    data = missing.shape[1]
    if data <= n:
        solved = np.linalg.solve(simulated.T @ simulated + np.eye(data) / step, residuals.T).T
    else:  # (S'S + I/step)^-1 R' = step (R' - S' (S S' + I/step)^-1 S R'): a system of the ensemble's size
        inner = np.linalg.solve(simulated @ simulated.T + np.eye(n) / step, simulated @ residuals.T)
        solved = step * (residuals - inner.T @ simulated)
    if localization == 0.0:
        moves: Floats = (solved @ simulated.T) @ anomalies
        return moves
    covariance = anomalies.T @ simulated
    return np.asarray(solved @ (covariance * tapered(covariance, anomalies, simulated, localization / math.sqrt(n))).T)


def tapered(covariance: Floats, anomalies: Floats, simulated: Floats, threshold: float) -> Floats:
    """Factors (d, m) on covariances: 1 for a perfect correlation, falling to 0 for those well below the threshold.

    Gaspari, Cohn, Q. J. R. Meteorol. Soc. 125 (1999), doi:10.1002/qj.49712555417, of the distance
    (1 - |correlation|) / (1 - threshold).
    """
    scales = np.sqrt((anomalies**2).sum(axis=0))[:, None] * np.sqrt((simulated**2).sum(axis=0))
    correlation = np.divide(np.abs(covariance), scales, out=np.zeros_like(scales), where=scales > 0.0).clip(max=1.0)
    z = (1.0 - correlation) / max(1.0 - threshold, 1e-3)
    near = 1.0 - 5.0 / 3.0 * z**2 + 5.0 / 8.0 * z**3 + 0.5 * z**4 - 0.25 * z**5
    away = np.maximum(z, 1.0)
    far = 4.0 - 5.0 * away + 5.0 / 3.0 * away**2 + 5.0 / 8.0 * away**3 - 0.5 * away**4 + away**5 / 12.0
    far -= 2.0 / (3.0 * away)
    return np.where(z <= 1.0, near, np.where(z < 2.0, far, 0.0))
