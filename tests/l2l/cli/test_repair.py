"""`l2l check RUN` and `l2l repair RUN`, as users type them."""

import os
import shutil
import time
from pathlib import Path

import h5py
import pytest

from l2l import Experiment
from l2l.cli import main
from tests.faults.models import Plain


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    Experiment(
        Plain(), {"name": "random", "population": 3}, directory=folder, launcher="serial", stop={"generations": 2}
    ).run(progress=None)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def test_a_whole_run_is_said_to_be_whole(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in (run, run / "trajectory.h5"):
        assert main(["check", str(given)]) == 0
        said = capsys.readouterr().out
        assert "2 generations, 6 individuals, 6 trials" in said
        assert said.splitlines()[-1] == "this run is whole"


def test_a_damaged_run_is_named_and_its_repair_says_what_is_lost(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(run / "trajectory.h5", "r+") as file:
        file["trials/status"][0] = 1
    assert main(["check", str(run)]) == 1
    said = capsys.readouterr().out
    assert "the column trials/status does not have its checksum" in said
    assert said.splitlines()[-1].startswith("this run is damaged; recover what can be proved right: l2l repair ")
    new = run.with_name("new")
    for command in (
        ["show"],
        ["export", "--to", "csv", "--table", "trials"],
        ["status"],
        ["resume"],
        ["rerun", "--individual", "0"],
    ):
        code = main([command[0], str(run), *command[1:]])
        shown = capsys.readouterr()
        if command[0] != "show":  # which has no need of that column
            assert code == 1, command
            assert "trials/status does not have its checksum" in shown.err + shown.out, command
    assert main(["repair", str(run), "--into", str(new)]) == 0
    shown = capsys.readouterr()
    assert "lost: " in shown.err
    assert "trials/status" in shown.err
    assert "next: l2l check " in shown.out
    assert main(["check", str(new)]) == 0


def test_a_repair_wants_a_run_and_a_new_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", str(run), "--into", str(run)]) == 2
    assert "--into: expected a new folder" in capsys.readouterr().err
    assert main(["repair", str(run.parent), "--into", str(run.with_name("new"))]) == 2
    assert "expected the folder of a run" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["trajectory.h5", "journal/000001.journal"])
def test_a_pipe_in_the_place_of_a_file_is_said_and_not_waited_for(
    run: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "trajectory.h5").unlink()
    (run / name).parent.mkdir(exist_ok=True)
    os.mkfifo(run / name)
    for command in ("show", "status", "check", "resume", "repair"):
        assert main([command, str(run), *(["--into", str(run.with_name("new"))] * (command == "repair"))]) in (1, 2)
        shown = capsys.readouterr()
        assert "a pipe" in shown.err + shown.out or command in ("resume", "repair"), command
        assert "unexpected" not in shown.err


def test_a_clock_that_is_ahead_makes_no_news_of_the_future(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soon = time.time() + 1000.0
    os.utime(run / "trajectory.h5", (soon, soon))
    assert main(["status", str(run)]) == 0
    names, row = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert dict(zip(names, row, strict=True))["last news"] == "0.0"
