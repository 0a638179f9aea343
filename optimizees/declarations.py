"""Objectives and observables as experiment files declare them, for optimizees without a class of their own."""

from collections.abc import Mapping
from typing import Any, Literal

from l2l.errors import OptionError, near
from l2l.values import Objective, Observable

_KEYS = ("shape", "dtype", "unit", "ragged")


def objective(owner: str, name: str, said: Any) -> Objective:
    """An objective.

    Args:
        owner: The optimizee's name, for errors.
        name: Of the objective.
        said: `minimize`, `maximize` or `{maximize: true, unit: …}`.

    Raises:
        OptionError: It says something else.
    """
    if isinstance(said, Mapping):
        unknown = [key for key in said if key not in ("maximize", "unit")]
        if not unknown and isinstance(said.get("maximize", False), bool) and isinstance(said.get("unit", ""), str):
            return Objective(name, **said)
    elif said in ("minimize", "maximize"):
        return Objective(name, maximize=said == "maximize")
    raise OptionError(
        f"{owner}: option 'objectives': {name}: expected minimize, maximize or {{maximize: true, unit: …}}, "
        f"got {said!r}"
    )


Objectives = Mapping[str, Any] | Literal["none"]
"""Name → what an objective is; "none" where everything is an observable."""


def by_name(owner: str, objectives: Objectives) -> Mapping[str, Any]:
    """The objectives by name; no entry for "none".

    Raises:
        OptionError: There is no entry, and it does not say "none" either; names the optimizee.
    """
    if objectives == "none":
        return {}
    if not objectives:
        raise OptionError(
            f"{owner}: option 'objectives': expected at least one, or none where everything is an observable, "
            f"got {objectives!r}"
        )
    return objectives


def observable(owner: str, name: str, said: Any) -> Observable:
    """An observable.

    Args:
        owner: The optimizee's name, for errors.
        name: Of the observable.
        said: `{shape: …, dtype: …, unit: …, ragged: …}`, each of which may be left out.

    Raises:
        OptionError: A key is unknown or its value wrong.
    """
    place = f"{owner}: option 'observables': {name}"
    if not isinstance(said, Mapping):
        raise OptionError(f"{place}: expected {{shape: …, dtype: …, unit: …, ragged: …}} or {{}}, got {said!r}")
    for key in said:
        if key not in _KEYS:
            raise OptionError(f"{place}: {near(key, _KEYS, 'key')}")
    try:
        return Observable(**said)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{place}: {error}, got {dict(said)!r}") from None


def check_different(owner: str, objectives: Mapping[str, Any], observables: Mapping[str, Any]) -> None:
    """Refuse to go without any result, or with one name for two results.

    Raises:
        OptionError: Names what is missing or stands twice.
    """
    if not objectives and not observables:
        raise OptionError(f"{owner}: expected objectives or observables, got neither")
    for name in observables:
        if name in objectives:
            raise OptionError(f"{owner}: {name!r} is an objective and an observable; expected two names")
