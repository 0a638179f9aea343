"""A thread of the supervisor that ends trials beyond their limits and keeps logs short.

It sees each overrun twice before it acts: the worker writes several words of the status page for a trial, and a look
between two of them would take the end of one trial for the beginning of the next.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from l2l.protocol.messages import Killed, Running
from l2l.status import Status
from l2l.supervisor.crash_report import shorten
from l2l.supervisor.memory import proportional, resident
from l2l.supervisor.process import WorkerProcess

_TICK = 0.05  # seconds between two looks: no limit is exceeded by much more
_LOGS = 1.0
"""Seconds between two looks at the logs, and at the programs that models started."""
_AGAIN = 0.005
"""Seconds after which memory is looked at once more before a trial is ended for it: longer than a fork takes."""
_STOPPED = 0.25
"""Seconds beyond its time after which our thread was not just late."""


class Watchdog:
    """Watches workers while the main thread may be busy with other things.

    Args:
        processes: Returns the processes that there are now.
        timeout: Seconds that a trial may take; None for no limit.
        memory: Bytes that a trial may hold; None for no limit.
    """

    def __init__(
        self, processes: Callable[[], Iterable[WorkerProcess]], timeout: float | None, memory: int | None
    ) -> None:
        self._processes = processes
        self._timeout = timeout
        self._memory = memory
        self._ended = threading.Event()
        self._logs_due = time.monotonic() + _LOGS
        self._stopped: deque[tuple[float, float]] = deque(maxlen=64)
        self._thread = threading.Thread(target=self._watch, name="l2l-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        limited = self._timeout is not None or self._memory is not None
        while not self._rest(self._pause() if limited else _LOGS):
            if limited:
                self._condemn([one for one in self._processes() if self._exceeds(one)])
            if time.monotonic() >= self._logs_due:
                self._logs_due = time.monotonic() + _LOGS
                for one in self._processes():
                    one.remember()
                    shorten(one.log)

    def _rest(self, seconds: float) -> bool:
        """Wait; returns whether the watchdog is to end.

        If waiting took much longer than asked, the whole job was stopped (SIGSTOP, a suspended laptop). The time is
        noted, and counts for no trial.
        """
        begin = time.monotonic()
        ended = self._ended.wait(seconds)
        now = time.monotonic()
        if now - begin - seconds > _STOPPED:
            self._stopped.append((begin + seconds, now))
        return ended

    def _condemn(self, processes: list[WorkerProcess]) -> None:
        for one in processes:
            one.condemn()
            one.trace()
        if processes:
            time.sleep(0.05)
        for one in processes:
            one.kill()

    def _pause(self) -> float:
        return min(_TICK, self._timeout / 10) if self._timeout is not None else _TICK

    def _exceeds(self, process: WorkerProcess) -> bool:
        if process.killed is not None:
            return False
        running = process.running
        if running is None or running.done:
            return False
        killed = self._overdue(running) or self._too_large(process, running)
        if killed is None:
            return False
        time.sleep(0.001)
        if process.running != running:  # seen twice: not two halves of two announcements
            return False
        process.killed = killed
        return True

    def _overdue(self, running: Running) -> Killed | None:
        if self._timeout is None or time.monotonic() - running.since <= self._timeout:
            return None
        excused = sum(max(0.0, end - max(begin, running.since)) for begin, end in self._stopped)
        if time.monotonic() - running.since - excused <= self._timeout:
            return None
        return Killed(running, Status.TIMEOUT, f"took longer than its limit of {self._timeout:g} s", time.monotonic())

    def _too_large(self, process: WorkerProcess, running: Running) -> Killed | None:
        if self._memory is None:
            return None
        held = resident(process.pid)
        if held.size > self._memory and not held.exact:
            held = proportional(process.pid)
            if held.size > self._memory:
                time.sleep(_AGAIN)  # a fork between two of our readings makes them count the same pages twice
                held = min(held, proportional(process.pid))
        if held.exact:
            process.peak_memory = max(process.peak_memory, held.size)
        if held.size <= self._memory:
            return None
        message = f"held {held.size / 1e6:.0f} MB of memory, its limit is {self._memory / 1e6:.0f} MB"
        return Killed(running, Status.OUT_OF_MEMORY, message, time.monotonic())
