"""A small process that outlives a killed leader, to end the leader's workers and whatever these started.

It runs as a program of its own that imports the standard library alone; the functions that find and end processes
serve the leader too.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path

MARKER = "L2L_LEADER"
"""The environment variable that names leader and worker, `<leader>/<worker>/`, in all that these started."""

_PATIENCE = 5.0
_LOOK = 0.2
"""Seconds between two looks at what workers started: what hid itself since then outlives a leader that is killed."""
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
    deadline = time.monotonic() + _PATIENCE
    while left := members(marker, sessions):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        if time.monotonic() > deadline:
            return
        time.sleep(0.002)


class Reaper:
    """The leader's end: start it, tell it of each worker, and let it go.

    Args:
        marker: That the leader's workers carry.
    """

    def __init__(self, marker: str) -> None:
        flags = ["-I", "-S"] if sys.platform.startswith("linux") else ["-I"]
        self._process = subprocess.Popen(
            [sys.executable, *flags, os.path.abspath(__file__), marker, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()

    def watch(self, pid: int) -> None:
        """Tell it of a worker, which must lead a session."""
        try:
            os.write(self._pipe, f"{pid}\n".encode())
        except OSError:
            return  # somebody killed it: workers still end with their leader

    def forget(self, pid: int) -> None:
        """Tell it that a worker is dead, so that its number may mean another process one day."""
        self.watch(-pid)

    def close(self) -> None:
        """Let it go: it ends what is left, then itself."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE + 1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(marker: str, leader: int) -> None:
    """Wait for the leader's end, then end its workers."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    sessions: set[int] = set()
    known: dict[int, int] = {}
    text = b""
    while os.getppid() == leader:
        # they lose their worker together with the leader, and with it the way to find those that left its session
        # and cleaned their environment: so they are noted while it lives
        known = {pid: since for worker in sessions for pid, since in descendants(worker).items()}
        if not select.select([0], [], [], _LOOK)[0]:
            continue
        came = os.read(0, 4096)
        if not came:
            break
        *lines, text = (text + came).split(b"\n")
        for pid in map(int, lines):
            sessions = sessions | {pid} if pid > 0 else sessions - {-pid}
    end_known(known)
    end_all(marker, sessions)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
