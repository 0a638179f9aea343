"""Morphologies as SWC files, read strictly: what has no single meaning is refused with its line.

The format: R. C. Cannon et al. (1998), An on-line archive of reconstructed hippocampal neurons, Journal of Neuroscience
Methods 84, doi:10.1016/S0165-0270(98)00091-0. Libraries that read it keep no lines for messages, drop where on the
soma a neurite begins, leave out samples of a cycle, or refuse a type that changes along a branch; so this reads it.

Samples may stand in any order, and ids may have gaps. Columns beyond the seventh are ignored, as are remarks.
"""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from l2l.errors import NotFoundError, OptionError

REGIONS: Mapping[str, int] = {"soma": 1, "axon": 2, "dend": 3, "apic": 4}
"""Region → the type of its samples in SWC files."""

SOMA = REGIONS["soma"]
ROOT = -1
"""What the root has in place of a parent."""

PARENT = "parent"
"""Stands for the region of the sample's parent."""

COLUMNS = "id, type, x, y, z, radius, parent"

# What `float` of Python takes beyond this, such as 1_000, is a slip in a file of this format.
_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf|infinity)"
_NUMBERS = re.compile(" ".join([_NUMBER] * 7), re.IGNORECASE | re.ASCII)
_LARGEST_ID = 2**53  # beyond it a float, as which ids may be written, does not tell neighbours apart
_LARGEST, _SMALLEST = 1e15, 1e-15  # µm; simulators square lengths in single precision
_SHOWN = 80  # characters of a line in a message


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of an SWC file.

    Args:
        number: Its id.
        kind: 1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite; others as the file's author meant them.
        position: x, y, z in µm.
        radius: µm.
        parent: The id of the sample before it, -1 for the root.
        line: Where it stands in the file, from 1 on.
    """

    number: int
    kind: int
    position: tuple[float, float, float]
    radius: float
    parent: int
    line: int


def read_swc(path: Path, types: Mapping[int, str] | None = None) -> list[Sample]:
    """The samples of an SWC file, each after its parent, the root first.

    Args:
        path: The file.
        types: Type in the file → the region to which its samples belong, or `parent`: that of the sample's parent.

    Raises:
        NotFoundError: The file cannot be read.
        OptionError: Names the line, what was expected and what it says.
    """
    try:
        text = _text_of(path)
    except OSError as error:
        raise NotFoundError(f"{path}: expected a readable SWC file, got: {error.strerror}") from None
    samples: dict[int, Sample] = {}
    # Not splitlines: it also splits at characters that a remark in another encoding may contain.
    for line, words in enumerate((one.partition("#")[0].split() for one in re.split("\r\n|\r|\n", text)), start=1):
        if words:
            sample = _parsed(path, line, words)
            if sample.number in samples:
                before = samples[sample.number].line
                raise _refusal(path, line, f"id {sample.number} stands twice, before in line {before}")
            samples[sample.number] = sample
    ordered = _from_the_root(path, samples)
    if types:
        ordered = _with_types(path, ordered, types)
    _check_shape(path, ordered)
    return ordered


def region_of(kind: int) -> str:
    """The region of samples of a type: its name, or `type5` where it has none."""
    return next((name for name, known in REGIONS.items() if known == kind), f"type{kind}")


def _text_of(path: Path) -> str:
    content = path.read_bytes()
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    return content.decode("utf-8-sig", errors="replace")  # remarks may be in any encoding, numbers are ASCII


def _refusal(path: Path, line: int, problem: str) -> OptionError:
    return OptionError(f"{path}:{line}: {problem}")


def _parsed(path: Path, line: int, words: list[str]) -> Sample:
    text = " ".join(words[:7])
    shown = repr(text[:_SHOWN])
    if len(words) < 7:
        raise _refusal(path, line, f"expected 7 columns ({COLUMNS}), got {len(words)}: {shown}")
    if not _NUMBERS.fullmatch(text):
        raise _refusal(path, line, f"expected numbers ({COLUMNS}), got {shown}")
    number, kind, x, y, z, radius, parent = map(float, words[:7])
    # NaN fails every comparison.
    if not (abs(x) < _LARGEST and abs(y) < _LARGEST and abs(z) < _LARGEST and _SMALLEST < radius < _LARGEST):
        raise _refusal(path, line, f"expected finite coordinates and a radius above 0, got {shown}")
    if not all(one.is_integer() and abs(one) < _LARGEST_ID for one in (number, kind, parent)):
        raise _refusal(path, line, f"expected whole numbers for id, type and parent, got {shown}")
    if number < 0 or kind < 0:
        raise _refusal(path, line, f"expected an id and a type of at least 0, got {shown}")
    return Sample(int(number), int(kind), (x, y, z), radius, int(parent), line)


def _from_the_root(path: Path, samples: Mapping[int, Sample]) -> list[Sample]:
    """All samples, each after its parent; refuses what is not one tree."""
    roots: list[Sample] = []
    children: dict[int, list[Sample]] = {number: [] for number in samples}
    for sample in samples.values():
        if sample.parent == ROOT:
            roots.append(sample)
        elif sample.parent not in samples:
            problem = f"expected the id of another sample as parent, or -1 for the root, got {sample.parent}"
            raise _refusal(path, sample.line, problem)
        else:
            children[sample.parent].append(sample)
    if not samples:
        raise OptionError(f"{path}: expected lines of {COLUMNS}, got none")
    if len(roots) > 1:
        problem = f"expected one root (parent -1), this is a second one; the first is in line {roots[0].line}"
        raise _refusal(path, roots[1].line, f"{problem}. Put each tree into a file of its own")
    ordered: list[Sample] = []
    waiting = list(roots)
    while waiting:
        sample = waiting.pop()
        ordered.append(sample)
        waiting.extend(reversed(children[sample.number]))
    if len(ordered) < len(samples):
        reached = {sample.number for sample in ordered}
        lost = min((sample for sample in samples.values() if sample.number not in reached), key=lambda one: one.line)
        problem = f"expected parents that lead to a root (parent -1), id {lost.number} is in a cycle, or hangs on one"
        raise _refusal(path, lost.line, problem)
    return ordered


def _with_types(path: Path, samples: list[Sample], types: Mapping[int, str]) -> list[Sample]:
    kinds: dict[int, int] = {}
    found = []
    for sample in samples:
        region = types.get(sample.kind)
        if region == PARENT:
            kind = kinds.get(sample.parent, SOMA)
            if kind == SOMA:
                problem = f"type {sample.kind} is to be that of its parent, but the parent is the soma"
                raise _refusal(path, sample.line, f"{problem}; expected a region in the option 'types'")
        else:
            kind = sample.kind if region is None else REGIONS[region]
        kinds[sample.number] = kind
        found.append(replace(sample, kind=kind))
    return found


def _check_shape(path: Path, samples: list[Sample]) -> None:
    """Refuse a soma in several pieces, or one that is not at the root, since nobody can say what is between.

    A cell without a soma needs a length.
    """
    root = samples[0]
    if root.kind != SOMA and all(sample.position == root.position for sample in samples):
        problem = f"expected a soma, or samples at two places, got one place of {region_of(root.kind)}"
        raise _refusal(path, root.line, problem)
    kinds = {sample.number: sample.kind for sample in samples}
    for sample in samples[1:]:
        if sample.kind == SOMA and kinds[sample.parent] != SOMA:
            parent = region_of(kinds[sample.parent])
            problem = (
                f"expected a soma (type 1) in one piece from the root on, the parent of this sample is of {parent}"
            )
            raise _refusal(path, sample.line, f"{problem}. Give it another type, or make the soma the root")
