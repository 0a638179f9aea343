"""Runs inside a third-party executor's worker: evaluates batches of trials in child processes kept for the run.

A task comes as one call of `carry_out`. The processes that evaluate are children of the executor's worker, one
for each call that it makes at the same time; so a trial that crashes, hangs or eats its memory costs itself alone.
They stay warm between tasks, and end when the run is over.
"""

import contextlib
import itertools
import os
import pickle
import platform
import queue
import shutil
import socket
import threading
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from l2l.dispatch.pool import Pool
from l2l.dispatch.work import Work
from l2l.dispatch.worker import Worker
from l2l.errors import LauncherError
from l2l.launchers.local_workers import LocalWorkers
from l2l.launchers.machine import gpu_shares
from l2l.process_tree import MARKER
from l2l.protocol import temporary
from l2l.protocol.connect import introduced, machine
from l2l.protocol.messages import Ready, Refused
from l2l.protocol.trials import BatchColumns, BatchHeader, rows_of
from l2l.supervisor.environment import environment_of, visible_gpus
from l2l.values import Evaluation

_LOOK = 0.1  # seconds between two looks whether the run is over, while a trial runs
_PATIENCE = 60.0
"""Seconds for a leader, which answers from a thread of its own, to answer; without it tasks are carried out too."""
_IDLE = 30.0
"""Seconds without a task after which processes end that would not learn of the end of the run."""

_OVER = Refused("launcher", "the run is over")


@dataclass(frozen=True, slots=True)
class Run:
    """What all tasks of a run have in common.

    Args:
        name: Of the run, unlike any other.
        work: What is run.
        machine: The leader's.
        addresses: Where the leader holds the lifeline.
        secret: By which it knows its own.
    """

    name: str
    work: Work
    machine: str
    addresses: Sequence[str]
    secret: bytes = field(repr=False)  # executors write what they are given into logs


@dataclass(frozen=True, slots=True)
class Task:
    """Trials of one header, to be run; none, to say ready.

    Args:
        run: That they belong to.
        header: Names of the parameters, root of private folders, whether they validate.
        rows: The trials, pickled by the leader.
    """

    run: Run
    header: tuple[tuple[str, ...], Path | None, bool] = field(repr=False)
    rows: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a task; texts instead of exceptions, which may not unpickle elsewhere.

    Args:
        ready: What the evaluating process says of the optimizee.
        evaluations: Of all trials, in any order.
        refused: Why it could not be carried out; None where it was.
    """

    ready: Ready | None = None
    evaluations: Sequence[Evaluation] = ()
    refused: Refused | None = None


def carry_out(task: Task) -> Answer:
    """Run the trials, in this process's state for the run."""
    return _state_of(task.run).carry_out(task)


class _RunState:
    """What one process keeps for a run: slots that are free, and the lifeline.

    Args:
        run: That it serves.
        again: Whether the leader was reached from here before.
    """

    def __init__(self, run: Run, *, again: bool) -> None:
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._slots: set[_Slot] = set()
        self._free: list[_Slot] = []
        self._lifeline = self._tie(run, again)
        self.idle = _IDLE if self._lifeline is None else None
        if self._lifeline is not None:
            threading.Thread(target=self._watch, args=[self._lifeline], name="l2l-lifeline", daemon=True).start()

    def _tie(self, run: Run, again: bool) -> socket.socket | None:
        """Tie it to the leader; None where that cannot be reached from here."""
        try:
            return introduced(run.addresses, run.secret, {}, _PATIENCE).connection
        except LauncherError:
            if again or run.machine == machine():  # from here it could be reached, if it was there
                self.over.set()
            return None

    def _watch(self, lifeline: socket.socket) -> None:
        with contextlib.suppress(OSError):
            lifeline.recv(1)  # nothing ever comes but the end
        with self._lock:
            self.over.set()
            slots = list(self._slots)
        for one in slots:
            one.orders.put(None)
        for one in slots:
            one.join()
        self._slots.clear()
        self._free.clear()
        lifeline.close()

    def carry_out(self, task: Task) -> Answer:
        """Have an slot carry it out, a new one where all are busy."""
        answer: Future[Answer] = Future()
        with self._lock:
            if self.over.is_set():
                return Answer(refused=_OVER)
            if self._free:
                slot = self._free.pop()
            else:
                taken = {one.place for one in self._slots}
                place = next(one for one in itertools.count() if one not in taken)
                slot = _Slot(self, place, task.run.work)
                self._slots.add(slot)
            slot.orders.put((task, answer))
        return answer.result()

    def free(self, slot: "_Slot") -> None:
        """Take note that it has nothing to do."""
        with self._lock:
            self._free.append(slot)

    def leave(self, slot: "_Slot") -> bool:
        """Let it go, unless it was given something to do in this very moment."""
        with self._lock:
            if slot not in self._free:
                return False
            self._free.remove(slot)
            self._slots.discard(slot)
            return True


class _Slot:
    """Looks after one evaluating process; a thread of its own, since children end with the thread of their start.

    Args:
        state: That it belongs to.
        place: Which of its slots it is.
        work: What the process runs.
    """

    def __init__(self, state: _RunState, place: int, work: Work) -> None:
        self.orders: queue.SimpleQueue[tuple[Task, Future[Answer]] | None] = queue.SimpleQueue()
        self._state = state
        self.place = place
        self._work = work
        self._pool: Pool | None = None
        self._temporary: Path | None = None
        self._thread = threading.Thread(target=self._serve, name=f"l2l-slot-{place}", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _serve(self) -> None:
        """Carry out what comes until the run is over."""
        try:
            while (order := self._next()) is not None:
                task, answer = order
                try:
                    said = self._said(task)
                except BaseException as error:  # noqa: BLE001 - whatever it is, the leader must know, and in words
                    said = self._refusal(error)
                self._state.free(self)
                answer.set_result(said)
        finally:
            self._end()

    def _next(self) -> tuple[Task, "Future[Answer]"] | None:
        while True:
            try:
                return self.orders.get(timeout=self._state.idle)
            except queue.Empty:
                if self._state.leave(self):
                    return None

    def _said(self, task: Task) -> Answer:
        try:
            if self._pool is None:
                self._pool = self._new_pool()
            return _evaluated(self._pool, task)
        except BaseException:
            self._end()
            raise

    def _refusal(self, error: BaseException) -> Answer:
        if self._state.over.is_set():
            return Answer(refused=_OVER)
        return Answer(refused=Refused.of(error))

    def _new_pool(self) -> Pool:
        work = self._work
        # below the mark of who started this process, so that who ends us ends them too
        marker = os.environ.get(MARKER, "") + uuid.uuid4().hex
        settled = Work(work.start, work.resources, work.objectives, work.vectorized, self._logs(), work.patience)
        return Pool(settled, _BoundWorkers(settled, self._environment(), marker, self._state.over))

    def _environment(self) -> Mapping[str, str]:
        """Of the evaluating process, with its share of the GPUs that this process may use."""
        gpus, threads = self._work.resources.gpus, self._work.resources.threads
        if not gpus:
            return environment_of(threads)
        where = f"in CUDA_VISIBLE_DEVICES of the executor's worker on {platform.node()}"
        shares = gpu_shares(visible_gpus() or [], gpus, least=self.place + 1, what="trial(s) at once", where=where)
        return environment_of(threads, shares[self.place])

    def _logs(self) -> Path:
        """A folder of its own, in the run's where that is seen from here."""
        name = f"{platform.node()}-{os.getpid()}-{self.place}"
        logs = self._work.logs
        if logs.is_dir() and os.access(logs, os.W_OK):
            folder = logs / name
            folder.mkdir(exist_ok=True)
            return folder
        self._temporary = self._temporary or temporary.folder("logs")
        return self._temporary

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None


def _evaluated(pool: Pool, task: Task) -> Answer:
    columns: BatchColumns | None = pickle.loads(task.rows)  # noqa: S301 - from our own leader, by the executor
    rows = [] if columns is None else rows_of(columns)
    trials = BatchHeader(0, *task.header).trials(rows, task.run.work.resources)
    pool.submit(trials)
    evaluations: list[Evaluation] = []
    while len(evaluations) < len(trials):
        evaluations += pool.collect()
    return Answer(pool.ready() if not trials else None, evaluations)


class _BoundWorkers(LocalWorkers):
    """One process, given up as soon as the run is over."""

    def __init__(self, work: Work, environment: Mapping[str, str], marker: str, over: threading.Event) -> None:
        self._run_over = over
        super().__init__(work, [environment], marker)

    def wait(self, seconds: float | None) -> "tuple[Sequence[Worker], Sequence[Worker]]":  # type: ignore[override]
        """Wait for something to happen, but look now and then whether it is over."""
        return super().wait(_LOOK if seconds is None else min(seconds, _LOOK))

    def check(self) -> None:
        """Give up where it is over, or where the process does not come up."""
        if self._run_over.is_set():
            raise LauncherError("the run is over")
        super().check()


_states: dict[str, _RunState] = {}
_states_lock = threading.Lock()


def _state_of(run: Run) -> _RunState:
    with _states_lock:
        known = _states.get(run.name)
        if known is None or known.over.is_set():  # a connection may break while the leader goes on
            known = _states[run.name] = _RunState(run, again=known is not None)
        return known


def _forget() -> None:
    """Begin anew in a process that was forked: threads and children are those of the other."""
    global _states_lock  # noqa: PLW0603 - it may be locked for ever
    _states_lock = threading.Lock()
    _states.clear()


os.register_at_fork(after_in_child=_forget)
