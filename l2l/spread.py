"""What the fitness of a generation comes to: its best, its median and how far apart its middle half is."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEPT = 400
"""Generations that are kept for a sparkline: more than the widest screen has columns."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The fitness of a generation's individuals; each field has a number per objective, NaN where all failed.

    Args:
        best: Best fitness of this generation.
        median: Median fitness of the individuals that have one.
        low: First quartile.
        high: Third quartile.
    """

    best: tuple[float, ...]
    median: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def width(self) -> tuple[float, ...]:
        """Distance of the quartiles."""
        return tuple(high - low for low, high in zip(self.low, self.high, strict=True))


def spread_of(fitness: NDArray[np.float64], signs: NDArray[np.float64]) -> Spread:
    """The spread of a generation; without an objective there is nothing in it.

    Args:
        fitness: (n, m), NaN where an individual failed.
        signs: (m,) 1 where an objective is minimized, -1 where it is maximized.
    """
    columns = [_summary(column, sign) for column, sign in zip(fitness.T, signs.tolist(), strict=True)]
    best, low, median, high = zip(*columns, strict=True) if columns else ((),) * 4
    return Spread(best, median, low, high)


def _summary(column: NDArray[np.float64], sign: float) -> tuple[float, float, float, float]:
    """Best, first quartile, median and third quartile."""
    known = np.sort(column[~np.isnan(column)]).tolist()
    if not known:
        return (math.nan,) * 4
    low, median, high = (_quantile(known, share) for share in (0.25, 0.5, 0.75))
    return known[0] if sign > 0 else known[-1], low, median, high


def _quantile(known: list[float], share: float) -> float:
    """Between two sorted values by how near they are, as `numpy.quantile` has it, which costs ten times as much."""
    place = share * (len(known) - 1)
    before = int(place)
    lower, upper = known[before], known[min(before + 1, len(known) - 1)]
    return lower if lower == upper else lower + (upper - lower) * (place - before)
