"""`kill -9` of a run's process group at any instant: nothing is lost, nothing runs twice."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l import Trajectory
from tests.conftest import REPOSITORY
from tests.faults.harness import (
    PROGRAM,
    Leader,
    TrialId,
    archived,
    digest,
    finished,
    l2l,
    same,
    starts,
    write_experiment,
)

EARLY, LATE = 6, 14
TRIALS = 2000


def experiment(folder: Path, name: str, **changes: Any) -> Path:
    arguments = {
        "optimizer": {"name": "genetic-algorithm", "population": 20},
        "launcher": {"name": "local", "workers": 2},
        "trials": 2,
        "seed": 5,
        "stop": {"generations": 60},
    }
    notes = folder / f"{name}.notes"
    return write_experiment(
        folder / f"{name}.yaml", "Noted", {"notes": str(notes), "seconds": 0.004}, **(arguments | changes)
    )


@contextmanager
def reading(run: Path) -> Iterator[list[dict[str, Any]]]:
    """What a process that reads a run again and again sees; filled on leaving."""
    report, stop = run.parent.with_name("report"), run.parent.with_name("stop")
    arguments = [sys.executable, "-m", "tests.faults.reader", run, report, stop]
    reads: list[dict[str, Any]] = []
    with subprocess.Popen(arguments, cwd=REPOSITORY) as process:
        try:
            yield reads
            stop.touch()
            process.wait(30)
        finally:
            process.kill()
    reads += map(json.loads, report.read_text().splitlines())


def check_reads(reads: list[dict[str, Any]], run: Trajectory) -> None:
    """See that each read is the beginning of what the run came to."""
    final, known = archived(run), {}
    for read in reads:
        assert "error" not in read, read["error"]
        heights = {table: rows for table, (rows, _) in read["digest"].items()}
        key = tuple(heights.values())
        if key not in known:
            known[key] = digest(run, heights)
        assert read["digest"] == known[key]
        for index, number, status in read["open"]:
            assert final[index, number][0] == status
    grown = [read["digest"]["trials"][0] for read in reads]
    assert grown == sorted(grown)
    assert grown[-1] == len(run.trials)


class Kills:
    """Kills a run's leaders and keeps account of what they had reported.

    Args:
        file: The experiment.
        run: Its folder.
        notes: Where its model notes starts.
    """

    def __init__(self, file: Path, run: Path, notes: Path) -> None:
        self.file = file
        self.run = run
        self.notes = notes
        self.reported: dict[TrialId, Any] = {}
        self.count = 0

    def leader(self, program: Sequence[str | Path] = (PROGRAM,)) -> Leader:
        """The next leader of the run."""
        begun = (self.run / "experiment.yaml").exists()
        command = ("resume", self.run) if begun else ("run", self.file)
        return Leader(*command, program=program, environment={"PYTHONPATH": str(REPOSITORY)})

    def kill(self, leader: Leader) -> None:
        """Kill a leader, and see that all of its reports stay."""
        assert leader.process.poll() is None, leader.process.communicate()[0]
        leader.kill()
        self.count += 1
        self.check_starts()
        reported = finished(self.run) or (archived(Trajectory(self.run)) if self.reported else {})
        assert self.reported.items() <= reported.items()
        self.reported, self._seen = reported, len(starts(self.notes))

    _seen = 0

    def check_starts(self) -> None:
        """See that nothing began again that had been reported finished before."""
        again = [one for one in starts(self.notes)[self._seen :] if one in self.reported]
        assert not again


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_run_killed_at_twenty_random_instants_equals_one_that_never_was(tmp_path: Path) -> None:
    l2l("run", experiment(tmp_path, "whole"))
    whole = Trajectory(tmp_path / "runs" / "whole")
    assert len(whole.trials) >= TRIALS  # and more were asked: equal individuals run once

    rng = np.random.default_rng(20)
    cuts = np.sort(rng.choice(np.arange(1, TRIALS - 100), LATE, replace=False)).tolist()
    early = set(rng.choice(np.arange(1, LATE), EARLY - 3, replace=False).tolist())
    kills = Kills(experiment(tmp_path, "parts"), tmp_path / "runs" / "parts", tmp_path / "parts.notes")
    with reading(kills.run) as reads:
        for _ in range(3):
            kill_at(kills, rng.uniform(0, 0.8))
        for place, cut in enumerate(cuts):
            if place in early:
                kill_at(kills, rng.uniform(0, 0.8))
            leader = kills.leader()
            before = len(starts(kills.notes))
            leader.until_started(kills.notes, max(cut, before))
            time.sleep(rng.uniform(0, 0.01))
            kills.kill(leader)
        code, said = kills.leader().end()
        assert code == 0, said
    kills.check_starts()
    parts = Trajectory(kills.run)
    assert kills.count == EARLY + LATE
    assert not (kills.run / "journal").exists()
    same(parts, whole)
    check_reads(reads, parts)
    assert kills.reported.items() <= archived(parts).items()


def kill_at(kills: Kills, instant: float) -> None:
    leader = kills.leader()
    time.sleep(instant)
    kills.kill(leader)
