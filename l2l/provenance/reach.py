"""What a model computes: its code, with everything of the user's project that this code reaches.

The walk goes from living functions, classes and values to what their names mean in this process, so that what is
archived is what runs. Modules that a function imports only when it is called are read without importing them.
"""

import ast
import builtins
import contextlib
import enum
import functools
import inspect
import operator
import os
import sys
import types
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from l2l.plugin.reference import FILE_MODULE, NOTEBOOK
from l2l.provenance.forms import Forms, NoForm, shown
from l2l.provenance.modules import Labels, Place, Whose, absolute, cells, found, is_installed, text_of, top
from l2l.provenance.syntax import (
    SETTING,
    Definition,
    Import,
    Text,
    Uses,
    bindings_at_top,
    bound_by,
    global_names,
    instructions,
    meaning,
    same_code,
    settings_at_top,
    uses_of,
)

_OF_MODULES = {
    "__name__", "__file__", "__package__", "__spec__", "__builtins__", "__path__", "__loader__", "__debug__",
}  # fmt: skip
_OF_CLASSES = {
    "__module__", "__doc__", "__dict__", "__weakref__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__", "_abc_impl",
    "__parameters__", "__orig_bases__", "__dataclass_params__", "__dataclass_fields__", "__match_args__",
    "__conditional_annotations__", "__classcell__", "__slotnames__", "__replace__",
}  # fmt: skip
"""What Python and its dataclasses write into a class, which follows from the rest of it."""
_DESCRIPTORS = ("member_descriptor", "getset_descriptor", "_tuplegetter")
"""Types of what Python makes of slots and of the fields of named tuples."""
_CHANGED_BY_METHODS = (list, dict, set, deque, bytearray, array, np.ndarray)
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_WRAPPED = ("__wrapped__", "py_func", "pyfunc", "func", "fget", "fset", "fdel", "__func__")
"""Where decorators of libraries keep the function that they were given."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that makes up a model.

    Args:
        form: All that counts of it, as plain data.
        text: For people to read and compare.
    """

    form: Any
    text: str


@dataclass
class Reached:
    """What a walk has found.

    Args:
        parts: Name → part, in the order in which they were met.
        files: Label → source of a module of which something counts.
        notes: What could not be followed.
        packages: Installed packages whose names the model uses.
        stale: What differs between a file and what was made of it in this process, in whole sentences.
        altered: Label → values that differ from the literals in its source.
        carried: Parts that stand in the main module, in one loaded from a file, or within a function.
    """

    parts: dict[str, Part] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    packages: dict[str, None] = field(default_factory=dict)
    stale: dict[str, None] = field(default_factory=dict)
    altered: dict[str, list[str]] = field(default_factory=dict)
    carried: set[str] = field(default_factory=set)


class Walk:
    """Finds what a model reaches.

    Args:
        root: Its class or function.
        installed: Whether it counts with the rest of its package where it is installed, as a plugin's model does.
    """

    def __init__(self, root: Any, *, installed: bool = True) -> None:
        place = self.place_of(_innermost(root))
        home = str(Path(place.file).parent) if place.file and Path(place.file).is_file() else None
        self.found = Reached()
        self.home = home
        self._root = place
        foreign = not installed and (place.file is None or is_installed(place.file)) and place.name != "__main__"
        self._whose = Whose("" if foreign else place.name)
        self._labels = Labels(home)
        self._forms = Forms(self.code, self._is_users_class, {home} if home else set())
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no id is used again
        self._todo: deque[Callable[[], None]] = deque()
        self._later: deque[Callable[[], None]] = deque()
        self._constants: dict[tuple[Any, str], tuple[str, Place, str, Any]] = {}
        self._static: set[tuple[Any, str]] = set()
        self._changed_names: set[tuple[Any, str]] = set()
        self._changed_values: set[int] = set()
        self._finished = 0
        self._places: dict[str, Place] = {}

    def finish(self) -> Reached:
        """Follow all that was met; what was found."""
        while self._todo or self._later:
            (self._todo or self._later).popleft()()
        self._finish_constants()
        while self._find_settings():
            self._finish_constants()
        for label, values in self.found.altered.items():
            self.found.files.pop(label, None)
            self.found.notes.setdefault(f"{label}: {'; '.join(values)}: what ran is archived, not the file")
        return self.found

    def _finish_constants(self) -> None:
        done = self._finished
        while done < len(self._constants) or self._todo or self._later:
            for name, place, short, value in list(self._constants.values())[done:]:
                self._finish_constant(name, place, short, value)
                done += 1
            while self._todo or self._later:  # what sources of values without a form name
                (self._todo or self._later).popleft()()
        self._finished = done

    def _find_settings(self) -> bool:
        """Take what modules of the model set in packages that the model uses; whether there was anything new."""
        before = len(self.found.parts)
        for label, place in list(self._places.items()):
            if place.text is None or f"settings {label}" in self.found.parts:
                continue
            statements = settings_at_top(place.text.tree, lambda name, p=place: self._sets(p, name))  # type: ignore[misc]
            if statements:
                text = "".join(place.text.segment(one) for one in statements)
                self.found.parts[f"settings {label}"] = Part(meaning(statements), text)
                self._follow_all(place, uses_of(statements, module=True))
        return len(self.found.parts) > before

    def _sets(self, place: Place, module: str) -> bool:
        """Whether what a module of the project sets in another module can change what the model computes."""
        first = top(absolute(module, 0, place.package))
        return first in self.found.packages or first in SETTING

    # --- places ---

    @property
    def root_label(self) -> str:
        """What the model's own module is called."""
        return self._labels.of(self._root)

    def definition(self, function: types.FunctionType) -> tuple[Text | None, Definition | None]:
        """Where a function stands in its text; None where it is not there as it runs."""
        return self._definition(Place.of_names(function.__globals__), function, function.__qualname__)

    def place_of(self, thing: Any) -> Place:
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

    def is_users(self, place: Place) -> bool:
        """Whether a module belongs to the project."""
        return self._whose.is_users(place.name, place.file)

    def _is_users_class(self, cls: type) -> bool:
        return cls.__module__ != "builtins" and self.is_users(self.place_of(cls))

    def _label(self, place: Place) -> str:
        label = self._labels.of(place)
        if label not in self.found.files and label != NOTEBOOK and place.text:
            self.found.files[label] = place.text.text
            self._places[label] = place
        return label

    def _package(self, name: str) -> None:
        first = top(name)
        if first and first not in sys.stdlib_module_names and first not in ("l2l", "__main__"):
            self.found.packages.setdefault(first)

    def _named(self, kind: str, place: Place, qualname: str, thing: Any = None) -> str:
        """The name of a part, which is free."""
        if thing is not None and id(thing) in self._names:
            return self._names[id(thing)]
        wanted = f"{kind} {self._label(place)}:{qualname}"
        name, number = wanted, 1
        taken = set(self._names.values())
        while thing is not None and name in taken:
            number += 1
            name = f"{wanted} ({number})"
        if thing is not None:
            self._names[id(thing)] = name
            self._kept.append(thing)
        within = "<locals>" in str(getattr(thing, "__qualname__", ""))  # of a function, where nobody finds it by name
        if within or place.name == "__main__" or place.name.startswith(FILE_MODULE):
            self.found.carried.add(name)
        return name

    # --- functions, classes and what wraps them ---

    def code(self, thing: Any) -> Any:
        """The form of a callable or module, which is walked if it is the user's.

        Raises:
            NoForm: It holds a value that has none.
        """
        if isinstance(thing, types.ModuleType):
            place = Place(vars(thing), thing.__name__, getattr(thing, "__file__", None))
            self._whole(place)
            if self.is_users(place):  # its name may tell where the project stands
                return {"$module": self._labels.of(place)}
            return {"$module": thing.__name__.rpartition(".")[2]}
        if isinstance(thing, types.FunctionType):
            return self._function(thing)
        if isinstance(thing, type):
            return self._class(thing)
        if isinstance(thing, functools.partial):
            return {"$partial": [self._forms.of(one) for one in (thing.func, thing.args, thing.keywords)]}
        if isinstance(thing, types.MethodType):
            self._function(thing.__func__) if isinstance(thing.__func__, types.FunctionType) else None
            return {"$method": [self._forms.of(thing.__self__), thing.__name__]}
        return self._wrapper(thing)

    def _wrapper(self, thing: Any) -> Any:
        """What a library made of functions, or something that is built in."""
        module = str(getattr(thing, "__module__", "") or type(thing).__module__)
        inside = [getattr(thing, name, None) for name in _WRAPPED]
        functions = [one for one in inside if callable(one) and one is not thing]
        said = str(getattr(thing, "__qualname__", type(thing).__qualname__))
        self._package(type(thing).__module__)
        if functions:
            return {"$wrapped": [type(thing).__qualname__, *(self.code(one) for one in functions)]}
        place = found(module)
        if place is not None and self.is_users(place) and place.file and not place.text:
            self._extension(place)
        self._package(module)
        owner = getattr(thing, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType | type):
            return {"$method": [self._forms.of(owner), said]}
        named = hasattr(thing, "__qualname__") or isinstance(thing, np.ufunc)
        if not named and type(thing).__module__ not in ("builtins", "functools"):
            raise NoForm(f"an object of {type(thing).__module__}.{type(thing).__qualname__}")
        return {"$named": f"{module}.{getattr(thing, '__name__', said)}"}

    def _extension(self, place: Place) -> None:
        self._note(f"{place.name}: compiled code, of which the file alone can be compared")
        assert place.file is not None
        name = f"file {Path(place.file).name.partition('.')[0]} (compiled)"
        if name not in self.found.parts and Path(place.file).is_file():
            from l2l.provenance.files import digest_of_path

            self.found.parts[name] = Part(digest_of_path(place.file), "")

    def _function(self, function: types.FunctionType) -> Any:
        place = Place.of_names(function.__globals__)
        if not self.is_users(place):
            self._package(place.name)
            held = [one for _, one in cells_of(function)]
            held += [one for one in (getattr(function, "__wrapped__", None),) if one is not None]
            return {"$of": f"{place.name}.{function.__code__.co_qualname}", "holds": self._all_forms(held)}
        known = id(function) in self._names
        name = self._named("function", place, last_name(function.__code__.co_qualname), function)
        if not known:
            self._todo.append(lambda: self._add_function(name, place, function))
        return {"$code": name}

    def _all_forms(self, values: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        for one in values:
            try:
                found.append(self._forms.of(one))
            except NoForm as error:
                found.append({"$opaque": error.kind})
        return found

    def _add_function(self, name: str, place: Place, function: types.FunctionType) -> None:
        form, text = self._form_of_function(place, function, name.partition(" ")[2])
        self.found.parts[name] = Part(form, text)

    def _form_of_function(self, place: Place, function: types.FunctionType, said: str) -> tuple[Any, str]:
        """All that counts of a function, and its text; follows what it uses."""
        text, definition = self._definition(place, function, said)
        uses = uses_of([definition.node]) if definition else Uses(dict.fromkeys((n,) for n in _names_in(function)))
        form: dict[str, Any] = (
            {"code": meaning(definition.node)} if definition else {"bytes": instructions(function.__code__)}
        )
        cells = dict(cells_of(function))
        self._note_changes(place, uses, cells)
        shown_text = text.segment(definition.node) if text and definition else ""
        values = {name: value for name, value in cells.items() if not isinstance(value, types.ModuleType)}
        # What a function was given where it was made is read there: two closures of one text may compute otherwise.
        for name, value in (values | _defaults(function)).items():
            if (name,) in uses.changed or id(value) in self._changed_values:
                continue
            if name == "__class__" and isinstance(value, type):
                continue
            form.setdefault("values", {})[name] = self._form_or_note(value, f"{said}: {name}")
            if name in cells and not callable(value):
                shown_text += f"# {name} = {shown(value)}\n"
        for one in uses.unknown:
            self._note(f"{said}: {one}")
        for chain in uses.chains:
            self._follow(place, chain, cells)
        for each in uses.imports:
            self._import(place, each)
        if (wrapped := getattr(function, "__wrapped__", None)) is not None and callable(wrapped):
            form["wrapped"] = self.code(wrapped)
        return form, shown_text

    def _form_or_note(self, value: Any, said: str) -> Any:
        try:
            return self._forms.of(value)
        except NoForm as error:
            self._note(f"{said}: {error.kind}, which has no plain form")
            return {"$opaque": error.kind}

    def _definition(
        self, place: Place, function: types.FunctionType, said: str
    ) -> tuple[Text | None, Definition | None]:
        """Where a function stands in its text; None where it is not there as it runs."""
        code = function.__code__
        file = os.path.abspath(code.co_filename) if not code.co_filename.startswith("<") else code.co_filename
        own = place.file is not None and os.path.realpath(file) == os.path.realpath(place.file)
        text = place.text if own else text_of(code.co_filename) or (text_of(file) if file != code.co_filename else None)
        if text is None:
            return None, None
        candidates = text.definitions.get(code.co_qualname, [])
        equal = [one for one in candidates if one.code is not None and same_code(one.code, code)]
        if equal:
            return text, min(equal, key=lambda one: abs(one.code.co_firstlineno - code.co_firstlineno))  # type: ignore[union-attr]
        if own and not place.as_written:  # an import hook compiled something else
            near = sorted(candidates, key=lambda one: abs(one.node.lineno - code.co_firstlineno))
            return (text, near[0]) if near else (None, None)
        if own:
            self.found.stale.setdefault(
                f"{self._label(place)} has changed since this process loaded it: {said.rpartition(':')[2]} is "
                f"{'another function' if candidates else 'no function'} there"
            )
        return None, None

    def _class(self, cls: type) -> Any:
        place = self.place_of(cls)
        if cls.__module__ == "builtins" or not self.is_users(place):
            self._package(cls.__module__)
            return {"$class": f"{cls.__module__}.{cls.__qualname__}"}
        known = id(cls) in self._names
        name = self._named("class", place, last_name(cls.__qualname__), cls)
        if not known:
            self._todo.append(lambda: self._add_class(name, place, cls))
        return {"$code": name}

    def _add_class(self, name: str, place: Place, cls: type) -> None:
        said = name.partition(" ")[2]
        texts = texts_of(place, cls)
        found = [(text, one) for text in texts for one in text.definitions.get(cls.__qualname__, [])]
        nodes = [(text, one.node) for text, one in found if isinstance(one.node, ast.ClassDef)]
        text, node = nodes[-1] if nodes else (None, None)
        literals = _literals_of(node.body) if isinstance(node, ast.ClassDef) else {}
        form: dict[str, Any] = {"bases": [self.code(base) for base in cls.__bases__], "members": {}}
        if type(cls) is not type and self._is_users_class(type(cls)):
            form["metaclass"] = self.code(type(cls))
        fields = getattr(cls, "__dataclass_fields__", {})
        if issubclass(cls, enum.Enum):
            form["choices"] = {one: self._form_or_note(each.value, said) for one, each in cls.__members__.items()}
        if "__dataclass_fields__" in vars(cls):
            form["fields"] = {
                one.name: [self._all_forms([one.default, one.default_factory]), one.init, one.kw_only]
                for one in fields.values()
            }
        for member, value in sorted(vars(cls).items()):
            if member in _OF_CLASSES or type(value).__name__ in _DESCRIPTORS:
                continue
            if (issubclass(cls, enum.Enum) and not _is_of_enum(cls, member, value)) or (
                (id(cls), member) in self._changed_names
            ):
                continue
            counted = self._member(place, cls, member, value, f"{said}.{member}")
            if isinstance(counted, dict) and "$opaque" in counted and isinstance(node, ast.ClassDef):
                counted["source"] = self._as_written_in(place, node, member)
            if counted is not None:
                form["members"][member] = counted
            if member in literals:
                self._compare(place, f"{cls.__qualname__}.{member}", value, literals[member])
        if isinstance(node, ast.ClassDef):
            if any(self._reads_annotations(one) for one in (*cls.__mro__, type(cls))):
                form["annotations"] = self._annotations(place, node)
            self._follow_all(place, uses_of(node.decorator_list))
        segment = text.segment(node) if text and node else ""
        self.found.parts[name] = Part(form, segment)

    def _as_written_in(self, place: Place, node: ast.ClassDef, member: str) -> Any:
        """The statements of a class that make a member without a plain form."""
        statements = [one for one in node.body if member in bound_by(one)]
        self._follow_all(place, uses_of(statements))
        return meaning(statements)

    def _annotations(self, place: Place, node: ast.ClassDef) -> Any:
        said = {ast.unparse(one.target): one.annotation for one in node.body if isinstance(one, ast.AnnAssign)}
        self._follow_all(place, uses_of(list(said.values())))
        return {name: meaning(one) for name, one in said.items()}

    def _reads_annotations(self, cls: type) -> bool:
        """Whether a base or metaclass is of a library that may make something of annotations."""
        first = top(cls.__module__)
        return first != "l2l" and first not in sys.stdlib_module_names and not self._is_users_class(cls)

    def _member(self, place: Place, cls: type, name: str, value: Any, said: str) -> Any:
        """What counts of a member of a class."""
        inner = getattr(value, "__func__", value)
        functions = [inner] if isinstance(inner, types.FunctionType) else []
        if isinstance(value, property | functools.cached_property):
            held = [getattr(value, one, None) for one in ("fget", "fset", "fdel", "func")]
            functions = [one for one in held if isinstance(one, types.FunctionType)]
        if functions:
            own = [one for one in functions if one.__module__ == cls.__module__]
            if own and all(inspect.unwrap(one).__code__.co_filename == "<string>" for one in own):
                return None  # written by a dataclass or a named tuple
            if len(own) == len(functions):
                kind = type(value).__name__
                return [kind, *(self._form_of_function(Place.of_names(f.__globals__), f, said)[0] for f in own)]
        if name == "__slots__" or not name.startswith("__") or callable(value):
            return self._form_or_note(value, said)
        return None

    # --- names ---

    def _follow_all(self, place: Place, uses: Uses) -> None:
        for chain in uses.chains:
            self._follow(place, chain, {})
        for one in uses.imports:
            self._import(place, one)

    def _follow(self, place: Place, chain: tuple[str, ...], cells: dict[str, Any]) -> None:
        """Reach what a dotted name means in a module that is loaded."""
        name, rest, owner = chain[0], chain[1:], place
        if name in cells:
            value = cells[name]
            if not isinstance(value, types.ModuleType):
                return  # counted with the function that encloses it
        elif name in place.names:
            value = place.names[name]
        else:
            return
        if name in _OF_MODULES:
            return
        while isinstance(value, types.ModuleType):
            owner = Place(vars(value), value.__name__, getattr(value, "__file__", None))
            if not self.is_users(owner) and not _is_namespace(value):
                self._package(value.__name__)
                return
            if not rest:
                self._whole(owner)
                return
            name, rest = rest[0], rest[1:]
            if name not in owner.names:
                if isinstance(maker := owner.names.get("__getattr__"), types.FunctionType):
                    self._reach(owner, "__getattr__", maker, place)
                self._later.append(lambda o=owner, c=(name, *rest): self._read(o, c))  # type: ignore[misc]
                return
            value = owner.names[name]
        self._reach(owner, name, value, place)
        if rest and isinstance(value, types.FunctionType) and rest[0] in vars(value):
            self._constant(owner, f"{name}.{rest[0]}", vars(value)[rest[0]])
        if rest == ("__doc__",) and isinstance(value, types.FunctionType | type):
            self._constant(owner, f"{name}.__doc__", value.__doc__)

    def _reach(self, owner: Place, name: str, value: Any, user: Place) -> None:
        """Take what a name means in a module."""
        try:
            is_code = isinstance(value, type | types.FunctionType | types.BuiltinFunctionType)
            if is_code and vars(builtins).get(name) is not value:
                self.code(value)
            elif not is_code:
                self._constant(owner, name, value)
        except NoForm as error:
            self._note(f"{self._label(owner)}:{name}: {error.kind}, which has no plain form")

    def _constant(self, owner: Place, name: str, value: Any) -> None:
        if (owner.key, name) in self._constants:
            return
        part = self._named("constant", owner, name)
        self._constants[owner.key, name] = (part, owner, name, value)
        self._kept.append(value)
        with contextlib.suppress(NoForm):
            self._forms.of(value)  # queues the code in it

    def _whole(self, place: Place) -> None:
        """Reach all that a module defines: it is used in a way that does not say what of it."""
        if not self.is_users(place):
            self._package(place.name)
            return
        if place.text is None:
            return
        for name, statements in bindings_at_top(place.text.tree).items():
            if not any(isinstance(one, ast.Import | ast.ImportFrom) for one in statements) and name in place.names:
                self._follow(place, (name,), {})

    def _note_changes(self, place: Place, uses: Uses, cells: dict[str, Any]) -> None:
        """Note what the model itself changes while it runs: it is state, not part of what it computes."""
        for chain in uses.changed | uses.called:
            owner: Any = None
            value: Any = cells.get(chain[0], place.names.get(chain[0]))
            key: tuple[Any, str] = (place.key, chain[0])
            for name in chain[1:]:
                owner, value = value, getattr(value, name, None)
                module = isinstance(owner, types.ModuleType)
                key = (Place(vars(owner), "", getattr(owner, "__file__", None)).key if module else id(owner), name)
            # A class of the user's may have an `add` that changes nothing.
            if chain not in uses.changed and not isinstance(value, _CHANGED_BY_METHODS):
                continue
            self._changed_names.add(key)
            if isinstance(value, list | dict | set | deque) or hasattr(value, "__dict__"):
                self._changed_values.add(id(value))
            if owner is not None and not isinstance(owner, types.ModuleType | type):
                self._changed_values.add(id(owner))

    # --- values ---

    def _finish_constant(self, part: str, place: Place, name: str, value: Any) -> None:
        said = part.partition(" ")[2]
        if (place.key, name) in self._changed_names or id(value) in self._changed_values:
            form = self._as_written(place, name)
            text = f"{name}: changed by the model, counted as it begins\n"
            if form is None:  # typed where no text is kept
                form, text = self._form_or_note(value, said), f"{name} = {shown(value)}\n"
            self.found.parts[part] = Part({"state": form}, text)
            return
        try:
            form = self._forms.of(value)
        except NoForm as error:
            self._note(f"{said}: {error.kind}, which has no plain form: counted as its source has it")
            form = {"$opaque": error.kind, "source": self._as_written(place, name)}
            self.found.parts[part] = Part(form, f"{name}: {error.kind}\n")
            return
        self.found.parts[part] = Part(form, f"{name} = {shown(value)}\n")
        if place.text:
            bindings = bindings_at_top(place.text.tree)
            literals = _literals_of(bindings.get(name, []))
            if name in literals:
                self._compare(place, name, value, literals[name])
            elif (computed := _computed(name, bindings, place)) is not None:
                self._compare(place, name, value, computed)

    def _as_written(self, place: Place, name: str) -> Any:
        """The statements of a module, or of the last cell that has any, that make a value; None without any."""
        first = name.partition(".")[0]
        texts = [place.text] if place.text is not None else [text_of(one) for one in reversed(cells())]
        found_ = [bindings_at_top(one.tree).get(first, []) for one in texts if one is not None]
        statements = next((one for one in found_ if one), [])
        if not statements:
            return None
        origins = [one for one in statements if isinstance(one, ast.ImportFrom)]
        for origin in origins:
            target = found(absolute(origin.module or "", origin.level, place.package))
            if target is not None and self.is_users(target):
                for one in origin.names:
                    if (one.asname or one.name) == name:
                        return self._as_written(target, one.name)
        self._follow_all(place, uses_of(statements, module=True))
        return meaning(list(statements))

    def _compare(self, place: Place, name: str, value: Any, literal: Any) -> None:
        """Note a value that is not the one in the source: somebody changed it in this process, or the file since."""
        try:
            same = self._forms.of(value) == self._forms.of(literal)
        except NoForm:
            same = True
        if not same:
            said = f"{name} is {shown(value)} in this process and {shown(literal)} in the file"
            self.found.altered.setdefault(self._label(place), []).append(said)

    # --- modules that are imported only when a function runs ---

    def _import(self, place: Place, one: Import) -> None:
        def later() -> None:
            target = found(absolute(one.module, one.level, place.package))
            if target is None:
                return
            if not self.is_users(target) and not (target.file is None and _spec_is_namespace(target)):
                self._package(target.name)
            elif one.name:
                self._read(target, (one.name, *one.chain[1:]))
            elif len(one.chain) > 1:
                self._read(target, one.chain[1:])
            elif one.chain:
                self._read_all(target)

        self._later.append(later)

    def _read_all(self, place: Place) -> None:
        if place.text is None:
            return
        for name, statements in bindings_at_top(place.text.tree).items():
            if not any(isinstance(one, ast.Import | ast.ImportFrom) for one in statements):
                self._read(place, (name,))

    def _read(self, place: Place, chain: tuple[str, ...]) -> None:
        """Reach what a dotted name means in a module, from its source alone."""
        name, rest = chain[0], chain[1:]
        if (place.key, name) in self._static and not rest:
            return
        if place.text is None:
            if place.file and not place.file.endswith(".py"):
                self._extension(place)
            elif (sub := found(f"{place.name}.{name}")) is not None and rest:
                self._read(sub, rest)
            return
        statements = bindings_at_top(place.text.tree).get(name, [])
        if not statements:
            self._read_elsewhere(place, chain)
            return
        kept = [one for one in statements if not isinstance(one, ast.Import | ast.ImportFrom)]
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._read_import(place, statement, chain)
        if kept and (place.key, name) not in self._static:
            self._static.add((place.key, name))
            self._add_read(place, name, kept)

    def _read_import(self, place: Place, statement: ast.Import | ast.ImportFrom, chain: tuple[str, ...]) -> None:
        for one in statement.names:
            bound = one.asname or (one.name if isinstance(statement, ast.ImportFrom) else top(one.name))
            if bound != chain[0]:
                continue
            if isinstance(statement, ast.Import):
                self._import(place, Import(one.name if one.asname else bound, 0, "", chain))
            else:
                self._import(place, Import(statement.module or "", statement.level, one.name, chain))

    def _read_elsewhere(self, place: Place, chain: tuple[str, ...]) -> None:
        """A name that a module takes from others by `*`, or that is a module within a package."""
        assert place.text is not None
        for statement in place.text.tree.body:
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
                target = found(absolute(statement.module or "", statement.level, place.package))
                if target is None:
                    continue
                if not self.is_users(target):
                    self._package(target.name)
                elif (target.key, f"*{chain[0]}") not in self._static:  # stars may stand in a circle
                    self._static.add((target.key, f"*{chain[0]}"))
                    self._read(target, chain)
        if chain[0] != "__getattr__" and "__getattr__" in bindings_at_top(place.text.tree):
            self._read(place, ("__getattr__",))
        sub = found(f"{place.name}.{chain[0]}") if place.spec and place.spec.submodule_search_locations else None
        if sub is not None and self.is_users(sub):
            self._read(sub, chain[1:]) if chain[1:] else self._read_all(sub)

    def _add_read(self, place: Place, name: str, statements: list[ast.stmt]) -> None:
        assert place.text is not None
        last = statements[-1]
        kind = (
            "class"
            if isinstance(last, ast.ClassDef)
            else "function"
            if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef)
            else "constant"
        )
        part = self._named(kind, place, name)
        if part in self.found.parts:
            return
        form: Any = {"code": meaning(list(statements))}
        text = "".join(place.text.segment(one) for one in statements)
        literals = _literals_of(statements)
        if name in literals and name in place.names:
            before = len(self.found.altered.get(self._label(place), []))
            self._compare(place, name, place.names[name], literals[name])
            if len(self.found.altered.get(self._label(place), [])) > before:
                form, text = self._forms.of(place.names[name]), f"{name} = {shown(place.names[name])}\n"
        self.found.parts[part] = Part(form, text)
        uses = uses_of(statements, module=True)
        for one in uses.unknown:
            self._note(f"{part.partition(' ')[2]}: {one}")
        for chain in uses.chains:
            if chain[0] != name:
                self._later.append(lambda c=chain: self._read(place, c))  # type: ignore[misc]
        for each in uses.imports:
            self._import(place, each)

    def _note(self, text: str) -> None:
        self.found.notes.setdefault(text)


def _is_of_enum(cls: type[enum.Enum], member: str, value: Any) -> bool:
    """Whether a member of an enumeration is none of its choices and not written by Python."""
    if member in cls.__members__:
        return False
    inner = getattr(value, "__func__", value)
    return not member.startswith("_") or (isinstance(inner, types.FunctionType) and inner.__module__ == cls.__module__)


def _innermost(thing: Any) -> Any:
    """The function or class that a callable is made of."""
    while True:
        if isinstance(thing, functools.partial):
            thing = thing.func
        elif isinstance(thing, types.MethodType):
            thing = thing.__func__
        elif callable(thing) and hasattr(thing, "__wrapped__") and inspect.unwrap(thing) is not thing:
            thing = inspect.unwrap(thing)
        else:
            return thing if isinstance(thing, type | types.FunctionType) else type(thing)


def last_name(qualname: str) -> str:
    """A qualified name without the functions within which it was defined, which may be others where it is resumed."""
    return qualname.rpartition("<locals>.")[2]


def cells_of(function: types.FunctionType) -> list[tuple[str, Any]]:
    """(name, value) of what a function encloses."""
    found: list[tuple[str, Any]] = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found.append((name, cell.cell_contents))
        except ValueError:  # not bound yet
            continue
    return found


def _defaults(function: types.FunctionType) -> dict[str, Any]:
    code = function.__code__
    values = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    return dict(zip(names[len(names) - len(values) :], values, strict=True)) | dict(function.__kwdefaults__ or {})


def _names_in(function: types.FunctionType) -> list[str]:
    return global_names(function.__code__)


def texts_of(place: Place, cls: type) -> list[Text]:
    """The texts in which a class may stand: its module's, or the cells that its functions come from."""
    if place.text is not None:
        return [place.text]
    files: dict[str, None] = {}
    for member in vars(cls).values():
        inner = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(inner, types.FunctionType):
            files.setdefault(inner.__code__.co_filename)
    for names in (files, reversed(cells())):
        found = [text for name in names if (text := text_of(name)) and cls.__qualname__ in text.definitions]
        if found:
            return found[:1]
    return []


def _literals_of(statements: Sequence[ast.stmt]) -> dict[str, Any]:
    """Name → value of the names that statements bind once, to a literal."""
    found: dict[str, Any] = {}
    several: set[str] = set()
    for statement in statements:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        names = [one.id for one in targets if isinstance(one, ast.Name)]
        if not names:
            uses = uses_of([statement], module=True)
            several |= {chain[0] for chain in uses.changed | uses.called}
        for name in names:
            if name in found:
                several.add(name)
            try:
                found[name] = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                several.add(name)
    return {name: value for name, value in found.items() if name not in several}


def _computed(name: str, bindings: Mapping[str, Sequence[ast.stmt]], place: Place) -> Any:
    """The number that a name is bound to once, computed from numbers and such names; None of anything else."""
    statements = bindings.get(name, [])
    if len(statements) != 1 or not isinstance(statements[0], ast.Assign | ast.AnnAssign):
        return None
    simple = all(isinstance(one, ast.Name) for one in getattr(statements[0], "targets", []))
    value = statements[0].value
    if not simple or not isinstance(value, ast.BinOp | ast.UnaryOp | ast.Name):
        return None

    def of(node: ast.AST) -> Any:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return node.value
        if isinstance(node, ast.Name) and len(bindings.get(node.id, [])) == 1:
            known = place.names.get(node.id)
            return known if type(known) in (int, float) else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return None if (one := of(node.operand)) is None else -one
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            left, right = of(node.left), of(node.right)
            return None if left is None or right is None else _ARITHMETIC[type(node.op)](left, right)
        return None

    try:
        return of(value)
    except ArithmeticError:
        return None


def _is_namespace(module: types.ModuleType) -> bool:
    return getattr(module, "__file__", None) is None and hasattr(module, "__path__")


def _spec_is_namespace(place: Place) -> bool:
    spec = place.spec
    return spec is not None and spec.origin is None and spec.submodule_search_locations is not None
