"""Whose a module is, what it is called in a fingerprint, and where it stands, without importing it."""

import linecache
import os
import sys
import sysconfig
import tokenize
import types
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

from l2l.plugin.reference import FILE_MODULE, NOTEBOOK
from l2l.provenance.syntax import Text, read

STANDALONE = "__l2l_written_from__"
"""The name in a module that l2l wrote from a model without a file of its own: what it was called there."""

_STANDARD = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), str(Path(os.__file__).parent)}
_INSTALLED = {"site-packages", "dist-packages"}


class Place:
    """A module as a walk meets it, loaded or not.

    Args:
        names: What it has defined so far; empty where it is not loaded.
        name: Its dotted name.
        file: Where its source stands, or None.
    """

    def __init__(self, names: Mapping[str, Any], name: str, file: str | None) -> None:
        self.names = names
        self.name = name
        self.file = os.path.abspath(file) if file else None

    @classmethod
    def of_names(cls, names: Mapping[str, Any]) -> "Place":
        """From the globals of a function."""
        file = names.get("__file__")
        return cls(names, str(names.get("__name__", "")), file if isinstance(file, str) else None)

    @property
    def key(self) -> Any:
        """What tells it from other modules."""
        return self.file or id(self.names)

    @property
    def text(self) -> Text | None:
        """Its source; None where it has none that can be read."""
        return text_of(self.file) if self.file else None

    @property
    def spec(self) -> ModuleSpec | None:
        """How it was found."""
        found = self.names.get("__spec__")
        return found if isinstance(found, ModuleSpec) else None

    @property
    def as_written(self) -> bool:
        """Whether its code objects are those of its file, which no import hook rewrites."""
        loader = self.names.get("__loader__") or (self.spec and self.spec.loader)
        return self.file is not None and (loader is None or type(loader) is SourceFileLoader)

    @property
    def package(self) -> str:
        """The package to which relative imports refer."""
        said = self.names.get("__package__")
        if isinstance(said, str) and said:
            return said
        if self.file and Path(self.file).name == "__init__.py":
            return self.name
        return self.name.rpartition(".")[0]


def text_of(file: str) -> Text | None:
    """The text of a file, or of a notebook's cell that goes by that name."""
    path = Path(file)
    if path.is_file():
        try:
            with tokenize.open(file) as source:  # in the encoding that the file declares
                return read(source.read())
        except (OSError, SyntaxError, UnicodeDecodeError):
            return None
    lines = linecache.getlines(file)
    return read("".join(lines)) if lines else None


def cells() -> list[str]:
    """The names of a notebook's cells, in the order in which they ran: texts that stand in no file."""
    # An entry without a time of change is of no file; entries that only promise a text are shorter.
    return [name for name, entry in list(linecache.cache.items()) if len(entry) == 4 and entry[1] is None]


def top(name: str) -> str:
    """The first part of a dotted name."""
    return name.partition(".")[0]


def is_installed(file: str) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    parts = Path(file).parts
    return not _INSTALLED.isdisjoint(parts) or any(file.startswith(one + os.sep) for one in _STANDARD)


class Whose:
    """Tells modules of the user's project from installed ones.

    Args:
        root: The module of the model, which counts wherever it stands, with the rest of its package.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._package = top(root)

    def is_users(self, name: str, file: str | None) -> bool:
        """Whether a module belongs to the project."""
        if name == self._root:
            return True
        first = top(name)
        if first == "l2l" or first in sys.builtin_module_names:
            return False
        if file is None:
            return first == "__main__"
        return first == self._package or not is_installed(file)


class Labels:
    """What files are called in a fingerprint: the same wherever the project stands.

    Args:
        home: The folder of the model's own file, or None.
    """

    def __init__(self, home: str | None) -> None:
        self._home = home
        self._known: dict[Any, str] = {}

    def of(self, place: Place) -> str:
        """The label of a module: its file relative to the model's, else below its outermost package."""
        if written := place.names.get(STANDALONE):
            return str(written)
        if place.key not in self._known:
            wanted = self._wanted(place)
            label, number = wanted, 1
            while label in self._known.values():
                number += 1
                label = f"{wanted} ({number})"
            self._known[place.key] = label
        return self._known[place.key]

    def _wanted(self, place: Place) -> str:
        if place.file is None or not Path(place.file).is_file():
            return NOTEBOOK
        path = Path(place.file)
        if self._home and path.is_relative_to(self._home):
            return path.relative_to(self._home).as_posix()
        if place.name == "__main__" or place.name.startswith(FILE_MODULE):
            return path.name
        depth = len(place.name.split(".")) + (path.name == "__init__.py")
        return Path(*path.parts[-depth:]).as_posix()


# --- modules that are not loaded -----------------------------------------------------------------------------------


def found(name: str) -> Place | None:
    """A module by its dotted name, without importing it; None where there is none."""
    loaded = sys.modules.get(name)
    if isinstance(loaded, types.ModuleType):
        return Place(vars(loaded), name, getattr(loaded, "__file__", None))
    path: Any = None
    spec: ModuleSpec | None = None
    so_far = ""
    for part in name.split("."):
        so_far = f"{so_far}.{part}" if so_far else part
        spec = _spec(so_far, path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    if spec is None:
        return None
    origin = spec.origin if spec.origin and Path(spec.origin).is_file() else None
    return Place({"__spec__": spec, "__name__": name}, name, origin)


def _spec(name: str, path: Any) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and isinstance(getattr(loaded, "__spec__", None), ModuleSpec):
        return loaded.__spec__
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)
        except (ImportError, AttributeError, ValueError):
            continue
        if spec is not None:
            return spec
    return None


def absolute(module: str, level: int, package: str) -> str:
    """The dotted name of a module that is imported relative to a package."""
    if not level:
        return module
    around = package.split(".")
    kept = around[: len(around) - (level - 1)] if level > 1 else around
    return ".".join([*kept, module] if module else kept)


def files_of_package(place: Place) -> Iterator[tuple[str, Path]]:
    """(label, file) of all sources of a module or package."""
    spec = place.spec
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            yield f"{folder.name}/{file.relative_to(folder).as_posix()}", file
    if not folders and place.file and Path(place.file).is_file():
        yield Path(place.file).name, Path(place.file)


def place_of(thing: Any) -> Place:
    """The module in which a function or class was defined."""
    if isinstance(thing, types.FunctionType):
        return Place.of_names(thing.__globals__)
    module = str(getattr(thing, "__module__", "") or "")
    if isinstance(thing, type):
        for member in vars(thing).values():
            inner = getattr(member, "__func__", getattr(member, "fget", member))
            own = isinstance(inner, types.FunctionType) and inner.__module__ == module
            if own and inner.__globals__.get("__name__") == module:
                return Place.of_names(inner.__globals__)
    loaded = sys.modules.get(module)
    if loaded is None:
        return Place({}, module, None)
    return Place(vars(loaded), module, getattr(loaded, "__file__", None))
