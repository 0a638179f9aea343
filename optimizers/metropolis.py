"""The Metropolis rule and temperatures in units of cost: shared by simulated annealing and parallel tempering.

Metropolis et al.: Equation of state calculations by fast computing machines. J. Chem. Phys. 21 (1953), 1087-1092,
doi:10.1063/1.1699114.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

MEASURED = 10
"""Differences of cost, or generations, from which a temperature is measured."""


def accepted(now: Floats, proposed: Floats, temperatures: ArrayLike, chances: Floats) -> NDArray[np.bool_]:
    """Which moves are made: improving ones, others with probability exp(-worsening / temperature), failed ones never.

    Args:
        now: (n,) costs before; +inf where there is none yet.
        proposed: (n,) costs after; +inf where failed.
        temperatures: One or (n,), 0 or more, in units of cost.
        chances: (n,) uniform in [0, 1).
    """
    alive = np.isfinite(proposed)
    comparable = alive & np.isfinite(now)
    worse = _halved_worsening(now, proposed, comparable)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        likely = np.where(worse > 0.0, np.exp(-2.0 * (worse / np.asarray(temperatures))), 1.0)
    return alive & (~comparable | (chances < likely))


def exchanged(costs: Floats, temperatures: Floats, pairs: NDArray[np.intp], chances: Floats) -> NDArray[np.bool_]:
    """Which neighbours exchange their states: probability min(1, exp((1/T_i - 1/T_j) (E_i - E_j))), j = i + 1.

    Args:
        costs: (k,) by temperature; +inf where there is no success yet.
        temperatures: (k,) ascending, in units of cost.
        pairs: (p,) the lower place i of each pair.
        chances: (p,) uniform in [0, 1).
    """
    colder, hotter = costs[pairs], costs[pairs + 1]
    comparable = np.isfinite(colder) & np.isfinite(hotter)
    gain = _halved_worsening(hotter, colder, comparable)
    with np.errstate(over="ignore", invalid="ignore"):
        exponent = 2.0 * (gain * (1.0 / temperatures[pairs] - 1.0 / temperatures[pairs + 1]))
        exchange = chances < np.exp(np.minimum(exponent, 0.0))
    return np.where(comparable, exchange, np.isfinite(hotter))


def _halved_worsening(now: Floats, proposed: Floats, comparable: NDArray[np.bool_]) -> Any:
    """Half the differences, 0 where there is none: differences of the largest floats would overflow."""
    return np.where(comparable, proposed, 0.0) / 2 - np.where(comparable, now, 0.0) / 2


class Spread:
    """The mean difference of cost between points, measured while it is not known."""

    def __init__(self) -> None:
        self.mean: float | None = None
        """None while fewer than ten differences are seen, in fewer than ten generations; 1.0 where none was seen."""
        self._differences: list[float] = []
        self._generations = 0

    def add(self, some: Floats, others: Floats) -> None:
        """Differences between costs (n,) and (n,); failures and equal ones do not count."""
        difference = _halved_worsening(some, others, np.isfinite(some) & np.isfinite(others))
        self._differences += (2.0 * np.abs(difference[difference != 0.0]).clip(max=1e299)).tolist()
        self._generations += 1
        if len(self._differences) >= MEASURED or self._generations >= MEASURED:
            count = max(1, len(self._differences))
            self.mean = math.fsum(one / count for one in self._differences) or 1.0
