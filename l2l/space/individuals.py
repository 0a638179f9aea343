"""Many individuals of one space, as the columns of their values: each becomes an object once somebody looks at it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual, fill_keys

if TYPE_CHECKING:
    from l2l.space.codec import Codec

Columns = Mapping[str, NDArray[Any]]
Activity = Mapping[str, NDArray[np.bool_]]


class Individuals(Sequence[Individual]):
    """A sequence of individuals that holds columns, and never changes.

    It is equal to every sequence of the same individuals; slices and sums of it are again such sequences.

    Args:
        codec: Of the space.
        columns: Name → (n, …) values of each parameter, as `ParameterSpace.columns` gives them. An inactive parameter
            has its default there. They must not change any more.
        n: How many.
        active: Name → (n,) whether a parameter that has a condition has an effect.
        keys: (n,) 16 bytes that name the content of each, where they are known.
        made: The individuals themselves, where there are objects already.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> individuals = ParameterSpace(x=Real(0.0, 8.0)).decode([[0.25], [0.5]])
        >>> individuals.columns["x"].tolist(), individuals[1]
        ([2.0, 4.0], Individual(x=4))
    """

    __slots__ = ("_codec", "_keys", "_made", "_n", "active", "columns")

    def __init__(
        self,
        codec: "Codec",
        columns: Columns,
        n: int,
        active: Activity,
        *,
        keys: list[bytes] | None = None,
        made: list[Individual] | None = None,
    ) -> None:
        self.columns = columns
        self.active = active
        self._codec = codec
        self._n = n
        self._keys = keys
        self._made = made

    @property
    def keys(self) -> list[bytes]:
        """16 bytes for each that name its content; computed together when they are first wanted."""
        if self._keys is None:
            if self._made is None:
                self._keys = self._codec.keys(self.columns, self._n, self.active)
            else:
                fill_keys(self._made, self.columns)
                self._keys = [one.key for one in self._made]
        return self._keys

    def values(self) -> list[NDArray[Any] | list[Any]]:
        """The values of each parameter in the order of names: numbers as arrays (n, …), others in lists."""
        return self._codec.plain(self.columns, self._n)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(self.columns)

    def inactive(self) -> list[frozenset[str]] | None:
        """For each the names of parameters without effect; None where no parameter has a condition."""
        return self._codec.inactive(self.active) if self.active else None

    def name(self, keys: list[bytes]) -> None:
        """Take their keys, which were computed part by part."""
        self._keys = keys

    def of(self, codec: "Codec") -> bool:
        """Whether they are of the space of this codec."""
        return self._codec is codec

    def taken(self, places: NDArray[np.integer]) -> "Individuals":
        """Those at some places, in their order."""
        listed = places.tolist()
        return Individuals(
            self._codec,
            {name: column[places] for name, column in self.columns.items()},
            len(places),
            {name: column[places] for name, column in self.active.items()},
            keys=None if self._keys is None else [self._keys[place] for place in listed],
            made=None if self._made is None else [self._made[place] for place in listed],
        )

    def replaced(self, places: NDArray[np.integer], others: "Individuals") -> "Individuals":
        """The same with others at some places.

        Args:
            places: (k,) without repetition.
            others: (k,) of the same space.
        """
        whole = self.joined([self, others])
        order = np.arange(self._n)
        order[places] = self._n + np.arange(len(others))
        return whole.taken(order)

    def _part(self, part: slice) -> "Individuals":
        return Individuals(
            self._codec,
            {name: column[part] for name, column in self.columns.items()},
            len(range(self._n)[part]),
            {name: column[part] for name, column in self.active.items()},
            keys=None if self._keys is None else self._keys[part],
            made=None if self._made is None else self._made[part],
        )

    @classmethod
    def joined(cls, parts: "Sequence[Individuals]") -> "Individuals":
        """Individuals of one space, one part behind the other; there is at least one part."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return cls(
            first._codec,
            {name: np.concatenate([part.columns[name] for part in parts]) for name in first.columns},
            sum(map(len, parts)),
            {name: np.concatenate([part.active[name] for part in parts]) for name in first.active},
            keys=[key for part in parts for key in part.keys],
            made=[one for part in parts for one in part] if any(part._made is not None for part in parts) else None,
        )

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, place: SupportsIndex) -> Individual: ...
    @overload
    def __getitem__(self, place: slice) -> "Individuals": ...
    def __getitem__(self, place: SupportsIndex | slice) -> "Individual | Individuals":
        """An individual for an integer; for a slice a sequence of the same kind."""
        if isinstance(place, slice):
            return self._part(place)
        row = range(self._n)[place]
        if self._made is not None:
            return self._made[row]
        return next(iter(self._part(slice(row, row + 1))))

    def __iter__(self) -> Iterator[Individual]:
        if self._made is None:
            self._made = self._codec.objects(self.columns, self._n, self.active)
            if self._keys is not None:
                for one, key in zip(self._made, self._keys, strict=True):
                    one.name_content(key)
        return iter(self._made)

    def __add__(self, other: Sequence[Individual]) -> Sequence[Individual]:
        """Both, one behind the other: a list where the other is one."""
        if not len(other):
            return self
        if isinstance(other, Individuals) and other._codec is self._codec:
            return self.joined([self, other])
        return [*self, *other]

    def __radd__(self, other: Sequence[Individual]) -> Sequence[Individual]:
        return [*other, *self] if len(other) else self

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        if isinstance(other, Individuals):
            return self.keys == other.keys
        if isinstance(other, list | tuple):
            return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def keys_of(individuals: Sequence[Individual]) -> list[bytes]:
    """16 bytes for each that name its content; equal exactly for equal individuals."""
    if isinstance(individuals, Individuals):
        return individuals.keys
    return [one.key for one in individuals]
