"""One trial evaluated: whatever a model does comes back as a status."""

import math
import numbers
import os
import reprlib
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import Invalid, near
from l2l.optimizee import Optimizee, as_outcome
from l2l.values import Evaluation, Failure, Outcome, Status, Trial

Result = tuple[Status, tuple[float, ...], dict[str, NDArray[Any]], Failure | None]
"""What came of a simulation: status, one fitness per objective, observables, why it has none."""

LONGEST_TRACEBACK = 65536
"""Characters of a traceback that travel; the end is kept."""

_OURS = (str(Path(__file__).absolute().parent) + os.sep, Optimizee.simulate_batch.__code__.co_filename)


def evaluate(optimizee: Optimizee, trial: Trial, host: str = "") -> Evaluation:
    """Simulate one trial in this process.

    Args:
        optimizee: Set up already.
        trial: What to simulate.
        host: For the evaluation's record.

    Returns:
        Its evaluation, whatever the model did short of ending the process.

    Raises:
        KeyboardInterrupt: Came from the keyboard; everything else that a model raises is a status.
    """
    return evaluation(trial, Evaluator(optimizee).timed(trial), host)


class Timed:
    """A result, when it began (Unix time) and how many seconds it took."""

    __slots__ = ("result", "seconds", "started")

    def __init__(self, result: Result, started: float, seconds: float) -> None:
        self.result = result
        self.started = started
        self.seconds = seconds


def evaluation(trial: Trial, timed: Timed, host: str) -> Evaluation:
    """The evaluation of a trial that ran in this process."""
    status, fitness, observables, failure = timed.result
    return Evaluation(
        index=trial.index,
        number=trial.number,
        attempt=trial.attempt,
        status=status,
        fitness=fitness,
        observables=observables,
        started=timed.started,
        seconds=timed.seconds,
        host=host,
        peak_memory=peak_memory(),
        failure=failure,
        used_directory=trial.left_directory(),
        process=os.getpid(),
    )


class Evaluator:
    """Runs the trials of one optimizee and judges what it returns.

    Args:
        optimizee: Set up already.
    """

    def __init__(self, optimizee: Optimizee) -> None:
        self.optimizee = optimizee
        self._simulate = optimizee.simulate
        self._names = tuple(objective.name for objective in optimizee.objectives)
        self._observables = dict(optimizee.observables)
        self._plain = len(self._names) == 1 and not self._observables

    def timed(self, trial: Trial) -> Timed:
        """Simulate one trial, with the clock."""
        started, begin = time.time(), time.perf_counter()
        result = self.run(trial)
        return Timed(result, started, time.perf_counter() - begin)

    def run(self, trial: Trial) -> Result:
        """Simulate one trial; a model with a `simulate_batch` of its own gets it as a batch of one."""
        if self.optimizee.batches:
            results = self.run_batch([trial])
            assert results is not None
            return results[0]
        try:
            returned = self._simulate(trial.individual, trial)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit too is a failed trial
            return self.failed(error)
        if self._plain and type(returned) is float and math.isfinite(returned):
            return Status.OK, (returned,), {}, None
        return self.judged(returned)

    def run_batch(self, trials: Sequence[Trial]) -> list[Result] | None:
        """Simulate trials as one batch.

        Returns:
            A result each; None where a batch of several raised, so that its trials must run one by one to find
            the guilty one.
        """
        try:
            returned = self.optimizee.simulate_batch(trials)
            outcomes = [as_outcome(one) for one in returned]
            if len(outcomes) != len(trials):
                raise ValueError(f"simulate_batch: expected {len(trials)} outcomes, got {len(outcomes)}")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit too is a failed trial
            return [self.failed(error)] if len(trials) == 1 else None
        return [self.judged(outcome) for outcome in outcomes]

    def failed(self, error: BaseException) -> Result:
        """The result of a simulation that raised."""
        status = Status.FAILED
        if isinstance(error, Invalid):
            return self._without(Status.INVALID, Failure(error.reason))
        if isinstance(error, MemoryError):
            status = Status.OUT_OF_MEMORY
        return self._without(status, failure_of(error))

    def judged(self, returned: Any) -> Result:
        """The result of a simulation that returned: OK where fitness and observables are as declared."""
        try:
            outcome = returned if isinstance(returned, Outcome) else Outcome(returned)
            fitness = self._fitness(outcome.fitness)
            return Status.OK, fitness, self._observed(outcome.observables), None
        except _Wrong as wrong:
            return self._without(Status.INVALID, Failure(str(wrong)))
        except Exception as error:  # noqa: BLE001 - what a model returns may raise when looked at
            return self._without(Status.INVALID, failure_of(error))

    def _without(self, status: Status, failure: Failure) -> Result:
        return status, (math.nan,) * len(self._names), {}, failure

    def _fitness(self, fitness: Any) -> tuple[float, ...]:
        given = fitness
        if isinstance(fitness, Mapping):
            fitness = self._by_name(fitness)
        elif isinstance(fitness, np.ndarray) and fitness.ndim <= 1:
            fitness = fitness.tolist()
        entries = fitness if isinstance(fitness, list | tuple) else (fitness,)
        if len(entries) != len(self._names) or not all(map(_is_number, entries)):
            raise _Wrong(f"fitness: expected {self._expected}, got {_shown(given)}")
        values = tuple(float(entry) for entry in entries)
        if not all(map(math.isfinite, values)):
            raise _Wrong(f"fitness: expected {self._expected}, got {_shown(given)}")
        return values

    @property
    def _expected(self) -> str:
        if len(self._names) == 1:
            return f"a finite number ({self._names[0]})"
        return f"{len(self._names)} finite numbers ({', '.join(self._names)})"

    def _by_name(self, fitness: Mapping[str, Any]) -> tuple[Any, ...]:
        for name in fitness:
            if name not in self._names:
                raise _Wrong(f"fitness: {near(name, self._names, 'objective')}")
        missing = [name for name in self._names if name not in fitness]
        if missing:
            raise _Wrong(f"fitness: expected {self._expected}, got no {', '.join(missing)}")
        return tuple(fitness[name] for name in self._names)

    def _observed(self, observables: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        if not self._observables and not observables:
            return {}
        for name in observables:
            if name not in self._observables:
                raise _Wrong(f"observables: {near(name, self._observables, 'declared observable')}")
        found = {}
        for name, declared in self._observables.items():
            if name not in observables:
                raise _Wrong(f"observables: expected {', '.join(self._observables)}, got no {name}")
            try:
                found[name] = declared.value(observables[name])
            except (ValueError, TypeError, OverflowError) as error:
                raise _Wrong(f"observable {name!r}: {error}") from None
        return found


class _Wrong(Exception):
    """What a simulation returned is not what was declared."""


def _is_number(entry: Any) -> bool:
    if isinstance(entry, np.ndarray):
        return entry.ndim == 0 and entry.dtype.kind in "fiu"
    return isinstance(entry, numbers.Real) and not isinstance(entry, bool)


def _shown(value: Any) -> str:
    shown = reprlib.repr(value)
    kind = type(value).__name__
    return shown if isinstance(value, int | float | str | tuple | list | dict | None) else f"{shown} ({kind})"


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception is: `Type: text`, and the traceback from the model's own frames on."""
    kind = type(error).__name__
    try:
        report = traceback.TracebackException.from_exception(error)
        while report.stack and report.stack[0].filename.startswith(_OURS):
            del report.stack[0]
        text = "".join(report.format())
        said = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - an exception whose own text raises, or no memory to format it
        return Failure(kind)
    return Failure(f"{kind}: {said[0][:1000]}" if said else kind, text[-LONGEST_TRACEBACK:])


def peak_memory() -> int:
    """The high-water mark of this process's resident size or, if larger, of a program that it ran; bytes."""
    import resource

    scale = 1 if sys.platform == "darwin" else 1024
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * scale
    return max(_own_peak() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, programs)


def _own_peak() -> int | None:
    """As Linux counts it from the start of the program; `getrusage` begins with the size of the process's parent."""
    try:
        descriptor = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)  # a third of what a Path takes
        try:
            status = os.read(descriptor, 1 << 14)
        finally:
            os.close(descriptor)
        start = status.index(b"VmHWM:") + 6
        return int(status[start : status.index(b"kB", start)]) * 1024
    except (OSError, ValueError):
        return None
