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
from typing import Self

from l2l.display.hints import typed
from l2l.errors import Locked, storage_error
from l2l.files import open_regular

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
        created: When the process started, Unix seconds, by the clock as it was set then.
        since: When it took the lock, Unix seconds.
        job: Of the batch system; "" outside one.
        boot: The kernel's number of this boot of the machine; "" where it has none.
        ticks: When the process started, in ticks since that boot; 0 where the kernel does not say.
        space: The namespace in which `pid` counts; "" where there are none.
    """

    host: str
    pid: int
    created: float
    since: float
    job: str = ""
    boot: str = ""
    ticks: int = 0
    space: str = ""

    @classmethod
    def me(cls) -> Self:
        """This process."""
        job = next((os.environ[name] for name in _JOB_VARIABLES if os.environ.get(name)), "")
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            pid=pid,
            created=_created(pid) or 0.0,
            since=time.time(),
            job=job,
            boot=_boot(),
            ticks=_ticks(pid) or 0,
            space=_space(),
        )

    @classmethod
    def parse(cls, text: bytes) -> Self | None:
        """What a lock file says; None where no leader wrote it whole."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):  # torn, or of somebody else
            return None
        if not isinstance(said, dict) or not said.keys() >= {"host", "pid", "created", "since"}:
            return None
        for name, kind in _FIELDS.items():
            value = said.get(name, kind())
            if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
                return None
        if not 0 < said["pid"] < _MOST_PIDS:
            return None
        return cls(**{name: said[name] for name in _FIELDS if name in said})

    @property
    def here(self) -> bool:
        """Whether it is on this host, and its number means here what it meant there."""
        if self.boot and self.boot == _boot():
            return self.space in ("", _space())
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether the process is there; only meaningful `here`."""
        if not _exists(self.pid):
            return False
        boot = _boot()
        if self.boot and boot:
            # Ticks since the kernel booted: setting the clock does not change them, as it does `created`.
            return self.boot == boot and _ticks(self.pid) in (self.ticks, None)
        created = _created(self.pid)
        return created is None or abs(created - self.created) < 5.0

    def __str__(self) -> str:
        job = f" (job {self.job})" if self.job else ""
        try:
            since = time.strftime(" since %Y-%m-%d %H:%M:%S", time.localtime(self.since))
        except (OverflowError, ValueError, OSError):  # no time that a calendar has
            since = ""
        return f"process {self.pid} on {self.host}{job}{since}"


_FIELDS: dict[str, type] = {
    "host": str,
    "pid": int,
    "created": float,
    "since": float,
    "job": str,
    "boot": str,
    "ticks": int,
    "space": str,
}
_MOST_PIDS = 2**31  # of C's pid_t


_held: set[int] = set()
"""Descriptors of locks that this process has."""


def _disinherit() -> None:
    """Let go of locks in a process that was forked: they would outlive their leader with it."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_disinherit)


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
            _held.add(self._descriptor)
            _sign(self._descriptor)
        except OSError as error:
            self._close()
            raise storage_error(self.path, "write", error) from None

    def release(self) -> None:
        """Give it back; may be called twice."""
        if self._descriptor >= 0:
            try:
                # Where the folder was moved meanwhile, another run and its lock may stand in its place.
                if _same_file(self._descriptor, self.path):
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
        if self._descriptor in _held:  # else this is a forked process, which has let go of it
            _held.discard(self._descriptor)
            os.close(self._descriptor)
        self._descriptor = -1

    def _attempt(self) -> int:
        """A descriptor of the lock file that is ours, or -1 to try again."""
        try:
            descriptor, created = open_regular(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL), True
        except FileExistsError:
            try:
                descriptor, created = open_regular(self.path, os.O_RDWR), False
            except FileNotFoundError:
                return -1
        try:
            locked = _lock(descriptor)
            if not created:
                _refuse_living(self.path, _read(descriptor), locked)
                if locked and os.fstat(descriptor).st_nlink > 1:
                    self._remove_name()
                if locked is None:
                    self._take_over(descriptor)
            if (created and locked is False) or not _same_file(descriptor, self.path):
                os.close(descriptor)
                return -1
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _remove_name(self) -> None:
        """Let a dead leader's lock go that has a second name, as in a copy made of hard links; ours is made anew."""
        self.path.unlink(missing_ok=True)

    def _take_over(self, descriptor: int) -> None:
        """Sign the lock of a dead leader where the kernel has no locks; of several that try it at once, one does.

        Raises:
            Locked: Another takes it over, or has.
        """
        taking = self.path.with_name("lock.taking")
        try:
            mutex = open_regular(taking, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            raise Locked(
                f"{self.path.parent}: another process takes over this run just now; try again, or, if none is there, "
                f"remove {taking}"
            ) from None
        try:
            if _same_file(descriptor, self.path):  # else the caller finds out that it has to begin again
                _refuse_living(self.path, _read(descriptor), None)
                if os.fstat(descriptor).st_nlink > 1:
                    self._remove_name()
                else:
                    _sign(descriptor)
        finally:
            os.close(mutex)
            taking.unlink(missing_ok=True)


def _sign(descriptor: int) -> None:
    """Write into a lock file that this process leads."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, (json.dumps(asdict(Holder.me())) + "\n").encode(), 0)
    os.fsync(descriptor)


def holder(folder: Path) -> Holder | None:
    """Who leads the run in that folder; None where nobody does, as far as can be seen from here."""
    path = folder / "lock"
    try:
        descriptor = open_regular(path, os.O_RDONLY)
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
            f"(`l2l status {typed(path.parent)}` shows where it stands)"
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
    return Holder.parse(os.pread(descriptor, 4096, 0))


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _created(pid: int) -> float | None:
    """When a process started, Unix seconds; None where nobody knows."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, OSError, ValueError):  # also where there is no /proc
        return None


def _exists(pid: int) -> bool:
    """Whether a process is there that has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    stat = _stat(pid)
    return stat is None or stat[0] not in (b"Z", b"X")  # killed, and nobody asked for its exit code yet


def _ticks(pid: int) -> int | None:
    """When a process started, in ticks since the machine booted; None where the kernel does not say."""
    stat = _stat(pid)
    return int(stat[19]) if stat else None  # field 22 of proc(5), whose first two are cut off


def _stat(pid: int) -> list[bytes] | None:
    try:
        # The second field is the program's name in brackets, in which there may be blanks and brackets.
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split() or None
    except OSError:
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - its target is a text and no path
    except OSError:
        return ""


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
