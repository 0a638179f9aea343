"""The lock of an HDF5 file, which processes that are forked meanwhile inherit and would hold as long as they live."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import h5py


@contextmanager
def closed_for_all(file: "h5py.File") -> Iterator["h5py.File"]:
    """An open file, whose lock is given back at the end for its heirs too.

    HDF5 only closes its descriptor. The lock belongs to what was opened, and so goes on as long as one of its copies is
    open, in whichever process: it is released by name, once everything is written.
    """
    descriptor = -1
    with suppress(OSError, ValueError, RuntimeError, TypeError):
        descriptor = os.dup(file.id.get_vfd_handle())
    try:
        with file:
            yield file
    finally:
        if descriptor >= 0:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)
