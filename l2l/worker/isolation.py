"""What a worker does first: it sees that it dies with its supervisor, ignores signals, and hides its descriptors."""

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
    """See that this process dies with its parent, and that a crash is written down.

    Args:
        leader: The process number of the parent; this process ends if that is gone already.
        log: The descriptor to which the stacks of a crash are written.
    """
    # PR_SET_PDEATHSIG follows the *thread* that forked us, not its process: who starts workers must do so from a thread
    # that lives as long as they are to live. It is set before the look at getppid: a parent that died in between shows.
    _control(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != leader:
        sys.exit(0)
    # PR_SET_CHILD_SUBREAPER: a program whose parent ended becomes our child, not that of the system; so its memory is
    # counted as the trial's, and it ends with us
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
    """Keep copies of this process, which a model may fork, away from our channel.

    A copy that held the writing end would keep the channel open after the worker's death, which is known by its end.
    """

    def close() -> None:
        for descriptor in descriptors():
            with contextlib.suppress(OSError):  # the model has closed it already
                os.close(descriptor)

    os.register_at_fork(after_in_child=close)


def _ignore(number: int, frame: FrameType | None) -> None:
    pass


def _obey() -> None:
    """Give a forked copy the usual reactions to signals back, unless the model has set its own."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        if signal.getsignal(number) is _ignore:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _control(option: int, value: int) -> None:
    """Call prctl(2), which only Linux has."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
