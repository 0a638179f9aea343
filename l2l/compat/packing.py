"""Arguments of the other framework's constructors as options of ours: plain data, arrays, and classes by their names.

An object goes as its class with its attributes, as `pickle` would have them, so that workers and a resumed run build it
again from text. What holds an open file, a function within a function or a simulator's handle cannot go.
"""

import copyreg
import enum
import sys
from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l2l.compat.trajectory import Trajectory
from l2l.errors import OptionError

_KIND = "~"
"""The key of a mapping that stands for something else."""
_DEEPEST = 50
"""Objects within objects; more are most likely a circle."""


def packed(value: Any, depth: int = 0) -> Any:
    """A value as data that an option can be.

    Raises:
        OptionError: It holds something that has no such form; says which.
    """
    if depth > _DEEPEST:
        raise OptionError("objects that hold each other in a circle cannot be sent to workers")
    if value is None or isinstance(value, bool | str | Path) or type(value) in (int, float):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        return value
    if isinstance(value, Trajectory):
        return {_KIND: "trajectory"}
    return _packed_object(value, depth + 1)


def _packed_object(value: Any, depth: int) -> Any:
    if isinstance(value, enum.Enum):
        return {_KIND: "member", "of": type(value), "name": value.name}
    if isinstance(value, np.generic):
        return {_KIND: "number", "value": value.item(), "dtype": str(value.dtype)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _packed_record(value, depth)
    if type(value) in (list, tuple, set, frozenset):
        entries = [packed(one, depth) for one in (sorted(value) if isinstance(value, set | frozenset) else value)]
        return entries if type(value) is list else {_KIND: type(value).__name__, "entries": entries}
    if type(value) is dict:
        return {_KIND: "dict", "pairs": [[packed(key, depth), packed(one, depth)] for key, one in value.items()]}
    if isinstance(value, bytes):
        return {_KIND: "bytes", "hex": value.hex()}
    if isinstance(value, np.random.RandomState):
        return {_KIND: "random", "state": packed(value.get_state(legacy=False), depth)}
    if isinstance(value, np.random.Generator):
        return {_KIND: "generator", "state": packed(value.bit_generator.state, depth)}
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return {_KIND: "code", "code": value}
    return _packed_instance(value, depth)


def _packed_record(value: Any, depth: int) -> dict[str, Any]:
    """A named tuple: by its class where that can be found again under its name, else by its fields."""
    cls = type(value)
    found = getattr(sys.modules.get(cls.__module__), cls.__qualname__, None)
    entries = [packed(one, depth) for one in value]
    if found is cls:
        return {_KIND: "record", "of": cls, "entries": entries}
    return {_KIND: "record", "of": cls.__name__, "fields": list(value._fields), "entries": entries}


def _packed_instance(value: Any, depth: int) -> dict[str, Any]:
    name = type(value).__name__
    try:
        made = value.__reduce_ex__(2)
    except Exception as error:
        raise OptionError(f"an object of type {name} cannot be sent to workers: {error}") from error
    if isinstance(made, str) or (not isinstance(made[0], type) and made[0] is not copyreg.__newobj__):  # type: ignore[attr-defined]
        raise OptionError(
            f"an object of type {name} cannot be sent to workers; let the optimizee's constructor make it, or load it "
            "from a file"
        )
    new = made[0] is copyreg.__newobj__  # type: ignore[attr-defined]
    state, entries, pairs = (*made[2:], None, None, None)[:3]
    return {
        _KIND: "object",
        "of": made[1][0] if new else made[0],
        "new": new,
        "arguments": [packed(one, depth) for one in made[1][new:]],
        "state": packed(state, depth),
        "entries": [packed(one, depth) for one in entries or ()],
        "pairs": [[packed(key, depth), packed(one, depth)] for key, one in pairs or ()],
    }


def unpacked(data: Any) -> Any:
    """What `packed` packed; each call makes it anew."""
    if isinstance(data, list | tuple):
        return [unpacked(one) for one in data]
    if isinstance(data, np.ndarray):
        return data.copy()
    return _unpacked_object(data) if isinstance(data, Mapping) else data


def _unpacked_object(data: Mapping[str, Any]) -> Any:
    match data:
        case {"~": "trajectory"}:
            return Trajectory()
        case {"~": "member", "of": cls, "name": name}:
            return cls[name]
        case {"~": "number", "value": value, "dtype": dtype}:
            return np.dtype(dtype).type(value)
        case {"~": "record", "of": cls, "entries": entries}:
            made = namedtuple(cls, data["fields"]) if isinstance(cls, str) else cls
            return made(*map(unpacked, entries))
        case {"~": "dict", "pairs": pairs}:
            return {unpacked(key): unpacked(one) for key, one in pairs}
        case {"~": "bytes", "hex": text}:
            return bytes.fromhex(text)
        case {"~": "code", "code": code}:
            return code
        case {"~": "random" | "generator" as kind, "state": state}:
            return _generator(kind, unpacked(state))
        case {"~": "object"}:
            return _instance(data)
        case {"~": kind, "entries": entries}:
            return {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](map(unpacked, entries))
    raise OptionError(f"expected what an optimizee of the other framework was made from, got {data!r}")


def _generator(kind: str, state: dict[str, Any]) -> Any:
    if kind == "random":
        made = np.random.RandomState()
        made.set_state(state)
        return made
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)


def _instance(data: Mapping[str, Any]) -> Any:
    cls, arguments = data["of"], [unpacked(one) for one in data["arguments"]]
    made = cls.__new__(cls, *arguments) if data["new"] else cls(*arguments)
    state = unpacked(data["state"])
    if hasattr(made, "__setstate__") and state is not None:
        made.__setstate__(state)
    elif state is not None:
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        vars(made).update(attributes or {})
        for name, value in (slots or {}).items():
            setattr(made, name, value)
    made_entries = [unpacked(one) for one in data["entries"]]
    if made_entries:
        made.extend(made_entries)
    for key, value in data["pairs"]:
        made[unpacked(key)] = unpacked(value)
    return made


def numbers_of(result: Any) -> list[float]:
    """The fitness that `simulate` returned as numbers, whatever holds them.

    Args:
        result: A number, a sequence or array of numbers of any shape, a series, or a dictionary; one with an entry
            "fitness" means that.

    Raises:
        TypeError: There are no numbers in it.
    """
    if isinstance(result, Mapping):
        result = result["fitness"] if "fitness" in result else list(result.values())
    try:
        entries: list[Any] = [result] if np.isscalar(result) else _entries(result)
        numbers = [float(one) for one in entries]
    except (TypeError, ValueError):
        numbers = []
    if not numbers:
        got = "nothing" if result is None else f"{type(result).__name__} {result!r:.100}"
        raise TypeError(f"simulate: expected a fitness, a number or several, got {got}")
    return numbers


def _entries(result: Any) -> list[Any]:
    """The numbers in sequences within sequences, in order."""
    if isinstance(result, str | bytes):
        raise TypeError("text is no fitness")
    array = np.asarray(result) if not isinstance(result, list | tuple) else None
    if array is not None:
        return array.ravel().tolist()
    return [number for one in result for number in ([one] if np.isscalar(one) else _entries(one))]
