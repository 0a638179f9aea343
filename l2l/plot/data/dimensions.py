"""What stands on the axes of a picture: quantities with units, and the components of parameters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import NotFoundError, near
from l2l.space import Categorical, ParameterSpace
from l2l.space.numeric import Integer, Numeric
from l2l.space.parameter import Parameter

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that individuals or trials have, such as an objective or an observable.

    Args:
        name: As it was declared.
        unit: "" where it has none.
        maximize: Whether more is better; None where neither is.
    """

    name: str
    unit: str = ""
    maximize: bool | None = None

    @property
    def label(self) -> str:
        """The name with its unit, for an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def sign(self) -> float:
        """The factor after which lower is better."""
        return -1.0 if self.maximize else 1.0


@dataclass(frozen=True, slots=True)
class Dimension:
    """A parameter that is a scalar, or one component of a parameter that is an array.

    Args:
        parameter: The name of the parameter.
        place: Where the component stands in the array; () for a scalar.
        unit: Of the values; "" where they have none.
        log: Whether the parameter is searched on a logarithmic scale.
        low: The lower bound; for categories -0.5.
        high: The upper bound; for categories half beyond the last place.
        choices: What the places of categories are called; None for numbers.
        whole: Whether the values are whole numbers.
        when: The condition under which the parameter has an effect, or None.
    """

    parameter: str
    place: tuple[int, ...] = ()
    unit: str = ""
    log: bool = False
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] | None = None
    whole: bool = False
    when: str | None = None

    @property
    def name(self) -> str:
        """The parameter's name, with the place of the component: `weights[3]`, `J[0,2]`."""
        return self.parameter + (f"[{','.join(map(str, self.place))}]" if self.place else "")

    @property
    def label(self) -> str:
        """The name with its unit, for an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def values(self, individuals: Mapping[str, Any], rows: Any = slice(None)) -> Floats:
        """The values of some individuals, (n,): NaN where the parameter is inactive, places for categories.

        Args:
            individuals: The table of that name.
            rows: Which of them.
        """
        column = individuals[f"parameters/{self.parameter}"]
        values = column[(rows, *self.place)].astype(np.float64)
        if f"active/{self.parameter}" in individuals:
            values[~individuals[f"active/{self.parameter}"][rows]] = np.nan
        return np.asarray(values)

    def scaled(self, values: Floats) -> Floats:
        """Values between 0 and 1, at the lower and at the upper bound, on the scale of the parameter."""
        if self.log:
            return np.asarray(np.log(values / self.low) / np.log(self.high / self.low))
        return np.asarray((values - self.low) / (self.high - self.low))


def dimensions_of(space: ParameterSpace) -> tuple[Dimension, ...]:
    """All scalars and components of a space that can vary, in the order of the space."""
    return tuple(one for name, parameter in space.parameters.items() for one in _of_parameter(name, parameter))


def _of_parameter(name: str, parameter: Parameter) -> Sequence[Dimension]:
    if isinstance(parameter, Categorical):
        labels = tuple(choice if isinstance(choice, str) else repr(choice) for choice in parameter.choices)
        dimension = Dimension(
            name,
            unit=parameter.unit,
            low=-0.5,
            high=len(labels) - 0.5,
            choices=labels,
            whole=True,
            when=parameter.when,
        )
        return (dimension,) if len(labels) > 1 else ()
    if not isinstance(parameter, Numeric):
        return ()  # fixed
    return [
        Dimension(
            name,
            place=place,
            unit=parameter.unit,
            log=parameter.log,
            low=float(parameter.low),
            high=float(parameter.high),
            whole=isinstance(parameter, Integer),
            when=parameter.when,
        )
        for place in np.ndindex(parameter.shape)
    ]


def chosen_dimensions(known: Sequence[Dimension], names: Sequence[str]) -> list[Dimension]:
    """The dimensions that a user names: `eta`, `weights[3]`, or `weights` for all components.

    Raises:
        NotFoundError: A name is no parameter that varies; lists the near ones.
    """
    found: dict[str, Dimension] = {}
    for name in names:
        wanted = re.sub(r"\s", "", name)
        fitting = [one for one in known if name == one.parameter or wanted == re.sub(r"\s", "", one.name)]
        if not fitting:
            parameters = dict.fromkeys(one.parameter for one in known)
            raise NotFoundError(near(name, parameters, "parameter that varies"))
        found |= {one.name: one for one in fitting}
    return list(found.values())
