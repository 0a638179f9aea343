"""The dictionaries and little helpers that stand in the other framework's package itself."""

import itertools
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np


class sdictm:  # noqa: N801 - the name that files of theirs import
    """A dictionary whose entries are attributes, too; one that is missing is None, with a warning.

    Args:
        obj: What it holds; dictionaries in it, and in lists in it, become such ones.
    """

    def __init__(self, obj: Mapping[str, Any]) -> None:
        if not isinstance(obj, Mapping):
            raise RuntimeError(f"{type(self).__name__}: expected a dictionary, got {type(obj).__name__}")
        self._data: dict[Any, Any]
        self.__dict__["_data"] = {key: self._nested(value) for key, value in obj.items()}

    def _nested(self, value: Any) -> Any:
        if isinstance(value, dict):
            return type(self)(value)
        if isinstance(value, list):
            return [type(self)(one) if isinstance(one, dict) else one for one in value]
        return value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_data" not in self.__dict__:  # asked by copy and pickle
            raise AttributeError(name)
        if name not in self._data:
            warnings.warn(f"there is no entry {name!r}: it reads as None", stacklevel=2)
        return self._data.get(name)

    def __getitem__(self, key: str) -> Any:
        return self._data[key] if key in self._data else self.__getattr__(key)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, key: str, value: Any) -> None:
        self._data[key] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return repr(self._data)

    def get(self, key: str, default_value: Any = None) -> Any:
        """The entry, or a default where there is none or it is None."""
        value = self._data.get(key)
        return default_value if value is None else value

    def keys(self) -> Iterable[str]:
        """The keys."""
        return self._data.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The pairs."""
        return self._data.items()

    def todict(self) -> dict[str, Any]:
        """All of it as plain dictionaries."""

        def plain(value: Any) -> Any:
            if isinstance(value, sdictm):
                return value.todict()
            return [plain(one) for one in value] if isinstance(value, list) else value

        return {key: plain(value) for key, value in self._data.items()}

    def copy(self) -> "sdictm":
        """A deep copy of the dictionaries."""
        return type(self)(self.todict())

    def update(self, **entries: Any) -> "sdictm":
        """Set entries at the first level."""
        self._data.update(entries)
        return self

    def apply(self, fn: Callable[[dict[str, Any], str, Any], Any]) -> None:
        """Call a function with the dictionary, the key and the value of each leaf."""
        for key, value in list(self._data.items()):
            inner = [value] if isinstance(value, sdictm) else value if isinstance(value, list) else []
            nested = [one for one in inner if isinstance(one, sdictm)]
            for one in nested:
                one.apply(fn)
            if not nested:
                fn(self._data, key, value)

    def frozen(self) -> "sdict":
        """The same, unchangeable."""
        return sdict(self.todict())


class sdict(sdictm):  # noqa: N801 - the name that files of theirs import
    """An `sdictm` that cannot be changed."""

    def __setitem__(self, key: str, value: Any) -> None:
        raise RuntimeError("an sdict cannot be changed")

    def update(self, **entries: Any) -> sdictm:
        """Refuse."""
        raise RuntimeError("an sdict cannot be changed")

    def apply(self, fn: Callable[[dict[str, Any], str, Any], Any]) -> None:
        """Refuse."""
        raise RuntimeError("an sdict cannot be changed")


class DictEntryType(Enum):
    """Whether an entry of an individual is an array or a number."""

    Sequence = 0
    Scalar = 1


Spec = list[tuple[str, DictEntryType, int]]


def dict_to_list(input_dict: Mapping[str, Any], get_dict_spec: bool = False) -> Any:
    """The numbers of an individual in the order of the names, as one array.

    Args:
        input_dict: Name → number or sequence of numbers.
        get_dict_spec: Whether to return (array, what `list_to_dict` needs) instead.
    """
    numbers: list[Any] = []
    spec: Spec = []
    for key in sorted(input_dict):
        value = input_dict[key]
        is_sequence = isinstance(value, Iterable)
        entries = list(value) if is_sequence else [value]
        numbers += entries
        spec.append((key, DictEntryType.Sequence if is_sequence else DictEntryType.Scalar, len(entries)))
    return (np.array(numbers), spec) if get_dict_spec else np.array(numbers)


def list_to_dict(input_list: Sequence[Any], dict_spec: Spec) -> dict[str, Any]:
    """The individual of which `dict_to_list` made an array; sequences are arrays."""
    individual: dict[str, Any] = {}
    begin = 0
    for key, kind, length in dict_spec:
        part = input_list[begin : begin + length]
        individual[key] = np.array(part) if kind is DictEntryType.Sequence else part[0]
        begin += length
    if begin != len(input_list):
        raise ValueError(f"expected {begin} numbers for {[key for key, _, _ in dict_spec]}, got {len(input_list)}")
    return individual


def get_grouped_dict(dict_iter: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Name → the values of all dictionaries, which have the same names."""
    dicts = list(dict_iter)
    return {name: [one[name] for one in dicts] for name in dicts[0]} if dicts else {}


def convert_dict_to_numpy(input_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and sequences of a dictionary in the types of NumPy."""

    def converted(value: Any) -> Any:
        if isinstance(value, Mapping):
            return convert_dict_to_numpy(value)
        if isinstance(value, str | bool):
            return value
        if isinstance(value, Iterable):
            return np.array(value)
        if isinstance(value, Integral):
            return np.int64(int(value))
        return np.float64(value) if isinstance(value, Real) else value

    return {key: converted(value) for key, value in input_dict.items()}


def printq(s: object, quiet: bool) -> None:
    """Print, unless quiet."""
    if not quiet:
        sys.stdout.write(f"{s}\n")


def static_vars(**values: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function attributes."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        vars(function).update(values)
        return function

    return decorate


def static_var(varname: str, value: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function one attribute."""
    return static_vars(**{varname: value})


def get(obj: Any, key: Any, default_value: Any) -> Any:
    """An entry of anything, or a default."""
    try:
        return obj[key]
    except Exception:  # noqa: BLE001 - that is what the function is for
        return default_value


@contextmanager
def stdout_redirected(filename: str | Path) -> Iterator[None]:
    """Send standard output, of programs that are started, too, to a file."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(filename).open("w") as file:
            os.dup2(file.fileno(), 1)
            yield
            sys.stdout.flush()
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def stdout_discarded() -> Iterator[None]:
    """Send standard output nowhere."""
    with stdout_redirected(os.devnull):
        yield


class DummyTrajectory:
    """A trajectory that keeps nothing, for looking at an optimizee by hand."""

    def __init__(self) -> None:
        from l2l.compat.trajectory import Individual

        self.individual = Individual()

    def f_add_parameter_group(self, *arguments: Any, **keywords: Any) -> None:
        """Keep nothing."""


@contextmanager
def timed(logger: logging.Logger, section_name: str = "Run") -> Iterator[None]:
    """Log how long a section took."""
    begun = time.perf_counter()
    yield
    logger.info("%s took %.3f seconds", section_name, time.perf_counter() - begun)


def cartesian_product(
    parameter_dict: Mapping[str, Iterable[Any]], combined_parameters: Sequence[str | tuple[str, ...]] = ()
) -> dict[str, list[Any]]:
    """Name → its values in all combinations, the last name varying fastest.

    Args:
        parameter_dict: Name → values.
        combined_parameters: The order of the names; those in one tuple go together.
    """
    groups = [(one,) if isinstance(one, str) else tuple(one) for one in combined_parameters or parameter_dict]
    rows = [list(zip(*(parameter_dict[name] for name in group), strict=True)) for group in groups]
    product: dict[str, list[Any]] = {name: [] for name in parameter_dict}
    for combination in itertools.product(*rows):
        for group, values in zip(groups, combination, strict=True):
            for name, value in zip(group, values, strict=True):
                product[name].append(value)
    return product
