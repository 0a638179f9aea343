"""A cell's morphology as Arbor has it, with the same sections and the same compartments as in other simulators."""

import itertools
from typing import Any

from l2l.optimizees.morphology import Morphology


class Grown:
    """A morphology in Arbor.

    Arbor's branches end at forks alone, so a branch is one section or several of different types.

    Args:
        arbor: The module.
        cell: The morphology.
    """

    def __init__(self, arbor: Any, cell: Morphology) -> None:
        self._arbor = arbor
        self._cell = cell
        self.morphology = arbor.morphology(self._tree(numbered=False))
        """What Arbor's cable cells are made of."""
        self._starts, self._lengths = self._measured()

    def _tree(self, *, numbered: bool) -> Any:
        """The segments, with their types as tags, or with their numbers."""
        tree = self._arbor.segment_tree()
        ends: list[int] = []
        for section in self._cell.sections:
            before = self._arbor.mnpos if section.parent is None or section.end == 0.0 else ends[section.parent]
            for proximal, distal in itertools.pairwise(section.points.tolist()):
                tag = tree.size if numbered else section.kind
                before = tree.append(before, self._arbor.mpoint(*proximal), self._arbor.mpoint(*distal), tag=tag)
            ends.append(before)
        return tree

    def _measured(self) -> tuple[list[tuple[int, float]], list[float]]:
        """The branch of each section with how far along it the section begins, and the lengths of branches, µm.

        Arbor does not tell which segments a branch is made of, but it does tell their tags, and these have no influence
        on how it makes branches.
        """
        counts = [len(section.lengths) for section in self._cell.sections]
        firsts = dict(zip(itertools.accumulate(counts, initial=0), range(len(counts)), strict=False))
        lengths = [length for section in self._cell.sections for length in section.lengths.tolist()]
        starts = [(0, 0.0)] * len(counts)
        wholes = []
        numbered = self._arbor.morphology(self._tree(numbered=True))
        for branch in range(numbered.num_branches):
            along = 0.0
            for segment in numbered.branch_segments(branch):
                if segment.tag in firsts:
                    starts[firsts[segment.tag]] = (branch, along)
                along += lengths[segment.tag]
            wholes.append(along)
        return starts, wholes

    def location(self, section: int, place: float) -> str:
        """Where a place on a section, from 0 to 1 along it, is in Arbor's language."""
        branch, begin = self._starts[section]
        return _location(branch, (begin + place * self._cell.sections[section].length) / self._lengths[branch])

    def discretization(self, longest: float) -> Any:
        """The policy that divides each section into an odd number of equal compartments.

        Args:
            longest: Length of the longest compartment, µm.
        """
        places = [_location(branch, 1.0) for branch in range(self.morphology.num_branches)]
        for number, section in enumerate(self._cell.sections):
            parts = section.parts(longest)
            places += [self.location(number, part / parts) for part in range(parts)]
        return self._arbor.cv_policy_explicit(_union(places))


def _union(places: list[str]) -> str:
    """All of several places, in a tree of pairs: Arbor copies what it has at each step of a list."""
    if len(places) == 1:
        return places[0]
    half = len(places) // 2
    return f"(sum {_union(places[:half])} {_union(places[half:])})"


def _location(branch: int, place: float) -> str:
    return f"(location {branch} {min(place, 1.0)!r})"
