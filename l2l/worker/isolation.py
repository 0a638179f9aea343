"""What an evaluating process does first: die with its leader, ignore its signals, keep its own out of a model's way."""

import contextlib
import faulthandler
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Callable
from types import FrameType

from l2l.protocol.messages import TRACE_SIGNAL

_PRIVATE = 1024 - 32
"""Our descriptors begin here: above what a model that makes itself a daemon closes, below the usual limit of 1024."""
_DEATH_SIGNAL, _SUBREAPER = 1, 36
"""Options of prctl(2)."""


def protect(leader: int, log: int) -> None:
    """Tie this process to its leader and arm it.

    Args:
        leader: Its process number; this process ends if it is gone already.
        log: The descriptor to which the stacks of a crash are written.
    """
    _control(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != leader:
        sys.exit(0)
    # a program whose parent ended becomes our child, and not that of the system: so it is counted, and ends with us
    _control(_SUBREAPER, 1)
    faulthandler.enable(log)
    faulthandler.register(TRACE_SIGNAL, log, all_threads=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        # a handler and not SIG_IGN, which the programs that a model starts would inherit
        signal.signal(number, _ignore)
        signal.siginterrupt(number, False)
    os.register_at_fork(after_in_child=_obey)


def private(descriptor: int) -> int:
    """A descriptor moved out of a model's way: to a high number, and not inherited by the programs that it starts."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = _PRIVATE if soft == resource.RLIM_INFINITY else max(3, min(_PRIVATE, soft - 32))
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, least)
    except OSError:  # so low a limit leaves no room there
        os.set_inheritable(descriptor, False)
        return descriptor
    os.close(descriptor)
    return moved


def at_fork_close(descriptors: Callable[[], tuple[int, ...]]) -> None:
    """Keep copies of this process that a model forks away from our channel."""

    def close() -> None:
        for descriptor in descriptors():
            with contextlib.suppress(OSError):  # the model has closed it already
                os.close(descriptor)

    os.register_at_fork(after_in_child=close)


def _ignore(number: int, frame: FrameType | None) -> None:
    pass


def _obey() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        if signal.getsignal(number) is _ignore:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _control(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
