"""A small program that outlives a killed supervisor or leader, to end its workers and whatever these started.

It runs in a session and a process of its own, and with little of Python (-I -S), so that it costs next to nothing.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":  # started by its file, in a Python without site packages
    sys.path.append(str(Path(__file__).absolute().parents[2]))

from l2l.process_tree import descendants, end_all, end_known

_PATIENCE = 5.0  # seconds for the reaper to end what is left, as long as `end_all` takes at most
_LOOK = 0.2
"""Seconds between two looks at what workers started: what hid itself since then outlives a leader that is killed."""


class Reaper:
    """Starts a reaper, tells it of each worker through a pipe, and lets it go at the end.

    Args:
        marker: How the value of `MARKER` begins in the environment of all workers.
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
    """Wait for the end of the supervisor, then end its workers: what runs in the reaper's own process.

    Args:
        marker: As of `Reaper`.
        leader: The process number of the supervisor. The end of the pipe tells of its death, and so does another
            parent: a copy of the supervisor that somebody forked may hold the pipe open.
    """
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
