"""Where temporary folders and sockets go, and what becomes of those of killed processes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2l.dispatch.lifeline import Lifeline
from l2l.errors import LauncherError
from l2l.protocol import temporary

KILLED = """
import os, signal, sys
from l2l.dispatch.lifeline import Lifeline
from l2l.protocol import temporary
Lifeline(everywhere=False)
temporary.folder("logs")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for temporary files of this test's own, which nobody has swept."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(temporary, "_swept", set())
    yield place
    subprocess.run(["rm", "-rf", str(place)], check=True)


def test_what_killed_processes_left_is_removed_by_the_next(place: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(place)})
    assert len([*place.glob("l2l-*")]) == 2
    foreign = [place / "l2l-notes", place / "l2l-logs-1-2-3-4", place / "mine"]
    for one in foreign:
        one.mkdir()
    held = temporary.folder("logs")
    assert {*place.iterdir()} == {held, *foreign}


def test_what_living_processes_have_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = temporary.folder("logs")
    monkeypatch.setattr(temporary, "_swept", set())
    other = temporary.folder("logs")
    assert held.is_dir() and other.is_dir() and held != other


def test_a_place_too_far_down_for_sockets_is_no_obstacle(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = place / ("scratch-of-a-project/" * 6)
    deep.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.setattr(tempfile, "tempdir", None)
    lifeline = Lifeline(everywhere=False)
    (address,) = lifeline.addresses
    assert address.startswith("unix:") and str(deep) not in address
    assert temporary.folder("logs").is_relative_to(deep)
    lifeline.let_go(0.0)


def test_without_any_place_for_sockets_this_machine_is_reached_by_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "_places", lambda: iter(()))
    lifeline = Lifeline(everywhere=False)
    (address,) = lifeline.addresses
    assert address.startswith("127.0.0.1:")
    lifeline.let_go(0.0)


def test_without_any_temporary_folder_the_variable_and_the_remedy_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere")

    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/nowhere', '/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(LauncherError, match=r"TMPDIR is /nowhere\): set TMPDIR to a folder that exists"):
        temporary.folder("logs")
