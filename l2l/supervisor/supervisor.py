"""Starts the workers of a machine, a rank or a job step, watches them, and tells the leader how they ended.

A supervisor has one connection to the leader. Each of its workers has another one, which the supervisor opens and hands
over: trials and results travel on it without passing through here.
"""

import contextlib
import os
import selectors
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from l2l.errors import LauncherError
from l2l.process_tree import end_all
from l2l.protocol import temporary
from l2l.protocol.channel import Inbox, Outbox, pickled
from l2l.protocol.connect import Link, introduced
from l2l.protocol.messages import NOTHING, Exited, Kill, Recall, Recalled, Stop, SupervisorConfig
from l2l.supervisor.environment import environment_of
from l2l.supervisor.process import WorkerProcess, wait_for_ends
from l2l.supervisor.reaper import Reaper
from l2l.supervisor.watchdog import Watchdog

_PATIENCE = 3600.0
"""Seconds for the leader to send the settings: a leader that is busy, as with an optimizer, sends them after that."""


class _ConnectedProcess(WorkerProcess):
    """A worker's process whose connection the supervisor holds too, so that it can cut it."""

    def __init__(self, number: int, link: Link, log: Path, **rest: Any) -> None:
        self.number = number
        self.connection = link.connection
        reading = self.connection.fileno()
        writing = os.dup(reading)
        try:
            super().__init__(log, reading=reading, writing=writing, keys=link.keys, **rest)
        finally:
            os.close(writing)

    def condemn(self) -> None:
        """Cut its connection: the signal that makes it write its stacks may disturb what it sends."""
        self.cut(socket.SHUT_RDWR)

    def cut(self, how: int) -> None:
        """Shut the connection down, for the worker too."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(how)

    def exited(self) -> Exited:
        """End it; returns what the leader is told of it."""
        code, killed = self.end(), self.killed
        running = killed.running if killed else self.running
        return Exited(
            worker=self.number,
            code=code,
            number=running.number if running else NOTHING,
            together=running.together if running else 0,
            age=time.monotonic() - running.since if running else 0.0,
            status=killed.status if killed else None,
            message=killed.message if killed else "",
            said=self.said(),
            wrote=self.wrote(),
            peak_memory=self.peak_memory,
        )


class Supervisor:
    """The workers of one machine or rank.

    Args:
        addresses: Where the leader listens; the first that answers is taken.
        secret: The run's.
        places: Number of workers.
        request_id: Names the leader's request by which it was started; "" under launchers without requests.
        gpus: That its workers may use; all that it sees itself unless given.

    Raises:
        LauncherError: The leader cannot be reached, or is another one.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        secret: bytes,
        places: int = 1,
        request_id: str = "",
        gpus: Sequence[str] | None = None,
    ) -> None:
        self._name = os.urandom(16).hex()
        self._secret = secret
        self._places = places
        self._gpus = gpus
        self._spawned = 0
        self._processes: dict[int, _ConnectedProcess] = {}
        self._selector = selectors.DefaultSelector()
        about = {"supervisor": self._name, "kind": "supervisor", "places": places, "request_id": request_id}
        link = introduced(addresses, secret, about)
        self._addresses = [link.address, *(one for one in addresses if one != link.address)]
        self._control = link.connection
        self._control.setblocking(False)
        self._inbox = Inbox(self._control.fileno(), link.keys.to_client)
        self._outbox = Outbox(os.dup(self._control.fileno()), link.keys.to_leader)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._config = self._first_config()
        logs = self._config.logs
        seen = logs.is_dir() and os.access(logs, os.W_OK)
        self._logs = logs if seen else temporary.folder("logs")

    def _first_config(self) -> SupervisorConfig:
        deadline = time.monotonic() + _PATIENCE
        while not self._inbox.closed:
            self._selector.select(1.0)
            for message in self._inbox.read():
                assert isinstance(message, SupervisorConfig)
                return message
            if time.monotonic() > deadline:
                break
        raise LauncherError("the leader took our introduction and sent no settings")

    def serve(self) -> bool:
        """Look after the workers until the leader says that it is over, or is gone; whether it said so."""
        marker = os.urandom(16).hex()
        reaper = Reaper(f"{marker}/")
        watchdog = Watchdog(lambda: list(self._processes.values()), self._config.timeout, self._config.memory)
        grace: float | None = None
        try:
            for place in range(self._places):
                self._spawn(place, marker, reaper)
            grace = self._look_after(marker, reaper)
        except (OSError, LauncherError):
            if not self._gone():
                raise
        finally:
            watchdog.stop()
            self._end(grace or 0.0)
            end_all(f"{marker}/", ())
            reaper.close()
            self._selector.close()
            self._control.close()
            os.close(self._outbox.descriptor)
        return grace is not None

    def _gone(self) -> bool:
        """Whether the leader has ended, which explains all errors."""
        with contextlib.suppress(OSError):
            self._inbox.drain()
        return self._inbox.closed

    def _spawn(self, place: int, marker: str, reaper: Reaper) -> None:
        number, self._spawned = self._spawned, self._spawned + 1
        link = introduced(
            self._addresses,
            self._secret,
            {"supervisor": self._name, "kind": "worker", "place": place, "number": number},
        )
        process = _ConnectedProcess(
            number,
            link,
            self._logs / f"worker-{self._config.first + place}.log",
            marker=f"{marker}/{number}/",
            environment=environment_of(self._config.threads, self._gpus),
        )
        self._processes[place] = process
        reaper.watch(process.pid)
        if process.pidfd is not None:
            self._selector.register(process.pidfd, selectors.EVENT_READ)

    def _look_after(self, marker: str, reaper: Reaper) -> float | None:
        """The loop; returns the seconds that running trials get to end, or None where the leader is gone."""
        while True:
            self._selector.select(0.05 if any(one.pidfd is None for one in self._processes.values()) else 1.0)
            for message in self._inbox.read():
                match message:
                    case Stop(grace):
                        return grace
                    case Kill(worker):
                        self._kill(worker)
                    case Recall(worker, before):
                        self._recall(worker, before)
            if self._inbox.closed:
                return None
            for place, process in list(self._processes.items()):
                if process.ended or process.unkillable:
                    self._bury(process, reaper)
                    self._spawn(place, marker, reaper)
            self._outbox.flush()

    def _kill(self, number: int) -> None:
        """End a worker whose messages do not reach the leader as it wrote them; the loop buries it."""
        for process in self._processes.values():
            if process.number == number:
                process.kill()

    def _recall(self, number: int, before: int) -> None:
        for process in self._processes.values():
            if process.number == number:
                process.page.recall(before)
                self._outbox.send(pickled(Recalled(number, process.page.following, before)))

    def _bury(self, process: _ConnectedProcess, reaper: Reaper) -> None:
        exited = process.exited()
        process.cut(socket.SHUT_RDWR)
        if process.pidfd is not None:
            self._selector.unregister(process.pidfd)
        process.connection.close()
        process.close()
        reaper.forget(process.pid)
        self._outbox.send(pickled(exited))

    def _end(self, grace: float) -> None:
        processes = list(self._processes.values())
        for process in processes:
            with contextlib.suppress(ValueError):
                process.page.recall(1 << 62)
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
