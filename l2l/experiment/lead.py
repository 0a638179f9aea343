"""The leader of a run: opens its folder, resumes what it holds, runs the loop, and leaves all of it on the disk."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from l2l import document
from l2l.archive import Archive, records_of
from l2l.display.hints import typed
from l2l.errors import ChangedOptimizee, StorageError, UserError, storage_error
from l2l.experiment.changes import (
    IN_PYTHON,
    aggregate_of,
    alone,
    check_as_loaded,
    check_same_aggregate,
    check_unchanged,
    keep_source,
    other_packages,
    set_aside,
)
from l2l.experiment.experiment import Experiment
from l2l.experiment.folder import cleared, taken_folder, unmark
from l2l.experiment.identity import check_same, resolved
from l2l.experiment.interrupts import Interrupts
from l2l.experiment.loops import generational, steady
from l2l.experiment.plan import Plan
from l2l.experiment.presence import Presence
from l2l.experiment.presence import remove as remove_presence
from l2l.experiment.progress import Heard, Progress, Watcher
from l2l.experiment.recorder import Recorder
from l2l.experiment.replay import Past, bury, load, replay
from l2l.experiment.run import Run, Stopped
from l2l.experiment.validation import validate
from l2l.files import sync_folder
from l2l.journal import Journal, remove_journal
from l2l.journal import files as journal_files
from l2l.launcher import Description
from l2l.lock import RunLock
from l2l.memo import Elsewhere
from l2l.optimizer import Optimizer
from l2l.provenance import Fingerprint, environment, fingerprint, versions
from l2l.stop import Standing, Stop
from l2l.trajectory import Trajectory
from l2l.trajectory.records import checked_records

FORMAT = "l2l-trajectory"


def lead(
    experiment: Experiment, watcher: Watcher | None, *, accept_changes: bool, adopt: bool, fresh: bool = False
) -> Trajectory:
    """Run an experiment in its folder; see `Experiment.run`."""
    if os.environ.get("L2L_WORKER"):
        raise UserError(
            "Experiment.run was called while an evaluating process imported this file; "
            'guard it with: if __name__ == "__main__":'
        )
    folder = experiment.directory.absolute()
    print_of = fingerprint(experiment.optimizee)
    check_as_loaded(print_of, folder)
    aggregate = aggregate_of(experiment)
    if aggregate is not None:
        check_as_loaded(aggregate, folder)
    if fresh:
        set_aside(folder)
    with taken_folder(folder), RunLock(folder), cleared(folder), Interrupts() as interrupts, _one_blas_thread():
        begun = _begun(folder)
        if begun is not None:
            check_same(experiment, document.parse(begun["experiment"], folder / "experiment.yaml").data, folder)
            if not accept_changes:
                check_unchanged(begun, print_of, folder)
                check_same_aggregate(begun, aggregate, folder)
            if begun["over"] and journal_files(folder / "journal"):
                _complete(Archive(folder), folder)
            if is_over(experiment, folder):
                _tidy(folder)
                return Trajectory(folder)
        session = _Session(experiment, folder, print_of, aggregate, begun, interrupts, Heard(watcher))
        reason = session.run(accept_changes, adopt)
    if reason == "Ctrl-C":
        interrupt = KeyboardInterrupt()
        interrupt.add_note(f"nothing that was finished is lost; the same again, or l2l resume {typed(folder)}, goes on")
        raise interrupt
    return Trajectory(folder)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Other numbers of threads give other last bits."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def _begun(folder: Path) -> dict[str, Any] | None:
    """How the run in a folder began, with the fingerprint of its last segment, and whether that ended as `over`.

    Returns:
        None for a new folder.

    Raises:
        StorageError: What is there is damaged: that is no new folder.
    """
    begun: dict[str, Any] | None = None
    for kind, data in _records(folder):
        if begun is None:
            begun = {**data, "over": False}
        elif kind == "segment":
            begun |= {name: data[name] for name in ("fingerprint", "parts")}
            begun |= {name: data.get(name, {}) for name in ("texts", "packages", "aggregate")}
            begun["over"] = False
        elif kind == "stopped":
            begun["over"] = bool(data["finished"])
    return begun


def _records(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the folder's journal has, or else its archive; the first record says what the run is of."""
    if journal_files(folder / "journal"):
        yield from ((kind, data) for _, kind, data in checked_records(folder / "journal"))
    elif (folder / "trajectory.h5").exists():
        yield from records_of(folder / "trajectory.h5")


def _complete(archive: Archive, folder: Path) -> None:
    """Bring a run that is finished by its journal to its end: the archive has all, and the journal goes.

    Raises:
        StorageError: The disk refuses; the journal stays, and the next leader does the same.
    """
    archive.finish()
    remove_journal(folder / "journal")
    _tidy(folder)


def is_over(experiment: Experiment, folder: Path) -> bool:
    """Whether the run is finished and would not go on under the experiment's rules."""
    if journal_files(folder / "journal"):
        return False
    run = Trajectory(folder)
    if not run.finished:
        return False
    if rules := experiment.validation:
        wanted = len(run.ranked(rules.best)) * rules.trials
        if len(run.validation) < wanted:
            return False
    return run.reason.startswith("optimizer: ") or _standing_reached(experiment, run)


def _tidy(folder: Path) -> None:
    """Remove what a finished run needs no longer, and what a kill may have left of it; what stays does no harm."""
    shutil.rmtree(folder / "journal.removed", ignore_errors=True)
    with suppress(OSError):
        (folder / "trajectory.before.h5").unlink(missing_ok=True)
    remove_presence(folder)
    unmark(folder)


def _standing_reached(experiment: Experiment, run: Trajectory) -> bool:
    standing = Standing(
        generations=len(run.generations),
        individuals=len(run.individuals),
        trials=len(run.individuals) * experiment.trials_per_individual,
        best=run.best_cost,
        stagnant=run.stagnant,
    )
    goals = Stop.goals(experiment.optimizee.objectives, experiment.weights is not None)
    return experiment.stop.reached(standing, goals) is not None


@dataclass(frozen=True, slots=True)
class _Session:
    """One process lifetime of a run's leader.

    Args:
        experiment: To be run.
        folder: Its folder, absolute.
        print_of: The optimizee's fingerprint, without its version.
        aggregate: What the experiment's own function computes that makes one cost of several trials, or None.
        begun: How the run in the folder began, or None.
        interrupts: Looked at while waiting.
        watcher: Is told the progress, or None.
    """

    experiment: Experiment
    folder: Path
    print_of: Fingerprint
    aggregate: Fingerprint | None
    begun: dict[str, Any] | None
    interrupts: Interrupts
    watcher: Heard

    def run(self, accept_changes: bool, adopt: bool) -> str:
        """All of it; the reason of its end."""
        remarks = [other_packages(self.begun or {}, self.print_of), alone(self.experiment)]
        self.watcher(Progress("starting", message="\n".join(filter(None, remarks))))
        over: list[str] = []
        try:
            return self._run(accept_changes, adopt, over)
        except KeyboardInterrupt:
            if not over:
                raise
            return over[0]  # it came behind the end, and interrupted nothing

    def _run(self, accept_changes: bool, adopt: bool, over: list[str]) -> str:
        experiment = self.experiment
        with ExitStack() as stack:
            launcher = stack.enter_context(experiment.launcher_for())
            launcher.start(experiment.optimizee, experiment.resources, self.folder)
            import_module("h5py")  # which the archive needs, while the workers come up
            with self.interrupts.at_once():
                said = launcher.describe()
            plan, optimizer = self._plan(said)
            if launcher.whole_generation and plan.steady_state:
                raise UserError(
                    f"launcher: {type(launcher).__name__} runs whole generations; the optimizer is steady-state"
                )
            self._check_version(plan, said, accept_changes)
            self._restore_journal()
            journal = stack.enter_context(Journal(self.folder / "journal"))
            presence = stack.enter_context(closing(Presence(self.folder, launcher)))
            run = Run(
                plan,
                optimizer,
                launcher,
                Recorder(journal, Archive(self.folder), self.interrupts.held, presence.keep_up),
                elsewhere=self._elsewhere(plan),
                interrupts=self.interrupts,
                watcher=self.watcher,
            )
            past = load(run, self.folder / "journal")
            self._begin(run, past, said)
            return self._carry_out(run, past, adopt, over)

    def _plan(self, said: Description) -> tuple[Plan, Optimizer]:
        experiment = self.experiment
        optimizee = experiment.optimizee
        space = experiment.narrowed(said.space)
        optimizer = experiment.optimizer_for(space)
        plan = Plan(
            folder=self.folder,
            space=space,
            objectives=tuple(optimizee.objectives),
            observables=dict(optimizee.observables),
            stochastic=optimizee.stochastic,
            fingerprint=self.print_of.with_version(said.version),
            trials=experiment.trials_per_individual,
            seed=experiment.seed,
            seeding=experiment.seeding,
            aggregate=experiment.aggregate,
            weights=experiment.weight_list(optimizer),
            stop=experiment.stop,
            resources=experiment.resources,
            on_failure=experiment.on_failure,
            retries=experiment.retries,
            max_failures=experiment.max_failures,
            keep=experiment.keep,
            validate=experiment.validation,
            population=optimizer.population,
            steady_state=optimizer.steady_state,
        )
        return plan, optimizer

    def _check_version(self, plan: Plan, said: Description, accept: bool) -> None:
        if self.begun and self.begun["fingerprint"] != plan.fingerprint and not accept:
            raise ChangedOptimizee(
                f"{self.folder}: the optimizee's version() says {said.version!r}, which is another one than when this "
                "run began.",
                *IN_PYTHON,
            )

    def _restore_journal(self) -> None:
        """Turn the archive of a finished run that is extended back into a journal, and set it aside."""
        folder, archive = self.folder / "journal", self.folder / "trajectory.h5"
        if self.begun is None or journal_files(folder):
            return
        partial = self.folder / "journal.partial"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(partial, ignore_errors=True)
            with Journal(partial) as journal:
                for kind, data in records_of(archive):
                    journal.append(kind, data)
                journal.sync()
            partial.rename(folder)
            sync_folder(self.folder)
            archive.rename(self.folder / "trajectory.before.h5")
        except OSError as error:
            raise storage_error(folder, "restore", error) from None

    def _elsewhere(self, plan: Plan) -> Elsewhere | None:
        paths = self.experiment.memo
        if not paths:
            return None
        resources = (plan.resources.ranks, plan.resources.threads)
        return Elsewhere(paths, plan.fingerprint, plan.stochastic, resources, self.print_of.parts)

    def _begin(self, run: Run, past: Past, said: Description) -> None:
        """Record what is run, and by what."""
        plan = run.plan
        notes = [*self.print_of.notes, *keep_source(self.experiment.optimizee, self.folder)]
        data = resolved(self.experiment, self.folder)
        document.write(self.folder / "experiment.yaml", data)
        if self.begun is None:
            run.recorder.log("run", _description_of(plan, data) | {"parts": dict(self.print_of.parts)})
        run.segment = past.segments
        run.trials.memo_rows = dict(past.memos)
        aggregate = self.aggregate
        place = environment((dict(aggregate.sources) if aggregate else {}) | dict(self.print_of.sources))
        run.recorder.log(
            "segment",
            {
                "number": run.segment,
                **place,
                "versions": place["versions"] | dict(self.print_of.packages) | said.versions,
                "fingerprint": plan.fingerprint,
                "parts": dict(self.print_of.parts),
                "texts": dict(self.print_of.texts),
                "packages": dict(self.print_of.packages),
                "aggregate": {"parts": dict(aggregate.parts), "texts": dict(aggregate.texts)} if aggregate else {},
                "notes": notes,
                "version": said.version,
                "experiment": document.dump(data),
            },
        )
        run.recorder.sync()

    def _carry_out(self, run: Run, past: Past, adopt: bool, over: list[str]) -> str:
        finished = True
        try:
            try:
                reason = self._loop(run, past, adopt)
            except Stopped as stopped:
                reason, finished = stopped.reason, False
        except StorageError as error:
            # Where the disk takes so little still: no trial that was running is to blame for this end.
            with suppress(StorageError), self.interrupts.held:
                run.recorder.journal.append("stopped", self._said_of_end(run, str(error), finished=False))
            raise
        except BaseException as error:
            self._end(run, f"{type(error).__name__}: {error}")
            raise
        if finished:
            self._finish(run, reason, over)
        else:
            self._end(run, reason)
        return reason

    def _loop(self, run: Run, past: Past, adopt: bool) -> str:
        """From the frontier to the end of the run; why it ends."""
        replay(run, self.folder / "journal", adopt)
        bury(run, past.killers)
        run.show("running")
        reason = (steady if run.plan.steady_state else generational)(run)
        if run.optimizer.finished == reason:
            reason = f"optimizer: {reason}"
        if run.plan.validate:
            validate(run, past)
        return reason

    def _end(self, run: Run, reason: str) -> None:
        """Leave a run that goes on another time: its end is noted, and all of it archived, whatever is raised.

        It is noted behind the workers' end: where a rank died and takes the MPI job along, this process is told to
        stop as by a user, and then killed while it waits for that rank. Without a note this counts as no clean end, and
        a trial that does so twice is known by it.
        """
        try:
            run.show("stopping", message=reason)
            run.launcher.stop()
        finally:
            self._note_end(run, reason, finished=False)
            run.recorder.commit(force=True)
        run.show("stopped", message=reason)

    def _finish(self, run: Run, reason: str, over: list[str]) -> None:
        """Finish a run in one step, the record in the journal; nothing that is raised behind it undoes it.

        Args:
            run: At its end.
            reason: Why it ends.
            over: Takes the reason once the run is finished.
        """
        try:
            with self.interrupts.held:
                self._note_end(run, reason, finished=True)
                over.append(reason)
            run.show("stopping", message=reason)
            run.launcher.stop()
        finally:
            if over:
                with self.interrupts.held:
                    archive = run.recorder.archive
                    run.recorder.journal.check_place()
                    run.recorder.journal.close()
                    _complete(archive, self.folder)
        run.show("finished", message=reason)

    def _note_end(self, run: Run, reason: str, *, finished: bool) -> None:
        run.recorder.log("stopped", self._said_of_end(run, reason, finished=finished))
        run.recorder.sync()

    def _said_of_end(self, run: Run, reason: str, *, finished: bool) -> dict[str, Any]:
        return {"segment": run.segment, "reason": reason, "finished": finished, "time": time.time()}


def _description_of(plan: Plan, data: dict[str, Any]) -> dict[str, Any]:
    observables = {
        name: {"shape": list(one.shape), "dtype": str(one.dtype), "unit": one.unit, "ragged": one.ragged}
        for name, one in plan.observables.items()
    }
    return {
        "format": FORMAT,
        "l2l": versions()["l2l"],
        "experiment": document.dump(data),
        "seed": plan.seed,
        "fingerprint": plan.fingerprint,
        "space": plan.space.to_dict(),
        "objectives": [[one.name, one.maximize, one.unit] for one in plan.objectives],
        "observables": observables,
        "stochastic": plan.stochastic,
        "trials": plan.trials,
        "seeding": plan.seeding,
        "steady_state": plan.steady_state,
        "population": plan.population,
    }
