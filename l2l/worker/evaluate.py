"""One trial evaluated: whatever a model does comes back as a status."""

import math
import numbers
import os
import resource
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from math import isfinite
from os import getpid  # bound here: a model may replace them where they stand
from pathlib import Path
from sys import setrecursionlimit
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.copies import end_copy
from l2l.errors import Invalid, near, short, text_of, type_name, without_addresses
from l2l.optimizee import Optimizee, as_outcome
from l2l.protocol.channel import LARGEST_RESULT
from l2l.protocol.peak_memory import peak_memory
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
        keyboard: Whether a `KeyboardInterrupt` may come from the keyboard, and so ends more than the trial. A worker
            ignores the signal: there it comes from the model.
    """

    def __init__(self, optimizee: Optimizee, *, keyboard: bool = True) -> None:
        self.optimizee = optimizee
        self._pid = getpid()
        self._recursion = sys.getrecursionlimit()
        self._passed_on: tuple[type[BaseException], ...] = (KeyboardInterrupt,) if keyboard else ()
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
        except BaseException as error:
            end_copy(self._pid)
            if issubclass(type(error), self._passed_on):
                raise
            return self.failed(error)
        if getpid() != self._pid:
            end_copy(self._pid)
        if self._plain and type(returned) is float and isfinite(returned):
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
        except BaseException as error:
            end_copy(self._pid)
            if issubclass(type(error), self._passed_on):
                raise
            return [self.failed(error)] if len(trials) == 1 else None
        end_copy(self._pid)
        return [self.judged(outcome) for outcome in outcomes]

    def failed(self, error: BaseException) -> Result:
        """The result of a simulation that raised."""
        setrecursionlimit(self._recursion)  # a model that lowered it left us no room
        kind = type(error)  # not isinstance, which asks the object for its class: a model's own may raise there
        if issubclass(kind, Invalid):
            return self._without(Status.INVALID, _reason(error))
        if issubclass(kind, MemoryError):
            return self.out_of_memory(failure_of(error))
        return self._without(Status.FAILED, failure_of(error))

    def out_of_memory(self, failure: Failure) -> Result:
        """The result of a trial for which the system had not enough memory; names the limit where there is one."""
        limit = address_space()
        if limit is not None:
            message = f"{failure.message}; its process may use {limit / 1e6:.0f} MB of address space (ulimit -v)"
            failure = Failure(message, failure.traceback)
        return self._without(Status.OUT_OF_MEMORY, failure)

    def judged(self, returned: Any) -> Result:
        """The result of a simulation that returned: OK where fitness and observables are as declared."""
        setrecursionlimit(self._recursion)  # a model that lowered it left us no room
        try:
            outcome = returned if isinstance(returned, Outcome) else Outcome(returned)
            if not self._names:
                return Status.OK, (), self._observed(self._explored(outcome)), None
            fitness = self._fitness(outcome.fitness)
            return Status.OK, fitness, self._observed(outcome.observables), None
        except _Wrong as wrong:
            return self._without(Status.INVALID, Failure(text_of(wrong)))
        except MemoryError as error:
            return self.out_of_memory(failure_of(error))
        except BaseException as error:
            if issubclass(type(error), self._passed_on):
                raise
            return self._without(Status.INVALID, failure_of(error))

    def _without(self, status: Status, failure: Failure) -> Result:
        return status, (math.nan,) * len(self._names), {}, failure

    def _explored(self, outcome: Outcome) -> Mapping[str, Any]:
        """The observables of a model without objectives, which may return them as they are."""
        returned = outcome.fitness
        if isinstance(returned, Mapping):
            return {**returned, **outcome.observables}
        if isinstance(returned, tuple) and not returned:
            return outcome.observables
        if len(self._observables) == 1 and not outcome.observables:
            return dict.fromkeys(self._observables, returned)
        names = ", ".join(self._observables)
        raise _Wrong(f"expected observables by name ({names}), since there is no objective, got {_shown(returned)}")

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
        found: dict[str, NDArray[Any]] = {}
        for name, declared in self._observables.items():
            if name not in observables:
                raise _Wrong(f"observables: expected {', '.join(self._observables)}, got no {name}")
            try:
                found[name] = declared.value(observables[name])
            except (ValueError, TypeError, OverflowError) as error:
                raise _Wrong(f"observable {name!r}: {error}") from None
        size = sum(one.nbytes for one in found.values())
        if size > LARGEST_RESULT:  # one limit under every launcher, whatever each could carry
            raise _Wrong(
                f"observables: {size} bytes in all, and a trial may return at most {LARGEST_RESULT}; return less, or "
                "write files into trial.directory and keep it"
            )
        return found


class _Wrong(Exception):
    """What a simulation returned is not what was declared."""


def _is_number(entry: Any) -> bool:
    if isinstance(entry, np.ndarray):
        return entry.ndim == 0 and entry.dtype.kind in "fiu"
    return isinstance(entry, numbers.Real) and not isinstance(entry, bool)


def _shown(value: Any) -> str:
    shown = short(value)
    kind = type(value).__name__
    return shown if isinstance(value, int | float | str | tuple | list | dict | None) else f"{shown} ({kind})"


def _reason(error: Any) -> Failure:
    """Why a result has no meaning, as the model says it."""
    try:
        return Failure(text_of(error.reason))
    except BaseException:  # noqa: BLE001 - a subclass of the model's has no reason, or raises where it is looked at
        return failure_of(error)


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception is: `Type: text`, and the traceback from the model's own frames on."""
    kind = text_of(type_name(error), 200)
    try:
        report = traceback.TracebackException.from_exception(error)
        while report.stack and report.stack[0].filename.startswith(_OURS):
            del report.stack[0]
        text = without_addresses("".join(report.format()))
        said = without_addresses(str(error)).strip().splitlines()
        message = f"{kind}: {said[0][:1000]}" if said else kind
        return Failure(text_of(message), text_of(text[-LONGEST_TRACEBACK:], LONGEST_TRACEBACK))
    except BaseException:  # noqa: BLE001 - an exception whose own text raises, or no memory to format it
        return Failure(kind)


def address_space() -> int | None:
    """The bytes of address space that this process may use; None where there is no limit (ulimit -v, ulimit -d)."""
    limits = [resource.getrlimit(which)[0] for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((one for one in limits if one != resource.RLIM_INFINITY), default=None)
