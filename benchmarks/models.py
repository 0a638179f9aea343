"""What the benchmarks run: optimizees that do nothing or sleep, and parts of l2l that note when they were called."""

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from l2l import Evaluation, Individual, Minimize, Optimizee, ParameterSpace, Real, Trial
from l2l.launchers.local import LocalLauncher
from l2l.optimizers.random import RandomSearch

PARAMETERS = 20
NAMES = tuple(f"x{number}" for number in range(PARAMETERS))
SPACE = ParameterSpace({name: Real(-1.0, 1.0) for name in NAMES})


def noop(point: Any) -> float:
    """The function that every contender evaluates: it looks at one parameter, and does nothing."""
    return float(point["x0"])


class Noop(Optimizee):
    """Does nothing."""

    space = SPACE

    def simulate(self, individual: Individual, trial: Trial) -> float:
        """One of its parameters."""
        return noop(individual)


class Clock(Optimizee):
    """Says when it was called, on the clock that all processes of a machine share."""

    space = SPACE

    def simulate(self, individual: Individual, trial: Trial) -> float:
        """Seconds."""
        return time.monotonic()


class Sleeper(Optimizee):
    """Sleeps for as long as its trial's entropy says, and returns what its process had waited for a core by then.

    Args:
        seconds: On average.
        spread: Standard deviation of the logarithm; 0 for trials of equal length.
    """

    space = SPACE
    objectives = (Minimize("waited before"), Minimize("waited after"))

    def __init__(self, *, seconds: float = 0.001, spread: float = 0.0) -> None:
        self.seconds = seconds
        self.spread = spread

    def setup(self) -> None:
        """Open what the system says of this process."""
        schedule = Path("/proc/self/schedstat")
        self._schedule = os.open(schedule, os.O_RDONLY) if schedule.exists() else -1

    def simulate(self, individual: Individual, trial: Trial) -> tuple[float, float]:
        """Seconds for which its process, since its start, was ready to run and others had the core."""
        before = self._waited()
        seconds = self.seconds
        if self.spread:
            seconds *= math.exp(self.spread * float(trial.rng.normal()) - self.spread**2 / 2)
        time.sleep(seconds)
        return before, self._waited()

    def _waited(self) -> float:
        if self._schedule < 0:
            return 0.0
        return int(os.pread(self._schedule, 100, 0).split()[1]) / 1e9


class Spy(LocalLauncher):
    """The local launcher, with the instants (monotonic, and Unix time) of what went out and came back."""

    submitted: ClassVar[list[tuple[float, list[int]]]] = []
    collected: ClassVar[list[tuple[float, Sequence[Evaluation]]]] = []

    def submit(self, trials: Sequence[Trial]) -> None:
        """Note what goes out."""
        self.submitted.append((time.time(), [trial.index for trial in trials]))
        super().submit(trials)

    def collect(self, timeout: float | None = None) -> Sequence[Evaluation]:
        """Note what comes back."""
        came = super().collect(timeout)
        if came:
            self.collected.append((time.monotonic(), came))
        return came


class TimedRandom(RandomSearch):
    """Random search that notes how long it takes itself."""

    asks: ClassVar[list[float]] = []
    tells: ClassVar[list[float]] = []

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """Ask, timed."""
        begin = time.perf_counter()
        individuals = super().ask(n)
        self.asks.append(time.perf_counter() - begin)
        return individuals

    def tell(self, individuals: Sequence[Individual], costs: Any, results: Any = None) -> None:
        """Tell, timed."""
        begin = time.perf_counter()
        super().tell(individuals, costs, results)
        self.tells.append(time.perf_counter() - begin)


def points(n: int) -> list[dict[str, float]]:
    """Points of the space as plain mappings, for contenders that draw none themselves."""
    drawn = np.random.default_rng(0).uniform(-1.0, 1.0, (n, PARAMETERS)).tolist()
    return [dict(zip(NAMES, row, strict=True)) for row in drawn]
