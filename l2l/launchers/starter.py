"""The program that started the ranks of an MPI job: ranks outlive it where it is killed, and nobody would see them."""

import os
import select
import signal
import threading

_STARTERS = ("mpiexec", "mpirun", "orterun", "prterun", "prte", "prted", "orted", "hydra_pmi_proxy", "slurmstepd")
"""How the names of those processes begin that start the ranks of a machine."""
_LOOK = 1.0  # seconds between two looks at the starter where the system has no pidfd
_RESUMABLE = 75  # exit code of a run that can be resumed (EX_TEMPFAIL)
_FAREWELL = 60.0
"""Seconds for a rank to end by itself; MPI's own end may wait for the dead for ever."""


def watch_starter() -> None:
    """Take the death of the starter for a signal to end, in a thread; nothing where none is found above us."""
    starter = _starter()
    if starter:
        threading.Thread(target=_watch, args=[starter], name="l2l-starter", daemon=True).start()


def _starter() -> int:
    """The nearest process above us that starts ranks; 0 where there is none, or the system does not say."""
    import psutil

    try:
        for process in psutil.Process().parents():
            if process.name().startswith(_STARTERS):
                return process.pid
    except psutil.Error:
        return 0
    return 0


def _watch(starter: int) -> None:
    _wait_for_end(starter)
    # As after any signal to the job: rank 0 keeps everything and ends resumably, the others wait for it to say so.
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_FAREWELL)
    os._exit(_RESUMABLE)


def _wait_for_end(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        while os.getppid() != 1 and _is_there(pid):
            threading.Event().wait(_LOOK)
        return
    select.select([descriptor], [], [])
    os.close(descriptor)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
