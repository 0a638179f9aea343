import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import pytest

from l2l import Experiment, Trajectory
from l2l.cli import main
from l2l.errors import OptionError, StorageError, UserError
from l2l.experiment.folder import MARK, check_folder, claim_folder, make_folder
from l2l.experiment.progress import Progress
from tests.faults.harness import same

NAMES = ["lock", "experiment.yaml", "trajectory.h5", "trajectory.before.h5", "trajectory.h5.partial"]
FOLDERS = [
    "journal/000001.journal",
    "journal.removed/x",
    "trials/000/0-0/data",
    "logs/worker-0.log",
    "submit/job.sh",
]

TEXT = """\
# why these bounds were chosen
optimizee: {name: function, dimension: 2}
optimizer: {name: random, population: 4}
stop: {generations: 2}
launcher: serial
"""


def experiment(folder: Path, generations: int = 2) -> Experiment:
    stop = {"generations": generations}
    return Experiment("function", {"name": "random", "population": 4}, directory=folder, launcher="serial", stop=stop)


@pytest.mark.parametrize("name", NAMES + FOLDERS)
def test_a_folder_with_files_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    theirs = tmp_path / name
    theirs.parent.mkdir(parents=True, exist_ok=True)
    theirs.write_text("mine")
    with pytest.raises(UserError, match=f"holds {name.partition('/')[0]}"):
        experiment(tmp_path).run(progress=None)
    assert theirs.read_text() == "mine"
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [theirs], "nothing else was written"


def test_an_archive_of_another_program_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "trajectory.h5", "w") as file:
        file["positions"] = [1.0, 2.0]
    with pytest.raises(UserError, match=r"holds trajectory\.h5"):
        experiment(tmp_path).run(progress=None)


def test_other_files_and_empty_folders_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("mine")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/job-17.log").write_text("what a batch system wrote before the run began")
    assert experiment(tmp_path).run(progress=None).finished
    assert not (tmp_path / MARK).exists(), "the archive says the same"
    assert experiment(tmp_path, 3).run(progress=None).reason == "3 generations done"


@pytest.mark.parametrize("kept", [("trajectory.h5",), ("trajectory.h5", "experiment.yaml")])
def test_an_archive_alone_makes_a_folder_a_run(tmp_path: Path, kept: tuple[str, ...]) -> None:
    experiment(tmp_path / "run").run(progress=None)
    (tmp_path / "copy").mkdir()
    for name in kept:
        (tmp_path / "copy" / name).write_bytes((tmp_path / "run" / name).read_bytes())
    assert len(experiment(tmp_path / "copy", 3).run(progress=None).generations) == 3


def test_a_run_that_was_killed_before_it_wrote_anything_is_begun_again(tmp_path: Path) -> None:
    dies = (
        "import os, signal\nfrom l2l.experiment import lead\nfrom pathlib import Path\n"
        "lead.cleared = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from l2l import Experiment\n"
        "Experiment('function', 'random', directory=Path('run'), launcher='serial', stop={'generations': 1}).run()\n"
    )
    done = subprocess.run([sys.executable, "-c", dies], cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert sorted(one.name for one in (tmp_path / "run").iterdir()) == [MARK, "lock"]
    assert experiment(tmp_path / "run").run(progress=None).finished


def test_a_torn_lock_in_a_folder_of_a_run_is_no_obstacle(tmp_path: Path) -> None:
    claim_folder(tmp_path)
    (tmp_path / "lock").write_text('{"host": "vm", "pid": 1, "created": 0, "since": 1e300, "jo')
    assert experiment(tmp_path).run(progress=None).finished


@pytest.mark.parametrize("name", ["lock", "experiment.yaml", "journal", "logs", "trials", MARK, "trajectory.h5"])
@pytest.mark.parametrize("what", ["link", "pipe"])
def test_links_and_pipes_in_the_place_of_files_are_refused(tmp_path: Path, name: str, what: str) -> None:
    run, theirs = tmp_path / "run", tmp_path / "precious"
    run.mkdir()
    if name != MARK:
        claim_folder(run)
    if what == "pipe":
        os.mkfifo(run / name)
    elif name in ("journal", "logs", "trials"):
        theirs.mkdir()
        (run / name).symlink_to(theirs)
    else:
        theirs.write_text("precious")
        (run / name).symlink_to(theirs)
    with pytest.raises(UserError, match=f"{name}: expected a f.* of the run, got a (symbolic link|pipe)"):
        experiment(run).run(progress=None)
    assert what == "pipe" or theirs.is_dir() or theirs.read_text() == "precious"


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    assert experiment(tmp_path / "run").run(progress=None).finished
    assert len(Trajectory(tmp_path / "disk").trials) == 8


@pytest.mark.parametrize("given", ["experiment.yaml", "./experiment.yaml", "link.yaml", "hard.yaml"])
@pytest.mark.parametrize("command", ["run", "check"])
def test_the_file_that_is_read_is_never_written(
    given: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("experiment.yaml").write_text(TEXT)
    Path("link.yaml").symlink_to("experiment.yaml")
    Path("hard.yaml").hardlink_to("experiment.yaml")
    assert main([command, given, "--directory", "."]) == 2
    assert "would write over" in capsys.readouterr().err
    assert Path("experiment.yaml").read_text() == TEXT and len([*Path().iterdir()]) == 3


LONG = ["x" * 300, "/".join(["y" * 200] * 30)]


@pytest.mark.parametrize("name", ["a\0b", "\ud800", *LONG, "file", "file/below", "dangling"])
def test_a_path_that_cannot_be_a_folder_is_an_error_of_the_input(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    with pytest.raises(OptionError, match=r"^directory: ") as caught:
        make_folder(tmp_path / name)
    assert len(str(caught.value)) < 500


def test_a_folder_that_is_free_is_made_and_claimed_once(tmp_path: Path) -> None:
    make_folder(tmp_path / "a/b")
    claim_folder(tmp_path / "a/b")
    claim_folder(tmp_path / "a/b")
    check_folder(tmp_path / "a/b")
    assert [one.name for one in (tmp_path / "a/b").iterdir()] == [MARK]


@pytest.mark.parametrize(
    "name", ["lock", "experiment.yaml.partial", "journal/000001.partial", "trajectory.h5.partial", "logs/worker-0.log"]
)
def test_what_has_a_second_name_elsewhere_is_not_written_to(tmp_path: Path, name: str) -> None:
    run, theirs = tmp_path / "run", tmp_path / "precious"
    run.mkdir()
    claim_folder(run)
    theirs.write_text("precious")
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).hardlink_to(theirs)
    assert experiment(run).run(progress=None).finished
    assert theirs.read_text() == "precious"


def test_a_copy_of_hard_links_stays_as_it_is_while_the_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        experiment(tmp_path / "run", generations=3).run(progress=interrupt)
    for _ in range(2):  # the second time from the copy
        shutil.copytree(tmp_path / "run", tmp_path / "copy", copy_function=os.link)
        before = contents(tmp_path / "copy")
        assert any(name.startswith("journal/") for name in before)
        assert experiment(tmp_path / "run", generations=3).run(progress=None).finished
        assert contents(tmp_path / "copy") == before
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "copy").rename(tmp_path / "run")
    same(experiment(tmp_path / "run", generations=3).run(progress=None), whole(tmp_path))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def whole(folder: Path) -> Trajectory:
    return experiment(folder / "whole", generations=3).run(progress=None)


@pytest.mark.parametrize("instead", ["nothing", "an empty folder", "a finished run", "a run that goes on"])
def test_a_run_whose_folder_is_moved_away_touches_nothing_that_takes_its_place(tmp_path: Path, instead: str) -> None:
    other, run, moved = tmp_path / "other", tmp_path / "run", tmp_path / "moved"
    with suppress(KeyboardInterrupt):
        experiment(other, 5).run(progress=interrupt if instead == "a run that goes on" else None)
    before = contents(other)

    def move(progress: Progress) -> None:
        if progress.state == "running" and progress.generation == 1 and not moved.exists():
            run.rename(moved)
            if instead == "an empty folder":
                run.mkdir()
            elif instead != "nothing":
                shutil.copytree(other, run)
                (run / "lock").touch()

    with pytest.raises(StorageError, match=r"moved, removed or replaced while the run went on.*l2l resume"):
        experiment(run, 3).run(progress=move)
    found = contents(run)
    assert found.pop("lock", b"") == b""
    assert found == (before if "run" in instead else {})
    (moved / "lock").unlink()
    same(experiment(moved, 3).run(progress=None), whole(tmp_path))


def interrupt(progress: Progress) -> None:
    if progress.state == "running" and progress.generation == 1:
        os.kill(os.getpid(), signal.SIGINT)
