"""One leader a run folder.

The file `lock` says who leads, and carries a kernel lock (`fcntl`) as long as that process lives, so that a leader that
was killed leaves no obstacle. Where the kernel's locks do not reach other hosts, the file alone counts for these.
"""

import errno
import fcntl
import json
import os
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from l2l.errors import Locked, storage_error

_JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "OAR_JOB_ID", "COBALT_JOBID", "JOB_ID")
_LOCAL = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "ramfs", "f2fs", "apfs", "hfs")
_COHERENT = ("gpfs", "ceph", "nfs", "nfs4")
_NOT_COHERENT = ("localflock", "noflock", "nolock", "local_lock=all", "local_lock=posix")
_FLOCK = "hhqqi4x"
"""Linux's `struct flock`, for locks of an open file; those of a process vanish once it closes any reader of it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who leads a run.

    Args:
        host: Its name.
        pid: Of the process.
        created: When the process started, Unix seconds.
        since: When it took the lock, Unix seconds.
        job: Of the batch system; "" outside one.
    """

    host: str
    pid: int
    created: float
    since: float
    job: str = ""

    @classmethod
    def me(cls) -> Self:
        """This process."""
        job = next((os.environ[name] for name in _JOB_VARIABLES if os.environ.get(name)), "")
        return cls(socket.gethostname(), os.getpid(), _created(os.getpid()) or 0.0, time.time(), job)

    @property
    def here(self) -> bool:
        """Whether it is on this host."""
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether the process is there; only meaningful `here`."""
        created = _created(self.pid)
        return created is not None and abs(created - self.created) < 5.0

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host}" + (f" (job {self.job})" if self.job else "") + f" since {since}"


class RunLock:
    """The right to lead a run; a context manager.

    Args:
        folder: Of the run; must exist.

    Raises:
        Locked: On entering, where another process leads; names it and says what to do.
        StorageError: On entering, where the lock cannot be written.

    Example:
        >>> with RunLock(Path("runs/brunel")):
        ...     lead()
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._descriptor = -1

    def acquire(self) -> None:
        """Take it, or raise at once."""
        try:
            while self._descriptor < 0:
                self._descriptor = self._attempt()
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, (json.dumps(asdict(Holder.me())) + "\n").encode(), 0)
            os.fsync(self._descriptor)
        except OSError as error:
            self._close()
            raise storage_error(self.path, "write", error) from None

    def release(self) -> None:
        """Give it back; may be called twice."""
        if self._descriptor >= 0:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(self.path, "remove", error) from None
            finally:
                self._close()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _attempt(self) -> int:
        """A descriptor of the lock file that is ours, or -1 to try again."""
        try:
            descriptor, created = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            try:
                descriptor, created = os.open(self.path, os.O_RDWR), False
            except FileNotFoundError:
                return -1
        try:
            locked = _lock(descriptor)
            if not created:
                _refuse_living(self.path, _read(descriptor), locked)
            if (created and locked is False) or not _same_file(descriptor, self.path):
                os.close(descriptor)
                return -1
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def holder(folder: Path) -> Holder | None:
    """Who leads the run in that folder; None where nobody does, as far as can be seen from here."""
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        found, locked = _read(descriptor), _is_locked(descriptor)
        if found is None or locked:
            return found
        if locked is None:
            return found if not found.here or found.alive else None
        return None if found.here or _reaches_all_hosts(path) else found
    finally:
        os.close(descriptor)


def _refuse_living(path: Path, found: Holder | None, locked: bool | None) -> None:
    """Raise unless the holder of an existing lock is gone.

    Args:
        path: Of the lock.
        found: Who is written there.
        locked: Whether we got the kernel's lock; None where it has none.
    """
    who = str(found) if found else "another process"
    if found and found.here and found.pid == os.getpid() and found.alive:
        raise Locked(f"{path.parent}: this process itself already leads this run, in another run() call")
    if locked is False or (locked is None and found and found.here and found.alive):
        raise Locked(
            f"{path.parent}: {who} leads this run already; wait until it ends, or stop it "
            f"(`l2l status {path.parent}` shows where it stands)"
        )
    if (found and found.here) or (locked and _reaches_all_hosts(path)):
        return
    raise Locked(
        f"{path.parent}: {who} leads this run, and from {socket.gethostname()} it cannot be seen whether "
        f"it still does; if you are sure that it ended, remove {path} and try again"
    )


def _lock(descriptor: int) -> bool | None:
    """Take the kernel's lock: whether it is ours now; None where the file system has none."""
    try:
        if sys.platform == "linux":
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        else:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            return None
        raise
    return True


def _is_locked(descriptor: int) -> bool | None:
    """Whether another holds the kernel's lock, without taking it for an instant; None where it cannot say."""
    if sys.platform != "linux":
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
    except OSError:
        return None
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


def _read(descriptor: int) -> Holder | None:
    try:
        written: dict[str, Any] = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(**written)
    except (ValueError, TypeError):
        return None


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _created(pid: int) -> float | None:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _reaches_all_hosts(path: Path) -> bool:
    """Whether a kernel lock on this file would be seen by every process that sees the file."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    place = os.path.realpath(path.parent)
    found, kind, options = "", "", ""
    for line in mounts:
        _, where, its_kind, its_options, *_ = line.split()
        where = where.encode().decode("unicode_escape")
        if len(where) >= len(found) and (place == where or place.startswith(where.rstrip("/") + "/")):
            found, kind, options = where, its_kind, its_options
    if kind in _LOCAL:
        return True
    if kind == "lustre":
        return "flock" in options.split(",")
    return kind in _COHERENT and not any(option in _NOT_COHERENT for option in options.split(","))
