"""The source texts that make up a model."""

import inspect
import os
import re
import types
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from l2l.errors import NotFoundError
from l2l.optimizee import FunctionOptimizee, Optimizee
from l2l.plugin import Plugin


def code_of(plugin: Plugin) -> Any:
    """The class of a plugin, or the function of which it was made."""
    return plugin.function if isinstance(plugin, FunctionOptimizee) else type(plugin)


def sources(optimizee: Optimizee, values: Iterable[Any]) -> dict[str, str]:
    """Name → text of the sources that make up a model; names do not change when a project is moved.

    Args:
        optimizee: The model.
        values: Its options, of which functions, classes and plugins bring their own.

    Raises:
        NotFoundError: A module in `depends_on` is not there.
    """
    found: dict[str, str] = {}
    seen: set[Path | int] = set()
    for name, source in _all(optimizee, values):
        key = source if isinstance(source, Path) else id(source)
        if key in seen:
            continue
        seen.add(key)
        text = source.read_text(encoding="utf-8", errors="replace") if isinstance(source, Path) else _own_text(source)
        if text:
            found[_free(name, found)] = text
    return found


def _all(optimizee: Optimizee, values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """(name, file or code without one)."""
    for plugin in (optimizee, *(value for value in values if isinstance(value, Plugin))):
        for code in (code_of(plugin), *_bases(plugin)):
            yield _placed(code)
        modules = getattr(plugin, "depends_on", ())
        for module in (modules,) if isinstance(modules, str) else modules:
            yield from _module(module)
    for value in values:
        if callable(value) and not isinstance(value, Plugin):
            yield _placed(value)


def _bases(plugin: Plugin) -> list[type]:
    if isinstance(plugin, FunctionOptimizee):
        return []
    return [base for base in type(plugin).__mro__[1:] if not _is_ours_or_standard(base)]


def _placed(code: Any) -> tuple[str, Any]:
    file = _file(code)
    return (file.name, file) if file else (code.__qualname__, code)


def _file(code: Any) -> Path | None:
    """The source file of a class or function; None for what is built in or from a notebook or prompt."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(code))
    except (TypeError, OSError):
        return None
    return Path(file) if file and Path(file).is_file() else None


def _is_ours_or_standard(base: type) -> bool:
    if base.__module__ == "builtins" or base.__module__.partition(".")[0] == "l2l":
        return True
    file = _file(base)
    installed = file is not None and not {"site-packages", "dist-packages"}.isdisjoint(file.parts)
    return file is not None and not installed and Path(os.__file__).parent in file.parents


def _free(name: str, taken: Iterable[str]) -> str:
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _module(name: str) -> Iterator[tuple[str, Path]]:
    """A module's file; all of a package's."""
    spec = _spec(name)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    files = [
        (f"{folder.name}/{file.relative_to(folder).as_posix()}", file)
        for folder in folders
        for file in sorted(folder.rglob("*.py"))
    ]
    if not files and spec and spec.origin and Path(spec.origin).is_file():
        files = [(Path(spec.origin).name, Path(spec.origin))]
    if not files:
        raise NotFoundError(f"depends_on: there is no module {name!r} with a source file on Python's path here")
    yield from files


def _spec(name: str) -> ModuleSpec | None:
    from importlib.util import find_spec

    try:
        return find_spec(name)
    except (ImportError, ValueError):
        return None


# --- code without a file, from a notebook or prompt ----------------------------------------------------------------


def _own_text(code: Any) -> str:
    """What stands in for the file of a class or function that has none: the texts of its functions, or their bytes."""
    if isinstance(code, type):
        return "\n".join(
            f"{name}: {text}" for name, member in sorted(vars(code).items()) if (text := _member_text(name, member))
        )
    return _function_text(inspect.unwrap(code))


def _member_text(name: str, member: Any) -> str:
    function = getattr(member, "__func__", getattr(member, "fget", member))
    if inspect.isfunction(function):
        return _function_text(function)
    if name.startswith(("__", "_abc")) or not _says_itself(member):
        return ""
    return repr(member)


def _says_itself(member: Any) -> bool:
    return not re.search(r" at 0x[0-9a-f]+", repr(member))


def _function_text(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return _bytes(getattr(function, "__code__", None))


def _bytes(code: types.CodeType | None) -> str:
    if code is None:
        return ""
    return f"{code.co_code.hex()} {code.co_names} {[_constant(one) for one in code.co_consts]}"


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _bytes(value)
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)
