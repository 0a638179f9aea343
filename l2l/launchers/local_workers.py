"""The processes of a pool: started, listened to, watched over, and ended without a trace."""

import selectors
import time
import uuid
from collections.abc import Mapping, Sequence

from l2l.dispatch.work import Work
from l2l.dispatch.worker import Worker, Workers
from l2l.errors import LauncherError
from l2l.launchers.local_worker import LocalWorker
from l2l.process_tree import end_all
from l2l.protocol.trials import Headers
from l2l.supervisor.process import wait_for_ends
from l2l.supervisor.reaper import Reaper
from l2l.supervisor.watchdog import Watchdog

_LOOK = 1.0
"""Seconds between two looks for workers whose results do not come."""


class LocalWorkers(Workers):
    """Workers, one a slot, each replaced when it dies.

    Args:
        work: What they run.
        environments: Of each worker; there are as many workers.
        marker: That all of them carry, and whatever they start; one of their own unless given.

    Raises:
        LauncherError: The system starts no process.
    """

    def __init__(self, work: Work, environments: Sequence[Mapping[str, str]], marker: str | None = None) -> None:
        self.work = work
        self._environments = environments
        self.headers = Headers()
        self.present: list[LocalWorker] = []
        self.slots = len(environments)
        self._marker = marker or uuid.uuid4().hex
        self._spawned = 0
        self._selector = selectors.DefaultSelector()
        self._look_due = 0.0
        self._spoilt: list[LocalWorker] = []
        self._limits = work.resources.timeout is not None or work.resources.memory is not None
        self._reaper: Reaper | None = None
        self._watchdog: Watchdog | None = None
        try:
            self._reaper = Reaper(f"{self._marker}/")
            for slot in range(len(environments)):
                self.present.append(self._spawn(slot))
        except OSError as error:
            self.stop()
            raise LauncherError(f"workers cannot be started: {error}") from error
        self._watchdog = Watchdog(
            lambda: [child.process for child in list(self.present)], work.resources.timeout, work.resources.memory
        )

    def _spawn(self, slot: int) -> LocalWorker:
        marker = f"{self._marker}/{self._spawned}/"
        self._spawned += 1
        log = self.work.logs / f"worker-{slot}.log"
        start, environment = self.work.start, self._environments[slot]
        child = LocalWorker(slot, log, start=start, headers=self.headers, marker=marker, environment=environment)
        if self._reaper is not None:
            self._reaper.watch(child.pid)
        self._selector.register(child.inbox.descriptor, selectors.EVENT_READ, child)
        if child.process.pidfd is not None:
            self._selector.register(child.process.pidfd, selectors.EVENT_READ, child)
        return child

    def wait(self, seconds: float | None) -> tuple[list[LocalWorker], list[LocalWorker]]:
        """Wait for something to happen.

        Args:
            seconds: At most; None for ever.

        Returns:
            Workers that sent something, and workers that ended.
        """
        readable: list[LocalWorker] = []
        ended: list[LocalWorker] = []
        for key, events in self._selector.select(self._limited(seconds)):
            child: LocalWorker = key.data
            if key.fd == child.inbox.descriptor:
                readable.append(child)
            elif key.fd == child.process.pidfd:
                ended.append(child)
            elif events & selectors.EVENT_WRITE:
                child.outbox.flush()
                self.listen(child)
        now = time.monotonic()
        for child in readable:
            child.heard = now
        ended += self._spoilt
        self._spoilt = []
        ended += [
            child
            for child in self.present
            if (child.process.pidfd is None and child.process.ended) or child.process.unkillable
        ]
        return readable, ended

    def _limited(self, seconds: float | None) -> float | None:
        limits = [] if seconds is None else [seconds]
        if self._limits or any(child.ready is None for child in self.present):
            limits.append(1.0)
        if any(child.process.pidfd is None for child in self.present):
            limits.append(0.05)
        return min(limits, default=None)

    def listen(self, worker: Worker) -> None:
        """Take note when the channel takes more, as long as something waits to be sent."""
        descriptor = worker.outbox.descriptor
        registered = descriptor in self._selector.get_map()
        if worker.outbox.empty and registered:
            self._selector.unregister(descriptor)
        elif not worker.outbox.empty and not registered:
            self._selector.register(descriptor, selectors.EVENT_WRITE, worker)

    def check(self) -> None:
        """Give up on a worker that does not come up.

        Raises:
            LauncherError: It did not say ready in time.
        """
        patience = self.work.patience
        for child in self.present:
            if child.ready is None and time.monotonic() - child.process.began > patience:
                child.process.trace()
                time.sleep(0.05)
                raise LauncherError(
                    f"a worker was not ready after {patience:g} s of imports and setup; {child.wrote()}"
                )
        if time.monotonic() >= self._look_due:
            self._look_due = time.monotonic() + _LOOK
            for child in self.present:
                if child.withholds():
                    child.inbox.refuse("a message began that has no end")
                    self._spoilt.append(child)

    def lost(self) -> list[Worker]:
        """None: what ends here, ends before our eyes."""
        return []

    def replace(self, worker: Worker) -> None:
        """Put a new process in the place of one that was reaped.

        Raises:
            LauncherError: The system starts no process.
        """
        child = worker
        assert isinstance(child, LocalWorker)
        for descriptor in (child.process.pidfd, child.inbox.descriptor, child.outbox.descriptor):
            if descriptor is not None and descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
        child.close()
        if self._reaper is not None:
            self._reaper.forget(child.pid)
        try:
            self.present[self.present.index(child)] = self._spawn(child.slot)
        except OSError as error:
            raise LauncherError(f"a worker cannot be started: {error}") from error

    def stop(self, grace: float = 0.0) -> None:
        """End all workers and whatever they started.

        Args:
            grace: Seconds that running trials get to end; idle workers always get a moment to tear down.
        """
        if self._watchdog is not None:
            self._watchdog.stop()
        for child in self.present:
            child.recall()
            child.process.remember()  # once it has ended by itself, what it started is harder to find
            child.hang_up()
        ready = [child for child in self.present if child.ready is not None]
        wait_for_ends([child.process for child in ready], grace, lambda: [child.inbox.drain() for child in ready])
        for child in self.present:
            child.process.kill()
        for child in self.present:
            child.process.reap()
            child.close()
        self._selector.close()
        end_all(f"{self._marker}/", ())
        if self._reaper is not None:
            self._reaper.close()
        self.present.clear()
