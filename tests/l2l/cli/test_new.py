import subprocess
import sys
from pathlib import Path

import pytest

from l2l.cli import main


def run_tests(*files: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "skeleton"),
    [("optimizer", "hill_climber.py"), ("optimizee", "hill_climber.py"), ("experiment", "hill_climber.yaml")],
)
def test_a_skeleton_passes_its_test_as_written(kind: str, skeleton: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", kind, "HillClimber"]) == 0
    out = capsys.readouterr().out
    assert skeleton in out and "python -m pytest test_hill_climber.py" in out
    assert "NAME" not in Path(skeleton).read_text() and "CLASS" not in Path(skeleton).read_text()
    run_tests("test_hill_climber.py")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("9lives", "expected letters, digits and underscores"),
        ("try", "'try' is a word of Python's own; take another, as my_try"),
        ("json", "'json' is the name of a module that Python itself needs; take another, as my_json"),
    ],
)
def test_a_name_that_no_module_can_have_is_refused(name: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "experiment", name]) == 2
    assert why in capsys.readouterr().err
    assert not [*Path().iterdir()]


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path("test_mine.py").write_text("precious")
    assert main(["new", "optimizer", "mine"]) == 2
    assert "test_mine.py is there already" in capsys.readouterr().err
    assert Path("test_mine.py").read_text() == "precious" and not Path("mine.py").exists()


def test_a_skeleton_of_an_experiment_can_be_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "experiment", "first", "--directory", "experiments"]) == 0
    assert main(["check", "experiments/first.yaml", "--launcher", "serial"]) == 0
    assert "400 trials at most" in capsys.readouterr().out


def test_skeletons_keep_the_house_style() -> None:
    pytest.importorskip("ruff")
    for kind in ("optimizer", "optimizee"):
        assert main(["new", kind, f"my_{kind}"]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,UP,B,N", "--line-length", "120", "."],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
