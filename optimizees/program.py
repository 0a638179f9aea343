"""A program run to its end in a folder, and what it leaves there: never more of it in memory than is needed."""

import ctypes
import json
import mmap
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

from l2l.errors import Invalid

OUT, ERR = "stdout.txt", "stderr.txt"
"""Where standard output and error go, in the folder."""
TAIL = 65536
"""Bytes that are read at once."""
LARGEST_RESULT = 256 * 2**20
"""Bytes of a line or of a file with results that are still read: a few times what a trial can reasonably return."""


class ProgramFailed(RuntimeError):
    """A program ended with another exit code than 0, or by a signal; the message has the end of what it wrote."""


def run(words: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> int:
    """Run a program in a folder; it dies with this process.

    Args:
        words: Program and arguments.
        folder: Where it runs and where its standard output and error are kept.
        environment: All its variables; those of this process unless given.

    Returns:
        The exit code; below 0 the number of the signal that ended it.

    Raises:
        OSError: It cannot be started.
    """
    process = None
    with (folder / OUT).open("wb") as out, (folder / ERR).open("wb") as err:
        try:
            with _interruptions_held():  # an interruption must find `process`, or nobody would end the program
                process = subprocess.Popen(
                    words,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    preexec_fn=_prepared(),  # noqa: PLW1509 - it makes a few system calls and takes no lock
                )
            return process.wait()
        except BaseException:
            if process is not None:
                process.kill()
                process.wait()
            raise


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Handle a SIGINT that comes within at the end.

    Blocking the signal would not do: a mask holds for one thread, and the system may hand the signal to another, from
    which Python brings it to the main thread all the same.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield  # nothing is raised here
        return
    received: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: received.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if received:
            handler(signal.SIGINT, received[0])


def _prepared() -> Callable[[], None]:
    """What the new process does first, so that no program outlives the process that evaluates the trial."""
    parent, set_death_signal = os.getpid(), 1
    prctl = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None

    def prepare() -> None:
        if prctl is not None:
            prctl(set_death_signal, int(signal.SIGKILL))
            if os.getppid() != parent:
                os._exit(127)

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
    """The last line of standard output that is not blank, whole; of what carriage returns overwrite, the last.

    Raises:
        Invalid: There is none, or it is longer than `LARGEST_RESULT`.
    """
    place = "last line of standard output"
    with path.open("rb") as file:
        pieces: list[bytes] = []  # from the last to the first
        for piece in _backwards(file):
            kept = piece if pieces else piece.rstrip()
            start = kept.rfind(b"\n") + 1
            if kept:
                pieces.append(kept[start:])
            if start:
                break
            if sum(map(len, pieces)) > LARGEST_RESULT:
                raise Invalid(f"{place}: expected at most {LARGEST_RESULT} bytes, got more; is there a line break?")
    line = b"".join(reversed(pieces)).decode(errors="replace").strip().removeprefix("\ufeff")
    if not line:
        raise Invalid("standard output: expected the fitness on its last line, got nothing")
    return line.rpartition("\r")[2].strip()


def _backwards(file: IO[bytes]) -> Iterator[bytes]:
    """A file in pieces, from its end."""
    end = os.fstat(file.fileno()).st_size
    while end:
        start = max(0, end - TAIL)
        file.seek(start)
        yield file.read(end - start)
        end = start


def last_match(path: Path, pattern: re.Pattern[str]) -> dict[str | int, str] | None:
    """What the groups of a pattern hold where it is last found in a line; None where it is nowhere.

    Args:
        path: Of the file, of which one line may be as long as `LARGEST_RESULT`.
        pattern: Looked for in each line by itself.

    Raises:
        Invalid: A line is longer.
    """
    found: dict[str | int, str] | None = None
    with path.open("rb") as file:
        start = 0
        while piece := file.readline(TAIL):
            if piece.endswith(b"\n") or len(piece) < TAIL:
                for match in pattern.finditer(piece.decode(errors="replace").rstrip("\r\n")):
                    found = _groups(match)
            else:
                found = _in_long_line(file, start, pattern) or found
            start = file.tell()
    return found


def _in_long_line(file: IO[bytes], start: int, pattern: re.Pattern[str]) -> dict[str | int, str] | None:
    """As `last_match`, of the line that begins at a place; leaves the file at its end.

    The line is looked at where it lies, in the file's pages, so that it takes no memory of this process.
    """
    while (piece := file.readline(TAIL)) and not piece.endswith(b"\n"):
        pass
    end = file.tell()
    if end - start > LARGEST_RESULT:
        raise Invalid(f"standard output: expected lines of at most {LARGEST_RESULT} bytes, got {end - start}")
    found: dict[str | int, str] | None = None
    text = end - (len(piece) - len(piece.rstrip(b"\r\n")))
    with (
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages,
        memoryview(pages) as whole,
        whole[start:text] as line,
    ):
        if not pattern.pattern.isascii():
            for match in pattern.finditer(str(line, "utf-8", "replace")):
                found = _groups(match)
            return found
        for in_bytes in re.compile(pattern.pattern.encode(), pattern.flags & ~re.UNICODE).finditer(line):
            found = _groups(in_bytes)
            del in_bytes  # which holds on to the pages
    return found


def _groups(match: re.Match[Any]) -> dict[str | int, str]:
    """The texts of a match: all of it as 0, groups by place and by name; those without part are ""."""
    keys: list[str | int] = [*range(match.re.groups + 1), *match.re.groupindex]
    groups = {key: match[key] for key in keys}
    return {
        key: bytes(text).decode(errors="replace") if isinstance(text, bytes | memoryview) else text or ""
        for key, text in groups.items()
    }


def number(text: str) -> float | None:
    """A number as programs write it, `1e-3`, `.5`, `inf` or Fortran's `1.0D-3`; None where it is something else."""
    plain = _FORTRAN.sub(r"\1e\2", text.strip())
    if not plain.isascii() or "_" in plain:  # Python alone reads 1_000 and digits of other scripts
        return None
    try:
        return float(plain)
    except ValueError:
        return None


_FORTRAN = re.compile(r"^([-+]?[\d.]+)[dD]([-+]?\d+)$")


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
    return parsed(path.read_text(encoding="utf-8-sig", errors="replace"), path.name)


def parsed(text: str, where: str) -> Any:
    """What a JSON text says.

    Raises:
        Invalid: It is no JSON; names where it stood.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{where}: expected JSON, got {text[:100]!r}: {error}") from None
