"""What leader, supervisors and workers say to each other: one type per message.

A worker is told two things first: its place (Python path and folder), and its `WorkerConfig`. It answers with `Ready`
or `Refused`. A supervisor is told its `SupervisorConfig`; then `Recall`, `Kill` and `Stop`. It tells of `Recalled`
trials and of workers that `Exited`.

Named tuples, because a supervisor imports this module: `dataclasses` would lengthen its start by an eighth.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from l2l.errors import ChangedOptimizee, L2LError, LauncherError, UserError
from l2l.status import Status

if TYPE_CHECKING:
    from l2l.provenance import Specification
    from l2l.values import Resources

TRACE_SIGNAL = signal.SIGUSR2
"""Makes a worker write the Python stack of all its threads to its log."""
NOTHING = -1
"""In place of a trial's number: no trial ran."""
WHATEVER = -2
"""In place of a trial's number: the first trial whose result has not arrived."""


# What a worker hears and says


class WorkerConfig(NamedTuple):
    """What a worker builds and evaluates.

    Args:
        specification: How the optimizee is built.
        parts: The leader's fingerprint of the optimizee, with which the worker compares its own.
        resources: What each trial may use.
        launch: The command prefix that starts a program on a trial's ranks; variables of the worker's environment in it
            are replaced.
    """

    specification: "Specification"
    parts: dict[str, str]
    resources: "Resources"
    launch: tuple[str, ...] = ()


class Ready(NamedTuple):
    """A worker can evaluate.

    Args:
        host: The name of its machine.
        pid: Its process number there.
        version: The optimizee's version.
        space: The optimizee's parameter space, as plain data.
        versions: Part → version, of Python and of all loaded packages.
    """

    host: str
    pid: int
    version: str
    space: dict[str, Any]
    versions: dict[str, str]


class Refused(NamedTuple):
    """A worker cannot evaluate.

    Args:
        kind: Who is to blame, a key of `_REFUSALS`.
        message: What is wrong, on one line.
        traceback: Of the exception that was raised, or "".
    """

    kind: str
    message: str
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """The refusal that an exception is, as text: exceptions may not unpickle elsewhere."""
        kind = next((name for name, exception in _REFUSALS.items() if isinstance(error, exception)), "launcher")
        return cls(kind, str(error) if isinstance(error, L2LError) else f"{type(error).__name__}: {error}")

    @classmethod
    def changed(cls, parts: "list[str] | tuple[str, ...]") -> Self:
        """The optimizee is another one in the worker than in the leader.

        Args:
            parts: Names of the parts of the fingerprint that differ.
        """
        return cls(
            "changed",
            "the optimizee is not the same in a worker as in this process; it differs in: "
            f"{', '.join(parts)}. Set values at the top level of their file, and leave to setup() what each process "
            "is to find by itself",
        )

    @property
    def fatal(self) -> bool:
        """Whether no other worker can do better, since the optimizee or its user is to blame."""
        return self.kind != "launcher"

    @property
    def error(self) -> L2LError:
        """The exception that the leader raises for it."""
        return _REFUSALS[self.kind](f"{self.message}\n{self.traceback}".rstrip())


_REFUSALS: Mapping[str, type[L2LError]] = {
    "changed": ChangedOptimizee,
    "user": UserError,
    "launcher": LauncherError,
}
"""Kind of a refusal → its exception, the narrower ones first. The one list of both, for all launchers."""


# What a supervisor hears and says


class LeaderAddress(NamedTuple):
    """Where a leader listens, and the secret by which it knows its own processes.

    Args:
        addresses: As of `connect.introduced`.
        secret: The run's.
        ranks: MPI ranks of each trial.
    """

    addresses: list[str]
    secret: bytes
    ranks: int

    def __repr__(self) -> str:
        """Without the secret: executors and batch systems write what they are given into logs."""
        return f"LeaderAddress({self.addresses}, ranks={self.ranks})"

    def text(self) -> str:
        """It as JSON, for a file or a pipe."""
        return json.dumps({"addresses": self.addresses, "secret": self.secret.hex(), "ranks": self.ranks})

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `text` wrote."""
        said = json.loads(text)
        return cls([str(one) for one in said["addresses"]], bytes.fromhex(said["secret"]), int(said["ranks"]))

    @classmethod
    def given(cls, files: Sequence[str]) -> Self:
        """What stands in the first of these files, or, without any, in standard input."""
        return cls.parse(Path(files[0]).read_text() if files else sys.stdin.read())

    def write(self, path: Path) -> None:
        """Write it to a new file that only this user can read."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.text())


class SupervisorConfig(NamedTuple):
    """What a supervisor is told first.

    Args:
        timeout: Seconds that a trial may take; None for no limit.
        memory: Bytes that a trial may hold; None for no limit.
        threads: Threads of each trial.
        logs: Folder of the workers' logs; where it cannot be used from here, a temporary one is.
        first: The number of the supervisor's first worker in the run, for the names of logs.
    """

    timeout: float | None
    memory: int | None
    threads: int
    logs: Path
    first: int


class Recall(NamedTuple):
    """The leader wants trials back that a worker has not begun.

    Args:
        worker: The worker's number at its supervisor.
        before: No trial with a lower number is to begin.
    """

    worker: int
    before: int


class Recalled(NamedTuple):
    """The answer to a `Recall`.

    Args:
        worker: The worker's number at its supervisor.
        following: The first trial that it has not begun, and will not.
        before: As in the recall.
    """

    worker: int
    following: int
    before: int


class Kill(NamedTuple):
    """The leader cannot read what a worker sends: the supervisor is to end it, and to start another.

    Args:
        worker: The worker's number at its supervisor.
    """

    worker: int


class Stop(NamedTuple):
    """The run is over.

    Args:
        grace: Seconds that running trials get to end.
    """

    grace: float


RESULTS, RESULT, NOT_STARTED, LEAVING = range(4)
"""With what a message of a worker begins: `Results`, `Result`, or the number of a trial. With LEAVING a worker says
that it ends, so that a fresh process takes its place; the trial, if any, is to be the first that runs there."""


class Results(NamedTuple):
    """Successful trials of which there is no more than a fitness.

    Args:
        numbers: Of the trials.
        measures: Name → what was measured of each of them, or one value for all.
        fitness: One number per objective and trial, end to end.
    """

    numbers: list[int]
    measures: dict[str, Any]
    fitness: list[float]


class Result(NamedTuple):
    """What came of one trial.

    Args:
        number: Of the trial.
        measures: Name → what was measured of it.
        fitness: One number per objective.
        status: What became of it.
        observables: As they travel.
        failure: Message and traceback, or None.
        used_directory: Whether it made its private folder.
    """

    number: int
    measures: dict[str, Any]
    fitness: tuple[float, ...]
    status: int
    observables: dict[str, Any]
    failure: tuple[str, str] | None
    used_directory: bool


class Running(NamedTuple):
    """The trial or batch that a worker is at.

    Args:
        number: The number of the first trial.
        together: How many trials run as one batch.
        since: When it began, on the monotonic clock of the process that says so.
        done: Whether the model has returned, and the result is on its way: no limit counts any more.
    """

    number: int
    together: int
    since: float
    done: bool = False


class Killed(NamedTuple):
    """Why a watchdog ended a worker.

    Args:
        running: What the worker was at; this is judged, whatever comes of it after all.
        status: `TIMEOUT` or `OUT_OF_MEMORY`.
        message: For the trial's failure.
        when: On the monotonic clock.
    """

    running: Running
    status: Status
    message: str
    when: float


class Exited(NamedTuple):
    """A worker has ended.

    Args:
        worker: The worker's number at its supervisor.
        code: Its return code (negative: a signal).
        number: The first trial that it was at; NOTHING or WHATEVER.
        together: How many trials ran as one batch.
        age: Seconds since they began.
        status: What the watchdog judged; None where it did not end the worker.
        message: The watchdog's reason, or "".
        said: The end of what it wrote since its last trial began.
        wrote: What it wrote since it began, as the end of a message.
        peak_memory: The most bytes that it held.
    """

    worker: int
    code: int
    number: int
    together: int
    age: float
    status: Status | None
    message: str
    said: str
    wrote: str
    peak_memory: int


def cause_of(code: int) -> str:
    """How a process ended, as a sentence's end.

    Args:
        code: Its return code (negative: a signal).

    Example:
        >>> cause_of(3), cause_of(-11)
        ('its process ended with exit code 3', 'its process was killed by SIGSEGV')
    """
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (from outside: perhaps the system ran out of memory)" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}"
