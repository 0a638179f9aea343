"""Whether a trial has altered the process in which the next one runs.

A trial that fails where an earlier one left a changed limit, a replaced function or another folder may fail because
of that alone. It is repeated in a fresh process before it is recorded. We look only at trials that fail: what a model
keeps in its own variables is its own affair.
"""

import builtins
import contextlib
import io
import math
import os
import pickle
import resource
import signal
import struct
import sys
import time
import warnings
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

_LIMITS = ("AS", "DATA", "STACK", "NOFILE", "FSIZE", "NPROC", "CPU")
_SIGNALS = (signal.SIGALRM, signal.SIGPIPE, signal.SIGCHLD, signal.SIGSEGV, signal.SIGABRT)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_IMPORTERS = (BuiltinImporter, FrozenImporter, PathFinder)
_ALL_WARNINGS = (None, Warning, None)
"""Message, category and module of a filter for all of them; libraries add filters for their own."""
_MODULES: tuple[ModuleType, ...] = (builtins, io, math, np, os, pickle, struct, time)


class Condition:
    """What a process is like, as far as trials share it through Python and the system.

    Example:
        >>> condition = Condition()
        >>> condition.altered()
        ''
    """

    def __init__(self) -> None:
        self._names = [(module, dict(vars(module))) for module in _MODULES]
        self._system = _system()

    def altered(self) -> str:
        """What is no longer as it was, in a word; "" where nothing has changed."""
        try:
            now = _system()
        except BaseException:  # noqa: BLE001 - it was altered so far that it cannot be looked at
            return "the interpreter"
        for what, before in self._system.items():
            if now.get(what) != before:
                return what
        for module, before in self._names:
            here = vars(module)
            for name, thing in before.items():
                # by identity: to compare values could call the model's code
                if here.get(name) is not thing:
                    return f"{module.__name__}.{name}"
        return ""


def _system() -> dict[str, Any]:
    """What the system and the interpreter keep for all code of a process."""
    found: dict[str, Any] = {
        "sys.modules": id(sys.modules.get(__name__)),
        "sys.stdout": id(sys.stdout),
        "sys.stderr": id(sys.stderr),
        "a closed stream": [getattr(one, "closed", None) for one in (sys.stdout, sys.stderr)],
        "sys.path": list(sys.path),
        "the recursion limit": sys.getrecursionlimit(),
        "the environment": dict(os.environ),
        "the current folder": None,
        "umask": _umask(),
        "the blocked signals": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "a timer": [signal.getitimer(which)[0] > 0 for which in _TIMERS],
        "a trace function": [sys.gettrace(), sys.getprofile()],
        "importers": [one in sys.meta_path for one in _IMPORTERS],
        "numpy's handling of errors": np.geterr(),
        "what warnings do": next((one[0] for one in warnings.filters if one[1:4] == _ALL_WARNINGS), ""),
    }
    with contextlib.suppress(OSError):  # it was removed
        found["the current folder"] = str(Path.cwd())
    for name in _LIMITS:
        found[f"the limit {name}"] = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
    for number in _SIGNALS:
        found[f"the handler of signal {number.value}"] = signal.getsignal(number)
    return found


def _umask() -> str:
    """The mask of new files as Linux shows it, since asking the system means to set it."""
    try:
        status = Path("/proc/self/status").read_text()
        return next((line for line in status.splitlines() if line.startswith("Umask:")), "")
    except (OSError, TypeError):
        return ""
