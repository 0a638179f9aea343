"""A thread of the leader that ends trials beyond their limits and keeps logs short."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from l2l.values import Resources, Status
from l2l.worker.board import Running
from l2l.worker.child import Child, Verdict
from l2l.worker.crash import shorten
from l2l.worker.resident import resident

_TICK = 0.05
_LOGS = 1.0
_STOPPED = 0.25
"""Seconds beyond its time after which our thread was not just late."""


class Watchdog:
    """Looks after workers while the leader may be busy with other things.

    Args:
        children: The workers there are now.
        resources: The limits of a trial.
    """

    def __init__(self, children: Callable[[], Iterable[Child]], resources: Resources) -> None:
        self._children = children
        self._timeout = resources.timeout
        self._memory = resources.memory
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
                self._condemn([child for child in self._children() if self._exceeds(child)])
            if time.monotonic() >= self._logs_due:
                self._logs_due = time.monotonic() + _LOGS
                for child in self._children():
                    shorten(child.log)

    def _rest(self, seconds: float) -> bool:
        """Wait; whether it is over. Where that took too long the whole job was stopped (SIGSTOP), which is noted."""
        begin = time.monotonic()
        ended = self._ended.wait(seconds)
        now = time.monotonic()
        if now - begin - seconds > _STOPPED:
            self._stopped.append((begin + seconds, now))
        return ended

    def _condemn(self, children: list[Child]) -> None:
        for child in children:
            child.trace()
        if children:
            time.sleep(0.05)
        for child in children:
            child.kill()

    def _pause(self) -> float:
        return min(_TICK, self._timeout / 10) if self._timeout is not None else _TICK

    def _exceeds(self, child: Child) -> bool:
        if child.hello is None or child.verdict is not None:
            return False
        running = child.running
        verdict = running and (self._overdue(running) or self._too_large(child, running))
        if not verdict:
            return False
        time.sleep(0.001)
        if child.running != running:  # seen twice: not two halves of two announcements
            return False
        child.verdict = verdict
        return True

    def _overdue(self, running: Running) -> Verdict | None:
        if self._timeout is None or time.monotonic() - running.since <= self._timeout:
            return None
        excused = sum(max(0.0, end - max(begin, running.since)) for begin, end in self._stopped)
        if time.monotonic() - running.since - excused <= self._timeout:
            return None
        return Verdict(running, Status.TIMEOUT, f"took longer than its limit of {self._timeout:g} s", time.monotonic())

    def _too_large(self, child: Child, running: Running) -> Verdict | None:
        if self._memory is None:
            return None
        size = resident(child.pid)
        child.peak_memory = max(child.peak_memory, size)
        if size <= self._memory:
            return None
        message = f"held {size / 1e6:.0f} MB of memory, its limit is {self._memory / 1e6:.0f} MB"
        return Verdict(running, Status.OUT_OF_MEMORY, message, time.monotonic())
