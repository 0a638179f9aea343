"""Gradients of a cost that is only known at points: finite differences, SPSA, least squares; and one that is observed.

SPSA: Spall: Multivariate stochastic approximation using a simultaneous perturbation gradient approximation. IEEE Trans.
Autom. Control 37 (1992), 332-341, doi:10.1109/9.119632.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.space import Numeric, ParameterSpace

Floats = NDArray[np.float64]
EstimatorName = Literal["finite-difference", "spsa", "least-squares", "observable"]

LARGEST = 1e150
"""Differences and slopes are cut here, so that their squares stay finite."""


class Directions:
    """Draws the directions along which a gradient is measured.

    Args:
        estimator: "finite-difference": one coordinate after the other, in random order; "spsa": all coordinates at
            once, with random signs; "least-squares": orthogonal random directions.
        dimension: Of the space.
    """

    def __init__(self, estimator: EstimatorName, dimension: int) -> None:
        self._estimator, self._dimension = estimator, dimension
        self._waiting: list[int] = []

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """So many directions (n, d), of components up to 1."""
        if self._estimator == "spsa":
            return rng.choice([-1.0, 1.0], size=(n, self._dimension))
        directions = np.zeros((n, self._dimension))
        if self._estimator == "finite-difference":
            for row in range(n):
                self._waiting = self._waiting or rng.permutation(self._dimension).tolist()
                directions[row, self._waiting.pop()] = 1.0
            return directions
        for start in range(0, n, self._dimension):
            some = directions[start : start + self._dimension]
            some[:] = np.linalg.qr(rng.standard_normal((self._dimension, len(some))))[0].T
        return directions


def differences(points: Floats, costs: Floats, pairs: Sequence[tuple[int, int]]) -> tuple[Floats, Floats]:
    """Differences of points (m, d) and of costs (m,) along each direction; what failures leave unknown is left out.

    Args:
        points: (n, d), the centre first.
        costs: (n,), +inf where failed.
        pairs: The rows ahead and behind along each direction. Where one of them failed, the centre takes its place.
    """
    moved, risen = [np.zeros((0, points.shape[1]))], []
    for ahead, behind in pairs:
        end = ahead if np.isfinite(costs[ahead]) else 0
        start = behind if np.isfinite(costs[behind]) else 0
        if end != start and np.isfinite(costs[[end, start]]).all():
            moved.append(points[[end]] - points[[start]])
            risen.append(2.0 * min(max(costs[end] / 2 - costs[start] / 2, -LARGEST), LARGEST))
    return np.concatenate(moved), np.array(risen, dtype=np.float64)


def slopes(moved: Floats, risen: Floats) -> Floats:
    """The gradient (d,) of finite differences and of SPSA: the mean slope along each coordinate; NaN where unknown."""
    along = moved != 0.0
    ratios = np.divide(risen[:, None], moved, out=np.zeros_like(moved), where=along)
    count = along.sum(axis=0)
    mean = (ratios / np.maximum(count, 1)).sum(axis=0)
    return np.where(count > 0, mean, np.nan).clip(-LARGEST, LARGEST)


def least_squares(moved: Floats, risen: Floats) -> Floats:
    """The shortest gradient (d,) of those that fit the differences best; NaN where nothing was moved."""
    known = (moved != 0.0).any(axis=0)
    gradient = np.full(moved.shape[1], np.nan)
    if known.any():
        unit = np.abs(moved).max()
        steps = moved[:, known] / unit
        if len(steps) < steps.shape[1]:  # the shortest solution lies in the span of the steps: a smaller system
            solved = steps.T @ np.linalg.lstsq(steps @ steps.T, risen, rcond=None)[0]
        else:
            solved = np.linalg.lstsq(steps, risen, rcond=None)[0]
        gradient[known] = solved / unit
    return gradient.clip(-LARGEST, LARGEST)


class ChainRule:
    """The derivatives of natural parameters with respect to coordinates of the unit cube.

    Args:
        space: Of numbers only.
    """

    def __init__(self, space: ParameterSpace) -> None:
        self._space = space
        self._factors, self._log = np.zeros(space.dimension), np.zeros(space.dimension, dtype=bool)
        for name, parameter in space.parameters.items():
            if isinstance(parameter, Numeric):
                low, high = parameter.edges
                self._factors[space.slices[name]] = np.log(high / low) if parameter.log else high - low
                self._log[space.slices[name]] = parameter.log

    def __call__(self, individuals: Sequence[Individual]) -> Floats:
        """dx/du (n, d): high - low, or x log(high / low) on a logarithmic scale; 0 where inactive."""
        columns = self._space.columns(individuals)
        factors = np.tile(self._factors, (len(individuals), 1))
        activity = self._space.activity(individuals)
        for name, where in self._space.slices.items():
            if where.start == where.stop:
                continue
            if self._log[where.start]:
                factors[:, where] *= columns[name].reshape(len(individuals), -1)
            if name in activity:
                factors[~activity[name], where] = 0.0
        return factors


def cells(space: ParameterSpace, point: Floats) -> Floats:
    """The least distance (d,) at which a value of a lattice is surely another one; 0 where values are dense."""
    least = np.zeros(space.dimension)
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Numeric) and parameter.cells:
            where = space.slices[name]
            low, high = parameter.edges
            if parameter.log:
                ratio = math.log(high / low)
                nearest = np.rint(low * np.exp(point[where] * ratio)).clip(parameter.low, parameter.high)
                least[where] = np.log((nearest + 0.5) / (nearest - 0.5)) / ratio
            else:
                least[where] = 1.0 / parameter.cells
    return least
