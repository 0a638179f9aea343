"""A program run to its end in a folder, and what it leaves there: never more of it in memory than is needed."""

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from l2l.errors import Invalid

OUT, ERR = "stdout.txt", "stderr.txt"
"""Where standard output and error go, in the folder."""
TAIL = 65536
"""Bytes at the end of standard output in which its last line is looked for, and of a line that is searched."""
LARGEST_RESULT = 256 * 2**20
"""Bytes of a JSON file that are still read."""


class ProgramFailed(RuntimeError):
    """A program ended with another exit code than 0, or by a signal; the message has the end of what it wrote."""


def run(words: list[str], folder: Path) -> int:
    """Run a program in a folder; it dies with this process.

    Args:
        words: Program and arguments.
        folder: Where it runs and where its standard output and error are kept.

    Returns:
        The exit code; below 0 the number of the signal that ended it.

    Raises:
        OSError: It cannot be started.
    """
    process = None
    with (folder / OUT).open("wb") as out, (folder / ERR).open("wb") as err:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            try:
                process = subprocess.Popen(
                    words,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    preexec_fn=_prepared(mask),  # noqa: PLW1509 - it makes a few system calls and takes no lock
                )
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # only now may Ctrl-C come: `process` is known
            return process.wait()
        except BaseException:
            if process is not None:
                process.kill()
                process.wait()
            raise


def _prepared(mask: set[Any]) -> Callable[[], None]:
    """What the new process does first, so that no program outlives the process that evaluates the trial."""
    parent, set_death_signal = os.getpid(), 1
    prctl = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None

    def prepare() -> None:
        if prctl is not None:
            prctl(set_death_signal, int(signal.SIGKILL))
            if os.getppid() != parent:
                os._exit(127)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    return prepare


def failure(words: list[str], code: int, folder: Path) -> ProgramFailed:
    """The exception for a program that ended with this code: its last line first, then the end of what it wrote."""
    if -code in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        time.sleep(1.0)  # a whole job is ended so: let the end reach us, so that it does not become a result
    tail = tail_of(folder / ERR, 4096).strip() or tail_of(folder / OUT, 4096).strip()
    ended = f"exit code {code}" if code > 0 else f"ended by {_signal(-code)}"
    last = tail.splitlines()[-1] if tail else "it wrote nothing"
    return ProgramFailed(f"{Path(words[0]).name}: {ended}: {last}\n{shlex.join(words)}\n{tail}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def tail_of(path: Path, size: int) -> str:
    """The last bytes of a file as text."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size).decode(errors="replace")


def last_line(path: Path) -> str:
    """The last line of a file that is not blank.

    Raises:
        Invalid: There is none.
    """
    lines = tail_of(path, TAIL).split("\n")
    for line in reversed(lines):
        if line.strip():
            return line.strip()
    raise Invalid("standard output: expected the fitness on its last line, got nothing")


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a file, one by one; overlong ones in pieces."""
    with path.open("rb") as file:
        while line := file.readline(TAIL):
            yield line.decode(errors="replace")


def json_of(path: Path) -> Any:
    """What a JSON file says.

    Raises:
        Invalid: It is not there, too large, or no JSON.
    """
    if not path.is_file():
        raise Invalid(f"{path.name}: the program was to write it, and did not")
    if path.stat().st_size > LARGEST_RESULT:
        raise Invalid(f"{path.name}: expected at most {LARGEST_RESULT} bytes, got {path.stat().st_size}")
    return parsed(path.read_text(encoding="utf-8", errors="replace"), path.name)


def parsed(text: str, where: str) -> Any:
    """What a JSON text says.

    Raises:
        Invalid: It is no JSON; names where it stood.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise Invalid(f"{where}: expected JSON, got {text[:100]!r}: {error}") from None
