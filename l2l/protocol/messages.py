"""What leader, supervisors and workers say to each other.

The two first messages to a worker are the place where it stands (its Python path and folder) and its `WorkerConfig`.
"""

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from l2l.provenance import Specification
from l2l.values import Resources, Status

TRACE_SIGNAL = signal.SIGUSR2
"""Makes a worker write the Python stack of all its threads to its log."""


@dataclass(frozen=True, slots=True)
class LeaderAddress:
    """Where a leader is, and by what it knows its own.

    Args:
        addresses: Where it listens.
        secret: Of the run.
        ranks: Of each trial.
    """

    addresses: list[str]
    secret: bytes
    ranks: int

    def text(self) -> str:
        """As it travels."""
        return json.dumps({"addresses": self.addresses, "secret": self.secret.hex(), "ranks": self.ranks})

    @classmethod
    def parse(cls, text: str) -> Self:
        """From its text."""
        said = json.loads(text)
        return cls([str(one) for one in said["addresses"]], bytes.fromhex(said["secret"]), int(said["ranks"]))

    def write(self, path: Path) -> None:
        """Write it to a new file that only we can read."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.text())


@dataclass(frozen=True, slots=True)
class SupervisorConfig:
    """What a supervisor is told first.

    Args:
        resources: Of each trial.
        logs: Folder of the workers' logs; where it cannot be used from here, a temporary one is.
        first: Number of the supervisor's first worker, for the names of logs.
    """

    resources: Resources
    logs: Path
    first: int


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker is told first.

    Args:
        specification: Of the optimizee.
        parts: Of the leader's fingerprint of it.
        resources: Of each trial.
        launch: The command prefix that starts a program on a trial's ranks; variables of the worker's environment in it
            are replaced.
    """

    specification: Specification
    parts: dict[str, str]
    resources: Resources
    launch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """What a worker says first.

    Args:
        host: Where it runs.
        pid: Its process number.
        version: Of the optimizee.
        space: Of the optimizee, as plain data.
        versions: Part → version.
    """

    host: str
    pid: int
    version: str
    space: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a worker cannot evaluate.

    Args:
        message: In a line.
        traceback: Of what was raised, or "".
        changed: Parts of the fingerprint that differ from the leader's.
        wrong: Whether the user's input is to blame, and the message says how.
    """

    message: str
    traceback: str = ""
    changed: tuple[str, ...] = ()
    wrong: bool = False


class Running(NamedTuple):
    """What a worker is at.

    Args:
        number: Of the first trial.
        together: How many run as one batch.
        since: When it began, on the monotonic clock.
        done: Whether the model has returned, and the result is on its way: no limit counts any more.
    """

    number: int
    together: int
    since: float
    done: bool = False


class Killed(NamedTuple):
    """Why the watchdog ended a process.

    Args:
        running: What it was at; judged by this, whatever comes of it after all.
        status: `TIMEOUT` or `OUT_OF_MEMORY`.
        message: For the failure.
        when: On the monotonic clock.
    """

    running: Running
    status: Status
    message: str
    when: float


NOTHING, WHATEVER = -1, -2
"""In place of a trial's number: none ran; the first whose result is not here."""


@dataclass(frozen=True, slots=True)
class Exited:
    """What a supervisor tells of a worker that ended.

    Args:
        code: Its return code.
        number: Of the first trial that it was at; NOTHING or WHATEVER.
        together: How many of them ran as one batch.
        age: Seconds since they began.
        status: What the supervisor's watchdog judged, or None.
        message: Why, or "".
        said: The end of what it wrote since.
        wrote: What it wrote, as the end of a message.
        peak_memory: Bytes that it held at most.
    """

    code: int
    number: int
    together: int
    age: float
    status: int | None
    message: str
    said: str
    wrote: str
    peak_memory: int
