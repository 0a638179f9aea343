"""The parameter space: named parameters, conditions, constraints, and its points in three forms."""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import SpaceError, near
from l2l.individual import Individual
from l2l.quantities import whole_number
from l2l.space.codec import Codec
from l2l.space.conditions import Column, Condition, in_order
from l2l.space.description import parameter_from_dict
from l2l.space.designs import Grid, Seed, design_width, expand, latin_hypercube, sobol
from l2l.space.individuals import Individuals
from l2l.space.narrowing import narrowed
from l2l.space.parameter import Parameter
from l2l.values import A_NAME, is_name

_DECLARED = ("kind", "low", "high", "choices", "fixed", "default", "unit", "log", "step", "shape", "when")
"""What parameters declare, in the order in which it is shown."""


class ParameterSpace:
    """Named parameters, with conditions under which they have an effect and constraints on their values.

    Args:
        mapping: Name → parameter, for names that are no Python identifiers ("synapse.weight").
        constraints: Comparisons that a point must satisfy ("tau_syn < tau_m"). One that violates them has cost +inf
            and is never simulated; one that an inactive parameter leaves undecided does not apply.
        parameters: Name → parameter.

    Raises:
        SpaceError: No parameter, a name twice or unusable, what is no parameter, a condition or constraint that cannot
            be read or names what is no parameter, conditions in a circle.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> space = ParameterSpace(g=Real(3.0, 8.0), eta=Real(0.5, 4.0), constraints=["eta < g"])
        >>> space.decode([[0.5, 0.0]])
        [Individual(g=5.5, eta=0.5)]
    """

    def __init__(
        self,
        mapping: Mapping[str, Parameter] | None = None,
        /,
        *,
        constraints: Sequence[str] = (),
        **parameters: Parameter,
    ) -> None:
        self._parameters = _checked(mapping, parameters)
        self._codec = Codec(self._parameters)
        self._conditions = in_order(
            {
                name: _parsed(f"parameter {name!r}: when", parameter.when, self._parameters)
                for name, parameter in self._parameters.items()
                if parameter.when is not None
            }
        )
        if isinstance(constraints, str) or not isinstance(constraints, Sequence):
            raise SpaceError(f"constraints: expected a list of texts, got {constraints!r}")
        self._constraints = [_parsed("constraints", text, self._parameters) for text in constraints]

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Name → parameter, in the order of the coordinates."""
        return MappingProxyType(self._parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(self._parameters)

    @property
    def constraints(self) -> tuple[str, ...]:
        """The constraints, as they were written."""
        return tuple(constraint.text for constraint in self._constraints)

    @property
    def dimension(self) -> int:
        """The number d of coordinates after encoding."""
        return self._codec.dimension

    @property
    def slices(self) -> Mapping[str, slice]:
        """Name → the parameter's coordinates after encoding."""
        return MappingProxyType(self._codec.slices)

    @property
    def condition_names(self) -> frozenset[str]:
        """The parameters that some `when` names."""
        return frozenset(name for condition in self._conditions.values() for name in condition.names)

    @property
    def default(self) -> Individual:
        """The point where every parameter has its default."""
        return self.individual({})

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def __getitem__(self, name: str) -> Parameter:
        try:
            return self._parameters[name]
        except KeyError:
            raise KeyError(near(name, self._parameters, "parameter")) from None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParameterSpace):
            return self._identity() == other._identity()
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> str:
        return json.dumps(self.to_dict())

    def _repr_html_(self) -> str:
        """As notebooks show it: a table of what the parameters declare, and the constraints."""
        from l2l.display.markup import heading, table

        said = [one.to_dict() | {"kind": one.kind} for one in self._parameters.values()]
        for one in said:
            if "choices" in one:
                one["choices"] = ", ".join(map(str, one["choices"]))
        columns = [name for name in _DECLARED if any(name in one for one in said)]
        rows = [[name, *(one.get(column) for column in columns)] for name, one in zip(self.names, said, strict=True)]
        constraints = heading(f"constraints: {', '.join(self.constraints)}") if self.constraints else ""
        return table(["parameter", *columns], rows) + constraints

    def __repr__(self) -> str:
        lines = [f"    {name}={parameter!r}," for name, parameter in self._parameters.items()]
        lines += [f"    constraints={list(self.constraints)!r},"] if self._constraints else []
        return "\n".join(["ParameterSpace(", *lines, ")"])

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (self._parameters, self.constraints))

    def individual(self, values: Mapping[str, Any]) -> Individual:
        """The point with these values, checked and rounded; what is not given has its default.

        Raises:
            KeyError: A name is no parameter; lists the near ones.
            SpaceError: A value is of the wrong type or shape, or out of bounds.
        """
        for name in values:
            self[name]
        row = {}
        for name, parameter in self._parameters.items():
            try:
                row[name] = parameter.canonical(values[name]) if name in values else parameter.default
            except SpaceError as error:
                raise SpaceError(f"parameter {name!r}: {error}") from None
        return self.from_columns(self._codec.columns([Individual(row)], self.names))[0]

    def encode(self, individuals: Sequence[Individual]) -> NDArray[np.float64]:
        """The coordinates of points in the unit cube, (n, d).

        Reals lie linearly or logarithmically between their bounds, integers at the centres of their cells, a category
        has a coordinate for each choice, of which one is 1. Inactive parameters lie where their defaults lie.

        Raises:
            KeyError: An individual has other parameters than the space.
            SpaceError: A value is none of this space.
        """
        return self._codec.encode(self._codec.columns(individuals, self.names), len(individuals))

    def decode(self, points: ArrayLike) -> Individuals:
        """The individuals at coordinates in the unit cube: clipped, rounded, canonical.

        Args:
            points: (n, d). The largest coordinate of a category is its choice, the first of equals.

        Raises:
            SpaceError: The shape is not (n, d), or a coordinate is NaN.
        """
        return self.from_columns(self._codec.decode(self._clipped(points)))

    def _clipped(self, points: ArrayLike) -> NDArray[np.float64]:
        array = np.asarray(points, dtype=np.float64)
        if array.ndim == 1 and array.size == 0:
            array = array.reshape(0, self.dimension)
        if array.ndim != 2 or array.shape[1] != self.dimension:
            raise SpaceError(f"expected points of shape (n, {self.dimension}), got {array.shape}")
        least, most = array.min(initial=0.0), array.max(initial=1.0)
        if least == 0.0 and most == 1.0:
            return array
        if np.isnan(least):
            row, place = np.argwhere(np.isnan(array))[0].tolist()
            raise SpaceError(f"expected coordinates from 0 to 1, got NaN at point {row}, coordinate {place}")
        return np.clip(array, 0.0, 1.0)

    def columns(self, individuals: Sequence[Individual]) -> dict[str, NDArray[Any]]:
        """One array a parameter: float64 or int64 (n, *shape), or (n,) places among its choices.

        Raises:
            KeyError: An individual has other parameters than the space.
            SpaceError: A value is none of this space.
        """
        return self._codec.columns(individuals, self.names)

    def from_columns(self, columns: Mapping[str, NDArray[Any]]) -> Individuals:
        """The individuals that `columns` came from, equal bit for bit.

        Args:
            columns: As `columns` gives them; those of fixed parameters are not read.
        """
        n = len(next(iter(columns.values())))
        return self._codec.individuals(columns, n, self._active(columns, n))

    def gathered(self, individuals: Sequence[Individual]) -> Individuals:
        """These individuals with their columns, which `decode` has made already.

        Raises:
            KeyError: An individual has other parameters than the space.
            SpaceError: A value is none of this space.
        """
        if isinstance(individuals, Individuals) and individuals.of(self._codec):
            return individuals
        listed = list(individuals)
        return Individuals(self._codec, self.columns(listed), len(listed), self.activity(listed), made=listed)

    def activity(self, individuals: Sequence[Individual]) -> dict[str, NDArray[np.bool_]]:
        """For each parameter that has a condition, (n,) whether it has an effect."""
        if isinstance(individuals, Individuals) and individuals.of(self._codec):
            return dict(individuals.active)
        return {
            name: np.array([name not in individual.inactive for individual in individuals], dtype=bool)
            for name in self._parameters
            if name in self._conditions
        }

    def activity_of_columns(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.bool_]]:
        """As `activity`, for columns as `columns` gives them."""
        return self._active(columns, len(next(iter(columns.values()))))

    def decoded_activity(self, points: ArrayLike) -> dict[str, NDArray[np.bool_]]:
        """As `activity`, for coordinates (n, d)."""
        clipped = self._clipped(points)
        return self._active(self._codec.decode(clipped), len(clipped)) if self._conditions else {}

    def _active(self, columns: Mapping[str, NDArray[Any]], n: int) -> dict[str, NDArray[np.bool_]]:
        active: dict[str, NDArray[np.bool_]] = {}
        constants = self._codec.constants(n) if self._conditions else {}
        for name, condition in self._conditions.items():
            known = {
                other: Column(columns[other] if other in columns else constants[other], active.get(other))
                for other in condition.names
            }
            active[name] = condition(known, n)[0]
        return active

    def feasible(self, individuals: Sequence[Individual]) -> NDArray[np.bool_]:
        """(n,) whether no constraint is violated."""
        fine = np.ones(len(individuals), dtype=bool)
        for violated in self._violations(individuals):
            fine &= ~violated
        return fine

    def violated(self, individual: Individual) -> str | None:
        """The first constraint that a point violates, as it was written; None if it is feasible."""
        for constraint, violated in zip(self._constraints, self._violations([individual]), strict=True):
            if violated[0]:
                return constraint.text
        return None

    def _violations(self, individuals: Sequence[Individual]) -> Iterator[NDArray[np.bool_]]:
        names = list(dict.fromkeys(name for constraint in self._constraints for name in constraint.names))
        if not self._constraints:
            return
        active = self.activity(individuals)
        columns = {
            name: Column(values, active.get(name)) for name, values in self._codec.columns(individuals, names).items()
        }
        for constraint in self._constraints:
            yield constraint(columns, len(individuals))[1]

    def sample(self, n: int, rng: np.random.Generator) -> Individuals:
        """Points drawn uniformly in the encoded space, each choice of a category as likely as the others.

        Args:
            n: How many.
            rng: Draws them.
        """
        return self._designed(rng.random((_count(n), design_width(self))))

    def sobol(self, n: int, seed: Seed = None, start: int = 0) -> Individuals:
        """The first n points of a scrambled Sobol sequence; best where n is a power of two.

        Args:
            n: How many.
            seed: Scrambles them.
            start: Goes on from this place of the sequence that the seed gives.

        Raises:
            SpaceError: The space has more coordinates than the sequence, or the sequence ends before.
        """
        return self._designed(sobol(_count(n), design_width(self), seed, _count(start)))

    def latin_hypercube(self, n: int, seed: Seed = None) -> Individuals:
        """Points of which each of n equal cells along every number holds one.

        Args:
            n: How many.
            seed: Draws them.
        """
        return self._designed(latin_hypercube(_count(n), design_width(self), seed))

    def _designed(self, design: NDArray[np.float64]) -> Individuals:
        return self.decode(expand(self, design))

    def grid(self, points: int | Mapping[str, int]) -> Grid:
        """The points of a grid, as a sequence that computes them when they are asked for.

        Args:
            points: Points along each number, for all or by name; categories take all their choices.

        Raises:
            KeyError: A name is no parameter.
            SpaceError: A number of points is missing or below 1, or the grid is too large.
        """
        return Grid(self, points)

    def narrow(self, overrides: Mapping[str, Any]) -> "ParameterSpace":
        """This space with some parameters fixed or narrowed.

        Args:
            overrides: Name → a value, which fixes; a mapping of `low`, `high`, `step`, `log`, `default` or `choices`,
                of which what is left out stays; or a parameter.

        Raises:
            KeyError: A name is no parameter; lists the near ones.
            SpaceError: An override reaches beyond what is declared, or changes its kind, shape, unit or condition.
        """
        parameters = dict(self._parameters)
        for name, override in overrides.items():
            declared = self[name]
            try:
                parameters[name] = narrowed(declared, override)
            except SpaceError as error:
                raise SpaceError(f"parameter {name!r}: {error}") from None
        return ParameterSpace(parameters, constraints=self.constraints)

    def to_dict(self) -> dict[str, Any]:
        """Plain data from which `from_dict` makes an equal space; what is as by default is left out."""
        described: dict[str, Any] = {
            "parameters": {name: parameter.to_dict() for name, parameter in self._parameters.items()}
        }
        if self._constraints:
            described["constraints"] = list(self.constraints)
        return described

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> "ParameterSpace":
        """The space that plain data describe.

        Args:
            description: `{"parameters": {name: …}, "constraints": […]}`, where a parameter is `{low, high, step,
                log, integer, shape, unit, when, default}`, `{choices: […], …}`, `{fixed: …}` or a value, which fixes.

        Raises:
            SpaceError: Names the parameter and the key that is wrong.
        """
        if not isinstance(description, Mapping) or not isinstance(description.get("parameters"), Mapping):
            raise SpaceError(f"space: expected parameters: {{name: …}}, got {description!r}")
        for key in description:
            if key not in {"parameters", "constraints"}:
                raise SpaceError(f"space: {near(key, ('parameters', 'constraints'), 'key')}")
        parameters: dict[str, Parameter] = {}
        for name, described in description["parameters"].items():
            try:
                parameters[name] = parameter_from_dict(described)
            except SpaceError as error:
                raise SpaceError(f"parameter {name!r}: {error}") from None
        return cls(parameters, constraints=description.get("constraints") or ())


def _rebuilt(parameters: dict[str, Parameter], constraints: tuple[str, ...]) -> ParameterSpace:
    return ParameterSpace(parameters, constraints=constraints)


def _count(n: int) -> int:
    number = whole_number(n)
    if number is None or number < 0:
        raise SpaceError(f"n: expected how many points, 0 or more, got {n!r}")
    return number


def _checked(mapping: Mapping[str, Parameter] | None, keywords: Mapping[str, Parameter]) -> dict[str, Parameter]:
    if mapping is not None and not isinstance(mapping, Mapping):
        raise SpaceError(f"expected a mapping of names to parameters, or keywords, got {mapping!r}")
    parameters = dict(mapping or {})
    for name in keywords:
        if name in parameters:
            raise SpaceError(f"parameter {name!r}: declared twice, in the mapping and as a keyword")
    parameters.update(keywords)
    if not parameters:
        raise SpaceError("a space needs at least one parameter, got none")
    for name, parameter in parameters.items():
        if not is_name(name):
            raise SpaceError(f"parameter {name!r}: expected {A_NAME}")
        if not isinstance(parameter, Parameter):
            raise SpaceError(
                f"parameter {name!r}: expected Real(low, high), Integer(low, high), Categorical(…) or Fixed(value), "
                f"got {parameter!r}"
            )
    return parameters


def _parsed(place: str, text: str, parameters: Mapping[str, Parameter]) -> Condition:
    try:
        return Condition(text, parameters)
    except SpaceError as error:
        raise SpaceError(f"{place}: {error}") from None
