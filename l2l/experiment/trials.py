"""Trials on their way: handed out, repeated where the policy says so, and noted when they are back."""

import shutil
import time
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.blocks import EvaluationBlock, TrialBlock
from l2l.errors import TrialFailed
from l2l.experiment.alike import Alike
from l2l.experiment.columns import copied_record, finished_record
from l2l.experiment.pending import Pending, TrialId
from l2l.experiment.plan import Plan
from l2l.experiment.recorder import Recorder
from l2l.experiment.tally import Tally
from l2l.launcher import Launcher
from l2l.memo import Book, Elsewhere
from l2l.seeding import Words
from l2l.values import Evaluation, Failure, Status, trial_directory

RETRIED = (Status.CRASHED, Status.TIMEOUT)
FAILURES = (Status.FAILED, Status.CRASHED, Status.TIMEOUT, Status.OUT_OF_MEMORY)
_LOST_LIMIT = 10

Ints = NDArray[np.int64]
_NONE = np.empty(0, dtype=np.int64)


class Trials:
    """The trials of a run.

    Args:
        plan: What is run.
        launcher: Started.
        recorder: Notes what happens.
        book: Takes final results.
        pending: The individuals that they are of.
        tally: Counts them.
        wanted: Observables that the book takes.
        elsewhere: Earlier runs, or None.
    """

    def __init__(
        self,
        plan: Plan,
        launcher: Launcher,
        recorder: Recorder,
        *,
        book: Book,
        pending: Pending,
        tally: Tally,
        wanted: tuple[str, ...],
        elsewhere: Elsewhere | None,
    ) -> None:
        self.plan = plan
        self.launcher = launcher
        self.recorder = recorder
        self.book = book
        self.pending = pending
        self.tally = tally
        self.wanted = wanted
        self.elsewhere = elsewhere
        self.memo_rows: dict[str, int] = {}
        self.guarded = "crash" in launcher.guards
        self.silent = self.guarded and not plan.steady_state and elsewhere is None  # handing out notes nothing
        self.alike = Alike()
        self._root = plan.folder / "trials"
        self._lost: dict[TrialId, int] = {}
        self._attempts: dict[TrialId, int] = {}

    # --- going out -------------------------------------------------------------------------------------------------

    def missing(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Those trials of these individuals that must still be run; what earlier runs have is taken from there.

        Returns:
            (k,) numbers of the individuals, and (k,) of the trials.
        """
        own = self.pending.simulated(numbers)
        rows, number = np.nonzero(np.logical_not(self.book.known(own)))
        index = own[rows]
        if self.pending.out:
            here = ~self.pending.are_out(index, number)
            index, number = index[here], number[here]
        return self._from_elsewhere(index, number) if self.elsewhere and len(index) else (index, number)

    def launch(self, index: Ints, number: Ints) -> None:
        """Hand trials to the launcher.

        Args:
            index: (k,) numbers of the individuals.
            number: (k,) of the trials.
        """
        if not len(index):
            return
        block = TrialBlock(
            self.pending.individuals(index),
            individual=index,
            number=number,
            attempt=self._attempts_of(index, number),
            entropy=self.pending.entropy(index, number),
            resources=self.plan.resources,
            root=self._root,
        )
        self.pending.leave(index, number)
        if self.plan.steady_state or not self.guarded:
            started = {"index": index, "number": number, "attempt": block.attempt}
            self.recorder.log("started", {**started, "guarded": self.guarded, "time": time.time()})
        self.launcher.submit(block)

    # --- coming back -----------------------------------------------------------------------------------------------

    def take(self, evaluations: Sequence[Evaluation]) -> Ints:
        """Note what came back; numbers of the individuals of those trials that are final.

        Raises:
            TrialFailed: Under `on_failure="raise"`, or where a trial is lost again and again.
        """
        if not len(evaluations):
            return _NONE
        block = EvaluationBlock.of(evaluations, len(self.plan.objectives))
        ours = self.pending.come_back(block.individual, block.number)
        if not ours.all():  # a second result of the same trial
            block = block.taken(np.flatnonzero(ours))
        if not len(block):
            return _NONE
        block.attempt = self._attempts_of(block.individual, block.number)  # ours, whatever a launcher says
        final = np.ones(len(block), dtype=bool)
        for row in np.flatnonzero(block.status != Status.OK).tolist():
            final[row] = not self.is_repeated(block[row])
        record = finished_record(block, self.pending.entropy(block.individual, block.number), final, self.plan)
        self.recorder.log("finished", record)
        self.note(record)
        self.tally.simulated += int(final.sum())
        done = block if final.all() else block.taken(np.flatnonzero(final))
        self.alike.note(done)
        self.drop_folders(block)
        self.launch(block.individual[~final], block.number[~final])
        if self.plan.on_failure == "raise":
            self._raise_first(done)
        numbers: Ints = done.individual
        return numbers

    def _attempts_of(self, index: Ints, number: Ints) -> Ints:
        """(k,) how often these trials were tried before."""
        if not self._attempts:
            return np.zeros(len(index), dtype=np.int64)
        pairs = zip(index.tolist(), number.tolist(), strict=True)
        return np.array([self._attempts.get(pair, 0) for pair in pairs], dtype=np.int64)

    def note(self, record: Mapping[str, Any]) -> None:
        """Write the final results of a `finished` record into the book, and remember how often others were tried."""
        final = record["final"]
        if not final.all():
            self._count_attempts(record)
        status, index = record["status"][final], record["index"][final]
        observables = {name: record["observables"][name][final] for name in self.wanted}
        self.book.write(index, record["number"][final], status, record["fitness"][final], observables)
        self.tally.count(status)
        self.tally.time(record["seconds"][-8:].tolist())

    def _count_attempts(self, record: Mapping[str, Any]) -> None:
        columns = (record[name].tolist() for name in ("index", "number", "attempt", "status", "final"))
        for index, number, attempt, status, final in zip(*columns, strict=True):
            if not final and status in RETRIED:
                self._attempts[index, number] = attempt + 1

    def conclude(self, trial: TrialId, status: Status, message: str) -> None:
        """Note a final result for a trial that is not run."""
        index, number = trial
        self.pending.leave(np.array([index]), np.array([number]))
        failed = Evaluation(index, number, self._attempts.get(trial, 0), status, started=time.time())
        failed.failure = Failure(message)
        self.take([failed])

    def is_repeated(self, evaluation: Evaluation) -> bool:
        """Whether a trial must be run once more, since its result does not count.

        Raises:
            TrialFailed: It is lost again and again.
        """
        if evaluation.status == Status.LOST:
            lost = self._lost[evaluation.id] = self._lost.get(evaluation.id, 0) + 1
            if lost >= _LOST_LIMIT:
                trial = f"{evaluation.index}-{evaluation.number}"
                raise TrialFailed(f"trial {trial} was lost {lost} times: {message_of(evaluation)}")
            return True
        return evaluation.status in RETRIED and evaluation.attempt < self.plan.retries

    def _raise_first(self, done: EvaluationBlock) -> None:
        for evaluation in (done[row] for row in np.flatnonzero(done.status).tolist()):
            if evaluation.status in FAILURES:
                self.recorder.sync()
                trace = f"\n{evaluation.failure.traceback}" if evaluation.failure else ""
                raise TrialFailed(
                    f"trial {evaluation.number} of individual {evaluation.index} "
                    f"({self.pending.individual(evaluation.index)!r}) {evaluation.status.name}: "
                    f"{message_of(evaluation)}{trace}"
                )

    # --- private folders -------------------------------------------------------------------------------------------

    def drop_folders(self, done: EvaluationBlock) -> None:
        """Remove the private folders of trials that are over and need not stay."""
        keep = self.plan.keep
        for one in (done[row] for row in np.flatnonzero(done.used_directory).tolist()):
            if keep == "none" or (keep == "failures" and one.status == Status.OK):
                path = trial_directory(self._root, one.index, one.number, one.attempt)
                shutil.rmtree(path, ignore_errors=True)

    def drop_folders_of(self, number: int) -> None:
        """Remove the private folders of an individual."""
        for trial, attempt in product(range(self.plan.trials), range(self.plan.retries + 1)):
            shutil.rmtree(trial_directory(self._root, number, trial, attempt), ignore_errors=True)

    # --- earlier runs ----------------------------------------------------------------------------------------------

    def _from_elsewhere(self, index: Ints, number: Ints) -> tuple[Ints, Ints]:
        """What earlier runs do not have; what they have is copied."""
        assert self.elsewhere
        keys = self.pending.individuals(index).keys
        entropy = np.ascontiguousarray(self.pending.entropy(index, number), dtype="<u4")
        raw = entropy.tobytes()
        places = [self.elsewhere.find(key, raw[16 * row : 16 * row + 16]) for row, key in enumerate(keys)]
        found: dict[int, list[tuple[int, int]]] = {}
        for row, place in enumerate(places):
            if place is not None:
                found.setdefault(place[0], []).append((row, place[1]))
        for run, pairs in found.items():
            rows, theirs = np.array(pairs, dtype=np.int64).T
            self._copy(run, (index[rows], number[rows], entropy[rows]), theirs)
        missing = np.array([place is None for place in places], dtype=bool)
        return index[missing], number[missing]

    def _copy(self, run: int, ours: tuple[Ints, Ints, Words], rows: Ints) -> None:
        assert self.elsewhere
        path = str(self.elsewhere.paths[run].absolute())
        if path not in self.memo_rows:
            self.memo_rows[path] = len(self.memo_rows)
            row = {"row": self.memo_rows[path], "path": path, "fingerprint": self.plan.fingerprint}
            self.recorder.log("memo", {**row, "time": time.time()})
        theirs = (self.elsewhere.runs[run], rows, self.memo_rows[path])
        record = copied_record(*ours, theirs, self.plan)
        self.recorder.log("finished", record)
        self.note(record)
        self.tally.cached += len(rows)


def message_of(evaluation: Evaluation) -> str:
    """Why a trial has no fitness, in a line."""
    return evaluation.failure.message if evaluation.failure else evaluation.status.meaning
