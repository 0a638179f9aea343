"""Parameters without an order: `Categorical`, and `Fixed`, which has one value."""

from collections.abc import Iterable, KeysView, Mapping, Set, ValuesView
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from l2l.errors import SpaceError
from l2l.individual import Choice
from l2l.space.checks import array_of, choice_of, fixed_value, is_number, plain, unit_of, when_of
from l2l.space.parameter import Parameter
from l2l.space.rounding import round_significant


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Categorical(Parameter):
    """One of several choices without an order.

    Args:
        choices: Texts, truth values, numbers, None, or tuples of these; no two equal. A single list (tuple, array,
            range, generator) is the list of the choices; a tuple that is the only choice stands in a list of its own.
        unit: For people and tables.
        default: One of the choices; the first unless given.
        when: The condition under which the parameter has an effect.

    Raises:
        SpaceError: No choice, a set (which has no order), equal choices, a choice that is no plain datum, a default
            that is no choice.

    Example:
        >>> Categorical("iaf_psc_alpha", "iaf_psc_exp").default
        'iaf_psc_alpha'
    """

    kind: ClassVar[str] = "categorical"
    choices: tuple[Choice, ...]
    default: Choice
    default_given: bool

    def __init__(self, *choices: Any, unit: str = "", default: Any = None, when: str | None = None) -> None:
        plain = tuple(choice_of(choice) for choice in _listed(choices))
        if not plain:
            raise SpaceError("expected at least one choice, got none")
        for place, choice in enumerate(plain):
            if choice in plain[:place]:
                first = plain[plain.index(choice)]
                raise SpaceError(f"choices must differ, got {first!r} and {choice!r}, which are equal")
        self._set(choices=plain, unit=unit_of(unit), when=when_of(when))
        try:
            self._set(default=plain[0] if default is None else self.canonical(default))
        except SpaceError as error:
            raise SpaceError(f"default: {error}") from None
        self._set(default_given=default is not None)

    @property
    def codes(self) -> tuple[Any, ...]:
        """The choices, whose places the parameter's column holds."""
        return self.choices

    @property
    def width(self) -> int:
        """The number of encoded coordinates: one a choice."""
        return len(self.choices)

    def canonical(self, value: Any) -> Choice:
        """The choice that equals the value.

        Raises:
            SpaceError: None does.
        """
        return self.choices[self.code(value)]

    def code(self, value: Any) -> int:
        """The place of a value among the choices.

        Raises:
            SpaceError: It is none of them.
        """
        try:
            return self.choices.index(choice_of(value))
        except (SpaceError, ValueError):
            listed = ", ".join(map(repr, self.choices[:12])) + (", …" if len(self.choices) > 12 else "")
            raise SpaceError(f"expected one of {listed}, got {value!r}") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain data that say the same; what is as by default is left out."""
        choices = [plain(choice) for choice in self.choices]
        alone = len(choices) == 1 and isinstance(choices[0], list)  # which would be taken for the list of the choices
        described: dict[str, Any] = {"choices": [choices] if alone else choices}
        if self.default_given:
            described["default"] = plain(self.default)
        return described | self._common()


def _listed(choices: tuple[Any, ...]) -> Iterable[Any]:
    """The choices, also where they were given as one list."""
    if len(choices) != 1 or not isinstance(choices[0], Iterable) or isinstance(choices[0], str | bytes):
        return choices
    only = choices[0]
    if isinstance(only, KeysView | ValuesView):
        return list(only)
    if isinstance(only, Set | Mapping):
        kind = "mapping" if isinstance(only, Mapping) else "set, which has no order"
        raise SpaceError(f"choices: expected them one by one or as a list, got a {kind}: {only!r}")
    if isinstance(only, np.ndarray) and only.ndim == 0:
        return choices
    return list(only)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Fixed(Parameter):
    """A parameter with one value: it has no coordinate and stays in every individual.

    Args:
        value: A number, a choice, or an array (a list of numbers is one).
        unit: For people and tables.
        when: The condition under which the parameter has an effect.

    Raises:
        SpaceError: The value is none of these.
    """

    kind: ClassVar[str] = "fixed"
    value: Any

    def __init__(self, value: Any, unit: str = "", *, when: str | None = None) -> None:
        fixed = fixed_value(value)
        self._set(value=fixed, default=fixed, unit=unit_of(unit), when=when_of(when))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value; () for a scalar or a choice."""
        return self.value.shape if isinstance(self.value, np.ndarray) else ()

    @property
    def codes(self) -> tuple[Any, ...] | None:
        """The value alone where it is a choice; None where it is a number or an array."""
        numeric = isinstance(self.value, float | np.ndarray) or (
            is_number(self.value) and -(2**63) <= self.value < 2**63
        )
        return None if numeric else (self.value,)

    @property
    def width(self) -> int:
        """The number of encoded coordinates: none."""
        return 0

    def canonical(self, value: Any) -> Any:
        """The value, if it is the one.

        Raises:
            SpaceError: It is another.
        """
        try:
            same = np.array_equal(array_of(value), self.value) if self.shape else choice_of(value) == self.value
        except SpaceError:
            same = False
        if not same and isinstance(self.value, float) and is_number(value):
            same = float(round_significant(float(value))) == self.value
        if not same:
            raise SpaceError(f"expected {self.value!r}, at which the parameter is fixed, got {value!r}")
        return self.value

    def to_dict(self) -> dict[str, Any]:
        """Plain data that say the same; what is as by default is left out."""
        if isinstance(self.value, np.ndarray):
            return {"fixed": self.value.tolist(), "shape": list(self.shape), **self._common()}
        return {"fixed": plain(self.value), **self._common()}
