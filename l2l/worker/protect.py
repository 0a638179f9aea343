"""What an evaluating process does first: die with its leader, ignore its signals, leave traces of a crash."""

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

TRACE_SIGNAL = signal.SIGUSR2
"""Makes a worker write the Python stack of all its threads to its log."""


def protect(leader: int) -> None:
    """Tie this process to its leader and arm it.

    Args:
        leader: Its process number; this process ends if it is gone already.
    """
    _die_with_parent()
    if os.getppid() != leader:
        sys.exit(0)
    faulthandler.enable()
    faulthandler.register(TRACE_SIGNAL, all_threads=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        # a handler and not SIG_IGN, which the programs that a model starts would inherit
        signal.signal(number, _ignore)
        signal.siginterrupt(number, False)
    os.register_at_fork(after_in_child=_obey)


def at_fork_close(descriptors: Callable[[], tuple[int, ...]]) -> None:
    """Keep copies of this process that a model forks away from our channel."""

    def close() -> None:
        for descriptor in descriptors():
            os.close(descriptor)

    os.register_at_fork(after_in_child=close)


def _ignore(number: int, frame: FrameType | None) -> None:
    pass


def _obey() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        if signal.getsignal(number) is _ignore:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _die_with_parent() -> None:
    if sys.platform.startswith("linux"):
        import ctypes

        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
