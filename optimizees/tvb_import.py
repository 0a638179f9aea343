"""Importing TVB without what its import does to the process around it, and copying what it made."""

import copy
import logging
import logging.config
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from l2l.optimizees.simulator import imported

MODULES = ("tvb.simulator.simulator", "tvb.simulator.noise", "tvb.datatypes.connectivity")


def import_tvb() -> None:
    """Import TVB; quiet, and without its files in the home folder.

    Its import takes all handlers of the process's root logger away, puts others there, and makes a folder for its log,
    which fails where two workers do so at the same time.

    Raises:
        MissingPart: TVB is not installed.
    """
    _silence()
    if MODULES[0] not in sys.modules:
        settings = imported("tvb.basic.config.profile_settings", "TVB", "tvb")
        settings.BaseSettingsProfile.initialize_profile = _make_no_folders
        with _logging_left_alone(), warnings.catch_warnings():
            # Its own only: under its dotted names, and under those of its files while they are compiled.
            warnings.filterwarnings("ignore", module=r"(.*/)?tvb[./]")
            for module in MODULES:
                imported(module, "TVB", "tvb")


def copied(simulator: Any) -> Any:
    """A copy that shares nothing with the original that could be changed in place.

    TVB's own `__deepcopy__` shares arrays and dictionaries, and its defaults are shared by all objects of a class.
    """
    originals: dict[int, Any] = {}
    _collect(simulator, originals)
    memo = {key: original.__class__.__new__(original.__class__) for key, original in originals.items()}
    for key, original in originals.items():
        vars(memo[key]).update({name: copy.deepcopy(value, memo) for name, value in vars(original).items()})
    return memo[id(simulator)]


def _collect(value: Any, found: dict[int, Any]) -> None:
    """Find TVB's objects in a value, and let each hold its defaults itself."""
    from tvb.basic.neotraits.api import HasTraits

    if isinstance(value, HasTraits):
        if id(value) in found:
            return
        found[id(value)] = value
        for name in type(value).declarative_attrs:
            getattr(value, name, None)  # from now on an attribute of the object, no longer of its class alone
        for one in [*vars(value).values()]:
            _collect(one, found)
    elif isinstance(value, list | tuple | dict):
        for one in value.values() if isinstance(value, dict) else value:
            _collect(one, found)


def _make_no_folders(_: Any) -> None:
    """Stands for what makes folders for files that a simulation never writes."""


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    configure = logging.config.fileConfig
    logging.config.fileConfig = lambda *_, **__: None
    try:
        yield
    finally:
        logging.config.fileConfig = configure


def _silence() -> None:
    """Let TVB's loggers write nowhere, even where TVB was imported before and has configured logging its way."""
    loggers = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    own = [one for one in loggers if one.name.partition(".")[0] == "tvb"]
    shared = {handler for one in own for handler in one.handlers} & {*logging.root.handlers}
    for logger in (logging.root, *loggers):
        if shared & {*logger.handlers}:
            logger.propagate = True
            for handler in shared:
                logger.removeHandler(handler)
    for handler in shared:
        handler.close()
    for logger in own:
        logger.propagate = True  # a logger without handlers that does not pass records on writes to standard error
    top = logging.getLogger("tvb")
    top.propagate = False
    if not top.handlers:
        top.addHandler(logging.NullHandler())
