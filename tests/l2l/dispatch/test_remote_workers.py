"""Workers that supervisors bring: strangers, lost supervisors, lost leaders; on real sockets and processes."""

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from l2l.dispatch.remote_workers import RemoteWorkers
from l2l.dispatch.work import Work
from l2l.dispatch.worker import Workers
from l2l.errors import LauncherError
from l2l.launchers.pooled import PooledLauncher
from l2l.protocol.channel import Seal, pickled
from l2l.testing.launchers import collected, is_gone, trials_of
from l2l.testing.misbehaving import Misbehaving
from l2l.values import Evaluation, Resources, Status

pytestmark = pytest.mark.slow

SUPERVISOR = """
import json, sys
from l2l.supervisor.supervisor import Supervisor
given = json.loads(sys.stdin.readline())
Supervisor(given["addresses"], bytes.fromhex(given["secret"]), places=given["places"]).serve()
"""


class Supervisors(PooledLauncher):
    """A launcher whose supervisors are processes of this machine, reached over TCP."""

    def __init__(self, *, supervisors: int = 2, patience: float = 60.0) -> None:
        super().__init__(patience=patience)
        self.number = supervisors
        self.started: list[subprocess.Popen[str]] = []
        self.remote: RemoteWorkers

    def start_workers(self, work: Work) -> Workers:
        self.remote = RemoteWorkers(work, self.number, everywhere=True)
        for _ in range(self.number):
            self.add()
        return self.remote

    def add(self, through: str | None = None) -> None:
        supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR], stdin=subprocess.PIPE, text=True)
        self.started.append(supervisor)
        assert supervisor.stdin is not None
        tcp = [one for one in self.remote.addresses if not one.startswith("unix:")]
        addresses = json.dumps([through] if through else tcp)
        supervisor.stdin.write(f'{{"addresses": {addresses}, "secret": "{self.remote.secret.hex()}", "places": 1}}\n')
        supervisor.stdin.flush()
        supervisor.stdin.close()

    def stop(self, grace: float = 0.0) -> None:
        super().stop(grace)
        for supervisor in self.started:
            supervisor.wait(20.0)


class Relay:
    """Somebody between a worker and its leader, who passes on all that both say, and adds a message of his own."""

    def __init__(self, leader: str) -> None:
        self.added = 0
        self._leader = leader
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                host, _, port = self._leader.rpartition(":")
                leader = socket.create_connection((host, int(port)))
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=[leader, client, False], daemon=True).start()
            threading.Thread(target=self._pass_on, args=[client, leader, True], daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, adds: bool) -> None:
        """Bytes, until either end is closed; behind the first that follow the ready comes a result that is none."""
        body = pickled((0, 0.0, 0.0, 0, (-123.0,)))
        with contextlib.suppress(OSError):
            for number in itertools.count():
                if not (said := source.recv(65536)):
                    break
                target.sendall(said)
                if adds and number == 1:
                    target.sendall(body.join(Seal(bytes(32)).around(body)))
                    self.added += 1
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        """Take nobody any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def supervisors(tmp_path: Path) -> Iterator[Supervisors]:
    with Supervisors() as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        yield launcher


def closed(connection: socket.socket, launcher: Supervisors, first: int) -> bool:
    """Whether the leader hangs up, while it works."""
    connection.settimeout(0.1)
    for number in range(first, first + 200):
        launcher.submit(trials_of(["well"], first=number))
        collected(launcher, 1)
        try:
            if not connection.recv(4096):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_strangers_get_nothing_and_stop_nothing(supervisors: Supervisors) -> None:
    launcher = supervisors
    launcher.submit(trials_of(["well"] * 20))
    assert len(collected(launcher, 20)) == 20
    host, _, port = launcher.remote.addresses[-1].rpartition(":")
    for place, said in enumerate((b"GET / HTTP/1.1\r\n\r\n" * 40, os.urandom(500), b"\0" * 2000)):
        with socket.create_connection((host, int(port))) as stranger:
            stranger.sendall(said)
            assert closed(stranger, launcher, 100 + 200 * place)
    with socket.create_connection((host, int(port))):
        launcher.submit(trials_of(["well"] * 20, first=1000))
        assert len(collected(launcher, 20)) == 20
    assert 1 <= len(launcher.remote.present) <= 2


def test_what_somebody_between_adds_is_no_result_and_ends_no_run(tmp_path: Path) -> None:
    with Supervisors(supervisors=1) as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        relay = Relay(launcher.remote.addresses[-1])
        came: dict[tuple[int, int], Evaluation] = {}
        for first in range(0, 10_000, 20):
            if first % 200 == 0:
                launcher.add(relay.address)  # for him it is over as soon as he adds something
            launcher.submit(trials_of(["well"] * 20, first=first))
            came |= collected(launcher, 20)
            if relay.added >= 2:
                break
        relay.close()
        assert relay.added >= 2
        assert {one.status for one in came.values()} == {Status.OK}
        assert min(one.fitness[0] for one in came.values()) > -123.0
        launcher.submit(trials_of(["well"] * 20, first=20_000))
        assert len(collected(launcher, 20)) == 20


def test_a_lost_supervisor_costs_nothing_but_time(supervisors: Supervisors) -> None:
    launcher = supervisors
    launcher.describe()
    trials = trials_of(["naps"] * 40)
    launcher.submit(trials)
    first = launcher.collect(30.0)
    launcher.started[0].send_signal(signal.SIGKILL)
    rest = collected(launcher, 40 - len(first))
    assert not {one.id for one in first} & set(rest)
    assert {one.status for one in [*first, *rest.values()]} == {Status.OK}
    assert len(launcher.remote.present) == 1
    launcher.add()
    processes: set[int] = set()
    for number in range(100, 10_000, 8):
        launcher.submit(trials_of(["naps"] * 8, first=number))
        processes |= {one.process for one in collected(launcher, 8).values()}
        if len(processes) == 2:
            break
    assert len(processes) == 2 == len(launcher.remote.present)


def test_all_end_with_their_leader(tmp_path: Path) -> None:
    program = f"""
import sys; sys.path[:0] = {[str(one) for one in sys.path]!r}
from tests.l2l.dispatch.test_remote_workers import Supervisors, Misbehaving, Resources, trials_of
from pathlib import Path
launcher = Supervisors(); launcher.start(Misbehaving(), Resources(), Path({str(tmp_path)!r}))
pids, number = set(), 0
while len(pids) < 2:  # both supervisors are there
    launcher.submit(trials_of(["naps"] * 8, first=number))
    number += 8
    pids |= {{one.process for one in launcher.collect()}}
launcher.submit(trials_of(["hangs"] * 2, first=number))
print(*pids, *(one.pid for one in launcher.started), flush=True)
launcher.collect()
"""
    leader = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert leader.stdout is not None
    pids = [int(one) for one in leader.stdout.readline().split()]
    assert len(pids) == 4 and all(psutil.pid_exists(pid) for pid in pids)
    leader.kill()
    leader.wait()
    leader.stdout.close()
    for pid in pids:
        assert is_gone(pid) or is_gone(pid) or is_gone(pid), pid


def test_nobody_who_comes_is_an_error_once_patience_is_over(tmp_path: Path) -> None:
    with Supervisors(supervisors=0, patience=0.5) as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        with pytest.raises(LauncherError, match=r"no worker has come for 0.5 s"):
            launcher.describe()
