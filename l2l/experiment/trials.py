"""Trials on their way: handed out, repeated where the policy says so, and noted when they are back."""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from l2l.errors import TrialFailed
from l2l.experiment.alike import Alike
from l2l.experiment.columns import copied_record, finished_record
from l2l.experiment.pending import Pending, TrialId
from l2l.experiment.plan import Plan
from l2l.experiment.recorder import Recorder
from l2l.experiment.tally import Tally
from l2l.launcher import Launcher
from l2l.memo import Book, Elsewhere
from l2l.values import Evaluation, Failure, Status, Trial, trial_directory

RETRIED = (Status.CRASHED, Status.TIMEOUT)
FAILURES = (Status.FAILED, Status.CRASHED, Status.TIMEOUT, Status.OUT_OF_MEMORY)
_LOST_LIMIT = 10


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
        self.flight: dict[TrialId, Trial] = {}
        self.memo_rows: dict[str, int] = {}
        self.guarded = "crash" in launcher.guards
        self.silent = self.guarded and not plan.steady_state and elsewhere is None  # handing out notes nothing
        self.alike = Alike()
        self._lost: dict[TrialId, int] = {}
        self._attempts: dict[TrialId, int] = {}

    # --- going out -------------------------------------------------------------------------------------------------

    def missing(self, numbers: Iterable[int]) -> Iterator[TrialId]:
        """Those trials of these individuals that must still be run; what earlier runs have is taken from there."""
        own = self.pending.simulated(numbers)
        rows, trials = np.nonzero(np.logical_not(self.book.known(own)))
        todo: Iterator[TrialId] = zip(own[rows].tolist(), trials.tolist(), strict=True)
        if self.flight:
            flight = set(self.flight)
            todo = (one for one in todo if one not in flight)
        return iter(self._from_elsewhere(list(todo))) if self.elsewhere else todo

    def launch(self, todo: Sequence[TrialId]) -> None:
        """Hand trials to the launcher."""
        if not todo:
            return
        individuals, seed = self.pending.individuals, self._seed
        root, resources = self.plan.folder / "trials", self.plan.resources
        attempt = self._attempts.get
        self._submit(
            [Trial(individuals[one[0]], one[1], seed(one), one[0], attempt(one, 0), resources, root) for one in todo]
        )

    def _seed(self, trial: TrialId) -> int:
        return int.from_bytes(self.pending.entropy(trial), "little")

    def _submit(self, trials: list[Trial]) -> None:
        for trial in trials:
            self.flight[trial.id] = trial
        if trials and (self.plan.steady_state or not self.guarded):
            names = ("index", "number", "attempt")
            started = {name: np.array([getattr(one, name) for one in trials], dtype=np.int64) for name in names}
            self.recorder.log("started", {**started, "guarded": self.guarded, "time": time.time()})
        self.launcher.submit(trials)

    # --- coming back -----------------------------------------------------------------------------------------------

    def take(self, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
        """Note what came back; those that are final.

        Raises:
            TrialFailed: Under `on_failure="raise"`, or where a trial is lost again and again.
        """
        noted: list[Evaluation] = []
        trials: list[Trial] = []
        final: list[bool] = []
        again: list[Trial] = []
        for evaluation in evaluations:
            trial = self.flight.pop(evaluation.id, None)
            if trial is None:
                continue  # a second result of the same trial
            repeated = None if evaluation.status == Status.OK else self.repeated(evaluation, trial)
            if repeated:
                again.append(repeated)
            noted.append(evaluation)
            trials.append(trial)
            final.append(repeated is None)
        if not noted:
            return []
        record = finished_record(noted, trials, final, self.plan)
        self.recorder.log("finished", record)
        self.note(record)
        self.tally.simulated += sum(final)
        done = [evaluation for evaluation, is_final in zip(noted, final, strict=True) if is_final]
        self.alike.note(done)
        self.drop_folders(noted)
        self._submit(again)
        if self.plan.on_failure == "raise":
            self._raise_first(done)
        return done

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
        self.flight[trial] = Trial(self.pending.individuals[index], number, self._seed(trial), index)
        failed = Evaluation(index, number, status=status, started=time.time(), failure=Failure(message))
        self.take([failed])

    def repeated(self, evaluation: Evaluation, trial: Trial) -> Trial | None:
        """The next attempt of a trial whose result does not count; None where it does.

        Raises:
            TrialFailed: It is lost again and again.
        """
        attempt = trial.attempt
        if evaluation.status == Status.LOST:
            lost = self._lost[trial.id] = self._lost.get(trial.id, 0) + 1
            if lost >= _LOST_LIMIT:
                raise TrialFailed(f"trial {trial.index}-{trial.number} was lost {lost} times: {message_of(evaluation)}")
        elif evaluation.status in RETRIED and attempt < self.plan.retries:
            attempt += 1
        else:
            return None
        return Trial(
            trial.individual,
            trial.number,
            trial.entropy,
            trial.index,
            attempt,
            resources=trial.resources,
            root=trial.root,
            validation=trial.validation,
        )

    def _raise_first(self, done: Sequence[Evaluation]) -> None:
        for evaluation in done:
            if evaluation.status in FAILURES:
                self.recorder.sync()
                trace = f"\n{evaluation.failure.traceback}" if evaluation.failure else ""
                raise TrialFailed(
                    f"trial {evaluation.number} of individual {evaluation.index} "
                    f"({self.pending.individuals.get(evaluation.index)!r}) {evaluation.status.name}: "
                    f"{message_of(evaluation)}{trace}"
                )

    # --- private folders -------------------------------------------------------------------------------------------

    def drop_folders(self, done: Sequence[Evaluation]) -> None:
        """Remove the private folders of trials that are over and need not stay."""
        keep = self.plan.keep
        for one in done:
            if one.used_directory and (keep == "none" or (keep == "failures" and one.status == Status.OK)):
                path = trial_directory(self.plan.folder / "trials", one.index, one.number, one.attempt)
                shutil.rmtree(path, ignore_errors=True)

    def drop_folders_of(self, number: int) -> None:
        """Remove the private folders of an individual."""
        root = self.plan.folder / "trials"
        for trial, attempt in product(range(self.plan.trials), range(self.plan.retries + 1)):
            shutil.rmtree(trial_directory(root, number, trial, attempt), ignore_errors=True)

    # --- earlier runs ----------------------------------------------------------------------------------------------

    def _from_elsewhere(self, todo: list[TrialId]) -> list[TrialId]:
        """What earlier runs do not have; what they have is copied."""
        assert self.elsewhere
        missing: list[TrialId] = []
        found: dict[int, list[tuple[TrialId, int]]] = {}
        for index, number in todo:
            place = self.elsewhere.find(self.pending.individuals[index], self.pending.entropy((index, number)))
            if place is None:
                missing.append((index, number))
            else:
                found.setdefault(place[0], []).append(((index, number), place[1]))
        for run, pairs in found.items():
            self._copy(run, pairs)
        return missing

    def _copy(self, run: int, pairs: list[tuple[TrialId, int]]) -> None:
        assert self.elsewhere
        path = str(self.elsewhere.paths[run].absolute())
        if path not in self.memo_rows:
            self.memo_rows[path] = len(self.memo_rows)
            row = {"row": self.memo_rows[path], "path": path, "fingerprint": self.plan.fingerprint}
            self.recorder.log("memo", {**row, "time": time.time()})
        ids = [one for one, _ in pairs]
        entropy = np.frombuffer(b"".join(map(self.pending.entropy, ids)), dtype="<u4").reshape(-1, 4)
        rows = np.array([row for _, row in pairs], dtype=np.int64)
        theirs = (self.elsewhere.runs[run], rows, self.memo_rows[path])
        record = copied_record(ids, entropy, theirs, self.plan)
        self.recorder.log("finished", record)
        self.note(record)
        self.tally.cached += len(ids)


def message_of(evaluation: Evaluation) -> str:
    """Why a trial has no fitness, in a line."""
    return evaluation.failure.message if evaluation.failure else evaluation.status.meaning
