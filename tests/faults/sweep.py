"""Each call that changes a run's folder fails, falls short, kills the leader or is interrupted; then the run goes on.

`python -m tests.faults.sweep` does all of it and prints a table; `--stride N` takes every N-th call.
"""

import argparse
import errno
import faulthandler
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from l2l import Experiment, Trajectory
from l2l.errors import L2LError, NotFoundError, StorageError
from tests.faults.harness import TrialId, archived, buried, finished, same, starts
from tests.faults.models import Noted
from tests.faults.tamper import Mode, Tamper, tampered

GENERATIONS = 3
SCENARIOS = ("fresh", "resume", "extension")
MODES: tuple[tuple[Mode, int], ...] = (
    (Mode.ONCE, errno.EIO),
    (Mode.ONCE, errno.ESTALE),
    (Mode.ALWAYS, errno.ENOSPC),
    (Mode.SHORT, 0),
    (Mode.BEFORE, 0),
    (Mode.AFTER, 0),
    (Mode.TWICE, 0),
)


class Ended(NamedTuple):
    """How a leader ended: "finished", "interrupted", "said" (an error of ours), "unexpected" or "killed"; its words."""

    how: str
    words: str = ""


@dataclass
class Report:
    """What a sweep found."""

    points: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Sweep:
    """A run in a folder, in three scenarios, each tampered with at one call.

    Args:
        place: An empty folder for all of it, best in memory.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.folder = place / "run"
        self.notes = place / "notes"
        self._said = place / "said"
        self.whole = self._undisturbed()

    def points(self, scenario: str, stride: int = 1, offset: int = 0) -> Iterator[tuple[int, Mode, int]]:
        """The number of a call, what happens there, and with which error."""
        self.prepare(scenario)
        calls = self.lead()[0].count
        assert calls > 20, calls
        for place, (mode, error) in enumerate(MODES):
            # Other calls in each mode, so that a coarse stride tries many.
            for at in range(1 + (offset + place) % stride, calls + 1, stride):
                yield at, mode, error

    def check(self, scenario: str, at: int, mode: Mode, error: int) -> Ended:
        """Disturb a leader at a call, and see that nothing is lost, doubled or changed.

        Raises:
            AssertionError: Where something was, or where the leader ended as no leader may.
        """
        before = self.prepare(scenario)
        _, ended = self.lead((at, mode, error))
        assert ended.how != "unexpected", ended.words
        if mode in (Mode.BEFORE, Mode.AFTER):
            assert ended.how == "killed"
        reported = self._reported()
        assert before.items() <= reported.items(), "what had been reported finished is lost"
        seen = len(starts(self.notes))
        again = self.go_on()
        assert again.how == "finished", again.words
        found = Trajectory(self.folder)
        if scenario == "resume" and buried(found):
            # The leader before was killed in the same trial, and nothing came of the run since.
            return Ended("killed again within a trial")
        same(found, self.whole)
        simulated_again = set(starts(self.notes)[seen:]) & set(reported)
        assert not simulated_again, f"simulated again: {sorted(simulated_again)}"
        left = sorted(one.name for one in self.folder.iterdir())
        assert left == ["experiment.yaml", "trajectory.h5"], left
        return ended

    def lead(
        self,
        tamper: tuple[int, Mode, int] = (0, Mode.ONCE, 0),
        generations: int = GENERATIONS,
        *,
        keep_log: bool = False,
    ) -> tuple[Tamper, Ended]:
        """Run a leader in a child, tampered with at a call; what became of it."""
        self._said.unlink(missing_ok=True)
        child = tampered(lambda: self._lead(generations), self.folder, *tamper, keep_log=keep_log)
        return child, self._ended()

    def go_on(self) -> Ended:
        """Run the next leader in a child, undisturbed; what became of it."""
        self._said.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            try:
                self._lead(GENERATIONS)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        return self._ended()

    def _ended(self) -> Ended:
        return Ended(*json.loads(self._said.read_text())) if self._said.exists() else Ended("killed")

    def _lead(self, generations: int) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # What HDF5 prints of the errors that it is given is no finding.
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        self._said.write_text(json.dumps(self._led(generations)))

    def _led(self, generations: int) -> Ended:
        try:
            self.experiment(generations).run(progress=None)
        except StorageError as error:
            return Ended("said", str(error))
        except L2LError as error:
            return Ended("unexpected", f"{type(error).__name__}: {error}")
        except KeyboardInterrupt:
            return Ended("interrupted")
        except BaseException:  # noqa: BLE001 - whatever it is, the parent says it
            return Ended("unexpected", traceback.format_exc())
        return Ended("finished")

    def experiment(self, generations: int = GENERATIONS) -> Experiment:
        """The experiment that is run in all scenarios."""
        return Experiment(
            Noted(notes=str(self.notes)),
            {"name": "genetic-algorithm", "population": 4},
            directory=self.folder,
            launcher="serial",
            trials=2,
            seed=3,
            stop={"generations": generations},
        )

    def _undisturbed(self) -> Trajectory:
        """Run without a fault, and keep what the other two scenarios begin with."""
        (self.place / "templates").mkdir(parents=True)
        # In this process, so that its children need not import anything.
        self._clear()
        self.experiment(GENERATIONS - 1).run(progress=None)
        self._keep("extension")
        self._clear()
        self.lead()
        whole = self.place / "whole"
        shutil.copytree(self.folder, whole)
        self._clear()
        for killed in (1, 2):
            self._kill_in(f"journal/{killed:06}.journal")
        self._keep("resume")
        return Trajectory(whole)

    def _kill_in(self, file: str) -> None:
        """Let a leader be killed in the midst of its writes to a file: where they are, an undisturbed one shows."""
        self._keep("probe")
        child, _ = self.lead(keep_log=True)
        writes = [at for at, call in enumerate(child.log, 1) if call.path == file and call.name == "write"]
        self.prepare("probe")
        _, ended = self.lead((writes[len(writes) // 2], Mode.BEFORE, 0))
        assert ended.how == "killed", ended

    def _keep(self, scenario: str) -> None:
        templates = self.place / "templates"
        self.folder.mkdir(exist_ok=True)
        self.notes.touch()
        shutil.rmtree(templates / scenario, ignore_errors=True)
        shutil.copytree(self.folder, templates / scenario)
        shutil.copy(self.notes, templates / f"{scenario}.notes")

    def prepare(self, scenario: str) -> dict[TrialId, Any]:
        """Lay the folder as the scenario begins; what is reported finished there."""
        self._clear()
        if scenario != "fresh":
            shutil.copytree(self.place / "templates" / scenario, self.folder)
            shutil.copy(self.place / "templates" / f"{scenario}.notes", self.notes)
        return self._reported()

    def _clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.notes.unlink(missing_ok=True)

    def _reported(self) -> dict[TrialId, Any]:
        """Trials that the folder has as finished, as its next leader sees it."""
        found = finished(self.folder) if (self.folder / "journal").exists() else {}
        try:
            run = Trajectory(self.folder)
        except NotFoundError:
            return found
        mine = archived(run)
        assert found.items() <= mine.items() or not found.keys() <= mine.keys(), "archive and journal differ"
        return mine | found


def memory() -> str | None:
    """A folder in memory, where there is one: thousands of runs are made."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main(arguments: list[str] | None = None) -> int:
    """The whole sweep, by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stride", type=int, default=1, help="take every N-th call (default: each)")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="only this one; can be repeated")
    given = parser.parse_args(arguments)
    faults = 0
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        sweep = Sweep(Path(folder, "sweep"))
        for scenario in given.scenario or SCENARIOS:
            for mode, report in swept(sweep, scenario, given.stride).items():
                faults += len(report.faults)
                ends = ", ".join(f"{count} {how}" for how, count in sorted(report.ended.items()))
                print(f"{scenario:10} {mode:48} {report.points:4} points: {ends}; {len(report.faults)} faults")
                for fault in report.faults:
                    print(f"    {fault}")
    print(f"{faults} faults")
    return 1 if faults else 0


def swept(sweep: Sweep, scenario: str, stride: int) -> dict[str, Report]:
    """Try the points of a scenario; what came of each mode."""
    reports: dict[str, Report] = {}
    for at, mode, error in sweep.points(scenario, stride):
        name = mode.value + (f" ({errno.errorcode[error]})" if error else "")
        report = reports.setdefault(name, Report())
        report.points += 1
        try:
            report.ended[sweep.check(scenario, at, mode, error).how] += 1
        except Exception as fault:  # noqa: BLE001 - each is reported, and the sweep goes on
            report.faults.append(f"call {at}: {type(fault).__name__}: {fault}")
    return reports


if __name__ == "__main__":
    sys.exit(main())
