"""Functions, classes and what wraps them, as this process has them."""

import enum
import functools
import inspect
import types
from typing import Any

from l2l.provenance.modules import Place, cells, text_of
from l2l.provenance.syntax import Text, global_names


def is_of_enum(cls: type[enum.Enum], member: str, value: Any) -> bool:
    """Whether a member of an enumeration is none of its choices and not written by Python."""
    if member in cls.__members__:
        return False
    inner = getattr(value, "__func__", value)
    return not member.startswith("_") or (isinstance(inner, types.FunctionType) and inner.__module__ == cls.__module__)


def innermost(thing: Any) -> Any:
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


def defaults(function: types.FunctionType) -> dict[str, Any]:
    """Parameter → its default."""
    code = function.__code__
    values = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    return dict(zip(names[len(names) - len(values) :], values, strict=True)) | dict(function.__kwdefaults__ or {})


def names_in(function: types.FunctionType) -> list[str]:
    """The global names that a function uses."""
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
