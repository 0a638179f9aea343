"""The base of all plugins."""

import types
from abc import ABCMeta
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from l2l.errors import OptionError
from l2l.plugin.annotations import hints_of, natural
from l2l.plugin.options import check_options, describe_options
from l2l.plugin.reference import Reference


class PluginType(ABCMeta):
    """The type of plugin classes: turns what came from NumPy into Python's numbers before anyone sees the options."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        """Make a plugin from its options; `np.int64(8)` is 8 to it, and an array with one entry is that entry."""
        hints = hints_of(cls)
        return super().__call__(*args, **{name: natural(one, hints.get(name, Any)) for name, one in options.items()})


class Plugin(metaclass=PluginType):
    """The base of all plugins: records the options that a constructor is given.

    A constructor takes its options by keyword, as plain data, arrays, `Path`s or importable functions. What it
    was given stands in `options` before it runs, and is never changed.

    Raises:
        OptionError: An option is unknown, missing, of the wrong type or not given by keyword; names the near ones.
    """

    options: Mapping[str, Any]
    revision: str = ""
    """Stands in for the sources in the fingerprint, where a modeller prefers to decide what counts as a change."""
    _positional: ClassVar[int] = 0
    """How many arguments stand before the options."""

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Check and record the options before `__init__` sees them."""
        self = super().__new__(cls)
        check_options(cls, options, positional=min(len(args), cls._positional))
        known: type = cls
        names = [one.name for one in describe_options(known)]
        if len(args) > cls._positional:
            raise OptionError(
                f"{cls.__name__}: options are given by keyword ({', '.join(names) or 'it has none'}), "
                f"got {', '.join(map(repr, args[cls._positional :]))} without"
            )
        record = {name: _copied(value) for name, value in options.items() if name in names}
        object.__setattr__(self, "options", types.MappingProxyType(record))  # a frozen dataclass can be a plugin
        return self

    @property
    def reference(self) -> Reference:
        """Where the code stands that builds this object.

        Raises:
            OptionError: It was defined in a notebook or inside a function.
        """
        return Reference.to(type(self))


def _copied(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
        return value
    if isinstance(value, Mapping):
        return {key: _copied(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_copied(one) for one in value]
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(_copied(one) for one in value)
    return value
