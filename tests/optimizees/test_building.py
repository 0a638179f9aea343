"""Programs that `command` builds: once a process, safe beside others, gone with the process."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import l2l
from l2l.cli import main
from l2l.errors import NotFoundError, OptionError
from l2l.optimizee import Optimizee
from l2l.optimizees import Command
from l2l.optimizees.building import Folder
from l2l.space import ParameterSpace, Real
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Status, Trial
from l2l.worker.evaluate import evaluate

SPACE = ParameterSpace(x=Real(-5.0, 5.0, default=1.5))
SOURCE = Path(__file__).parent / "programs/square.c"
OPTIONS: dict[str, Any] = {
    "build": ["cc", "-o", "{build}/square", "{source}"],
    "command": ["{build}/square", "{x}"],
    "paths": {"source": SOURCE},
    "parameters": SPACE,
}


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)


def left(folder: Path) -> list[str]:
    return [one.name for one in (folder / "temporary").glob("l2l-build-*")]


class TestAProgramInC(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return Command(**OPTIONS, version="cc --version")


def test_a_program_is_built_once_and_removed(tmp_path: Path) -> None:
    command = Command(**OPTIONS)
    command.setup()
    folders = left(tmp_path)
    assert len(folders) == 1
    for x in (2.0, 3.0):
        found = evaluate(command, Trial(SPACE.individual({"x": x}), root=tmp_path))
        assert found.fitness == (x**2,), found.failure
    assert left(tmp_path) == folders
    command.teardown()
    assert left(tmp_path) == []
    assert evaluate(command, Trial(SPACE.individual({"x": 4.0}), index=1, root=tmp_path)).fitness == (16.0,)


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    program = "from l2l.optimizees.building import Folder; import os; Folder(); os.kill(os.getpid(), 9)"
    program = program.replace("Folder();", "one = Folder(); print(one.path, flush=True);")
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert Path(killed.stdout.strip()).is_dir()
    one = Folder()
    assert not Path(killed.stdout.strip()).exists()
    other = Folder()
    assert one.path.is_dir() and other.path.is_dir() and one.path != other.path
    one.remove()
    other.remove()
    assert left(tmp_path) == []


def test_workers_build_beside_each_other_and_leave_nothing(tmp_path: Path) -> None:
    options = {**OPTIONS, "paths": {"source": str(SOURCE)}, "parameters": {"x": {"low": -5.0, "high": 5.0}}}
    optimizee = {"name": "command", **options, "version": "cc --version"}
    text = yaml.safe_dump({"optimizee": optimizee, "optimizer": {"name": "grid", "points": 9}})
    Path("square.yaml").write_text(text)
    assert main(["run", "square.yaml", "--workers", "2"]) == 0
    trajectory = l2l.Trajectory("runs/square")
    assert set(trajectory.trials["status"].tolist()) == {int(Status.OK)}
    assert trajectory.trials["fitness/fitness"].tolist() == pytest.approx(
        (trajectory.individuals["parameters/x"] ** 2).tolist()
    )
    assert left(tmp_path) == []


def test_the_compiler_is_part_of_the_model() -> None:
    command = Command(**OPTIONS, version="cc --version")
    first = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    assert command.needs_process and command.version() == first
    assert not Command(**OPTIONS).needs_process and Command(**OPTIONS).version() == ""


def test_a_build_that_fails_says_what_the_compiler_said(tmp_path: Path) -> None:
    source = tmp_path / "wrong.c"
    source.write_text("int main(void) { return nonsense; }\n")
    with pytest.raises(
        OptionError, match=r"option 'build': cc .* ended with exit code 1:\n(.|\n)*nonsense.? undeclared"
    ):
        Command(**{**OPTIONS, "paths": {"source": source}}).setup()
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"build": "no-such-compiler {source}"}, "option 'build': 'no-such-compiler': No such file"),
        ({"build": "true"}, "the program '.*/square' is not there, or may not be executed"),
    ],
)
def test_what_is_not_there_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(NotFoundError, match=message):
        Command(**{**OPTIONS, **options}).setup()


def test_a_version_that_cannot_be_had_is_named() -> None:
    with pytest.raises(OptionError, match="option 'version': false ended with exit code 1:\nit wrote nothing"):
        Command(**OPTIONS, version="false").version()
    with pytest.raises(OptionError, match="option 'version': expected true to print it, got nothing"):
        Command(**OPTIONS, version="true").version()
    with pytest.raises(NotFoundError, match="option 'version': 'no-such-compiler'"):
        Command(**OPTIONS, version="no-such-compiler --version").version()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"build": ""}, "option 'build': expected a program and its arguments"),
        ({"build": "cc {x}"}, r"option 'build': '\{x\}': \{x\}: no value 'x'; there are: 'build', 'source'"),
        ({"build": None}, r"option 'command': '\{build\}/square': \{build\}: no value 'build'"),
        ({"version": "cc {seed}"}, "option 'version': .* no value 'seed'"),
        (
            {"paths": {"source": SOURCE, "build": SOURCE}},
            "'build' stands for two things; .*, build need different names",
        ),
    ],
)
def test_wrong_words_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Command(**{**OPTIONS, **options})


def test_a_parameter_may_be_named_build_where_nothing_is_built(tmp_path: Path) -> None:
    command = Command(command="echo {build}", parameters=ParameterSpace(build=Real(0.0, 1.0, default=0.5)))
    assert evaluate(command, Trial(command.space.default, root=tmp_path)).fitness == (0.5,)


def test_a_copy_of_the_process_does_not_remove_the_folder(tmp_path: Path) -> None:
    program = """
import os, sys
from l2l.optimizees.building import Folder
one = Folder()
if os.fork() == 0:
    sys.exit()
os.wait()
print(one.path.is_dir())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    assert left(tmp_path) == []
