"""What makes up an optimizee, so that results are never taken for those of another."""

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from l2l.errors import NotFoundError, OptionError
from l2l.optimizee import FunctionOptimizee, Optimizee
from l2l.plugin import Plugin, Reference, declared, describe_options, to_plain
from l2l.provenance.sources import code_of, sources


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes up an optimizee, without its `version()`.

    Args:
        parts: What → digest ("options", "source my_model.py", "file morphology (cell.swc)").
        sources: Source file's name → its text.
    """

    parts: Mapping[str, str]
    sources: Mapping[str, str]

    @property
    def digest(self) -> str:
        """All parts in one, hexadecimal."""
        return _digest(json.dumps(dict(self.parts), sort_keys=True))

    def with_version(self, version: str) -> str:
        """The whole fingerprint, once the optimizee's version is known."""
        return _digest(f"{self.digest}\n{version}")

    def differences(self, parts: Mapping[str, str]) -> list[str]:
        """The names of the parts that differ."""
        return [name for name in sorted({*parts, *self.parts}) if parts.get(name) != self.parts.get(name)]


def fingerprint(optimizee: Optimizee) -> Fingerprint:
    """The fingerprint of an optimizee: its options, sources and files.

    Raises:
        NotFoundError: A file given as an option, or a module in `depends_on`, is not there.
        OptionError: An option is neither plain data nor a file nor importable code.
    """
    leaves = list(_leaves(optimizee))
    parts = {
        "name": _digest(code_of(optimizee).__qualname__),
        "options": _digest(json.dumps(_canonical_options(optimizee))),
    }
    if enclosed := _enclosed(optimizee):
        parts["enclosed values"] = _digest(json.dumps(enclosed))
    for place, value in leaves:
        if isinstance(value, Path):
            is_folder = value.is_dir()
            parts[f"folder {place}" if is_folder else f"file {place} ({value.name})"] = _digest_of_path(value)
    if optimizee.revision:
        return Fingerprint(parts | {"revision": _digest(str(optimizee.revision))}, {})
    texts = sources(optimizee, [value for _, value in leaves])
    return Fingerprint(parts | {f"source {name}": _digest(text) for name, text in texts.items()}, texts)


def effective_options(plugin: Plugin) -> dict[str, Any]:
    """The options with the defaults of those not given, as declared, so that saying a default changes nothing."""
    cls: type = type(plugin)
    defaults = {one.name: one.default for one in describe_options(cls) if not one.required}
    options = declared(cls, defaults | dict(plugin.options))
    return {name: options[name] for name in sorted(options)}


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """(place, value) of all that stands in the options of a plugin, and in those of plugins among them."""
    if isinstance(value, Plugin):
        if place:
            yield place, value
        value = effective_options(value)
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _leaves(value[key], f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{place}[{number}]")
    else:
        yield place, value


def _canonical_options(plugin: Plugin) -> Any:
    found = {}
    for name, value in effective_options(plugin).items():
        try:
            found[name] = _canonical(value)
        except OptionError as error:
            raise OptionError(f"{type(plugin).__name__}: option {name!r}: {error}") from None
    return found


def _canonical(value: Any) -> Any:
    """A value as plain data, without what changes when a project is moved or its main script imported."""
    if isinstance(value, Plugin):
        return {"$plugin": value.reference.short, "options": _canonical_options(value)}
    if isinstance(value, Mapping):
        return {"$pairs": sorted([json.dumps(_canonical(key)), _canonical(value[key])] for key in value)}
    if isinstance(value, list | tuple):
        return [_canonical(one) for one in value]
    if isinstance(value, Path):
        return {"$path": "" if value.is_dir() else value.name}
    if callable(value):
        return {"$code": Reference.to(value).short}
    return to_plain(value)


def _enclosed(optimizee: Optimizee) -> dict[str, Any]:
    """Values that a function has from where it was defined, as far as they are plain data."""
    if not isinstance(optimizee, FunctionOptimizee):
        return {}
    function = inspect.unwrap(optimizee.function)
    if not inspect.isfunction(function):
        return {}
    found: dict[str, Any] = {}
    given = inspect.signature(function).parameters.values()
    values = {one.name: one.default for one in given if one.default is not one.empty}
    for name, value in (values | dict(inspect.getclosurevars(function).nonlocals)).items():
        try:
            found[name] = _canonical(value)
        except OptionError:
            continue
    return found


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _digest_of_path(path: Path) -> str:
    if path.is_dir():
        files = [one for one in sorted(path.rglob("*")) if one.is_file()]
        return _digest(json.dumps([(one.relative_to(path).as_posix(), _digest_of_path(one)) for one in files]))
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise NotFoundError(f"{path}: expected a readable file, got: {error.strerror}") from None
