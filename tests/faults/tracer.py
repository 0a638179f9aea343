"""Stops a process between any two of its system calls (Linux's ptrace, by ctypes).

The process calls `begin` and `end` around what is of interest; its parent steps through the system calls between.
"""

import ctypes
import os
import signal
from collections.abc import Callable

SYSCALL = 24
_TRACEME, _SETOPTIONS = 0, 0x4200
_MARK_CALLS, _DIE_WITH_TRACER = 0x1, 0x100000
CALL = signal.SIGTRAP | 0x80
BOUNDARY = signal.SIGSTOP


def ptrace(request: int, pid: int, data: int = 0) -> None:
    """Make a request to the kernel's tracer of a process."""
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.restype, call.argtypes = ctypes.c_long, [ctypes.c_long] * 4
    if call(request, pid, 0, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def begin() -> None:
    """Let the parent trace this thread from here on."""
    ptrace(_TRACEME, 0)
    os.kill(os.getpid(), BOUNDARY)


def end() -> None:
    """Say that what is of interest is over."""
    os.kill(os.getpid(), BOUNDARY)


def child(does: Callable[[], object]) -> int:
    """Do something in a child of this thread, which waits at its beginning to be traced; the child's number."""
    pid = os.fork()
    if pid == 0:
        try:
            begin()
            does()
            end()
        finally:
            os._exit(0)
    return pid


class Tracer:
    """Steps through the system calls of a child.

    Args:
        pid: Of a child of this thread.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.calls = 0
        """How many were begun since `begin`."""
        self.code: int | None = None
        """Its return code, once it has ended."""

    def reach(self) -> bool:
        """Wait for `begin`; False where the child ends without."""
        if self._wait() != BOUNDARY:
            return False
        ptrace(_SETOPTIONS, self.pid, _MARK_CALLS | _DIE_WITH_TRACER)
        return True

    def step(self) -> bool:
        """Stop it before its next system call; False at `end`, or where it has ended."""
        stops, forwarded = 2 if self.calls else 1, 0
        while stops:
            ptrace(SYSCALL, self.pid, forwarded)
            stopped = self._wait()
            if stopped in (None, BOUNDARY):
                return False
            forwarded = 0
            if stopped == CALL:
                stops -= 1
            else:
                forwarded = stopped or 0
        self.calls += 1
        return True

    def go_on(self) -> None:
        """Let it run on without stops."""
        ptrace(17, self.pid)

    def kill(self) -> None:
        """Kill it where it is, and reap it."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            while self._wait() is not None:
                continue

    def _wait(self) -> int | None:
        """The signal at which it stopped; None where it has ended."""
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSTOPPED(status):
            return os.WSTOPSIG(status)
        self.code = os.waitstatus_to_exitcode(status)
        return None
