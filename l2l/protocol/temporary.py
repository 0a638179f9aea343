"""Temporary folders of this process: where they fit, and what killed processes left of theirs.

The name of a folder says whose it is: `l2l-<kind>-<machine>-<process>-<start>-<random>`. So whoever comes next on the
same machine knows which processes are no more, and removes what these left.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from l2l.errors import LauncherError

_LONGEST_SOCKET = 100
"""Bytes of a socket's path: Linux takes 107, macOS 103."""
_SOCKET = "leader"


def folder(kind: str) -> Path:
    """A new folder in the usual place, which only we can enter.

    Args:
        kind: What it is for, a word.

    Raises:
        LauncherError: There is no place for temporary files.
    """
    try:
        import tempfile

        place = Path(tempfile.gettempdir())
        _sweep(place)
        return Path(tempfile.mkdtemp(prefix=_prefix(kind), dir=place))
    except OSError as error:
        raise LauncherError(f"{_no_room(error)}") from error


def _no_room(error: OSError) -> str:
    given = os.environ.get("TMPDIR")
    where = f"TMPDIR is {given}" if given else "TMPDIR is not set"
    return (
        f"no temporary folder can be made ({error.strerror or error}; {where}): "
        "set TMPDIR to a folder that exists, has room, and may be written to"
    )


def socket_folder() -> Path | None:
    """A new folder whose path leaves room for that of a socket; None where there is none.

    The usual place may be too far down for a socket (batch systems like such), or full, or read-only.
    """
    import tempfile

    for place in _places():
        with contextlib.suppress(OSError):
            _sweep(place)
            return Path(tempfile.mkdtemp(prefix=_prefix("socket"), dir=place))
    return None


def socket_in(folder: Path) -> Path:
    """Where the leader's socket is in such a folder."""
    return folder / _SOCKET


def _places() -> Iterator[Path]:
    """Where sockets may be, the usual place first."""
    import tempfile

    with contextlib.suppress(OSError):
        yield from filter(_fits, [Path(tempfile.gettempdir()).absolute()])
    user = os.environ.get("XDG_RUNTIME_DIR", "")
    for place in (user, f"/run/user/{os.getuid()}", "/tmp", "/var/tmp", "/dev/shm"):
        if place and Path(place).is_dir() and _fits(Path(place)):
            yield Path(place)


def _fits(place: Path) -> bool:
    name = _prefix("socket") + "x" * 8
    return len(os.fsencode(place / name / _SOCKET)) <= _LONGEST_SOCKET


def socket_place() -> str:
    """The folder in which our sockets are made, as its file system knows it; "" where there is none."""
    for place in _places():
        if os.access(place, os.W_OK | os.X_OK):
            return identity(place)
    return ""


def identity(path: Path) -> str:
    """A folder by its file system and number there, which no other folder of this machine has.

    Raises:
        OSError: It is not there.
    """
    found = path.stat()
    return f"{found.st_dev:x}.{found.st_ino:x}"


@cache
def boot() -> str:
    """This machine since it was started, in a short word; a container with a host name of its own has another."""
    said = os.uname().nodename
    with contextlib.suppress(OSError):
        said += Path("/proc/sys/kernel/random/boot_id").read_text()
    return hashlib.blake2b(said.encode(), digest_size=4).hexdigest()


@cache
def _processes() -> str:
    """The space of numbers of processes that we are in: containers have their own."""
    said = boot()
    with contextlib.suppress(OSError):
        said += str(Path("/proc/self/ns/pid").readlink())
    return hashlib.blake2b(said.encode(), digest_size=4).hexdigest()


def _prefix(kind: str) -> str:
    pid = os.getpid()
    return f"l2l-{kind}-{_processes()}-{pid}-{_start(pid)}-"


def _start(pid: int) -> int:
    """When a process began, in ticks since the machine did; 0 where it is not there, or nobody says."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


_swept: set[Path] = set()


def _sweep(place: Path) -> None:
    """Remove what killed processes of ours left there, once per process; others' cannot be removed, nor are tried."""
    if place in _swept or not Path("/proc/self/stat").exists():
        return
    _swept.add(place)
    for left in place.glob("l2l-*"):
        with contextlib.suppress(OSError):
            if _is_left(left):
                shutil.rmtree(left, ignore_errors=True)


def _is_left(path: Path) -> bool:
    """Whether a process of this machine made it that is no more."""
    parts = path.name.split("-")
    if len(parts) < 6 or parts[-4] != _processes() or not (parts[-3].isdigit() and parts[-2].isdigit()):
        return False
    found = path.lstat()
    if found.st_uid != os.getuid() or path.is_symlink() or not path.is_dir():
        return False
    return _start(int(parts[-3])) != int(parts[-2])
