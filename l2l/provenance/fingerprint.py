"""What makes up an optimizee, so that results are never taken for those of another."""

import difflib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l2l.errors import NotFoundError, OptionError
from l2l.optimizee import FunctionOptimizee, Optimizee
from l2l.plugin import Plugin, Reference, declared, describe_options, to_plain
from l2l.provenance.files import digest, digest_of_path
from l2l.provenance.forms import NoForm
from l2l.provenance.ledger import Part, Reached
from l2l.provenance.modules import Place, files_of_package, found
from l2l.provenance.reach import Walk
from l2l.provenance.syntax import is_main_guard, meaning, read

_MOST_LINES = 16
"""Lines of a difference that are shown of one part."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes up an optimizee, without its `version()`.

    Args:
        parts: Name → digest ("options", "function bowl.py:bowl", "file morphology (cell.swc)").
        sources: Source file's name → its text.
        texts: Part → what it says, for people.
        notes: What could not be followed.
        packages: Installed packages whose names the model uses → version.
        stale: What of the model is not in its file as it runs in this process.
        carried: Parts that travel to other processes with a model that these cannot find.
    """

    parts: Mapping[str, str]
    sources: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict, compare=False)
    notes: Sequence[str] = field(default=(), compare=False)
    packages: Mapping[str, str] = field(default_factory=dict, compare=False)
    stale: Sequence[str] = field(default=(), compare=False)
    carried: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def digest(self) -> str:
        """All parts in one, hexadecimal."""
        return digest(json.dumps(dict(self.parts), sort_keys=True))

    def with_version(self, version: str) -> str:
        """The whole fingerprint, once the optimizee's version is known."""
        return digest(f"{self.digest}\n{version}")

    def differences(self, parts: Mapping[str, str]) -> list[str]:
        """The names of the parts that differ."""
        return [name for name in sorted({*parts, *self.parts}) if parts.get(name) != self.parts.get(name)]

    def shown_differences(self, parts: Mapping[str, str], texts: Mapping[str, str]) -> str:
        """The parts that differ from earlier ones, each with its lines that do.

        Args:
            parts: The earlier ones.
            texts: What they said.
        """
        return "\n".join(
            _shown_difference(name, texts.get(name), self.texts.get(name), name in parts, name in self.parts)
            for name in self.differences(parts)
        )


def _shown_difference(name: str, then: str | None, now: str | None, was: bool, is_: bool) -> str:
    what = "" if was and is_ else " (new)" if is_ else " (is no part of it any more)"
    if not (then and now) or then == now:
        return f"  {name}{what}"
    lines = list(difflib.unified_diff(then.splitlines(), now.splitlines(), lineterm="", n=1))[2:]
    lines = [one for one in lines if not one.startswith("@@")]
    more = len(lines) - _MOST_LINES
    lines = lines[:_MOST_LINES] + ([f"… {more} more lines"] if more > 0 else [])
    return "\n".join([f"  {name}", *(f"    {one}" for one in lines)])


def code_of(plugin: Plugin) -> Any:
    """The class of a plugin, or the function or class of which it was made."""
    return plugin.model_code if isinstance(plugin, Optimizee) else type(plugin)


def fingerprint(optimizee: Optimizee) -> Fingerprint:
    """The fingerprint of an optimizee: its code and all that this reaches, its options and files.

    Raises:
        NotFoundError: A file given as an option, or a module in `depends_on`, is not there.
        OptionError: An option is neither plain data nor a file nor importable code.
    """
    leaves = list(_leaves(optimizee))
    options = _canonical_options(optimizee)
    name = _name_of(code_of(optimizee))
    parts = {"name": digest(name), "options": digest(json.dumps(options))}
    texts = {"name": name, "options": json.dumps(options, indent=1)}
    for place, value in leaves:
        if isinstance(value, Path):
            is_folder = value.is_dir()
            parts[f"folder {place}" if is_folder else f"file {place} ({value.name})"] = digest_of_path(value)
    if optimizee.revision:
        parts["revision"] = digest(str(optimizee.revision))
        return Fingerprint(parts, {}, texts | {"revision": str(optimizee.revision)})
    walk = Walk(code_of(optimizee))
    reached = _reached(walk, optimizee, [value for _, value in leaves])
    parts |= {one: digest(json.dumps(part.form, sort_keys=True)) for one, part in reached.parts.items()}
    texts |= {one: part.text for one, part in reached.parts.items() if part.text}
    return Fingerprint(
        parts,
        _sources(reached),
        texts,
        tuple(reached.notes),
        _versions_of(reached.packages),
        tuple(reached.stale),
        frozenset(reached.carried),
    )


def fingerprint_of_function(function: Callable[..., Any]) -> Fingerprint:
    """The fingerprint of a function that is no optimizee, with all that it reaches."""
    walk = Walk(function, installed=False)
    form = _form(walk, function, _name_of(function))
    if list(form) != ["$code"]:
        walk.found.parts[f"callable {_name_of(function)}"] = Part(form, "")
    reached = walk.finish()
    return Fingerprint(
        {name: digest(json.dumps(part.form, sort_keys=True)) for name, part in reached.parts.items()},
        _sources(reached),
        {name: part.text for name, part in reached.parts.items() if part.text},
        tuple(reached.notes),
        stale=tuple(reached.stale),
    )


def _name_of(code: Any) -> str:
    return str(getattr(code, "__qualname__", type(code).__qualname__)).rpartition(".")[2]


def _reached(walk: Walk, optimizee: Optimizee, values: Sequence[Any]) -> Reached:
    parts = walk.found.parts
    for plugin in (optimizee, *(value for value in values if isinstance(value, Plugin))):
        form = _form(walk, code_of(plugin), type(plugin).__name__)
        if list(form) != ["$code"]:  # not a function or class of its own, but made of some
            parts[f"callable {type(code_of(plugin)).__name__}"] = Part(form, "")
        if isinstance(plugin, FunctionOptimizee):
            parts["declaration" if plugin is optimizee else f"declaration {_name_of(plugin.function)}"] = _declared(
                plugin
            )
        modules = getattr(plugin, "depends_on", ())
        for module in (modules,) if isinstance(modules, str) else modules:
            _depend(walk, plugin, module)
    for value in values:
        if callable(value) and not isinstance(value, Plugin):
            _form(walk, value, "options")
    return walk.finish()


def _form(walk: Walk, code: Any, said: str) -> Any:
    try:
        return walk.code(code)
    except NoForm as error:
        walk.found.notes.setdefault(f"{said}: {error.kind}, which has no plain form")
        return {"$opaque": error.kind}


def _declared(optimizee: FunctionOptimizee) -> Part:
    """What a function is declared to be, by its decorator."""
    form = {
        "space": optimizee.space.to_dict(),
        "objectives": [[one.name, one.maximize, one.unit] for one in optimizee.objectives],
        "observables": {name: repr(one) for name, one in sorted(optimizee.observables.items())},
        "stochastic": optimizee.stochastic,
    }
    return Part(form, json.dumps(form, indent=1, default=repr))


def _depend(walk: Walk, plugin: Plugin, name: str) -> None:
    """Add a module, all of a package, or a file, that a model says it depends on.

    Raises:
        NotFoundError: It is not there.
    """
    folders = [walk.home, str(Path.cwd())]
    for folder in folders if os.sep in name or "." in name else ():
        if folder and (path := Path(folder, name)).exists() and (path.is_dir() or path.suffix != ""):
            kind = "folder" if path.is_dir() else "file"
            walk.found.parts[f"{kind} {name}"] = Part(digest_of_path(path), "")
            return
    place = found(name)
    files = list(files_of_package(place)) if place is not None else []
    if not files:
        raise NotFoundError(
            f"depends_on: there is no module {name!r} with a source file on Python's path here, and no such file "
            f"beside {type(plugin).__name__}"
        )
    for label, file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        parsed = read(text)
        body = [one for one in parsed.tree.body if not is_main_guard(one)] if parsed else None
        walk.found.parts[f"source {label}"] = Part(meaning(body) if body is not None else text, text)
        walk.found.files[label] = text


def _sources(reached: Reached) -> dict[str, str]:
    """Source file's name → its text; where it is not what ran, what ran of it."""
    found_ = dict(reached.files)
    for name, part in reached.parts.items():
        label = name.partition(" ")[2].partition(":")[0]
        if ":" in name and label not in reached.files and part.text:
            found_[label] = found_.get(label, "") + ("\n\n" if label in found_ else "") + part.text
    return found_


def _versions_of(packages: Mapping[str, None]) -> dict[str, str]:
    import sys
    from importlib import metadata

    found_: dict[str, str] = {}
    for name in packages:
        said = getattr(sys.modules.get(name), "__version__", None)
        if not isinstance(said, str):
            try:
                said = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        found_[name] = said
    return found_


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
    found_ = {}
    for name, value in effective_options(plugin).items():
        try:
            found_[name] = _canonical(value)
        except OptionError as error:
            raise OptionError(f"{type(plugin).__name__}: option {name!r}: {error}") from None
    return found_


def _canonical(value: Any) -> Any:
    """A value as plain data, without what changes when a project is moved or its main script imported."""
    if isinstance(value, Plugin):
        return {"$plugin": _short(code_of(value)), "options": _canonical_options(value)}
    if isinstance(value, Mapping):
        return {"$pairs": sorted([json.dumps(_canonical(key)), _canonical(value[key])] for key in value)}
    if isinstance(value, list | tuple):
        return [_canonical(one) for one in value]
    if isinstance(value, Path):
        return {"$path": "" if value.is_dir() else value.name}
    if callable(value):
        return {"$code": Reference.to(value).short}
    return to_plain(value)


def _short(code: Any) -> str:
    """The name of a plugin's code among the options of another."""
    try:
        return Reference.to(code).short
    except OptionError:
        return f":{_name_of(code)}"


__all__ = ["Fingerprint", "Place", "code_of", "effective_options", "fingerprint", "fingerprint_of_function"]
