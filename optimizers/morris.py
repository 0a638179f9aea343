"""Morris' design, from which elementary effects are estimated: a cheap screening of many parameters.

Morris: Factorial sampling plans for preliminary computational experiments. Technometrics 33 (1991), 161-174,
doi:10.1080/00401706.1991.10484804.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError, SpaceError
from l2l.optimizers.blocks import BlockDesign, coordinates
from l2l.space import ParameterSpace


class Morris(BlockDesign):
    """Asks trajectories: from a random point of a grid, one coordinate after the other moves by half of its range.

    Twice as many samples have the trajectories of half as many as their first half. Each component of an array is a
    coordinate of its own.

    Args:
        space: What is analysed.
        seed: Of the trajectories; None takes the experiment's.
        initial: Individuals to begin with, before and in addition to the design.
        samples: Trajectories; each has d + 1 points, for d coordinates.
        levels: Points of the grid along each coordinate, an even number.
        population: Individuals of a generation.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        OptionError: The levels are no even number.
        SpaceError: No parameter varies.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> search = Morris(ParameterSpace(x=Real(0.0, 3.0), y=Real(0.0, 3.0)), seed=1, samples=2)
        >>> first, second, third = search.ask()[:3]
        >>> abs(third["x"] - first["x"]), abs(third["y"] - first["y"])
        (2.0, 2.0)
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        samples: int = 50,
        levels: int = 4,
        population: int = 100,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        if levels < 2 or levels % 2:
            raise OptionError(f"Morris: option 'levels': expected an even number from 2, got {levels!r}")
        varied = coordinates(space)
        if not varied:
            raise SpaceError("expected a parameter that varies, got none")
        self.levels = levels
        self.effects = [label for name, _ in varied for label in _labels(name, space[name].shape)]
        self.block = len(self.effects) + 1
        self._begin_blocks(samples, population, steady_state=steady_state)

    def _blocks(self, start: int, stop: int) -> NDArray[np.float64]:
        width, half = self._width, self.levels // 2
        points = np.empty((stop - start, self.block, width))
        for place in range(start, stop):
            rng = np.random.default_rng([self._scrambling, place])  # each trajectory has randomness of its own
            low = rng.integers(half, size=width)
            up = rng.integers(2, size=width, dtype=np.int64)
            order = rng.permutation(width)
            position = low + half * (1 - up)
            trajectory = points[place - start]
            trajectory[0] = position
            for step, coordinate in enumerate(order):
                position[coordinate] += half * (2 * up[coordinate] - 1)
                trajectory[step + 1] = position
        return points.reshape(-1, width) / (self.levels - 1)


def _labels(name: str, shape: tuple[int, ...]) -> list[str]:
    return [f"{name}[{','.join(map(str, place))}]" for place in np.ndindex(shape)] if shape else [name]
