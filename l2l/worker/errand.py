"""What a worker of somebody else's executor does for us: it has a few trials run, in processes kept for the run.

An errand comes as one call of `carry_out`. The processes that evaluate are children of the executor's worker, one
for each call that it makes at the same time; so a trial that crashes, hangs or eats its memory costs itself alone.
They stay warm between errands, and end when the run is over.
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
from typing import Literal

from l2l.errors import ChangedOptimizee, L2LError, LauncherError, OptionError, UserError
from l2l.values import Evaluation
from l2l.worker import temporary
from l2l.worker.batch import Form, Row
from l2l.worker.connect import introduced, machine
from l2l.worker.crew import LocalCrew
from l2l.worker.guardian import MARKER
from l2l.worker.plan import Plan
from l2l.worker.pool import Pool
from l2l.worker.process import environment_of, visible_gpus
from l2l.worker.serve import Hello
from l2l.worker.worker import Worker

_LOOK = 0.1
_PATIENCE = 60.0
"""Seconds for a leader, which answers from a thread of its own, to answer; without it errands are carried out too."""
_IDLE = 30.0
"""Seconds without an errand after which processes end that would not learn of the end of the run."""

Kind = Literal["", "user", "changed", "launcher", "over"]
"""Whether an errand could not be carried out, and who is to know."""


@dataclass(frozen=True, slots=True)
class Run:
    """What all errands of a run have in common.

    Args:
        name: Of the run, unlike any other.
        plan: What is run.
        machine: The leader's.
        addresses: Where the leader holds the leash.
        secret: By which it knows its own.
    """

    name: str
    plan: Plan
    machine: str
    addresses: Sequence[str]
    secret: bytes = field(repr=False)  # executors write what they are given into logs


@dataclass(frozen=True, slots=True)
class Errand:
    """Trials of one form, to be run; none, to say hello.

    Args:
        run: That they belong to.
        form: Names of the parameters, root of private folders, whether they validate.
        rows: The trials, pickled by the leader.
    """

    run: Run
    form: tuple[tuple[str, ...], Path | None, bool] = field(repr=False)
    rows: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an errand; texts instead of exceptions, which may not unpickle elsewhere.

    Args:
        hello: What the evaluating process says of the optimizee.
        evaluations: Of all trials, in any order.
        refused: What kind of error kept it from being carried out.
        message: Of that error.
    """

    hello: Hello | None = None
    evaluations: Sequence[Evaluation] = ()
    refused: Kind = ""
    message: str = ""


def carry_out(errand: Errand) -> Answer:
    """Run the trials, in this process's household for the run."""
    return _household_of(errand.run).carry_out(errand)


class _Household:
    """What one process keeps for a run: attendants that are free, and the leash.

    Args:
        run: That it serves.
        again: Whether the leader was reached from here before.
    """

    def __init__(self, run: Run, *, again: bool) -> None:
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._attendants: set[_Attendant] = set()
        self._free: list[_Attendant] = []
        self._leash = self._tie(run, again)
        self.idle = _IDLE if self._leash is None else None
        if self._leash is not None:
            threading.Thread(target=self._watch, args=[self._leash], name="l2l-leash", daemon=True).start()

    def _tie(self, run: Run, again: bool) -> socket.socket | None:
        """Tie it to the leader; None where that cannot be reached from here."""
        try:
            return introduced(run.addresses, run.secret, {}, _PATIENCE).connection
        except LauncherError:
            if again or run.machine == machine():  # from here it could be reached, if it was there
                self.over.set()
            return None

    def _watch(self, leash: socket.socket) -> None:
        with contextlib.suppress(OSError):
            leash.recv(1)  # nothing ever comes but the end
        with self._lock:
            self.over.set()
            attendants = list(self._attendants)
        for one in attendants:
            one.orders.put(None)
        for one in attendants:
            one.join()
        self._attendants.clear()
        self._free.clear()
        leash.close()

    def carry_out(self, errand: Errand) -> Answer:
        """Have an attendant carry it out, a new one where all are busy."""
        answer: Future[Answer] = Future()
        with self._lock:
            if self.over.is_set():
                return Answer(refused="over", message="the run is over")
            if self._free:
                attendant = self._free.pop()
            else:
                taken = {one.place for one in self._attendants}
                place = next(one for one in itertools.count() if one not in taken)
                attendant = _Attendant(self, place, errand.run.plan)
                self._attendants.add(attendant)
            attendant.orders.put((errand, answer))
        return answer.result()

    def free(self, attendant: "_Attendant") -> None:
        """Take note that it has nothing to do."""
        with self._lock:
            self._free.append(attendant)

    def leave(self, attendant: "_Attendant") -> bool:
        """Let it go, unless it was given something to do in this very moment."""
        with self._lock:
            if attendant not in self._free:
                return False
            self._free.remove(attendant)
            self._attendants.discard(attendant)
            return True


class _Attendant:
    """Looks after one evaluating process; a thread of its own, since children end with the thread of their start.

    Args:
        household: That it belongs to.
        place: Which of its attendants it is.
        plan: What the process runs.
    """

    def __init__(self, household: _Household, place: int, plan: Plan) -> None:
        self.orders: queue.SimpleQueue[tuple[Errand, Future[Answer]] | None] = queue.SimpleQueue()
        self._household = household
        self.place = place
        self._plan = plan
        self._pool: Pool | None = None
        self._temporary: Path | None = None
        self._thread = threading.Thread(target=self._serve, name=f"l2l-attendant-{place}", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _serve(self) -> None:
        """Carry out what comes until the run is over."""
        try:
            while (order := self._next()) is not None:
                errand, answer = order
                try:
                    said = self._said(errand)
                except BaseException as error:  # noqa: BLE001 - whatever it is, the leader must know, and in words
                    said = self._refusal(error)
                self._household.free(self)
                answer.set_result(said)
        finally:
            self._end()

    def _next(self) -> tuple[Errand, "Future[Answer]"] | None:
        while True:
            try:
                return self.orders.get(timeout=self._household.idle)
            except queue.Empty:
                if self._household.leave(self):
                    return None

    def _said(self, errand: Errand) -> Answer:
        try:
            if self._pool is None:
                self._pool = self._new_pool()
            return _evaluated(self._pool, errand)
        except BaseException:
            self._end()
            raise

    def _refusal(self, error: BaseException) -> Answer:
        if self._household.over.is_set():
            return Answer(refused="over", message="the run is over")
        if isinstance(error, ChangedOptimizee):
            return Answer(refused="changed", message=str(error))
        if isinstance(error, UserError):
            return Answer(refused="user", message=str(error))
        text = str(error) if isinstance(error, L2LError) else f"{type(error).__name__}: {error}"
        return Answer(refused="launcher", message=text)

    def _new_pool(self) -> Pool:
        plan = self._plan
        # below the mark of who started this process, so that who ends us ends them too
        marker = os.environ.get(MARKER, "") + uuid.uuid4().hex
        settled = Plan(plan.start, plan.resources, plan.objectives, plan.vectorized, self._logs(), plan.patience)
        return Pool(settled, _TiedCrew(settled, self._environment(), marker, self._household.over))

    def _environment(self) -> Mapping[str, str]:
        """Of the evaluating process, with its share of the GPUs that this process may use."""
        gpus, threads = self._plan.resources.gpus, self._plan.resources.threads
        if not gpus:
            return environment_of(threads)
        visible = visible_gpus() or []
        share = visible[self.place * gpus : (self.place + 1) * gpus]
        if len(share) < gpus:
            raise OptionError(
                f"resources.gpus: {self.place + 1} trial(s) at once with {gpus} GPU(s) each need "
                f"{(self.place + 1) * gpus} in CUDA_VISIBLE_DEVICES of the executor's worker on {platform.node()}, "
                f"got {len(visible)}"
            )
        return environment_of(threads, share)

    def _logs(self) -> Path:
        """A folder of its own, in the run's where that is seen from here."""
        name = f"{platform.node()}-{os.getpid()}-{self.place}"
        logs = self._plan.logs
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


def _evaluated(pool: Pool, errand: Errand) -> Answer:
    rows: list[Row] = pickle.loads(errand.rows)  # noqa: S301 - from our own leader, by the executor
    trials = Form(0, *errand.form).trials(rows, errand.run.plan.resources)
    pool.submit(trials)
    evaluations: list[Evaluation] = []
    while len(evaluations) < len(trials):
        evaluations += pool.collect()
    return Answer(pool.hello() if not trials else None, evaluations)


class _TiedCrew(LocalCrew):
    """One process, given up as soon as the run is over."""

    def __init__(self, plan: Plan, environment: Mapping[str, str], marker: str, over: threading.Event) -> None:
        self._run_over = over
        super().__init__(plan, [environment], marker)

    def wait(self, seconds: float | None) -> "tuple[Sequence[Worker], Sequence[Worker]]":  # type: ignore[override]
        """Wait for something to happen, but look now and then whether it is over."""
        return super().wait(_LOOK if seconds is None else min(seconds, _LOOK))

    def check(self) -> None:
        """Give up where it is over, or where the process does not come up."""
        if self._run_over.is_set():
            raise LauncherError("the run is over")
        super().check()


_households: dict[str, _Household] = {}
_entrance = threading.Lock()


def _household_of(run: Run) -> _Household:
    with _entrance:
        known = _households.get(run.name)
        if known is None or known.over.is_set():  # a connection may break while the leader goes on
            known = _households[run.name] = _Household(run, again=known is not None)
        return known


def _forget() -> None:
    """Begin anew in a process that was forked: threads and children are those of the other."""
    global _entrance  # noqa: PLW0603 - it may be locked for ever
    _entrance = threading.Lock()
    _households.clear()


os.register_at_fork(after_in_child=_forget)
