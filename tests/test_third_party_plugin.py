"""A package of a third party, installed for real into an environment of its own, used as its users would."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from l2l import Trajectory, registry

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "tests" / "plugin"

BROKEN_PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "l2l-broken"
version = "0.3"

[project.entry-points."l2l.optimizees"]
cortex = "l2l_broken:Cortex"

[project.entry-points."l2l.launchers"]
mainframe = "l2l_broken:Mainframe"

[tool.setuptools]
py-modules = ["l2l_broken"]
"""

TABLES = ("generations", "individuals", "trials")
OF_THE_PROCESS = {"started", "finished", "seconds", "host", "segment", "peak_memory"}
"""Columns that say when and where."""


@dataclass(frozen=True)
class Environment:
    """A throw-away environment that sees all of the running one, and what is installed into it besides."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *sources: Path) -> str:
        flags = ["--no-deps", "--no-build-isolation", "--no-index", "--no-cache-dir", "--disable-pip-version-check"]
        pip = [sys.executable, "-m", "pip", "--isolated", "--python", self.python, "install", *flags]
        return said(subprocess.run([*pip, *sources], capture_output=True, text=True, timeout=50))

    def command(self, *words: str | Path) -> list[str]:
        """`l2l …` as of this environment."""
        return [str(self.python), "-m", "l2l.cli", *map(str, words)]

    def l2l(self, *words: str | Path, code: int = 0) -> str:
        """What a command prints."""
        return said(subprocess.run(self.command(*words), capture_output=True, text=True, timeout=50), code)


def said(done: subprocess.CompletedProcess[str], code: int = 0) -> str:
    """The output of a program that ended with this exit code."""
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def new_environment(folder: Path) -> Environment:
    venv.EnvBuilder(symlinks=True).create(folder)
    paths = {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}
    (own,) = folder.glob("lib/python*/site-packages")
    # addsitedir and not the bare folders, so that editable installs of the running environment count too
    (own / "running.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in sorted(paths)))
    return Environment(folder)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the package and with one whose plugins cannot be imported."""
    folder = tmp_path_factory.mktemp("third-party")
    package, broken = folder / "package", folder / "broken"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info", "runs"))
    broken.mkdir()
    (broken / "pyproject.toml").write_text(BROKEN_PROJECT)
    (broken / "l2l_broken.py").write_text("import cortical_simulator\n")
    environment = new_environment(folder / "environment")
    environment.install(package, broken)
    return environment


@pytest.fixture
def experiment() -> Path:
    """The package's experiment, in the test's folder."""
    return Path(shutil.copy(PACKAGE / "experiment.yaml", Path.cwd()))


def assert_same_run(one: Path, other: Path) -> None:
    """Two finished runs hold the same, times and hosts aside."""
    first, second = Trajectory(one), Trajectory(other)
    for name in TABLES:
        mine, theirs = getattr(first, name), getattr(second, name)
        assert len(mine) == len(theirs) > 0
        assert set(mine) == set(theirs)
        for column in set(mine) - OF_THE_PROCESS:
            np.testing.assert_array_equal(mine[column], theirs[column], err_msg=f"{name}/{column}")


def test_installing_it_leaves_the_running_environment_alone(installed: Environment) -> None:
    registry.forget()
    for kind in registry.KINDS:
        assert not {"one-plus-lambda", "logistic-map", "threads", "cortex", "mainframe"} & set(registry.names(kind))
    assert list(installed.folder.glob("lib/python*/site-packages/l2l_chaos/threads.py"))


def test_it_passes_the_contract_tests_that_ship_with_l2l(installed: Environment) -> None:
    tests = installed.folder.parent / "package"
    run = [installed.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tests, tests / "tests"]
    printed = said(subprocess.run(run, capture_output=True, text=True, timeout=55, cwd=tests / "tests"))
    (passed,) = re.findall(r"(\d+) passed", printed)
    assert int(passed) > 80
    assert not re.search(r"\b(failed|errors?|skipped)\b", printed)


def test_the_manual_shows_its_launcher_as_it_is() -> None:
    (program, *_) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs/launcher.md").read_text(), re.DOTALL)
    assert program == (PACKAGE / "l2l_chaos/threads.py").read_text()


def test_list_shows_its_plugins_with_options_defaults_and_help(installed: Environment) -> None:
    for kind, name, lines in (
        (
            "optimizers",
            "one-plus-lambda",
            [
                "one-plus-lambda  (l2l-chaos 1.0)",
                "Normal steps around the best point so far, longer after success and shorter after failure.",
                r"population +int = 8",
                "Children of a generation, λ.",
                r"sigma +float = 0.2",
                r"steady_state +bool = False",
            ],
        ),
        (
            "optimizees",
            "logistic-map",
            [
                "logistic-map  (l2l-chaos 1.0)",
                "A population that limits its own growth, tuned to a Lyapunov exponent.",
                r"target +float = 0.3",
                "Lyapunov exponent to reach, per step.",
                r"steps +int = 300",
            ],
        ),
        (
            "launchers",
            "threads",
            [
                "threads  (l2l-chaos 1.0)",
                "Runs trials in threads of this process, each with an optimizee of its own.",
                r"workers +int = 4",
                "Trials that run at once.",
            ],
        ),
    ):
        printed = installed.l2l("list", kind)
        place = 0
        for line in lines:
            found = re.compile(rf"^ +{line if '+' in line else re.escape(line)}$", re.MULTILINE).search(printed, place)
            assert found, f"{line!r} is missing, or out of order, in:\n{printed}"
            place = found.end()
        assert installed.l2l("list", kind, name).splitlines()[2] == f"  {lines[0]}"


def test_a_plugin_that_cannot_be_imported_is_listed_with_the_reason(installed: Environment) -> None:
    printed = installed.l2l("list")
    for kind, name, place in (
        ("optimizee", "cortex", "l2l_broken:Cortex"),
        ("launcher", "mainframe", "l2l_broken:Mainframe"),
    ):
        (reason,) = re.findall(rf"^  {name}  cannot be used\n +(.*)$", printed, re.MULTILINE)
        assert reason.startswith(f"{kind} '{name}' ({place}, from l2l-broken 0.3) cannot be imported: ")
        assert "No module named 'cortical_simulator'" in reason
        assert "l2l_broken.py, line 1" in reason
    for name in ("one-plus-lambda", "cma-es", "logistic-map", "function", "threads", "local"):
        assert re.search(rf"^  {name}\b(?!  cannot)", printed, re.MULTILINE), name


def test_a_broken_plugin_fails_only_the_run_that_names_it(installed: Environment, experiment: Path) -> None:
    named = ("run", experiment, "--set", "optimizee={name: cortex}")
    refused = subprocess.run(installed.command(*named), capture_output=True, text=True, timeout=50)
    assert refused.returncode in (1, 2)
    assert "No module named 'cortical_simulator'" in refused.stderr
    assert "Traceback" not in refused.stderr
    # auto asks every launcher whether it is under it, the broken one too
    installed.l2l("run", experiment, "--launcher", "auto", "--set", "stop.generations=1", "--directory", "auto")
    assert Trajectory("auto").finished


def test_its_plugins_run_resume_and_rerun_by_their_names(installed: Environment, experiment: Path) -> None:
    assert "finished" in installed.l2l("run", experiment, "--directory", "whole")
    installed.l2l("run", experiment, "--directory", "parts", "--set", "stop.generations=3")
    assert len(Trajectory("parts").generations) == 3
    installed.l2l("resume", "parts", "--set", "stop.generations=8")
    assert_same_run(Path("whole"), Path("parts"))

    whole = Trajectory("whole")
    assert len(whole.generations) == 8 and len(whole.trials) == 8 * 6 * 2
    assert whole.trials["observables/orbit"].shape == (96, 300)
    assert whole.best.fitness < 0.1
    printed = installed.l2l("rerun", "whole", "--individual", str(whole.best.number), "--trial", "1")
    (row,) = np.flatnonzero((whole.trials["individual"] == whole.best.number) & (whole.trials["number"] == 1))
    archived = repr(float(whole.trials["fitness/exponent_error"][row]))
    assert re.search(rf"exponent_error +{archived} +{archived}\n", printed), printed
    assert "the same, bit for bit" in printed


def test_all_launchers_agree_on_its_optimizee(installed: Environment, experiment: Path) -> None:
    for launcher in ("threads", "serial", "local"):
        set_to = (f"launcher={{name: {launcher}}}", "stop.generations=3")
        installed.l2l("run", experiment, "--directory", launcher, *(word for one in set_to for word in ("--set", one)))
    assert_same_run(Path("threads"), Path("serial"))
    assert_same_run(Path("threads"), Path("local"))


@pytest.mark.parametrize("steady_state", [False, True])
def test_a_killed_run_goes_on_where_it_was(installed: Environment, experiment: Path, steady_state: bool) -> None:
    endless = ("--set", "stop.generations=1000000", "--set", f"optimizer.steady_state={str(steady_state).lower()}")
    kill_after_a_generation(installed.command("run", experiment, "--directory", "killed", *endless))
    before = Trajectory("killed")
    assert not before.finished
    generations = len(before.generations) + 5
    installed.l2l("resume", "killed", "--set", f"stop.generations={generations}")
    after = Trajectory("killed")
    assert after.finished and len(after.generations) == generations and len(after.segments) == 2
    for column in set(before.trials):
        kept = after.trials[column][: len(before.trials)]
        np.testing.assert_array_equal(before.trials[column], kept, err_msg=column)
    if not steady_state:
        whole = ("--directory", "whole", "--set", f"stop.generations={generations}")
        installed.l2l("run", experiment, *whole)
        assert_same_run(Path("whole"), Path("killed"))


def kill_after_a_generation(command: list[str]) -> None:
    """Run a command, and kill its whole group as soon as it says that a generation is complete."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stdout
        try:
            assert any(line.startswith("generation ") for line in run.stdout), "it ended before its first generation"
        finally:
            os.killpg(run.pid, signal.SIGKILL)
