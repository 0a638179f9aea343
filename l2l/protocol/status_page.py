"""A page of memory that worker and supervisor share: which trial runs since when, and which must not start any more."""

import contextlib
import fcntl
import mmap
import os
from typing import Self

from l2l.protocol.messages import Running

_CURRENT, _SINCE, _COUNT, _SKIP, _LOG, _DONE, _WRITTEN = range(7)
"""The places of the fields in the page; `_SINCE` is a float."""

_ADD_SEALS, _SEAL_FUTURE_WRITE = 1033, 0x10
"""F_ADD_SEALS and F_SEAL_FUTURE_WRITE of fcntl(2) on Linux 5.1; Python does not name them on every system."""


class StatusPage:
    """A few fields of shared memory, so that a worker begins a trial without a system call.

    The order matters. The worker writes which trial begins, and only then looks whether it is recalled; the supervisor
    recalls, and only then looks which trial has begun. So at least one of the two sees the other, without a lock.

    Args:
        descriptor: Of a file of at least a page.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, mmap.PAGESIZE)
        self.fields = memoryview(self._map).cast("q")
        self.times = memoryview(self._map).cast("d")

    @classmethod
    def create(cls) -> Self:
        """A new one, in a file without a name."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("l2l-page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        else:
            import tempfile

            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, mmap.PAGESIZE)
        page = cls(descriptor)
        page.fields[_COUNT] = 1
        page.fields[_DONE] = -1
        page.idle(0)
        return page

    def seal(self) -> None:
        """Let the page change through maps that there are, and by no descriptor: a model may write to all it finds."""
        with contextlib.suppress(OSError):  # a Linux before 5.1, or another system
            fcntl.fcntl(self.descriptor, _ADD_SEALS, _SEAL_FUTURE_WRITE)

    def single(self) -> None:
        """Say (worker) that trials run one by one from here on."""
        self.fields[_COUNT] = 1

    def raw(self) -> "tuple[memoryview[int], memoryview[float], int, int, int, int, int]":
        """Words, times, and in these the places of skip, current, log, since, done: for the loop that cannot call."""
        return self.fields, self.times, _SKIP, _CURRENT, _LOG, _SINCE, _DONE

    def begin(self, number: int, count: int, since: float, log: int) -> None:
        """Say (worker) that trials `number` and following run since then (monotonic clock); the log has `log` bytes."""
        self.times[_SINCE] = since
        self.fields[_LOG] = log
        self.fields[_COUNT] = count
        self.fields[_CURRENT] = number

    def done(self, number: int) -> None:
        """Say (worker) that the model has returned; the trials stay its own until their results are written."""
        self.fields[_DONE] = number

    def has_written(self, following: int) -> None:
        """Say (worker) that the results of all trials of lower numbers are written."""
        self.fields[_WRITTEN] = following

    def idle(self, following: int) -> None:
        """Say (worker) that no trial runs, that all results are written, and the number of the next trial."""
        self.fields[_WRITTEN] = following
        self.fields[_CURRENT] = ~following

    @property
    def running(self) -> Running | None:
        """What runs now; None for nothing, or where it changes in this moment."""
        current = self.fields[_CURRENT]
        running = Running(current, self.fields[_COUNT], self.times[_SINCE], self.fields[_DONE] == current)
        return running if current >= 0 and current == self.fields[_CURRENT] else None

    @property
    def following(self) -> int:
        """The number of the first trial that has not started."""
        current = self.fields[_CURRENT]
        return ~current if current < 0 else current + self.fields[_COUNT]

    @property
    def written(self) -> int:
        """The number of the first trial whose result is not written."""
        return self.fields[_WRITTEN]

    @property
    def log(self) -> int:
        """Bytes that the log had when the trial that was announced last began."""
        return self.fields[_LOG]

    @property
    def skip(self) -> int:
        """Trials with lower numbers must not start."""
        return self.fields[_SKIP]

    def recall(self, below: int) -> None:
        """Forbid (leader) to start trials of lower numbers."""
        self.fields[_SKIP] = below

    def close(self) -> None:
        """Give the memory back."""
        self.fields.release()
        self.times.release()
        self._map.close()
        os.close(self.descriptor)
