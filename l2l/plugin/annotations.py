"""Annotations of constructors: what they say, and whether a value is of that type."""

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.quantities import scalar

_USUAL = {
    "Any": Any,
    "ArrayLike": ArrayLike,
    "Callable": Callable,
    "Literal": Literal,
    "Mapping": Mapping,
    "NDArray": NDArray,
    "Path": Path,
    "Sequence": Sequence,
    "np": np,
}
"""Names that a module may import for type checkers only, as annotations use them."""


def parameters_of(cls: type, positional: int = 0) -> dict[str, inspect.Parameter]:
    """Name → parameter of a constructor, without `self` and the first `positional` ones.

    Where a constructor hands `**options` on to its base class, the options of that one are among them.
    """
    found: dict[str, inspect.Parameter] = {}
    for constructor in _constructors(cls):
        named = list(_named(constructor))
        leading = [one.name for one in named if one.kind is not one.KEYWORD_ONLY][1 : 1 + positional]
        for one in named[1:]:
            if one.name not in leading:
                found.setdefault(one.name, one)
    return found


def _constructors(cls: type) -> Iterator[Any]:
    for base in cls.__mro__:
        if "__init__" in vars(base) and base is not object:
            yield base.__init__  # type: ignore[misc]
            parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
            if all(one.kind is not one.VAR_KEYWORD for one in parameters):
                return


def _named(constructor: Any) -> Iterator[inspect.Parameter]:
    for one in inspect.signature(constructor).parameters.values():
        if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            yield one


@cache
def hints_of(cls: type) -> Mapping[str, Any]:
    """Name → type of a constructor's parameters, as far as the annotations can be resolved."""
    found: dict[str, Any] = {}
    for constructor in _constructors(cls):
        names = _USUAL | getattr(inspect.unwrap(constructor), "__globals__", {})
        for one in _named(constructor):
            if one.annotation is not one.empty and one.name not in found:
                holder = types.SimpleNamespace(__annotations__={one.name: one.annotation})
                try:
                    found |= get_type_hints(holder, names)
                except Exception:  # noqa: BLE001 - names for type checkers only, or what they alone know
                    continue
    return types.MappingProxyType(found)


def type_text(annotation: Any) -> str:
    """An annotation as people read it, without the names of modules."""
    if annotation is inspect.Parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"""('[^']*'|"[^"]*")|\b(?:[^\W\d]\w*\.)+(?=\w)""", lambda match: match[1] or "", text)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type that an annotation says, as far as it says something checkable."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any or hint is inspect.Parameter.empty:
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, arg) for arg in args)
    if origin is Literal:
        return any(type(value) is type(arg) and value == arg for arg in args)
    if hint is None or hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, float | int | np.floating | np.integer) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int | np.integer) and not isinstance(value, bool)
    if origin in (list, tuple, Sequence) or hint in (list, tuple, Sequence):
        return _fits_sequence(value, origin, args)
    if origin in (dict, Mapping) or hint in (dict, Mapping):
        return isinstance(value, Mapping) and (not args or all(fits(one, args[1]) for one in value.values()))
    if origin is Callable or hint is Callable:
        return callable(value)
    if origin is np.ndarray:
        return isinstance(value, np.ndarray)
    try:
        return isinstance(value, hint) if isinstance(hint, type) else True
    except TypeError:  # a protocol that cannot be checked at run time
        return True


_SCALARS = (int, float, bool, str, None, type(None))


def natural(value: Any, hint: Any) -> Any:
    """A value with Python's own numbers, texts and truth values where the annotation asks for these.

    Where it asks for arrays, or says nothing checkable, the value stays as it is.
    """
    origin, args = get_origin(hint), get_args(hint)
    if isinstance(value, np.generic | np.ndarray):
        hints = args if origin in (Union, types.UnionType) else (hint,)
        return scalar(value) if all(one in _SCALARS or get_origin(one) is Literal for one in hints) else value
    if isinstance(value, list | tuple) and args and origin in (list, tuple, Sequence):
        fixed = origin is tuple and args[-1] is not Ellipsis and len(args) == len(value)
        entries = [natural(one, args[place] if fixed else args[0]) for place, one in enumerate(value)]
        return tuple(entries) if type(value) is tuple else entries if type(value) is list else value
    if isinstance(value, Mapping) and len(args) == 2 and origin in (dict, Mapping):
        return {key: natural(one, args[1]) for key, one in value.items()}
    if origin in (Union, types.UnionType):
        fitting = (one for one in args if fits(natural(value, one), one))
        return next((natural(value, one) for one in fitting), value)
    return value


def _fits_sequence(value: Any, origin: Any, args: tuple[Any, ...]) -> bool:
    if not isinstance(value, list | tuple | np.ndarray):
        return False
    if origin is tuple and args and args[-1] is not Ellipsis:
        return len(value) == len(args) and all(map(fits, value, args))
    return not args or isinstance(value, np.ndarray) or all(fits(one, args[0]) for one in value)
