"""What users have around a run: files that raise, folders that vanish, numbers that no machine has room for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from l2l.cli import main

GOOD = {
    "optimizee": "{name: function, dimension: 2}",
    "optimizer": "{name: random, population: 4}",
    "launcher": "serial",
    "stop": "{generations: 1}",
}


def _file(**keys: str) -> None:
    Path("x.yaml").write_text("".join(f"{key}: {value}\n" for key, value in (GOOD | keys).items()))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"seed": "1e400"}, "x.yaml:5: seed: 1e400 is larger than numbers"),
        ({"seed": "0x" + "f" * 5000}, "x.yaml:5: seed: expected a whole number of at most 400 digits"),
        ({"seed": "1" + "0" * 300}, "seed: expected a whole number"),
        ({"directory": '"a\\0b"'}, "directory: expected the path of a folder"),
        ({"directory": "x" * 300}, "directory: "),
        ({"directory": "x.yaml"}, "is a file; choose another directory"),
        ({"optimizer": "{name: random, population: 1e14}"}, "GB of memory, and this machine has"),
        ({"optimizee": "{name: function, dimension: 1e12}"}, "Unable to allocate"),
        ({"launcher": "{name: local, workers: 1e8}"}, "expected at most 10,000, got 100,000,000"),
        ({"stop": f"{{generations: {'x' * 9000}}}"}, "stop.generations: expected a whole number"),
        ({"trials": "[" * 2000}, "at most 100 lists and mappings within each other"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_odd_input_is_said_in_both_commands(
    keys: dict[str, str], said: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _file(**keys)
    assert main([command, "x.yaml"]) == 2
    error = capsys.readouterr().err
    assert said in error and "unexpected" not in error and len(error) < 3000


@pytest.mark.parametrize(
    "raised",
    [
        "raise SystemExit(3)",
        "raise SystemExit('text')",
        "class B(BaseException): pass\nraise B",
        "raise GeneratorExit",
    ],
)
@pytest.mark.parametrize("through", ["x.yaml", "model.py"])
def test_whatever_a_file_raises_is_said_with_its_line(
    raised: str, through: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("model.py").write_text(f"import l2l\n{raised}\n")
    _file(optimizee="model.py:M")
    assert main(["check", through]) == 2
    error = capsys.readouterr().err
    assert "cannot be imported" in error and "model.py, line" in error and "Traceback" not in error


def test_an_interrupt_in_a_file_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    Path("model.py").write_text("import l2l\nraise KeyboardInterrupt\n")
    _file(optimizee="model.py:M")
    assert main(["run", "x.yaml"]) == 130
    error = capsys.readouterr().err
    assert error.startswith("l2l: interrupted; optimizee 'model.py:M' was being imported") and "line 2" in error


@pytest.mark.parametrize("arguments", [["status"], ["run", "x.yaml"], ["new", "optimizee", "some"], ["list"]])
def test_a_current_folder_that_is_gone_is_said(tmp_path: Path, arguments: list[str]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = "import os, sys; os.rmdir(os.getcwd()); from l2l.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=gone, capture_output=True, text=True)
    assert done.returncode in (0, 2) and "unexpected" not in done.stderr and "Traceback" not in done.stderr


def test_an_unexpected_error_is_reported_without_a_temporary_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the sky fell \x1b[2J")

    def full(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("l2l.config.load", broken)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    assert main(["check", "x.yaml"]) == 1
    error = capsys.readouterr().err
    assert "unexpected RuntimeError: the sky fell" in error and "with this traceback\nTraceback" in error
    assert "\x1b" not in error and r"\x1b[2J" in error


@pytest.mark.parametrize("variables", [{"HOME": ""}, {"HOME": "/nowhere"}, {"TMPDIR": "/nowhere"}])
def test_a_run_needs_no_home_and_no_given_temporary_folder(variables: dict[str, str]) -> None:
    _file(launcher="{name: local, workers: 1}")
    environment = {name: value for name, value in os.environ.items() if name != "HOME"} | variables
    if not variables["HOME" if "HOME" in variables else "TMPDIR"]:
        environment.pop("HOME")
    command = [sys.executable, "-m", "l2l.cli", "run", "x.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), "set TMPDIR to one that can"),
        (OSError(28, "No space left on device", "/tmp/l2l-logs-x"), "/tmp/l2l-logs-x: cannot use it: the disk is full"),
        (PermissionError(13, "Permission denied", "/tmp/x"), "/tmp/x: cannot use it: permission denied"),
    ],
)
def test_what_the_system_refuses_is_no_fault_of_ours(
    error: OSError, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("l2l.config.load", refuse)
    assert main(["check", "x.yaml"]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["status"],
        ["resume"],
        ["export", "--to", "csv"],
        ["new", "optimizee"],
        ["list", "optimizers"],
        ["check"],
    ],
)
def test_a_name_that_no_file_can_have_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 400 + (".py:X" if arguments[0] == "list" else "")
    assert main([*arguments, name]) == 2
    error = capsys.readouterr().err
    assert "unexpected" not in error and len(error) < 2000
