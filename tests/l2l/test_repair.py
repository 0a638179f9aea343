"""Checking and repairing a run: what is damaged is named, what can be proved right goes on."""

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import pytest

from l2l import Experiment, Trajectory
from l2l.archive.check import check_run
from l2l.archive.repair import repair
from l2l.errors import Damaged, NotFoundError, OptionError, StorageError, UserError
from l2l.journal import Journal, Position, file_of, read_journal
from tests.faults.harness import same
from tests.faults.models import Plain

GENERATIONS = 5


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes to these journals: what looks like damage need not be looked at again."""
    monkeypatch.setattr("l2l.journal.reading._AGAIN", 0.0)


def experiment(folder: Path, generations: int = GENERATIONS, seed: int = 3) -> Experiment:
    return Experiment(
        Plain(),
        {"name": "genetic-algorithm", "population": 4},
        directory=folder,
        launcher="serial",
        trials=2,
        seed=seed,
        stop={"generations": generations},
    )


class _Killed(BaseException):
    """Ends a leader where it stands."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was not disturbed, and the same one in three lifetimes, of which the last is not over."""
    folder = tmp_path_factory.mktemp("runs")
    experiment(folder / "whole").run(progress=None)
    for generations in (2, 3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("l2l.experiment.lead._complete", lambda *_: None)  # killed at the end of its lifetime
            experiment(folder / "parts", generations).run(progress=None)
        _reopen(folder / "parts")
    return folder


def _reopen(folder: Path, *, archive: bool = False) -> None:
    """Cut off the record that says that the run is over: it was killed before that."""
    path = sorted((folder / "journal").glob("*.journal"))[-1]
    records = [one for one in read_journal(folder / "journal") if one.position.file == int(path.stem)]
    assert records[-1].kind == "stopped"
    path.write_bytes(path.read_bytes()[: records[-2].position.offset])
    if not archive:
        (folder / "trajectory.h5").unlink()


@pytest.fixture
def parts(runs: Path, tmp_path: Path) -> Path:
    shutil.copytree(runs / "parts", tmp_path / "parts")
    return tmp_path / "parts"


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def of_kind(folder: Path, kind: str, file: int) -> list[int]:
    """Where the records of a kind end in a file."""
    found = read_journal(folder / "journal")
    return [one.position.offset for one in found if one.kind == kind and one.position.file == file]


DAMAGES: dict[str, Callable[[Path], None]] = {
    "nothing": lambda folder: None,
    "a result": lambda folder: flip(file_of(folder / "journal", 1), of_kind(folder, "finished", 1)[1] - 5),
    "what was asked": lambda folder: flip(file_of(folder / "journal", 2), of_kind(folder, "asked", 2)[0] - 5),
    "an early header": lambda folder: flip(file_of(folder / "journal", 1), 20),
    "the last header": lambda folder: flip(file_of(folder / "journal", 2), 20),
    "a missing file": lambda folder: file_of(folder / "journal", 2).unlink(),
    "an emptied file": lambda folder: file_of(folder / "journal", 2).write_bytes(b""),
    "a length": lambda folder: flip(file_of(folder / "journal", 1), of_kind(folder, "told", 1)[0]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_named_repaired_and_goes_on_to_the_same_end(
    runs: Path, parts: Path, tmp_path: Path, damage: str
) -> None:
    DAMAGES[damage](parts)
    before = sorted((path.name, path.read_bytes()) for path in (parts / "journal").iterdir())
    found = check_run(parts)
    assert bool(found.wrong) == (damage != "nothing")
    if found.wrong:
        assert ".journal: damaged" in found.wrong[0]
        with pytest.raises(StorageError, match=r"\.journal: damaged.*l2l repair"):
            experiment(parts).run(progress=None)
    made = repair(parts, tmp_path / "new" / "run")
    assert sorted((path.name, path.read_bytes()) for path in (parts / "journal").iterdir()) == before
    assert bool(made.lost) == (damage != "nothing" and "header" not in damage)  # which follows from the others
    assert not check_run(tmp_path / "new" / "run").wrong
    kept = Trajectory(tmp_path / "new" / "run")
    assert (len(kept.generations), made.generations) == (made.generations, len(kept.generations))
    finished = experiment(tmp_path / "new" / "run").run(progress=None)
    same(finished, Trajectory(runs / "whole"))


def test_a_repair_keeps_the_generations_before_the_damage(parts: Path, tmp_path: Path) -> None:
    flip(file_of(parts / "journal", 2), of_kind(parts, "finished", 2)[0] - 5)
    made = repair(parts, tmp_path / "new")
    assert (made.generations, made.individuals) == (2, 12)  # the third is open: its results are lost
    assert any("000002.journal" in line and "does not check" in line for line in made.lost)


def test_what_the_journal_lost_comes_from_the_archive(runs: Path, parts: Path, tmp_path: Path) -> None:
    from l2l.archive import Archive

    assert Archive(parts).commit(force=True)
    flip(file_of(parts / "journal", 1), of_kind(parts, "finished", 1)[0] - 5)
    made = repair(parts, tmp_path / "new")
    assert made.generations == 3
    same(experiment(tmp_path / "new").run(progress=None), Trajectory(runs / "whole"))


def test_a_column_that_changed_is_said_wherever_it_would_be_read(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(runs / "whole", folder)
    assert not check_run(folder).wrong
    with h5py.File(folder / "trajectory.h5", "r+") as file:
        file["trials/fitness/fitness"][3] += 1.0
    assert "trials/fitness/fitness does not have its checksum" in check_run(folder).wrong[0]
    assert "trials/fitness/fitness" in check_run(folder / "trajectory.h5").wrong[0]
    said = "trials/fitness/fitness does not have its checksum.*l2l repair"
    with pytest.raises(StorageError, match=said):
        _ = Trajectory(folder).trials["fitness/fitness"]
    with pytest.raises(StorageError, match=said):
        Experiment(
            Plain(), "random", directory=tmp_path / "more", launcher="serial", stop={"trials": 4}, memo=[folder]
        ).run(progress=None)
    with pytest.raises(StorageError, match=said):
        experiment(folder, GENERATIONS + 1).run(progress=None)


def test_a_parameter_that_changed_is_said_where_the_best_is_asked_for(runs: Path, tmp_path: Path) -> None:
    shutil.copy(runs / "whole" / "trajectory.h5", tmp_path / "moved.h5")
    with h5py.File(tmp_path / "moved.h5", "r+") as file:
        file["individuals/parameters/x"][0] += 1.0
    with pytest.raises(StorageError, match="individuals/parameters/x does not have its checksum"):
        _ = Trajectory(tmp_path / "moved.h5").best
    assert "individuals/parameters/x" in check_run(tmp_path / "moved.h5").wrong[0]


def test_a_finished_run_is_repaired_whole(runs: Path, tmp_path: Path) -> None:
    made = repair(runs / "whole", tmp_path / "new")
    assert not made.lost
    same(experiment(tmp_path / "new").run(progress=None), Trajectory(runs / "whole"))
    assert not (tmp_path / "new" / "journal").exists()


@pytest.fixture(scope="module")
def other(runs: Path) -> Path:
    """A run of the same parameters and another seed: finished, and as it was before its journal went."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("l2l.experiment.lead._complete", lambda *_: None)
        experiment(runs / "other", seed=4).run(progress=None)
    shutil.copytree(runs / "other", runs / "other-finished")
    experiment(runs / "other-finished", seed=4).run(progress=None)
    _reopen(runs / "other", archive=True)
    return runs


@pytest.mark.parametrize("name", ["other", "other-finished"])
def test_an_archive_of_another_run_is_said_and_left_and_no_repair_mixes_them(
    other: Path, parts: Path, tmp_path: Path, name: str
) -> None:
    archive = (other / name / "trajectory.h5").read_bytes()
    (parts / "trajectory.h5").write_bytes(archive)
    assert any("the archive beside it" in one for one in check_run(parts).wrong)
    with pytest.raises(Damaged, match="the archive beside it"):
        experiment(parts).run(progress=None)
    assert (parts / "trajectory.h5").read_bytes() == archive
    made = repair(parts, tmp_path / "new")
    assert any("it belongs to another run than the journal" in one for one in made.lost)
    same(experiment(tmp_path / "new").run(progress=None), Trajectory(other / "whole"))


def test_a_repair_never_writes_over_anything(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for taken in (tmp_path, tmp_path / "file", runs / "parts"):
        with pytest.raises(OptionError, match="--into: expected a new folder"):
            repair(runs / "parts", taken)
    with pytest.raises(NotFoundError, match="neither journal nor archive"):
        repair(tmp_path, tmp_path / "new")


def test_half_a_repair_is_no_run(parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(Journal):
        def append(self, kind: str, data: Mapping[str, Any]) -> Position:
            if kind == "told":
                raise _Killed
            return super().append(kind, data)

    with monkeypatch.context() as patch:
        patch.setattr("l2l.archive.repair.Journal", Later)
        with pytest.raises(_Killed):
            repair(parts, tmp_path / "new")
    assert (tmp_path / "new" / "journal.partial").is_dir()
    with pytest.raises(NotFoundError):
        Trajectory(tmp_path / "new")
    with pytest.raises(UserError, match=r"holds .*journal\.partial"):
        experiment(tmp_path / "new").run(progress=None)
    with pytest.raises(OptionError, match="expected a new folder"):
        repair(parts, tmp_path / "new")


def test_a_repair_that_the_disk_refuses_is_said(parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (parts / "trials").mkdir()
    monkeypatch.setattr("l2l.archive.repair.shutil.copytree", refuse)
    with pytest.raises(StorageError, match="the disk is full; make room, then repair into another new folder"):
        repair(parts, tmp_path / "new")
