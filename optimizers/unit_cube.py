"""What search distributions in the encoded unit cube share: where they start, bounds, constraints, ties, an end."""

import math
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.space import Categorical, Individuals, Numeric, ParameterSpace

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

REJECTIONS = 20
"""Rounds of drawing anew what violates a constraint, before it is asked as it is."""
CHUNK = 2**13
"""Numbers that are folded at once: what is as small stays in the cache."""
FAILED_GENERATIONS = 20
"""Generations in a row of which nothing succeeds, after which there is no point in going on."""


def start(optimizer: object, space: ParameterSpace, initial: Sequence[Individual]) -> Floats:
    """Where a distribution starts, (d,): at the first initial individual, else at the defaults; categories undecided.

    Raises:
        OptionError: Nothing in the space varies.
    """
    if not space.dimension:
        raise OptionError(
            f"{type(optimizer).__name__}: nothing in the space varies; it needs a parameter that is not fixed"
        )
    mean: Floats = space.encode([initial[0] if initial else space.default])[0]
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Categorical):
            mean[space.slices[name]] = 0.5  # a corner of the cube would hardly try the other choices
    return mean


def reals(space: ParameterSpace) -> NDArray[np.bool_]:
    """(d,) whether a coordinate belongs to a number whose values are dense."""
    found = np.zeros(space.dimension, dtype=bool)
    for name, parameter in space.parameters.items():
        found[space.slices[name]] = isinstance(parameter, Numeric) and not parameter.cells
    return found


def together(places: Places) -> slice | Places:
    """The places as a slice where they follow one another: taken and set several times as fast."""
    if places.size and places[-1] - places[0] + 1 == places.size:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def stacked(told_points: Sequence[Floats]) -> Floats:
    """The points of a whole generation in the order asked as one array (n, d), not to be changed.

    It is the block of which they are rows, without a copy, unless archived individuals were adopted.
    """
    block = told_points[0].base
    if block is not None and len(block) == len(told_points) and all(point.base is block for point in told_points):
        return block
    return np.array(told_points)


def reflected(points: Floats, out: Floats | None = None) -> Floats:
    """Points of any shape folded into the unit cube at its faces, as often as needed; those within stay as they are.

    Args:
        points: Not changed, unless they are `out`.
        out: Where the result goes, contiguous; None for a new array.
    """
    kept = np.abs(points, out=out).reshape(-1)
    for start in range(0, kept.size, CHUNK):
        part = kept[start : start + CHUNK]
        np.minimum(part, 2.0 - part, out=part)
        if part.min() < 0.0:  # it was beyond 2: folded more than once
            again = np.mod(2.0 - part[part < 0.0], 2.0)
            part[part < 0.0] = np.minimum(again, 2.0 - again)
    return kept.reshape(points.shape)


def feasible(
    space: ParameterSpace, individuals: Individuals, kept: int, draw: Callable[[Places], Individuals]
) -> Individuals:
    """The individuals, with those that violate a constraint drawn anew.

    Args:
        space: Has the constraints.
        individuals: Those of a generation.
        kept: So many at the beginning stay as they are.
        draw: Gives others for some places of the generation.
    """
    if not space.constraints:
        return individuals
    for _ in range(REJECTIONS):
        violating = np.flatnonzero(~space.feasible(individuals[kept:])) + kept
        if not violating.size:
            break
        individuals = individuals.replaced(violating, draw(violating))
    return individuals


def limited(steps: Floats) -> Floats:
    """Steps (n, d) in units of the distribution, shortened to lengths that it could have drawn.

    Individuals given from outside may lie many standard deviations away. The limit is that of Hansen,
    arXiv:1110.4181.
    """
    d = steps.shape[1]
    lengths = np.maximum(np.linalg.norm(steps, axis=1), 1.0)
    limit = math.sqrt(d) + 2.0 * d / (d + 2.0)
    shortened: Floats = steps * np.minimum(1.0, limit / lengths)[:, None]
    return shortened


def by_rank(costs: Floats, values: Floats) -> Floats:
    """For each of n costs the value of its rank, where `values` (n,) begin with that of the best; ties share theirs."""
    _, group, counts = np.unique(costs, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    sums = np.add.reduceat(values, ends - counts)
    shared: Floats = (sums / counts)[group]
    return shared


class Ending:
    """Says when to go on makes no sense.

    Args:
        tolfun: Costs that differ no more are equal; None does not look at them.
        tolx: Standard deviations in the unit cube below which a distribution is a point.
        window: Generations whose best costs must be equal.
    """

    def __init__(self, tolfun: float | None, tolx: float, window: int = 1) -> None:
        self.tolfun, self.tolx = tolfun, tolx
        self._recent: deque[float] = deque(maxlen=window)
        self._failed = 0

    def after(self, costs: Floats, widest: float) -> str | None:
        """The reason to end, in words; None to go on.

        Args:
            costs: Of those of the generation that succeeded and count.
            widest: The largest standard deviation of the distribution.
        """
        if not costs.size:
            self._failed += 1
            if self._failed >= FAILED_GENERATIONS:
                return f"every individual of {self._failed} generations in a row failed"
            return None
        self._failed = 0
        self._recent.append(float(costs.min()))
        if widest <= self.tolx:
            return "the distribution is narrower than tolx"
        if self.tolfun is None or len(self._recent) < (self._recent.maxlen or 0):
            return None
        every = [*self._recent, float(costs.max())]
        return "costs no longer differ (tolfun)" if max(every) - min(every) <= self.tolfun else None


def window_of(dimension: int, population: int) -> int:
    """Generations whose best costs must be equal before an optimizer ends: 10 + 30 d / n (Hansen 2016)."""
    return 10 + math.ceil(30 * dimension / population)
