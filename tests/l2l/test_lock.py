"""One leader a run folder, among real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from l2l import lock
from l2l.errors import Locked, StorageError
from l2l.lock import Holder, RunLock, holder

LEADING = """
import sys, time
from pathlib import Path
from l2l.lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("leading", flush=True)
    sys.stdin.read()
"""


@contextmanager
def leader(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", LEADING, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "leading\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_leader_is_refused_and_told_who_leads(tmp_path: Path) -> None:
    with leader(tmp_path) as process:
        with pytest.raises(Locked, match=f"process {process.pid} on {socket.gethostname()}.*leads this run already"):
            RunLock(tmp_path).acquire()
        found = holder(tmp_path)
        assert found
        assert found.pid == process.pid
        assert found.alive


def test_a_leader_that_was_killed_is_no_obstacle(tmp_path: Path) -> None:
    with leader(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / "lock").exists()
    assert holder(tmp_path) is None
    with RunLock(tmp_path):
        found = holder(tmp_path)
        assert found
        assert found.pid == os.getpid()


def test_a_released_lock_is_gone(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()
    assert holder(tmp_path) is None
    with RunLock(tmp_path), leader_refused(tmp_path):
        pass


@contextmanager
def leader_refused(folder: Path) -> Iterator[None]:
    done = subprocess.run(
        [sys.executable, "-c", LEADING, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert "l2l.errors.Locked" in done.stderr
    yield


def test_reading_the_file_does_not_give_the_lock_away(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        (tmp_path / "lock").read_text()
        holder(tmp_path)
        with leader_refused(tmp_path):
            pass


def test_the_same_process_does_not_lead_twice(tmp_path: Path) -> None:
    with RunLock(tmp_path), pytest.raises(Locked, match="this process itself already leads"):
        RunLock(tmp_path).acquire()


def written_by(host: str) -> str:
    return json.dumps({"host": host, "pid": 1, "created": 0.0, "since": 0.0, "job": "42"})


def test_a_leader_elsewhere_counts_where_locks_do_not_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lock").write_text(written_by("node7"))
    monkeypatch.setattr(lock, "_reaches_all_hosts", lambda _: False)
    with pytest.raises(Locked, match=r"process 1 on node7 \(job 42\).*if you are sure that it ended, remove"):
        RunLock(tmp_path).acquire()
    found = holder(tmp_path)
    assert found
    assert found.host == "node7"


def test_a_leader_elsewhere_is_gone_where_locks_reach_and_none_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lock").write_text(written_by("node7"))
    monkeypatch.setattr(lock, "_reaches_all_hosts", lambda _: True)
    assert holder(tmp_path) is None
    with RunLock(tmp_path):
        pass


def test_where_there_are_no_locks_a_living_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_lock", lambda _: None)
    monkeypatch.setattr(lock, "_is_locked", lambda _: None)
    with leader(tmp_path) as process:
        with pytest.raises(Locked, match=f"process {process.pid}"):
            RunLock(tmp_path).acquire()
        found = holder(tmp_path)
        assert found
        assert found.pid == process.pid
        process.kill()
        process.wait()
        assert holder(tmp_path) is None
        with RunLock(tmp_path):
            pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": "x"}'])
def test_a_torn_lock_of_nobody_is_taken(tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_reaches_all_hosts", lambda _: True)
    (tmp_path / "lock").write_text(content)
    with RunLock(tmp_path):
        assert holder(tmp_path) is not None


def test_many_processes_at_once_have_one_leader(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LEADING, str(tmp_path)]
    pipe = subprocess.PIPE
    some = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(6)]
    lines = []
    try:
        for process in some:
            assert process.stdout
            lines.append(process.stdout.readline())
    finally:
        for process in some:
            process.kill()
            process.communicate()
    assert sorted(lines) == [""] * 5 + ["leading\n"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere/lock: cannot write it"):
        RunLock(tmp_path / "nowhere").acquire()


def test_a_holder_says_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1234")
    me = Holder.me()
    assert me.alive
    assert me.here
    assert f"process {os.getpid()} on {socket.gethostname()} (job 1234)" in str(me)


@pytest.mark.parametrize(
    "content",
    [
        '{"host": "vm", "pid": 1, "created": 0, "since": "yesterday", "job": ""}',
        '{"host": "vm", "pid": "x", "created": 0, "since": 0, "job": ""}',
        '{"host": "vm", "pid": -1, "created": 0, "since": 0, "job": ""}',
        '{"host": "vm", "pid": 99999999999999999999, "created": 0, "since": 0, "job": ""}',
        '{"host": "vm", "pid": 1, "created": null, "since": 0, "job": ""}',
        '{"host": ["vm"], "pid": true, "created": 0, "since": 0}',
        "[" * 4000,
    ],
)
def test_nonsense_in_a_lock_is_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    assert holder(tmp_path) is None
    with RunLock(tmp_path):
        assert holder(tmp_path) is not None


def test_a_time_that_no_calendar_has_is_left_out() -> None:
    found = Holder.parse(b'{"host": "vm", "pid": 7, "created": 0, "since": 1e300, "later": "kept by a newer l2l"}')
    assert found is not None and str(found) == "process 7 on vm"


def test_a_clock_that_was_set_does_not_let_a_second_leader_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_lock", lambda _: None)
    monkeypatch.setattr(lock, "_is_locked", lambda _: None)
    with leader(tmp_path) as process:
        said = json.loads((tmp_path / "lock").read_text())
        (tmp_path / "lock").write_text(json.dumps(said | {"created": said["created"] - 10.0}))
        with pytest.raises(Locked, match=f"process {process.pid}"):
            RunLock(tmp_path).acquire()
        # Another process of that number, and one from before the machine booted, are not the leader.
        for change in ({"ticks": said["ticks"] - 1}, {"boot": "another"}):
            (tmp_path / "lock").write_text(json.dumps(said | change))
            assert holder(tmp_path) is None


def test_one_of_several_takes_over_where_there_are_no_locks(tmp_path: Path) -> None:
    without = "import l2l.lock as lock\nlock._lock = lambda _: None\nlock._is_locked = lambda _: None\n"
    with leader(tmp_path) as process:
        process.kill()
        process.wait()
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", without + LEADING, str(tmp_path)]
    some = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    said = []
    for one in some:
        assert one.stdout
        said.append(one.stdout.readline())
    for one in some:
        one.communicate("")
    assert said.count("leading\n") == 1 and not (tmp_path / "lock.taking").exists()


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_a_lock_that_is_no_file_is_not_followed(tmp_path: Path, what: str) -> None:
    run, theirs = tmp_path / "run", tmp_path / "precious"
    run.mkdir()
    theirs.write_text("precious")
    if what == "link":
        (run / "lock").symlink_to(theirs)
    elif what == "pipe":
        os.mkfifo(run / "lock")
    else:
        (run / "lock").mkdir()
    assert holder(run) is None
    with pytest.raises(StorageError, match="no file of its own"):
        RunLock(run).acquire()
    assert theirs.read_text() == "precious"
