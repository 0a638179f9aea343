"""What the archive asks of the disk: locks, room, and plain words where it refuses."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.errors import StorageError, storage_error
from l2l.trajectory.reading import Busy
from l2l.trajectory.sharing import closed_for_all

if TYPE_CHECKING:
    import h5py

REFUSED = (OSError, RuntimeError)
"""What HDF5 raises where the disk refuses."""
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def _lockless() -> bool:
    return os.environ.get("HDF5_USE_FILE_LOCKING", "").upper() in ("FALSE", "0")


def free(path: Path) -> bool:
    """Whether nobody holds the file.

    Raises:
        StorageError: The file system does not know locks.
    """
    if _lockless():
        return True
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError as error:
        raise storage_error(path, "write to", error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # whoever was forked in between holds nothing
    except BlockingIOError:
        return False
    except OSError as error:
        raise StorageError(
            f"{path}: this file system does not lock files ({error.strerror}), which HDF5 wants to do; if nothing but "
            "l2l works on this file, set the environment variable HDF5_USE_FILE_LOCKING=FALSE and resume"
        ) from None
    finally:
        os.close(descriptor)
    return True


@contextmanager
def for_writing(path: Path, mode: str) -> Iterator["h5py.File"]:
    """The file, locked.

    Raises:
        Busy: Somebody holds it.
    """
    import h5py

    try:
        file = h5py.File(path, mode, locking=not _lockless())
    except BlockingIOError:
        raise Busy(str(path)) from None
    except OSError as error:
        if "already open" in str(error):
            raise Busy(str(path)) from None
        raise
    with closed_for_all(file):
        yield file


def reserve(path: Path, size: int) -> None:
    """Have the disk keep room behind the file, so that one that is full says so before anything is written."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        end = os.fstat(descriptor).st_size
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, end, size)
        except OSError as error:
            os.ftruncate(descriptor, end)
            if error.errno not in _UNSUPPORTED:
                raise
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Wait until all that was written to a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refused(path: Path, error: Exception) -> StorageError:
    """What HDF5 raised, in words that say what to do."""
    if isinstance(error, OSError) and error.errno:
        return storage_error(path, "write to", error)
    return StorageError(
        f"{path}: cannot write to it: {error}; check that the disk is not full, then resume: the archive is rebuilt "
        "from the journal, which has everything"
    )
