"""Random moves in the encoded unit cube, and the first points of optimizers that move: shared by several optimizers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.optimizers.unit_cube import reflected, together
from l2l.space import Categorical, Numeric, ParameterSpace

Floats = NDArray[np.float64]

REJECTIONS = 20
"""Rounds of drawing anew what violates a constraint, before it is asked as it is."""


class Moves:
    """Symmetric moves: from any point to another as likely as back.

    Numbers take normal steps that are reflected at the bounds, those of an integer of at least half a cell. Each
    category switches to another of its choices with probability 1 / (1 + categories); without any number one of the
    categories switches.

    Args:
        space: What is searched.
    """

    def __init__(self, space: ParameterSpace) -> None:
        self._least = np.zeros(space.dimension)
        number = np.ones(space.dimension, dtype=bool)
        self._categories: list[tuple[int, int]] = []
        for name, parameter in space.parameters.items():
            where = space.slices[name]
            if isinstance(parameter, Categorical):
                number[where] = False
                if len(parameter.choices) > 1:
                    self._categories.append((where.start, len(parameter.choices)))
            elif isinstance(parameter, Numeric) and parameter.cells:
                self._least[where] = 0.5 / parameter.cells
        self.numbers = int(number.sum())
        """The coordinates that are no category's."""
        self._numbers = together(np.flatnonzero(number))
        self._least = self._least[self._numbers]

    def from_points(self, points: Floats, scales: Floats, rng: np.random.Generator, *, clipped: bool = False) -> Floats:
        """A move from each of the points.

        Args:
            points: (n, d) in the unit cube.
            scales: (n,) standard deviations of the steps of numbers.
            rng: Draws them.
            clipped: Whether numbers end at the bounds instead of being reflected: no longer symmetric, but the bounds
                themselves are reached.
        """
        moved = points.copy()
        if self.numbers:
            deviations = np.maximum(scales[:, None], self._least)
            steps = deviations * rng.standard_normal((len(points), self.numbers))
            beyond = points[:, self._numbers] + steps
            moved[:, self._numbers] = beyond.clip(0.0, 1.0) if clipped else reflected(beyond)
        count = len(self._categories)
        if not count:
            return moved
        if self.numbers:
            switching = rng.random((len(points), count)) < 1.0 / (1 + count)
        else:
            switching = rng.integers(count, size=len(points))[:, None] == np.arange(count)
        for place, (start, choices) in enumerate(self._categories):
            rows = np.flatnonzero(switching[:, place])
            block = slice(start, start + choices)
            code = (points[rows, block].argmax(axis=1) + rng.integers(1, choices, size=rows.size)) % choices
            moved[rows, block] = 0.0
            moved[rows, start + code] = 1.0
        return moved


def random_points(space: ParameterSpace, n: int, rng: np.random.Generator) -> Floats:
    """Uniform points (n, d), drawn anew for some rounds where they violate a constraint."""
    individuals = space.sample(n, rng)
    if space.constraints:
        for _ in range(REJECTIONS):
            violating = np.flatnonzero(~space.feasible(individuals))
            if not violating.size:
                break
            individuals = individuals.replaced(violating, space.sample(violating.size, rng))
    return space.encode(individuals)


class Opening:
    """The first generations: all initial individuals, filled up with random points; the best of them go on.

    Args:
        space: What is searched.
        initial: Individuals to begin with.
        population: Individuals of a generation.
    """

    def __init__(self, space: ParameterSpace, initial: Sequence[Individual], population: int) -> None:
        self._space, self._population = space, population
        self._waiting = space.encode(initial)
        self._points: list[Floats] = []
        self._costs: list[Floats] = []

    def ask(self, rng: np.random.Generator) -> Floats:
        """The points (population, d) of the next generation."""
        given, self._waiting = self._waiting[: self._population], self._waiting[self._population :]
        return np.concatenate([given, random_points(self._space, self._population - len(given), rng)])

    def tell(self, points: Sequence[Floats], costs: Floats) -> tuple[Floats, Floats] | None:
        """The best points (population, d) with their costs once every initial individual is told, else None."""
        self._points.append(np.array(points).reshape(len(costs), self._space.dimension))
        self._costs.append(costs)
        if len(self._waiting):
            return None
        pool, told = np.concatenate(self._points), np.concatenate(self._costs)
        best = np.resize(np.argsort(told, kind="stable"), self._population)
        return pool[best], told[best]
