"""The launcher `threads`: trials in threads of this process."""

import platform
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import l2l
from l2l.errors import LauncherError, OptionError
from l2l.launcher import Description
from l2l.launchers.parts import described, evaluate, set_up
from l2l.provenance import Specification, specification


class ThreadsLauncher(l2l.Launcher):
    """Runs trials in threads of this process, each with an optimizee of its own.

    For models that compute outside of Python or wait for others, and keep what they change in themselves. Nothing is
    guarded: a model that crashes or hangs takes the run along.

    Args:
        workers: Trials that run at once.

    Raises:
        OptionError: An option is out of range.
    """

    def __init__(self, *, workers: int = 4) -> None:
        if workers < 1:
            raise OptionError(f"workers: expected 1 or more, got {workers}")
        self.slots = workers
        self._pool: ThreadPoolExecutor | None = None
        self._specification: Specification | None = None
        self._own = threading.local()
        self._built: list[l2l.Optimizee] = []
        self._out: dict[Future[l2l.Evaluation], l2l.Trial] = {}

    def start(self, optimizee: l2l.Optimizee, resources: l2l.Resources, folder: Path | None = None) -> None:
        """Take note of what is evaluated; a thread builds it when it has its first trial."""
        self.check(resources)
        self._specification = specification(optimizee)
        self._pool = ThreadPoolExecutor(self.slots, "trials")

    def describe(self) -> Description:
        """What the optimizee of one thread says."""
        return self._threads().submit(lambda: described(self._optimizee())).result()

    def submit(self, trials: Sequence[l2l.Trial]) -> None:
        """Queue trials."""
        threads = self._threads()
        self._out |= {threads.submit(self._evaluate, trial): trial for trial in trials}

    def collect(self, timeout: float | None = None) -> list[l2l.Evaluation]:
        """Wait for the first that ends, and take all that have."""
        done, _ = wait(self._out, timeout, FIRST_COMPLETED)
        for future in done:
            del self._out[future]
        return [future.result() for future in done]

    def cancel(self, trials: Sequence[l2l.Trial]) -> None:
        """Take trials from the queue; forget those that run already."""
        unwanted = {(trial.id, trial.attempt) for trial in trials}
        for future, trial in list(self._out.items()):
            if (trial.id, trial.attempt) in unwanted:
                future.cancel()
                del self._out[future]

    def stop(self, grace: float = 0.0) -> None:
        """Empty the queue and wait for the trials that run, since a thread cannot be ended."""
        self._out.clear()
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None
        while self._built:
            self._built.pop().teardown()

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            raise LauncherError("ThreadsLauncher: expected start() first, or no use after stop()")
        return self._pool

    # --- in a thread of the pool ---

    def _evaluate(self, trial: l2l.Trial) -> l2l.Evaluation:
        return evaluate(self._optimizee(), trial, platform.node())

    def _optimizee(self) -> l2l.Optimizee:
        """This thread's own, built and set up when it is first needed."""
        optimizee: l2l.Optimizee | None = getattr(self._own, "optimizee", None)
        if optimizee is None:
            assert self._specification
            optimizee = self._own.optimizee = set_up(self._specification.build())
            self._built.append(optimizee)
        return optimizee
