"""What a file says, changed by `--set key=value`, with the origin of each value for the errors."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l2l import document
from l2l.document import Document, Place, dotted
from l2l.errors import ConfigError, OptionError

PLUGINS = ("optimizee", "optimizer", "launcher")
_DESCRIPTION = frozenset({"low", "high", "step", "log", "integer", "shape", "unit", "when", "default", "choices"})


@dataclass(frozen=True, slots=True)
class Change:
    """A value that replaces what a file says.

    Args:
        key: Dotted ("stop.generations").
        value: Plain data.
        origin: What the user typed ("--set stop.generations=40").
    """

    key: str
    value: Any
    origin: str


def parse_change(text: str, flag: str = "--set") -> Change:
    """A change from `key=value`, the value read as YAML.

    Raises:
        OptionError: It has another form.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key or "" in key.split("."):
        raise OptionError(f"{flag} {text}: expected key=value with a dotted key, as in stop.generations=40")
    try:
        data = document.parse(value, Path("value")).data
    except ConfigError as error:
        raise OptionError(f"{flag} {text}: the value is {error.problem}") from None
    return Change(key, data, f"{flag} {text}")


class Settings:
    """The keys and values of an experiment, and where each came from.

    Args:
        read: The document.
        changes: Applied in this order.

    Raises:
        ConfigError: The document is no mapping, or a change leads into something that is none.
    """

    def __init__(self, read: Document, changes: Iterable[Change] = ()) -> None:
        if not isinstance(read.data, dict):
            got = "nothing" if read.data is None else repr(read.data)[:60]
            raise ConfigError(read.file, "", f"expected a mapping of keys such as optimizee and optimizer, got {got}")
        self._document = read
        self._origins: dict[Place, str] = {}
        self.data: dict[str, Any] = read.data
        for change in changes:
            self._apply(change)

    @property
    def file(self) -> Path:
        """The file that was read."""
        return self._document.file

    @property
    def base(self) -> Path:
        """The folder that its paths are relative to."""
        return self.file.absolute().parent

    def error(self, place: Place, problem: str) -> ConfigError:
        """The error that names a place, and the line or the `--set` that it came from."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._origins:
                return ConfigError(self._origins[place[:length]], dotted(place), problem)
        below = [origin for changed, origin in self._origins.items() if place and changed[: len(place)] == place]
        if below:
            return ConfigError(" ".join(below), dotted(place), problem)
        return self._document.error(place, problem)

    def place(self, key: str) -> Place:
        """The place of a dotted key, as far as the data have it; names that contain dots are found."""
        place, rest = self._walk(key.split("."))
        return (*place, ".".join(rest)) if rest else place

    def from_change(self, place: Place) -> bool:
        """Whether a value was given by a change and not by the file."""
        return any(place[:length] in self._origins for length in range(1, len(place) + 1))

    def _walk(self, parts: list[str]) -> tuple[Place, list[str]]:
        place: Place = ()
        around: Any = self.data
        while parts:
            for length in range(len(parts), 0, -1):
                name = ".".join(parts[:length])
                if isinstance(around, dict) and name in around:
                    place, around, parts = (*place, name), around[name], parts[length:]
                    break
                if isinstance(around, list) and name.isdigit() and int(name) < len(around):
                    place, around, parts = (*place, int(name)), around[int(name)], parts[length:]
                    break
            else:
                break
        return place, parts

    def _apply(self, change: Change) -> None:
        place, rest = self._walk(change.key.split("."))
        if not rest:
            self._put(place[:-1], place[-1], change.value)
        elif len(place) == 1 and place[0] in PLUGINS and isinstance(self.data[place[0]], str):
            self.data[place[0]] = {"name": self.data[place[0]]}
            place = self._new(place, rest, change)
        else:
            place = self._new(place, rest, change)
        self._origins = {old: text for old, text in self._origins.items() if old[: len(place)] != place}
        self._origins[place] = change.origin

    def _new(self, place: Place, rest: list[str], change: Change) -> Place:
        """Put a value where there is none yet, with the mappings around it."""
        for name in self._names(place, rest):
            around = self.at(place)
            if around is None and place:
                self._put(place[:-1], place[-1], around := {})
            if not isinstance(around, dict):
                problem = f"expected a mapping in which to set {name!r}, got {around!r}"
                raise ConfigError(change.origin, dotted(place), problem)
            around[name] = None
            place = (*place, name)
        self._put(place[:-1], place[-1], change.value)
        return place

    @staticmethod
    def _names(place: Place, rest: list[str]) -> list[str]:
        """The keys that are new: one a dot, but names of parameters may contain dots."""
        names = rest
        head: list[str] = []
        if not place:
            head, names = rest[:1], rest[1:]
        if (*place, *head) == ("parameters",) and names:
            if len(names) > 1 and names[-1] in _DESCRIPTION:
                names = [".".join(names[:-1]), names[-1]]
            else:
                names = [".".join(names)]
        return head + names

    def at(self, place: Place) -> Any:
        """The value at a place; None where there is none."""
        around: Any = self.data
        for part in place:
            if not isinstance(around, dict | list) or (isinstance(around, dict) and part not in around):
                return None
            around = around[part]  # type: ignore[index]
        return around

    def _put(self, place: Place, name: str | int, value: Any) -> None:
        self.at(place)[name] = value
