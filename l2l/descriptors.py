"""The standard descriptors 0, 1 and 2, which daemons, cron and some schedulers hand over closed."""

import fcntl
import os
import sys


def open_closed() -> None:
    """Open each of the standard descriptors that is closed on /dev/null.

    The next file that a process opens gets the lowest free number. Without this the journal may become descriptor 2,
    and what a model's C library writes to its standard error ends in the journal.
    """
    for descriptor in (0, 1, 2):
        try:
            fcntl.fcntl(descriptor, fcntl.F_GETFD)
        except OSError:
            _fill(descriptor)
    # Python has None for a stream whose descriptor was closed when it started; models write to these.
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            # closefd=False leaves the descriptor open, and nothing to be warned of, when the stream is dropped.
            stream = open(descriptor, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _fill(descriptor: int) -> None:
    """Open /dev/null under that number, for the programs that this process starts too."""
    try:
        opened = os.open(os.devnull, os.O_RDWR)
    except OSError:  # a jail without /dev/null: nothing can be done about it
        return
    if opened == descriptor:
        os.set_inheritable(descriptor, True)
        return
    os.dup2(opened, descriptor)
    os.close(opened)
