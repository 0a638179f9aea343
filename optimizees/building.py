"""Programs that are built where they run: once in each evaluating process, in a folder of its own."""

import fcntl
import os
import shlex
import shutil
import tempfile
import weakref
from pathlib import Path

from l2l.errors import NotFoundError, OptionError
from l2l.optimizees.program import ERR, OUT, lines_of, run, tail_of

_PREFIX, _LOCK = "l2l-build-", ".lock"


class Folder:
    """A folder for what a build makes, below the system's temporary one; it goes with this object or this process.

    A process that is killed cannot remove its folder: each new one first removes those whose process is gone.
    """

    def __init__(self) -> None:
        _remove_abandoned()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # locked under another name first: nobody may find it unlocked
        descriptor = os.open(self.path / ".new", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        (self.path / ".new").rename(self.path / _LOCK)
        self._removal = weakref.finalize(self, _remove, self.path, descriptor, os.getpid())

    def remove(self) -> None:
        """Remove it now."""
        self._removal()


def _remove(path: Path, descriptor: int, owner: int) -> None:
    if os.getpid() == owner:  # not in a copy of the process
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # of another user, or gone meanwhile
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:  # its process lives
            pass
        finally:
            os.close(descriptor)


def build(words: list[str], folder: Path) -> None:
    """Run a command that makes a program, in the folder where it is to be.

    Raises:
        NotFoundError: There is no such command.
        OptionError: It fails; says what it wrote.
    """
    _run_to_success("build", words, folder)


def says(words: list[str], folder: Path) -> str:
    """The first line that a command prints, such as a version.

    Raises:
        NotFoundError: There is no such command.
        OptionError: It fails, or prints nothing.
    """
    _run_to_success("version", words, folder)
    for line in lines_of(folder / OUT):
        if line.strip():
            return line.strip()
    raise OptionError(f"Command: option 'version': expected {words[0]} to print it, got nothing")


def _run_to_success(option: str, words: list[str], folder: Path) -> None:
    try:
        code = run(words, folder)
    except OSError as error:
        raise NotFoundError(f"Command: option {option!r}: {words[0]!r}: {error.strerror}") from None
    if code:
        said = tail_of(folder / ERR, 4096).strip() or tail_of(folder / OUT, 4096).strip() or "it wrote nothing"
        raise OptionError(f"Command: option {option!r}: {shlex.join(words)} ended with exit code {code}:\n{said}")
