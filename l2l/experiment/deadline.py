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
        self._job_ends = math.inf
        self._ask()
        self._margin = min(max(_LEAST, _MARGIN * (self._job_ends - time.monotonic())), _MOST)
        self._again = 0.0

    def _ask(self) -> None:
        """Learn when the job ends, on the monotonic clock; where nobody answers, what was said before stands."""
        end = self._end()
        if end is not None:
            self._job_ends = time.monotonic() + end - time.time()

    def over(self, seconds: float = 0.0) -> str | None:
        """Why nothing that takes so many seconds can end in time, in words; None where it can.

        Args:
            seconds: From now.
        """
        then = time.monotonic() + seconds
        if then > self._walltime_over:
            return f"walltime of {self._walltime:g} s over"
        then += self._margin
        if then > self._job_ends and time.monotonic() >= self._again:
            self._ask()
            self._again = time.monotonic() + 5.0
        return "the end of the job's time is near" if then > self._job_ends else None
