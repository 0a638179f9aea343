"""Crossover and mutation of whole populations of genomes at once.

Simulated binary crossover: Deb, Agrawal, Complex Systems 9 (1995), 115-148. Polynomial mutation: Deb, Goyal, Computer
Science and Informatics 26 (1996), 30-45. Both in the form that keeps bounds, as in NSGA-II's published program.
"""

import numpy as np
from numpy.typing import NDArray

from l2l.optimizers.genome import GenomeCodec
from l2l.space import ParameterSpace

Floats = NDArray[np.float64]

INTEGER_STEP = 0.1
"""Standard deviation of an integer's mutation in the unit interval; at least half a cell."""
SAME_GENE = 1e-14
"""Genes closer than this are not crossed."""


class Variation:
    """Breeds children: numbers by simulated binary crossover and polynomial mutation, categories by inheritance.

    Integers are mutated by normal steps; a category is swapped as a whole, and drawn anew where it mutates.

    Args:
        space: What is searched.
        rng: Of all randomness.
        crossover_probability: Share of pairs that are crossed.
        mutation_probability: Of each gene; None for one gene a child on average.
        eta_crossover: The higher, the closer to the parents.
        eta_mutation: The higher, the smaller the steps.
    """

    def __init__(
        self,
        space: ParameterSpace,
        rng: np.random.Generator,
        *,
        crossover_probability: float,
        mutation_probability: float | None,
        eta_crossover: float,
        eta_mutation: float,
    ) -> None:
        self.codec = GenomeCodec(space)
        self._rng = rng
        self._crossover = crossover_probability
        self._mutation = 1.0 / max(1, len(self.codec)) if mutation_probability is None else mutation_probability
        self._eta_crossover, self._eta_mutation = eta_crossover, eta_mutation
        self._choices = np.array(self.codec.choices, dtype=np.float64)
        cells = np.array(self.codec.cells, dtype=np.float64)
        self._integers = np.flatnonzero(cells > 0.0)
        self._steps = np.maximum(INTEGER_STEP, 0.5 * cells)
        self._categories = np.flatnonzero(self._choices > 0.0)

    def random(self, n: int) -> Floats:
        """So many genomes (n, genes), uniform."""
        return self.codec.random_genes(n, self._rng)

    def children(self, mothers: Floats, fathers: Floats) -> Floats:
        """Two mutated children a pair.

        Args:
            mothers: (n, genes).
            fathers: (n, genes).

        Returns:
            (2 n, genes), of which none equals both its parents where anything can vary.
        """
        children = np.concatenate(self._crossed(mothers, fathers))
        chosen = self._rng.random(children.shape) < self._mutation
        parents = np.concatenate((mothers, fathers))
        if len(self.codec):
            copies = np.flatnonzero((children == parents).all(axis=1) & ~chosen.any(axis=1))
            chosen[copies, self._rng.integers(len(self.codec), size=copies.size)] = True
        return self._mutated(children, chosen)

    def _crossed(self, mothers: Floats, fathers: Floats) -> tuple[Floats, Floats]:
        shape, random = mothers.shape, self._rng.random
        low, high = np.minimum(mothers, fathers), np.maximum(mothers, fathers)
        distance = high - low
        crossed = (random((shape[0], 1)) < self._crossover) & (random(shape) < 0.5)
        numbers = crossed & (distance > SAME_GENE) & (self._choices == 0.0)
        distance = np.where(numbers, distance, 1.0)
        luck = random(shape)
        middle = 0.5 * (low + high)
        below = np.clip(middle - 0.5 * self._spread(low / distance, luck) * distance, 0.0, 1.0)
        above = np.clip(middle + 0.5 * self._spread((1.0 - high) / distance, luck) * distance, 0.0, 1.0)
        swapped = random(shape) < 0.5
        one = np.where(numbers, np.where(swapped, above, below), mothers)
        other = np.where(numbers, np.where(swapped, below, above), fathers)
        places = self._categories
        exchanged = crossed[:, places]
        one[:, places] = np.where(exchanged, fathers[:, places], mothers[:, places])
        other[:, places] = np.where(exchanged, mothers[:, places], fathers[:, places])
        return one, other

    def _spread(self, room: Floats, luck: Floats) -> Floats:
        """How many times as far apart as their parents two children lie.

        Args:
            room: From the outer parent to its bound, in distances of the parents.
            luck: Uniform.
        """
        power = self._eta_crossover + 1.0
        area = (2.0 - (1.0 + 2.0 * np.maximum(room, 0.0)) ** -power) * luck
        return np.where(area <= 1.0, area, 1.0 / np.maximum(2.0 - area, 1e-300)) ** (1.0 / power)

    def _mutated(self, genes: Floats, chosen: NDArray[np.bool_]) -> Floats:
        rows, places = np.nonzero(chosen)
        x, luck, power = genes[rows, places], self._rng.random(rows.size), self._eta_mutation + 1.0
        low = luck < 0.5
        room = np.clip(np.where(low, 1.0 - x, x), 0.0, 1.0) ** power
        area = np.where(low, 2.0 * luck + (1.0 - 2.0 * luck) * room, 2.0 * (1.0 - luck) + (2.0 * luck - 1.0) * room)
        step = area ** (1.0 / power) - 1.0
        new = x + np.where(low, step, -step)
        integers = np.isin(places, self._integers)
        new[integers] = x[integers] + self._rng.normal(0.0, self._steps[places[integers]])
        new = np.clip(new, 0.0, 1.0)
        categories = self._choices[places] > 0.0
        new[categories] = np.floor(self._rng.random(int(categories.sum())) * self._choices[places[categories]])
        mutated = genes.copy()
        mutated[rows, places] = new
        return mutated
