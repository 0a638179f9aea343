"""Morphologies as SWC files: read strictly, before a simulator takes what it can make sense of and drops the rest.

The format: R. C. Cannon et al. (1998), An on-line archive of reconstructed hippocampal neurons, Journal of Neuroscience
Methods 84, doi:10.1016/S0165-0270(98)00091-0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from l2l.errors import NotFoundError, OptionError

REGIONS: Mapping[str, int] = {"soma": 1, "axon": 2, "dend": 3, "apic": 4}
"""Region → the type of its samples in SWC files."""

COLUMNS = "id, type, x, y, z, radius, parent"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of an SWC file.

    Args:
        number: Its id.
        kind: 1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite.
        position: x, y, z in µm.
        radius: µm.
        parent: The id of the sample before it, -1 for the root.
    """

    number: int
    kind: int
    position: tuple[float, float, float]
    radius: float
    parent: int


def read_swc(path: Path) -> list[Sample]:
    """The samples of an SWC file, each after its parent.

    Raises:
        NotFoundError: The file cannot be read.
        OptionError: Names the line, what was expected and what it says.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise NotFoundError(f"{path}: expected a readable SWC file, got: {error.strerror}") from None
    samples: dict[int, Sample] = {}
    for place, line in enumerate(lines, start=1):
        text = line.partition("#")[0].split()
        if not text:
            continue
        try:
            sample = _sample(text)
            _check_place(sample, samples)
        except ValueError as error:
            raise OptionError(f"{path}:{place}: {error}") from None
        samples[sample.number] = sample
    if not samples:
        raise OptionError(f"{path}: expected lines of {COLUMNS}, got none")
    return list(samples.values())


def regions_of(samples: list[Sample]) -> list[str]:
    """The regions that a morphology has."""
    kinds = {sample.kind for sample in samples}
    return [name for name, kind in REGIONS.items() if kind in kinds]


def branched_soma(samples: list[Sample]) -> bool:
    """Whether the soma is more than a single unbranched chain of samples from the root on."""
    parents = [sample.parent for sample in samples if sample.kind == REGIONS["soma"] and sample.parent != -1]
    return len(set(parents)) < len(parents)


def _sample(text: list[str]) -> Sample:
    if len(text) != 7:
        raise ValueError(f"expected 7 columns ({COLUMNS}), got {len(text)}: {' '.join(text)!r}")
    try:
        number, kind, parent = (int(text[column]) for column in (0, 1, 6))
        x, y, z, radius = (float(one) for one in text[2:6])
    except ValueError:
        raise ValueError(f"expected numbers ({COLUMNS}), got {' '.join(text)!r}") from None
    if not all(map(math.isfinite, (x, y, z, radius))) or radius <= 0.0:
        raise ValueError(f"expected finite coordinates and a radius above 0, got {' '.join(text)!r}")
    if kind not in REGIONS.values():
        known = ", ".join(f"{code} {name}" for name, code in REGIONS.items())
        raise ValueError(f"expected a type of {known}, got {kind}")
    return Sample(number, kind, (x, y, z), radius, parent)


def _check_place(sample: Sample, before: Mapping[int, Sample]) -> None:
    if sample.number in before:
        raise ValueError(f"id {sample.number} stands twice")
    if sample.parent == -1:
        if before:
            raise ValueError("expected one root (parent -1), this is a second one")
    elif sample.parent not in before:
        raise ValueError(f"expected a parent that stands further up, got {sample.parent}")
    elif sample.number <= sample.parent:
        raise ValueError(f"expected an id above that of its parent, {sample.parent}, got {sample.number}")
