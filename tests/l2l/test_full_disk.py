"""Disks that are really full or read-only: small file systems, mounted where this process may."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from l2l.archive import Archive
from l2l.errors import StorageError
from l2l.journal import Journal, read_journal
from l2l.trajectory import Trajectory
from tests.l2l.events import Shape, assert_same_tables, events, lead, tables_of, write

_SYS_ADMIN = 21


def may_mount() -> bool:
    """Whether this process has the capability that mounting takes."""
    try:
        found = re.search(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        return False
    return bool(found and int(found[1], 16) >> _SYS_ADMIN & 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mounted = tmp_path / "small"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(mounted)], check=True)
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def fill(disk: Path, spare: int) -> None:
    """Leave so many blocks."""
    free = os.statvfs(disk)
    (disk / "ballast").write_bytes(bytes((free.f_bavail - spare) * free.f_bsize))


if may_mount():  # a skip would be a failure in CI

    def test_a_full_disk_loses_nothing_that_was_appended(small_disk: Path) -> None:
        fill(small_disk, 20)
        written = 0
        with Journal(small_disk / "journal") as journal:
            with pytest.raises(StorageError, match="cannot write to it: the disk is full; make room"):  # noqa: PT012
                while True:
                    journal.append("kind", {"n": written, "values": np.arange(1000)})
                    written += 1
            assert written > 5
            (small_disk / "ballast").unlink()
            journal.append("kind", {"n": written})
        assert [one.data["n"] for one in read_journal(small_disk / "journal")] == list(range(written + 1))

    def test_a_full_disk_is_said_and_nothing_is_lost(small_disk: Path) -> None:
        records = events(Shape(generations=6, population=6, seed=3))
        half = len(records) // 2
        archive = lead(small_disk, records[:half])
        with Journal(small_disk / "journal") as journal:
            for kind, data in records[half:]:
                archive.add(kind, data, journal.append(kind, data))
        fill(small_disk, 2)
        expected = tables_of(Trajectory(small_disk))
        for use in (lambda: archive.commit(force=True), archive.finish):
            with pytest.raises(
                StorageError, match=r"trajectory\.h5(\.partial)?: cannot write to it: the disk is full; make room"
            ):
                use()
            assert_same_tables(tables_of(Trajectory(small_disk)), expected)
        (small_disk / "ballast").unlink()
        assert archive.finish()
        assert_same_tables(tables_of(Trajectory(small_disk)), expected)

    def test_a_full_disk_refuses_a_rebuild_too(small_disk: Path) -> None:
        write(small_disk / "journal", events(Shape(generations=6)))
        archive = Archive(small_disk)
        fill(small_disk, 2)
        with pytest.raises(StorageError, match="the disk is full; make room"):
            archive.commit(force=True)
        assert not list(small_disk.glob("*.partial"))
        (small_disk / "ballast").unlink()
        assert archive.commit(force=True)
        assert len(Trajectory(small_disk).generations) == 6

    def test_a_read_only_folder_is_said_and_can_be_read(small_disk: Path) -> None:
        records = events(Shape(generations=3))
        archive = lead(small_disk, records[:-4])
        with Journal(small_disk / "journal") as journal:
            for kind, data in records[-4:]:
                archive.add(kind, data, journal.append(kind, data))
        expected = tables_of(Trajectory(small_disk))
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        assert_same_tables(tables_of(Trajectory(small_disk)), expected)
        with pytest.raises(StorageError, match="cannot write to it: it is read-only; choose a directory"):
            archive.commit(force=True)
        with pytest.raises(StorageError, match="cannot create it: it is read-only"):
            Journal(small_disk / "journal").append("kind", {})
