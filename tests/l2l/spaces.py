"""Hypothesis strategies for parameters and spaces of all kinds."""

import pickle
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from l2l.space import Categorical, Fixed, Integer, Parameter, ParameterSpace, Real

T = TypeVar("T")


def travelled(value: T) -> T:
    """What arrives in another process."""
    again: T = pickle.loads(pickle.dumps(value))  # noqa: S301
    return again


UNITS = st.sampled_from(["", "ms", "mV"])
SHAPES: st.SearchStrategy[Any] = st.sampled_from([(), (), 1, 3, (2, 2)])


@st.composite
def reals(draw: st.DrawFn) -> Real:
    log = draw(st.booleans())
    if log:
        low = 10.0 ** draw(st.floats(-100, 100))
        high = low * 10.0 ** draw(st.floats(0.01, 100))
    else:
        low = draw(st.floats(-1e6, 1e6) | st.sampled_from([0.0, -1.0, 1 / 3, -2e-9]))
        high = low + 10.0 ** draw(st.floats(max(-6, np.log10(abs(low) + 1e-12) - 4), 9))
    return Real(low, high, log=log, shape=draw(SHAPES), unit=draw(UNITS))


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    log = draw(st.booleans())
    low = draw(st.integers(1, 10**6) if log else st.integers(-(10**6), 10**6))
    high = low + draw(st.integers(1, 10) | st.integers(1, 10**12))
    return Integer(low, high, log=log, shape=draw(SHAPES), unit=draw(UNITS))


CHOICES = st.one_of(
    st.text(max_size=5),
    st.booleans(),
    st.none(),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.tuples(st.integers(0, 2), st.text(max_size=2)),
)


@st.composite
def categories(draw: st.DrawFn) -> Categorical:
    return Categorical(draw(st.lists(CHOICES, min_size=1, max_size=5, unique=True)), unit=draw(UNITS))


@st.composite
def stepped(draw: st.DrawFn) -> Parameter:
    cells, low, shape = draw(st.integers(1, 300)), draw(st.integers(-(10**6), 10**6)), draw(SHAPES)
    step = draw(st.integers(1, 1000))
    if draw(st.booleans()):
        return Integer(low, low + cells * step, step=step, shape=shape)
    scale = 10.0 ** draw(st.integers(-3, 5))
    return Real(low * scale, (low + cells * step) * scale, step=step * scale, shape=shape)


FIXED = st.one_of(
    st.floats(-10, 10), st.integers(-10, 10), CHOICES, st.lists(st.floats(-1, 1), min_size=1, max_size=3)
).map(Fixed)
PARAMETERS: st.SearchStrategy[Parameter] = st.one_of(reals(), integers(), categories(), stepped(), FIXED)


@st.composite
def spaces(draw: st.DrawFn) -> ParameterSpace:
    """Up to seven parameters, of which some have an effect only above or below values of `switch` or of another one."""
    parameters: dict[str, Parameter] = {"switch": Real(0.0, 1.0), "mode": Categorical("a", "b", "c")}
    for i, parameter in enumerate(draw(st.lists(PARAMETERS, max_size=5))):
        when = draw(
            st.sampled_from([None, "switch > 0.5", "mode in ['a', 'b']", "not (mode == 'c') and switch <= 0.7"])
        )
        parameters[f"p.{i}"] = conditional(parameter, when)
    if draw(st.booleans()):
        parameters["inner"] = Real(-1.0, 1.0, when="switch > 0.2")
        parameters["innermost"] = Integer(1, 9, when="inner > 0")
    return ParameterSpace(parameters, constraints=draw(st.sampled_from([[], ["switch < 0.9"]])))


def conditional(parameter: Parameter, when: str | None) -> Parameter:
    match parameter:
        case Real() | Integer():
            return type(parameter)(
                parameter.low, parameter.high, log=parameter.log, shape=parameter.shape, unit=parameter.unit, when=when
            )
        case Categorical():
            return Categorical(*parameter.choices, unit=parameter.unit, when=when)
        case Fixed():
            return Fixed(parameter.value, unit=parameter.unit, when=when)
    raise TypeError(parameter)
