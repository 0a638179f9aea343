"""One evaluating process, from its leader's side."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from l2l.values import Status, Trial
from l2l.worker.batch import Forms, row_of
from l2l.worker.board import Board, Running
from l2l.worker.channel import Inbox, Outbox, framed, pipe
from l2l.worker.crash import log_size
from l2l.worker.evaluate import peak_memory
from l2l.worker.guardian import MARKER, end_all
from l2l.worker.protect import TRACE_SIGNAL
from l2l.worker.serve import Hello

_PROGRAM = str(Path(__file__).absolute().with_name("__main__.py"))
_UNKILLABLE = 5.0


class Verdict(NamedTuple):
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


class Child:
    """A worker process: its channel, board, log, and the trials that it has.

    Args:
        slot: Which of the launcher's workers it is, from 0.
        log: What it writes.
        start: The framed messages that it is told first.
        forms: Of all trials of this leader.
        marker: That the process and all that it starts carry, `<leader>/<worker>/`.
        environment: Of the process.
    """

    def __init__(
        self, slot: int, log: Path, *, start: bytes, forms: Forms, marker: str, environment: Mapping[str, str]
    ) -> None:
        self.slot = slot
        self.marker = marker
        self.log = log
        self.log_start = log_size(log)
        self.hello: Hello | None = None
        self.sent: dict[int, Trial | None] = {}
        self.slow = False
        self.verdict: Verdict | None = None
        self.peak_memory = 0
        self.began = time.monotonic()
        self._next = 0
        self._inherited = peak_memory()  # what the system counts as its child's from the start
        self._forms = forms
        self._told_forms: set[int] = set()
        self._lock = threading.Lock()
        self.code: int | None = None
        self.board = Board.create()
        reading, self._theirs_write = pipe()
        self._theirs_read, writing = pipe()
        os.set_blocking(reading, False)
        self.inbox, self.outbox = Inbox(reading), Outbox(writing)
        try:
            self._process = self._launch({**environment, MARKER: marker})
        finally:
            os.close(self._theirs_read)
            os.close(self._theirs_write)
        self.pid = self._process.pid
        self.pidfd = _pidfd(self.pid)
        self.outbox.send(start)

    def _launch(self, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        theirs = (self._theirs_read, self._theirs_write, self.board.descriptor)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", _PROGRAM, str(os.getpid()), *map(str, theirs)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=theirs,
                env=environment,
                start_new_session=True,
            )

    def send(self, trials: Sequence[Trial]) -> int:
        """Queue trials of one form as a batch.

        Returns:
            The size of the message in bytes.
        """
        form = self._forms.of(trials[0])
        if form.code not in self._told_forms:
            self._told_forms.add(form.code)
            self.outbox.send(framed((form.code, (form.names, form.root, form.validation), None)))
        frame = framed((self._next, form.code, [row_of(trial) for trial in trials]))
        self.sent.update(enumerate(trials, self._next))
        self._next += len(trials)
        self.outbox.send(frame)
        return len(frame)

    @property
    def running(self) -> Running | None:
        """What it is at, as far as its result is not here yet; from any thread."""
        try:
            running = self.board.running
        except ValueError:
            return None  # closed meanwhile
        if running and any(one in self.sent for one in range(running.number, running.number + running.together)):
            return running
        return None

    def recall(self) -> list[Trial]:
        """Take back what it has not started."""
        self.board.recall(self._next)
        following = self.board.following
        back = [number for number in self.sent if number >= following]
        return [trial for number in back if (trial := self.sent.pop(number)) is not None]

    def trace(self) -> None:
        """Let it write where it is to its log; from any thread."""
        with self._lock:
            if self.code is None:
                with contextlib.suppress(OSError):
                    os.kill(self.pid, TRACE_SIGNAL)

    def kill(self) -> None:
        """Kill its group of processes; from any thread."""
        with self._lock:
            if self.code is None:
                with contextlib.suppress(OSError):
                    os.killpg(self.pid, signal.SIGKILL)
                with contextlib.suppress(OSError):
                    os.kill(self.pid, signal.SIGKILL)

    @property
    def ended(self) -> bool:
        """Whether its process is dead; it is not reaped yet."""
        return self.code is not None or _is_dead(self.pid)

    @property
    def unkillable(self) -> bool:
        """Whether it was killed long ago and still is there, as on a file system that does not answer."""
        return self.verdict is not None and time.monotonic() - self.verdict.when > _UNKILLABLE

    def reap(self) -> int:
        """Wait for its end (it was killed), end what it left behind, and give its resources back; its return code."""
        if self.code is not None:
            return self.code
        deadline = time.monotonic() + (0.0 if self.unkillable else _UNKILLABLE)
        while not self.ended:
            if time.monotonic() > deadline:  # it will end when the system lets it; nobody waits for it
                with self._lock:
                    self.code = self._process.returncode = -signal.SIGKILL
                return self.code
            time.sleep(0.001)
        end_all(self.marker, {self.pid})
        with self._lock:
            _, status, usage = os.wait4(self.pid, 0)
            self.code = self._process.returncode = os.waitstatus_to_exitcode(status)
        used = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        if used > self._inherited:
            self.peak_memory = max(self.peak_memory, used)
        return self.code

    def hang_up(self) -> None:
        """Close the channel towards it: it ends once it has nothing to do."""
        if self.outbox.descriptor >= 0:
            os.close(self.outbox.descriptor)
            self.outbox.descriptor = -1

    def close(self) -> None:
        """Close what is left of the channel, after its end."""
        self.hang_up()
        os.close(self.inbox.descriptor)
        if self.pidfd is not None:
            os.close(self.pidfd)
        self.board.close()


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _is_dead(pid: int) -> bool:
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    import psutil

    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def environment_of(threads: int, devices: Sequence[str] | None = None) -> dict[str, str]:
    """The environment of a worker: the leader's, with threads pinned.

    Args:
        threads: Of each trial.
        devices: The GPUs that it may use; None where trials use none.
    """
    changed = dict(os.environ)
    for name in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "BLIS_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
        changed[f"{name}_THREADS"] = str(threads)
    changed |= {"OMP_WAIT_POLICY": "passive", "PYNEST_QUIET": "1", "PYTHONHASHSEED": "0", "L2L_WORKER": "1"}
    if devices is not None:
        changed["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
    return changed
