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
import os
import sys
import types
from array import array
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from l2l.provenance.callables import cells_of, defaults, innermost, is_of_enum, last_name, names_in, texts_of
from l2l.provenance.forms import NoForm, shown
from l2l.provenance.ledger import Ledger, Part, Reached
from l2l.provenance.literals import computed, literals_of
from l2l.provenance.modules import Place, absolute, cells, found, place_of, text_of, top
from l2l.provenance.sources import Sources
from l2l.provenance.syntax import (
    SETTING,
    Definition,
    Text,
    Uses,
    bindings_at_top,
    bound_by,
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
_WRAPPED = ("__wrapped__", "py_func", "pyfunc", "func", "fget", "fset", "fdel", "__func__")
"""Where decorators of libraries keep the function that they were given."""


class Walk:
    """Finds what a model reaches.

    Args:
        root: Its class or function.
        installed: Whether it counts with the rest of its package where it is installed, as a plugin's model does.
    """

    def __init__(self, root: Any, *, installed: bool = True) -> None:
        self._root = place_of(innermost(root))
        self._ledger = Ledger(self._root, self.code, installed=installed)
        self._sources = Sources(self._ledger)
        self._todo: deque[Callable[[], None]] = deque()
        self._constants: dict[tuple[Any, str], tuple[str, Place, str, Any]] = {}
        self._changed_names: set[tuple[Any, str]] = set()
        self._changed_values: set[int] = set()
        self._finished = 0

    @property
    def found(self) -> Reached:
        """What was found so far."""
        return self._ledger.found

    @property
    def home(self) -> str | None:
        """The folder of the model's file."""
        return self._ledger.home

    def is_users(self, place: Place) -> bool:
        """Whether a module belongs to the project."""
        return self._ledger.is_users(place)

    def finish(self) -> Reached:
        """Follow all that was met; what was found."""
        while self._todo or self._ledger.later:
            (self._todo or self._ledger.later).popleft()()
        self._finish_constants()
        while self._find_settings():
            self._finish_constants()
        for label, values in self.found.altered.items():
            self.found.files.pop(label, None)
            self.found.notes.setdefault(f"{label}: {'; '.join(values)}: what ran is archived, not the file")
        return self.found

    def _finish_constants(self) -> None:
        done = self._finished
        while done < len(self._constants) or self._todo or self._ledger.later:
            for name, place, short, value in list(self._constants.values())[done:]:
                self._finish_constant(name, place, short, value)
                done += 1
            while self._todo or self._ledger.later:  # what sources of values without a form name
                (self._todo or self._ledger.later).popleft()()
        self._finished = done

    def _find_settings(self) -> bool:
        """Take what modules of the model set in packages that the model uses; whether there was anything new."""
        before = len(self.found.parts)
        for label, place in list(self._ledger.places.items()):
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
        return self._ledger.label_of(self._root)

    def definition(self, function: types.FunctionType) -> tuple[Text | None, Definition | None]:
        """Where a function stands in its text; None where it is not there as it runs."""
        return self._definition(Place.of_names(function.__globals__), function, function.__qualname__)

    # --- functions, classes and what wraps them ---

    def code(self, thing: Any) -> Any:
        """The form of a callable or module, which is walked if it is the user's.

        Raises:
            NoForm: It holds a value that has none.
        """
        if isinstance(thing, types.ModuleType):
            place = Place(vars(thing), thing.__name__, getattr(thing, "__file__", None))
            self._whole(place)
            if self._ledger.is_users(place):  # its name may tell where the project stands
                return {"$module": self._ledger.label_of(place)}
            return {"$module": thing.__name__.rpartition(".")[2]}
        if isinstance(thing, types.FunctionType):
            return self._function(thing)
        if isinstance(thing, type):
            return self._class(thing)
        if isinstance(thing, functools.partial):
            return {"$partial": [self._ledger.forms.of(one) for one in (thing.func, thing.args, thing.keywords)]}
        if isinstance(thing, types.MethodType):
            self._function(thing.__func__) if isinstance(thing.__func__, types.FunctionType) else None
            return {"$method": [self._ledger.forms.of(thing.__self__), thing.__name__]}
        return self._wrapper(thing)

    def _wrapper(self, thing: Any) -> Any:
        """What a library made of functions, or something that is built in."""
        module = str(getattr(thing, "__module__", "") or type(thing).__module__)
        inside = [getattr(thing, name, None) for name in _WRAPPED]
        functions = [one for one in inside if callable(one) and one is not thing]
        said = str(getattr(thing, "__qualname__", type(thing).__qualname__))
        self._ledger.package(type(thing).__module__)
        if functions:
            return {"$wrapped": [type(thing).__qualname__, *(self.code(one) for one in functions)]}
        place = found(module)
        if place is not None and self._ledger.is_users(place) and place.file and not place.text:
            self._ledger.extension(place)
        self._ledger.package(module)
        owner = getattr(thing, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType | type):
            return {"$method": [self._ledger.forms.of(owner), said]}
        named = hasattr(thing, "__qualname__") or isinstance(thing, np.ufunc)
        if not named and type(thing).__module__ not in ("builtins", "functools"):
            raise NoForm(f"an object of {type(thing).__module__}.{type(thing).__qualname__}")
        return {"$named": f"{module}.{getattr(thing, '__name__', said)}"}

    def _function(self, function: types.FunctionType) -> Any:
        place = Place.of_names(function.__globals__)
        if not self._ledger.is_users(place):
            self._ledger.package(place.name)
            held = [one for _, one in cells_of(function)]
            held += [one for one in (getattr(function, "__wrapped__", None),) if one is not None]
            return {"$of": f"{place.name}.{function.__code__.co_qualname}", "holds": self._ledger.all_forms(held)}
        known = self._ledger.is_known(function)
        name = self._ledger.named("function", place, last_name(function.__code__.co_qualname), function)
        if not known:
            self._todo.append(lambda: self._add_function(name, place, function))
        return {"$code": name}

    def _add_function(self, name: str, place: Place, function: types.FunctionType) -> None:
        form, text = self._form_of_function(place, function, name.partition(" ")[2])
        self.found.parts[name] = Part(form, text)

    def _form_of_function(self, place: Place, function: types.FunctionType, said: str) -> tuple[Any, str]:
        """All that counts of a function, and its text; follows what it uses."""
        text, definition = self._definition(place, function, said)
        uses = uses_of([definition.node]) if definition else Uses(dict.fromkeys((n,) for n in names_in(function)))
        form: dict[str, Any] = (
            {"code": meaning(definition.node)} if definition else {"bytes": instructions(function.__code__)}
        )
        cells = dict(cells_of(function))
        self._note_changes(place, uses, cells)
        shown_text = text.segment(definition.node) if text and definition else ""
        values = {name: value for name, value in cells.items() if not isinstance(value, types.ModuleType)}
        # What a function was given where it was made is read there: two closures of one text may compute otherwise.
        for name, value in (values | defaults(function)).items():
            if (name,) in uses.changed or id(value) in self._changed_values:
                continue
            if name == "__class__" and isinstance(value, type):
                continue
            form.setdefault("values", {})[name] = self._ledger.form_or_note(value, f"{said}: {name}")
            if name in cells and not callable(value):
                shown_text += f"# {name} = {shown(value)}\n"
        for one in uses.unknown:
            self._ledger.note(f"{said}: {one}")
        for chain in uses.chains:
            self._follow(place, chain, cells)
        for each in uses.imports:
            self._sources.follow_import(place, each)
        if (wrapped := getattr(function, "__wrapped__", None)) is not None and callable(wrapped):
            form["wrapped"] = self.code(wrapped)
        return form, shown_text

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
                f"{self._ledger.label(place)} has changed since this process loaded it: {said.rpartition(':')[2]} is "
                f"{'another function' if candidates else 'no function'} there"
            )
        return None, None

    def _class(self, cls: type) -> Any:
        place = place_of(cls)
        if cls.__module__ == "builtins" or not self._ledger.is_users(place):
            self._ledger.package(cls.__module__)
            return {"$class": f"{cls.__module__}.{cls.__qualname__}"}
        known = self._ledger.is_known(cls)
        name = self._ledger.named("class", place, last_name(cls.__qualname__), cls)
        if not known:
            self._todo.append(lambda: self._add_class(name, place, cls))
        return {"$code": name}

    def _add_class(self, name: str, place: Place, cls: type) -> None:
        said = name.partition(" ")[2]
        texts = texts_of(place, cls)
        found = [(text, one) for text in texts for one in text.definitions.get(cls.__qualname__, [])]
        nodes = [(text, one.node) for text, one in found if isinstance(one.node, ast.ClassDef)]
        text, node = nodes[-1] if nodes else (None, None)
        literals = literals_of(node.body) if isinstance(node, ast.ClassDef) else {}
        form: dict[str, Any] = {"bases": [self.code(base) for base in cls.__bases__], "members": {}}
        if type(cls) is not type and self._ledger.is_users_class(type(cls)):
            form["metaclass"] = self.code(type(cls))
        fields = getattr(cls, "__dataclass_fields__", {})
        if issubclass(cls, enum.Enum):
            form["choices"] = {
                one: self._ledger.form_or_note(each.value, said) for one, each in cls.__members__.items()
            }
        if "__dataclass_fields__" in vars(cls):
            form["fields"] = {
                one.name: [self._ledger.all_forms([one.default, one.default_factory]), one.init, one.kw_only]
                for one in fields.values()
            }
        for member, value in sorted(vars(cls).items()):
            if member in _OF_CLASSES or type(value).__name__ in _DESCRIPTORS:
                continue
            if (issubclass(cls, enum.Enum) and not is_of_enum(cls, member, value)) or (
                (id(cls), member) in self._changed_names
            ):
                continue
            counted = self._member(place, cls, member, value, f"{said}.{member}")
            if isinstance(counted, dict) and "$opaque" in counted and isinstance(node, ast.ClassDef):
                counted["source"] = self._as_written_in(place, node, member)
            if counted is not None:
                form["members"][member] = counted
            if member in literals:
                self._ledger.compare(place, f"{cls.__qualname__}.{member}", value, literals[member])
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
        return first != "l2l" and first not in sys.stdlib_module_names and not self._ledger.is_users_class(cls)

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
            return self._ledger.form_or_note(value, said)
        return None

    # --- names ---

    def _follow_all(self, place: Place, uses: Uses) -> None:
        for chain in uses.chains:
            self._follow(place, chain, {})
        for one in uses.imports:
            self._sources.follow_import(place, one)

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
            if not self._ledger.is_users(owner) and not _is_namespace(value):
                self._ledger.package(value.__name__)
                return
            if not rest:
                self._whole(owner)
                return
            name, rest = rest[0], rest[1:]
            if name not in owner.names:
                if isinstance(maker := owner.names.get("__getattr__"), types.FunctionType):
                    self._reach(owner, "__getattr__", maker, place)
                self._ledger.later.append(lambda o=owner, c=(name, *rest): self._sources.read(o, c))  # type: ignore[misc]
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
            self._ledger.note(f"{self._ledger.label(owner)}:{name}: {error.kind}, which has no plain form")

    def _constant(self, owner: Place, name: str, value: Any) -> None:
        if (owner.key, name) in self._constants:
            return
        part = self._ledger.named("constant", owner, name)
        self._constants[owner.key, name] = (part, owner, name, value)
        self._ledger.keep(value)
        with contextlib.suppress(NoForm):
            self._ledger.forms.of(value)  # queues the code in it

    def _whole(self, place: Place) -> None:
        """Reach all that a module defines: it is used in a way that does not say what of it."""
        if not self._ledger.is_users(place):
            self._ledger.package(place.name)
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
                form, text = self._ledger.form_or_note(value, said), f"{name} = {shown(value)}\n"
            self.found.parts[part] = Part({"state": form}, text)
            return
        try:
            form = self._ledger.forms.of(value)
        except NoForm as error:
            self._ledger.note(f"{said}: {error.kind}, which has no plain form: counted as its source has it")
            form = {"$opaque": error.kind, "source": self._as_written(place, name)}
            self.found.parts[part] = Part(form, f"{name}: {error.kind}\n")
            return
        self.found.parts[part] = Part(form, f"{name} = {shown(value)}\n")
        if place.text:
            bindings = bindings_at_top(place.text.tree)
            literals = literals_of(bindings.get(name, []))
            if name in literals:
                self._ledger.compare(place, name, value, literals[name])
            elif (number := computed(name, bindings, place)) is not None:
                self._ledger.compare(place, name, value, number)

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
            if target is not None and self._ledger.is_users(target):
                for one in origin.names:
                    if (one.asname or one.name) == name:
                        return self._as_written(target, one.name)
        self._follow_all(place, uses_of(statements, module=True))
        return meaning(list(statements))


def _is_namespace(module: types.ModuleType) -> bool:
    return getattr(module, "__file__", None) is None and hasattr(module, "__path__")
