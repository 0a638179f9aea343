"""A process and all that it started: how they are found, and how they are ended.

The files of /proc say who started whom. A program that left its session and whose parent has ended is found by an
environment variable, `MARKER`, which all that a worker starts inherits.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path

MARKER = "L2L_LEADER"
"""The environment variable that names leader and worker, `<leader>/<worker>/`, in all that these started."""


_UNTIL_DEAD = 5.0  # seconds; a process that waits for a file system that does not answer ends later, by itself
_UNTIL_LEFT = 1.0
"""Seconds in which all that a process started must be dead: it may be a program that forks again and again."""


def descendants(pid: int) -> dict[int, int]:
    """The living processes below one, with the times of their starts, by which a number is known to mean the same one.

    A worker takes in the programs whose parents ended (`protect`), so that as long as it lives this finds all that
    it started. Empty where the system does not list children.
    """
    found: dict[int, int] = {}
    waiting = _children(pid)
    while waiting:
        one = waiting.pop()
        since = started(one)
        if since is not None and one not in found:
            found[one] = since
            waiting += _children(one)
    return found


def started(pid: int) -> int | None:
    """When a process began, in ticks of the system's clock; None where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _children(pid: int) -> list[int]:
    """The children of all threads of a process, ended ones too."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_bytes().split())
    return found


def ended_children(pid: int) -> int:
    """How many children of a process have ended, and are not reaped."""
    return sum(started(one) is None for one in _children(pid))


def end_descendants(pid: int) -> None:
    """Kill all that a living process started, until none is left (at most a second); it must start no more itself."""
    deadline = time.monotonic() + _UNTIL_LEFT
    while left := descendants(pid):
        end_known(left)
        if time.monotonic() > deadline:
            return
        time.sleep(0.001)


def end_known(known: Mapping[int, int]) -> None:
    """Kill processes that were seen before, where they still are the same.

    Args:
        known: Number → time of the start.
    """
    for pid, since in known.items():
        if started(pid) == since:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def members(marker: str, sessions: Collection[int]) -> set[int]:
    """Processes that carry the marker in their environment or belong to one of the sessions.

    Args:
        marker: How the value of the environment variable begins.
        sessions: Numbers of sessions, which are those of the processes that began them.
    """
    if not sys.platform.startswith("linux"):
        return _members_elsewhere(marker, sessions)
    found = set()
    entry = f"\0{MARKER}={marker}".encode()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            stat = (process / "stat").read_bytes().rpartition(b")")[2].split()
            if stat[0] in (b"Z", b"X"):
                continue
            if int(stat[3]) in sessions or entry in b"\0" + (process / "environ").read_bytes():
                found.add(int(process.name))
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found


def _members_elsewhere(marker: str, sessions: Collection[int]) -> set[int]:
    import psutil

    found = set()
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if os.getsid(process.pid) in sessions or process.environ().get(MARKER, "").startswith(marker):
                found.add(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def end_all(marker: str, sessions: Collection[int]) -> None:
    """Kill all of them, until none is left (at most a few seconds)."""
    deadline = time.monotonic() + _UNTIL_DEAD
    while left := members(marker, sessions):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        if time.monotonic() > deadline:
            return
        time.sleep(0.002)
