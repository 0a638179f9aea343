"""Genomes: one gene a component of a number, one a category."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l2l.optimizers.unit_cube import together
from l2l.space import Categorical, Numeric, ParameterSpace

Floats = NDArray[np.float64]


class Genome(list[float]):
    """Genes: a number's encoded coordinate in [0, 1], a category's place among its choices.

    Args:
        genes: In the order of the space's parameters.
    """

    __slots__ = ("merit",)

    merit: float
    """Minus the cost that was told."""


class GenomeCodec:
    """Between genomes and encoded coordinates.

    Args:
        space: What is searched.
    """

    def __init__(self, space: ParameterSpace) -> None:
        self.dimension = space.dimension
        self.choices: list[int] = []
        """For each gene the choices of its category, 0 for a number."""
        self.cells: list[float] = []
        """For each gene the mean width of a cell, 0.0 where values are dense and for categories."""
        starts: list[int] = []
        for name, parameter in space.parameters.items():
            where = space.slices[name]
            if isinstance(parameter, Categorical):
                self._add(starts, [where.start], len(parameter.choices), 0.0)
            else:
                cell = 1.0 / parameter.cells if isinstance(parameter, Numeric) and parameter.cells else 0.0
                self._add(starts, range(where.start, where.stop), 0, cell)
        starting, choices = np.array(starts, dtype=np.intp), np.array(self.choices, dtype=np.intp)
        numbers = np.flatnonzero(choices == 0)
        self._numbers, self._columns = together(numbers), together(starting[numbers])
        self.categories: list[int] = np.flatnonzero(choices).tolist()
        """The places of the genes that are categories."""
        self._categories = [(gene, int(starting[gene]), int(choices[gene])) for gene in self.categories]
        self._places: list[int] = numbers.tolist()

    def _add(self, starts: list[int], columns: Sequence[int], choices: int, cell: float) -> None:
        starts += columns
        self.choices += [choices] * len(columns)
        self.cells += [cell] * len(columns)

    def __len__(self) -> int:
        return len(self.choices)

    def random(self, n: int, rng: np.random.Generator) -> list[Genome]:
        """So many genomes, uniform."""
        return [Genome(row) for row in self.random_genes(n, rng).tolist()]

    def random_genes(self, n: int, rng: np.random.Generator) -> Floats:
        """So many genomes as one array (n, genes), uniform."""
        genes = rng.random((n, len(self)))
        for gene, _, choices in self._categories:
            genes[:, gene] = np.minimum(np.floor(genes[:, gene] * choices), choices - 1)
        return genes

    def points(self, genomes: Sequence[Genome] | Floats) -> Floats:
        """Encoded coordinates (n, d)."""
        genes = np.array(genomes, dtype=np.float64).reshape(len(genomes), len(self))
        points = np.zeros((len(genomes), self.dimension))
        points[:, self._columns] = genes[:, self._numbers]
        for gene, start, _ in self._categories:
            points[np.arange(len(genomes)), start + genes[:, gene].astype(np.intp)] = 1.0
        return points

    def genomes(self, points: Floats) -> list[Genome]:
        """Genomes at encoded coordinates (n, d)."""
        return [Genome(row) for row in self.genes(points).tolist()]

    def genes(self, points: Floats) -> Floats:
        """Genomes at encoded coordinates (n, d) as one array (n, genes)."""
        genes = np.zeros((len(points), len(self)))
        genes[:, self._numbers] = points[:, self._columns]
        for gene, start, choices in self._categories:
            genes[:, gene] = points[:, start : start + choices].argmax(axis=1)
        return genes

    def numbers_of(self, genome: Genome) -> list[float]:
        """The genes that are numbers."""
        if not self.categories:
            return genome[:]
        return [genome[place] for place in self._places]

    def set_numbers(self, genome: Genome, numbers: Sequence[float]) -> None:
        """Put numbers in place, within bounds."""
        within = np.clip(numbers, 0.0, 1.0).tolist()
        if not self.categories:
            genome[:] = within
            return
        for place, number in zip(self._places, within, strict=True):
            genome[place] = number
