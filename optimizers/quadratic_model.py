"""A quadratic model of costs, fitted to the recent points of a search, whose minimum is worth a trial.

Linear-quadratic models beside CMA-ES: Hansen, A global surrogate assisted CMA-ES, GECCO 2019, 664-672,
doi:10.1145/3321707.3321842; here the minimum joins each generation, and no evaluation is left out.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPARE = 1.1
"""Points that a model wants, as a multiple of its coefficients."""
KEPT = 2.0
"""Points that are kept at most, likewise of the full model's."""
BEST_WEIGHT = 20.0
"""Weight of the best point; the others' fall linearly to 1 for the worst."""
FULL_UNTIL = 40
"""Dimensions up to which products of coordinates are modelled: beyond, a fit takes longer than many simulations."""
FLATTEST = 1e-9
"""Least curvature, as a share of the largest."""


class QuadraticModel:
    """Least squares in the coordinates of a normal distribution, in which a search that adapts is well conditioned.

    Args:
        dimension: Of the points.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._pairs = np.triu_indices(dimension, 1) if dimension <= FULL_UNTIL else None
        self._diagonal = 2 * dimension + 1
        self._full = self._diagonal + (len(self._pairs[0]) if self._pairs else 0)
        self._points = np.empty((0, dimension))
        self._costs = np.empty(0)

    def add(self, points: Floats, costs: Floats) -> None:
        """Learn from points (n, d) and their costs (n,); those that failed (+inf) tell nothing."""
        alive = np.isfinite(costs)
        kept = max(int(KEPT * self._full), 3 * len(points))
        self._points = np.concatenate((self._points, points[alive]))[-kept:]
        self._costs = np.concatenate((self._costs, costs[alive]))[-kept:]

    def minimum(self, center: Floats, axes: Floats) -> Floats | None:
        """Where the model is least, in as far as a distribution reaches; None while there are too few points.

        Args:
            center: (d,) of the distribution.
            axes: (d, d) columns, the images of unit steps along its axes.

        Returns:
            (d,) a point, perhaps beyond bounds.
        """
        n, d = self._points.shape
        pairs = self._pairs if n >= SPARE * self._full else None
        if pairs is None and n < SPARE * self._diagonal:
            return None
        order = np.argsort(self._costs, kind="stable")
        costs = self._costs[order]
        reach = costs[-1] - costs[0]
        if not 0.0 < reach < np.inf:
            return None
        steps = np.linalg.solve(axes, (self._points[order] - center).T).T
        terms = [np.ones((n, 1)), steps, steps**2]
        if pairs is not None:
            terms.append(steps[:, pairs[0]] * steps[:, pairs[1]])
        weights = np.sqrt(np.linspace(BEST_WEIGHT, 1.0, n))
        system = np.concatenate(terms, axis=1) * weights[:, None]
        coefficients = np.linalg.lstsq(system, (costs - costs[0]) / reach * weights, rcond=None)[0]
        slope, curvature = coefficients[1 : d + 1], np.diag(2.0 * coefficients[d + 1 : 2 * d + 1])
        if pairs is not None:
            curvature[pairs] = coefficients[self._diagonal :]
            curvature += np.triu(curvature, 1).T
        values, vectors = np.linalg.eigh(curvature)
        values = np.maximum(np.abs(values), max(FLATTEST * float(np.abs(values).max()), 1e-300))
        step = -vectors @ ((vectors.T @ slope) / values)
        return np.asarray(center + axes @ step)
