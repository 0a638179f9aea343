"""Files that are opened where others may have put something else in their place."""

import errno
import os
import stat
from pathlib import Path


def open_regular(path: Path, flags: int, mode: int = 0o666) -> int:
    """A descriptor of a regular file: what a symbolic link points to is not opened, and a pipe is not waited for.

    Args:
        path: Of the file; links in the folders above it are followed.
        flags: As of `os.open`; O_NOFOLLOW, O_NONBLOCK and O_CLOEXEC are added.
        mode: Of a file that is made.

    Raises:
        OSError: As `os.open`; with EINVAL where a link, a pipe, a device or a socket stands in its place.
    """
    try:
        # O_NONBLOCK has no effect on regular files; without it opening a pipe waits for its other end.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR) and os.path.lexists(path):
            raise _is_no_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _is_no_file(path)
    return descriptor


def _is_no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, f"it is {kind_of(path)} and no file of its own", str(path))


def kind_of(path: Path) -> str:
    """What stands at a path: "a file", "a folder", "a symbolic link", "a pipe", …; "nothing" where there is nothing."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return "nothing"
    return next((name for is_one, name in _KINDS if is_one(mode)), "something else")


_KINDS = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
