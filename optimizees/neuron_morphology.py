"""A cell's morphology as NEURON has it, with the same sections and the same compartments as in other simulators."""

from typing import Any

from l2l.optimizees.morphology import Morphology
from l2l.optimizees.swc import REGIONS, region_of


class Grown:
    """The sections of a cell in NEURON, by region: `soma`, `axon`, `dend`, `apic` and such as `type5`, and `all`.

    A list is empty where the cell has nothing of a region. The soma is more than one section where neurites begin
    within it. The points of sections are relative to the root: NEURON keeps them in single precision.

    Args:
        h: NEURON's interpreter.
        cell: The morphology.
    """

    def __init__(self, h: Any, cell: Morphology) -> None:
        self.regions: dict[str, list[Any]] = {region: [] for region in (*REGIONS, *cell.regions)}
        self.all: list[Any] = []
        origin = cell.sections[0].points[0, :3].copy()
        for section in cell.sections:
            region = self.regions[region_of(section.kind)]
            made = h.Section(name=f"{region_of(section.kind)}[{len(region)}]", cell=self)
            if section.parent is not None:
                made.connect(self.all[section.parent](section.end))
            for point, radius in zip(section.points[:, :3] - origin, section.points[:, 3], strict=True):
                made.pt3dadd(*point.tolist(), 2.0 * float(radius))
            region.append(made)
            self.all.append(made)
        self._cell = cell

    def __str__(self) -> str:
        return "cell"  # begins the names of its sections

    def __getattr__(self, name: str) -> list[Any]:
        regions: dict[str, list[Any]] = self.__dict__.get("regions", {})
        if name in regions:
            return regions[name]
        raise AttributeError(f"this cell has no {name}; it has {', '.join(regions)}")

    def divide(self, longest: float) -> None:
        """Divide each section into an odd number of equal compartments.

        Args:
            longest: Length of the longest compartment, µm.
        """
        for section, made in zip(self._cell.sections, self.all, strict=True):
            made.nseg = section.parts(longest)
