"""Values as plain data that is the same in every process, as far as they have such a form."""

import builtins
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gc
import json
import logging
import operator
import os
import re
import sys
import threading
import types
import typing
import warnings
from array import array
from collections import UserDict, UserList, UserString, defaultdict, deque
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from l2l.plugin import Plugin
from l2l.space import ParameterSpace
from l2l.space.parameter import Parameter

_KEEPERS = (sys, os, builtins, gc, logging, threading, warnings)
"""Modules of Python whose lists and mappings (`sys.modules`, `os.environ`) are the process's and no model's."""
_DEEPEST = 60
"""Containers within containers; deeper ones are taken for values without a plain form."""


class NoForm(Exception):
    """A value has no plain form.

    Args:
        kind: Of the value, as a user knows it.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Forms:
    """Makes plain forms of values.

    Args:
        code: Form of a function, class or other callable.
        is_users: Whether a class belongs to the user's project.
        homes: Folders that texts may begin with and that move with the project.
    """

    def __init__(self, code: Callable[[Any], Any], is_users: Callable[[type], bool], homes: set[str]) -> None:
        self._code = code
        self._is_users = is_users
        self._homes = homes
        self._open: set[int] = set()
        self._of_process = {
            id(value): f"{module.__name__}.{name}"
            for module in reversed(_KEEPERS)
            for name, value in vars(module).items()
            if isinstance(value, list | set | Mapping) and not name.startswith("__")
        }
        self._own: dict[type, bool] = {}

    def of(self, value: Any) -> Any:
        """The form of a value.

        Raises:
            NoForm: It has none.
        """
        own = self._is_own(value)
        if not own and (simple := self._simple(value)) is not None:
            return simple
        if id(value) in self._open:
            return {"$again": type(value).__name__}
        if len(self._open) > _DEEPEST:
            raise NoForm("a value that is nested too deeply")
        self._open.add(id(value))
        try:
            return self._object(value) if own else self._nested(value)
        except NoForm:
            raise
        except Exception as error:  # an object of somebody else's may raise anything when it is looked at
            raise NoForm(f"{_kind(value)} ({type(error).__name__})") from error
        finally:
            self._open.discard(id(value))

    def _is_own(self, value: Any) -> bool:
        """Whether a value is an object of a class of the user's, of which the class counts too."""
        cls = type(value)
        if cls.__module__ == "builtins" or isinstance(value, type | enum.Enum | Plugin | types.ModuleType):
            return False
        if cls not in self._own:
            self._own[cls] = self._is_users(cls)
        return self._own[cls]

    def _object(self, value: Any) -> Any:
        """The form of an object of the user's: its class, its fields, and what it holds as a number, text or list."""
        form = {"$object": self._class(type(value)), "fields": self._fields(value)}
        held = _as_builtin(value)
        content = self._simple(value) if held is None else self._simple(held)
        if content is None:
            content = self._container(value)
        return form if content is None else {**form, "holds": content}

    def _simple(self, value: Any) -> Any:
        if isinstance(value, str) and type(value) is str:
            return {"$text": self._moved(value)}
        if value is None or value is ... or value is NotImplemented or type(value) in (bool, int, float, complex):
            return {f"${type(value).__name__}": repr(value)}
        if isinstance(value, bytes | bytearray):
            return {f"${type(value).__name__}": sha256(value).hexdigest()}
        if isinstance(value, np.generic):
            return {"$scalar": [str(value.dtype), repr(value.item())]}
        if isinstance(value, PurePath):
            return {"$path": value.name}
        if isinstance(value, enum.Enum):
            return {"$member": [*self._class(type(value)), value.name]}
        plain = datetime.date | datetime.time | datetime.timedelta | datetime.tzinfo | decimal.Decimal
        if isinstance(value, plain | fractions.Fraction | range | re.Pattern | np.dtype | types.GenericAlias):
            return {f"${type(value).__name__}": repr(value)}
        if isinstance(value, operator.itemgetter | operator.attrgetter | operator.methodcaller):
            return {"$operator": repr(value)}
        if isinstance(value, logging.Logger):  # named after its module, which is another one in the main script
            return {"$logger": None}
        if isinstance(value, typing.TypeVar) or typing.get_origin(value) is not None:
            return {"$named": str(getattr(value, "name", value))}
        return None

    def _moved(self, text: str) -> str:
        """A text without the folder that it may begin with, as paths do."""
        for home in sorted(self._homes, key=len, reverse=True):
            if text == home or text.startswith(home + os.sep):
                return "." + text[len(home) :]
        return text

    def _nested(self, value: Any) -> Any:
        if (contained := self._container(value)) is not None:
            return contained
        if isinstance(value, ParameterSpace | Parameter):
            return {f"${type(value).__name__}": value.to_dict()}
        if isinstance(value, Plugin):
            code = getattr(value, "function", type(value))
            said = vars(value) if hasattr(value, "function") else {}
            declared = {name: self.of(said[name]) for name in ("space", "objectives", "observables") if name in said}
            return {"$plugin": self._code(code), "options": self.of(dict(value.options)), **declared}
        if isinstance(value, types.ModuleType):
            return {"$module": self._code(value)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {one.name: self.of(getattr(value, one.name, None)) for one in dataclasses.fields(value)}
            return {"$object": self._class(type(value)), "fields": fields}
        if self._is_code(value):
            return self._code(value)
        if isinstance(value, functools.partialmethod):
            return {"$partialmethod": [self.of(one) for one in (value.func, value.args, value.keywords)]}
        if isinstance(value, functools.singledispatchmethod):
            return {"$dispatch": self.of(dict(value.dispatcher.registry))}
        if type(value) is object:
            return {"$object": "object"}
        if type(value).__module__.partition(".")[0] == "attr":  # what attrs declares of a field
            return {"$attrs": self._fields(value)}
        if (table := _table(value)) is not None:
            return {"$table": type(value).__qualname__, "holds": self.of(table)}
        raise NoForm(_kind(value))

    def _container(self, value: Any) -> Any:
        """The form of what holds other values, and may be changed by whoever has it."""
        if (kept := self._kept_by_python(value)) is not None:
            return kept
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, slice):
            return {"$slice": [self.of(one) for one in (value.start, value.stop, value.step)]}
        if isinstance(value, types.SimpleNamespace):
            return {"$namespace": self.of(vars(value))}
        if isinstance(value, Mapping) and not self._foreign(value):
            pairs = [[self.of(key), self.of(one)] for key, one in value.items()]
            # Loops over a mapping follow its order, so that it counts.
            factory = {"missing": self.of(value.default_factory)} if isinstance(value, defaultdict) else {}
            return {"$pairs": pairs, **self._kind(value, dict), **factory}
        if isinstance(value, set | frozenset):
            return {"$set": sorted((self.of(one) for one in value), key=json.dumps), **self._kind(value, set)}
        if isinstance(value, list | tuple):
            return {f"${type(value).__name__}": [self.of(one) for one in value]}
        if isinstance(value, deque):
            return {"$deque": [self.of(one) for one in value], "most": value.maxlen}
        if isinstance(value, array):
            return {"$array": sha256(value.tobytes()).hexdigest(), "dtype": value.typecode}
        if isinstance(value, memoryview):
            return {"$memory": sha256(value.tobytes()).hexdigest(), "dtype": value.format}
        if isinstance(value, UserDict | UserList | UserString):
            return {f"${type(value).__name__}": self.of(value.data)}
        return None

    def _kept_by_python(self, value: Any) -> Any:
        """The form of what belongs to the process or to a module: its name, since what is in it is not the model's."""
        if type(value) is dict and isinstance(name := value.get("__name__"), str):
            module = sys.modules.get(name)
            if isinstance(module, types.ModuleType) and vars(module) is value:
                return {"$names": self._code(module)}
        name = self._of_process.get(id(value))
        return None if name is None else {"$named": name}

    def _foreign(self, value: Any) -> bool:
        """Whether it is a mapping of somebody else's, which may be anything."""
        known = ("dict", "OrderedDict", "defaultdict", "Counter", "mappingproxy", "ChainMap")
        return type(value).__name__ not in known and not self._is_users(type(value))

    def _kind(self, value: Any, usual: type) -> dict[str, Any]:
        return {} if type(value) is usual else {"of": type(value).__name__}

    def _array(self, value: "np.ndarray[Any, Any]") -> Any:
        if isinstance(value, np.ma.MaskedArray):
            parts = (value.data, np.ma.getmaskarray(value), value.fill_value)
            return {"$masked": [self.of(one) for one in parts]}
        if value.dtype.hasobject:
            return {"$array": [self.of(one) for one in value.ravel().tolist()], "shape": list(value.shape)}
        content = sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        form = {"$array": content, "dtype": str(value.dtype), "shape": list(value.shape)}
        more = {} if self._is_own(value) else getattr(value, "__dict__", {})  # such as a unit
        return {**form, **self._kind(value, np.ndarray), "more": self.of(more)} if more else form

    def _is_code(self, value: Any) -> bool:
        members = (property, staticmethod, classmethod)
        return isinstance(value, (type, *members)) or (callable(value) and not self._is_users(type(value)))

    def _class(self, cls: type) -> Any:
        return [self._code(cls)]

    def _fields(self, value: Any) -> Any:
        cached = {name for cls in type(value).__mro__ for name, one in vars(cls).items() if _is_cached(one)}
        said = {name: one for name, one in getattr(value, "__dict__", {}).items() if name not in cached}
        for cls in type(value).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            for name in [slots] if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                    said.setdefault(name, getattr(value, name))
        return {name: self.of(one) for name, one in said.items()}


def _is_cached(member: Any) -> bool:
    """Whether a member of a class keeps what it computed in the object, which follows from the rest of that."""
    return isinstance(member, functools.cached_property)


def _as_builtin(value: Any) -> Any:
    """The number, text or bytes that an object of a derived class is; None where it is none."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, complex):
        return complex.__complex__(value)
    return None


def _table(value: Any) -> Any:
    """What a table or matrix of a library holds, as arrays; None of anything else."""
    library = type(value).__module__.partition(".")[0]
    if library == "pandas" and hasattr(value, "columns"):
        columns = [value.iloc[:, number].to_numpy() for number in range(value.shape[1])]
        return [value.columns.to_list(), value.index.to_numpy(), columns]
    if library == "pandas" and hasattr(value, "to_numpy"):
        return [str(value.name), value.to_numpy(), value.index.to_numpy() if hasattr(value, "index") else None]
    if library == "xarray" and hasattr(value, "to_dict"):
        return value.to_dict(data="array")
    if library == "scipy" and hasattr(value, "tocoo"):
        matrix = value.tocoo()
        return [matrix.row, matrix.col, matrix.data, matrix.shape]
    return np.asarray(value) if library in ("torch", "jax", "jaxlib") and hasattr(value, "__array__") else None


def _kind(value: Any) -> str:
    cls = type(value)
    if hasattr(cls, "read") and hasattr(cls, "close"):
        return "an open file"
    if isinstance(value, types.GeneratorType):
        return "a generator, which can be used once"
    module = "" if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}."
    return f"an object of {module}{cls.__qualname__}"


def shown(value: Any) -> str:
    """A value for people, in at most some lines."""
    if isinstance(value, Path):
        return f"Path({value.name!r})"
    try:
        text = np.array2string(value, threshold=50) if isinstance(value, np.ndarray) else repr(value)
    except Exception:  # noqa: BLE001 - whatever a repr raises
        text = f"<{type(value).__name__}>"
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    return text if len(text) <= 2000 else text[:2000] + "…"
