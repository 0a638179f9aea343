"""Runs of another version of the format are refused with one sentence, by every command, and left as they are."""

import lzma
import shutil
from pathlib import Path

import h5py
import pytest

from l2l import Experiment
from l2l.cli import main
from l2l.errors import OtherFormat
from l2l.journal import file_of

VERSION_1 = Path(__file__).parent.parent / "version_1"
"""Files of a finished run and of one that was stopped, as version 1 had them."""
EXPERIMENT = """
optimizee: {name: function, dimension: 2}
optimizer: {name: random, population: 4}
launcher: serial
stop: {generations: 4}
seed: 3
"""


def unpacked(name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.decompress((VERSION_1 / name).read_bytes()))


@pytest.fixture(params=["finished", "stopped", "journal alone"])
def run(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "run"
    if request.param == "finished":
        unpacked("finished.h5.xz", folder / "trajectory.h5")
    else:
        unpacked("stopped.journal.xz", file_of(folder / "journal", 1))
    if request.param == "stopped":
        unpacked("stopped.h5.xz", folder / "trajectory.h5")
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def begin(folder: Path, *more: str, memo: Path | None = None) -> int:
    text = EXPERIMENT + (f"memo: [{memo}]\n" if memo else "")
    file = folder.parent / "bowl.yaml"
    file.write_text(f"{text}directory: {folder}\n")
    return main(["run", str(file), *more])


def refused(shown: str) -> bool:
    return "expected version 2 of the format, got version 1" in shown and "l2l run FILE --fresh" in shown


@pytest.mark.parametrize("command", ["show", "status", "export", "check", "resume", "rerun", "repair"])
def test_commands_say_which_version_it_is_and_what_to_do(
    run: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(run)
    more = {"export": ["--to", "csv"], "rerun": ["--individual", "0"], "repair": ["--into", str(run) + "-new"]}
    assert main([command, str(run), *more.get(command, [])]) == 1
    shown = capsys.readouterr()
    assert refused(shown.err)
    assert "damaged" not in shown.err + shown.out
    assert contents(run) == before
    assert not run.with_name("run-new").exists()


def test_it_is_one_row_among_those_of_other_runs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert begin(run.with_name("other")) == 0
    capsys.readouterr()
    assert main(["status", str(run), str(run.with_name("other"))]) == 1
    rows = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[1] for line in rows if "\t" in line][-2:] == ["unreadable", "finished"]
    assert refused(rows[-2])


def test_a_run_does_not_begin_over_it_but_beside_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    assert begin(run) == 1
    assert refused(capsys.readouterr().err)
    assert contents(run) == before
    assert begin(run, "--fresh") == 0
    assert contents(run.with_name("run.before-1")) == before
    assert main(["check", str(run)]) == 0


def test_no_memo_is_made_of_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert begin(run.with_name("other"), memo=run) == 1
    assert refused(capsys.readouterr().err)


def test_an_archive_of_another_version_beside_a_journal_of_ours_is_not_replaced(tmp_path: Path) -> None:
    def stop(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("l2l.experiment.lead._complete", lambda *_: None)  # killed at its end
            experiment(folder).run(progress=None)

    def experiment(folder: Path) -> Experiment:
        return Experiment(
            {"name": "function", "dimension": 2}, {"name": "random"}, directory=folder, stop={"generations": 1}
        )

    stop(tmp_path / "run")
    for version in (1, 99):
        folder = tmp_path / str(version)
        shutil.copytree(tmp_path / "run", folder)
        unpacked("finished.h5.xz", folder / "trajectory.h5")
        with h5py.File(folder / "trajectory.h5", "r+") as file:
            file.attrs["version"] = version
        before = (folder / "trajectory.h5").read_bytes()
        with pytest.raises(OtherFormat, match=f"got version {version}"):
            experiment(folder).run(progress=None)
        assert (folder / "trajectory.h5").read_bytes() == before


def test_a_journal_of_ours_of_which_the_version_is_damaged_is_said_to_be_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("l2l.experiment.lead._complete", lambda *_: None)
        begin(tmp_path / "run")
    path = file_of(tmp_path / "run" / "journal", 1)
    content = bytearray(path.read_bytes())
    content[7] = ord("3")
    path.write_bytes(content)
    capsys.readouterr()
    assert main(["check", str(tmp_path / "run")]) == 1
    assert "damaged at byte 0" in capsys.readouterr().out
