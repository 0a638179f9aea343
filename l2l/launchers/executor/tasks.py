"""Trials on tasks: batches that the workers of an executor carry out, a task each."""

import pickle
import queue
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future

from l2l.blocks import TrialBlock
from l2l.dispatch.backlog import Key, key
from l2l.dispatch.dispatcher import Dispatcher
from l2l.dispatch.lifeline import Lifeline
from l2l.dispatch.sizing import Sizing
from l2l.dispatch.work import Work
from l2l.errors import LauncherError
from l2l.launchers.executor.executors import ExecutorHandle, drop
from l2l.launchers.executor.task import Answer, Run, Task, carry_out
from l2l.protocol.connect import machine
from l2l.protocol.messages import Refused
from l2l.protocol.trials import Headers, columns_of
from l2l.values import Evaluation, Failure, Status, Trial

_LOOK = 1.0  # seconds without news after which the executor is asked whether it still works
_FAREWELL = 10.0  # seconds in which the executor's workers end their processes and hang up
_TROUBLES = 3  # tasks that fail one after the other before any worker was ready, or executors that break
_LEAST_WORK, _WORK_PER_SLOT, _MOST_WORK = 0.1, 0.005, 2.0
"""Seconds of a batch: an executor takes some hundred tasks a second from one process, however many workers it has."""


class TaskDispatcher(Dispatcher):
    """Feeds an executor: keeps two batches a worker out, and a new executor in the place of a broken one.

    Args:
        work: What to run.
        make: Makes the executor, and a new one where that is broken.

    Raises:
        LauncherError, UserError: It cannot be made.
    """

    def __init__(self, work: Work, make: Callable[[], ExecutorHandle]) -> None:
        self._make = make
        self._made = make()
        super().__init__(work, self._made.slots, Headers())
        try:
            self._lifeline = Lifeline(everywhere=self._made.elsewhere)
        except BaseException:
            self._made.close()
            raise
        self._run = Run(uuid.uuid4().hex, work, machine(), self._lifeline.addresses, self._lifeline.secret)
        seconds = min(max(_LEAST_WORK, _WORK_PER_SLOT * self.slots), _MOST_WORK)
        self._sizing = Sizing(
            self.slots, vectorized=work.vectorized, timeout=work.resources.timeout, seconds_per_batch=seconds
        )
        self._out: dict[Future[Answer], list[Trial | None]] = {}
        self._done: queue.SimpleQueue[Future[Answer]] = queue.SimpleQueue()
        self._troubles = 0
        self._breaks = 0
        self._looked = time.monotonic()
        try:
            self._send(None)
        except BaseException:
            self.stop()
            raise

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
        self._lifeline.let_go(_FAREWELL)
        self._made.close()

    def _forget(self, unwanted: Collection[Key]) -> int:
        forgotten = 0
        for future, batch in list(self._out.items()):
            kept = [None if trial is not None and key(trial) in unwanted else trial for trial in batch]
            forgotten += kept.count(None) - batch.count(None)
            self._out[future] = kept
            if batch and not any(kept):
                drop(future)
        return forgotten

    # --- one turn of the loop ---

    def _turn(self, left: float | None) -> None:
        """Hand out, wait a while at most, take what came."""
        self._dispatch()
        try:
            self._take(self._done.get(timeout=_LOOK if left is None else min(_LOOK, left)))
            self._looked = time.monotonic()
            while True:
                self._take(self._done.get_nowait())
        except queue.Empty:
            self._look()
        self._dispatch()

    def _look(self) -> None:
        """See whether an executor from which nothing came for some time can still run something."""
        now = time.monotonic()
        if self._out and now - self._looked >= _LOOK:
            self._looked = now
            if not self._made.works():
                self._renew("it has no workers any more")

    def _dispatch(self) -> None:
        """Keep two batches a slot out: one that runs, and one to run on with."""
        while self._backlog and not self._held and len(self._out) < 2 * self.slots:
            self._send(self._backlog.take(self._sizing.size(len(self._backlog))))

    def _send(self, block: TrialBlock | None) -> None:
        about = (block.names, block.root, block.validation) if block is not None else ((), None, False)
        rows = pickle.dumps(None if block is None else columns_of(block), 5)
        batch: list[Trial] = [] if block is None else list(block)
        if batch:
            self._sizing.learn_bytes(len(rows), len(batch))
        try:
            future = self._made.executor.submit(carry_out, Task(self._run, about, rows))
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
            self._refused(batch, answer.refused)
            return
        self._ready = self._ready or answer.ready
        self._troubles = self._breaks = 0
        wanted = {key(trial) for trial in batch if trial is not None}
        for one in answer.evaluations:
            if key(one) in wanted:
                self._results.add(one)
        self._pending -= len(wanted)
        if answer.evaluations:
            self._sizing.learn(sum(one.seconds for one in answer.evaluations), len(answer.evaluations))

    # --- trouble ---

    def _refused(self, batch: Sequence[Trial | None], refused: Refused) -> None:
        """A worker says why it cannot evaluate: fatal where the user can change it, or where none ever could."""
        if refused.fatal or self._ready is None:
            raise refused.error
        self._trouble(batch, refused.error)

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
        if self._troubles >= _TROUBLES + (2 * self.slots if self._ready else 0):
            raise LauncherError(
                f"{self._troubles} tasks of the executor failed one after the other; the last with {_text(error)}"
            )
        if self._ready is None and not batch:
            self._send(None)

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
        if self._ready is None:
            self._send(None)

    def _lose(self, batch: Sequence[Trial | None], error: BaseException) -> None:
        for trial in batch:
            if trial is not None:
                failure = Failure(f"the executor lost it: {_text(error)}")
                lost = Evaluation(
                    trial.index, trial.number, trial.attempt, Status.LOST, self._nothing, started=time.time(),
                    failure=failure,
                )  # fmt: skip
                self._results.add(lost)
                self._pending -= 1


def _text(error: BaseException) -> str:
    name, text = type(error).__name__, " ".join(str(error).split())
    return f"{name}: {text}"[:2000] if text else name
