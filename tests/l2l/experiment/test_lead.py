"""The end of a run: what is finished stays so, and nothing is lost or stands twice, whatever comes between."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from l2l import Experiment, Progress, Trajectory
from l2l.archive import Archive
from l2l.errors import Damaged, StorageError
from l2l.experiment.interrupts import Interrupts
from l2l.experiment.recorder import Recorder
from l2l.journal import Journal, file_of, files, read_journal
from l2l.launchers.serial import SerialLauncher
from l2l.optimizers.random import RandomSearch
from tests.faults.harness import starts
from tests.faults.models import Noted
from tests.l2l.events import Shape, assert_same_runs, events, lead

STATES = ("starting", "running", "stopping", "finished")


def experiment(folder: Path, generations: int = 3, optimizer: str = "random") -> Experiment:
    return Experiment(
        Noted(notes=str(folder.with_suffix(".notes"))),
        {"name": optimizer, "population": 4},
        directory=folder,
        launcher="serial",
        seed=5,
        stop={"generations": generations},
    )


def interrupt() -> None:
    """Ctrl-C twice."""
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)


def check_finished(folder: Path, simulated: int = 12) -> None:
    """See that a run is finished, and that running it again simulates nothing."""
    assert len(starts(folder.with_suffix(".notes"))) == simulated
    run = Trajectory(folder)
    assert run.finished
    assert run.reason == "3 generations done"
    assert not files(folder / "journal")
    again = experiment(folder).run(progress=None)
    assert len(starts(folder.with_suffix(".notes"))) == simulated
    assert (len(again.trials), len(again.segments)) == (simulated, len(run.segments))


@pytest.mark.parametrize("state", STATES)
def test_a_callback_that_raises_harms_no_run_and_is_reported_once(tmp_path: Path, state: str) -> None:
    def callback(progress: Progress) -> None:
        if progress.state == state:
            raise ValueError("a mistake in plotting")

    with pytest.warns(
        RuntimeWarning, match=r"callback raised ValueError: a mistake in plotting \(.*test_lead\.py:\d+"
    ) as said:
        assert experiment(tmp_path / "run").run(progress=callback).finished
    assert len([one for one in said if "callback" in str(one.message)]) == 1
    check_finished(tmp_path / "run")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("state", STATES[1:])
def test_a_callback_may_stop_a_run_and_cannot_undo_its_end(
    tmp_path: Path, state: str, error: type[BaseException]
) -> None:
    def callback(progress: Progress) -> None:
        if progress.state == state:
            raise error

    with suppress(KeyboardInterrupt, SystemExit):
        experiment(tmp_path / "run").run(progress=callback)
    run = Trajectory(tmp_path / "run")
    assert run.finished == (state != "running")
    assert run.reason
    assert experiment(tmp_path / "run").run(progress=None).finished
    check_finished(tmp_path / "run")


@pytest.mark.parametrize("state", STATES)
def test_a_process_that_a_callback_forks_leads_no_run(tmp_path: Path, state: str) -> None:
    copies: list[int] = []

    def callback(progress: Progress) -> None:
        if progress.state == state:
            copies.append(os.fork())
            if not copies[-1] and len(copies) % 2:
                raise SystemExit

    assert experiment(tmp_path / "run").run(progress=callback).finished
    assert [os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) for copy in copies] == [0] * len(copies)
    check_finished(tmp_path / "run")


def before(call: Callable[..., Any], does: Callable[[], None]) -> Callable[..., Any]:
    def both(*arguments: Any, **options: Any) -> Any:
        does()
        return call(*arguments, **options)

    return both


def after(call: Callable[..., Any], does: Callable[[], None]) -> Callable[..., Any]:
    def both(*arguments: Any, **options: Any) -> Any:
        found = call(*arguments, **options)
        does()
        return found

    return both


def test_a_process_that_an_optimizer_forks_leads_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[int] = []
    for name in ("ask", "tell"):
        monkeypatch.setattr(RandomSearch, name, after(getattr(RandomSearch, name), lambda: copies.append(os.fork())))
    assert experiment(tmp_path / "run").run(progress=None).finished
    assert [os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) for copy in copies] == [0] * 6
    check_finished(tmp_path / "run")


@pytest.mark.parametrize("order", [before, after])
@pytest.mark.parametrize(
    "step",
    [
        "experiment.lead.Archive.finish",
        "experiment.lead.remove_journal",
        "experiment.lead._tidy",
        "experiment.lead.unmark",
    ],
)
def test_two_interruptions_behind_the_end_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, order: Any
) -> None:
    place, _, name = f"l2l.{step}".rpartition(".")
    from pydoc import locate

    monkeypatch.setattr(f"l2l.{step}", order(getattr(locate(place), name), interrupt))
    assert experiment(tmp_path / "run").run(progress=None).finished
    monkeypatch.undo()
    check_finished(tmp_path / "run")


@pytest.mark.parametrize("raises", [KeyboardInterrupt, RuntimeError])
def test_a_launcher_that_does_not_stop_well_leaves_a_finished_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raises: type[BaseException]
) -> None:
    def stop(_: SerialLauncher, grace: float = 0.0) -> None:
        raise raises

    with monkeypatch.context() as patch:
        patch.setattr(SerialLauncher, "stop", stop)
        if raises is KeyboardInterrupt:
            assert experiment(tmp_path / "run").run(progress=None).finished
        else:
            with pytest.raises(raises):
                experiment(tmp_path / "run").run(progress=None)
    check_finished(tmp_path / "run")


def refuse(*_: Any, **__: Any) -> None:
    raise OSError(5, "Input/output error")


def test_a_run_that_is_finished_by_its_journal_is_completed_without_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "_verified", lambda _: False)
        with pytest.raises(StorageError, match=r"trajectory\.h5: what was written reads otherwise"):
            experiment(tmp_path / "run").run(progress=None)
    assert Trajectory(tmp_path / "run").finished
    assert files(tmp_path / "run" / "journal")
    monkeypatch.setattr(SerialLauncher, "start", refuse)
    assert experiment(tmp_path / "run").run(progress=None).finished
    check_finished(tmp_path / "run")


def test_a_commit_whose_marker_stays_writes_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = events(Shape(generations=4))
    (tmp_path / "run").mkdir()
    lead(tmp_path / "run", records[:-6])
    archive = Archive(tmp_path / "run")
    with Journal(tmp_path / "run" / "journal") as journal:
        for kind, data in records[-6:]:
            archive.add(kind, data, journal.append(kind, data))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            with pytest.raises(StorageError, match=r"trajectory\.h5\.commit: cannot remove it"):
                archive.commit(force=True)
        assert archive.commit(force=True)
    (tmp_path / "other").mkdir()
    lead(tmp_path / "other", records)
    assert_same_runs(Trajectory(tmp_path / "run" / "trajectory.h5"), Trajectory(tmp_path / "other"))


@pytest.mark.parametrize("where", ["append", "behind append", "add", "behind add", "_append", "take"])
def test_an_event_is_noted_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    records = events(Shape(generations=3))
    (tmp_path / "run").mkdir()
    recorder = Recorder(Journal(tmp_path / "run" / "journal"), Archive(tmp_path / "run"))
    owner: Any = Journal if "append" in where and where != "_append" else Archive

    def interrupted() -> None:
        patch.undo()
        raise KeyboardInterrupt

    names = {"_append": "_append", "take": "_take"}
    name = names.get(where, where.rpartition(" ")[2])
    for place, record in enumerate(records):
        kind = record[0]
        if kind in ("told", "generation", "asked"):
            patch = pytest.MonkeyPatch()
            order = after if where.startswith("behind") else before
            patch.setattr(owner, name, order(getattr(owner, name), interrupted))
            with suppress(KeyboardInterrupt):
                recorder.log(*record)
                recorder.commit(force=True)
            patch.undo()
        if not noted(tmp_path / "run", place):
            recorder.log(*record)
        assert noted(tmp_path / "run", place)
    assert recorder.commit(force=True)
    recorder.journal.close()
    (tmp_path / "other").mkdir()
    lead(tmp_path / "other", records)
    assert_same_runs(Trajectory(tmp_path / "run" / "trajectory.h5"), Trajectory(tmp_path / "other"))


def noted(folder: Path, place: int) -> bool:
    """Whether the journal has so many records, and one more."""
    return sum(1 for _ in read_journal(folder / "journal")) == place + 1


def test_an_interruption_waits_until_what_is_held_is_done() -> None:
    done: list[int] = []

    def hold(interrupts: Interrupts) -> None:
        with interrupts.held:
            with interrupts.held:
                interrupt()
                done.append(1)
            done.append(2)

    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            hold(interrupts)
        assert done == [1, 2]
        assert interrupts.reason == "Ctrl-C"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_journal_without_its_beginning_is_no_new_run(tmp_path: Path) -> None:
    experiment(tmp_path / "run").run(progress=None)
    with Journal(tmp_path / "run" / "journal") as journal:
        journal.append("stopped", {"segment": 0, "reason": "KeyboardInterrupt: ", "finished": False, "time": 1.0})
    with pytest.raises(
        Damaged, match=r"000001\.journal: damaged at byte \d+: its first record should say what the run"
    ):
        experiment(tmp_path / "run").run(progress=None)
    file_of(tmp_path / "run" / "journal", 1).write_bytes(b"")
    with pytest.raises(Damaged, match=r"000001\.journal: damaged at byte 0: the file is empty"):
        experiment(tmp_path / "run").run(progress=None)
    assert len(starts(tmp_path / "run.notes")) == 12


def test_an_experiment_file_is_replaced_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment(tmp_path / "run", 2).run(progress=None)
    file = tmp_path / "run" / "experiment.yaml"
    said = file.read_text()
    with monkeypatch.context() as patch:
        patch.setattr("l2l.files.os.fsync", lambda descriptor: refuse() if is_partial(descriptor) else None)
        with pytest.raises(StorageError, match=r"experiment\.yaml: cannot write it"):
            experiment(tmp_path / "run").run(progress=None)
    assert file.read_text() == said
    assert not file.with_name("experiment.yaml.partial").exists()
    assert experiment(tmp_path / "run").run(progress=None).finished


def is_partial(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").readlink().name == "experiment.yaml.partial"


def test_a_table_of_runs_has_a_row_for_one_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from l2l.cli import main

    for name in ("good", "bad"):
        experiment(tmp_path / name).run(progress=None)
    (tmp_path / "bad" / "trajectory.h5").write_bytes(b"nothing")
    assert main(["status", str(tmp_path / "good"), str(tmp_path / "bad")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "finished" in lines[1]
    assert "unreadable" in lines[2]


def test_no_trial_is_to_blame_where_the_disk_refuses_its_result_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Recorder.log

    def refused(recorder: Recorder, kind: str, data: dict[str, Any]) -> None:
        if kind == "finished":
            raise StorageError("the disk is full")
        log(recorder, kind, data)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "log", refused)
        for _ in range(2):
            with pytest.raises(StorageError, match="the disk is full"):
                experiment(tmp_path / "run").run(progress=None)
    assert Trajectory(tmp_path / "run").reason == "the disk is full"
    run = experiment(tmp_path / "run").run(progress=None)
    assert "CRASHED" not in run.trials.labels("status")
