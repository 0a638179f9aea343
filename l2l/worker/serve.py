"""The life of an evaluating process: build the optimizee, say hello, evaluate what comes, end with the channel."""

import contextlib
import io
import os
import pickle
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from faulthandler import dump_traceback_later
from os import SEEK_CUR, getpid, lseek
from time import monotonic, time
from typing import Any

from l2l.copies import no_copies
from l2l.errors import UserError
from l2l.optimizee import Optimizee
from l2l.process_tree import end_descendants, ended_children
from l2l.protocol.arrays import packed
from l2l.protocol.channel import Framing, Inbox, Seal, bare, pickled, write_all, write_message
from l2l.protocol.handshake import Keys
from l2l.protocol.messages import LEAVING, NOT_STARTED, RESULT, RESULTS, Ready, Refused, WorkerConfig
from l2l.protocol.peak_memory import peak_memory
from l2l.protocol.status_page import StatusPage
from l2l.protocol.trials import BatchHeader, TrialRow, rows_of
from l2l.provenance import versions
from l2l.values import Failure, Resources, Status, Trial
from l2l.worker.alterations import Condition
from l2l.worker.evaluate import Evaluator, Result, failure_of
from l2l.worker.isolation import at_fork_close, private, protect

_MEASURED = 5e-2
"""Seconds after which the memory is worth looking at again, which takes as long as all else between two trials."""
_FAREWELL = 5.0
"""Seconds in which a process ends that evaluates no more. A leader that is in a hurry ends it sooner."""
_UNREAPED = 64
"""Ended programs after which a worker leaves: those whose parents ended stay its children, and the system has room for
so many processes only. It cannot reap them itself, since a model may wait for the others."""
_TOGETHER = 2e-3
"""Seconds for which results are written together: a write costs as much as ten trials that do nothing, and what is lost
with the process, or waits behind a slow trial, is as quickly done again."""


def main(arguments: Sequence[str]) -> None:
    """Serve until the leader closes the channel.

    Args:
        arguments: The leader's process number, and the descriptors of the channel's two ends, of the page, and of the
            channel's keys, which is -1 where its messages are not sealed.
    """
    leader, reading, writing, shared, given = map(int, arguments)
    keys = _keys(given) if given >= 0 else None
    log = private(os.dup(2))
    protect(leader, log)
    reading, writing, shared = map(private, (reading, writing, shared))
    at_fork_close(lambda: (reading, writing, shared))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)  # a crash loses no line
    page = StatusPage(shared)
    page.seal()
    messages = _messages(Inbox(reading, keys and keys.to_client))
    framing = Seal(keys.to_leader).around if keys else bare
    try:
        with contextlib.suppress(BrokenPipeError):  # the leader is gone
            _serve(messages, writing, framing, page, log)
    finally:
        _end_soon(log)
        end_descendants(getpid())


def _end_soon(log: int) -> None:
    """See that this process ends, whatever keeps it: its leader waits for its end before it sends another one.

    Threads that a model has started, its `teardown` and functions that it wants called at the exit may never end. They
    are stopped by a thread that needs nothing of Python's, and the log says where they were.

    Args:
        log: The descriptor of the log.
    """
    with contextlib.suppress(Exception):  # the system starts no thread any more
        dump_traceback_later(_FAREWELL, exit=True, file=log)


def _keys(descriptor: int) -> Keys:
    """The channel's keys, which no command line and no environment must show."""
    with os.fdopen(descriptor, "rb") as given:
        text = given.read()
    return Keys(text[: len(text) // 2], text[len(text) // 2 :])


def _messages(inbox: Inbox) -> Iterator[Any]:
    while not inbox.closed:
        yield from inbox.read()
    if inbox.refused:
        sys.stderr.write(f"l2l: this worker ends, since its leader cannot be heard: {inbox.refused}\n")


def _serve(messages: Iterator[Any], writing: int, framing: Framing, page: StatusPage, log: int) -> None:
    place = next(messages, None)
    if place is None:
        return
    path, directory = place
    sys.path[:] = path
    os.chdir(directory)
    try:
        start = pickle.loads(next(messages))  # noqa: S301 - from our own leader, by a pipe
        optimizee, answer = built(start)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the leader must know
        write_message(writing, framing, pickled(refusal_of(error)))
        return
    write_message(writing, framing, pickled(answer))
    if isinstance(answer, Ready):
        launch = tuple(map(os.path.expandvars, start.launch))
        try:
            Server(optimizee, start.resources, writing, framing, page=page, log=log, launch=launch).serve(messages)
        finally:
            _end_soon(log)
        optimizee.teardown()


def refusal_of(error: BaseException) -> Refused:
    """What to say of an error that keeps this process from evaluating; the log has it too."""
    with contextlib.suppress(Exception):  # whatever the model made of its stream
        traceback.print_exception(error)
    if isinstance(error, UserError):
        return Refused.of(error)
    failure = failure_of(error)
    return Refused("launcher", f"a worker cannot evaluate: {failure.message}", failure.traceback)


def built(start: WorkerConfig) -> tuple[Optimizee, Ready | Refused]:
    """The optimizee that is described, set up, and what is to be said of it."""
    with no_copies():
        return _built(start)


def _built(start: WorkerConfig) -> tuple[Optimizee, Ready | Refused]:
    optimizee = start.specification.build()
    changed = start.specification.differences(start.parts, optimizee)
    if changed:
        return optimizee, Refused.changed(changed)
    optimizee.setup()
    space = optimizee.describe().to_dict()
    return optimizee, Ready(platform.node(), os.getpid(), optimizee.version(), space, loaded_versions())


def loaded_versions() -> dict[str, str]:
    """Part → version, of Python and of all loaded packages that say theirs."""
    found = versions()
    for name, module in list(sys.modules.items()):
        if "." in name or name.startswith("_") or name in sys.stdlib_module_names:
            continue
        version = getattr(module, "__dict__", {}).get("__version__")
        if isinstance(version, str):
            found.setdefault(name, version)
    return found


class Server:
    """Evaluates batches and writes each result as soon as there is one, or a few milliseconds later.

    A trial is this process's own from its announcement until its result is written: whatever ends the process in
    between is charged to it. What is needed between two trials is bound when modules are loaded, and descriptors are
    ours alone, so that it does not depend on what a model closes, replaces or patches.

    Args:
        optimizee: Set up.
        resources: Of each trial.
        writing: Where results go.
        framing: Makes what stands before and behind each of them.
        page: Where trials are announced.
        log: The descriptor of the log.
        launch: As trials have it.
    """

    def __init__(
        self,
        optimizee: Optimizee,
        resources: Resources,
        writing: int,
        framing: Framing,
        *,
        page: StatusPage,
        log: int,
        launch: tuple[str, ...] = (),
    ) -> None:
        self._launch = launch
        self._evaluator = Evaluator(optimizee, keyboard=False)
        self._batches = optimizee.batches
        self._resources = resources
        self._writing = writing
        self._framing = framing
        self._page = page
        self._log = log
        self._leaving = False
        self._condition = Condition()
        self._together: tuple[list[int], list[float], list[float], list[float]] = ([], [], [], [])
        """Number, start, duration and fitness of successful trials whose results are not written yet."""
        self._look()

    def serve(self, messages: Iterator[Any]) -> None:
        """Evaluate until there are no more messages, or a fresh process is to take this one's place."""
        headers: dict[int, BatchHeader] = {}
        for message in messages:
            if message is None:
                return
            first, code, rows = message
            if rows is None:
                headers[first] = BatchHeader(first, *code)
            elif self._batches:
                self._whole(first, headers[code].trials(rows_of(rows), self._resources, self._launch))
            else:
                self._singly(first, headers[code], rows_of(rows))
            if self._leaving:
                self._send((LEAVING, None))
                return

    def _send(self, message: Any) -> None:
        write_message(self._writing, self._framing, pickled(message))

    def _look(self) -> None:
        """Measure what takes long to measure."""
        self._peak, self._looked = peak_memory(), monotonic()
        if ended_children(getpid()) > _UNREAPED:
            self._leaving = True

    def _singly(self, number: int, header: BatchHeader, rows: Sequence[TrialRow]) -> None:
        """Evaluate one by one. Results of trials that take next to nothing are written together.

        They are few enough to be run again elsewhere, should a trial behind them take long or end the process.
        """
        fields, times, skip, current, log, since, done = self._page.raw()
        run, resources, launch, trial_of = self._evaluator.run, self._resources, self._launch, header.trial
        numbers, starts, lasts, fits = self._together
        oldest = 0.0
        if monotonic() - self._looked > _MEASURED:
            self._look()
        self._page.single()
        for row in rows:
            if number >= fields[skip]:
                fields[log] = self._written()
                times[since] = begin = monotonic()
                fields[current] = number
                if number < fields[skip]:  # recalled in this very moment: say that it did not start
                    fields[current] = ~(number + 1)
                    self._refuse(number)
                else:
                    started = time()
                    trial = trial_of(row, resources, launch)
                    result = run(trial)
                    end = monotonic()
                    fields[done] = number  # no limit counts while it waits for the leader to read
                    if end - self._looked > _MEASURED:
                        self._look()
                    if result[0] is _OK and not result[2] and not trial.used_directory:
                        oldest = oldest if numbers else begin
                        numbers.append(number)
                        starts.append(started)
                        lasts.append(end - begin)
                        fits += result[1]
                        if end - oldest > _TOGETHER:
                            self._flush()
                    else:
                        self._flush()
                        self._write(number, trial, started, end - begin, result)
                        self._page.has_written(number + 1)
                    fields[current] = ~(number + 1)
                    if self._leaving:
                        break
            number += 1
        self._flush()

    def _refuse(self, number: int) -> None:
        """Say that a trial did not start."""
        self._flush()
        self._send((NOT_STARTED, number))
        self._page.has_written(number + 1)

    def _flush(self) -> None:
        """Write the results that are not written yet."""
        numbers, starts, lasts, fits = self._together
        if numbers:
            measures = {"started": starts, "seconds": lasts, "peak_memory": self._peak}
            self._send((RESULTS, numbers, measures, fits))
            self._page.has_written(numbers[-1] + 1)
            for column in self._together:
                column.clear()

    def _whole(self, first: int, trials: list[Trial]) -> None:
        page = self._page
        begin, started = monotonic(), time()
        page.begin(first, len(trials), begin, self._written())
        if first + len(trials) <= page.skip:
            page.idle(first + len(trials))
            for place in range(len(trials)):
                self._send((NOT_STARTED, first + place))
            return
        results = self._evaluator.run_batch(trials)
        if results is None:
            for place, trial in enumerate(trials):
                if not self._leaving:
                    self._whole(first + place, [replace(trial, _rng=None, _directory=None)])
            return
        share = (monotonic() - begin) / len(trials)
        page.done(first)
        self._look()
        for place, (trial, result) in enumerate(zip(trials, results, strict=True)):
            self._write(first + place, trial, started, share, result)
        page.idle(first + len(trials))

    def _written(self) -> int:
        """Bytes that the log has; 0 where a model has closed it."""
        try:
            return lseek(self._log, 0, SEEK_CUR)
        except OSError:
            return 0

    def _write(self, number: int, trial: Trial, started: float, seconds: float, result: Result) -> None:
        """Write what is more than a fitness, unless it may be the doing of an earlier trial."""
        body = self._pickled(number, trial, started, seconds, result)
        if body is None:
            failure = Failure("MemoryError: its result does not fit into memory")
            result = self._evaluator.out_of_memory(failure)
            body = self._pickled(number, trial, started, seconds, result)
        status, _, _, failed = result
        if status is not _OK and self._blamed(number, status):
            self._leaving = True
            body = pickled((LEAVING, number))
        elif failed and failed.traceback:
            self._note(f"trial {trial.index}-{trial.number}:\n{failed.traceback}\n")
        write_message(self._writing, self._framing, body or b"")

    def _pickled(self, number: int, trial: Trial, started: float, seconds: float, result: Result) -> bytes | None:
        """The message with a result; None where there is no memory for it."""
        status, fitness, observables, failure = result
        short = failure and (failure.message, failure.traceback)
        try:
            rest = (int(status), packed(observables), short, trial.left_directory())
            measures = {"started": started, "seconds": seconds, "peak_memory": self._peak}
            return pickled((RESULT, number, measures, fitness, *rest))
        except MemoryError:
            return None

    def _blamed(self, number: int, status: Status) -> bool:
        """Whether trials that ran here before may be to blame; also sees that none runs here after a bad one."""
        suspicious = status is Status.OUT_OF_MEMORY or bool(self._condition.altered())
        self._leaving = self._leaving or suspicious
        return suspicious and number > 0

    def _note(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a full disk costs the log, not the trial
            write_all(self._log, text.encode())


_OK = Status.OK
