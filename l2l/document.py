"""YAML documents that remember on which line everything stands.

Read and written in the core schema of YAML 1.2, in which `1e-3` is a number, `no` and `off` are text, and `00:10:00`
is text too; PyYAML alone follows YAML 1.1, which has them as text, as false, and as 600. A key given twice is an
error.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from l2l.errors import ConfigError
from l2l.files import replace

Place = tuple[str | int, ...]
"""A place in a document: keys and positions from the root."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML text says, and where.

    Args:
        file: It was read from here.
        data: Mappings, lists and scalars.
        lines: Place → line, from 1.
    """

    file: Path
    data: Any
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest one around it; None where it is not from the text."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None

    def error(self, place: Place, problem: str) -> ConfigError:
        """The error that names a place in this document."""
        return ConfigError(self.file, dotted(place), problem, self.line(place))


def dotted(place: Place) -> str:
    """A place as users write it: `parameters.g.low`, `initial[2].eta`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(file: Path) -> Document:
    """Read a YAML file.

    Raises:
        ConfigError: There is none, or it is no YAML text; names the line.
    """
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        text = raw.decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(file, "", "there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(file, "", "expected a file, got a folder") from None
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", f"expected a text file in UTF-8, got other bytes at {error.start}") from None
    except OSError as error:
        raise ConfigError(file, "", f"it cannot be read: {error.strerror}") from None
    except ValueError as error:  # a NUL in its name
        raise ConfigError(file, "", f"it cannot be read: {error}") from None
    if len(raw) > LARGEST:
        raise ConfigError(file, "", f"expected a text of at most {LARGEST:,} bytes, got more; is it the right file?")
    return parse(text, file)


def parse(text: str, file: Path) -> Document:
    """Read a YAML text.

    Args:
        text: Of one document.
        file: What to call it in errors.

    Raises:
        ConfigError: It is no YAML text, has a key twice, or a key that is no text; names the line.
    """
    lines: dict[Place, int] = {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = None if node is None else _Builder(loader, file, lines).build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(file, "", f"not YAML: {problem}", mark.line + 1 if mark else None) from None
    except RecursionError:
        raise ConfigError(file, "", _TOO_DEEP) from None
    except yaml.YAMLError as error:
        raise ConfigError(file, "", f"not YAML: {' '.join(str(error).split())}") from None
    return Document(file, data, lines)


def write(file: Path, data: Any) -> None:
    """Write plain data so that `read` gives them again; what stood there is replaced at once or stays.

    Raises:
        StorageError: It cannot be written.
    """
    replace(file, dump(data).encode())


def dump(data: Any) -> str:
    """Plain data as a YAML text, in the order of their keys."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return text


LARGEST = 64 * 2**20
"""Bytes of a document. A generation of a million individuals is smaller, and larger texts take minutes to read."""
DEEPEST = 100
"""Lists and mappings within each other; experiments need about ten."""
MOST_REPEATED = 100_000
"""Values that aliases and merge keys may add to those that are written, or a few lines would fill the memory."""
_LONGEST_INT = 400
"""Digits of a whole number; floating-point numbers end at 309."""
_TOO_DEEP = f"expected at most {DEEPEST} lists and mappings within each other, got more"


class _Loader(yaml.SafeLoader):
    """Scalars as the core schema of YAML 1.2 has them."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, unless it lies too deep."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, _TOO_DEEP, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would take for something else than text; writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML's single quotes lose line breaks of Unicode such as U+0085.
    style = None if text.replace("\n", "").isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

_CORE = {
    "null": (r"~|null|Null|NULL|", [*"~nN", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "merge": (r"<<", ["<"]),
}
for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {}
    for _kind, (_pattern, _starts) in _CORE.items():
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})\\Z"), _starts)


class _TooLarge(ValueError):
    """A number that nothing here could use."""


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > _LONGEST_INT:
        raise _TooLarge(f"expected a whole number of at most {_LONGEST_INT} digits, got {len(text)} of them")
    return int(text, 10) if text.lstrip("+-").isdigit() else int(text, 0)


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if math.isinf(number) and "inf" not in text:
        raise _TooLarge(f"{_cut(text)} is larger than numbers can be here (about 1.8e308)")
    return number


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} letters)"


_SHOWN = 60
"""Letters of a value in a message."""


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


class _Builder:
    """Nodes become data; the line of each is kept."""

    def __init__(self, loader: _Loader, file: Path, lines: dict[Place, int]) -> None:
        self._loader = loader
        self._file = file
        self._lines = lines
        self._around: list[yaml.Node] = []
        self._known: set[int] = set()
        self._repeated = 0

    def build(self, node: yaml.Node, place: Place) -> Any:
        self._count(node, place)
        self._lines.setdefault(place, node.start_mark.line + 1)
        if any(node is other for other in self._around):
            raise self._error(node, place, "an alias within what it stands for")
        self._around.append(node)
        try:
            if isinstance(node, yaml.MappingNode) and node.tag.endswith(":map"):
                return self._mapping(node, place)
            if isinstance(node, yaml.SequenceNode) and node.tag.endswith(":seq"):
                return [self.build(one, (*place, number)) for number, one in enumerate(node.value)]
            if isinstance(node, yaml.ScalarNode) and node.tag.rpartition(":")[2] in _SCALARS:
                return self._scalar(node, place)
        except _TooLarge as error:
            raise self._error(node, place, str(error)) from None
        except (ValueError, yaml.constructor.ConstructorError):
            raise self._error(node, place, f"{_cut(repr(node.value))} is no {node.tag.rpartition(':')[2]}") from None
        finally:
            self._around.pop()
        raise self._error(node, place, f"expected plain data, got the tag {node.tag}")

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        value = self._loader.construct_object(node)
        if isinstance(value, str):
            try:
                value.encode("utf-8", "surrogateescape")  # names of files are any bytes
            except UnicodeEncodeError:
                problem = "expected text, got half of a surrogate pair, which is no letter"
                raise self._error(node, place, problem) from None
        return value

    def _count(self, node: yaml.Node, place: Place) -> None:
        """Refuse a text whose aliases make far more of it than is written."""
        if id(node) not in self._known:
            self._known.add(id(node))
            return
        self._repeated += 1
        if self._repeated > MOST_REPEATED:
            raise self._error(
                node, place, f"aliases (*name) and merge keys (<<) stand for more than {MOST_REPEATED:,} values"
            )

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag.endswith(":merge"):
                value = self.build(value_node, (*place, "<<"))
                for one in reversed(value if isinstance(value, list) else [value]):
                    if not isinstance(one, dict):
                        raise self._error(value_node, place, "<<: expected a mapping to merge")
                    merged |= one
                continue
            key = self._loader.construct_object(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                shown = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                raise self._error(key_node, place, f"expected text as a key, got {shown}; put it in quotes")
            inner = (*place, key)
            if key in own:
                first = self._lines[inner]
                raise self._error(key_node, inner, f"given twice, on lines {first} and {key_node.start_mark.line + 1}")
            self._lines[inner] = key_node.start_mark.line + 1
            own[key] = self.build(value_node, inner)
        return merged | own

    def _error(self, node: yaml.Node, place: Place, problem: str) -> ConfigError:
        return ConfigError(self._file, dotted(place), problem, node.start_mark.line + 1)


_SCALARS = frozenset({"null", "bool", "int", "float", "str"})
