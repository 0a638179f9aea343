"""The life of an evaluating process: build the optimizee, say hello, evaluate what comes, end with the channel."""

import contextlib
import io
import os
import pickle
import platform
import struct
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from l2l.errors import UserError
from l2l.optimizee import Optimizee
from l2l.provenance import Specification, fingerprint, versions
from l2l.values import Resources, Status, Trial
from l2l.worker.batch import Form, Row
from l2l.worker.board import Board, written
from l2l.worker.channel import Inbox, framed, write_all
from l2l.worker.evaluate import Evaluator, Result, failure_of, peak_memory
from l2l.worker.protect import at_fork_close, protect

_MEASURED = 5e-2
"""Seconds after which the memory is worth looking at again, which takes as long as all else between two trials."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker is told first.

    Args:
        specification: Of the optimizee.
        parts: Of the leader's fingerprint of it.
        resources: Of each trial.
        launch: The command prefix that starts a program on a trial's ranks; variables of the worker's environment in it
            are replaced.
    """

    specification: Specification
    parts: dict[str, str]
    resources: Resources
    launch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker says first.

    Args:
        host: Where it runs.
        pid: Its process number.
        version: Of the optimizee.
        space: Of the optimizee, as plain data.
        versions: Part → version.
    """

    host: str
    pid: int
    version: str
    space: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a worker cannot evaluate.

    Args:
        message: In a line.
        traceback: Of what was raised, or "".
        changed: Parts of the fingerprint that differ from the leader's.
        wrong: Whether the user's input is to blame, and the message says how.
    """

    message: str
    traceback: str = ""
    changed: tuple[str, ...] = ()
    wrong: bool = False


def main(arguments: Sequence[str]) -> None:
    """Serve until the leader closes the channel.

    Args:
        arguments: The leader's process number, and the descriptors of the channel's two ends and of the board.
    """
    leader, reading, writing, shared = map(int, arguments)
    protect(leader)
    for descriptor in (reading, writing, shared):
        os.set_inheritable(descriptor, False)
    at_fork_close(lambda: (reading, writing))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)  # a crash loses no line
    messages = _messages(reading)
    with contextlib.suppress(BrokenPipeError):  # the leader is gone
        _serve(messages, writing, Board(shared))


def _messages(reading: int) -> Iterator[Any]:
    inbox = Inbox(reading)
    while not inbox.closed:
        yield from inbox.read()


def _serve(messages: Iterator[Any], writing: int, board: Board) -> None:
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
        write_all(writing, framed(refusal_of(error)))
        return
    write_all(writing, framed(answer))
    if isinstance(answer, Hello):
        launch = tuple(map(os.path.expandvars, start.launch))
        Server(optimizee, start.resources, writing, board, launch).serve(messages)
        optimizee.teardown()


def refusal_of(error: BaseException) -> Refusal:
    """What to say of an error that keeps this process from evaluating; the log has it too."""
    with contextlib.suppress(OSError):
        traceback.print_exception(error)
    if isinstance(error, UserError):
        return Refusal(str(error), wrong=True)
    failure = failure_of(error)
    return Refusal(failure.message, failure.traceback)


def built(start: Start) -> tuple[Optimizee, Hello | Refusal]:
    """The optimizee that is described, set up, and what is to be said of it."""
    optimizee = start.specification.build()
    changed = fingerprint(optimizee).differences(start.parts)
    if changed:
        return optimizee, Refusal("the optimizee is another one here than in the leader", changed=tuple(changed))
    optimizee.setup()
    space = optimizee.describe().to_dict()
    return optimizee, Hello(platform.node(), os.getpid(), optimizee.version(), space, loaded_versions())


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
    """Evaluates batches and writes each result as soon as there is one.

    Args:
        optimizee: Set up.
        resources: Of each trial.
        writing: Where results go.
        board: Where trials are announced.
        launch: As trials have it.
    """

    def __init__(
        self, optimizee: Optimizee, resources: Resources, writing: int, board: Board, launch: tuple[str, ...] = ()
    ) -> None:
        self._launch = launch
        self._evaluator = Evaluator(optimizee)
        self._batches = optimizee.batches
        self._resources = resources
        self._writing = writing
        self._board = board
        self._peak, self._looked = peak_memory(), time.monotonic()

    def serve(self, messages: Iterator[Any]) -> None:
        """Evaluate until there are no more messages."""
        forms: dict[int, Form] = {}
        for first, code, rows in messages:
            if rows is None:
                forms[first] = Form(first, *code)
            elif self._batches:
                self._whole(first, forms[code].trials(rows, self._resources, self._launch))
            else:
                self._singly(first, forms[code], rows)

    def _singly(self, number: int, form: Form, rows: Sequence[Row]) -> None:
        words, times, skip, current, log, since = self._board.raw()
        run, resources, writing, launch = self._evaluator.run, self._resources, self._writing, self._launch
        clock, now, trial_of, dumps = time.monotonic, time.time, form.trial, pickle.dumps
        if clock() - self._looked > _MEASURED:
            self._peak, self._looked = peak_memory(), clock()
        self._board.single()
        for row in rows:
            if number >= words[skip]:
                words[log] = written()
                times[since] = begin = clock()
                words[current] = number
                if number < words[skip]:  # recalled in this very moment: say that it did not start
                    words[current] = ~(number + 1)
                    write_all(writing, framed((number,)))
                else:
                    started = now()
                    trial = trial_of(row, resources, launch)
                    result = run(trial)
                    seconds = clock() - begin
                    words[current] = ~(number + 1)  # before it may wait for the leader to read
                    if begin + seconds - self._looked > _MEASURED:
                        self._peak, self._looked = peak_memory(), begin + seconds
                    if result[0] is _OK and not result[2] and not trial.used_directory:
                        body = dumps((number, started, seconds, self._peak, result[1]), 5)
                        write_all(writing, _LENGTH(len(body)) + body)
                    else:
                        self._write(number, trial, started, seconds, result)
            number += 1

    def _whole(self, first: int, trials: list[Trial]) -> None:
        board = self._board
        begin, started = time.monotonic(), time.time()
        board.announce(first, len(trials), begin)
        if first + len(trials) <= board.skip:
            board.idle(first + len(trials))
            write_all(self._writing, b"".join(framed((first + place,)) for place in range(len(trials))))
            return
        results = self._evaluator.run_batch(trials)
        if results is None:
            for place, trial in enumerate(trials):
                self._whole(first + place, [replace(trial, _rng=None, _directory=None)])
            return
        share = (time.monotonic() - begin) / len(trials)
        board.idle(first + len(trials))
        self._peak = peak_memory()
        for place, (trial, result) in enumerate(zip(trials, results, strict=True)):
            self._write(first + place, trial, started, share, result)

    def _write(self, number: int, trial: Trial, started: float, seconds: float, result: Result) -> None:
        status, fitness, observables, failure = result
        if failure and failure.traceback:
            with contextlib.suppress(OSError):  # a full disk costs the log, not the trial
                print(f"trial {trial.index}-{trial.number}:", failure.traceback, sep="\n", file=sys.stderr)  # noqa: T201
        short = failure and (failure.message, failure.traceback)
        rest = (int(status), observables, short, trial.left_directory())
        write_all(self._writing, framed((number, started, seconds, self._peak, fitness, *rest)))


_OK = Status.OK
_LENGTH = struct.Struct("=Q").pack


def start_message(
    optimizee_specification: Specification, parts: dict[str, str], resources: Resources, launch: Sequence[str] = ()
) -> bytes:
    """The two first messages to a worker, framed: where it stands, and what it builds."""
    path = [os.path.abspath(entry) for entry in sys.path]
    start = pickle.dumps(Start(optimizee_specification, parts, resources, tuple(launch)), 5)
    return framed((path, str(Path.cwd()))) + framed(start)
