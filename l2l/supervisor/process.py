"""A worker's process, as its supervisor sees it: how it is started, traced, killed and reaped.

Order of the two threads that use it: the watchdog condemns, traces and kills; the main thread reaps. `_lock` guards
`code`: as long as it is None the process is not reaped, so that its number cannot mean another process.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from l2l.files import open_log
from l2l.process_tree import MARKER, descendants, end_all, end_descendants, end_known
from l2l.protocol.handshake import Keys
from l2l.protocol.messages import TRACE_SIGNAL, Killed, Running
from l2l.protocol.peak_memory import peak_memory
from l2l.protocol.status_page import StatusPage
from l2l.supervisor.crash_report import log_size, shorten, tail

_PROGRAM = str(Path(__file__).absolute().parents[1] / "worker" / "__main__.py")
_UNKILLABLE = 5.0
"""Seconds after SIGKILL in which a process ends unless it hangs in the system, as on a dead file server."""
_FAREWELL = 1.0  # seconds that an idle worker gets to tear down when the run is over
_AFTERMATH = 0.2
"""Seconds to wait after a worker died by SIGKILL: a batch system that ends the job kills this process within them."""


class WorkerProcess:
    """A worker's process: its status page and its log, how it is watched, and how it ends.

    Args:
        log: The file to which it writes.
        marker: The value of `MARKER` in its environment, which all that it starts inherits: `<leader>/<worker>/`.
        environment: The other variables of its environment.
        reading: The descriptor from which it takes messages; stays open here.
        writing: The descriptor to which it writes results; stays open here.
        keys: That seal both; None for pipes, which only this process and its child have.
    """

    def __init__(
        self,
        log: Path,
        *,
        marker: str,
        environment: Mapping[str, str],
        reading: int,
        writing: int,
        keys: Keys | None = None,
    ) -> None:
        self.log = log
        self.log_start = log_size(log)
        self.marker = marker
        self.killed: Killed | None = None
        self.peak_memory = 0
        self.began = time.monotonic()
        self.code: int | None = None
        self._known: dict[int, int] = {}
        self.page = StatusPage.create()
        # a child begins as a copy of this process, whose peak memory Linux counts as the child's own (getrusage)
        self._inherited = peak_memory()
        self._lock = threading.Lock()
        handed = -1 if keys is None else _readable(b"".join(keys))
        try:
            self._popen = self._launch({**environment, MARKER: marker}, reading, writing, handed)
        finally:
            if handed >= 0:
                os.close(handed)
        self.pid = self._popen.pid
        self.pidfd = _pidfd(self.pid)

    def _launch(self, environment: dict[str, str], reading: int, writing: int, keys: int) -> subprocess.Popen[bytes]:
        theirs = (reading, writing, self.page.descriptor, keys)
        with open_log(self.log) as log:
            return subprocess.Popen(
                [sys.executable, "-P", _PROGRAM, str(os.getpid()), *map(str, theirs)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[one for one in theirs if one >= 0],
                env=environment,
                # a session of its own: Ctrl-C on the terminal is for the leader, and killpg reaches the whole group
                start_new_session=True,
            )

    @property
    def running(self) -> Running | None:
        """The trial that it is at; may be read from any thread."""
        try:
            return self.page.running
        except ValueError:
            return None  # closed meanwhile

    def condemn(self) -> None:
        """What the watchdog does before it lets the process write where it is."""

    def trace(self) -> None:
        """Let it write the stacks of its threads to its log; may be called from any thread."""
        with self._lock:
            if self.code is None:
                with contextlib.suppress(OSError):
                    os.kill(self.pid, TRACE_SIGNAL)

    def remember(self) -> None:
        """Note which processes it has started, so that they are found after its end; may be called from any thread."""
        with self._lock:
            if self.code is None and (known := descendants(self.pid)):
                self._known = known

    def kill(self) -> None:
        """Kill it and all that it started; may be called from any thread."""
        with self._lock:
            if self.code is None:
                with contextlib.suppress(OSError):
                    # stopped first: a program that forks again and again would else outrun us
                    os.kill(self.pid, signal.SIGSTOP)
                end_descendants(self.pid)
                with contextlib.suppress(OSError):
                    os.killpg(self.pid, signal.SIGKILL)
                with contextlib.suppress(OSError):
                    os.kill(self.pid, signal.SIGKILL)

    @property
    def ended(self) -> bool:
        """Whether it is dead; it is not reaped yet."""
        return self.code is not None or _is_dead(self.pid)

    @property
    def unkillable(self) -> bool:
        """Whether it was killed long ago and still is there, as on a file system that does not answer."""
        return self.killed is not None and time.monotonic() - self.killed.when > _UNKILLABLE

    def reap(self) -> int:
        """Wait for its end (it was killed), end what it left behind, and give its resources back; its return code."""
        if self.code is not None:
            return self.code
        deadline = time.monotonic() + (0.0 if self.unkillable else _UNKILLABLE)
        while not self.ended:
            if time.monotonic() > deadline:  # it will end when the system lets it; nobody waits for it
                with self._lock:
                    self.code = self._popen.returncode = -signal.SIGKILL
                return self.code
            time.sleep(0.001)
        # before wait4: as long as it is a zombie its number is the number of its session, by which members are found
        end_known(self._known)
        end_all(self.marker, {self.pid})
        with self._lock:
            _, status, usage = os.wait4(self.pid, 0)
            self.code = self._popen.returncode = os.waitstatus_to_exitcode(status)
        used = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        if used > self._inherited:
            self.peak_memory = max(self.peak_memory, used)
        return self.code

    def end(self) -> int:
        """Kill it and wait for its end; its return code."""
        self.kill()
        code = self.reap()
        if self.killed is None and code == -signal.SIGKILL:
            time.sleep(_AFTERMATH)  # where a batch system ends the job, we die here and charge nobody
        return code

    def said(self) -> str:
        """The end of what it wrote since the trial that it began last."""
        return tail(self.log, self.page.log)

    def wrote(self) -> str:
        """What it wrote to its log, and where the rest of it is, as the end of a message."""
        said = tail(self.log, self.log_start)
        return f"it wrote (all of it in {self.log}):\n{said}" if said else "it wrote nothing"

    def close(self) -> None:
        """Give back what is left, after its end."""
        shorten(self.log)  # it may have printed much in the last second, in which nobody looked
        if self.pidfd is not None:
            os.close(self.pidfd)
        self.page.close()


def wait_for_ends(processes: Iterable[WorkerProcess], grace: float, meanwhile: Callable[[], object]) -> None:
    """Let processes that were told to end do so.

    Args:
        processes: Of which those that are at nothing get a moment to tear down.
        grace: Seconds that the others get.
        meanwhile: Called again and again, so that none waits for us to read.
    """
    begin = time.monotonic()
    waiting = list(processes)
    while waiting:
        passed = time.monotonic() - begin
        meanwhile()
        waiting = [
            one for one in waiting if not one.ended and passed < (grace if one.running else max(grace, _FAREWELL))
        ]
        if waiting:
            time.sleep(0.002)


def _readable(text: bytes) -> int:
    """A descriptor from which a child reads a few bytes that neither its arguments nor its environment may show."""
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    return reading


def _pidfd(pid: int) -> int | None:
    """A descriptor that is readable once the process has ended (Linux 5.3), so that one `select` waits for all."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _is_dead(pid: int) -> bool:
    """Whether a child has ended. WNOWAIT leaves it unreaped, so that its number stays its own."""
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    import psutil

    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
