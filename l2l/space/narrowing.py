"""Fixing and narrowing a declared parameter; never widening it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from l2l.errors import SpaceError, near
from l2l.space.categorical import Categorical, Fixed
from l2l.space.numeric import Integer, Real
from l2l.space.parameter import Parameter


def narrowed(declared: Parameter, override: Any) -> Parameter:
    """The declared parameter as an experiment wants it.

    Args:
        declared: What the optimizee declares.
        override: A value, which fixes; a mapping of `low`, `high`, `step`, `log`, `default`, `unit` or `choices`; a
            parameter.

    Raises:
        SpaceError: It reaches beyond what is declared, or changes its kind, shape, unit or condition.
    """
    if isinstance(override, Fixed):
        return _fixed(declared, override.value)
    if isinstance(override, Parameter):
        return _replaced(declared, override)
    if isinstance(override, Mapping):
        return _described(declared, override)
    return _fixed(declared, override)


def _fixed(declared: Parameter, value: Any) -> Fixed:
    if isinstance(declared, Real | Integer) and declared.shape and np.ndim(value) == 0:
        value = np.full(declared.shape, declared.canonical_component(value))
    return Fixed(declared.canonical(value), unit=declared.unit, when=declared.when)


def _replaced(declared: Parameter, wanted: Parameter) -> Parameter:
    if type(wanted) is not type(declared):
        raise SpaceError(f"expected {_article(declared.kind)} parameter as declared, got {wanted!r}")
    for what in ("shape", "unit", "when"):
        asked, has = getattr(wanted, what), getattr(declared, what)
        if asked not in {has, None, ""} and not (what == "shape" and asked == ()):
            raise SpaceError(f"{what}: declared as {has!r} and cannot be changed, got {asked!r}")
    settable = set(_known(declared)) - {"shape", "unit", "integer"}
    changes = {key: value for key, value in wanted.to_dict().items() if key in settable}
    return _described(declared, {**changes, "log": wanted.log} if isinstance(wanted, Real | Integer) else changes)


def _known(declared: Parameter) -> tuple[str, ...]:
    if isinstance(declared, Categorical):
        return ("choices", "default", "unit")
    return ("low", "high", "step", "log", "default", "unit", "integer", "shape")


def _described(declared: Parameter, changes: Mapping[str, Any]) -> Parameter:
    if "fixed" in changes:
        return _fixed(declared, changes["fixed"])
    if isinstance(declared, Fixed):
        raise SpaceError(f"is fixed at {declared.value!r}, got {dict(changes)!r}")
    for key in changes:
        if key == "when" and changes["when"] != declared.when:
            raise SpaceError(f"when: declared as {declared.when!r} and cannot be changed")
        if key not in (*_known(declared), "when"):
            raise SpaceError(near(key, _known(declared), f"key for {_article(declared.kind)} parameter"))
    if changes.get("unit", declared.unit) != declared.unit:
        raise SpaceError(f"unit: declared as {declared.unit!r}, values are not converted, got {changes['unit']!r}")
    if isinstance(declared, Categorical):
        return _subset(declared, changes)
    assert isinstance(declared, Real | Integer)
    return _bounded(declared, changes)


def _subset(declared: Categorical, changes: Mapping[str, Any]) -> Categorical:
    choices = changes.get("choices", declared.choices)
    if not isinstance(choices, list | tuple):
        raise SpaceError(f"choices: expected a list, got {choices!r}")
    try:
        kept = [declared.canonical(choice) for choice in choices]
    except SpaceError as error:
        raise SpaceError(f"choices: {error}") from None
    default = changes.get("default", declared.default if declared.default_given else None)
    if "default" not in changes and default not in kept:
        default = None
    return Categorical(*kept, unit=declared.unit, default=default, when=declared.when)


def _bounded(declared: Real | Integer, changes: Mapping[str, Any]) -> Real | Integer:
    if changes.get("integer", isinstance(declared, Integer)) is not isinstance(declared, Integer):
        raise SpaceError(f"integer: declared as {declared.kind}, which cannot be changed")
    shape = changes.get("shape", declared.shape)
    if (tuple(shape) if isinstance(shape, list | tuple) else (shape,)) != declared.shape:
        raise SpaceError(f"shape: declared as {declared.shape}, which cannot be changed, got {shape!r}")
    bounds = {"low": changes.get("low", declared.low), "high": changes.get("high", declared.high)}
    default = changes.get("default")
    new = type(declared)(
        **bounds,
        step=changes.get("step", declared.step),
        log=changes.get("log", declared.log),
        shape=declared.shape,
        unit=declared.unit,
        default=default,
        when=declared.when,
    )
    for name, bound in bounds.items():
        if not declared.low <= bound <= declared.high:
            raise SpaceError(
                f"{name}: {bound!r} is outside the declared range from {declared.low!r} to {declared.high!r}"
            )
    _check_step(declared, new)
    kept = declared.default if declared.default_given and default is None else None
    if kept is not None and _allowed(new, kept):
        return type(declared)(
            **bounds,
            step=new.step,  # type: ignore[arg-type]
            log=new.log,
            shape=new.shape,
            unit=new.unit,
            default=kept,
            when=new.when,
        )
    return new


def _check_step(declared: Real | Integer, new: Real | Integer) -> None:
    """Refuse values that the declared lattice does not have.

    Raises:
        SpaceError: The lower bound is between two declared steps, or the step is no multiple of the declared one.
    """
    if declared.step is None:
        return
    try:
        declared.canonical_component(new.low)
    except SpaceError as error:
        raise SpaceError(f"low: {error}") from None
    multiple = (new.step or 0) / declared.step
    if multiple < 0.5 or abs(multiple - round(multiple)) > 1e-9 * multiple:
        raise SpaceError(f"step: declared as {declared.step!r}, expected a multiple of it, got {new.step!r}")


def _allowed(parameter: Real | Integer, value: Any) -> bool:
    try:
        parameter.canonical(value)
    except SpaceError:
        return False
    return True


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
