import subprocess
import sys
from pathlib import Path

import pytest

REPORT = """
import os, sys
import l2l
opened = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
said = [os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)]
sys.stdout.write("taken")
sys.stderr.write("taken")
child = os.popen("readlink /proc/self/fd/0").read().strip()
os.write(opened, repr((opened, said, child)).encode())
"""

MODEL = """\
import os
import l2l

class Warns(l2l.Optimizee):
    space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))

    def simulate(self, individual, trial):
        for descriptor in (1, 2):
            os.write(descriptor, bytes.fromhex("deadbeef") * 4)
        return individual["x"]
"""


def _run(redirections: str, *command: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["sh", "-c", f'exec "$@" {redirections}', "sh", *command], capture_output=True, timeout=50)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_place_of_a_closed_standard_descriptor(tmp_path: Path, closed: str) -> None:
    (tmp_path / "report.py").write_text(REPORT)
    done = _run(closed, sys.executable, str(tmp_path / "report.py"), str(tmp_path / "found"))
    assert done.returncode == 0, done.stderr
    opened, said, child = eval((tmp_path / "found").read_text())  # noqa: S307 - what the test itself wrote
    assert opened > 2
    for number, sign in enumerate(("<&-", ">&-", "2>&-")):
        if sign in closed.split():
            assert said[number] == "/dev/null"
    assert "<&-" not in closed.split() or child == "/dev/null"


@pytest.mark.parametrize("launcher", ["serial", "local"])
def test_what_a_library_writes_to_a_closed_descriptor_is_in_no_file_of_the_run(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "x.yaml").write_text(
        f"optimizee: model.py:Warns\noptimizer: {{name: random, population: 4}}\nlauncher: {launcher}\n"
        f"stop: {{generations: 2}}\ndirectory: {tmp_path / 'run'}\n"
    )
    done = _run("<&- >&- 2>&-", sys.executable, "-m", "l2l.cli", "run", str(tmp_path / "x.yaml"))
    assert done.returncode == 0
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file() and path.suffix != ".log"]
    assert written and not any(bytes.fromhex("deadbeef") in path.read_bytes() for path in written)


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "2>/dev/full", "<&-"])
def test_commands_behave_without_standard_streams(redirection: str) -> None:
    done = _run(redirection, sys.executable, "-m", "l2l.cli", "list", "optimizers", "--names")
    assert done.returncode == 0 and b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize("arguments", [("list", "launchers"), ("--help",), ("run", "--help"), ("--version",)])
def test_a_full_disk_behind_standard_output_is_said(arguments: tuple[str, ...]) -> None:
    done = _run(">/dev/full", sys.executable, "-m", "l2l.cli", *arguments)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("l2l: standard output cannot be written: No space left on device;")
    assert done.stderr.count(b"\n") == 1
