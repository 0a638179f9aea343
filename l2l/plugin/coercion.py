"""Options in the types that a constructor's annotations say."""

import os
import types
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import numpy as np

from l2l.errors import L2LError, OptionError
from l2l.plugin.annotations import fits, hints_of, natural
from l2l.plugin.plain import from_plain
from l2l.plugin.reference import Reference
from l2l.space import ParameterSpace


def coerced(cls: type, options: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Options as a YAML file writes them, in the types that the constructor's annotations say.

    Texts become `Path`s (relative to `base`) and functions, mappings become spaces, lists arrays and tuples, and
    whole numbers floats where the annotation asks for these.

    Raises:
        OptionError: A function or space cannot be read.
    """
    hints = hints_of(cls)
    result: dict[str, Any] = {}
    for name, value in options.items():
        try:
            result[name] = _coerced(from_plain(value, base), hints.get(name, Any), base)
        except L2LError as error:
            raise OptionError(f"{cls.__name__}: option {name!r}: {error}") from error
        except Exception as error:  # importing the file that defines a function can raise whatever it likes
            text = error.args[0] if isinstance(error, KeyError) and error.args else error
            raise OptionError(f"{cls.__name__}: option {name!r}: {type(error).__name__}: {text}") from error
    return result


def declared(cls: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that a constructor was given, in one form for all that means the same: 8 is 8.0 where floats are."""
    hints = hints_of(cls)
    return {name: _coerced(value, hints.get(name, Any), Path.cwd()) for name, value in options.items()}


def _coerced(value: Any, hint: Any, base: Path) -> Any:
    value = natural(value, hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _coerced_to_one(value, args, base)
    if isinstance(value, str):
        return _read(value, hint, base)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():  # 1e3
        return int(value)
    if isinstance(value, list | tuple):
        return _coerced_entries(value, hint, base)
    if isinstance(value, Mapping):
        if hint is ParameterSpace:
            return ParameterSpace.from_dict(value if "parameters" in value else {"parameters": value})
        if len(args) == 2 and origin in (dict, Mapping):
            return {key: _coerced(one, args[1], base) for key, one in value.items()}
    return value


def _coerced_to_one(value: Any, hints: tuple[Any, ...], base: Path) -> Any:
    """In the first of several types that it fits: as it is, of its very own type, or else changed."""
    as_it_is = sorted((hint for hint in hints if fits(value, hint)), key=lambda hint: hint is not type(value))
    for hint in (*as_it_is, *hints):
        changed = _coerced(value, hint, base)
        if fits(changed, hint):
            return changed
    return value


def _read(text: str, hint: Any, base: Path) -> Any:
    if hint is Path:
        return Path(os.path.abspath(base / Path(text).expanduser()))
    if hint is bool:  # as YAML 1.1 has them
        return {"yes": True, "on": True, "no": False, "off": False}.get(text.lower(), text)
    if (hint is Callable or get_origin(hint) is Callable) and ":" in text:
        return Reference.parse(text, base).load()
    return text


def _coerced_entries(value: Sequence[Any], hint: Any, base: Path) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if hint is np.ndarray or origin is np.ndarray:
        scalar = get_args(args[1]) if len(args) == 2 else ()
        concrete = scalar and isinstance(scalar[0], type) and not scalar[0].__subclasses__()
        return np.asarray(value, dtype=scalar[0] if concrete else None)
    entries = list(value)
    if args and origin in (list, tuple, Sequence):
        fixed = origin is tuple and args[-1] is not Ellipsis
        if fixed and len(args) != len(value):
            return value
        each = args if fixed else repeat(args[0], len(value))
        entries = [_coerced(one, hint, base) for one, hint in zip(value, each, strict=True)]
    as_tuple = isinstance(value, tuple) and list not in (hint, origin)
    return tuple(entries) if as_tuple or tuple in (hint, origin) else entries
