"""What each key of an experiment file may hold, and how that is said."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from l2l.aggregate import check_aggregate
from l2l.config.settings import Settings
from l2l.document import Place
from l2l.errors import L2LError, OptionError, near
from l2l.plugin import Reference, from_plain
from l2l.quantities import finite_number, whole_number
from l2l.seeding import MODES
from l2l.stop import Stop
from l2l.values import Resources

Check = Callable[[Settings, Place, Any], Any]
"""From a value of the file to the argument; raises `ConfigError`."""

T = TypeVar("T")

KEEP = ("failures", "best", "all", "none")
ON_FAILURE = ("continue", "raise")


def whole(least: int) -> Check:
    """A whole number of at least `least`."""

    def check(settings: Settings, place: Place, value: Any) -> int:
        number = whole_number(value)
        if number is None:
            raise settings.error(place, f"expected a whole number, got {value!r}")
        if number < least:
            raise settings.error(place, f"expected a whole number of at least {least}, got {value!r}")
        return number

    return check


def share(settings: Settings, place: Place, value: Any) -> float:
    """A number from 0 to 1."""
    number = finite_number(value)
    if number is None or not 0 <= number <= 1:
        raise settings.error(place, f"expected a share from 0 to 1, got {value!r}")
    return number


def allowed_failures(settings: Settings, place: Place, value: Any) -> float | None:
    """A number from 0 to 1, or nothing."""
    return None if value is None else share(settings, place, value)


def one_of(choices: Sequence[str]) -> Check:
    """One of some words."""

    def check(settings: Settings, place: Place, value: Any) -> str:
        if value not in choices:
            raise settings.error(place, f"expected one of {', '.join(choices)}, got {value!r}")
        return str(value)

    return check


def text(settings: Settings, place: Place, value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise settings.error(place, f"expected text, got {value!r}")
    return value


def aggregate(settings: Settings, place: Place, value: Any) -> Any:
    """The name of an aggregate, or `file.py:function`."""
    if isinstance(value, str) and ":" in value:
        try:
            value = Reference.parse(value, settings.base).load()
        except L2LError as error:
            raise settings.error(place, str(error)) from error
    try:
        check_aggregate(value)
    except OptionError as error:
        raise settings.error(place, str(error).removeprefix("aggregate: ")) from None
    return value


def mapping(settings: Settings, place: Place, value: Any, example: str) -> dict[str, Any]:
    """A mapping; nothing is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise settings.error(place, f"expected a mapping such as {example}, got {value!r}")
    return value


def known(settings: Settings, place: Place, value: Mapping[str, Any], names: Iterable[str], what: str = "key") -> None:
    """Refuse unknown keys of a mapping, naming the near ones."""
    for key in value:
        if key not in names:
            raise settings.error((*place, key), near(key, names, what))


def stop(settings: Settings, place: Place, value: Any) -> dict[str, Any]:
    """Stop rules."""
    rules = mapping(settings, place, value, "{generations: 20, target: 0.01}")
    known(settings, place, rules, [field.name for field in fields(Stop)], "stop rule")
    counts = {"generations", "individuals", "trials", "stagnation"}
    checked = {
        name: whole(1)(settings, (*place, name), one) if name in counts else one
        for name, one in rules.items()
        if one is not None
    }
    _built(settings, place, lambda: Stop(**checked))
    return checked


def resources(settings: Settings, place: Place, value: Any) -> Resources:
    """What a trial may use."""
    given = mapping(settings, place, value, "{threads: 2, memory: 2 GB, timeout: 10min}")
    known(settings, place, given, [field.name for field in fields(Resources)], "resource")
    return _built(settings, place, lambda: Resources(**given))


def _built(settings: Settings, place: Place, make: Callable[[], T]) -> T:
    """What `make` makes; its errors begin with the key, whole or without the section."""
    try:
        return make()
    except OptionError as error:
        key, _, problem = str(error).partition(": ")
        inner = key.rpartition(".")[2]
        raise settings.error((*place, inner), problem) from None


def parameters(settings: Settings, place: Place, value: Any) -> dict[str, Any]:
    """What is fixed or narrowed; compared with the space later."""
    given = mapping(settings, place, value, "{g: 5.0, eta: {low: 0.8, high: 3.0}}")
    plain: dict[str, Any] = from_plain(given, settings.base)
    return plain


def initial(settings: Settings, place: Place, value: Any) -> list[dict[str, Any]]:
    """Individuals to begin from."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise settings.error(place, f"expected a list of mappings such as [{{eta: 2.0}}], got {value!r}")
    plain: list[dict[str, Any]] = from_plain(
        [mapping(settings, (*place, number), one, "{eta: 2.0}") for number, one in enumerate(value)], settings.base
    )
    return plain


def memo(settings: Settings, place: Place, value: Any) -> list[Path]:
    """Earlier runs: a path, or a list of them, relative to the file (from `--set`: to the current folder)."""
    given = [value] if isinstance(value, str) else value if value is not None else []
    if not isinstance(given, list):
        raise settings.error(place, f"expected the folder of a run, or a list of these, got {value!r}")
    base = Path.cwd() if settings.from_change(place) else settings.base
    found = []
    for number, one in enumerate(given):
        inner = (*place, number) if isinstance(value, list) else place
        path = base / text(settings, inner, one)
        if not path.exists():
            raise settings.error(inner, f"there is no run {path}")
        found.append(path)
    return found


def weights(settings: Settings, place: Place, value: Any) -> Any:
    """A weight an objective: a list in their order, or a mapping from their names."""
    if value is None:
        return None
    if not isinstance(value, dict | list) or not value:
        raise settings.error(place, f"expected weights such as {{rate_error: 1.0, cv_error: 0.5}}, got {value!r}")
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        if finite_number(one) is None:
            raise settings.error((*place, key), f"expected a number, got {one!r}")
    return value


def validate(settings: Settings, place: Place, value: Any) -> dict[str, int] | None:
    """How many winners are simulated anew, and how often."""
    if value is None:
        return None
    given = mapping(settings, place, value, "{best: 1, trials: 100}")
    known(settings, place, given, ("best", "trials"))
    return {name: whole(1)(settings, (*place, name), one) for name, one in given.items()}


CHECKS: dict[str, Check] = {
    "directory": text,
    "stop": stop,
    "seed": whole(0),
    "trials": whole(1),
    "aggregate": aggregate,
    "seeding": one_of(MODES),
    "parameters": parameters,
    "initial": initial,
    "memo": memo,
    "weights": weights,
    "resources": resources,
    "on_failure": one_of(ON_FAILURE),
    "retries": whole(0),
    "max_failures": allowed_failures,
    "keep": one_of(KEEP),
    "validate": validate,
}
