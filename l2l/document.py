"""YAML documents that remember on which line everything stands.

Read and written in the core schema of YAML 1.2, in which `1e-3` is a number, `no` and `off` are text, and `00:10:00`
is text too; PyYAML alone follows YAML 1.1, which has them as text, as false, and as 600. A key given twice is an
error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from l2l.errors import ConfigError, storage_error

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
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(file, "", "there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(file, "", "expected a file, got a folder") from None
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", f"expected a text file in UTF-8, got other bytes at {error.start}") from None
    except OSError as error:
        raise ConfigError(file, "", f"it cannot be read: {error.strerror}") from None
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
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(file, "", f"not YAML: {' '.join(str(error).split())}") from None
    return Document(file, data, lines)


def write(file: Path, data: Any) -> None:
    """Write plain data so that `read` gives them again.

    Raises:
        StorageError: It cannot be written.
    """
    try:
        file.write_text(dump(data), encoding="utf-8")
    except OSError as error:
        raise storage_error(file, "write", error) from error


def dump(data: Any) -> str:
    """Plain data as a YAML text, in the order of their keys."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return text


class _Loader(yaml.SafeLoader):
    """Scalars as the core schema of YAML 1.2 has them."""


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


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 10) if text.lstrip("+-").isdigit() else int(text, 0)


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


class _Builder:
    """Nodes become data; the line of each is kept."""

    def __init__(self, loader: _Loader, file: Path, lines: dict[Place, int]) -> None:
        self._loader = loader
        self._file = file
        self._lines = lines
        self._around: list[yaml.Node] = []

    def build(self, node: yaml.Node, place: Place) -> Any:
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
                return self._loader.construct_object(node)
        except (ValueError, yaml.constructor.ConstructorError):
            raise self._error(node, place, f"{node.value!r} is no {node.tag.rpartition(':')[2]}") from None
        finally:
            self._around.pop()
        raise self._error(node, place, f"expected plain data, got the tag {node.tag}")

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
