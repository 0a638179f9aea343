"""Ranks that simulate each trial together, in their own processes, with a communicator.

The first rank of a group holds its connections to the leader and reports; it tells the others what to evaluate. All
wait in ways that burn no core. Nothing is guarded here: a rank that dies takes its MPI job along.
"""

import os
import pickle
import selectors
import shutil
import sys
import time
import traceback
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.protocol.arrays import packed
from l2l.protocol.channel import Inbox, Seal, pickled, write_message
from l2l.protocol.connect import Link, introduced
from l2l.protocol.messages import RESULT, Kill, Ready, Recall, Recalled, Refused, Stop, WorkerConfig
from l2l.protocol.peak_memory import peak_memory
from l2l.protocol.trials import BatchHeader, rows_of
from l2l.values import Failure, Status, Trial, trial_directory
from l2l.worker.evaluate import Evaluator, Result
from l2l.worker.serve import built, refusal_of
from l2l.worker.threads import Threads

if TYPE_CHECKING:
    from mpi4py.MPI import Comm

_TELL, _ANSWER, _NOTED = 4331, 4332, 4333  # tags of our messages; `mpi.py` has 4321 to 4323
_LONGEST_NAP = 0.005  # seconds between two looks for a message: adds less than 1 % to a trial of a second
_DEADLOCK = 60.0
"""Seconds for which ranks may go on with a trial in which another rank raised; after that they wait for it in vain."""


def received(comm: "Comm", source: int, tag: int, longest: float = _LONGEST_NAP) -> Any:
    """A message from a rank, waited for without burning a core.

    Args:
        comm: The communicator.
        source: The rank.
        tag: Of the message.
        longest: Seconds of a nap between two looks, at most.
    """
    nap = 2e-5
    while not comm.iprobe(source, tag):
        time.sleep(nap)
        nap = min(1.5 * nap, longest)
    return comm.recv(source=source, tag=tag)


def _settled(comm: "Comm", source: int, tag: int, failure: Failure | None) -> Any:
    """A message from a rank; where this rank failed and the other waits for it within the model, the job ends."""
    if failure is None:
        return received(comm, source, tag)
    deadline = time.monotonic() + _DEADLOCK
    while not comm.iprobe(source, tag):
        if time.monotonic() > deadline:
            sys.stderr.write(
                f"l2l: rank {comm.Get_rank()} of a trial raised {failure.message}; rank {source} has gone on for "
                f"{_DEADLOCK:g} s, as if it waited for it, which nothing but the end of the job can end. A model must "
                f"raise on all ranks of a trial, or on none.\n{failure.traceback}\n"
            )
            sys.stderr.flush()
            comm.Abort(1)
        time.sleep(_LONGEST_NAP)
    return comm.recv(source=source, tag=tag)


def serve_together(comm: "Comm", addresses: Sequence[str], secret: bytes, request_id: str = "") -> None:
    """Evaluate as one of the group's ranks until the leader says that it is over.

    Args:
        comm: The group's communicator.
        addresses: Where the leader listens.
        secret: The run's.
        request_id: As a supervisor's.

    Raises:
        LauncherError: The leader cannot be reached, or a rank cannot evaluate.
    """
    inner = comm.Dup()  # the model's: its messages cannot meet ours
    try:
        if comm.Get_rank() == 0:
            _Reporter(comm, inner, addresses, secret, request_id).serve()
        else:
            _assist(comm, inner)
    finally:
        inner.Free()


class _Model:
    """The optimizee in one rank of a group."""

    def __init__(self, place: tuple[list[str], str], start: WorkerConfig) -> None:
        sys.path[:], directory = place
        os.chdir(directory)
        self._resources = start.resources
        self._threads = Threads()
        self._evaluator: Evaluator | None = None
        self.answer: Ready | Refused
        try:
            optimizee, self.answer = built(start)
            self._evaluator = Evaluator(optimizee, keyboard=False)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the leader must know
            self.answer = refusal_of(error)

    def evaluate(self, header: BatchHeader, row: Any, comm: "Comm") -> tuple[Trial, float, float, Result]:
        """Simulate a trial: it, when it began, how long it took, its result."""
        assert self._evaluator is not None
        trial = replace(header.trial(row, self._resources), comm=comm)
        with self._threads.limited(self._resources.threads):
            timed = self._evaluator.timed(trial)
        return trial, timed.started, timed.seconds, timed.result

    def without_memory(self, message: str) -> Result:
        """The result of a trial for which there was not enough memory."""
        assert self._evaluator is not None
        return self._evaluator.out_of_memory(Failure(message))

    def teardown(self) -> None:
        """Let the optimizee tear down; what it raises then is said, and takes no other rank along."""
        if self._evaluator is not None:
            try:
                self._evaluator.optimizee.teardown()
            except Exception as error:  # noqa: BLE001 - the work is done, whatever it is
                traceback.print_exception(error)


def _assist(comm: "Comm", inner: "Comm") -> None:
    """The life of the ranks that do not report."""
    model = _Model(*received(comm, 0, _TELL))
    comm.send(model.answer if isinstance(model.answer, Refused) else None, 0, _ANSWER)
    headers: dict[int, BatchHeader] = {}
    while (told := received(comm, 0, _TELL)) is not None:
        code, about, row = told
        if about is not None:
            headers[code] = BatchHeader(code, *about)
        trial, _, _, (status, _, _, failure) = model.evaluate(headers[code], row, inner)
        trial.left_directory()
        comm.send((status, failure), 0, _ANSWER)
        if failure is not None:
            _settled(comm, 0, _NOTED, failure)
    model.teardown()


def _emptied(header: BatchHeader, row: Any) -> Path | None:
    """The trial's shared folder, emptied before any rank starts; None if trials have none."""
    if header.root is None:
        return None
    index, number, attempt, *_ = row
    folder = trial_directory(header.root, index, number, attempt)
    if folder.exists():
        shutil.rmtree(folder)
    return folder


def _inbox(link: Link) -> Inbox:
    return Inbox(link.connection.fileno(), link.keys.to_client)


class _Reporter:
    """The first rank of a group.

    Args:
        comm: The group's communicator.
        inner: The model's.
        addresses: Where the leader listens.
        secret: The run's.
        request_id: As a supervisor's.
    """

    def __init__(self, comm: "Comm", inner: "Comm", addresses: Sequence[str], secret: bytes, request_id: str) -> None:
        self._comm, self._inner = comm, inner
        self._others = range(1, comm.Get_size())
        name = uuid.uuid4().hex
        about = {"supervisor": name, "kind": "supervisor", "places": 1, "request_id": request_id}
        self._control = introduced(addresses, secret, about)
        self._data = introduced(
            [self._control.address], secret, {"supervisor": name, "kind": "worker", "place": 0, "number": 0}
        )
        self._orders, self._inbox = _inbox(self._control), _inbox(self._data)
        self._news, self._results = Seal(self._control.keys.to_leader), Seal(self._data.keys.to_leader)
        self._selector = selectors.DefaultSelector()
        for one in (self._control.connection, self._data.connection):
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)
        self._first: list[Any] = []
        self._queue: deque[tuple[int, int, Any]] = deque()
        self._headers: dict[int, BatchHeader] = {}
        self._told: set[int] = set()
        self._next = 0
        self._over = False

    def serve(self) -> None:
        """Report until the leader says that it is over, or is gone."""
        try:
            while len(self._first) < 2 and not self._over:
                self._listen(1.0)
            if self._over:
                return
            place, start = self._first
            model = self._ready(place, start)
            while not self._over:
                self._listen(0.0 if self._queue else 1.0)
                if self._queue and not self._over:
                    self._evaluate(model, *self._queue.popleft())
            model.teardown()
        finally:
            for rank in self._others:
                self._comm.send(None, rank, _TELL)
            self._control.connection.close()
            self._data.connection.close()
            self._selector.close()

    def _ready(self, place: Any, start: bytes) -> _Model:
        begin = pickle.loads(start)  # noqa: S301 - from our own leader, which proved itself
        for rank in self._others:
            self._comm.send((place, begin), rank, _TELL)
        model = _Model(place, begin)
        answer = model.answer
        for rank in self._others:
            refused = received(self._comm, rank, _ANSWER)
            if refused is not None and isinstance(answer, Ready):
                answer = refused
        self._write(answer)
        return model

    def _listen(self, seconds: float) -> None:
        """Take what the leader says."""
        self._selector.select(seconds)
        for message in self._orders.read():
            if isinstance(message, Stop | Kill):  # killed: what this rank wrote was disturbed on its way
                self._over = True
            elif isinstance(message, Recall):
                self._recall(message.worker, message.before)
        for message in self._inbox.read():
            if len(self._first) < 2:
                self._first.append(message)
                continue
            first, code, rows = message
            if rows is None:
                self._headers[first] = BatchHeader(first, *code)
            else:
                self._queue.extend((first + place, code, row) for place, row in enumerate(rows_of(rows)))
        self._over = self._over or self._orders.closed or self._inbox.closed

    def _recall(self, number: int, before: int) -> None:
        self._queue = deque(one for one in self._queue if one[0] >= before)
        self._send(self._control, self._news, pickled(Recalled(number, self._next, before)))

    def _evaluate(self, model: _Model, number: int, code: int, row: Any) -> None:
        self._next = number + 1
        header = self._headers[code]
        about = None if code in self._told else (header.names, header.root, header.validation)
        self._told.add(code)
        folder = _emptied(header, row)
        for rank in self._others:
            self._comm.send((code, about, row), rank, _TELL)
        trial, started, seconds, (status, fitness, observables, failure) = model.evaluate(header, row, self._inner)
        for rank in self._others:
            theirs, why = _settled(self._comm, rank, _ANSWER, failure)
            if why is not None:
                self._comm.send(None, rank, _NOTED)
            if theirs != Status.OK and status is Status.OK:
                status, failure = theirs, why and replace(why, message=f"rank {rank}: {why.message}")
                fitness, observables = (float("nan"),) * len(fitness), {}
        short = failure and (failure.message, failure.traceback)
        used = trial.left_directory() or (folder is not None and folder.exists())  # perhaps by another rank alone
        measures = {"started": started, "seconds": seconds, "peak_memory": peak_memory()}
        try:
            rest = (int(status), packed(observables), short, used)
            body = pickled((RESULT, number, measures, fitness, *rest))
        except MemoryError:
            status, fitness, _, failure = model.without_memory("MemoryError: its result does not fit into memory")
            rest = (int(status), {}, failure and (failure.message, failure.traceback), used)
            body = pickled((RESULT, number, measures, fitness, *rest))
        self._send(self._data, self._results, body)

    def _write(self, message: Any) -> None:
        self._send(self._data, self._results, pickled(message))

    def _send(self, link: Link, seal: Seal, body: bytes) -> None:
        connection = link.connection
        connection.setblocking(True)
        try:
            write_message(connection.fileno(), seal.around, body)
        except OSError:
            self._over = True
        finally:
            connection.setblocking(False)
