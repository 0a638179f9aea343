"""The space in which the points of two spaces lie, of which each narrows one and the same."""

from typing import Any

import numpy as np

from l2l.errors import SpaceError
from l2l.space.categorical import Categorical, Fixed
from l2l.space.numeric import Integer, Numeric, Real
from l2l.space.parameter import Parameter
from l2l.space.space import ParameterSpace


def united(one: ParameterSpace, other: ParameterSpace) -> ParameterSpace:
    """The smallest space with the points of both.

    Raises:
        SpaceError: They have other parameters, or one is of another kind; names it.
    """
    if one == other:
        return one
    if one.names != other.names:
        differ = sorted({*one.names} ^ {*other.names}) or list(one.names)
        raise SpaceError(f"only one of them has {', '.join(differ)}, or in another order")
    if one.constraints != other.constraints:
        raise SpaceError(f"their constraints differ: {list(one.constraints)} and {list(other.constraints)}")
    parameters: dict[str, Parameter] = {}
    for name in one.names:
        try:
            parameters[name] = _both(one[name], other[name])
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r}: {error}") from None
    return ParameterSpace(parameters, constraints=one.constraints)


def _both(one: Parameter, other: Parameter) -> Parameter:
    if one.to_dict() == other.to_dict():
        return one
    if (one.shape, one.unit, one.when) != (other.shape, other.unit, other.when):
        raise SpaceError("its shape, unit or condition differs")
    if one.codes is not None and other.codes is not None:
        choices = list(one.codes) + [choice for choice in other.codes if choice not in one.codes]
        return Categorical(choices, unit=one.unit, when=one.when) if len(choices) > 1 else one
    if one.codes is not None or other.codes is not None:
        raise SpaceError(f"it is {one.kind} and {other.kind}")
    return _numbers(one, other)


def _numbers(one: Parameter, other: Parameter) -> Parameter:
    """A parameter that reaches from the lowest to the highest value of both."""
    scales = [part for part in (one, other) if isinstance(part, Numeric)]
    if len({(type(part), part.log) for part in scales}) > 1:
        raise SpaceError("its kind or its scale differs")
    low, high = (reach(reach(_ends(part)) for part in (one, other)) for reach in (min, max))
    kind = _kind(one, other)
    log = scales[0].log if scales else False
    more: dict[str, Any] = {"log": log, "shape": one.shape, "unit": one.unit, "when": one.when}
    steps = {part.step for part in scales}
    if len(scales) == 2 and len(steps) == 1 and None not in steps and scales[0].low == scales[1].low:
        more["step"] = steps.pop()  # else the lattices may miss each other
    return kind(low, high, **more)


def _kind(one: Parameter, other: Parameter) -> type[Real | Integer]:
    for part in (one, other):
        if isinstance(part, Real | Integer):
            return type(part)
    whole = all(np.asarray(part.default).dtype.kind == "i" for part in (one, other))
    return Integer if whole else Real


def _ends(parameter: Parameter) -> tuple[Any, Any]:
    if isinstance(parameter, Numeric):
        return parameter.low, parameter.high
    assert isinstance(parameter, Fixed)
    values = np.asarray(parameter.value)
    return values.min().item(), values.max().item()
