"""Where code stands, so that another process finds it again."""

import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
import types
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from l2l.copies import no_copies
from l2l.errors import NotFoundError, OptionError, near

FILE_MODULE = "_l2l_file_"
"""Modules that are loaded from a file have names that begin so: they stand in a package of this name."""
_FILES = "L2L_FILE_MODULES"
"""The environment variable from which processes that a model starts learn which files these names mean, as JSON."""
_MOST_FILES = 100
"""Names that it holds at most: the system limits a variable to 128 KiB."""


IMPORTED_WITHIN = "__l2l_imported_within__"
"""The name in a module that needs something around its import: (reference to a context manager, its options)."""
prepared: ContextVar[Callable[[types.ModuleType], None]] = ContextVar("prepared", default=lambda module: None)
"""What a module that is loaded from a file is put through before it runs."""

NOTEBOOK = "a notebook"
"""In place of a file's name, for what was written at a prompt or in a notebook."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The place of a class or function: `package.module:Class` or `my_model.py:MyNetwork`.

    Args:
        place: A module's dotted name, or the absolute path of a file.
        qualname: Of the thing in it.
    """

    place: str
    qualname: str

    @classmethod
    def to(cls, thing: Any) -> "Reference":
        """The reference to a class or function that exists.

        Raises:
            OptionError: Another process could not find it.
        """
        qualname: str = getattr(thing, "__qualname__", "")
        module: str = getattr(thing, "__module__", "") or ""
        if inspect.ismethod(thing):
            owner = thing.__self__
            if not isinstance(owner, type):
                raise OptionError(
                    f"{qualname} is the method of an object, which other processes do not have: give a function"
                )
            module, qualname = owner.__module__, f"{owner.__qualname__}.{thing.__name__}"
        if not qualname or not module:
            raise OptionError(f"{thing!r} has no name by which other processes could find it: give a function")
        if "<" in qualname:
            raise OptionError(
                f"{qualname} is defined inside a function; other processes can only find what stands at "
                "the top level of a file: move it there, or use the serial launcher"
            )
        return cls.within(module, qualname)

    @classmethod
    def within(cls, module: str, qualname: str) -> "Reference":
        """The reference to what a module that is loaded calls `qualname`.

        Raises:
            OptionError: It is no module that another process could load.
        """
        loaded = sys.modules.get(module)
        file = getattr(loaded, "__file__", None)
        if module == "__main__" and (name := _name_of_main()):
            return cls(name, qualname)
        if module == "__main__" or module.startswith(FILE_MODULE):
            if not file or not Path(file).exists():
                raise OptionError(
                    f"{qualname} is defined in a notebook or at a prompt, where other processes cannot find it: "
                    "move it to a file, or use the serial launcher"
                )
            return cls(os.path.abspath(file), qualname)
        if "." not in module and file and not hasattr(loaded, "__path__") and not _installed(file):
            return cls(os.path.abspath(file), qualname)
        return cls(module, qualname)

    @classmethod
    def parse(cls, text: str, base: Path | None = None) -> "Reference":
        """A reference from `package.module:Class` or `my_model.py:MyNetwork`, paths relative to `base`.

        A module that Python does not find is looked for in `base` and in the current folder, which then joins
        Python's path.

        Raises:
            OptionError: The text has another form.
        """
        place, colon, qualname = text.rpartition(":")
        if not colon or not place or not qualname:
            raise OptionError(f"expected package.module:Name or file.py:Name, got {text!r}")
        if place == NOTEBOOK:
            raise OptionError(
                f"{qualname} was defined in a notebook, at a prompt or within a function, and its source does not "
                "suffice to build it again; go on from where it was defined"
            )
        if place.endswith(".py"):
            place = os.path.abspath((base or Path.cwd()) / Path(place).expanduser())
        else:
            _make_findable(place.partition(".")[0], [base or Path.cwd(), Path.cwd()])
        return cls(place, qualname)

    @property
    def is_file(self) -> bool:
        """Whether it names a file and not a module."""
        return self.place.endswith(".py")

    @property
    def short(self) -> str:
        """What stays the same when a project moves, and whether a module is run or imported: `my_model:MyNetwork`."""
        module = Path(self.place).stem if self.is_file else self.place.rpartition(".")[2]
        return f"{module}:{self.qualname}"

    def text(self, base: Path | None = None) -> str:
        """The form that `parse` reads; a file relative to `base` where one is given."""
        place = os.path.relpath(self.place, base) if base is not None and self.is_file else self.place
        return f"{place}:{self.qualname}"

    def load(self) -> Any:
        """The class or function itself.

        Raises:
            NotFoundError: There is no such file, module or name in it.
            Exception: What importing the file raised.
        """
        module = module_of_file(Path(self.place)) if self.is_file else _imported(self.place)
        thing: Any = module
        for part in self.qualname.split("."):
            if not hasattr(thing, part):
                names = [name for name in vars(module) if not name.startswith("_")]
                raise NotFoundError(f"{self.place}: {near(self.qualname, names, 'name')}")
            thing = getattr(thing, part)
        return thing


def _name_of_main() -> str:
    """The dotted name of what runs as `python -m package.module`, else ""."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return str(spec.name) if spec is not None and spec.parent else ""


def _installed(file: str) -> bool:
    path = Path(file)
    return Path(os.__file__).parent in path.parents or not {"site-packages", "dist-packages"}.isdisjoint(path.parts)


def _make_findable(package: str, folders: list[Path]) -> None:
    if package in sys.modules or importlib.util.find_spec(package) is not None:
        return
    for folder in folders:
        if (folder / package).is_dir() or (folder / f"{package}.py").is_file():
            sys.path.append(os.path.abspath(folder))
            importlib.invalidate_caches()
            return


def _imported(name: str) -> types.ModuleType:
    if name == _name_of_main():
        return sys.modules["__main__"]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise NotFoundError(f"there is no module {error.name!r} on Python's path here") from None
        raise


def module_of_file(path: Path) -> types.ModuleType:
    """The module that a Python file defines, run once per process; what stands beside it can be imported.

    Raises:
        NotFoundError: There is no such file.
    """
    path = Path(os.path.abspath(path))
    for known, loaded in list(sys.modules.items()):  # as the main script, or imported under its own name
        if known == "__main__" or known.rpartition(".")[2] == path.stem:
            file = getattr(loaded, "__file__", None)
            if file and os.path.abspath(file) == str(path):
                return loaded
    stem, digest = re.sub(r"\W", "_", path.stem), blake2b(str(path).encode(), digest_size=4).hexdigest()
    name = f"{FILE_MODULE}.{stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    _let_find(str(path.parent))
    sys.modules[name] = module
    _make_known(name, path)
    prepared.get()(module)
    try:
        with no_copies():
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _let_find(folder: str) -> None:
    """Let modules of a folder be found before installed ones, and those of folders that came so earlier behind them.

    Python's standard library comes first, since it is imported by everything that runs later in this process: a model
    with a file `random.py` beside it must not change what others compute.
    """
    library = Path(os.__file__).parent
    standard = [at for at, entry in enumerate(sys.path) if Path(entry) in (library, library / "lib-dynload")]
    behind = max(standard, default=-1) + 1
    if folder in sys.path[:behind]:  # the user has put it there, or Python has, since the script stands in it
        return
    earlier = [one for one in sys.path[behind:] if one in _FOUND_IN and one != folder]
    others = [one for one in sys.path[behind:] if one not in _FOUND_IN and one != folder]
    sys.path[behind:] = [folder, *others, *earlier]
    _FOUND_IN[folder] = None


_FOUND_IN: dict[str, None] = {}
"""Folders that stand in Python's path for the sake of files that were loaded from them."""


def _make_known(name: str, path: Path) -> None:
    """Let processes that are started from here import a module that was loaded from a file."""
    folder = str(Path(__file__).with_name("importable"))
    if folder not in sys.path:
        sys.path.append(folder)
    files = [*json.loads(os.environ.get(_FILES, "{}")).items(), (name, str(path))]
    os.environ[_FILES] = json.dumps(dict(files[-_MOST_FILES:]))
