"""A benchmark that JUBE runs, as the launcher sees it: what came of its work packages, and which of them vanished."""

import os
import platform
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l2l.errors import LauncherError
from l2l.launcher import WorkerState
from l2l.launchers.jube.command import Jube, Queue
from l2l.launchers.jube.files import RUNS, STEP, Layout
from l2l.launchers.jube.json_form import evaluation_from_plain
from l2l.launchers.jube.work_package import entries, results_of
from l2l.protocol.messages import Refused
from l2l.supervisor.crash_report import log_size, tail
from l2l.values import Evaluation, Failure, Status, Trial

_FAREWELL = 10.0  # seconds for JUBE to conclude a benchmark whose trials are all back, plus what its size needs


@dataclass(slots=True)
class _Package:
    """A work package and what is known of it.

    Args:
        number: Of it in its benchmark.
        results: Its file.
        missing: Trials of which nothing came.
        job: The name of its batch job.
        read: How far the file was read.
        begun: The process that runs it; None before its first word.
        refused: Why its processes cannot evaluate; None where they can, as far as is known.
        over: Whether it has come to its end, or to nothing.
    """

    number: int
    results: Path
    missing: dict[tuple[int, int], Trial]
    job: str
    read: int = 0
    begun: WorkerState | None = None
    refused: Refused | None = None
    over: bool = False

    def news(self) -> list[dict[str, Any]]:
        """What its file says since it was last read, in whole lines."""
        try:
            with self.results.open("rb") as file:
                file.seek(self.read)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text.rfind(b"\n") + 1
        self.read += whole
        return list(entries(text[:whole].splitlines()))

    @property
    def dead(self) -> bool:
        """Whether its process was here and is no more."""
        if self.begun is None or self.begun.host != platform.node():
            return False
        import psutil

        try:
            return psutil.Process(self.begun.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


@dataclass(slots=True)
class Benchmark:
    """A benchmark from its start to its end.

    Args:
        folder: Its own.
        layout: What all have in common.
        jube: Starts JUBE.
        queue: Of batch jobs; None where it runs here.
        batches: The trials of each work package.
    """

    folder: Path
    layout: Layout
    jube: Jube
    queue: Queue | None
    batches: Sequence[Sequence[Trial]]
    ready: dict[str, Any] | None = None
    _packages: list[_Package] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None
    _log_start: int = 0
    _began: float = 0.0
    _closing: float = 0.0
    _continued: bool = False

    def start(self) -> None:
        """Write it, and let JUBE run it.

        Raises:
            LauncherError: The disk or the system refuses.
        """
        files = self.layout.write(self.folder, self.batches)
        self._packages = [
            _Package(
                number, results_of(file), {one.id: one for one in trials}, self.layout.job(self.folder.name, number)
            )
            for number, (file, trials) in enumerate(zip(files, self.batches, strict=True))
        ]
        self._log_start = log_size(self.jube.log)
        self._began = time.monotonic()
        show = ["--result"] if self.queue is None else []
        self._process = self.jube.start(self.folder, "run", "--hide-animation", *show, "benchmark.xml")

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._began

    @property
    def results(self) -> list[Path]:
        """The files of results."""
        return [one.results for one in self._packages]

    @property
    def missing(self) -> bool:
        """Whether something is to come yet."""
        return not all(one.over for one in self._packages)

    @property
    def wanted(self) -> bool:
        """Whether trials are out that nobody cancelled."""
        return any(one.missing for one in self._packages)

    @property
    def workers(self) -> list[WorkerState]:
        """The processes that run its work packages now."""
        return [one.begun for one in self._packages if one.begun and not one.over]

    def forget(self, unwanted: set[tuple[int, int, int]]) -> None:
        """Drop what comes of these trials."""
        for one in self._packages:
            one.missing = {key: trial for key, trial in one.missing.items() if (*key, trial.attempt) not in unwanted}

    def look(self) -> list[Evaluation]:
        """What came since the last look; `LOST` for the trials of packages that vanished or gave up.

        Raises:
            LauncherError: It does not run at all, or the processes of no package come up.
            UserError: A worker says what the user must change.
            ChangedOptimizee: A worker's optimizee is another one.
        """
        ended = self._process is None or self._process.poll() is not None
        suspects = self._suspects(ended)  # before reading, so that all that they wrote is read
        came = [one for package in self._packages if not package.over for one in self._read(package)]
        if ended:
            self._check_refused()
        refusals = [one.refused for one in self._packages if one.refused]
        if refusals and len(refusals) == len(self._packages):
            raise refusals[0].error
        for package, by_absence in [*suspects, *((one, False) for one in self._packages if one.refused)]:
            if not package.over and not (by_absence and package.begun):
                package.over = True
                came += [self._lost(package, trial) for trial in package.missing.values()]
                package.missing = {}
        return came

    def _read(self, package: _Package) -> list[Evaluation]:
        came = []
        for said in package.news():
            if "evaluation" in said:
                one = evaluation_from_plain(said["evaluation"])
                trial = package.missing.get(one.id)
                if trial is not None and trial.attempt == one.attempt:
                    del package.missing[one.id]
                    came.append(one)
            elif "begun" in said:
                package.begun = WorkerState(
                    said["begun"]["pid"], said["begun"]["host"], "running", said["begun"]["since"]
                )
            elif "ready" in said:
                self.ready = said["ready"]
            elif "refused" in said:
                refused = Refused(**said["refused"])
                if refused.fatal:
                    raise refused.error
                package.refused = refused
            elif "done" in said:
                package.over = True
        return came

    def _lost(self, package: _Package, trial: Trial) -> Evaluation:
        nothing = (float("nan"),) * self.layout.terms.objectives
        what = f"gave up: {package.refused.message}" if package.refused else "vanished before this trial had ended"
        message = f"work package {package.number} of {self.folder} {what}"
        failure = Failure(message, self._wrote(package.number))
        return Evaluation(*trial.id, trial.attempt, Status.LOST, nothing, started=time.time(), host="", failure=failure)

    def _suspects(self, ended: bool) -> list[tuple[_Package, bool]]:
        """Packages of which no more is to come, unless their files say so; and whether that is for want of a beginning.

        Args:
            ended: Whether JUBE has run or submitted all.
        """
        left = [one for one in self._packages if not one.over]
        if self.queue is None:
            return [(one, not one.dead) for one in left if one.dead or (ended and one.begun is None)]
        if not ended:
            return []
        refused = self._refused
        gone = self.queue.gone([one.job for one in left if one.number not in refused])
        return [(one, False) for one in left if one.number in refused or one.job in gone]

    def _check_refused(self) -> None:
        """See that the command of one package worked at least.

        Raises:
            LauncherError: None did.
        """
        if any(one.begun or one.over for one in self._packages):
            return
        if len(self._refused) == len(self._packages):
            raise LauncherError(f"{self.folder}: the benchmark did not run; {self._said()}")

    @property
    def _refused(self) -> list[int]:
        """Packages whose command failed."""
        places = [self._place(one.number) for one in self._packages]
        if not any(place.exists() for place in places):
            return [one.number for one in self._packages]  # JUBE came to none of them
        return [one.number for one, place in zip(self._packages, places, strict=True) if (place / "error").exists()]

    def _place(self, package: int) -> Path:
        return self.folder / RUNS / "000000" / f"{package:06d}_{STEP}"

    def _said(self) -> str:
        said = f"{tail(self.jube.log, self._log_start)}\n{self._wrote(0)}".strip()
        return f"JUBE and its step wrote (all of it in {self.jube.log} and {self.folder}):\n{said}"

    def _wrote(self, package: int) -> str:
        """What the step of a package wrote, here and in its batch job."""
        work = self._place(package) / "work"
        return "\n".join(text for name in ("stdout", "stderr", "job.out", "job.err") if (text := tail(work / name)))

    def concluded(self) -> bool:
        """Bring it to its end in JUBE's eyes, its trials being back, and write its table; whether that is done.

        JUBE hangs where a process of its own was killed: it is ended where it takes too long.
        """
        self._closing = self._closing or time.monotonic()
        waited = time.monotonic() - self._closing
        assert self._process is not None
        if self._process.poll() is None:
            if waited < _FAREWELL + 1e-3 * len(self._packages) ** 2:
                return False
            os.killpg(self._process.pid, signal.SIGKILL)
        self.reap()
        if self.queue is None or self._continued:
            return True
        if self._marked or waited > _FAREWELL:
            self._continued = True
            self._process = self.jube.start(self.folder, "continue", "--hide-animation", "--result", RUNS)
        return False

    @property
    def _marked(self) -> bool:
        """Whether the scripts of batch jobs have written the files by which JUBE knows of their end."""
        works = [self._place(one.number) / "work" for one in self._packages if one.begun]
        return all((work / "ready").exists() or (work / "error").exists() for work in works)

    def kill(self) -> None:
        """End JUBE, and what it runs here."""
        assert self._process is not None
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self.reap()

    def reap(self) -> None:
        """Wait for the end of JUBE."""
        assert self._process is not None
        self._process.wait()
        self.jube.ended(self._process)
