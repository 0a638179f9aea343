"""Trials on errands: batches that the workers of an executor carry out, a task each."""

import itertools
import math
import pickle
import queue
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future

from l2l.errors import ChangedOptimizee, LauncherError, UserError
from l2l.launchers.executors import Made, drop
from l2l.values import Evaluation, Failure, Status, Trial
from l2l.worker.batch import Forms, Sizing, row_of
from l2l.worker.errand import Answer, Errand, Run, carry_out
from l2l.worker.leash import Leash, machine
from l2l.worker.plan import Plan
from l2l.worker.serve import Hello

_LOOK = 1.0
_FAREWELL = 10.0
_TROUBLES = 3
_LEAST_WORK, _WORK_PER_SLOT, _MOST_WORK = 0.1, 0.005, 2.0
"""Seconds of a batch: an executor takes some hundred tasks a second from one process, however many workers it has."""


class Errands:
    """Trials that wait, are out, or have come back, and the loop that moves them.

    Args:
        plan: What to run.
        make: Makes the executor, and a new one where that is broken.

    Raises:
        LauncherError, UserError: It cannot be made.
    """

    def __init__(self, plan: Plan, make: Callable[[], Made]) -> None:
        self._make = make
        self._made = make()
        self.slots = self._made.slots
        try:
            self._leash = Leash(everywhere=self._made.elsewhere)
        except BaseException:
            self._made.close()
            raise
        self._run = Run(uuid.uuid4().hex, plan, machine(), self._leash.addresses, self._leash.secret)
        self._nothing = (math.nan,) * plan.objectives
        work = min(max(_LEAST_WORK, _WORK_PER_SLOT * self.slots), _MOST_WORK)
        self._sizing = Sizing(self.slots, vectorized=plan.vectorized, timeout=plan.resources.timeout, work=work)
        self._forms = Forms()
        self._backlog: deque[Trial] = deque()
        self._out: dict[Future[Answer], list[Trial | None]] = {}
        self._done: queue.SimpleQueue[Future[Answer]] = queue.SimpleQueue()
        self._came: list[Evaluation] = []
        self._pending = 0
        self._held = False
        self._hello: Hello | None = None
        self._troubles = 0
        self._breaks = 0
        try:
            self._send([])
        except BaseException:
            self.stop()
            raise

    def hello(self) -> Hello:
        """What the first evaluating process says; waits for it.

        Raises:
            LauncherError, UserError: As `collect`.
        """
        while self._hello is None:
            self._turn(_LOOK)
        return self._hello

    def submit(self, trials: Sequence[Trial]) -> None:
        """Take trials to be run."""
        self._backlog.extend(trials)
        self._pending += len(trials)
        self._dispatch()

    def collect(self, timeout: float | None = None) -> list[Evaluation]:
        """What has come back; waits for at least one, as long as trials are out.

        Args:
            timeout: Seconds; None for ever.

        Raises:
            LauncherError: The executor is broken, or its workers cannot evaluate.
            UserError: A worker says what the user must change, such as a part that is not installed.
            ChangedOptimizee: A worker's optimizee is another one.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._came and self._pending:
            self._turn(_LOOK if deadline is None else max(0.0, min(_LOOK, deadline - time.monotonic())))
            if deadline is not None and time.monotonic() >= deadline:
                break
        came, self._came = self._came, []
        return came

    def cancel(self, trials: Sequence[Trial]) -> None:
        """Forget trials: those not started never run, the others' evaluations are dropped."""
        unwanted = {_key(trial) for trial in trials}
        for future, batch in list(self._out.items()):
            kept = [None if trial is not None and _key(trial) in unwanted else trial for trial in batch]
            self._pending -= kept.count(None) - batch.count(None)
            self._out[future] = kept
            if batch and not any(kept):
                drop(future)
        waiting = [trial for trial in self._backlog if _key(trial) not in unwanted]
        self._pending -= len(self._backlog) - len(waiting)
        self._backlog = deque(waiting)
        self._came = [one for one in self._came if _key(one) not in unwanted]
        self._dispatch()

    def hold(self) -> bool:
        """Hand out no more trials; whether some are out."""
        self._held = True
        return any(self._out.values())

    def stop(self, grace: float = 0.0) -> None:
        """End all evaluating processes, and the executor as far as it is ours.

        Args:
            grace: Seconds that trials which are out get to end.
        """
        self._backlog.clear()
        self._pending = 0
        deadline = time.monotonic() + grace
        while self._out and (left := deadline - time.monotonic()) > 0:
            try:
                self._out.pop(self._done.get(timeout=left), None)
            except queue.Empty:
                break
        for future in self._out:
            drop(future)
        self._out.clear()
        self._leash.let_go(_FAREWELL)
        self._made.close()

    # --- one turn of the loop ---

    def _turn(self, seconds: float) -> None:
        """Hand out, wait a while at most, take what came."""
        self._dispatch()
        try:
            self._take(self._done.get(timeout=seconds))
            while True:
                self._take(self._done.get_nowait())
        except queue.Empty:
            if seconds >= _LOOK and self._out and not self._made.works():
                self._renew("it has no workers any more")
        self._dispatch()

    def _dispatch(self) -> None:
        """Keep two batches a slot out: one that runs, and one to run on with."""
        while self._backlog and not self._held and len(self._out) < 2 * self.slots:
            self._send(self._next())

    def _next(self) -> list[Trial]:
        """A batch of trials of one form."""
        form_of, backlog = self._forms.of, self._backlog
        form = form_of(backlog[0])
        batch: list[Trial] = []
        for trial in itertools.islice(backlog, self._sizing.size(len(backlog))):
            if form_of(trial) is not form:
                break
            batch.append(trial)
        for _ in batch:
            backlog.popleft()
        return batch

    def _send(self, batch: Sequence[Trial]) -> None:
        form = self._forms.of(batch[0]) if batch else None
        about = (form.names, form.root, form.validation) if form else ((), None, False)
        rows = pickle.dumps([row_of(trial) for trial in batch], 5)
        if batch:
            self._sizing.learn_bytes(len(rows), len(batch))
        try:
            future = self._made.executor.submit(carry_out, Errand(self._run, about, rows))
        except Exception as error:  # noqa: BLE001 - whatever it is, it takes nothing any more
            self._lose(batch, error)
            self._renew(_text(error))
            return
        self._out[future] = [*batch]
        future.add_done_callback(self._done.put)

    def _take(self, future: "Future[Answer]") -> None:
        batch = self._out.pop(future, None)
        if batch is None:
            return  # of an executor that was given up
        error = CancelledError() if future.cancelled() else future.exception(0)
        if error is not None:
            self._trouble(batch, error)
            return
        answer = future.result(0)
        if answer.refused:
            self._refused(batch, answer)
            return
        self._hello = self._hello or answer.hello
        self._troubles = self._breaks = 0
        wanted = {_key(trial) for trial in batch if trial is not None}
        self._came += [one for one in answer.evaluations if _key(one) in wanted]
        self._pending -= len(wanted)
        if answer.evaluations:
            self._sizing.learn(sum(one.seconds for one in answer.evaluations), len(answer.evaluations))

    # --- trouble ---

    def _refused(self, batch: Sequence[Trial | None], answer: Answer) -> None:
        """A worker says why it cannot evaluate: fatal where the user can change it, or where none ever could."""
        if answer.refused == "changed":
            raise ChangedOptimizee(answer.message)
        if answer.refused == "user":
            raise UserError(answer.message)
        if self._hello is None:
            raise LauncherError(answer.message)
        self._trouble(batch, LauncherError(answer.message))

    def _trouble(self, batch: Sequence[Trial | None], error: BaseException) -> None:
        """Something of the executor's went wrong: the trials of the batch are lost, and run again.

        Raises:
            LauncherError: Nothing else comes from it.
        """
        self._lose(batch, error)
        if isinstance(error, BrokenExecutor) or not self._made.works():
            self._renew(_text(error))
            return
        self._troubles += 1
        if self._troubles >= _TROUBLES + (2 * self.slots if self._hello else 0):
            raise LauncherError(
                f"{self._troubles} tasks of the executor failed one after the other; the last with {_text(error)}"
            )
        if self._hello is None and not batch:
            self._send([])

    def _renew(self, why: str) -> None:
        """Put a new executor in the place of one that is broken.

        Raises:
            LauncherError: It is not ours, or new ones break as well.
        """
        self._breaks += 1
        for batch in self._out.values():
            self._lose(batch, LauncherError(why))
        self._out.clear()
        if not self._made.ours or self._breaks >= _TROUBLES:
            raise LauncherError(
                f"the executor is broken: {why}; nothing that was finished is lost: resume the run when it works again"
            )
        self._made.close()
        self._made = self._make()
        if self._hello is None:
            self._send([])

    def _lose(self, batch: Sequence[Trial | None], error: BaseException) -> None:
        for trial in batch:
            if trial is not None:
                failure = Failure(f"the executor lost it: {_text(error)}")
                lost = Evaluation(
                    trial.index, trial.number, trial.attempt, Status.LOST, self._nothing, started=time.time(),
                    failure=failure,
                )  # fmt: skip
                self._came.append(lost)
                self._pending -= 1


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:2000]


def _key(one: Trial | Evaluation) -> tuple[int, int, int]:
    return one.index, one.number, one.attempt
