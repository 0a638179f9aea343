"""The memory of SHADE: which lengths of steps and crossover rates succeeded.

Tanabe, Fukunaga: Success-history based parameter adaptation for differential evolution. IEEE CEC 2013, 71-78,
doi:10.1109/CEC.2013.6557555; as in L-SHADE: IEEE CEC 2014, doi:10.1109/CEC.2014.6900380.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH = 0.1
"""Of the distributions from which F (Cauchy) and CR (normal) are drawn."""
NONE = math.nan
"""Of a crossover rate: only zero succeeded, and it stays at zero."""


class SuccessHistory:
    """Draws F and CR around what succeeded before.

    Args:
        size: Entries, of which each learning overwrites the oldest.
    """

    def __init__(self, size: int) -> None:
        self.F = np.full(size, 0.5)
        self.CR = np.full(size, 0.5)
        self._oldest = 0
        self._successes: list[tuple[float, float, float]] = []

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """F in (0, 1] and CR in [0, 1], each (n,)."""
        entry = rng.integers(len(self.F), size=n)
        F = np.zeros(n)
        while (again := np.flatnonzero(F <= 0.0)).size:
            F[again] = np.minimum(self.F[entry[again]] + WIDTH * rng.standard_cauchy(again.size), 1.0)
        mean = self.CR[entry]
        CR = np.clip(rng.normal(np.nan_to_num(mean), WIDTH), 0.0, 1.0)
        return F, np.where(np.isnan(mean), 0.0, CR)

    def succeeded(self, F: float, CR: float, improvement: float) -> None:
        """Note a child that is better than its parent by a positive `improvement`."""
        self._successes.append((F, CR, improvement))

    def learn(self) -> None:
        """Overwrite the oldest entry by the means of what was noted since, weighted by improvement."""
        if not self._successes:
            return
        F, CR, improvement = np.array(self._successes).T
        self._successes = []
        weights = np.nan_to_num(improvement)
        weights = weights / weights.max()
        self.F[self._oldest] = lehmer_mean(F, weights)
        lost = math.isnan(self.CR[self._oldest]) or CR.max() == 0.0
        self.CR[self._oldest] = NONE if lost else lehmer_mean(CR, weights)
        self._oldest = (self._oldest + 1) % len(self.F)


def lehmer_mean(values: Floats, weights: Floats) -> float:
    """The weighted Lehmer mean: the sum of w x² over the sum of w x."""
    total = float((weights * values).sum())
    return float((weights * values**2).sum()) / total if total > 0.0 else 0.0
