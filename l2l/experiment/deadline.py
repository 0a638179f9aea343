"""Until when a process lifetime of a run goes on: its walltime, and the end of the batch job that it runs in."""

import math
import time
from collections.abc import Callable

from l2l.allocation import job_end

_MARGIN = 0.02
_LEAST, _MOST = 5.0, 60.0


class Deadline:
    """When a run has to stop, so that all of it is on the disk before its batch system ends it.

    Args:
        walltime: Seconds from now, or None.
        end: Says when the job ends (Unix seconds), or None; asked again before a run stops for it, as times are
            extended now and then.
    """

    def __init__(self, walltime: float | None, end: Callable[[], float | None] = job_end) -> None:
        self._walltime = walltime
        self._walltime_over = math.inf if walltime is None else time.monotonic() + walltime
        self._end = end
        self._margin = _LEAST
        self._job_over = self._asked(first=True)
        self._again = 0.0

    def _asked(self, *, first: bool = False) -> float:
        """When we have to stop for the job's end, on the monotonic clock."""
        end = self._end()
        if end is None:
            return math.inf
        left = end - time.time()
        if first:
            self._margin = min(max(_LEAST, _MARGIN * left), _MOST)
        return time.monotonic() + left - self._margin

    def over(self, seconds: float = 0.0) -> str | None:
        """Why nothing that takes so many seconds can end in time, in words; None where it can.

        Args:
            seconds: From now.
        """
        then = time.monotonic() + seconds
        if then > self._walltime_over:
            return f"walltime of {self._walltime:g} s over"
        if then <= self._job_over:
            return None
        if time.monotonic() >= self._again:
            self._again = time.monotonic() + 5.0
            self._job_over = self._asked()
        return "the end of the job's time is near" if then > self._job_over else None
