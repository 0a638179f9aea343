"""The workers of other machines and ranks: stations connect to us, and so do their workers, one connection each."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from l2l.errors import LauncherError
from l2l.worker.batch import Forms
from l2l.worker.channel import Inbox, Outbox, pickled
from l2l.worker.distant import Death, Distant
from l2l.worker.door import Door
from l2l.worker.handshake import Keys
from l2l.worker.plan import Plan
from l2l.worker.station import Orders
from l2l.worker.worker import Crew, Worker

_FAREWELL = 10.0
_DISTURBED = 10
"""How often the channel of the worker that has a trial may be disturbed before we give up: not by chance then."""


class Fleet(Crew):
    """Workers elsewhere, as their stations bring them.

    Args:
        plan: What they run.
        slots: Workers that are expected.
        everywhere: Whether to listen to other machines; else a socket file of this one is all.

    Raises:
        LauncherError: We cannot listen.
    """

    def __init__(self, plan: Plan, slots: int, *, everywhere: bool) -> None:
        self.plan = plan
        self.slots = slots
        self.forms = Forms()
        self.workers: list[Distant] = []
        self._stations: dict[str, _Station] = {}
        self._places = 0
        self._lost: list[Worker] = []
        self._noted: dict[Distant, None] = {}
        self._unready: dict[Distant, None] = {}
        self._refused: list[Distant] = []
        self._disturbed: Counter[tuple[int, int, int]] = Counter()
        self._due = 0.0
        self._selector = selectors.DefaultSelector()
        self._began = time.monotonic()
        try:
            self._door = Door(self._selector, self._admit, everywhere=everywhere)
        except BaseException:
            self._selector.close()
            raise
        self.addresses, self.secret = self._door.addresses, self._door.secret

    # --- what comes ---

    def wait(self, seconds: float | None) -> tuple[list[Distant], list[Distant]]:
        """Wait for something to happen: workers that sent something or gave trials back; ends show in `over`."""
        if self._door.crowded or self._someone_unready() or not self.workers:
            longest = min(self._door.rest, 1.0) or 1.0
            seconds = longest if seconds is None else min(seconds, longest)
        readable, self._noted = self._noted, {}
        for key, events in self._selector.select(seconds):
            what = key.data
            if type(what) is not Distant:
                what(key.fileobj)
                continue
            if events & selectors.EVENT_WRITE:
                what.outbox.flush()
                self.listen(what)
            if events & selectors.EVENT_READ:
                if what.inbox.closed:
                    self._selector.unregister(what.inbox.descriptor)  # else it is reported for ever
                    if what.inbox.refused:
                        self._refused.append(what)
                readable[what] = None
        readable |= self._noted
        self._noted = {}
        return list(readable), []

    def _someone_unready(self) -> bool:
        """Whether a worker has not said hello."""
        while self._unready:
            first = next(iter(self._unready))
            if first.hello is None:
                return True
            del self._unready[first]
        return False

    def _admit(self, connection: socket.socket, said: Mapping[str, Any], keys: Keys) -> None:
        name, kind = str(said["station"]), said["kind"]
        if kind == "station":
            places, origin = int(said["places"]), str(said["origin"])
            if name in self._stations:  # it did not wait for our answer, and comes again
                self._lose(name)
            station = _Station(connection, keys, self._places, origin)
            self._places += places
            self._stations[name] = station
            station.outbox.send(pickled(Orders(self.plan.resources, self.plan.logs, station.first)))
            self._selector.register(connection, selectors.EVENT_READ, lambda _: self._news(name))
            return
        station = self._stations[name]
        number, slot = int(said["number"]), station.first + int(said["place"])
        if number in station.workers:  # as above
            before = station.workers.pop(number)
            before.unreachable = True
            self._lost.append(before)
        connection.setblocking(False)
        worker = Distant(
            slot,
            connection.detach(),
            keys=keys,
            start=self.plan.start,
            forms=self.forms,
            ask=lambda before: station.outbox.send(pickled(("recall", number, before))),
            here=station.here,
        )
        station.workers[number] = worker
        self.workers.append(worker)
        self._unready[worker] = None
        self._selector.register(worker.inbox.descriptor, selectors.EVENT_READ, worker)
        self.listen(worker)

    def _news(self, name: str) -> None:
        """Take what a station tells."""
        station = self._stations[name]
        station.outbox.flush()
        for kind, number, *rest in station.inbox.read():
            worker = station.workers.get(number)
            if worker is None:
                continue
            self._noted[worker] = None
            if kind == "recalled":
                worker.recalled(*rest)
            elif kind == "died":
                worker.death = rest[0]
        if station.inbox.closed:
            self._lose(name)

    def _lose(self, name: str) -> None:
        station = self._stations.pop(name)
        self._selector.unregister(station.inbox.descriptor)
        station.close()
        workers = list(station.workers.values())
        for worker in workers:
            worker.unreachable = True
        self.cut_off(station.origin, workers)

    # --- what a batch system knows better ---

    def cut_off(self, origin: str, workers: Sequence[Distant]) -> None:
        """Judge workers whose station is gone without a word: lost, unless somebody knows how they ended.

        Args:
            origin: By what the station was started.
            workers: Of the station.
        """
        self._lost += workers

    def ended(self, worker: Distant, death: Death) -> None:
        """Take note that a worker whose station was cut off has ended by its own doing."""
        worker.death = death
        self._noted[worker] = None

    @property
    def awaited(self) -> bool:
        """Whether workers may still come, however long that takes."""
        return False

    # --- what the pool asks ---

    def listen(self, worker: Worker) -> None:
        """Take note when the channel takes more, as long as something waits to be sent."""
        descriptor = worker.inbox.descriptor
        key = self._selector.get_map().get(descriptor) if descriptor >= 0 else None
        if key is None:
            return  # it has closed its end, and takes nothing any more
        events = selectors.EVENT_READ | (0 if worker.outbox.empty else selectors.EVENT_WRITE)
        if key.events != events:
            self._selector.modify(key.fd, events, worker)

    def check(self) -> None:
        """Look whether workers come in time, and whether clients prove themselves in time.

        Raises:
            LauncherError: Not one worker has come, or one that came is not ready.
        """
        now = time.monotonic()
        if now < self._due and not (self._door.crowded and self._door.rest == 0.0):
            return
        self._due = now + 1.0
        self._door.check()
        for worker in self._unready:
            if worker.hello is None and now - worker.began > self.plan.patience:
                raise LauncherError(
                    f"a worker was not ready after {self.plan.patience:g} s of imports and setup; "
                    f"see {self.plan.logs}/worker-{worker.slot}.log"
                )
        if not self._stations and not self.awaited and now - self._began > self.plan.patience:
            raise LauncherError(f"no worker has come for {self.plan.patience:g} s; expected {self.slots}")

    def lost(self) -> list[Worker]:
        """Workers whose stations went without a word, or whose channel to us was disturbed on its way.

        Raises:
            LauncherError: It is disturbed again and again.
        """
        while self._refused:
            self._part_with(self._refused.pop())
        lost, self._lost = self._lost, []
        for worker in lost:
            assert isinstance(worker, Distant)
            self._drop(worker)
        return lost

    def _part_with(self, worker: Distant) -> None:
        """Have a worker ended of which what cannot be a message came.

        On this machine nobody else can have written that, and the trial that it has is to blame. From another machine
        somebody in between may have, and no trial is.
        """
        worker.unreachable = True
        for station in self._stations.values():
            for number in [number for number, one in station.workers.items() if one is worker]:
                station.outbox.send(pickled(("end", number)))
                if not worker.here:
                    del station.workers[number]
        if worker.here:
            return  # the station tells of its end
        self._lost.append(worker)
        trial = next((one for one in worker.sent.values() if one is not None), None)
        if trial is not None:
            again = (*trial.id, trial.attempt)
            self._disturbed[again] += 1
            if self._disturbed[again] >= _DISTURBED:
                raise LauncherError(
                    f"what workers on other machines send is disturbed on its way: {worker.inbox.refused}, "
                    f"{_DISTURBED} times with trial {trial.index}-{trial.number}. Either the model writes to files "
                    "that are not its own, or somebody stands between; nothing that was finished is lost"
                )

    def replace(self, worker: Worker) -> None:
        """Forget one that has ended; its station sends another."""
        assert isinstance(worker, Distant)
        for station in self._stations.values():
            for number in [number for number, one in station.workers.items() if one is worker]:
                del station.workers[number]
        self._drop(worker)

    def _drop(self, worker: Distant) -> None:
        if worker.inbox.descriptor >= 0 and worker.inbox.descriptor in self._selector.get_map():
            self._selector.unregister(worker.inbox.descriptor)
        worker.close()
        self._unready.pop(worker, None)
        if worker in self.workers:
            self.workers.remove(worker)
        self._began = time.monotonic()

    def stop(self, grace: float = 0.0) -> None:
        """Let the stations end their workers, wait until they have, and close all."""
        for station in self._stations.values():
            station.outbox.send(pickled(("stop", grace)))
        deadline = time.monotonic() + grace + _FAREWELL
        while self._stations and time.monotonic() < deadline:
            for worker in self.wait(0.05)[0]:
                worker.inbox.drain()
        for name in list(self._stations):
            self._lose(name)
        for worker in list(self.workers):
            self._drop(worker)
        self._door.close()
        self._selector.close()


class _Station:
    """A station's connection, and the workers that it brought.

    Args:
        connection: Proved.
        keys: Of the connection.
        first: Number of its first worker.
        origin: By what it was started, as it says.
    """

    def __init__(self, connection: socket.socket, keys: Keys, first: int, origin: str) -> None:
        self._connection = connection
        self.here = connection.family == socket.AF_UNIX
        """Whether it came through the socket file, to which only our own processes on this machine have a way."""
        self.first = first
        self.origin = origin
        self.workers: dict[int, Distant] = {}
        self.inbox = Inbox(connection.fileno(), keys.to_leader)
        self.outbox = Outbox(connection.fileno(), keys.to_client)

    def close(self) -> None:
        """Close the connection: the station ends its workers, if it is still there."""
        self._connection.close()
