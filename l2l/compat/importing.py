"""Imports of the other framework's package, which has the name of ours.

Who imports decides what `l2l` means. A file that is imported within `upstream()` keeps an `__import__` of its own
among its built-in names, so that what it imports later, while it is simulated or in a worker, is still theirs. Every
other file, before, meanwhile and after, gets our package: nothing in `sys.modules` changes its name.
"""

import builtins
import importlib.abc
import importlib.util
import sys
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

from l2l.compat.names import MODULES, ROOT
from l2l.errors import NotFoundError
from l2l.plugin import IMPORTED_WITHIN, prepared
from l2l.provenance.modules import is_installed

_ours = builtins.__import__


class _State:
    """Where a copy of their repository stands, from which comes what has no shim."""

    folder: Path | None = None


@contextmanager
def upstream(folder: str | Path | None = None) -> Iterator[None]:
    """A context in which `import l2l…` means the other framework's package, for whoever imports within.

    Args:
        folder: A copy of its repository, from which come optimizees that it ships, such as
            `l2l.optimizees.functions`; unless given only what has a shim can be imported.

    Raises:
        NotFoundError: The folder is no copy of its repository.

    Example:
        >>> with upstream():
        ...     from l2l.optimizees.optimizee import Optimizee
        >>> Optimizee.__module__
        'l2l.compat.optimizee'
    """
    if folder is not None:
        _use(Path(folder).expanduser().absolute())
    before, thread = builtins.__import__, threading.get_ident()

    def importing(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names that Python's own has
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        theirs = threading.get_ident() == thread and _is_theirs(globals)
        return (_import if theirs else before)(name, globals, locals, fromlist or (), level)

    finder = _Marking()
    token = prepared.set(_mark)
    sys.meta_path.insert(0, finder)
    builtins.__import__ = importing
    try:
        yield
    finally:
        builtins.__import__ = before
        sys.meta_path.remove(finder)
        prepared.reset(token)


def _use(folder: Path) -> None:
    if not (folder / "l2l" / "optimizees").is_dir():
        raise NotFoundError(
            f"{folder}: expected a copy of the repository Meta-optimization/L2L, with a folder l2l/optimizees"
        )
    if _State.folder not in (None, folder):
        for name in [one for one in sys.modules if one.startswith(f"{ROOT}.") and one[len(ROOT) + 1 :] not in MODULES]:
            del sys.modules[name]  # of another copy
    _State.folder = folder


def _is_theirs(names: Mapping[str, Any] | None) -> bool:
    """Whether the file with these globals, which imports, is somebody's own and not of an installed package."""
    if names is None:
        return False
    top = str(names.get("__name__", "")).partition(".")[0]
    file = names.get("__file__")
    return top != "l2l" and not (isinstance(file, str) and is_installed(file))


def _import(
    name: str,
    globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names that Python's own has
    locals: Mapping[str, Any] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> types.ModuleType:
    """As `__import__`, where `l2l` is their package; what only ours has comes from ours."""
    top, _, below = name.partition(".")
    if level or top != "l2l":
        return _ours(name, globals, locals, fromlist or (), level)
    if _is_known(below):
        return _ours(f"{ROOT}.{below}" if below else ROOT, globals, locals, fromlist or (), 0)
    try:
        return _ours(name, globals, locals, fromlist or (), 0)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        remedy = (
            "it is not in the copy of its repository that l2l.compat.upstream(FOLDER) was given"
            if _State.folder
            else "where the other framework ships it, give a copy of its repository: l2l.compat.upstream(FOLDER)"
        )
        raise ModuleNotFoundError(
            f"No module named {name!r}: l2l.compat has no shim for it; {remedy}", name=name
        ) from None


def _is_known(below: str) -> bool:
    return below in MODULES or _file_of(below) is not None or _folder_of(below) is not None


def _file_of(below: str) -> Path | None:
    """The file of a module of theirs in the copy of their repository."""
    if _State.folder is None:
        return None
    place = _State.folder.joinpath("l2l", *below.split("."))
    for file in (place / "__init__.py", place.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _folder_of(below: str) -> Path | None:
    """The folder of a package of theirs, with or without `__init__.py`; several of their optimizees have none."""
    if _State.folder is None or not below:
        return None
    place = _State.folder.joinpath("l2l", *below.split("."))
    return place if place.is_dir() else None


_BUILT_IN: dict[str, Any] = {**vars(builtins), "__import__": _import}
"""The built-in names of a file that was imported within the context."""


def _mark(module: types.ModuleType) -> None:
    """Let a module mean their package by `l2l` for good, and other processes import it within the context, too."""
    options = {} if _State.folder is None else {"folder": _State.folder}
    vars(module).update(marked(options))


def marked(options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The globals that make a module theirs.

    Args:
        options: Of `upstream`; those of the context around unless given.
    """
    if options is None:
        options = {} if _State.folder is None else {"folder": _State.folder}
    return {"__builtins__": _BUILT_IN, IMPORTED_WITHIN: ("l2l.compat.importing:upstream", dict(options))}


class _MarkingLoader(importlib.abc.Loader):
    """Loads a source file as Python does, once it is marked."""

    def __init__(self, loader: SourceFileLoader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        _mark(module)
        module.__loader__ = self._loader  # so that its code counts as what its file says
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)


class _Marking(importlib.abc.MetaPathFinder):
    """Finds modules as the others do, and marks those that are somebody's own."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in ("l2l", ROOT):
            return None
        for finder in sys.meta_path:
            find = None if isinstance(finder, _Marking) else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                if type(spec.loader) is SourceFileLoader and spec.origin and not is_installed(spec.origin):
                    spec.loader = _MarkingLoader(spec.loader)
                return spec
        return None


class _ShimLoader(importlib.abc.Loader):
    """Fills a module of theirs with the shims."""

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        source, names = MODULES[module.__name__[len(ROOT) + 1 :]]
        for name in names:
            setattr(module, name, getattr(importlib.import_module(source), name))
        if module.__name__ == ROOT:
            module.__getattr__ = _of_our_package  # type: ignore[method-assign]


def _of_our_package(name: str) -> Any:
    """A public name of our own package, for a file that uses both."""
    import l2l

    if name in (*l2l.__all__, "compat"):
        return getattr(l2l, name)
    raise AttributeError(f"module 'l2l' has no attribute {name!r}, and l2l.compat no shim of that name")


class _TheirFinder(importlib.abc.MetaPathFinder):
    """Finds the modules of their package: shims first, then those of a copy of their repository."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] != ROOT:
            return None
        below = name[len(ROOT) + 1 :]
        if below in MODULES:
            return ModuleSpec(name, _ShimLoader(), is_package=True)
        file = _file_of(below)
        if file is None:
            folder = _folder_of(below)
            if folder is None:
                return None
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(folder)]
            return spec
        folders = [str(file.parent)] if file.name == "__init__.py" else None
        loader = _MarkingLoader(SourceFileLoader(name, str(file)))
        return importlib.util.spec_from_file_location(name, file, loader=loader, submodule_search_locations=folders)


sys.meta_path.insert(0, _TheirFinder())  # before the one that would find a module beside its package without marking it
