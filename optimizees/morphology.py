"""The shape of a cell as sections: what samples of an SWC file mean, once for all simulators that are built from it.

- A sample and its parent are the ends of a frustum, which belongs to the type of the sample.
- A neurite begins at its first sample, with that sample's radius. It is joined to the soma at its parent, without
  membrane or resistance between: what lies there is inside the soma. A first sample that no sample of its type follows
  is a cylinder of its own radius, from its parent on.
- A soma of one sample is a cylinder, as long as it is wide, whose membrane is that of the sphere; its neurites begin in
  its middle. That of three samples, as NeuroMorpho.Org has it, is the same cylinder, drawn out.
- Samples at one place, or nearer than 1 nm, change the radius there, without membrane of their own.

These are the rules of NeuroMorpho.Org (G. A. Ascoli, D. E. Donohue and M. Halavi (2007), NeuroMorpho.Org: a central
resource for neuronal morphologies, Journal of Neuroscience 27, doi:10.1523/JNEUROSCI.2055-07.2007; its page on somata,
https://neuromorpho.org/SomaFormat.html) and those of NEURON's reader, where that has one answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.swc import ROOT, SOMA, Sample, region_of

Floats = NDArray[np.float64]
Point = tuple[float, float, float, float]

NEAR = 1e-3
"""Samples that are no further apart are at one place, µm: NEURON's points, in single precision, might be the same."""

ROUNDING = 1e-9
"""Of a length in units of the longest part: 60 µm are three parts of 20 µm, whatever their sum is in binary."""


@dataclass(frozen=True, slots=True)
class Section:
    """An unbranched piece of one type.

    Args:
        kind: The type, as in the SWC file.
        points: (n, 4) with n of at least 2: x, y, z and radius, µm.
        parent: Which section it is joined to, before it in the list; None for the first.
        end: Which end of the parent that is: 1.0, or 0.0 for those that begin at the root beside the first.
    """

    kind: int
    points: Floats
    parent: int | None
    end: float

    @property
    def lengths(self) -> Floats:
        """Of its frusta, (n - 1,), µm."""
        steps = np.diff(self.points[:, :3], axis=0)
        return np.asarray(np.sqrt((steps**2).sum(axis=1)))

    @property
    def length(self) -> float:
        """µm."""
        return float(self.lengths.sum())

    @property
    def area(self) -> float:
        """Of the membrane, µm²."""
        radii = self.points[:, 3]
        slants = np.hypot(self.lengths, np.diff(radii))
        return float((math.pi * slants * (radii[:-1] + radii[1:])).sum())

    def parts(self, longest: float) -> int:
        """Into how many equal parts it is divided: an odd number, so that there is a middle.

        Args:
            longest: Length of the longest part, µm.
        """
        return max(1, math.ceil(self.length / longest - ROUNDING)) | 1


@dataclass(frozen=True, slots=True)
class Morphology:
    """The sections of a cell, each after its parent.

    A section ends where the cell forks and where its type or, at one place, its radius changes.
    """

    sections: tuple[Section, ...]

    @property
    def regions(self) -> list[str]:
        """The regions that it has, by their types."""
        return [region_of(kind) for kind in sorted({section.kind for section in self.sections})]

    def middle(self, longest: float) -> tuple[int, float]:
        """The middle of the soma: its section, and where along it from 0 to 1.

        It is always the middle of a part, of those into which the simulators divide the sections: at the ends of
        sections a current meets no membrane, and simulators differ in which part they give it to. It is the part at
        the root where the cell forks there within the soma, as somata of one and of three samples do, or where the
        soma forks. Else the soma is a chain, and it is the part in which half of its length lies.

        Args:
            longest: Length of the longest part, µm.
        """
        soma = [place for place, section in enumerate(self.sections) if section.kind == SOMA]
        joints = {(self.sections[place].parent, self.sections[place].end) for place in soma}
        if len(joints) < len(soma) or any(end == 0.0 for _, end in joints):
            return 0, 0.5 / self.sections[0].parts(longest)
        ahead = 0.5 * sum(self.sections[place].length for place in soma)
        for place in soma:
            section = self.sections[place]
            if ahead <= section.length:
                parts = section.parts(longest)
                return place, (min(int(ahead / section.length * parts), parts - 1) + 0.5) / parts
            ahead -= section.length
        return soma[-1], 0.5


@dataclass(frozen=True, slots=True)
class _Frustum:
    """The piece between two samples; `start` and `end` name what it is joined to."""

    start: int
    end: int
    proximal: Point
    distal: Point
    kind: int


def grown(samples: Sequence[Sample]) -> Morphology:
    """The sections that samples mean.

    Args:
        samples: As `read_swc` returns them.

    Example:
        >>> ball = Sample(number=1, kind=1, position=(0.0, 0.0, 0.0), radius=10.0, parent=-1, line=1)
        >>> cell = grown([ball])
        >>> sum(section.length for section in cell.sections)
        20.0
        >>> bool(np.isclose(sum(section.area for section in cell.sections), 4.0 * np.pi * 10.0**2))
        True
    """
    frusta = _frusta(samples)
    beginning: dict[int, list[_Frustum]] = {}
    for one in frusta:
        beginning.setdefault(one.start, []).append(one)
    sections: list[Section] = []
    ending: dict[int, tuple[int | None, float]] = {samples[0].number: (None, 1.0)}
    for first in frusta:
        before = ending.get(first.start)
        if before is None:  # inside of a section
            continue
        chain = [first]
        while _goes_on(chain[-1], following := beginning.get(chain[-1].end, [])):
            chain.append(following[0])
        points = np.array([first.proximal, *(one.distal for one in chain)])
        sections.append(Section(first.kind, points, *before))
        if before == (None, 1.0):  # whatever else begins at the root is joined to the beginning of the first section
            ending[first.start] = (0, 0.0)
        ending[chain[-1].end] = (len(sections) - 1, 1.0)
    return Morphology(tuple(sections))


def _goes_on(one: _Frustum, following: Sequence[_Frustum]) -> bool:
    return len(following) == 1 and following[0].kind == one.kind and following[0].proximal == one.distal


def _frusta(samples: Sequence[Sample]) -> list[_Frustum]:
    """The frusta of samples, each after what it is joined to."""
    known = {sample.number: sample for sample in samples}
    goes_on = _followed(samples)
    # id of a sample → where it is, and what its children are joined to: itself, or one that it coincides with
    joints = {samples[0].number: samples[0].number}
    places = {samples[0].number: samples[0].position}
    found = []
    if samples[0].kind == SOMA and (samples[0].number, SOMA) not in goes_on:
        found += _ball(samples[0])
    for sample in samples[1:]:
        parent, number = known[sample.parent], sample.number
        stem = parent.kind == SOMA != sample.kind
        if stem and (number, sample.kind) in goes_on:
            joints[number], places[number] = joints[parent.number], sample.position
        elif math.dist(sample.position, places[parent.number]) <= NEAR:
            joints[number], places[number] = joints[parent.number], places[parent.number]
        else:
            joints[number], places[number] = number, sample.position
            proximal = (*places[parent.number], sample.radius if stem else parent.radius)
            distal = (*sample.position, sample.radius)
            found.append(_Frustum(joints[parent.number], number, proximal, distal, sample.kind))
    return found


def _followed(samples: Sequence[Sample]) -> set[tuple[int, int]]:
    """(id, type) of which samples another one of the type follows, at another place."""
    known = {sample.number: sample for sample in samples}
    found: set[tuple[int, int]] = set()
    for sample in reversed(samples):  # children come before their parents
        if sample.parent == ROOT:
            continue
        moves = math.dist(sample.position, known[sample.parent].position) > NEAR
        if moves or (sample.number, sample.kind) in found:
            found.add((sample.parent, sample.kind))
    return found


def _ball(sample: Sample) -> list[_Frustum]:
    """A soma of one sample: two halves of a cylinder along y, the axis on which NeuroMorpho.Org draws it."""
    x, y, z = sample.position
    ends = ((x, y - sample.radius, z, sample.radius), (x, y + sample.radius, z, sample.radius))
    middle = (*sample.position, sample.radius)
    names = (ROOT - 1, ROOT - 2)  # no sample has such ids
    return [_Frustum(sample.number, name, middle, end, SOMA) for name, end in zip(names, ends, strict=True)]
