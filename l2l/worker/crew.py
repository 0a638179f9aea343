"""The processes of a pool: started, listened to, watched over, and ended without a trace."""

import selectors
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from l2l.errors import LauncherError
from l2l.values import Resources
from l2l.worker.batch import Forms
from l2l.worker.child import Child
from l2l.worker.crash import tail
from l2l.worker.guardian import Guardian, end_all
from l2l.worker.watchdog import Watchdog

_FAREWELL = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pool is to run.

    Args:
        start: The framed first messages to a worker (`serve.start_message`).
        resources: Of each trial.
        objectives: How many.
        vectorized: Whether the optimizee simulates batches in its own way.
        logs: Folder of the workers' logs.
        environments: Of each worker; there are as many workers.
        patience: Seconds until a worker must have said hello.
    """

    start: bytes
    resources: Resources
    objectives: int
    vectorized: bool
    logs: Path
    environments: Sequence[Mapping[str, str]]
    patience: float = 600.0


class Crew:
    """Workers, one a slot, each replaced when it dies.

    Args:
        plan: What they run.

    Raises:
        LauncherError: The system starts no process.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.forms = Forms()
        self.children: list[Child] = []
        self._marker = uuid.uuid4().hex
        self._spawned = 0
        self._selector = selectors.DefaultSelector()
        self._limits = plan.resources.timeout is not None or plan.resources.memory is not None
        self._guardian: Guardian | None = None
        self._watchdog: Watchdog | None = None
        try:
            self._guardian = Guardian(f"{self._marker}/")
            for slot in range(len(plan.environments)):
                self.children.append(self._spawn(slot))
        except OSError as error:
            self.stop()
            raise LauncherError(f"workers cannot be started: {error}") from error
        self._watchdog = Watchdog(lambda: list(self.children), plan.resources)

    def _spawn(self, slot: int) -> Child:
        marker = f"{self._marker}/{self._spawned}/"
        self._spawned += 1
        log = self.plan.logs / f"worker-{slot}.log"
        start, environment = self.plan.start, self.plan.environments[slot]
        child = Child(slot, log, start=start, forms=self.forms, marker=marker, environment=environment)
        if self._guardian is not None:
            self._guardian.watch(child.pid)
        self._selector.register(child.inbox.descriptor, selectors.EVENT_READ, child)
        if child.pidfd is not None:
            self._selector.register(child.pidfd, selectors.EVENT_READ, child)
        return child

    def wait(self, seconds: float | None) -> tuple[list[Child], list[Child]]:
        """Wait for something to happen.

        Args:
            seconds: At most; None for ever.

        Returns:
            Workers that sent something, and workers that ended.
        """
        readable: list[Child] = []
        ended: list[Child] = []
        for key, events in self._selector.select(self._limited(seconds)):
            child: Child = key.data
            if key.fd == child.inbox.descriptor:
                readable.append(child)
            elif key.fd == child.pidfd:
                ended.append(child)
            elif events & selectors.EVENT_WRITE:
                child.outbox.flush()
                self.listen(child)
        ended += [child for child in self.children if (child.pidfd is None and child.ended) or child.unkillable]
        return readable, ended

    def _limited(self, seconds: float | None) -> float | None:
        limits = [] if seconds is None else [seconds]
        if self._limits or any(child.hello is None for child in self.children):
            limits.append(1.0)
        if any(child.pidfd is None for child in self.children):
            limits.append(0.05)
        return min(limits, default=None)

    def listen(self, child: Child) -> None:
        """Take note when the channel takes more, as long as something waits to be sent."""
        descriptor = child.outbox.descriptor
        registered = descriptor in self._selector.get_map()
        if child.outbox.empty and registered:
            self._selector.unregister(descriptor)
        elif not child.outbox.empty and not registered:
            self._selector.register(descriptor, selectors.EVENT_WRITE, child)

    def check_patience(self) -> None:
        """Give up on a worker that does not come up.

        Raises:
            LauncherError: It did not say hello in time.
        """
        patience = self.plan.patience
        for child in self.children:
            if child.hello is None and time.monotonic() - child.began > patience:
                child.trace()
                time.sleep(0.05)
                raise LauncherError(f"a worker was not ready after {patience:g} s of imports and setup; {wrote(child)}")

    def replace(self, child: Child) -> None:
        """Put a new process in the place of one that was reaped.

        Raises:
            LauncherError: The system starts no process.
        """
        for descriptor in (child.pidfd, child.inbox.descriptor, child.outbox.descriptor):
            if descriptor is not None and descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
        child.close()
        if self._guardian is not None:
            self._guardian.forget(child.pid)
        try:
            self.children[self.children.index(child)] = self._spawn(child.slot)
        except OSError as error:
            raise LauncherError(f"a worker cannot be started: {error}") from error

    def stop(self, grace: float = 0.0) -> None:
        """End all workers and whatever they started.

        Args:
            grace: Seconds that running trials get to end; idle workers always get a moment to tear down.
        """
        if self._watchdog is not None:
            self._watchdog.stop()
        for child in self.children:
            child.recall()
            child.hang_up()
        self._wait_for_ends(grace)
        for child in self.children:
            child.kill()
        for child in self.children:
            child.reap()
            child.close()
        self._selector.close()
        end_all(f"{self._marker}/", ())
        if self._guardian is not None:
            self._guardian.close()
        self.children.clear()

    def _wait_for_ends(self, grace: float) -> None:
        begin = time.monotonic()
        waiting = [child for child in self.children if child.hello is not None]
        while waiting:
            passed = time.monotonic() - begin
            for child in waiting:
                child.inbox.drain()  # so that none waits for us to read
            waiting = [
                child
                for child in waiting
                if not child.ended and passed < (grace if child.running else max(grace, _FAREWELL))
            ]
            if waiting:
                time.sleep(0.002)


def wrote(child: Child) -> str:
    """What a worker wrote to its log, and where the rest of it is, as the end of a message."""
    said = tail(child.log, child.log_start)
    return f"it wrote (all of it in {child.log}):\n{said}" if said else "it wrote nothing"
