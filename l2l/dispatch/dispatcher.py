"""Trials that wait, are out, or have come back: the book that whatever takes them to evaluating processes keeps."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from l2l.blocks import blocks_of
from l2l.dispatch.backlog import Backlog, Key, key
from l2l.dispatch.results import Gathered
from l2l.dispatch.work import Work
from l2l.protocol.messages import Ready
from l2l.protocol.trials import Headers
from l2l.values import Evaluation, Trial


class Dispatcher(ABC):
    """Takes trials to evaluating processes and brings evaluations back; a subclass says how.

    Args:
        work: What to run.
        slots: Trials that run at once.
        headers: Of all trials of this leader.
    """

    def __init__(self, work: Work, slots: int, headers: Headers) -> None:
        self.slots = slots
        self._headers = headers
        self._nothing = (math.nan,) * work.objectives
        self._backlog = Backlog()
        self._pending = 0
        self._results = Gathered(work.objectives)
        self._ready: Ready | None = None
        self._held = False

    def ready(self) -> Ready:
        """What the first process says; waits for it.

        Raises:
            LauncherError, UserError: As `collect`.
        """
        while self._ready is None:
            self._turn(1.0)
        return self._ready

    def submit(self, trials: Sequence[Trial]) -> None:
        """Take trials to be run."""
        self._backlog.add(blocks_of(trials))
        self._pending += len(trials)
        self._dispatch()

    def collect(self, timeout: float | None = None) -> Sequence[Evaluation]:
        """What has come back; waits for at least one, as long as trials are out.

        Args:
            timeout: Seconds; None for ever.

        Raises:
            LauncherError: No process comes up, or they keep ending without a result.
            UserError: A process says what the user must change, such as a part that is not installed.
            ChangedOptimizee: A process's optimizee is another one.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not len(self._results) and self._pending:
            self._turn(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if deadline is not None and time.monotonic() >= deadline:
                break
        return self._results.collected()

    def cancel(self, trials: Sequence[Trial]) -> None:
        """Forget trials: those not started never run, the others' evaluations are dropped."""
        unwanted = {key(trial) for trial in trials}
        self._pending -= self._forget(unwanted)
        self._pending -= self._backlog.drop(unwanted)
        self._results.drop(unwanted)
        self._dispatch()

    @abstractmethod
    def hold(self) -> bool:
        """Start none of the trials that have not started; whether some run."""

    @abstractmethod
    def stop(self, grace: float = 0.0) -> None:
        """End all processes and whatever they started.

        Args:
            grace: Seconds that running trials get to end.
        """

    @abstractmethod
    def _turn(self, left: float | None) -> None:
        """Hand out, wait a while at most, take what came.

        Args:
            left: Seconds; None for as long as it takes.
        """

    @abstractmethod
    def _dispatch(self) -> None:
        """Hand out trials as far as there is room."""

    @abstractmethod
    def _forget(self, unwanted: Collection[Key]) -> int:
        """Drop trials that are out, and what comes of them; how many they are."""
