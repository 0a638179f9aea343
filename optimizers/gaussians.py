"""Normal distributions and mixtures of them, fitted to points: what is beside `elite_model`.

Mixtures are fitted by scikit-learn: Pedregosa et al., J. Mach. Learn. Res. 12 (2011), 2825-2830,
doi:10.5555/1953048.2078195.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RIDGE = 1e-6
"""Added to variances of a mixture's components, in units of the elite's variance: keeps one elite from being a mode."""


@dataclass(frozen=True)
class Gaussians:
    """A mixture of K normal distributions in k dimensions.

    Args:
        weights: (K,), of sum 1.
        means: (K, k).
        spreads: Variances (K, k) or covariances (K, k, k).
    """

    weights: Floats
    means: Floats
    spreads: Floats

    @property
    def variances(self) -> Floats:
        """(K, k)."""
        return self.spreads if self.spreads.ndim == 2 else np.diagonal(self.spreads, axis1=1, axis2=2)

    @property
    def mean(self) -> Floats:
        """Of the whole mixture, (k,)."""
        mean: Floats = self.weights @ self.means
        return mean

    @property
    def deviations(self) -> Floats:
        """Of the whole mixture, (k,)."""
        deviations: Floats = np.sqrt(self.weights @ (self.variances + (self.means - self.mean) ** 2))
        return deviations

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """So many points (n, k)."""
        points = rng.standard_normal((n, self.means.shape[1]))
        if self.spreads.ndim == 3:
            values, vectors = np.linalg.eigh(self.spreads[0])
            points = self.means[0] + (points * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        elif len(self.weights) == 1:
            points = self.means[0] + points * np.sqrt(self.spreads[0])
        else:
            which = rng.choice(len(self.weights), size=n, p=self.weights)
            points = self.means[which] + points * np.sqrt(self.spreads[which])
        return points

    def entropy(self) -> float:
        """In nats; of a mixture the bound that holds for components far apart. -inf where a variance is 0."""
        k = self.means.shape[1]
        with np.errstate(divide="ignore"):
            if self.spreads.ndim == 3:
                log_determinants = np.linalg.slogdet(self.spreads)[1]
            else:
                log_determinants = np.log(self.spreads).sum(axis=1)
            each = 0.5 * (k * math.log(2.0 * math.pi * math.e) + log_determinants)
        return float(self.weights @ each) + entropy(self.weights)

    def towards(self, other: "Gaussians", share: float) -> "Gaussians":
        """Every weight, mean and (co)variance the given share nearer to that of `other`."""
        mixed = [
            share * new + (1.0 - share) * old
            for new, old in (
                (other.weights, self.weights),
                (other.means, self.means),
                (other.spreads, self.spreads),
            )
        ]
        return Gaussians(mixed[0] / mixed[0].sum(), mixed[1], mixed[2])

    def wider(self, variances: Floats | float) -> "Gaussians":
        """With variances (k,) added."""
        if self.spreads.ndim == 2:
            return Gaussians(self.weights, self.means, self.spreads + variances)
        return Gaussians(self.weights, self.means, self.spreads + variances * np.eye(self.means.shape[1]))

    def at_least(self, variances: Floats) -> "Gaussians":
        """With variances (K, k) of at least so much."""
        missing = np.maximum(variances - self.variances, 0.0)
        if not missing.any():
            return self
        return self.wider(missing if self.spreads.ndim == 2 else missing[0])


def moments(points: Floats, full: bool) -> Gaussians:
    """The normal distribution of greatest likelihood of points (n, k)."""
    mean = points.mean(axis=0)
    centred = points - mean
    spread = centred.T @ centred / len(points) if full else (centred**2).mean(axis=0)
    return Gaussians(np.ones(1), mean[None], spread[None])


def mixture(points: Floats, before: Gaussians, first: bool, seed: int) -> Gaussians:
    """A mixture of K diagonal normal distributions fitted to points (n, k) by expectation maximization.

    Args:
        points: The elite, K or more of them.
        before: The K components from which it goes on.
        first: It begins with the clusters of the elite instead.
        seed: Of that clustering.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    whole = moments(points, full=False)
    scale = np.sqrt(whole.spreads[0])
    scale[scale == 0.0] = 1.0
    going_on = {
        "init_params": "random_from_data",  # not used, but clusters would be sought all the same
        "weights_init": before.weights,
        "means_init": (before.means - whole.mean) / scale,
        "precisions_init": scale**2 / np.maximum(before.spreads, RIDGE * scale**2),
    }
    model = GaussianMixture(
        len(before.weights),
        covariance_type="diag",
        reg_covar=RIDGE,
        random_state=np.random.RandomState(seed),
        **({} if first else going_on),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than components are fine
        model.fit((points - whole.mean) / scale)
    spreads = np.where(whole.spreads > 0.0, model.covariances_, 0.0) * scale**2
    return Gaussians(model.weights_, whole.mean + model.means_ * scale, spreads)


def entropy(probabilities: Floats) -> float:
    """Of a distribution over choices, in nats."""
    positive = probabilities[probabilities > 0.0]
    return float(-(positive * np.log(positive)).sum())
