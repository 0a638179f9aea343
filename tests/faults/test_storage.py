"""Whole runs on disks that are full, limited or read-only: said in a line, and nothing lost."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from l2l import Trajectory
from tests.faults.harness import PROGRAM, Leader, TrialId, finished, l2l, same, starts, write_experiment
from tests.l2l.test_full_disk import fill, may_mount

GENERATIONS = 30


def experiment(folder: Path, name: str, run: Path) -> Path:
    return write_experiment(
        folder / f"{name}.yaml",
        "Noted",
        {"notes": str(folder / f"{name}.notes"), "seconds": 0.004},
        optimizer={"name": "genetic-algorithm", "population": 20},
        launcher={"name": "local", "workers": 1},
        directory=str(run),
        stop={"generations": GENERATIONS},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    """The run that has all the room it wants."""
    folder = tmp_path_factory.mktemp("whole")
    l2l("run", experiment(folder, "whole", folder / "run"))
    return Trajectory(folder / "run")


def check_refusal(code: int, said: str, *words: str) -> None:
    assert code == 1, said
    assert any(word in said for word in words), said
    assert "Traceback" not in said
    assert "unexpected" not in said


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_said_and_loses_nothing(tmp_path: Path, whole: Trajectory) -> None:
    run, notes = tmp_path / "run", tmp_path / "limited.notes"
    file = experiment(tmp_path, "limited", run)
    for blocks in (0, 20, 150):  # of 512 bytes
        limited = ["sh", "-c", f'ulimit -f {blocks}; exec "$0" "$@"', PROGRAM]
        code, said = Leader("run", file, program=limited).end()
        check_refusal(code, said, "larger than files may be here")
    assert starts(notes)
    l2l("run", file)
    same(Trajectory(run), whole)


if may_mount():  # a skip would be a failure in CI

    @pytest.fixture
    def small_disk(tmp_path: Path) -> Iterator[Path]:
        mounted = tmp_path / "small"
        mounted.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mounted)], check=True)
        yield mounted
        subprocess.run(["umount", str(mounted)], check=True)

    @pytest.mark.slow
    def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, small_disk: Path, whole: Trajectory) -> None:
        run, notes = small_disk / "run", tmp_path / "full.notes"
        file = experiment(tmp_path, "full", run)
        ballast = small_disk / "ballast"
        for spare in (0, 3, 30):  # before anything is told
            fill(small_disk, spare)
            code, said = Leader("run", file).end()
            check_refusal(code, said, "the disk is full")
            ballast.unlink()
        reported: dict[TrialId, Any] = {}
        for _ in range(3):
            leader, before = Leader("resume", run), len(starts(notes))
            leader.until_started(notes, before + 60)
            with suppress(OSError), ballast.open("wb", buffering=0) as file_of_zeros:
                while True:
                    file_of_zeros.write(bytes(4096))
            code, said = leader.end()
            check_refusal(code, said, "the disk is full")
            now = finished(run)
            assert reported.items() < now.items()
            assert not set(starts(notes)[before:]) & set(reported)
            reported = now
            assert len(Trajectory(run).individuals)
            ballast.unlink()
        l2l("resume", run)
        same(Trajectory(run), whole)

    @pytest.mark.slow
    def test_a_read_only_run_is_shown_and_not_led(tmp_path: Path, small_disk: Path) -> None:
        run = small_disk / "run"
        file = experiment(tmp_path, "read", run)
        fresh = experiment(tmp_path, "fresh", small_disk / "fresh")
        leader = Leader("run", file)
        leader.until((run / "trajectory.h5").exists)
        leader.kill()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        for command in (("run", file), ("resume", run), ("run", fresh)):
            code, said = Leader(*command).end()
            check_refusal(code, said, "read-only")
        l2l("show", run)
        l2l("show", run, "--failures")
        l2l("status", run)
        assert not Trajectory(run).finished
