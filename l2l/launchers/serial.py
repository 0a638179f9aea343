"""The serial launcher: every trial in this process, for debuggers and notebooks."""

import os
import platform
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

from l2l.errors import LauncherError
from l2l.launcher import Description, Launcher, WorkerState
from l2l.launchers.machine import mpiexec
from l2l.optimizee import FunctionOptimizee, Optimizee
from l2l.values import Evaluation, Resources, Trial
from l2l.worker.evaluate import Evaluator, Timed, evaluation
from l2l.worker.prepare import described, set_up
from l2l.worker.threads import Threads

_SHARE = 0.05  # seconds of work per `collect`: signals and the progress on screen wait for that long
_BATCH = 16  # trials of a vectorized batch: as many as workers begin with


class SerialLauncher(Launcher):
    """Runs trials in this process, one after the other, when they are collected.

    Nothing is redirected, so breakpoints and prints work; nothing is guarded, so a model that crashes or hangs takes
    the run along.

    Example:
        >>> SerialLauncher().slots
        1
    """

    launches = True

    def __init__(self) -> None:
        self._trials: deque[Trial] = deque()
        self._resources = Resources()
        self._launch: tuple[str, ...] = ()
        self._optimizee: Optimizee | None = None
        self._evaluator: Evaluator | None = None
        self._host = platform.node()
        self._threads = Threads()
        self._since = 0.0  # when its state began, in Unix seconds

    def capacity(self, resources: Resources, *, programs: bool = False) -> int:
        """Always 1: trials run in this process."""
        return 1

    def start(self, optimizee: Optimizee, resources: Resources, folder: Path | None = None) -> None:
        """Take the optimizee; it is set up when it is first needed."""
        self.check(resources, programs=optimizee.programs)
        self._launch = tuple(mpiexec(resources.ranks)) if optimizee.programs and resources.ranks > 1 else ()
        self._resources = resources
        self._optimizee = _copy(optimizee)
        self._since = time.time()

    def _ready(self) -> Evaluator:
        if self._optimizee is None:
            raise LauncherError("SerialLauncher: expected start() first, or no use after stop()")
        if self._evaluator is None:
            self._evaluator = Evaluator(set_up(self._optimizee))
        return self._evaluator

    def describe(self) -> Description:
        """Set the optimizee up and ask it."""
        return described(self._ready().optimizee)

    def submit(self, trials: Sequence[Trial]) -> None:
        """Take trials; they run when collected."""
        if not self._trials:
            self._since = time.time()
        self._trials.extend(trials)

    def collect(self, timeout: float | None = None) -> list[Evaluation]:
        """Run one trial at least, and as many as fit into some 50 ms."""
        if not self._trials:
            return []
        evaluator = self._ready()
        until = time.perf_counter() + (_SHARE if timeout is None else min(_SHARE, timeout))
        done: list[Evaluation] = []
        with self._threads.limited(self._resources.threads):  # as in a worker: other numbers give other last bits
            while self._trials:
                done += self._batch(evaluator) if evaluator.optimizee.batches else [self._one(evaluator)]
                if time.perf_counter() >= until:
                    break
        return done

    def _one(self, evaluator: Evaluator) -> Evaluation:
        trial = self._given(self._trials[0])
        done = evaluation(trial, evaluator.timed(trial), self._host)
        self._trials.popleft()
        return done

    def _batch(self, evaluator: Evaluator) -> list[Evaluation]:
        trials = [self._given(trial) for trial in islice(self._trials, _BATCH)]
        started, begin = time.time(), time.perf_counter()
        results = evaluator.run_batch(trials)
        if results is None:
            trials = [replace(trial, _rng=None, _directory=None) for trial in trials]
            done = [evaluation(trial, evaluator.timed(trial), self._host) for trial in trials]
        else:
            share = (time.perf_counter() - begin) / len(trials)
            pairs = zip(trials, results, strict=True)
            done = [evaluation(trial, Timed(result, started, share), self._host) for trial, result in pairs]
        for _ in trials:
            self._trials.popleft()
        return done

    def _given(self, trial: Trial) -> Trial:
        """The trial with the launcher's resources."""
        same = trial.resources == self._resources and trial.launch == self._launch
        return trial if same else replace(trial, resources=self._resources, launch=self._launch)

    @property
    def workers(self) -> list[WorkerState]:
        """This process."""
        if self._optimizee is None:
            return []
        state: Literal["starting", "idle", "running"] = "running" if self._trials else "idle"
        return [WorkerState(os.getpid(), self._host, state if self._evaluator else "starting", self._since)]

    def cancel(self, trials: Sequence[Trial]) -> None:
        """Forget these."""
        unwanted = {(trial.index, trial.number, trial.attempt) for trial in trials}
        kept = [trial for trial in self._trials if (trial.index, trial.number, trial.attempt) not in unwanted]
        self._trials = deque(kept)

    def stop(self, grace: float = 0.0) -> None:
        """Forget all trials and let the optimizee tear down."""
        self._trials.clear()
        evaluator, self._evaluator, self._optimizee = self._evaluator, None, None
        if evaluator is not None:
            evaluator.optimizee.teardown()


def _copy(optimizee: Optimizee) -> Optimizee:
    """Built anew from its options, as every launcher does; a decorated function as it is."""
    if isinstance(optimizee, FunctionOptimizee):
        return optimizee
    return type(optimizee)(**optimizee.options)
