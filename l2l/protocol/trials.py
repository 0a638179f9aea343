"""Batches of trials: how they travel to a worker, as columns."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from numpy import ascontiguousarray, dtype, ndarray  # bound here: a model may replace them where they stand

from l2l.blocks import TrialBlock
from l2l.individual import Individual
from l2l.space import Individuals
from l2l.values import Resources, Trial

TrialRow = tuple[int, int, int, int, tuple[Any, ...], frozenset[str]]
"""index, number, attempt, entropy, values of the individual, its inactive parameters."""

BatchColumns = tuple[list[int], list[int], list[int], bytes, list[Any], list[frozenset[str]] | None]
"""The same of k trials: 16 bytes of entropy each; a list or a packed array of values per parameter; None for none."""

_NONE: frozenset[str] = frozenset()


class BatchHeader:
    """What many trials share: the names of the parameters, where private folders are made, what they are for.

    Args:
        code: Its number between leader and worker.
        names: Of the parameters.
        root: Of private folders.
        validation: Whether they are fresh trials of winners.
    """

    __slots__ = ("code", "index", "names", "root", "validation")

    def __init__(self, code: int, names: tuple[str, ...], root: Path | None, validation: bool = False) -> None:
        self.code = code
        self.names = names
        self.root = root
        self.validation = validation
        self.index = {name: place for place, name in enumerate(names)}

    def trials(self, rows: Iterable[TrialRow], resources: Resources, launch: tuple[str, ...] = ()) -> list[Trial]:
        """The trials that rows describe."""
        return [self.trial(row, resources, launch) for row in rows]

    def trial(self, row: TrialRow, resources: Resources, launch: tuple[str, ...] = ()) -> Trial:
        """The trial that a row describes."""
        index, number, attempt, entropy, values, inactive = row
        individual = Individual.of(self.index, values, inactive)
        return Trial(
            individual, number, entropy, index, attempt, resources, self.root, None, launch, validation=self.validation
        )


class Headers:
    """The headers that a leader has met."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], Path | None, bool], BatchHeader] = {}

    def of(self, block: TrialBlock) -> BatchHeader:
        """The header of a block."""
        key = (block.names, block.root, block.validation)
        header = self._known.get(key)
        if header is None:
            header = self._known[key] = BatchHeader(len(self._known), *key)
        return header


def columns_of(block: TrialBlock) -> BatchColumns:
    """Trials as they travel."""
    inactive: list[frozenset[str]] | None
    individuals = block.individuals
    if isinstance(individuals, Individuals):
        values = [_packed(one) if isinstance(one, ndarray) else one for one in individuals.values()]
        inactive = individuals.inactive()
    else:
        values = [list(column) for column in zip(*[_row(one, block.names) for one in individuals], strict=True)]
        inactive = [one.inactive for one in individuals]
    entropy = ascontiguousarray(block.entropy, dtype="<u4").tobytes()
    return block.individual.tolist(), block.number.tolist(), block.attempt.tolist(), entropy, values, inactive


def _row(individual: Individual, names: Sequence[str]) -> tuple[Any, ...]:
    return individual.row if tuple(individual) == names else tuple([individual[name] for name in names])


def _packed(column: "ndarray[Any, Any]") -> tuple[str, tuple[int, ...], bytes]:
    return column.dtype.str, column.shape, ascontiguousarray(column).tobytes()


def rows_of(columns: BatchColumns) -> list[TrialRow]:
    """The trials of a batch that came, one by one; arrays among their values are read-only."""
    index, number, attempt, entropy, values, inactive = columns
    size = len(index)
    seeds = [int.from_bytes(entropy[16 * at : 16 * at + 16], "little") for at in range(size)]
    lists = [_values(column) for column in values]
    points = list(zip(*lists, strict=True)) if lists else [()] * size
    return list(zip(index, number, attempt, seeds, points, inactive or [_NONE] * size, strict=True))


def _values(column: Any) -> list[Any]:
    if type(column) is list:
        for value in column:
            if type(value) is ndarray:
                value.flags.writeable = False
        return column
    kind, shape, raw = column
    array: ndarray[Any, Any] = ndarray(shape, dtype(kind), raw)
    if len(shape) == 1:
        plain: list[Any] = array.tolist()
        return plain
    return [_owned(row) for row in array]


def _owned(row: "ndarray[Any, Any]") -> "ndarray[Any, Any]":
    own = row.copy()  # a view would keep its whole batch in memory
    own.flags.writeable = False
    return own
