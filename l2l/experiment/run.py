"""One process lifetime of a run: the steps that both loops, generational and steady-state, are made of."""

import reprlib
import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from l2l.copies import no_copies
from l2l.display.hints import typed
from l2l.errors import ContractError, TrialFailed
from l2l.experiment.alike import told
from l2l.experiment.deadline import Deadline
from l2l.experiment.interrupts import Interrupts
from l2l.experiment.pending import Pending
from l2l.experiment.plan import Plan
from l2l.experiment.progress import Heard, Progress, State
from l2l.experiment.recorder import Recorder
from l2l.experiment.scoring import score
from l2l.experiment.tally import Tally
from l2l.experiment.trials import Trials
from l2l.launcher import Launcher
from l2l.memo import Book, Elsewhere
from l2l.optimizer import Optimizer
from l2l.seeding import entropies
from l2l.space import Individuals
from l2l.stop import Stop
from l2l.values import A_NAME, Evaluation, Status, is_name

_POLL = 0.2
_SHOW_EVERY = 0.1


class Stopped(Exception):
    """The run stops before its end and can be resumed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Run:
    """The state of a run, and its steps.

    Args:
        plan: What is to be run.
        optimizer: Fresh.
        launcher: Started.
        recorder: Of the run's folder.
        elsewhere: Earlier runs, or None.
        interrupts: Looked at while waiting.
        watcher: Is told the progress.
    """

    def __init__(
        self,
        plan: Plan,
        optimizer: Optimizer,
        launcher: Launcher,
        recorder: Recorder,
        *,
        elsewhere: Elsewhere | None,
        interrupts: Interrupts,
        watcher: Heard,
    ) -> None:
        self.plan = plan
        self.optimizer = optimizer
        self.launcher = launcher
        self.recorder = recorder
        self.interrupts = interrupts
        self.watcher = watcher
        wanted = {name: plan.observables[name] for name in optimizer.observables if name in plan.observables}
        self.book = Book(plan.trials, len(plan.objectives), wanted)
        self.pending = Pending(self.book)
        self.tally = Tally(plan)
        self.trials = Trials(
            plan,
            launcher,
            recorder,
            book=self.book,
            pending=self.pending,
            tally=self.tally,
            wanted=tuple(wanted),
            elsewhere=elsewhere,
        )
        self.segment = 0
        self.events = 0
        self._generation_started = time.time()
        self._begun = self._shown = time.monotonic()
        self._deadline = Deadline(plan.stop.walltime)
        self._closing: str | None = None

    # --- ask -------------------------------------------------------------------------------------------------------

    def ask(self, n: int | None = None, ahead: int = 0) -> NDArray[np.int64]:
        """Ask the optimizer and note it; the numbers of the new individuals, none where it asks nothing.

        Args:
            n: As the optimizer's.
            ahead: So many go out before the others are prepared, where handing out notes nothing: what comes of them
                is noted behind all that was asked.
        """
        with no_copies():
            individuals = self.plan.space.gathered(self.optimizer.ask(n))
        if not len(individuals):
            return np.empty(0, dtype=np.int64)
        first = self.tally.told + len(self.pending)
        done = ahead if ahead and self.trials.silent else 0
        head, tail = individuals[:done], individuals[done:]
        numbers = self.admit(head)
        self.trials.launch(*self.trials.missing(numbers))
        numbers = np.concatenate([numbers, self.admit(tail)])
        individuals.name(head.keys + tail.keys)
        self.recorder.log(
            "asked",
            {
                "first": first,
                "columns": individuals.columns,
                "same_as": self.pending.same(numbers),
                "event": self.events,
                "time": time.time(),
            },
        )
        self.events += 1
        return numbers

    def admit(self, individuals: Individuals, same_as: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Number individuals that were asked.

        Args:
            individuals: (n,).
            same_as: As the journal has it, in replay.
        """
        plan, generation = self.plan, self.tally.standing.generations
        first = self.tally.told + len(self.pending)
        tag = generation if plan.seeding == "generation" and plan.stochastic else None
        keys = individuals.keys
        found = self.book.add(first, keys, tag)
        if plan.trials > 1:
            keys = [key for key in keys for _ in range(plan.trials)]
        repeats = np.tile(np.arange(plan.trials), len(individuals))
        words = entropies(plan.seed, plan.seeding, keys, repeats, generation)
        feasible = plan.space.feasible(individuals)
        known = found if same_as is None else same_as
        return self.pending.add(first, individuals, known, feasible, words.reshape(-1, plan.trials, 4))

    # --- run -------------------------------------------------------------------------------------------------------

    def wait(self) -> NDArray[np.int64]:
        """Bring to the disk what is due, then wait for results and note them.

        Returns:
            Numbers of the individuals of those trials that are final.

        Raises:
            Stopped: A signal came, or the walltime is over.
        """
        self.recorder.keep_up()
        final = self.trials.take(self.collect())
        self.check_time()
        if time.monotonic() - self._shown > _SHOW_EVERY:
            self.show("running")
        return final

    def collect(self) -> Sequence[Evaluation]:
        """What came back, after a short wait.

        Once we are told to stop, what fails may fail by that, and is left out: a batch system tells the programs too.
        """
        evaluations = self.launcher.collect(_POLL)
        if self.interrupts.reason:
            evaluations = [one for one in evaluations if one.status == Status.OK]
        return evaluations

    def check_time(self) -> None:
        """Stop where a signal came or time is over; once no further trial would end in time, begin none any more.

        Raises:
            Stopped: With the reason.
        """
        if self.interrupts.reason:
            raise Stopped(self.interrupts.reason)
        if why := self._deadline.over():
            raise Stopped(why)
        self._closing = self._closing or self._deadline.over(self.tally.seconds_wanted)
        if self._closing and not self.launcher.hold():
            raise Stopped(self._closing)

    # --- tell ------------------------------------------------------------------------------------------------------

    def tell(self, numbers: NDArray[np.int64], *, replayed: bool = False) -> None:
        """Tell the optimizer of complete individuals, after noting it."""
        pending = self.pending
        rows, infeasible = pending.rows(numbers), pending.infeasible_of(numbers)
        scores = score(self.plan, self.book, rows, infeasible, self.optimizer.observables)
        if not replayed:
            self.recorder.settle()
            told = {"individuals": numbers, "event": self.events}
            columns = {"fitness": scores.fitness, "spread": scores.spread, "status": scores.status}
            self.recorder.log("told", {**told, **columns})
        self.events += 1
        individuals = pending.individuals(numbers)
        costs = scores.costs if scores.costs.shape[1] > 1 else scores.costs[:, 0]
        with no_copies():
            self.optimizer.tell(individuals, costs, scores.results)
        before = self.tally.best_number
        improved = self.tally.tell(numbers, individuals, scores.costs, scores.fitness)
        if self.plan.keep == "best" and self.plan.objectives and scores.costs.shape[1] == 1:
            for number in {before, *numbers.tolist()} - {improved, self.tally.best_number, -1}:
                self.trials.drop_folders_of(number)
        pending.remove(numbers)

    def close_generation(self, *, replayed: bool = False) -> None:
        """Note that a generation is complete.

        Raises:
            TrialFailed: More trials failed than `max_failures` allows.
        """
        report = self._reported()
        if not replayed:
            self.recorder.log(
                "generation",
                {
                    "number": self.tally.standing.generations,
                    "count": self.tally.told_since,
                    "started": self._generation_started,
                    "finished": time.time(),
                    "best": self.tally.best,
                    "report": report,
                },
            )
        self.tally.close_generation({name: one.item() if one.ndim == 0 else one for name, one in report.items()})
        self._generation_started = time.time()
        if not replayed:
            self.show("running", complete=True)
            self._check_failures()

    def _reported(self) -> dict[str, NDArray[np.float64]]:
        """What the optimizer says of a generation.

        Raises:
            ContractError: It is no mapping of names to numbers; names the optimizer and the value.
        """
        report = self.optimizer.report()
        place = f"{type(self.optimizer).__name__}.report()"
        if not isinstance(report, Mapping):
            raise ContractError(f"{place}: expected a mapping of names to numbers, got {report!r}")
        numbers: dict[str, NDArray[np.float64]] = {}
        for name, value in report.items():
            if not is_name(name):
                raise ContractError(f"{place}: expected {A_NAME}, got {name!r}")
            try:
                numbers[name] = np.asarray(value, dtype=np.float64)
            except (TypeError, ValueError):
                problem = f"expected a number, or an array of numbers, got {reprlib.repr(value)}"
                raise ContractError(f"{place}: {name!r}: {problem}") from None
        return numbers

    def check_alike(self) -> None:
        """Stop, unless `max_failures` says otherwise, where nothing ever succeeded and all failed for one reason.

        Raises:
            TrialFailed: Names the reason with file and line, and how to go on.
        """
        alike, tally = self.trials.alike, self.tally
        if self.plan.max_failures is not None or tally.failures < tally.trials or not alike.all_failed:
            return
        assert alike.first is not None
        self.recorder.sync()
        trace = alike.first.failure.traceback.rstrip() if alike.first.failure else ""
        raise TrialFailed(
            f"all {alike.count} trials failed alike, {told(alike.first)}\n{trace}".rstrip() + "\n"
            "Look at the model and begin anew in another folder; where such failures are meant, go on with: "
            f"l2l resume {typed(self.plan.folder)} --set max_failures=1.0"
        )

    def _check_failures(self) -> None:
        tally, allowed = self.tally, 1.0 if self.plan.max_failures is None else self.plan.max_failures
        share = tally.failures / tally.trials if tally.trials else 0.0
        if share > allowed:
            self.recorder.sync()
            raise TrialFailed(
                f"{tally.failures} of {tally.trials} trials failed ({share:.0%}), more than max_failures "
                f"({allowed:.0%}) allows; l2l show {typed(self.plan.folder)} --failures lists them"
            )

    def why_stop(self) -> str | None:
        """The rule that ends the run now, or None."""
        goals = Stop.goals(self.plan.objectives, self.plan.weights is not None)
        return self.plan.stop.reached(self.tally.standing, goals)

    # --- show ------------------------------------------------------------------------------------------------------

    def show(self, state: State, *, complete: bool = False, message: str = "") -> None:
        """Tell the watcher where the run stands."""
        self._shown = time.monotonic()
        if not self.watcher:
            return
        own = self.pending.simulated(self.pending.numbers)
        tally, standing = self.tally, self.tally.standing
        self.watcher(
            Progress(
                state,
                generation=standing.generations - complete,
                generations=self.plan.stop.generations,
                done=int(self.book.known(own).sum()),
                total=len(own) * self.plan.trials,
                individuals=standing.individuals,
                trials=tally.trials,
                simulated=tally.simulated,
                cached=tally.cached,
                failures=tally.failures,
                best=tuple(tally.best.tolist()),
                best_individual=tally.best_individual,
                course=tuple(tally.course),
                report=tally.report,
                seconds=self._shown - self._begun,
                complete=complete,
                message=message,
            )
        )
