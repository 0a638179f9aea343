"""A run that is followed: its journal is read as it grows, and no record twice."""

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from l2l import document
from l2l.display.hints import relative, typed
from l2l.errors import L2LError, StorageError
from l2l.journal import Position, read_journal
from l2l.journal import files as journal_files
from l2l.lock import holder
from l2l.schema import Layout
from l2l.spread import Spread
from l2l.stop import Stop
from l2l.trajectory.reading import Busy
from l2l.trajectory.records import together
from l2l.values import Objective
from l2l.watch.archived import tally_of
from l2l.watch.tally import WANTED, Cause, Machine, Tally

_SMALL_JOURNAL = 2**25
"""Bytes of a journal that is read from its beginning, in a fraction of a second, so that the archive is left alone."""
_PATIENCE = 0.3
"""Seconds for which a commit to the archive is waited for, before the journal alone is read."""
_WINDOW = 30.0
"""Seconds over which the rate is taken, as in the progress of `l2l run`."""
_LEAST = 2.0
"""Seconds of watching before the rate is that which was seen, and no longer that of the run so far."""

State = Literal["not begun", "running", "finished", "stopped", "killed", "unreadable"]


@dataclass(frozen=True, slots=True)
class View:
    """Where a run stands.

    Args:
        name: Of the folder, as a user knows it.
        state: In a word.
        why: Who leads it, why it ended, or what is wrong with it.
        begun: Whether it is known what is run.
        objectives: What is optimized; empty where nothing is, or nothing is known.
        generations: The last complete ones.
        count: Complete generations.
        limit: Generations after which a rule ends the run; None where none does.
        done: Trials of the generation under way that are over.
        total: Trials of the generation under way.
        best: Best fitness so far, a number per objective; NaN for none.
        front: Individuals on the Pareto front; 0 with one objective.
        trials: Trials that are over, cached ones from earlier runs included.
        failed: Of these without a fitness.
        cached: Trials that were not simulated, as equal individuals or earlier runs have them.
        running: Trials that run now; None where nobody knows.
        waiting: Trials that were asked and do not run yet.
        validated: Fresh trials of the winners that are over.
        rate: Trials per second; 0.0 where nothing is known.
        elapsed: Seconds in which the run was led.
        left: Seconds until the rules end the run; None where nobody knows.
        at_most: Whether a rule may end the run earlier.
        left_here: Seconds until the generation under way is complete; None where nobody knows.
        core_hours: Spent in simulations.
        core_hours_left: Until the rules end the run; None where nobody knows.
        machines: How busy the workers are.
        causes: Of failures, the newest first.
    """

    name: str
    state: State
    why: str = ""
    begun: bool = False
    objectives: tuple[Objective, ...] = ()
    generations: tuple[Spread, ...] = ()
    count: int = 0
    limit: int | None = None
    done: int = 0
    total: int = 0
    best: tuple[float, ...] = ()
    front: int = 0
    trials: int = 0
    failed: int = 0
    cached: int = 0
    running: int | None = None
    waiting: int = 0
    validated: int = 0
    rate: float = 0.0
    elapsed: float = 0.0
    left: float | None = None
    at_most: bool = False
    left_here: float | None = None
    core_hours: float = 0.0
    core_hours_left: float | None = None
    machines: tuple[Machine, ...] = ()
    causes: tuple[Cause, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing more will come, unless somebody goes on with the run."""
        return self.state in ("finished", "stopped", "killed", "unreadable")


class Follower:
    """Follows a run by its folder.

    Args:
        folder: Of the run; it need not be there yet.
        archive: Of the run, where it does not stand in its folder under its own name.
        small: Bytes of a journal that is read from its beginning, and the archive left alone.

    Example:
        >>> run = Follower(Path("runs/brunel"))
        >>> run.look().trials
    """

    def __init__(self, folder: Path, archive: Path | None = None, small: int = _SMALL_JOURNAL) -> None:
        self.folder = folder
        self._small = small
        self._archive = archive or folder / "trajectory.h5"
        self._alone = archive is not None and archive.name != "trajectory.h5"
        self._journal = folder / "journal"
        self._tally: Tally | None = None
        self._position: Position | None = None
        self._source: tuple[Any, ...] = ()
        self._seen: deque[tuple[float, int]] = deque()
        self._rules: tuple[str, Stop, int | None] = ("", Stop(), None)

    def look(self) -> View:
        """Take in what is new; where the run stands now. What is wrong with the folder is said in the view."""
        name = relative(self._archive if self._alone else self.folder)
        try:
            # Asked first: a leader that ends meanwhile leaves its last words behind, and they are read below.
            leader = None if self._alone else holder(self.folder)
            self._read()
        except L2LError as error:
            return View(name, "unreadable", str(error))
        if self._tally is None:
            why = f"{leader} begins it" if leader else "nothing is there yet"
            return View(name, "not begun", why)
        state, why = self._state(self._tally, str(leader) if leader else "")
        return self._view(self._tally, name, state, why)

    # --- reading -------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Bring the tally to where the folder stands.

        Raises:
            StorageError: What is there is damaged, or of another format.
        """
        for _ in range(3):  # a run may be finished, or be extended, while it is read
            source = self._source_now()
            if source != self._source:
                self._begin(source)
            if not source or source[0] != "journal":
                return
            self._follow()
            if self._source_now() == source:
                return

    def _source_now(self) -> tuple[Any, ...]:
        """From what the run is read: another one than before where the file is another one."""
        kinds = [("archive", self._archive)]
        if not self._alone and (found := journal_files(self._journal)):
            kinds.insert(0, ("journal", next(iter(found.values()))))
        for kind, path in kinds:
            try:
                status = path.stat()
            except OSError:
                continue
            changed = status.st_mtime_ns if kind == "archive" else 0  # a journal grows, and stays the same one
            return kind, status.st_dev, status.st_ino, changed
        return ()

    def _begin(self, source: tuple[Any, ...]) -> None:
        """Read from the beginning: a long journal from where the archive ends."""
        self._tally, self._position = None, None
        self._seen.clear()
        if not source:
            self._source = source
            return
        lives = source[0] == "journal"
        if not lives or self._is_long():
            try:
                self._tally, self._position, _ = tally_of(self._archive, _PATIENCE)
            except Busy:
                if not lives:
                    raise self._busy() from None
            except L2LError:
                if not lives:
                    raise
        self._source = source

    def _busy(self) -> StorageError:
        return StorageError(f"{self._archive}: another program is writing to it; look again later")

    def _is_long(self) -> bool:
        if not self._archive.exists():
            return False
        size = 0
        for path in journal_files(self._journal).values():
            try:
                size += path.stat().st_size
            except OSError:
                return False
        return size > self._small

    def _follow(self) -> None:
        """Take the journal's records behind the last one that was taken."""
        for position, kind, data in read_journal(self._journal, self._position, WANTED):
            with together(self._journal):
                if self._tally is None:
                    if kind != "run":
                        raise ValueError(f"its first record should say what the run is of, got {kind!r}")
                    self._tally = Tally(Layout(data))
                else:
                    self._tally.add(kind, data)
            self._position = position
        if self._tally is not None:
            with together(self._journal):
                self._tally.settle()

    # --- what follows from it --------------------------------------------------------------------------------------

    def _state(self, tally: Tally, leader: str) -> tuple[State, str]:
        small = tally.small
        if small.finished:
            return "finished", small.reason
        if leader:
            return "running", leader
        if small.reason:
            return "stopped", small.reason.partition("\n")[0]
        return "killed", f"go on with: l2l resume {typed(self.folder)}"

    def _view(self, tally: Tally, name: str, state: State, why: str) -> View:
        stop, workers = self._rules_of(tally)
        lives = state == "running"
        machines = tuple(tally.machines())
        outstanding = tally.outstanding
        at_once = workers or sum(one.workers for one in machines)
        running = (min(outstanding, at_once) if at_once else None) if lives else 0
        elapsed = self._elapsed(tally, lives)
        rate = self._rate(tally, elapsed, lives)
        trials_left = _trials_left(tally, stop)
        left, core_hours_left = None, None
        if state not in _OVER and trials_left is not None:
            left = trials_left / rate if rate > 0 else None
            each = tally.core_seconds / tally.simulated if tally.simulated else None
            core_hours_left = trials_left * each / 3600 if each is not None else None
        if lives and stop.walltime is not None:
            until = max(0.0, stop.walltime - (time.time() - tally.begun_at))
            left = until if left is None else min(left, until)
        done, total = tally.open_trials
        return View(
            name,
            state,
            why,
            begun=True,
            objectives=tally.layout.objectives,
            generations=tuple(tally.generations),
            count=tally.generation_count,
            limit=stop.generations,
            done=done,
            total=total,
            best=tuple(tally.best.tolist()),
            front=len(tally.front),
            trials=tally.trials,
            failed=tally.failed,
            cached=tally.cached,
            running=running,
            waiting=outstanding - (running or 0) if state not in _OVER else 0,
            validated=tally.validated,
            rate=rate,
            elapsed=elapsed,
            left=left if lives else None,
            at_most=stop.target is not None or stop.stagnation is not None,
            left_here=outstanding / rate if lives and rate > 0 and outstanding else None,
            core_hours=tally.core_seconds / 3600,
            core_hours_left=core_hours_left,
            machines=machines,
            causes=tuple(reversed(tally.causes.values())),
        )

    def _elapsed(self, tally: Tally, lives: bool) -> float:
        until = time.time() if lives else tally.news
        here = until - tally.begun_at
        return tally.earlier_seconds + (max(0.0, here) if math.isfinite(here) else 0.0)

    def _rate(self, tally: Tally, elapsed: float, lives: bool) -> float:
        """Trials per second: those that came while this process watched; before, those of the run so far."""
        now = time.monotonic()
        self._seen.append((now, tally.trials))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW:
            self._seen.popleft()
        seconds = now - self._seen[0][0]
        came = tally.trials - self._seen[0][1]
        if lives and seconds >= _LEAST and came:
            return came / seconds
        return tally.trials / elapsed if elapsed > 0 else 0.0

    def _rules_of(self, tally: Tally) -> tuple[Stop, int | None]:
        """Stop rules and number of workers, as the last segment has them."""
        said = tally.small.last_segment.get("experiment") or tally.layout.run["experiment"]
        if said != self._rules[0]:
            self._rules = (said, *_rules(said, self.folder))
        return self._rules[1:]


_OVER = ("finished", "unreadable", "not begun")
"""States in which a run has nothing left to do that could be counted."""


def _rules(experiment: str, folder: Path) -> tuple[Stop, int | None]:
    """Stop rules and number of workers, where an experiment says them."""
    try:
        said = document.parse(experiment, folder / "experiment.yaml").data
        launcher = said.get("launcher")
        workers = launcher.get("workers") if isinstance(launcher, Mapping) else None
        return Stop.of(said.get("stop")), workers if isinstance(workers, int) and workers > 0 else None
    except (L2LError, AttributeError):  # of another version, whose rules are not known here
        return Stop(), None


def _trials_left(tally: Tally, stop: Stop) -> int | None:
    """The most trials that the rules still allow; None where they name no number."""
    each = tally.trials_each
    limits: list[int] = []
    if stop.individuals is not None:
        limits.append(stop.individuals)
    if stop.trials is not None:
        limits.append(-(-stop.trials // each))
    if stop.generations is not None:
        size = tally.last_count or len(tally.open) or tally.layout.run["population"]
        limits.append(tally.closed + (stop.generations - tally.generation_count) * size)
    if not limits:
        return None
    over = len(tally.open) * each - tally.outstanding
    return max(0, (min(limits) - tally.told) * each - over)
