"""Options as plain data, as YAML, JSON and other processes get them."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import OptionError
from l2l.plugin.base import Plugin
from l2l.plugin.reference import IMPORTED_WITHIN, Reference
from l2l.space import ParameterSpace


def to_plain(value: Any, base: Path | None = None, *, exact: bool = False) -> Any:
    """An option as data that YAML and JSON can say; `from_plain` reads it again.

    Args:
        value: Plain data, an array, a `Path`, an importable function or class, a space, a plugin.
        base: Folder that paths become relative to; absolute unless given.
        exact: Whether a tuple is read again as a tuple, not as a list.

    Raises:
        OptionError: It is none of these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        path = os.path.abspath(value)
        return {"$path": os.path.relpath(path, base) if base else path}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        shape = {} if value.size else {"shape": list(value.shape)}
        return {"$array": value.tolist(), "dtype": str(value.dtype), **shape}
    if isinstance(value, Mapping):
        pairs = {key: to_plain(one, base, exact=exact) for key, one in value.items()}
        if all(isinstance(key, str) and not key.startswith("$") for key in pairs):
            return pairs
        return {"$pairs": [[to_plain(key, base, exact=exact), one] for key, one in pairs.items()]}
    if isinstance(value, list | tuple):
        entries = [to_plain(one, base, exact=exact) for one in value]
        return {"$tuple": entries} if exact and isinstance(value, tuple) else entries
    if isinstance(value, ParameterSpace):
        return {"$space": value.to_dict()}
    if isinstance(value, Plugin):
        return {"$plugin": value.reference.text(base), "options": to_plain(value.options, base, exact=exact)}
    if callable(value):
        return {"$code": Reference.to(value).text(base), **_around(value, base, exact)}
    raise OptionError(f"expected plain data, an array, a Path or an importable function, got {value!r}")


def _around(code: Any, base: Path | None, exact: bool) -> dict[str, Any]:
    """What has to stand around the import of code, where its module says so."""
    module = sys.modules.get(getattr(code, "__module__", None) or "")
    within = getattr(module, IMPORTED_WITHIN, None)
    return {} if within is None else {"within": within[0], "options": to_plain(within[1], base, exact=exact)}


def from_plain(data: Any, base: Path | None = None) -> Any:
    """What `to_plain` wrote, as it was.

    Raises:
        OptionError, NotFoundError: It names code that is not there.
    """
    if isinstance(data, list):
        return [from_plain(one, base) for one in data]
    if not isinstance(data, Mapping):
        return data
    match data:
        case {"$path": str(text)}:
            return Path(os.path.abspath(os.path.join(base or Path.cwd(), text)))
        case {"$array": entries, "dtype": dtype}:
            array = np.array(entries, dtype=dtype)
            return array.reshape(data["shape"]) if "shape" in data else array
        case {"$tuple": entries}:
            return tuple(from_plain(one, base) for one in entries)
        case {"$pairs": pairs}:
            return {from_plain(key, base): from_plain(one, base) for key, one in pairs}
        case {"$space": space}:
            return ParameterSpace.from_dict(space)
        case {"$code": str(text), "within": str(place), "options": options}:
            with Reference.parse(place).load()(**from_plain(options, base)):
                return Reference.parse(text, base).load()
        case {"$code": str(text)}:
            return Reference.parse(text, base).load()
        case {"$plugin": str(text), "options": options}:
            code = Reference.parse(text, base).load()
            return code if isinstance(code, Plugin) else code(**from_plain(options, base))
    return {name: from_plain(one, base) for name, one in data.items()}
