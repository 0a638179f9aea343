"""The chain of jobs: each submits its successor as it begins, and takes it back where there is nothing left to do.

What becomes of it stands in `submit/chain.jsonl` of the run's folder, an event a line: which jobs were submitted, and
how many trials were finished when each began. So a job whose predecessor was killed sees whether that one got anywhere.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l2l.errors import L2LError, NotFoundError, RunFailed, storage_error
from l2l.experiment.folder import claim_folder, make_folder
from l2l.experiment.interrupts import Interrupts
from l2l.files import open_log
from l2l.lock import holder
from l2l.submit.system import System, inside, of_name
from l2l.trajectory import Trajectory

_RESUMABLE = 75
_FAILED = 1

Say = Callable[[str], None]


class Record:
    """The events of a run's chain.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "submit" / "chain.jsonl"

    def add(self, event: str, job: str, **more: str | int | None) -> None:
        """Append an event.

        Raises:
            StorageError: It cannot be written.
        """
        line = json.dumps({"event": event, "job": job, **more, "time": round(time.time(), 3)}) + "\n"
        try:
            if not self.path.parent.exists():
                # The chain notes its first job before the run has begun, so the folder becomes the run's here.
                make_folder(self.path.parent.parent)
                claim_folder(self.path.parent.parent)
                self.path.parent.mkdir(exist_ok=True)
            torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
            with open_log(self.path) as file:
                file.write(("\n" * torn + line).encode())
        except OSError as error:
            raise storage_error(self.path, "write to", error) from error

    def events(self, event: str, job: str | None = None) -> list[dict[str, Any]]:
        """Events of a kind, in order, of a job or of all; a line that a kill left half written is none."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(self.path, "read", error) from error
        found = [one for line in lines if isinstance(one := _parsed(line), dict)]
        return [one for one in found if one.get("event") == event and job in (None, one.get("job"))]

    def living(self) -> str | None:
        """A job of this run that waits or runs, as far as its batch system says so."""
        gone = {one["job"] for one in self.events("cancelled")}
        for one in reversed(self.events("submitted")):
            if one["job"] not in gone and of_name(one["system"]).lives(one["job"]):
                return str(one["job"])
        return None


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def trials_finished(folder: Path) -> tuple[int, bool]:
    """How many trials of a run are over, and whether the run was finished when it ended last."""
    try:
        run = Trajectory(folder)
    except NotFoundError:
        return 0, False
    return len(run.trials) + run.pending["trials"] + len(run.validation), run.finished


def submit_first(system: System, script: Path, folder: Path) -> str:
    """Submit the first job of a chain; returns its number.

    Raises:
        RunFailed: The batch system refuses it.
    """
    job = system.submit(script)
    Record(folder).add("submitted", job, system=system.name, number=1)
    return job


def chained(folder: Path, script: Path, most: int, run: Callable[[], int], say: Say) -> int:
    """Run an experiment as one of a chain of jobs; returns the exit code.

    A signal that comes while the batch system is asked ends nothing half.

    Args:
        folder: Of the run.
        script: Of the successor.
        most: Jobs of the chain.
        run: Carries the experiment out, and returns its exit code.
        say: Tells the user.
    """
    system = inside()
    if system is None:
        say("chain: this is no batch job, so that no successor is submitted")
        return run()
    link = _Link(system, os.environ[system.variable], folder, script, most, say)
    with Interrupts() as interrupts:
        if not link.begin():
            return _FAILED
        code = None
        try:
            code = _RESUMABLE if interrupts.reason else run()
        finally:
            link.end(code)
    return code


@dataclass(slots=True)
class _Link:
    """This job in its chain; whatever fails here is said, and the run goes on without it."""

    system: System
    job: str
    folder: Path
    script: Path
    most: int
    say: Say
    successor: str | None = None
    finished: int = 0

    def begin(self) -> bool:
        """Submit the successor; False where the chain is at its end, since nothing comes of it."""
        try:
            record = Record(self.folder)
            mine: dict[str, Any] = next(reversed(record.events("submitted", self.job)), {})
            number, before = int(mine.get("number", 1)), mine.get("after")
            self.finished, over = trials_finished(self.folder)
            if before and not over and self._nothing_since(record, before):
                self.say(
                    f"chain: job {before} finished no trial, and job {self.job} would not either: the chain ends here. "
                    f"See what stopped it in {self.folder / 'logs'}, then submit again"
                )
                return False
            record.add("started", self.job, system=self.system.name, number=number, finished=self.finished)
            self._free(record)
            self._submit(record, number)
        except L2LError as error:
            self.say(f"chain: {error}; this job goes on, and has no successor")
        return True

    def _nothing_since(self, record: Record, before: str) -> bool:
        return any(self.finished <= one["finished"] for one in record.events("started", before)[:1])

    def _submit(self, record: Record, number: int) -> None:
        if number >= self.most:
            self.say(f"chain: job {self.job} is number {number} of at most {self.most}, the last")
            return
        # A job that the batch system has begun anew may have its successor already.
        waiting = [one["job"] for one in record.events("submitted") if one.get("after") == self.job]
        gone = {one["job"] for one in record.events("cancelled")}
        self.successor = next((one for one in waiting if one not in gone and self.system.lives(one)), None)
        if self.successor is None:
            self.successor = self.system.submit(self.script, after=self.job)
            name = self.system.name
            record.add("submitted", self.successor, system=name, number=number + 1, after=self.job)
        place = f"job {self.job} is number {number} of at most {self.most}"
        self.say(f"chain: {place}; job {self.successor} waits for its end")

    def _free(self, record: Record) -> None:
        """Remove the lock of an earlier job that is over: where locks do not reach other hosts, nobody else knows."""
        leader = holder(self.folder)
        known = {one["job"] for one in record.events("started")} - {self.job}
        if leader and leader.job in known and self.system.lives(leader.job) is False:
            (self.folder / "lock").unlink(missing_ok=True)
            self.say(f"chain: job {leader.job} is over, and its lock was removed")

    def end(self, code: int | None) -> None:
        """Take the successor back unless there is something left for it.

        Args:
            code: Exit code of the run; None where it raised.
        """
        try:
            finished, _ = trials_finished(self.folder)
            Record(self.folder).add("ended", self.job, code=code, finished=finished)
            if code == _RESUMABLE and finished > self.finished:
                if self.successor is None:
                    self.say("chain: there is no successor; submit again to go on")
                return
            if code == _RESUMABLE:
                self.say("chain: no trial was finished in this job, and the chain ends here; give jobs more time")
            self._cancel()
        except L2LError as error:
            self.say(f"chain: {error}")

    def _cancel(self) -> None:
        if self.successor is None:
            return
        try:
            self.system.cancel(self.successor)
        except RunFailed:
            if self.system.lives(self.successor) is not False:
                raise
        Record(self.folder).add("cancelled", self.successor)
        self.say(f"chain: job {self.successor} is not needed and was cancelled")
