"""Random runs, disturbed at random and resumed under another launcher each time, against runs that nobody disturbed.

`python -m tests.faults.chaos --seconds 3600` goes on for an hour; `--seed` says where it begins. Each run prints a
line with its own seed, with which `--only SEED` makes it again.
"""

import argparse
import errno
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from l2l import Trajectory
from l2l.errors import NotFoundError
from tests.conftest import REPOSITORY
from tests.faults.harness import PROGRAM, Leader, TrialId, archived, buried, finished, same, starts, write_experiment
from tests.faults.tamper import Mode, Tamper

MPIEXEC = Path(sys.executable).with_name("mpiexec")
ENVIRONMENT = {  # Open MPI as root in a container, with more ranks than cores
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PYTHONPATH": str(REPOSITORY),
}
LAUNCHERS: dict[str, Any] = {
    "serial": "serial",
    "local-1": {"name": "local", "workers": 1},
    "local-2": {"name": "local", "workers": 2},
    "local-5": {"name": "local", "workers": 5},
    "executor": {"name": "executor", "executor": "processes", "workers": 2},
    "mpi": "mpi",
    "jube": {"name": "jube", "workers": 2},
}
# How often each is drawn; a generation of JUBE takes seconds.
_WEIGHTS = {"serial": 2, "local-1": 2, "local-2": 3, "local-5": 2, "executor": 2, "mpi": 2, "jube": 0.3}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "cma-es": {},
    "genetic-algorithm": {},
    "random": {},
    "differential-evolution": {},
    "sobol": {},
    "evolution-strategies": {},
    "simulated-annealing": {},
    "cross-entropy": {},
}
DISTURBANCES = ("kill", "kill all", "terminate", "interrupt", "interrupt twice", "freeze", "small files", "disk")
_MOST_DISTURBANCES = 6
# For one leader, beside other work; a hang is a fault.
_PATIENCE = 180.0
# Exit codes of a leader that was told to stop, or whose disk failed: README and manual list them.
_CODES = {0, 1, 75, 130, -signal.SIGKILL, 128 + signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM, 143}


# A line of a traceback that stands in our code: Ctrl-C may meet Python before it has come to any.
_OURS = re.compile(rf'File "{re.escape(str(REPOSITORY / "l2l"))}/')
# What HDF5 prints of a write that failed, whatever we do with the error.
_OF_HDF5 = "h5py/_objects.pyx"
# What ends a run with exit code 1 that came to its end: with common seeds, a trial may fail for every individual.
_NO_FITNESS = "no individual has a fitness"


@dataclass
class Scenario:
    """One random run.

    Args:
        seed: All that is random about it follows from it, but for instants of time.
        place: An empty folder.
        launchers: Which may be drawn.
    """

    seed: int
    place: Path
    launchers: Sequence[str]
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draws = np.random.default_rng(self.seed)
        self.steady = bool(self.draws.random() < 0.15)
        self.optimizer = "random" if self.steady else str(self.draws.choice(sorted(OPTIMIZERS)))
        self.notes = self.place / "notes"
        self.run = self.place / "run"
        self.file = self._write("run", self.notes, self.run)

    def _write(self, name: str, notes: Path, run: Path) -> Path:
        draws = np.random.default_rng([self.seed, 1])
        population = int(draws.integers(6, 24))
        options: dict[str, Any] = {"name": self.optimizer}
        if self.optimizer != "simulated-annealing":
            options["population"] = 2 ** int(draws.integers(2, 5)) if self.optimizer == "sobol" else population
        if self.steady:
            options["steady_state"] = True
        if self.optimizer == "sobol":
            options["samples"] = 4096
        return write_experiment(
            self.place / f"{name}.yaml",
            "Noted",
            {"notes": str(notes), "seconds": float(draws.choice([0.0, 0.002, 0.01]))},
            optimizer=options,
            trials=int(draws.integers(1, 4)),
            seed=int(draws.integers(1000)),
            seeding=str(draws.choice(["individual", "common"])),
            max_failures=1.0,
            stop={"generations": int(draws.integers(5, 25))},
            directory=str(run),
        )

    def check(self) -> None:
        """Disturb the run, let it come to its end, and compare it with one that nobody disturbed.

        Raises:
            AssertionError: Where anything was lost, doubled, changed, left running or said wrongly.
        """
        reported: dict[TrialId, Any] = {}
        seen = 0
        for _ in range(int(self.draws.integers(1, _MOST_DISTURBANCES + 1))):
            disturbance = str(self.draws.choice(DISTURBANCES))
            code, said = self._disturbed(disturbance)
            self.story.append(f"→ {code}")
            assert "unexpected" not in said, said
            assert _OF_HDF5 in said or not _OURS.search(said), said
            assert code in _CODES, (code, said)
            reported, seen = self._check_reports(reported, seen)
            if code == 0 and disturbance != "freeze":
                break
        launcher = self._launcher()
        self.story.append(f"end {launcher}")
        code, said = self._leader(launcher).end(_PATIENCE)
        assert code == 0 or _NO_FITNESS in said, said
        reported, _ = self._check_reports(reported, seen)
        self._compare(reported)

    def _check_reports(self, before: dict[TrialId, Any], seen: int) -> tuple[dict[TrialId, Any], int]:
        """See that what was reported finished still is, and did not begin again."""
        now = self._reported()
        lost = before.keys() - now.keys()
        assert not lost, f"lost: {sorted(lost)[:5]}"
        changed = [one for one in before if before[one] != now[one]]
        assert not changed, f"changed: {changed[:5]}"
        again = set(starts(self.notes)[seen:]) & before.keys()
        assert not again, f"simulated again: {sorted(again)[:5]}"
        return now, len(starts(self.notes))

    def _reported(self) -> dict[TrialId, Any]:
        try:
            run = Trajectory(self.run)
        except NotFoundError:
            return {}
        journaled = finished(self.run) if (self.run / "journal").exists() else {}
        return archived(run) | journaled

    def _compare(self, reported: dict[TrialId, Any]) -> None:
        found = Trajectory(self.run)
        assert found.finished, found.reason
        assert len(reported) == len(found.trials)
        left = {one.name for one in self.run.iterdir()}
        # The benchmarks of JUBE stay for people to read, and what workers printed beside failures.
        assert {"experiment.yaml", "trajectory.h5"} <= left <= {"experiment.yaml", "trajectory.h5", "logs", "jube"}, (
            left
        )
        if buried(found):
            self.story.append("two kills within one trial")
            return  # which is then recorded as what killed them
        if self.steady:
            return  # the order of arrival is part of what a steady run is
        file = self._write("whole", self.place / "whole.notes", self.place / "whole")
        code, said = Leader("run", file, "--launcher", "serial", environment=ENVIRONMENT).end(_PATIENCE)
        assert code == 0 or _NO_FITNESS in said, said
        same(found, Trajectory(self.place / "whole"))

    def _launcher(self) -> str:
        weights = np.array([_WEIGHTS[one] for one in self.launchers])
        if self.steady:
            weights[[one == "jube" for one in self.launchers]] = 0.0
        return str(self.draws.choice(self.launchers, p=weights / weights.sum()))

    def _leader(self, launcher: str, program: tuple[str | Path, ...] = (PROGRAM,)) -> Leader:
        if launcher == "mpi":
            program = (MPIEXEC, "-n", "3", *program)
        setting = yaml.safe_dump(LAUNCHERS[launcher], default_flow_style=True).splitlines()[0]
        arguments = ("run", self.file, "--set", f"launcher={setting}")
        return Leader(*arguments, program=program, environment=ENVIRONMENT)

    def _disturbed(self, disturbance: str) -> tuple[int, str]:
        """A leader that is disturbed once: its exit code, and what it said."""
        launcher = self._launcher()
        self.story.append(f"{disturbance} {launcher}")
        if disturbance == "small files":
            blocks = int(self.draws.integers(0, 400))
            return self._leader(launcher, ("sh", "-c", f'ulimit -f {blocks}; exec "$0" "$@"', PROGRAM)).end(_PATIENCE)
        if disturbance == "disk":
            return self._on_a_bad_disk()
        leader = self._leader(launcher)
        before = len(starts(self.notes))
        wanted = before + int(self.draws.integers(0, 60))
        deadline = time.monotonic() + float(self.draws.exponential(3.0))
        while len(starts(self.notes)) <= wanted and leader.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(float(self.draws.exponential(0.01)))
        if leader.process.poll() is not None:
            return leader.end(_PATIENCE)
        self._disturb(leader, disturbance)
        return leader.end(_PATIENCE)

    def _disturb(self, leader: Leader, disturbance: str) -> None:
        match disturbance:
            case "kill":
                leader.signal(signal.SIGKILL)
            case "kill all":
                leader.signal_all(signal.SIGKILL)
            case "terminate":
                leader.signal_all(signal.SIGTERM)
            case "interrupt":
                leader.signal(signal.SIGINT)
            case "interrupt twice":
                leader.signal(signal.SIGINT)
                time.sleep(float(self.draws.exponential(0.02)))
                if leader.process.poll() is None:
                    leader.signal(signal.SIGINT)
            case "freeze":
                leader.signal(signal.SIGSTOP)
                time.sleep(float(self.draws.uniform(0.0, 1.0)))
                leader.signal(signal.SIGCONT)

    def _on_a_bad_disk(self) -> tuple[int, str]:
        """A leader one of whose calls fails, once or from then on, falls short, or kills it."""
        modes = [mode for mode in Mode if mode is not Mode.TWICE]
        mode = modes[int(self.draws.integers(len(modes)))]
        error = int(self.draws.choice([errno.EIO, errno.ENOSPC, errno.ESTALE, errno.EDQUOT]))
        at = int(self.draws.integers(1, 200))
        self.story[-1] = f"disk: call {at} {mode.value} ({errno.errorcode[error]}), serial"
        leader = self._leader("serial", (sys.executable, "-m", "tests.faults.tampered"))
        tamper = Tamper(leader.process.pid, self.run, at, mode, error)
        tamper.run()
        code, said = leader.end(_PATIENCE)
        if tamper.code is not None:  # the tracer saw its end, and left none for `subprocess`
            code = tamper.code
        # HDF5 itself may crash over a write that failed.
        crashed = code in (-signal.SIGSEGV, -signal.SIGABRT) and mode is not Mode.SHORT
        return (-signal.SIGKILL if crashed else code), said


def main(arguments: list[str] | None = None) -> int:
    """Disturb runs for a while; 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="begin no run after this time")
    parser.add_argument("--seed", type=int, help="of the first run; the next ones count up from it")
    parser.add_argument("--only", type=int, metavar="SEED", help="one run alone")
    parser.add_argument("--launchers", nargs="+", choices=LAUNCHERS, default=list(LAUNCHERS))
    parser.add_argument("--keep", type=Path, help="keep the folders of runs with a fault here")
    given = parser.parse_args(arguments)
    seed = given.only if given.only is not None else given.seed
    if seed is None:
        seed = int.from_bytes(os.urandom(4), "big")
    until = time.monotonic() + given.seconds
    runs = 0
    faults = 0
    while time.monotonic() < until:
        fault = tried(seed, given.launchers, given.keep)
        runs += 1
        faults += bool(fault)
        seed += 1
        if given.only is not None:
            break
    print(f"{runs} runs, {faults} faults")
    return 1 if faults else 0


def tried(seed: int, launchers: Sequence[str], keep: Path | None = None) -> str:
    """Try one run, and print its story; the fault, or nothing."""
    folder = Path(tempfile.mkdtemp(prefix="l2l-chaos-"))
    scenario = Scenario(seed, folder, launchers)
    fault = ""
    try:
        scenario.check()
    except AssertionError as error:
        fault = str(error) or repr(error)
    kind = f"{scenario.optimizer}{' steady' if scenario.steady else ''}"
    print(f"seed {seed}: {kind}: {'; '.join(scenario.story)}", flush=True)
    if fault:
        print(f"  FAULT: {fault}", flush=True)
    if fault and keep is not None:
        shutil.move(folder, keep / str(seed))
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return fault


if __name__ == "__main__":
    sys.exit(main())
