"""Files that are opened where others may have put something else in their place, and that are whole or not there."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from l2l.errors import storage_error


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


def open_to_read(path: Path) -> BinaryIO:
    """A file to read, also where a link leads to it; a pipe or a device in its place is not waited for.

    Raises:
        OSError: As `open`; with EINVAL where something else than a file stands there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise _is_no_file(path)


def open_new(path: Path, flags: int = os.O_WRONLY, mode: int = 0o666) -> int:
    """A descriptor of a new file, where at most one that a kill left stands in its place.

    What is there is removed and not emptied: it may have a second name, as in a copy that was made of hard links.

    Args:
        path: Of the file.
        flags: As of `os.open`; O_CREAT and O_EXCL are added.
        mode: Of the file.

    Raises:
        OSError: As `open_regular`.
    """
    if kind_of(path) == "a file":
        path.unlink(missing_ok=True)
    try:
        return open_regular(path, flags | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise _is_no_file(path) from None


def separate(path: Path) -> None:
    """Give a file that has a second name a content of its own, before it is written to in its place.

    In a copy of a folder that was made of hard links, what is written under one name would change the other one too.

    Raises:
        OSError: It cannot be copied.
    """
    try:
        names = path.lstat().st_nlink
    except FileNotFoundError:
        return
    if names < 2:
        return
    copy = _beside(path)
    try:
        # As long as somebody else may look at it, it has no more rights than the original.
        os.close(open_new(copy, mode=0o600))
        shutil.copy2(path, copy, follow_symlinks=False)
        _sync(copy)
        copy.replace(path)
    finally:
        with suppress(OSError):
            copy.unlink(missing_ok=True)


def open_log(path: Path) -> BinaryIO:
    """A log, to be appended to by us and by what we start.

    Raises:
        OSError: As `open_regular`.
    """
    separate(path)
    return os.fdopen(open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")


def _beside(path: Path) -> Path:
    """A name in the same folder that nobody has."""
    return path.with_name(f".l2l-{os.urandom(8).hex()}.partial")


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


def replace(path: Path, content: bytes) -> None:
    """Write a file beside its place, bring it to the disk, and rename it: a reader finds what was there, or all of it.

    Raises:
        StorageError: The disk is full or read-only; what was there stays.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with open(open_new(partial), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(path, "write", error) from None
        raise


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """The file to write for a user's path: it takes its place at the end, so that no half of one ever stands there.

    A device or a pipe, such as /dev/stdout, is never replaced: it is written to. So is what a link leads to. A file
    that is replaced leaves its permissions to the new one.

    Raises:
        StorageError: It cannot be written.
    """
    if path.exists() and not path.is_file():
        try:
            yield path
        except OSError as error:
            raise storage_error(path, "write", error, _ONCE_MORE) from None
        return
    target = Path(os.path.realpath(path))
    partial = _beside(target)
    try:
        os.close(open_new(partial))
        if target.exists():
            shutil.copymode(target, partial)
        yield partial
        _sync(partial)
        partial.replace(target)
    except OSError as error:
        raise storage_error(path, "write", error, _ONCE_MORE) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


_ONCE_MORE = "then do the same again"


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
