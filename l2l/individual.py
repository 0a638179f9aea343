"""One point of a parameter space, as an immutable mapping."""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import near

Choice = str | bool | int | float | None | tuple[Any, ...]
"""What a category can be: anything that JSON can say and that hashes."""

Value = float | int | Choice | NDArray[np.float64] | NDArray[np.int64]
"""The value of one parameter; arrays are read-only."""

_NUMBERS = {float: np.dtype("<f8"), int: np.dtype("<i8")}
_MANY = 8
_CHUNK = 4096
"""Individuals that are put in bytes at once: of a whole large generation these would be its largest part."""


class Individual(Mapping[str, Any]):
    """One point: name → float, int, choice, or read-only array.

    Two individuals are equal where their active parameters have the same names and values. An inactive
    parameter (its `when` is false) reads as its default, does not count for equality, and is named in
    `inactive`.

    Args:
        values: Name → value.
        inactive: Names of the parameters that have no effect here.

    Raises:
        KeyError: From `individual[name]`, for an unknown name; lists the near ones.

    Example:
        >>> Individual({"g": 5.0, "eta": 2.0})["g"]
        5.0
    """

    __slots__ = ("_index", "_key", "_values", "inactive")

    _index: Mapping[str, int]
    _values: tuple[Any, ...]
    _key: bytes | None
    inactive: frozenset[str]

    def __init__(self, values: Mapping[str, Any], inactive: frozenset[str] = frozenset()) -> None:
        self._index = {name: place for place, name in enumerate(values)}
        self._values = tuple(_frozen(value) for value in values.values())
        self.inactive = inactive
        self._key = None

    @classmethod
    def of(
        cls,
        index: Mapping[str, int],
        values: tuple[Any, ...],
        inactive: frozenset[str] = frozenset(),
    ) -> "Individual":
        """Build without copies or checks, for those who make many.

        Args:
            index: Name → place in `values`; shared by all individuals of a space, never changed.
            values: In the order of `index`; arrays must be read-only already.
            inactive: Names of the parameters that have no effect here.
        """
        self = cls.__new__(cls)
        self._index = index
        self._values = values
        self.inactive = inactive
        self._key = None
        return self

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[self._index[name]]
        except (KeyError, TypeError):
            raise KeyError(near(name, self._index, "parameter")) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def row(self) -> tuple[Any, ...]:
        """The values in the order of the names."""
        return self._values

    @property
    def key(self) -> bytes:
        """16 bytes that name the content: equal exactly for equal individuals."""
        if self._key is None:
            self._key = blake2b(self.content(), digest_size=16).digest()
        return self._key

    def name_content(self, key: bytes) -> None:
        """Take a key that was computed together with those of others."""
        self._key = key

    def content(self) -> bytes:
        """The canonical bytes in the order of names: little-endian float64 (-0.0 as 0.0) or int64, choices as JSON."""
        parts: list[bytes] = []
        for name, place, prefix in _ordered(tuple(self._index)):
            if name not in self.inactive:
                parts += (prefix, _value_bytes(self._values[place]))
        return b"".join(parts)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Individual):
            return self.key == other.key
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)

    def _repr_html_(self) -> str:
        """As notebooks show it: a table of the parameters."""
        from l2l.display.markup import table

        rows = [[name, "inactive" if name in self.inactive else value] for name, value in self.items()]
        return table(["parameter", "value"], rows)

    def __repr__(self) -> str:
        shown = (
            f"{name}={_shown(value)}" + ("?" if name in self.inactive else "")
            for name, value in zip(self._index, self._values, strict=True)
        )
        return f"Individual({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (tuple(self._index), self._values, self.inactive))


def _rebuilt(names: tuple[str, ...], values: tuple[Any, ...], inactive: frozenset[str]) -> Individual:
    for value in values:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return Individual.of({name: place for place, name in enumerate(names)}, values, inactive)


def _frozen(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        copy: NDArray[Any] = value.copy()
        copy.flags.writeable = False
        return copy
    if isinstance(value, np.generic):
        return value.item()
    return value


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<array {value.shape}>"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def fill_keys(individuals: Sequence[Individual], columns: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Compute the keys of many individuals at once; the same as each would compute alone.

    Args:
        individuals: (n,).
        columns: Name → (n, …) values of the parameters, where the caller has them as arrays already.
    """
    columns = columns or {}
    if len(individuals) > _CHUNK:
        for start in range(0, len(individuals), _CHUNK):
            part = slice(start, start + _CHUNK)
            fill_keys(individuals[part], {name: column[part] for name, column in columns.items()})
        return
    kinds = [(id(one._index), one.inactive) for one in individuals]
    if kinds and kinds.count(kinds[0]) == len(kinds):
        _fill_alike(individuals, columns)
        return
    groups: dict[tuple[int, frozenset[str]], list[int]] = {}
    for place, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(place)
    for places in groups.values():
        alike = [individuals[place] for place in places]
        _fill_alike(alike, {name: column[places] for name, column in columns.items()})


def _fill_alike(individuals: Sequence[Individual], columns: Mapping[str, NDArray[Any]]) -> None:
    """The same where all have the same active parameters: numbers as one matrix of bytes, other values one by one."""
    first, n = individuals[0], len(individuals)
    if n < _MANY:
        return  # each is as quick alone, when it is asked
    pieces: list[list[bytes]] = []
    matrix: list[NDArray[np.uint8]] = []
    for name, place, prefix in _ordered(tuple(first._index)):
        if name in first.inactive:
            continue
        matrix.append(np.broadcast_to(np.frombuffer(prefix, dtype=np.uint8), (n, len(prefix))))
        column = columns.get(name)
        if column is None or not _has(column, first._values[place]):
            values = [one._values[place] for one in individuals]
            column = _numbers(values)
            if column is None:
                pieces += (_rows(matrix), _bytes_of(values))
                matrix = []
                continue
        matrix.append(_tagged(column))
    pieces.append(_rows(matrix) if matrix else [b""] * n)
    if not pieces:
        return  # none of them has a parameter that counts
    contents = pieces[0] if len(pieces) == 1 else map(b"".join, zip(*pieces, strict=True))
    for one, content in zip(individuals, contents, strict=True):
        one._key = blake2b(content, digest_size=16).digest()


def content_keys(parts: Mapping[str, NDArray[Any] | Sequence[bytes]], n: int) -> list[bytes]:
    """The keys of n individuals that have the same active parameters, from columns of their values.

    Args:
        parts: Name of each active parameter → (n, …) its numbers, or (n,) the canonical bytes of its values.
        n: How many.
    """
    pieces: list[Sequence[bytes]] = []
    matrix: list[NDArray[np.uint8]] = []
    for name in sorted(parts):
        prefix, part = _name_bytes(name), parts[name]
        matrix.append(np.broadcast_to(np.frombuffer(prefix, dtype=np.uint8), (n, len(prefix))))
        if isinstance(part, np.ndarray):
            matrix.append(_tagged(part))
        else:
            pieces += (_rows(matrix), part)
            matrix = []
    pieces.append(_rows(matrix) if matrix else [b""] * n)
    contents = pieces[0] if len(pieces) == 1 else map(b"".join, zip(*pieces, strict=True))
    return [blake2b(content, digest_size=16).digest() for content in contents]


def value_bytes(value: Any) -> bytes:
    """The canonical bytes of a value, as an individual's content has them."""
    return _value_bytes(value)


def _has(column: NDArray[Any], value: Any) -> bool:
    """Whether a column holds values such as this one as they are (and not as codes of choices)."""
    if isinstance(value, np.ndarray):
        return column.shape[1:] == value.shape and column.dtype in _NUMBERS.values() and column.dtype == value.dtype
    return column.ndim == 1 and column.dtype == _NUMBERS.get(type(value))


def _numbers(values: Sequence[Any]) -> NDArray[Any] | None:
    """A column of floats or of ints as an array; None for anything else."""
    kinds = set(map(type, values))
    if kinds == {float} or (kinds == {int} and max(map(abs, values)) < 2**63):
        return np.array(values, dtype=_NUMBERS[kinds.pop()])
    return None


def _tagged(column: NDArray[Any]) -> NDArray[np.uint8]:
    """(n, …) canonical bytes of numbers, or of arrays of numbers."""
    tag = b"f" if column.dtype.kind == "f" else b"i"
    if column.ndim > 1:
        tag = tag.upper() + _shape_bytes(column.shape[1:])
    raw = (np.ascontiguousarray(column) + column.dtype.type(0)).view(np.uint8)
    tagged = np.empty((len(column), len(tag) + raw.size // len(column)), dtype=np.uint8)
    tagged[:, : len(tag)] = np.frombuffer(tag, dtype=np.uint8)
    tagged[:, len(tag) :] = raw.reshape(len(column), -1)
    return tagged


def _rows(matrix: Sequence[NDArray[np.uint8]]) -> list[bytes]:
    """Each row of matrices that stand side by side."""
    whole = np.concatenate(matrix, axis=1)
    raw, width = whole.tobytes(), whole.shape[1]
    return [raw[start : start + width] for start in range(0, len(raw), width)]


def _bytes_of(values: Sequence[Any]) -> list[bytes]:
    """Canonical bytes of each value; a category, which is one object wherever it stands, is looked at once."""
    known: dict[int, bytes] = {}
    for value in values:
        if id(value) not in known:
            known[id(value)] = _value_bytes(value)
    return [known[id(value)] for value in values]


@lru_cache(maxsize=256)
def _ordered(names: tuple[str, ...]) -> tuple[tuple[str, int, bytes], ...]:
    """Name, place and canonical bytes of each name, in the order of names."""
    places = sorted((name, place) for place, name in enumerate(names))
    return tuple((name, place, _name_bytes(name)) for name, place in places)


def _name_bytes(name: str) -> bytes:
    raw = name.encode()
    return len(raw).to_bytes(4, "little") + raw


@lru_cache(maxsize=256)
def _shape_bytes(shape: tuple[int, ...]) -> bytes:
    return json.dumps(shape).encode()


def _value_bytes(value: Any) -> bytes:
    if type(value) is float:
        return struct.pack("<cd", b"f", value + 0.0)
    if isinstance(value, np.ndarray):
        shape = _shape_bytes(value.shape)
        if value.dtype.kind == "f":
            return b"F" + shape + (value + 0.0).astype("<f8").tobytes()
        return b"I" + shape + value.astype("<i8").tobytes()
    if type(value) is int and abs(value) < 2**63:
        return struct.pack("<cq", b"i", value)
    text = json.dumps(value, ensure_ascii=True, allow_nan=False).encode()
    return b"j" + len(text).to_bytes(4, "little") + text
