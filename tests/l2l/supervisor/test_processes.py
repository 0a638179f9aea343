import os
import subprocess
import sys

import pytest

from l2l.process_tree import MARKER, descendants, end_all, end_descendants, end_known, members
from l2l.protocol.messages import cause_of
from l2l.supervisor.crash_report import shorten, tail
from l2l.supervisor.memory import proportional, resident
from l2l.supervisor.reaper import Reaper
from l2l.testing.launchers import is_gone

SLEEP = [sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(60)"]


@pytest.fixture
def started():
    processes = []

    def start(marker=None, code=None, **options):
        environment = dict(os.environ) | ({MARKER: marker} if marker else {})
        command = [*SLEEP[:3], code] if code else SLEEP
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, **options)
        processes.append(process)
        assert process.stdout.readline() == b"up\n"
        return process.pid

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_processes_are_found_by_marker_or_session(started):
    marked, session, other = started("test-a/1/"), started(start_new_session=True), started("test-b/1/")
    assert members("test-a/", {session}) == {marked, session}
    end_all("test-a/", {session})
    assert is_gone(marked) and is_gone(session) and not members("test-a/", {session})
    assert members("test-b/", set()) == {other}


def test_a_reaper_ends_what_is_left_when_it_is_let_go(started):
    marked, session = started("test-c/1/"), started(start_new_session=True)
    reaper = Reaper("test-c/")
    reaper.watch(session)
    reaper.close()
    assert is_gone(marked) and is_gone(session)


def test_a_reaper_forgets_a_number_that_may_be_anothers_one_day(started):
    session = started(start_new_session=True)
    reaper = Reaper("test-d/")
    reaper.watch(session)
    reaper.forget(session)
    reaper.close()
    assert members("no such marker/", {session}) == {session}


def test_memory_of_a_family_counts(started):
    code = (
        "import subprocess, sys, time; held = b'x' * 50_000_000\n"
        "child = \"held = b'x' * 60_000_000; print('up', flush=True); import time; time.sleep(60)\"\n"
        "if len(sys.argv) == 1: subprocess.Popen([sys.executable, '-S', '-c', child])\n"
        "time.sleep(60)"
    )
    pid = started(code=code, start_new_session=True)
    assert 110e6 < resident(pid).size < 200e6
    end_all("no such marker/", {pid})
    assert resident(pid).size == 0


def test_pages_that_processes_share_count_once(started):
    code = (
        "import os, time; held = b'x' * 100_000_000\n"
        "for _ in range(3):\n"
        "    if not os.fork(): time.sleep(60)\n"
        "print('up', flush=True); time.sleep(60)"
    )
    pid = started(code=code, start_new_session=True)
    assert resident(pid).size > 390e6 and not resident(pid).exact
    assert 100e6 < proportional(pid).size < 160e6
    end_all("no such marker/", {pid})


def test_all_that_a_living_process_started_is_found_and_ended(started):
    code = (
        "import subprocess, sys, time\n"
        "child = [sys.executable, '-S', '-c', 'import time; time.sleep(60)']\n"
        "subprocess.Popen(child, env={}, start_new_session=True)\n"
        "print('up', flush=True); time.sleep(60)"
    )
    pid = started(code=code)
    (child,) = descendants(pid)
    end_descendants(pid)
    assert is_gone(child) and not is_gone(pid)


def test_a_number_that_another_process_has_now_is_let_alone(started):
    pid = started()
    end_known({pid: 1})
    assert not descendants(os.getpid()).keys().isdisjoint({pid})
    end_known({pid: descendants(os.getpid())[pid]})
    assert is_gone(pid)


@pytest.mark.parametrize(
    ("code", "said"), [(3, "exit code 3"), (-11, "SIGSEGV"), (-9, "SIGKILL (from outside"), (-200, "signal 200")]
)
def test_ends_are_told_in_words(code, said):
    assert said in cause_of(code)


def test_a_tail_begins_with_the_last_stack(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "early\nFatal Python error: Aborted\n  old\nspikes\nFatal Python error: Segmentation fault\n\n"
        'Current thread 0x1 (most recent call first):\n  File "model.py", line 3 in simulate\n\n'
        "Extension modules: numpy (total: 1)\n"
    )
    assert tail(log).splitlines() == [
        "Fatal Python error: Segmentation fault",
        "",
        "Current thread 0x1 (most recent call first):",
        '  File "model.py", line 3 in simulate',
    ]
    log.write_text("".join(f"line {place}\n" for place in range(10_000)))
    assert tail(log).endswith("line 9999") and len(tail(log)) <= 4096
    assert tail(log, log.stat().st_size) == ""
    assert tail(tmp_path / "none") == ""


def test_a_log_is_shortened_while_it_is_written(tmp_path):
    log = tmp_path / "log"
    with log.open("ab", buffering=0) as file:
        file.write(b"a" * 1000 + b"b" * 1000)
        shorten(log, 1500)
        file.write(b"c")
    assert log.read_bytes() == b"c"
    assert (tmp_path / "log.old").read_bytes() == b"a" * 500 + b"b" * 1000
