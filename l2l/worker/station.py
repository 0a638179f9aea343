"""What looks after workers on another machine or in another rank: starts them, watches over them, tells of their end.

A station holds one connection to the leader for orders and news; each of its workers has one of its own, over which
trials and results travel without passing through here.
"""

import contextlib
import os
import platform
import selectors
import socket
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l2l.errors import LauncherError
from l2l.values import Resources
from l2l.worker.channel import Inbox, Outbox, framed
from l2l.worker.distant import LARGEST, NOTHING, Death
from l2l.worker.guardian import Guardian, end_all
from l2l.worker.handshake import introduce
from l2l.worker.process import Process, environment_of, wait_for_ends
from l2l.worker.watchdog import Watchdog

_CONNECT = 10.0
_ROOM = 1 << 20
"""Bytes that a worker may write before the leader reads. A short result takes several times its size of them: the usual
room holds a few hundred, and then the worker waits."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a station is told first.

    Args:
        resources: Of each trial.
        logs: Folder of the workers' logs; where it cannot be used from here, a temporary one is.
        first: Number of the station's first worker, for the names of logs.
    """

    resources: Resources
    logs: Path
    first: int


class _Posted(Process):
    """A worker's process with the station's hold on its connection."""

    def __init__(self, number: int, connection: socket.socket, log: Path, **rest: Any) -> None:
        self.number = number
        self.connection = connection
        reading = connection.fileno()
        writing = os.dup(reading)
        try:
            super().__init__(log, reading=reading, writing=writing, **rest)
        finally:
            os.close(writing)

    def condemn(self) -> None:
        """Cut its connection: what it says from here on may be disturbed."""
        self.cut(socket.SHUT_RDWR)

    def cut(self, how: int) -> None:
        """Shut the connection down, for the worker too."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(how)

    def death(self) -> Death:
        """End it; what is to be told of it."""
        code, verdict = self.end(), self.verdict
        running = verdict.running if verdict else self.running
        return Death(
            code=code,
            number=running.number if running else NOTHING,
            together=running.together if running else 0,
            age=time.monotonic() - running.since if running else 0.0,
            status=int(verdict.status) if verdict else None,
            message=verdict.message if verdict else "",
            said=self.said(),
            wrote=self.wrote(),
            peak_memory=self.peak_memory,
        )


class Station:
    """The workers of one machine or rank.

    Args:
        addresses: Where the leader listens; the first that answers is taken.
        secret: The run's.
        places: How many workers.
        origin: By what the leader's own order started it, in words of its launcher.
        gpus: That its workers may use; all that it sees itself unless given.

    Raises:
        LauncherError: The leader cannot be reached, or is another one.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        secret: bytes,
        places: int = 1,
        origin: str = "",
        gpus: Sequence[str] | None = None,
    ) -> None:
        self._name = uuid.uuid4().hex
        self._addresses = addresses
        self._secret = secret
        self._places = places
        self._gpus = gpus
        self._spawned = 0
        self._processes: dict[int, _Posted] = {}
        self._selector = selectors.DefaultSelector()
        about = {"station": self._name, "kind": "station", "places": places, "origin": origin}
        self._control = introduced(addresses, secret, about)
        self._control.setblocking(False)
        self._inbox = Inbox(self._control.fileno(), LARGEST)
        self._outbox = Outbox(os.dup(self._control.fileno()))
        self._selector.register(self._control, selectors.EVENT_READ)
        self._orders = self._first_orders()
        logs = self._orders.logs
        seen = logs.is_dir() and os.access(logs, os.W_OK)
        self._logs = logs if seen else Path(tempfile.mkdtemp(prefix="l2l-logs-"))

    def _first_orders(self) -> Orders:
        deadline = time.monotonic() + _CONNECT
        while not self._inbox.closed:
            self._selector.select(1.0)
            for message in self._inbox.read():
                assert isinstance(message, Orders)
                return message
            if time.monotonic() > deadline:
                break
        raise LauncherError("the leader took our hello and gave no orders")

    def serve(self) -> None:
        """Look after the workers until the leader says that it is over, or is gone."""
        marker = uuid.uuid4().hex
        guardian = Guardian(f"{marker}/")
        watchdog = Watchdog(lambda: list(self._processes.values()), self._orders.resources)
        grace = 0.0
        try:
            for place in range(self._places):
                self._spawn(place, marker, guardian)
            grace = self._look_after(marker, guardian)
        except (OSError, LauncherError):
            if not self._gone():
                raise
        finally:
            watchdog.stop()
            self._end(grace)
            end_all(f"{marker}/", ())
            guardian.close()
            self._selector.close()
            self._control.close()
            os.close(self._outbox.descriptor)

    def _gone(self) -> bool:
        """Whether the leader has ended, which explains all errors."""
        with contextlib.suppress(OSError):
            self._inbox.drain()
        return self._inbox.closed

    def _spawn(self, place: int, marker: str, guardian: Guardian) -> None:
        number, self._spawned = self._spawned, self._spawned + 1
        connection = introduced(
            self._addresses, self._secret, {"station": self._name, "kind": "worker", "place": place, "number": number}
        )
        process = _Posted(
            number,
            connection,
            self._logs / f"worker-{self._orders.first + place}.log",
            marker=f"{marker}/{number}/",
            environment=environment_of(self._orders.resources.threads, self._gpus),
        )
        self._processes[place] = process
        guardian.watch(process.pid)
        if process.pidfd is not None:
            self._selector.register(process.pidfd, selectors.EVENT_READ)

    def _look_after(self, marker: str, guardian: Guardian) -> float:
        """The loop; returns the seconds that running trials get to end."""
        while True:
            self._selector.select(0.05 if any(one.pidfd is None for one in self._processes.values()) else 1.0)
            for message in self._inbox.read():
                if message[0] == "stop":
                    return float(message[1])
                self._recall(*message[1:])
            if self._inbox.closed:
                return 0.0
            for place, process in list(self._processes.items()):
                if process.ended or process.unkillable:
                    self._bury(process, guardian)
                    self._spawn(place, marker, guardian)
            self._outbox.flush()

    def _recall(self, number: int, before: int) -> None:
        for process in self._processes.values():
            if process.number == number:
                process.board.recall(before)
                self._outbox.send(framed(("recalled", number, process.board.following, before)))

    def _bury(self, process: _Posted, guardian: Guardian) -> None:
        death = process.death()
        process.cut(socket.SHUT_RDWR)
        if process.pidfd is not None:
            self._selector.unregister(process.pidfd)
        process.connection.close()
        process.close()
        guardian.forget(process.pid)
        self._outbox.send(framed(("died", process.number, death)))

    def _end(self, grace: float) -> None:
        processes = list(self._processes.values())
        for process in processes:
            with contextlib.suppress(ValueError):
                process.board.recall(1 << 62)
            process.remember()  # once it has ended by itself, what it started is harder to find
            process.cut(socket.SHUT_RD)
        wait_for_ends([one for one in processes if one.code is None], grace, lambda: None)
        for process in processes:
            process.kill()
        for process in processes:
            process.reap()
            process.cut(socket.SHUT_RDWR)
            process.connection.close()
            process.close()


def introduced(addresses: Sequence[str], secret: bytes, about: Mapping[str, Any]) -> socket.socket:
    """A connection to the leader over which both have proved themselves; it blocks.

    A leader that is busy, as with an optimizer that thinks, answers when it comes to it: that may take hours.

    Args:
        addresses: Where it listens; the first that answers is taken.
        secret: The run's.
        about: What it is to know of us.

    Raises:
        LauncherError: It cannot be reached, or is another one.
    """
    connection = connect(addresses)
    connection.settimeout(None)
    try:
        introduce(connection, secret, {"host": platform.node(), "pid": os.getpid(), **about})
    except OSError as error:
        connection.close()
        raise LauncherError(f"{platform.node()}: the leader broke off before it let us in: {error}") from error
    except LauncherError:
        connection.close()
        raise
    return connection


def connect(addresses: Sequence[str]) -> socket.socket:
    """A connection to the first address that takes it.

    Args:
        addresses: `unix:<path>` or `<host>:<port>`.

    Raises:
        LauncherError: None does; says what each answered.
    """
    refused = []
    for address in addresses:
        try:
            if address.startswith("unix:"):
                connection = _connected(address.removeprefix("unix:"))
            else:
                host, _, port = address.rpartition(":")
                connection = socket.create_connection((host, int(port)), timeout=_CONNECT)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return connection
        except OSError as error:
            refused.append(f"{address}: {error}")
    raise LauncherError(f"{platform.node()}: the leader cannot be reached ({'; '.join(refused)})")


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_CONNECT)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection
