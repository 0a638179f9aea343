"""Parameters from plain data, as YAML files and archives hold them."""

from collections.abc import Mapping
from typing import Any

from l2l.errors import SpaceError, near
from l2l.space.categorical import Categorical, Fixed
from l2l.space.checks import is_number, truth
from l2l.space.numeric import Integer, Real
from l2l.space.parameter import Parameter

NUMBER_KEYS = ("low", "high", "step", "log", "integer", "shape", "unit", "when", "default")
CATEGORY_KEYS = ("choices", "unit", "when", "default")
FIXED_KEYS = ("fixed", "shape", "unit", "when")


def parameter_from_dict(description: Any) -> Parameter:
    """The parameter that plain data describe: `{low, high, …}`, `{choices: […]}`, `{fixed: …}`, or a bare value.

    Raises:
        SpaceError: A key is unknown or missing, or its value is wrong.
    """
    if isinstance(description, Parameter):
        return description
    if not isinstance(description, Mapping):
        return Fixed(_not_choices(description))
    given = dict(description)
    if "choices" in given:
        return _categorical(given)
    if "fixed" in given:
        return _fixed(given)
    _check_keys(given, NUMBER_KEYS)
    for bound in ("low", "high"):
        if bound not in given:
            raise SpaceError(f"{bound}: missing; expected low and high, choices, or a value that fixes, got {given!r}")
    integer = truth(given.pop("integer", False), "integer")
    shape = given.pop("shape", ())
    kind = Integer if integer else Real
    return kind(**given, shape=tuple(shape) if isinstance(shape, list) else shape)


def _not_choices(value: Any) -> Any:
    """A bare value, which fixes; a list of texts is more likely meant as choices."""
    if isinstance(value, list | tuple) and not all(is_number(one) or isinstance(one, list | tuple) for one in value):
        raise SpaceError(
            f"expected a number, a text or an array of numbers, got {value!r}; "
            "for one of several write choices: […], and fixed: […] to fix the whole list"
        )
    return value


def _categorical(given: dict[str, Any]) -> Categorical:
    _check_keys(given, CATEGORY_KEYS)
    choices = given.pop("choices")
    if not isinstance(choices, list | tuple):
        raise SpaceError(f"choices: expected a list, got {choices!r}")
    return Categorical(*choices, **given)


def _fixed(given: dict[str, Any]) -> Fixed:
    _check_keys(given, FIXED_KEYS)
    value = given.pop("fixed")
    shape = given.pop("shape", None)
    if isinstance(value, list | tuple):  # an array has a shape, a choice that is a list has none
        value = tuple(value) if shape is None else list(value)
    return Fixed(value, **given)


def _check_keys(given: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            raise SpaceError(near(key, known, "key"))
