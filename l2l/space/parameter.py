"""What all kinds of parameters share."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Parameter(ABC):
    """One named dimension, or several, of a space; equal to another of the same description."""

    unit: str
    when: str | None
    default: Any
    kind: ClassVar[str]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a value; () for a scalar."""
        return ()

    @property
    def size(self) -> int:
        """The number of components of a value."""
        return math.prod(self.shape)

    @property
    def codes(self) -> tuple[Any, ...] | None:
        """What the places in the parameter's column stand for; None where the column holds numbers themselves."""
        return None

    @property
    @abstractmethod
    def width(self) -> int:
        """The number of encoded coordinates."""

    @abstractmethod
    def canonical(self, value: Any) -> Any:
        """The value as a space's points hold it: of the right type, rounded, within bounds.

        Raises:
            SpaceError: It is of the wrong type or shape, or out of bounds.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain data that say the same; what is as by default is left out."""

    def _common(self) -> dict[str, Any]:
        common: dict[str, Any] = {}
        if self.unit:
            common["unit"] = self.unit
        if self.when is not None:
            common["when"] = self.when
        return common

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self._set(**state)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Parameter):
            return type(self) is type(other) and self._identity() == other._identity()
        return NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), self._identity()))

    def _identity(self) -> str:
        return json.dumps(self.to_dict())  # tells 1, 1.0 and True apart, which == does not

    def __repr__(self) -> str:
        described = self.to_dict()
        described.pop("integer", None)
        positional = [repr(described.pop(name)) for name in ("low", "high", "fixed") if name in described]
        positional += [repr(choice) for choice in described.pop("choices", ())]
        return f"{type(self).__name__}({', '.join(positional + [f'{k}={v!r}' for k, v in described.items()])})"
