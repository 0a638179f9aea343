"""A module that builds an optimizee again which stands in no file that others could load.

It is written from the texts of the functions and classes and the values that they use, into the run's folder, so that
a run of a notebook can be resumed and its trials run again, with nothing but source text.
"""

import ast
import builtins
import dataclasses
import functools
import keyword
import math
import os
import sys
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from l2l.optimizee import FunctionOptimizee, Optimizee
from l2l.plugin import FILE_MODULE
from l2l.provenance.callables import cells_of, last_name, texts_of
from l2l.provenance.fingerprint import code_of
from l2l.provenance.modules import STANDALONE, Place, place_of
from l2l.provenance.reach import Walk
from l2l.provenance.syntax import Text, meaning, read, uses_of
from l2l.space import ParameterSpace

WRITTEN = "optimizee.py"
"""The file in a run's folder."""
_LARGEST = 100_000
"""Numbers of an array that are written as text; larger ones would make files that nobody reads."""


class Insufficient(Exception):
    """The source does not suffice; the message says why."""


def standalone(optimizee: Optimizee, folder: Path) -> str:
    """The text of a module that defines an optimizee.

    Args:
        optimizee: That no other process can find.
        folder: In which the module will stand.

    Raises:
        Insufficient: Something of it has neither a text nor a value that can be written down.
    """
    writer = _Writer(optimizee)
    is_function = isinstance(optimizee, FunctionOptimizee)
    writer.bind(name_of(optimizee), optimizee if is_function else type(optimizee))
    return writer.text(folder)


def name_of(optimizee: Optimizee) -> str:
    """What an optimizee is called in a module of its own."""
    name = str(getattr(code_of(optimizee), "__name__", ""))
    return name if name.isidentifier() and not keyword.iskeyword(name) else "optimizee"


class _Writer:
    def __init__(self, optimizee: Optimizee) -> None:
        self._walk = Walk(code_of(optimizee))
        self._label = self._walk.root_label
        self._bound: dict[str, Any] = {}
        self._lines: list[str] = []
        self._folders: dict[str, None] = {}

    def text(self, folder: Path) -> str:
        """All of the module."""
        paths = [os.path.relpath(one, folder) for one in self._folders]
        head = [
            f'"""The optimizee of this run, which was defined in {self._label}; written by l2l to build it again."""',
            "import sys",
            "from pathlib import Path",
            "import l2l",
            f"{STANDALONE} = {self._label!r}",
            f"sys.path += [str((Path(__file__).parent / one).resolve()) for one in {paths!r}]" if paths else "",
        ]
        whole = "\n\n".join([one for one in (*head, *self._lines) if one]) + "\n"
        if read(whole) is None:
            raise Insufficient("its parts do not make a module")
        return whole

    def bind(self, name: str, value: Any) -> None:
        """Give a name of the module a value, once what that needs has its own."""
        if vars(builtins).get(name) is value:
            return
        if name in self._bound:
            if self._bound[name] is not value and self._plain(self._bound[name]) != self._plain(value):
                raise Insufficient(f"{name} means two things")
            return
        self._bound[name] = value
        statement = self._statement(name, value)
        self._lines.append(statement)

    def _plain(self, value: Any) -> Any:
        return repr(value) if isinstance(value, bool | int | float | str | tuple | list | dict) else id(value)

    def _statement(self, name: str, value: Any) -> str:
        if isinstance(value, types.ModuleType):
            if value.__name__.startswith(FILE_MODULE) or value.__name__ == "__main__":
                raise Insufficient(f"{name} is a module without a name")
            self._find(value.__name__)
            return f"import {value.__name__} as {name}"
        if isinstance(value, FunctionOptimizee):
            return self._optimizee(name, value)
        if isinstance(value, types.FunctionType | type) and (found := self._imported(value)) is not None:
            return f"{found[0]}\n{name} = {found[1]}" if found[1] != name else found[0]
        if isinstance(value, types.FunctionType):
            return self._function(name, value)
        if isinstance(value, type):
            return self._class(name, value)
        return f"{name} = {self._expression(value)}"

    def _imported(self, value: Any) -> tuple[str, str] | None:
        """An import and an expression for what has a name in a module that can be imported; else None."""
        module, qualname = str(getattr(value, "__module__", "")), str(getattr(value, "__qualname__", ""))
        if module in ("", "__main__") or module.startswith(FILE_MODULE) or "<" in qualname:
            return None
        thing: Any = sys.modules.get(module)
        for one in qualname.split("."):
            thing = getattr(thing, one, None)
        if thing is not value:
            return None
        if module == "builtins":
            return "", qualname
        self._find(module)
        return f"from {module} import {qualname.partition('.')[0]}", qualname

    def _find(self, module: str) -> None:
        """Note the folder from which a module of the project is imported."""
        first = sys.modules.get(module.partition(".")[0])
        place = Place(vars(first), module, getattr(first, "__file__", None)) if first else None
        if place is not None and place.file and self._walk.is_users(place):
            path = Path(place.file)
            self._folders.setdefault(str(path.parents[1] if path.name == "__init__.py" else path.parent))

    # --- code ---

    def _optimizee(self, name: str, model: FunctionOptimizee) -> str:
        function = model.function
        if not isinstance(function, types.FunctionType):
            made = self._expression(function)
        else:
            inner = f"_function_of_{name}"
            self._lines.append(self._function(inner, function))
            made = inner
        given = {
            "space": model.space,
            "objectives": tuple(model.objectives),
            "observables": dict(model.observables),
            "stochastic": model.stochastic,
            "revision": model.revision,
            "depends_on": tuple(model.depends_on),
        }
        said = ",\n".join(f"    {key}={self._expression(value)}" for key, value in given.items())
        return f"{name} = l2l.optimizee(\n{said},\n)({made})"

    def _function(self, name: str, function: types.FunctionType) -> str:
        text, definition = self._walk.definition(function)
        if text is None or definition is None:
            raise Insufficient(f"the text of {function.__qualname__} is not known")
        node = definition.node
        if isinstance(node, ast.ClassDef):
            raise Insufficient(f"the text of {function.__qualname__} is not known")
        if any(not _is_optimizee(one) for one in getattr(node, "decorator_list", [])):
            raise Insufficient(f"{function.__qualname__} has a decorator")
        cells = dict(cells_of(function))
        for root in _roots(node):
            if root not in cells and root in function.__globals__:
                self.bind(root, function.__globals__[root])
        inner = self._without_decorators(text, node)
        own = node.name if not isinstance(node, ast.Lambda) else ""
        return self._made(name, own, inner, cells, function)

    def _made(self, name: str, own: str, inner: str, cells: dict[str, Any], itself: Any) -> str:
        """A definition, within a function that holds what it encloses."""
        held = {one: value for one, value in cells.items() if value is not itself and one != "__class__"}
        if own == name and not held:
            return inner
        body = [f"{one} = {self._expression(value)}" for one, value in held.items()]
        body += [inner, f"return {own}"] if own else [f"return ({inner})"]
        return f"def _made_{name}():\n" + textwrap.indent("\n".join(body), "    ") + f"\n\n{name} = _made_{name}()"

    def _without_decorators(self, text: Text, node: Any) -> str:
        if isinstance(node, ast.Lambda):
            return ast.unparse(node)
        lines = text.text.splitlines()[node.lineno - 1 : node.end_lineno]
        cut = textwrap.dedent("\n".join(lines))
        self._same(cut, node)
        self._same(textwrap.dedent(textwrap.indent(cut, "    ")), node)
        return cut

    def _same(self, cut: str, node: ast.AST) -> None:
        """See that a piece of text still means what it meant where it was cut out."""
        found = read(cut)
        if found is None or meaning(found.tree.body[0]) != meaning(node):
            raise Insufficient(f"the text of {getattr(node, 'name', 'a function')} cannot be cut out")
        indented = read("if 1:\n" + textwrap.indent(cut, "    "))
        if indented is None or meaning(indented.tree.body[0].body[0]) != meaning(node):  # type: ignore[attr-defined]
            raise Insufficient(f"{getattr(node, 'name', 'a function')} has a text of several lines in it")

    def _class(self, name: str, cls: type) -> str:
        functions = [getattr(one, "__func__", getattr(one, "fget", one)) for one in vars(cls).values()]
        functions = [
            one for one in functions if isinstance(one, types.FunctionType) and one.__module__ == cls.__module__
        ]
        place = place_of(cls)
        for text in texts_of(place, cls):
            for one in reversed(text.definitions.get(cls.__qualname__, [])):
                if isinstance(one.node, ast.ClassDef):
                    return self._class_of(name, cls, text, one.node, functions)
        raise Insufficient(f"the text of {cls.__qualname__} is not known")

    def _class_of(
        self, name: str, cls: type, text: Text, node: ast.ClassDef, functions: list[types.FunctionType]
    ) -> str:
        names: dict[str, Any] = dict(place_of(cls).names)
        cells: dict[str, Any] = {}
        for one in functions:
            if one.__code__.co_qualname not in text.definitions:
                continue  # written by a decorator, which writes it again
            names |= one.__globals__
            cells |= {key: value for key, value in cells_of(one) if key != "__class__"}
        for root in _roots(node):
            if root in names and root not in cells:
                self.bind(root, names[root])
        cut = text.segment(node)
        self._same(cut, node)
        return self._made(name, node.name, cut.rstrip("\n"), cells, cls)

    # --- values ---

    def _expression(self, value: Any) -> str:
        for form in (self._scalar, self._container, self._object):
            if (found := form(value)) is not None:
                return found
        raise Insufficient(f"an object of {type(value).__module__}.{type(value).__qualname__} has no text")

    def _scalar(self, value: Any) -> str | None:
        if isinstance(value, float) and type(value) is float and not math.isfinite(value):
            return f"float({str(value)!r})"
        if value is None or value is ... or type(value) in (bool, int, float, complex, str, bytes):
            return repr(value)
        if isinstance(value, np.generic):
            return f"__import__('numpy').dtype({str(value.dtype)!r}).type({self._expression(value.item())})"
        if isinstance(value, np.dtype):
            return f"__import__('numpy').dtype({str(value)!r})"
        if isinstance(value, Path):
            return f"Path({str(value.absolute())!r})"
        return None

    def _container(self, value: Any) -> str | None:
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufcU" and value.size <= _LARGEST:
            said = self._expression(value.ravel().tolist())
            return f"__import__('numpy').array({said}, dtype={str(value.dtype)!r}).reshape({value.shape!r})"
        if type(value) is dict:
            pairs = [f"{self._expression(key)}: {self._expression(one)}" for key, one in value.items()]
            return "{" + ", ".join(pairs) + "}"
        if type(value) in (list, tuple, set, frozenset):
            entries = "".join(f"{self._expression(one)}, " for one in value)
            if type(value) in (list, tuple):
                return f"[{entries}]" if type(value) is list else f"({entries})"
            return f"{type(value).__name__}([{entries}])"
        return None

    def _object(self, value: Any) -> str | None:
        if isinstance(value, ParameterSpace):
            return f"l2l.ParameterSpace.from_dict({self._expression(_as_plain(value.to_dict()))})"
        if isinstance(value, functools.partial):
            given = [self._expression(one) for one in (value.func, *value.args)]
            given += [f"{key}={self._expression(one)}" for key, one in value.keywords.items()]
            return f"__import__('functools').partial({', '.join(given)})"
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [one.name for one in dataclasses.fields(value) if one.init]
            said = ", ".join(f"{name}={self._expression(getattr(value, name))}" for name in fields)
            return f"{self._alias(type(value))}({said})"
        if isinstance(value, types.FunctionType | type | types.ModuleType | FunctionOptimizee):
            return self._alias(value)
        if isinstance(value, Callable) and (found := self._imported(value)) is not None:  # type: ignore[arg-type]
            self._lines.append(found[0])
            return found[1]
        return None

    def _alias(self, value: Any) -> str:
        """A name of the module for code that has none of its own there."""
        for name, known in self._bound.items():
            if known is value:
                return name
        said = last_name(str(getattr(value, "__name__", "it"))).rpartition(".")[2]
        name = said if said.isidentifier() else "it"
        if vars(builtins).get(name) is value:
            return name
        free, number = f"_{name}", 1
        while free in self._bound:
            number += 1
            free = f"_{name}_{number}"
        self.bind(free, value)
        return free


def _as_plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _as_plain(one) for key, one in data.items()}
    return [_as_plain(one) for one in data] if isinstance(data, list | tuple) else data


def _is_optimizee(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    return getattr(called, "attr", getattr(called, "id", "")) == "optimizee"


def _roots(node: ast.AST) -> list[str]:
    """The names outside that a definition uses, in order."""
    return list(dict.fromkeys(chain[0] for chain in uses_of([node]).chains))
