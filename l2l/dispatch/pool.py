"""The workers that run trials, here or elsewhere, and the loop that feeds them: what most launchers are made of."""

import time
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any

from l2l.blocks import TrialBlock
from l2l.dispatch.backlog import Key, Ref, gathered, key_of
from l2l.dispatch.dispatcher import Dispatcher
from l2l.dispatch.sizing import Sizing
from l2l.dispatch.work import Work
from l2l.dispatch.worker import Worker, Workers
from l2l.errors import LauncherError
from l2l.protocol.arrays import unpacked
from l2l.protocol.messages import NOT_STARTED, RESULT, RESULTS, Ready, Refused, Result, Results, Running, cause_of
from l2l.values import Evaluation, Failure, Status, Trial, trial_directory

_COALESCE = 1e-3  # seconds of waiting behind a rest: what came meanwhile is taken at once
_REST_LEAST, _REST_MOST = 7e-4, 2e-2
"""Seconds for which the loop rests so that results come in bulk: shorter rests save nothing, longer ones are felt."""
_STEAL = 2e-3  # seconds that a worker's trials must last until idle workers take them over: sending takes less
_SLOW = 0.1  # seconds after which a trial is slow, and what waits behind it goes to other workers
_DEATHS = 3  # workers that may end one after the other without a result until we give up
_FRESH = 5.0
"""Seconds in which a process that ended is replaced, by whoever started it; then we ask another to end."""
_NEVER = 1 << 62  # larger than any number of a trial
_FEW, _PAUSE = 32, 20.0
"""With more than `_FEW` workers, the next look at all of them waits `_PAUSE` times as long as the last one took."""


_REPEATED = (Status.CRASHED, Status.OUT_OF_MEMORY)
"""What may be the doing of trials that ran in the same process before: memory that is lost, or written over. Not
TIMEOUT: to repeat it would take as long again as the longest trial may."""
_NO_MESSAGE = "something else than results was written to its process's connection to the leader"


class Pool(Dispatcher):
    """Feeds workers: keeps them busy, takes back what waits behind slow trials, charges deaths to their trials.

    Args:
        work: What to run.
        workers: The workers.
    """

    def __init__(self, work: Work, workers: Workers) -> None:
        super().__init__(work, workers.slots, workers.headers)
        self._workers = workers
        self._sizing = Sizing(workers.slots, vectorized=work.vectorized, timeout=work.resources.timeout)
        self._idle: dict[Worker, None] = {}
        """Workers that may take more; one that has enough comes back when something comes from it."""
        self._afresh: deque[Ref] = deque()
        """Trials that failed in a process in which others had run: the first of a fresh process shows whose fault."""
        self._afresh_due = 0.0
        self._repeats = work.resources.ranks == 1  # the processes of several ranks are not ours to replace
        self._renew_after = work.resources.renew_after
        self._look_due = 0.0
        self._deaths = 0

    def hold(self) -> bool:
        """Start none of the trials that have not started; whether some run."""
        self._held = True
        for worker in self._workers.present:
            if worker.sent:
                self._backlog.put_back(worker.recall())
        return any(worker.sent for worker in self._workers.present)

    def stop(self, grace: float = 0.0) -> None:
        """End all workers and whatever they started.

        Args:
            grace: Seconds that running trials get to end.
        """
        self._backlog.clear()
        self._afresh.clear()
        self._pending = 0
        self._workers.stop(grace)

    def _forget(self, unwanted: Collection[Key]) -> int:
        kept = [ref for ref in self._afresh if key_of(ref) not in unwanted]
        forgotten = len(self._afresh) - len(kept)
        self._afresh = deque(kept)
        for worker in self._workers.present:
            if any(ref is not None and key_of(ref) in unwanted for ref in worker.sent.values()):
                self._backlog.put_back(worker.recall())
                for number, ref in worker.sent.items():
                    if ref is not None and key_of(ref) in unwanted:
                        worker.sent[number] = None
                        forgotten += 1
        self._idle = dict.fromkeys(self._workers.present)
        return forgotten

    # --- one turn of the loop ---

    def _turn(self, left: float | None) -> None:
        """Feed workers, wait a while at most, take what came."""
        self._dispatch()
        begin = time.monotonic()
        looks = begin >= self._look_due
        if looks:
            rest, left = self._rest(), self._poll_timeout(left)
            if rest and (left is None or left > rest):
                time.sleep(rest)
                begin += rest
                left = _COALESCE
        else:
            left = self._look_due - begin if left is None else min(left, self._look_due - begin)
        waits = time.monotonic()
        readable, ended = self._workers.wait(left)
        self._receive(readable, {*ended})
        if looks:
            resumes = time.monotonic()
            self._balance()
            if len(self._workers.present) > _FEW:
                now = time.monotonic()
                self._look_due = now + _PAUSE * (waits - begin + now - resumes)
        self._dispatch()

    def _receive(self, readable: Iterable[Worker], over: set[Worker]) -> None:
        """Take what workers sent, and see to those that are over."""
        for worker in readable:
            self._take(worker, worker.inbox.read())
            self._idle[worker] = None
            if worker.returned:
                self._backlog.put_back(worker.returned)
                worker.returned.clear()
            if worker.over:
                over.add(worker)
        self._workers.check()
        for worker in self._workers.lost():
            over.discard(worker)
            self._idle.pop(worker, None)
            if worker.inbox.refused:  # each by itself from now on, so that it shows with which it happens
                self._backlog.isolated.update(key_of(ref) for ref in worker.sent.values() if ref is not None)
            self._requeue(worker)
        for worker in over:
            self._bury(worker)

    def _poll_timeout(self, left: float | None) -> float | None:
        """How long the loop may sleep before it looks for trials that wait behind slow ones."""
        workers = self._workers.present
        if self._afresh:
            left = 1.0 if left is None else min(left, 1.0)
        if len(workers) > 1 and any(len(worker.sent) > 1 for worker in workers):
            look = _STEAL if any(not worker.sent for worker in workers) else _SLOW
            return look if left is None else min(left, look)
        return left

    def _rest(self) -> float:
        """Seconds for which we may look away, so that results come in bulk and no worker runs dry; 0.0 for none."""
        workers, lasts = self._workers.present, self._sizing.lasts
        if not workers or any(worker.ready is None for worker in workers):
            return 0.0
        rest = min(lasts(min(len(worker.sent) for worker in workers)) / 6, _REST_MOST)
        return rest if rest > _REST_LEAST and rest * len(workers) > lasts(2) else 0.0

    # --- what comes from workers ---

    def _take(self, worker: Worker, messages: Iterable[Any]) -> None:
        """Turn messages into evaluations."""
        # what comes of it is too late, or was disturbed by the signal that asks where it is
        condemned = worker.killed.running.number if worker.killed else _NEVER
        before, total = self._pending, 0.0
        for message in messages:
            if isinstance(message, Ready | Refused):  # these are tuples too, as all messages are
                self._greet(worker, message)
            elif message[0] == RESULTS:
                total += self._take_results(worker, Results(*message[1:]), condemned)
            elif message[0] == RESULT:
                total += self._take_result(worker, Result(*message[1:]), condemned)
            elif message[0] == NOT_STARTED:
                if message[1] < condemned and (ref := worker.sent.pop(message[1], None)) is not None:
                    self._backlog.put_back([ref])
            elif message[1] is None or message[1] < condemned:  # it leaves, since an earlier trial may be to blame
                worker.leaving = True
                if (ref := worker.sent.pop(message[1], None)) is not None:
                    self._afresh.append(ref)
        count = before - self._pending
        if count:
            self._deaths = 0
            worker.slow = False
            self._sizing.learn(total, count)

    def _take_results(self, worker: Worker, came: Results, condemned: int) -> float:
        """Take results that are no more than a fitness; the seconds that their trials took."""
        refs = [worker.sent.pop(number, None) if number < condemned else None for number in came.numbers]
        if self._backlog.isolated:
            self._backlog.isolated -= {key_of(ref) for ref in refs if ref is not None}
        host = worker.ready.host if worker.ready else ""
        count, seconds = self._results.take(refs, came, host, worker.pid)
        self._pending -= count
        return seconds

    def _take_result(self, worker: Worker, came: Result, condemned: int) -> float:
        """Take a result that is more than a fitness; the seconds that its trial took."""
        ref = worker.sent.pop(came.number, None) if came.number < condemned else None
        if ref is None:
            return 0.0
        individual, number, attempt = key = key_of(ref)
        self._backlog.isolated.discard(key)
        evaluation = Evaluation(
            index=individual,
            number=number,
            attempt=attempt,
            status=Status(came.status),
            fitness=came.fitness,
            observables=unpacked(came.observables),
            host=worker.ready.host if worker.ready else "",
            failure=came.failure and Failure(*came.failure),
            used_directory=came.used_directory,
            process=worker.pid,
            **came.measures,
        )
        self._results.add(evaluation)
        self._pending -= 1
        return evaluation.seconds

    def _greet(self, worker: Worker, message: Ready | Refused) -> None:
        if isinstance(message, Ready):
            worker.ready = message
            self._ready = self._ready or message
        elif message.fatal or self._ready is None:
            raise message.error

    # --- what goes to workers ---

    def _dispatch(self) -> None:
        """Send batches to workers that have room: one to each that has nothing, then one more each to run on."""
        if self._held:
            return
        if self._afresh:
            self._dispatch_afresh()
        backlog, sizing, idle = self._backlog, self._sizing, self._idle
        for spare in (False, True):
            for worker in list(idle) if backlog else ():
                if not backlog:
                    return
                size, queued = sizing.size(len(backlog)), len(worker.sent)
                enough = queued > size or (queued and worker.slow)
                if enough or not _takes_more(worker):
                    del idle[worker]
                elif spare or not queued:
                    self._send(worker, backlog.take(min(size, self._left_to(worker))))

    def _dispatch_afresh(self) -> None:
        """Send what must run first in its process to workers that have run nothing; see to it that some come."""
        workers = self._workers.present
        for worker in workers:
            if self._afresh and not worker.trials and _takes_more(worker):
                self._send(worker, gathered([self._afresh.popleft()])[0])
        if not self._afresh or any(worker.leaving or not worker.trials for worker in workers):
            self._afresh_due = 0.0
        elif not self._afresh_due:
            self._afresh_due = time.monotonic() + _FRESH
        elif workers and time.monotonic() >= self._afresh_due:
            self._leave(min(workers, key=lambda worker: len(worker.sent)))

    def _left_to(self, worker: Worker) -> int:
        """Trials that a worker still runs before a fresh process takes its place."""
        return _NEVER if self._renew_after is None else self._renew_after - worker.trials

    def _send(self, worker: Worker, batch: TrialBlock) -> None:
        self._sizing.learn_bytes(worker.send(batch), len(batch))
        if self._left_to(worker) <= 0:
            self._leave(worker)
        elif not worker.outbox.empty:
            self._workers.listen(worker)

    def _leave(self, worker: Worker) -> None:
        worker.leave()
        if not worker.outbox.empty:
            self._workers.listen(worker)

    def _balance(self) -> None:
        """Take back what waits behind a slow trial, or what idle workers could do."""
        workers = self._workers.present
        if len(workers) < 2:
            return
        idle = not self._backlog and any(worker.ready and not worker.sent for worker in workers)
        now = time.monotonic()
        for worker in workers:
            if len(worker.sent) < 2 or worker.killed is not None:
                continue
            running = worker.running
            age = now - running.since if running else 0.0
            slow = age > max(_SLOW, self._sizing.lasts(4))
            if slow or (idle and max(age, self._sizing.lasts(len(worker.sent))) > _STEAL):
                self._backlog.put_back(worker.recall(slow=slow))
                worker.slow = slow or age > _STEAL
                if not slow:
                    return

    # --- deaths ---

    def _bury(self, worker: Worker) -> None:
        """Charge the trial that a dead worker ran, requeue its others, and put a new worker in its place.

        Raises:
            LauncherError: One after the other dies without a result.
        """
        self._idle.pop(worker, None)
        code = worker.end()
        self._take(worker, worker.inbox.drain())
        killed = worker.killed
        running = killed.running if killed else worker.running
        if worker.inbox.refused and worker.sent:
            # it came in the place of the first result that is not here, which was written with those behind it
            first = next(iter(worker.sent))
            last = max(first, running.number if running else worker.following - 1)
            running = Running(first, last + 1 - first, running.since if running else time.monotonic())
        charged = running is not None and self._charge(worker, running, code)
        self._requeue(worker)
        if not worker.leaving:
            self._deaths = 0 if charged else self._deaths + 1
        if self._deaths >= _DEATHS + (len(self._workers.present) if self._ready else 0):
            when = "without a result" if worker.ready else "before they were ready"
            raise LauncherError(
                f"{self._deaths} workers ended one after the other {when}; of the last {cause_of(code)}; "
                f"{worker.wrote()}"
            )
        self._workers.replace(worker)

    def _requeue(self, worker: Worker) -> None:
        """Let others do what it had."""
        self._backlog.put_back([ref for ref in worker.sent.values() if ref is not None])
        worker.sent.clear()

    def _charge(self, worker: Worker, running: Running, code: int) -> bool:
        """Note what became of the trial that a dead worker ran; whether its death is explained."""
        together = range(running.number, running.number + running.together)
        numbers = [one for one in together if one in worker.sent]
        if len(numbers) > 1:
            self._backlog.isolated.update(key_of(ref) for one in numbers if (ref := worker.sent[one]) is not None)
            return True
        ref = worker.sent.pop(numbers[0], None) if numbers else None
        if ref is None:
            return True
        self._backlog.isolated.discard(key_of(ref))
        killed = worker.killed
        status = killed.status if killed else Status.CRASHED
        if numbers[0] > 0 and status in _REPEATED and self._repeats:
            self._afresh.append(ref)
            return True
        message = killed.message if killed else _NO_MESSAGE if worker.inbox.refused else cause_of(code)
        self._fail(worker, ref[0][ref[1]], running.since, status, Failure(message, worker.said()))
        return True

    def _fail(self, worker: Worker, trial: Trial, since: float, status: Status, failure: Failure) -> None:
        seconds = time.monotonic() - since
        root = trial.root
        folder = root and trial_directory(root, trial.index, trial.number, trial.attempt)
        self._results.add(
            Evaluation(
                index=trial.index,
                number=trial.number,
                attempt=trial.attempt,
                status=status,
                fitness=self._nothing,
                started=time.time() - seconds,
                seconds=seconds,
                host=worker.ready.host if worker.ready else "",
                peak_memory=worker.peak_memory,
                failure=failure,
                used_directory=folder is not None and folder.exists(),
                process=worker.pid,
            )
        )
        self._pending -= 1
        self._sizing.learn(seconds, 1)


def _takes_more(worker: Worker) -> bool:
    """Whether trials may be sent to a worker."""
    return not (worker.ready is None or worker.unreachable or worker.leaving or worker.killed is not None)
