"""Between the three forms of points: individuals, columns (one array a parameter), coordinates in the unit cube."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import SpaceError, near
from l2l.individual import Individual, content_keys, value_bytes
from l2l.space.categorical import Categorical, Fixed
from l2l.space.individuals import Individuals
from l2l.space.numeric import Integer, Real
from l2l.space.parameter import Parameter
from l2l.space.rounding import UNLIMITED, round_significant

Floats = NDArray[np.float64]

_CHUNK = 2**13  # numbers decoded at once: their temporaries are small enough to be reused, not mapped anew
_TOGETHER = (
    4096  # individuals that are put in bytes at once: of a whole large generation these would be its largest part
)


class Codec:
    """The vectorized transformations of one space.

    All components of all reals are one block of coordinates, those of all integers another, so that the cost
    of a generation does not grow with the number of parameters.

    Args:
        parameters: Name → parameter, in the order of the coordinates.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.parameters = parameters
        self.index = {name: place for place, name in enumerate(parameters)}
        self.slices: dict[str, slice] = {}
        self.dimension = 0
        for name, parameter in parameters.items():
            self.slices[name] = slice(self.dimension, self.dimension + parameter.width)
            self.dimension += parameter.width
        reals = {name: p for name, p in parameters.items() if isinstance(p, Real)}
        self.reals = _RealBlock({name: p for name, p in reals.items() if not p.cells}, self.slices)
        self.stepped = _SteppedBlock({name: p for name, p in reals.items() if p.cells}, self.slices)
        self.integers = _IntegerBlock(
            {name: p for name, p in parameters.items() if isinstance(p, Integer)}, self.slices
        )
        self.categories = {name: p for name, p in parameters.items() if isinstance(p, Categorical)}
        self.fixed = {name: p for name, p in parameters.items() if isinstance(p, Fixed)}

    def decode(self, points: Floats) -> dict[str, NDArray[Any]]:
        """Coordinates (n, d), already clipped to [0, 1], to columns."""
        columns: dict[str, NDArray[Any]] = {}
        self.reals.decode(points, columns)
        self.stepped.decode(points, columns)
        self.integers.decode(points, columns)
        for name, parameter in self.categories.items():
            columns[name] = points[:, self.slices[name]].argmax(axis=1).astype(code_type(len(parameter.choices)))
        return columns | self.constants(len(points))

    def constants(self, n: int) -> dict[str, NDArray[Any]]:
        """The columns of the fixed parameters at n points."""
        return {name: _constant_column(fixed, n) for name, fixed in self.fixed.items()}

    def encode(self, columns: Mapping[str, NDArray[Any]], n: int) -> Floats:
        """Columns of n points to coordinates (n, d)."""
        points = np.zeros((n, self.dimension))
        self.reals.encode(columns, points)
        self.stepped.encode(columns, points)
        self.integers.encode(columns, points)
        for name in self.categories:
            points[np.arange(n), self.slices[name].start + columns[name].astype(np.intp)] = 1.0
        return points

    def columns(self, individuals: Sequence[Individual], names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The columns of some parameters.

        Raises:
            KeyError: An individual has other parameters than the space.
            SpaceError: A value is none of the parameter's choices, or of another shape.
        """
        if isinstance(individuals, Individuals) and individuals.of(self):
            return {name: individuals.columns[name] for name in names}
        values = list(zip(*[self._row(individual) for individual in individuals], strict=True))
        return {name: self._column(name, values[self.index[name]] if values else ()) for name in names}

    def _row(self, individual: Individual) -> tuple[Any, ...]:
        if individual._index is self.index:
            return individual.row
        if len(individual) != len(self.index):
            for name in individual:
                if name not in self.index:
                    raise KeyError(near(name, self.index, "parameter"))
        return tuple([individual[name] for name in self.index])

    def _column(self, name: str, values: Sequence[Any]) -> NDArray[Any]:
        parameter = self.parameters[name]
        choices = parameter.codes
        if isinstance(parameter, Fixed):
            return _constant_column(parameter, len(values))
        if choices is not None:
            codes = {choice: code for code, choice in enumerate(choices)}
            try:
                return np.array([codes[value] for value in values], dtype=code_type(len(choices)))
            except (KeyError, TypeError):
                wrong = next(value for value in values if value not in choices)
                raise SpaceError(f"parameter {name!r}: expected one of {choices!r}, got {wrong!r}") from None
        try:
            column = np.array(values, dtype=np.float64 if isinstance(parameter, Real) else np.int64)
            return column.reshape(len(values), *parameter.shape)
        except (ValueError, TypeError):
            wrong = next((value for value in values if np.shape(value) != parameter.shape), values[0])
            raise SpaceError(
                f"parameter {name!r}: expected {parameter.kind} values of shape {parameter.shape}, got {wrong!r}"
            ) from None

    def individuals(
        self, columns: Mapping[str, NDArray[Any]], n: int, active: Mapping[str, NDArray[np.bool_]]
    ) -> Individuals:
        """Columns of n points to individuals; where a parameter is not active its default stands."""
        return Individuals(
            self, {name: self._canonical(name, columns, n, active) for name in self.parameters}, n, active
        )

    def _canonical(
        self, name: str, columns: Mapping[str, NDArray[Any]], n: int, active: Mapping[str, NDArray[np.bool_]]
    ) -> NDArray[Any]:
        """The column of a parameter in its own type, with its default where it is not active."""
        parameter = self.parameters[name]
        if isinstance(parameter, Fixed):
            return _constant_column(parameter, n)
        choices = parameter.codes
        kind = np.float64 if isinstance(parameter, Real) else np.int64 if choices is None else code_type(len(choices))
        column = np.asarray(columns[name], dtype=kind)
        on = active.get(name)
        if on is None or on.all():
            return column
        column = column.copy()
        column[~on] = parameter.default if choices is None else choices.index(parameter.default)
        return column

    def objects(
        self, columns: Mapping[str, NDArray[Any]], n: int, active: Mapping[str, NDArray[np.bool_]]
    ) -> list[Individual]:
        """The individuals of columns in which inactive parameters have their defaults."""
        lists = [self._values(name, columns[name], n) for name in self.parameters]
        index, of = self.index, Individual.of
        if not active:
            return [of(index, row) for row in zip(*lists, strict=True)]
        return [of(index, row, off) for row, off in zip(zip(*lists, strict=True), _inactive(active), strict=True)]

    def plain(self, columns: Mapping[str, NDArray[Any]], n: int) -> list[NDArray[Any] | list[Any]]:
        """The values of each parameter: numbers as they are, others as a list of the values that codes stand for."""
        categories, fixed = self.categories, self.fixed
        return [
            self._values(name, columns[name], n) if name in categories or name in fixed else columns[name]
            for name in self.parameters
        ]

    def inactive(self, active: Mapping[str, NDArray[np.bool_]]) -> list[frozenset[str]]:
        """For each point the names that are not active; there is a parameter that has a condition."""
        return _inactive(active)

    def _values(self, name: str, column: NDArray[Any], n: int) -> list[Any]:
        parameter = self.parameters[name]
        if isinstance(parameter, Fixed):
            return [parameter.value] * n
        if isinstance(parameter, Categorical):
            return list(map(parameter.choices.__getitem__, column.tolist()))
        return [_owned(row) for row in column] if parameter.shape else column.tolist()

    def keys(self, columns: Mapping[str, NDArray[Any]], n: int, active: Mapping[str, NDArray[np.bool_]]) -> list[bytes]:
        """The keys of individuals, from columns in which inactive parameters have their defaults."""
        keys: list[bytes] = []
        for start in range(0, n, _TOGETHER):
            part = slice(start, min(start + _TOGETHER, n))
            cut = {name: column[part] for name, column in columns.items()}
            keys += self._keys(cut, part.stop - start, {name: on[part] for name, on in active.items()})
        return keys

    def _keys(
        self, columns: Mapping[str, NDArray[Any]], n: int, active: Mapping[str, NDArray[np.bool_]]
    ) -> list[bytes]:
        """The same of a few thousand: those that have the same active parameters together."""
        groups: dict[frozenset[str], list[int]] = {}
        for place, off in enumerate(_inactive(active) if active else ()):
            groups.setdefault(off, []).append(place)
        if len(groups) < 2:
            return content_keys(self._parts(columns, n, next(iter(groups), frozenset())), n)
        keys = [b""] * n
        for off, places in groups.items():
            parts = self._parts({name: column[places] for name, column in columns.items()}, len(places), off)
            for place, key in zip(places, content_keys(parts, len(places)), strict=True):
                keys[place] = key
        return keys

    def _parts(
        self, columns: Mapping[str, NDArray[Any]], n: int, off: frozenset[str]
    ) -> dict[str, NDArray[Any] | Sequence[bytes]]:
        """What the contents of individuals are made of; choices as bytes, of which each is made once."""
        parts: dict[str, NDArray[Any] | Sequence[bytes]] = {}
        for name, parameter in self.parameters.items():
            if name in off:
                continue
            if isinstance(parameter, Fixed):
                parts[name] = [value_bytes(parameter.value)] * n
            elif isinstance(parameter, Categorical):
                choices = list(map(value_bytes, parameter.choices))
                parts[name] = [choices[code] for code in columns[name].tolist()]
            else:
                parts[name] = columns[name]
        return parts


class _RealBlock:
    def __init__(self, parameters: Mapping[str, Real], slices: Mapping[str, slice]) -> None:
        self.parameters = parameters
        self.where, self.places = _block(parameters, slices)
        self.low = _repeated(parameters, [p.low for p in parameters.values()])
        self.high = _repeated(parameters, [p.high for p in parameters.values()])
        self.decimals = _repeated(parameters, [p.decimals for p in parameters.values()])
        self.limited = bool((self.decimals != UNLIMITED).any())
        self.log = np.flatnonzero(_repeated(parameters, [p.log for p in parameters.values()]))
        self.span = self.high - self.low
        self.ratio = np.log(self.high[self.log] / self.low[self.log])
        self._parts = [self._part(start) for start in range(0, len(self.low), _CHUNK)]

    def _part(self, start: int) -> tuple[slice, NDArray[np.intp], Floats]:
        """Coordinates that are decoded together, those of them that are logarithmic, and the ratios of these."""
        chosen = slice(*np.searchsorted(self.log, (start, start + _CHUNK)).tolist())
        return slice(start, start + _CHUNK), self.log[chosen] - start, self.ratio[chosen]

    def decode(self, points: Floats, columns: dict[str, NDArray[Any]]) -> None:
        if not self.parameters:
            return
        unit = points[:, self.where]
        x = np.empty(unit.shape)
        step = max(1, _CHUNK // len(self.low))
        for start in range(0, len(unit), step):
            for part in self._parts:
                self._decode(unit[start : start + step, part[0]], x[start : start + step, part[0]], *part)
        for name, parameter in self.parameters.items():
            columns[name] = x[:, self.places[name]].reshape(len(x), *parameter.shape)

    def _decode(self, unit: Floats, into: Floats, part: slice, log: NDArray[np.intp], ratio: Floats) -> None:
        low, high = self.low[part], self.high[part]
        x = unit * self.span[part]
        x += low
        if log.size:
            x[:, log] = low[log] * np.exp(unit[:, log] * ratio)
        if unit.max(initial=0.0) == 1.0:
            np.copyto(x, high, where=unit == 1.0)  # the upper end exactly, which rounding may miss
        decimals = self.decimals[part] if self.limited else UNLIMITED
        np.clip(round_significant(x, decimals), low, high, out=into)

    def encode(self, columns: Mapping[str, NDArray[Any]], points: Floats) -> None:
        if not self.parameters:
            return
        x = np.empty((len(points), len(self.low)))
        for name, parameter in self.parameters.items():
            x[:, self.places[name]] = columns[name].reshape(len(points), parameter.width)
        x = np.clip(x, self.low, self.high)
        unit = (x - self.low) / self.span
        if self.log.size:
            unit[:, self.log] = np.log(x[:, self.log] / self.low[self.log]) / self.ratio
        points[:, self.where] = np.clip(np.where(x == self.high, 1.0, unit), 0.0, 1.0)


class _SteppedBlock:
    """Reals on a lattice: as with integers, each value stands for a cell, all of one width."""

    def __init__(self, parameters: Mapping[str, Real], slices: Mapping[str, slice]) -> None:
        self.parameters = parameters
        self.where, self.places = _block(parameters, slices)
        self.cells = _repeated(parameters, [p.cells for p in parameters.values()])

    def decode(self, points: Floats, columns: dict[str, NDArray[Any]]) -> None:
        if not self.parameters:
            return
        cells = np.floor(points[:, self.where] * self.cells)
        cells = np.clip(cells, 0.0, self.cells - 1.0).astype(np.int64)
        for name, parameter in self.parameters.items():
            column = parameter.lattice(cells[:, self.places[name]])
            columns[name] = column.reshape(len(cells), *parameter.shape)

    def encode(self, columns: Mapping[str, NDArray[Any]], points: Floats) -> None:
        if not self.parameters:
            return
        cells = np.empty((len(points), len(self.cells)))
        for name, parameter in self.parameters.items():
            cells[:, self.places[name]] = parameter.places(columns[name].reshape(len(points), parameter.width))
        points[:, self.where] = (cells + 0.5) / self.cells


class _IntegerBlock:
    def __init__(self, parameters: Mapping[str, Integer], slices: Mapping[str, slice]) -> None:
        self.parameters = parameters
        self.where, self.places = _block(parameters, slices)
        self.low = _repeated(parameters, [p.low for p in parameters.values()]).astype(np.int64)
        self.high = _repeated(parameters, [p.high for p in parameters.values()]).astype(np.int64)
        self.step = _repeated(parameters, [p.step or 1 for p in parameters.values()]).astype(np.int64)
        self.cells = _repeated(parameters, [p.cells for p in parameters.values()])
        self.log = np.flatnonzero(_repeated(parameters, [p.log for p in parameters.values()]))
        self.start = self.low[self.log] - 0.5
        self.ratio = np.log((self.high[self.log] + 0.5) / self.start)

    def decode(self, points: Floats, columns: dict[str, NDArray[Any]]) -> None:
        if not self.parameters:
            return
        unit = points[:, self.where]
        x = self.low + np.floor(unit * self.cells).astype(np.int64) * self.step
        if self.log.size:
            x[:, self.log] = np.rint(self.start * np.exp(unit[:, self.log] * self.ratio)).astype(np.int64)
        x = np.clip(x, self.low, self.high)
        for name, parameter in self.parameters.items():
            columns[name] = x[:, self.places[name]].reshape(len(x), *parameter.shape)

    def encode(self, columns: Mapping[str, NDArray[Any]], points: Floats) -> None:
        if not self.parameters:
            return
        x = np.empty((len(points), len(self.low)), dtype=np.int64)
        for name, parameter in self.parameters.items():
            x[:, self.places[name]] = columns[name].reshape(len(points), parameter.width)
        x = np.clip(x, self.low, self.high)
        unit = ((x - self.low) // self.step + 0.5) / self.cells
        if self.log.size:
            k = x[:, self.log].astype(np.float64)
            # The middle of the cell from k - 1/2 to k + 1/2 on the logarithmic scale.
            unit[:, self.log] = 0.5 * np.log((k - 0.5) / self.start * ((k + 0.5) / self.start)) / self.ratio
        points[:, self.where] = unit


def code_type(choices: int) -> type[np.signedinteger[Any]]:
    """The smallest signed integer that counts so many choices."""
    return np.int8 if choices <= 2**7 else np.int16 if choices <= 2**15 else np.int32


def _block(parameters: Mapping[str, Parameter], slices: Mapping[str, slice]) -> tuple[Any, dict[str, slice]]:
    """The coordinates of some parameters (a slice where they are contiguous), and each one's place among them."""
    places: dict[str, slice] = {}
    end = 0
    for name, parameter in parameters.items():
        places[name] = slice(end, end + parameter.width)
        end += parameter.width
    coordinates = [place for name in parameters for place in range(slices[name].start, slices[name].stop)]
    if end and coordinates[-1] - coordinates[0] + 1 == end:
        return slice(coordinates[0], coordinates[-1] + 1), places
    return np.array(coordinates, dtype=np.intp), places


def _repeated(parameters: Mapping[str, Parameter], values: Sequence[float]) -> Floats:
    return np.repeat(np.array(values, dtype=np.float64), [parameter.width for parameter in parameters.values()])


def _constant_column(parameter: Fixed, n: int) -> NDArray[Any]:
    value = parameter.value
    if parameter.codes is not None:
        return np.zeros(n, dtype=np.int8)
    kind = value.dtype if isinstance(value, np.ndarray) else np.float64 if isinstance(value, float) else np.int64
    return np.broadcast_to(np.asarray(value, dtype=kind), (n, *parameter.shape))


def _owned(row: NDArray[Any]) -> NDArray[Any]:
    own = row.copy()  # a view would keep its whole generation in memory
    own.setflags(write=False)
    return own


def _inactive(active: Mapping[str, NDArray[np.bool_]]) -> list[frozenset[str]]:
    """For each point the names that are not active; equal sets are one object."""
    off = ~np.stack(list(active.values()), axis=1)
    names = list(active)
    seen: dict[bytes, frozenset[str]] = {}
    rows = []
    for row, packed in zip(off, np.packbits(off, axis=1), strict=True):
        key = packed.tobytes()
        if key not in seen:
            seen[key] = frozenset(name for name, is_off in zip(names, row, strict=True) if is_off)
        rows.append(seen[key])
    return rows
