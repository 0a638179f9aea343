"""Saltelli's design, from which Sobol' indices of first, total and second order are estimated.

Saltelli, Annoni, Azzini, Campolongo, Ratto, Tarantola: Variance based sensitivity analysis of model output. Design and
estimator for the total sensitivity index. Comput. Phys. Commun. 181 (2010), 259-270, doi:10.1016/j.cpc.2009.09.018.
Second order: Saltelli, Comput. Phys. Commun. 145 (2002), 280-297, doi:10.1016/S0010-4655(02)00280-1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import SpaceError
from l2l.optimizers.blocks import BlockDesign, coordinates
from l2l.space import ParameterSpace
from l2l.space.designs import SOBOL_COORDINATES, sobol


class Saltelli(BlockDesign):
    """Asks blocks of two points of a scrambled Sobol sequence and of mixtures of both, one per parameter.

    A block is A, then A with one parameter of B for each parameter, then B; with `second_order` also B with one
    parameter of A. Twice as many samples have the blocks of half as many as their first half. Points that violate a
    constraint are asked and told as failed; the analysis leaves their whole block out.

    Args:
        space: What is analysed; at most 10600 coordinates.
        seed: Scrambles the sequence; None takes the experiment's.
        initial: Individuals to begin with, before and in addition to the design.
        samples: Blocks, best a power of two; each has d + 2 points, for d parameters.
        second_order: Whether interactions of pairs are wanted; a block has 2 d + 2 points then.
        population: Individuals of a generation.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        SpaceError: The space has too many coordinates, or none that varies.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> search = Saltelli(ParameterSpace(x=Real(0.0, 1.0), y=Real(0.0, 1.0)), seed=1, samples=2)
        >>> a, with_x_of_b, with_y_of_b, b = search.ask()[:4]
        >>> with_x_of_b["x"] == b["x"], with_x_of_b["y"] == a["y"]
        (True, True)
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        samples: int = 256,
        second_order: bool = False,
        population: int = 100,
        steady_state: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        varied = coordinates(space)
        if not varied or 2 * sum(width for _, width in varied) > SOBOL_COORDINATES:
            raise SpaceError(
                f"expected from 1 to {SOBOL_COORDINATES // 2} coordinates that vary, got "
                f"{sum(width for _, width in varied)}"
            )
        self.effects = [name for name, _ in varied]
        self.second_order = second_order
        self.block = (2 if second_order else 1) * len(varied) + 2
        self._ends: list[int] = np.cumsum([width for _, width in varied]).tolist()
        self._begin_blocks(samples, population, steady_state=steady_state)

    def _blocks(self, start: int, stop: int) -> NDArray[np.float64]:
        width = self._width
        both = sobol(stop - start, 2 * width, self._scrambling, start)
        a, b = both[:, :width], both[:, width:]
        points = np.empty((len(both), self.block, width))
        points[:, 0] = a
        points[:, -1] = b
        for place, (first, last) in enumerate(zip([0, *self._ends], self._ends, strict=False)):
            own = slice(first, last)
            points[:, 1 + place] = a
            points[:, 1 + place, own] = b[:, own]
            if self.second_order:
                points[:, 1 + len(self._ends) + place] = b
                points[:, 1 + len(self._ends) + place, own] = a[:, own]
        return points.reshape(-1, width)
