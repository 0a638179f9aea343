"""Values as plain data that is the same in every process, as far as they have such a form."""

import builtins
import dataclasses
import datetime
import decimal
import enum
import fractions
import gc
import json
import logging
import os
import re
import sys
import threading
import types
import typing
import warnings
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

    def of(self, value: Any) -> Any:
        """The form of a value.

        Raises:
            NoForm: It has none.
        """
        if (simple := self._simple(value)) is not None:
            return simple
        if id(value) in self._open:
            return {"$again": type(value).__name__}
        if len(self._open) > _DEEPEST:
            raise NoForm("a value that is nested too deeply")
        self._open.add(id(value))
        try:
            return self._nested(value)
        except NoForm:
            raise
        except Exception as error:  # an object of somebody else's may raise anything when it is looked at
            raise NoForm(f"{_kind(value)} ({type(error).__name__})") from error
        finally:
            self._open.discard(id(value))

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
        if self._is_users(type(value)):
            return {"$object": self._class(type(value)), "fields": self._fields(value)}
        if type(value) is object:
            return {"$object": "object"}
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
            return {"$pairs": pairs, **self._kind(value, dict)}
        if isinstance(value, set | frozenset):
            return {"$set": sorted((self.of(one) for one in value), key=json.dumps), **self._kind(value, set)}
        if isinstance(value, list | tuple) or type(value).__name__ == "deque":
            return {f"${type(value).__name__}": [self.of(one) for one in value]}
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
        if value.dtype.hasobject:
            return {"$array": [self.of(one) for one in value.ravel().tolist()], "shape": list(value.shape)}
        content = sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"$array": content, "dtype": str(value.dtype), "shape": list(value.shape)}

    def _is_code(self, value: Any) -> bool:
        members = (property, staticmethod, classmethod)
        return isinstance(value, (type, *members)) or (callable(value) and not self._is_users(type(value)))

    def _class(self, cls: type) -> Any:
        return [self._code(cls)]

    def _fields(self, value: Any) -> Any:
        said = dict(getattr(value, "__dict__", {}))
        for cls in type(value).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            for name in [slots] if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                    said.setdefault(name, getattr(value, name))
        return {name: self.of(one) for name, one in said.items()}


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
