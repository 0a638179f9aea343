"""Which workers a live run has, in a file of its folder that other processes read: `logs/workers.json`."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from l2l.files import open_new
from l2l.launcher import Launcher, WorkerState

_EVERY = 1.0  # seconds between two writings: as often as a person looks
_SHARE = 200.0  # a writing that takes long is followed by a pause that is so many times longer: 0.5 % of the time


class Presence:
    """Writes down which workers there are, while a run goes on.

    Nothing in a run depends on the file. So it is not synced, and a disk that refuses it ends no run.

    Args:
        folder: The run's.
        launcher: Whose workers they are.
    """

    def __init__(self, folder: Path, launcher: Launcher) -> None:
        self._file = _file_in(folder)
        self._launcher = launcher
        self._due = 0.0
        self._text = ""

    def keep_up(self) -> None:
        """Write the file, unless that was done just now or nothing has changed."""
        begin = time.monotonic()
        if begin < self._due:
            return
        text = json.dumps([list(one) for one in self._launcher.workers])
        if text != self._text:
            self._text = text
            with suppress(OSError):
                self._file.parent.mkdir(exist_ok=True)
                partial = self._file.with_name(f"{self._file.name}.partial")
                with os.fdopen(open_new(partial), "w", encoding="utf-8") as file:
                    file.write(text)
                partial.replace(self._file)
        now = time.monotonic()
        self._due = now + max(_EVERY, _SHARE * (now - begin))

    def close(self) -> None:
        """Remove the file, as the workers end."""
        remove(self._file.parents[1])


def remove(folder: Path) -> None:
    """Remove the file of a run that nobody leads, and its folder where nothing else is in it."""
    file = _file_in(folder)
    with suppress(OSError):
        file.with_name(f"{file.name}.partial").unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        file.parent.rmdir()  # which is refused where workers wrote something there


def workers_of(folder: Path) -> list[WorkerState]:
    """The workers that the leader of a run wrote down last; empty where there is no such file.

    Args:
        folder: The run's; a leader that was killed leaves the file, so see first whether there is a leader.
    """
    try:
        return [WorkerState(*one) for one in json.loads(_file_in(folder).read_text())]
    except (OSError, ValueError, TypeError):
        return []


def _file_in(folder: Path) -> Path:
    return folder / "logs" / "workers.json"
