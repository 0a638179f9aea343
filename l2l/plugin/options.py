"""The options of a plugin, as the signature of its constructor describes them."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from l2l.errors import OptionError, near
from l2l.plugin.annotations import fits, hints_of, parameters_of, type_text


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a plugin's constructor.

    Args:
        name: As a keyword and in YAML.
        type: The annotation, as text.
        default: Its default; `inspect.Parameter.empty` where it must be given.
        help: From the docstring's `Args:`.
    """

    name: str
    type: str
    default: Any
    help: str

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty


@cache
def describe_options(cls: type) -> tuple[Option, ...]:
    """The options of a plugin class, in the order of its signature."""
    help_of: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        help_of |= _documented(base.__doc__) | _documented(getattr(vars(base).get("__init__"), "__doc__", None))
    return tuple(
        Option(one.name, type_text(one.annotation), one.default, help_of.get(one.name, ""))
        for one in _options_of(cls).values()
    )


def _options_of(cls: type) -> dict[str, inspect.Parameter]:
    return parameters_of(cls, getattr(cls, "_positional", 0))


def _documented(text: str | None) -> dict[str, str]:
    """Argument → sentence, from a docstring's `Args:`; `low, high: …` says the same of both."""
    found: dict[str, str] = {}
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", inspect.cleandoc(text or ""), re.MULTILINE)
    if section:
        lines = inspect.cleandoc(section[1])
        for entry in re.finditer(r"^(\w+(?:, *\w+)*)(?: *\([^\n]*?\))?:(.*(?:\n+[ \t]+.*)*)", lines, re.MULTILINE):
            found |= dict.fromkeys(re.split(", *", entry[1]), " ".join(entry[2].split()))
    return found


def check_options(cls: type, options: Mapping[str, Any], positional: int = 0) -> None:
    """Refuse options that the constructor of a plugin does not know or that have the wrong type.

    Args:
        cls: The plugin.
        options: Name → value.
        positional: How many arguments stand before the options (an optimizer's space).

    Raises:
        OptionError: Names the plugin, the option, what was expected and what came.
    """
    known = _options_of(cls)
    accepted = parameters_of(cls, positional)
    for name in options:
        if name not in accepted:
            raise OptionError(f"{cls.__name__}: {near(name, known, 'option')}")
    missing = [one.name for one in known.values() if one.default is one.empty and one.name not in options]
    if missing:
        raise OptionError(f"{cls.__name__}: option {', '.join(map(repr, missing))} must be given")
    hints = hints_of(cls)
    for name, value in options.items():
        if name in hints and not fits(value, hints[name]):
            expected = type_text(hints[name])
            raise OptionError(f"{cls.__name__}: option {name!r}: expected {expected}, got {value!r}")
