"""Optimizees that do what models do on a bad day, for tests of launchers."""

import contextlib
import ctypes
import importlib.util
import inspect
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import Invalid, MissingPart
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.space import Categorical, ParameterSpace, Real
from l2l.values import Maximize, Minimize, Observable, Outcome, Status, Trial

STATUSES = {
    "well": Status.OK,
    "prints": Status.OK,
    "uses its folder": Status.OK,
    "raises": Status.FAILED,
    "exits": Status.FAILED,
    "runs out of memory": Status.OUT_OF_MEMORY,
    "is silent": Status.INVALID,
    "nan": Status.INVALID,
    "infinity": Status.INVALID,
    "text": Status.INVALID,
    "none": Status.INVALID,
    "too many": Status.INVALID,
    "wrong shape": Status.INVALID,
    "wrong name": Status.INVALID,
    "gives an error as reason": Status.INVALID,
    "gives a list as reason": Status.INVALID,
    "gives no reason": Status.INVALID,
    "is no number when asked": Status.INVALID,
    "says nothing": Status.FAILED,
    "hides what it is": Status.FAILED,
    "says too much": Status.FAILED,
    "leaves no room": Status.FAILED,
    "forks": Status.OK,
}
"""What a trial does → what its status must be, of those that any launcher survives."""

CRASHES = ("segfault", "leaves", "aborts")
"""What ends a process."""

HANGS = ("hangs", "hangs with the lock", "hangs as its copy returns")
"""What never ends."""

TAMPERINGS = {
    "closes descriptors": Status.OK,
    "closes its stream and raises": Status.FAILED,
    "breaks its stream and raises": Status.FAILED,
    "replaces functions": Status.OK,
    "removes modules": Status.OK,
    "opens no more files": Status.OK,
    "interrupts": Status.FAILED,
    "forbids files": Status.OK,
    "removes importers": Status.OK,
}
"""What a trial does to its process, which the launcher and the trials after it must not feel → what its status is."""


class Misbehaving(Optimizee):
    """Behaves as the individual's `behaviour` says; its fitness is a function of x and the seed."""

    space = ParameterSpace(
        x=Real(0.0, 1.0),
        behaviour=Categorical(
            *STATUSES,
            *CRASHES,
            *HANGS,
            *TAMPERINGS,
            "hogs",
            "spawns",
            "spawns and leaves",
            "naps",
            "writes a file",
            "scribbles",
            "leaves memory",
            "daemonizes a hog",
            "keeps a thread",
        ),
    )
    objectives = (Minimize("error"), Maximize("rate", unit="spikes/s"))
    observables: Mapping[str, Observable] = {
        "twice": Observable(shape=(2,)),
        "pid": Observable(dtype=int),
        "spikes": Observable(ragged=True),
    }

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        """Behave."""
        extra = 0
        match individual["behaviour"]:
            case "well":
                pass
            case "prints":
                print("spike " * 200_000)  # noqa: T201
            case "uses its folder":
                (trial.directory / "note").write_text("used")
            case "spawns":
                extra = _spawned()
            case "spawns and leaves":
                (trial.directory / "pid").write_text(str(_spawned()))
                os._exit(3)
            case deed if deed in _DEEDS:
                _DEEDS[deed]()
            case other:
                return _MISDEEDS[other]()
        return well(individual["x"], trial, extra)

    def version(self) -> str:
        """Fixed, for tests."""
        return "misbehaving 1"


def well(x: float, trial: Trial, pid: int = 0) -> Outcome:
    """The outcome of a trial that behaves.

    Args:
        x: The parameter.
        trial: Whose seed counts.
        pid: Of a program that it started.
    """
    noise = float(trial.rng.normal())
    return Outcome((x + noise, x * trial.seed), {"twice": [x, 2 * x], "pid": pid, "spikes": np.arange(int(5 * x)) + x})


def _spawned() -> int:
    """The process number of a program, in a session of its own and without our environment's help."""
    return subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True).pid


def _raise() -> None:
    raise RuntimeError("the kernel\ncould not be reset")


def _silent() -> None:
    raise Invalid("silent")


def _out_of_memory() -> None:
    raise MemoryError


def _segfault() -> None:
    ctypes.string_at(0)


def _hang_with_the_lock() -> None:
    ctypes.PyDLL(None).sleep(600)


def _hog() -> None:
    held = [b"x" * 10_000_000 for _ in range(50)]
    time.sleep(600)
    del held


_LEFT: list[bytes] = []


class _Mute(Exception):
    """An error whose own text raises."""

    def __str__(self) -> str:
        raise SystemExit(3)


class _Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class _Hidden(Exception, metaclass=_Nameless):
    """An error that raises wherever it is looked at."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("no class")


class _NoReason(Invalid):
    """One whose author forgot to call the class that it extends."""

    def __init__(self) -> None:
        pass


class _NoNumber(float):
    def __float__(self) -> float:
        raise SystemExit(3)


class _BrokenStream:
    def write(self, text: str) -> int:
        """Raise."""
        raise RuntimeError("the log is closed")

    def flush(self) -> None:
        """Nothing waits."""


def _give(reason: object) -> None:
    raise Invalid(reason)


def _raise_what(error: BaseException) -> None:
    raise error


def _close_stream() -> None:
    sys.stderr.close()
    raise RuntimeError("the stream is closed")


def _break_stream() -> None:
    sys.stderr = _BrokenStream()
    raise RuntimeError("the stream is broken")


def _replace_functions() -> None:
    for name in ("write", "read", "lseek", "getpid"):
        setattr(os, name, None)
    setattr(time, "time", lambda: "noon")  # noqa: B010 - its type is the point


def _forbid_files() -> None:
    """Let nothing be opened any more, which only the end of the process undoes."""

    def forbid(event: str, arguments: object) -> None:
        if event == "open":
            raise RuntimeError("no files")

    sys.addaudithook(forbid)


def _leave_no_room() -> None:
    sys.setrecursionlimit(len(inspect.stack()) + 6)
    raise RuntimeError("no room")


def _open_no_more() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))


def _scribble() -> None:
    """Write text to every pipe and socket of the process, its connection to the leader among them."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            if str(entry.readlink()).startswith(("pipe:", "socket:")):
                os.write(int(entry.name), b"garbage of a model\n" * 3)


def _daemonize_a_hog() -> None:
    """Start a program of 400 MB whose parent ends, and wait."""
    code = "import time; held = bytearray(b'x') * 400_000_000; time.sleep(600)"
    subprocess.run(["sh", "-c", f"'{sys.executable}' -S -c \"{code}\" &"], check=True)
    time.sleep(600)


def _write_a_file() -> None:
    """Do what earlier trials may have made impossible: open a file, and find a module."""
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    if importlib.util.find_spec("cmd") is None:
        raise ImportError("the standard library is gone")


def _hang_as_the_copy_returns() -> None:
    if os.fork():
        time.sleep(600)


_DEEDS: dict[str, Callable[[], Any]] = {
    "naps": lambda: time.sleep(0.2),
    "writes a file": _write_a_file,
    "leaves memory": lambda: _LEFT.append(b"x" * 60_000_000),
    "forks": lambda: os.fork(),  # noqa: PLW0108 - looked up when it is called, as a model does
    "hangs as its copy returns": _hang_as_the_copy_returns,
    "scribbles": _scribble,
    "closes descriptors": lambda: os.closerange(3, 64),
    "closes its stream and raises": _close_stream,
    "breaks its stream and raises": _break_stream,
    "replaces functions": _replace_functions,
    "removes modules": sys.modules.clear,
    "opens no more files": _open_no_more,
    "interrupts": lambda: _raise_what(KeyboardInterrupt()),
    "forbids files": _forbid_files,
    "removes importers": sys.meta_path.clear,
    "keeps a thread": lambda: threading.Thread(target=time.sleep, args=(600,)).start(),
}
"""What is done before all goes well, if it comes back."""

_GOOD = {"twice": [0.0, 0.0], "pid": 0, "spikes": []}

_MISDEEDS: dict[str, Callable[[], Any]] = {
    "raises": _raise,
    "exits": lambda: sys.exit(4),
    "runs out of memory": _out_of_memory,
    "is silent": _silent,
    "nan": lambda: Outcome((1.0, float("nan")), _GOOD),
    "infinity": lambda: Outcome((1.0, float("inf")), _GOOD),
    "text": lambda: Outcome(("good", 1.0), _GOOD),
    "none": lambda: None,
    "too many": lambda: Outcome((1.0, 2.0, 3.0), _GOOD),
    "wrong shape": lambda: Outcome((1.0, 2.0), {**_GOOD, "twice": [1.0, 2.0, 3.0]}),
    "wrong name": lambda: Outcome((1.0, 2.0), {**_GOOD, "twise": 1.0}),
    "gives an error as reason": lambda: _give(ValueError("diverged")),
    "gives a list as reason": lambda: _give(["silent", 3]),
    "gives no reason": lambda: _raise_what(_NoReason()),
    "is no number when asked": lambda: Outcome((1.0, _NoNumber(1.0)), _GOOD),
    "hides what it is": lambda: _raise_what(_Hidden()),
    "says nothing": lambda: _raise_what(_Mute()),
    "says too much": lambda: _raise_what(ValueError("x" * 20_000_000 + "\udcff")),
    "leaves no room": _leave_no_room,
    "daemonizes a hog": _daemonize_a_hog,
    "segfault": _segfault,
    "leaves": lambda: os._exit(3),
    "aborts": os.abort,
    "hangs": lambda: time.sleep(600),
    "hangs with the lock": _hang_with_the_lock,
    "hogs": _hog,
}


class BrokenSetup(Optimizee):
    """Cannot be set up.

    Args:
        how: "raise", "exit" (leaves the process), "hang", or "missing" (says what to install).
    """

    space = ParameterSpace(x=Real(0.0, 1.0))

    def __init__(self, *, how: str = "raise") -> None:
        self._how = how

    def setup(self) -> None:
        """Fail."""
        if self._how == "exit":
            os.write(2, b"library not found\n")
            os._exit(7)
        if self._how == "hang":
            time.sleep(600)
        if self._how == "missing":
            raise MissingPart("The simulator", "pip install simulator")
        raise RuntimeError("no simulator here")

    def simulate(self, individual: Individual, trial: Trial) -> float:
        """Never reached."""
        return float(individual["x"])


class Bulky(Optimizee):
    """Returns megabytes.

    Args:
        size: Entries of its observable.
    """

    space = ParameterSpace(x=Real(0.0, 1.0, shape=1000))

    def __init__(self, *, size: int = 500_000) -> None:
        self.observables = {"field": Observable(shape=(size,))}
        self._size = size

    def simulate(self, individual: Individual, trial: Trial) -> Outcome:
        """The sum of x, and a field of it."""
        total = float(individual["x"].sum())
        return Outcome(total, {"field": np.full(self._size, total)})


class Purpose(Optimizee):
    """Says what a trial is for: 1 where it validates a winner, else 0."""

    space = ParameterSpace(x=Real(0.0, 1.0))

    def simulate(self, individual: Individual, trial: Trial) -> float:
        """Look at the trial."""
        return float(trial.validation)


class Vectorized(Optimizee):
    """Simulates batches at once; one of x above 0.9 raises, and fails the whole batch."""

    space = ParameterSpace(x=Real(0.0, 1.0))

    def simulate(self, individual: Individual, trial: Trial) -> float:
        """As a batch of one."""
        fitness: float = self.simulate_batch([trial])[0].fitness
        return fitness

    def simulate_batch(self, trials: Sequence[Trial]) -> list[Outcome]:
        """All at once."""
        x = np.array([trial.individual["x"] for trial in trials])
        if (x > 0.97).any():
            ctypes.string_at(0)
        if (x > 0.9).any():
            raise RuntimeError("x must not exceed 0.9")
        return [Outcome(float(value)) for value in x**2]
