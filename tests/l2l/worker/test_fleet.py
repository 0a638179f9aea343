"""Workers that stations bring: strangers, lost stations, lost leaders; on real sockets and processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from l2l.errors import LauncherError
from l2l.launchers.pooled import PooledLauncher
from l2l.testing.launchers import collected, is_gone, trials_of
from l2l.testing.misbehaving import Misbehaving
from l2l.values import Resources, Status
from l2l.worker.fleet import Fleet
from l2l.worker.plan import Plan
from l2l.worker.worker import Crew

pytestmark = pytest.mark.slow

STATION = """
import json, sys
from l2l.worker.station import Station
given = json.loads(sys.stdin.readline())
Station(given["addresses"], bytes.fromhex(given["secret"]), places=given["places"]).serve()
"""


class Stations(PooledLauncher):
    """A launcher whose stations are processes of this machine, reached over TCP."""

    def __init__(self, *, stations: int = 2, patience: float = 60.0) -> None:
        super().__init__(patience=patience)
        self.number = stations
        self.started: list[subprocess.Popen[str]] = []
        self.fleet: Fleet

    def crew(self, plan: Plan) -> Crew:
        self.fleet = Fleet(plan, self.number, everywhere=True)
        for _ in range(self.number):
            self.add()
        return self.fleet

    def add(self) -> None:
        station = subprocess.Popen([sys.executable, "-c", STATION], stdin=subprocess.PIPE, text=True)
        self.started.append(station)
        assert station.stdin is not None
        tcp = [one for one in self.fleet.addresses if not one.startswith("unix:")]
        addresses = str(tcp).replace("'", '"')
        station.stdin.write(f'{{"addresses": {addresses}, "secret": "{self.fleet.secret.hex()}", "places": 1}}\n')
        station.stdin.flush()
        station.stdin.close()

    def stop(self, grace: float = 0.0) -> None:
        super().stop(grace)
        for station in self.started:
            station.wait(20.0)


@pytest.fixture
def stations(tmp_path: Path) -> Iterator[Stations]:
    with Stations() as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        yield launcher


def closed(connection: socket.socket, launcher: Stations, first: int) -> bool:
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


def test_strangers_get_nothing_and_stop_nothing(stations: Stations) -> None:
    launcher = stations
    launcher.submit(trials_of(["well"] * 20))
    assert len(collected(launcher, 20)) == 20
    host, _, port = launcher.fleet.addresses[-1].rpartition(":")
    for place, said in enumerate((b"GET / HTTP/1.1\r\n\r\n" * 40, os.urandom(500), b"\0" * 2000)):
        with socket.create_connection((host, int(port))) as stranger:
            stranger.sendall(said)
            assert closed(stranger, launcher, 100 + 200 * place)
    with socket.create_connection((host, int(port))):
        launcher.submit(trials_of(["well"] * 20, first=1000))
        assert len(collected(launcher, 20)) == 20
    assert 1 <= len(launcher.fleet.workers) <= 2


def test_a_lost_station_costs_nothing_but_time(stations: Stations) -> None:
    launcher = stations
    launcher.describe()
    trials = trials_of(["naps"] * 40)
    launcher.submit(trials)
    first = launcher.collect(30.0)
    launcher.started[0].send_signal(signal.SIGKILL)
    rest = collected(launcher, 40 - len(first))
    assert not {one.id for one in first} & set(rest)
    assert {one.status for one in [*first, *rest.values()]} == {Status.OK}
    assert len(launcher.fleet.workers) == 1
    launcher.add()
    processes: set[int] = set()
    for number in range(100, 10_000, 8):
        launcher.submit(trials_of(["naps"] * 8, first=number))
        processes |= {one.process for one in collected(launcher, 8).values()}
        if len(processes) == 2:
            break
    assert len(processes) == 2 == len(launcher.fleet.workers)


def test_all_end_with_their_leader(tmp_path: Path) -> None:
    program = f"""
import sys; sys.path[:0] = {[str(one) for one in sys.path]!r}
from tests.l2l.worker.test_fleet import Stations, Misbehaving, Resources, trials_of
from pathlib import Path
launcher = Stations(); launcher.start(Misbehaving(), Resources(), Path({str(tmp_path)!r}))
pids, number = set(), 0
while len(pids) < 2:  # both stations are there
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
    with Stations(stations=0, patience=0.5) as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        with pytest.raises(LauncherError, match=r"no worker has come for 0.5 s"):
            launcher.describe()
