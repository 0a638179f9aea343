import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from l2l.cli import main
from l2l.journal import Journal
from tests.l2l.events import Shape, events, lead

WATCH = [sys.executable, "-m", "l2l.cli", "watch"]


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    lead(tmp_path / "runs" / "one", events(Shape(generations=4, finished=False)))
    with Journal(tmp_path / "runs" / "one" / "journal") as journal:
        journal.append("stopped", {"segment": 0, "reason": "walltime", "finished": False, "time": 99.0})
    return tmp_path / "runs" / "one"


def test_a_run_that_is_over_is_said_in_a_line_and_the_watching_ends(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(stopped)]) == 0
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and "runs/one  stopped  4 generations" in line and line.endswith("walltime\n")
    assert main(["watch", str(stopped), "--once"]) == 0
    assert capsys.readouterr().out.startswith("runs/one  stopped")
    assert main(["watch", str(stopped / "trajectory.h5"), "--once"]) == 0


def test_what_is_no_run_is_refused_or_said(stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(tmp_path / "nothing")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["watch", str(tmp_path / "runs")]) == 2
    assert "it has these runs in it: one" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["watch", str(tmp_path / "empty")]) == 0
    assert "empty  not begun  nothing is there yet" in capsys.readouterr().out
    (tmp_path / "other" / "journal").mkdir(parents=True)
    (tmp_path / "other" / "journal" / "000001.journal").write_bytes(b"something else")
    assert main(["watch", str(tmp_path / "other"), str(stopped)]) == 1
    shown = capsys.readouterr().out
    assert "other  unreadable" in shown and "one  stopped" in shown


@pytest.mark.parametrize("given", ["0", "-1", "many", "0.01", "inf", "nan"])
def test_an_interval_that_is_none_is_refused(stopped: Path, capsys: pytest.CaptureFixture[str], given: str) -> None:
    assert main(["watch", str(stopped), f"--interval={given}"]) == 2
    assert "--interval" in capsys.readouterr().err


def on_a_terminal(command: list[str], folder: Path, until: bytes, term: str = "xterm") -> tuple[int, bytes]:
    """What a command writes to a terminal; it is interrupted once that has been seen."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        command,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": term, "COLUMNS": "80", "LINES": "24"},
    )
    os.close(theirs)
    killer = threading.Timer(50, child.kill)
    killer.start()
    seen, sent = b"", False
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the last writer has gone
            break
        seen += part
        if until in seen and not sent:
            sent = True
            child.send_signal(signal.SIGINT)
        if not part:
            break
    killer.cancel()
    os.close(ours)
    return child.wait(), seen


def test_on_a_terminal_it_waits_for_a_run_and_ctrl_c_ends_it_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, seen = on_a_terminal([*WATCH, "empty"], tmp_path, b"nothing is there yet")
    assert code == 0 and b"watching ended; the runs go on" in seen
    assert seen.endswith(b"\n") and b"\x1b[?25h" in seen  # the cursor is shown again


def test_the_last_picture_of_a_run_that_is_over_stays_on_the_terminal(stopped: Path) -> None:
    code, seen = on_a_terminal([*WATCH, str(stopped)], stopped, b"\0")
    assert code == 0 and b"median" in seen and "█".encode() in seen


def test_a_dumb_terminal_gets_lines(stopped: Path) -> None:
    code, seen = on_a_terminal([*WATCH, str(stopped)], stopped, b"\0", term="dumb")
    assert code == 0 and b"\x1b" not in seen and seen.count(b"\n") == 1 and b"walltime" in seen
