"""l2l (learning to learn): two-loop optimization and parameter exploration for simulation models.

An optimizer proposes individuals, points of a parameter space; an optimizee is simulated for each and returns its
fitness; an `Experiment` runs the two loops into a folder, which a `Trajectory` reads.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from l2l.descriptors import open_closed

open_closed()  # before anything opens a file that stays open

if TYPE_CHECKING:
    from l2l.errors import Invalid, L2LError
    from l2l.experiment import Experiment, Progress
    from l2l.individual import Individual
    from l2l.launcher import Launcher
    from l2l.optimizee import Optimizee, optimizee
    from l2l.optimizer import Optimizer
    from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
    from l2l.stop import Stop
    from l2l.trajectory import Trajectory
    from l2l.values import (
        Evaluation,
        Maximize,
        Minimize,
        Objective,
        Observable,
        Outcome,
        Resources,
        Results,
        Status,
        Trial,
    )

__version__ = "0.1.0"

_ROOMS = {
    "errors": ("Invalid", "L2LError"),
    "experiment": ("Experiment", "Progress"),
    "individual": ("Individual",),
    "launcher": ("Launcher",),
    "optimizee": ("Optimizee",),
    "optimizer": ("Optimizer",),
    "space": ("Categorical", "Fixed", "Integer", "ParameterSpace", "Real"),
    "stop": ("Stop",),
    "trajectory": ("Trajectory",),
    "values": (
        "Evaluation",
        "Maximize",
        "Minimize",
        "Objective",
        "Observable",
        "Outcome",
        "Resources",
        "Results",
        "Status",
        "Trial",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Categorical",
    "Evaluation",
    "Experiment",
    "Fixed",
    "Individual",
    "Integer",
    "Invalid",
    "L2LError",
    "Launcher",
    "Maximize",
    "Minimize",
    "Objective",
    "Observable",
    "Optimizee",
    "Optimizer",
    "Outcome",
    "ParameterSpace",
    "Progress",
    "Real",
    "Resources",
    "Results",
    "Status",
    "Stop",
    "Trajectory",
    "Trial",
    "optimizee",
]


def __getattr__(name: str) -> Any:
    # Each name brings its room when it is first used, so that `import l2l` costs next to nothing.
    if name == "compat":  # `with l2l.compat.upstream():`
        return import_module("l2l.compat")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'l2l' has no attribute {name!r}")
    value = getattr(import_module(f"l2l.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """This package. Its `optimizee` is always the decorator, never the module of that name.

    To import a module sets it as an attribute of its package. A property stands before that, so that the decorator
    need not be imported at once: supervisors, which use none of it, start in a fraction of the time.
    """

    @property
    def optimizee(self) -> Any:
        """The decorator that makes an optimizee of a function."""
        return import_module("l2l.optimizee").optimizee

    @optimizee.setter
    def optimizee(self, module: ModuleType) -> None:
        """Ignore the module, which Python would put in the decorator's place."""


sys.modules[__name__].__class__ = _Package
