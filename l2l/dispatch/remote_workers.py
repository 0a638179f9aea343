"""The workers of other machines and ranks: supervisors connect to us, and so do their workers, one connection each."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from l2l.dispatch.backlog import key_of
from l2l.dispatch.listener import Listener
from l2l.dispatch.remote_worker import RemoteWorker
from l2l.dispatch.work import Work
from l2l.dispatch.worker import Worker, Workers
from l2l.errors import LauncherError
from l2l.protocol.channel import Inbox, Outbox, pickled
from l2l.protocol.handshake import Keys
from l2l.protocol.messages import Exited, Kill, Recall, Stop, SupervisorConfig
from l2l.protocol.trials import Headers

_FAREWELL = 10.0  # seconds beyond the grace in which supervisors end their workers and hang up
_DISTURBED = 10
"""How often the channel of the worker that has a trial may be disturbed before we give up: not by chance then."""


class RemoteWorkers(Workers):
    """Workers elsewhere, as their supervisors bring them.

    Args:
        work: What they run.
        slots: Workers that are expected.
        everywhere: Whether to listen to other machines; else a socket file of this one is all.

    Raises:
        LauncherError: We cannot listen.
    """

    def __init__(self, work: Work, slots: int, *, everywhere: bool) -> None:
        self.work = work
        self.slots = slots
        self.headers = Headers()
        self.present: list[RemoteWorker] = []
        self._supervisors: dict[str, _Supervisor] = {}
        self._places = 0
        self._lost: list[Worker] = []
        self._noted: dict[RemoteWorker, None] = {}
        self._unready: dict[RemoteWorker, None] = {}
        self._heard: list[RemoteWorker] = []
        """Workers from which something came last, for which `lost` sees whether it was a message."""
        self._disturbed: Counter[tuple[int, int, int]] = Counter()
        self._due = 0.0
        self._selector = selectors.DefaultSelector()
        self._began = time.monotonic()
        try:
            self._listener = Listener(self._selector, self._admit, everywhere=everywhere)
        except BaseException:
            self._selector.close()
            raise
        self.addresses, self.secret = self._listener.addresses, self._listener.secret

    # --- what comes ---

    def wait(self, seconds: float | None) -> tuple[list[RemoteWorker], list[RemoteWorker]]:
        """Wait for something to happen: workers that sent something or gave trials back; ends show in `over`."""
        if self._listener.crowded or self._someone_unready() or not self.present:
            longest = min(self._listener.rest, 1.0) or 1.0
            seconds = longest if seconds is None else min(seconds, longest)
        readable, self._noted = self._noted, {}
        for key, events in self._selector.select(seconds):
            what = key.data
            if type(what) is not RemoteWorker:
                what(key.fileobj)
                continue
            if events & selectors.EVENT_WRITE:
                what.outbox.flush()
                self.listen(what)
            if events & selectors.EVENT_READ:
                if what.inbox.closed:
                    self._selector.unregister(what.inbox.descriptor)  # else it is reported for ever
                readable[what] = None
        readable |= self._noted
        self._noted = {}
        now = time.monotonic()
        for worker in readable:
            worker.heard = now
        self._heard = list(readable)
        return self._heard, []

    def _someone_unready(self) -> bool:
        """Whether a worker has not said ready."""
        while self._unready:
            first = next(iter(self._unready))
            if first.ready is None:
                return True
            del self._unready[first]
        return False

    def _admit(self, connection: socket.socket, said: Mapping[str, Any], keys: Keys) -> None:
        name, kind = str(said["supervisor"]), said["kind"]
        if kind == "supervisor":
            places, request_id = int(said["places"]), str(said["request_id"])
            if name in self._supervisors:  # it did not wait for our answer, and comes again
                self._lose(name)
            supervisor = _Supervisor(connection, keys, self._places, request_id)
            self._places += places
            self._supervisors[name] = supervisor
            limits = self.work.resources
            config = SupervisorConfig(limits.timeout, limits.memory, limits.threads, self.work.logs, supervisor.first)
            supervisor.outbox.send(pickled(config))
            self._selector.register(connection, selectors.EVENT_READ, lambda _: self._news(name))
            return
        supervisor = self._supervisors[name]
        number, slot = int(said["number"]), supervisor.first + int(said["place"])
        if number in supervisor.workers:  # as above
            before = supervisor.workers.pop(number)
            before.unreachable = True
            self._lost.append(before)
        connection.setblocking(False)
        worker = RemoteWorker(
            slot,
            connection.detach(),
            keys=keys,
            start=self.work.start,
            headers=self.headers,
            ask=lambda before: supervisor.outbox.send(pickled(Recall(number, before))),
            here=supervisor.here,
        )
        worker.host = str(said.get("host", ""))
        supervisor.workers[number] = worker
        self.present.append(worker)
        self._unready[worker] = None
        self._selector.register(worker.inbox.descriptor, selectors.EVENT_READ, worker)
        self.listen(worker)

    def _news(self, name: str) -> None:
        """Take what a supervisor tells."""
        supervisor = self._supervisors[name]
        supervisor.outbox.flush()
        for message in supervisor.inbox.read():
            worker = supervisor.workers.get(message.worker)
            if worker is None:
                continue
            self._noted[worker] = None
            if isinstance(message, Exited):
                worker.exited = message
            else:
                worker.recalled(message.following, message.before)
        if supervisor.inbox.closed:
            self._lose(name)

    def _lose(self, name: str) -> None:
        supervisor = self._supervisors.pop(name)
        self._selector.unregister(supervisor.inbox.descriptor)
        supervisor.close()
        workers = list(supervisor.workers.values())
        for worker in workers:
            worker.unreachable = True
        self.orphaned(supervisor.request_id, workers)

    # --- what a batch system knows better ---

    def orphaned(self, request_id: str, workers: Sequence[RemoteWorker]) -> None:
        """Judge workers whose supervisor is gone without a word: lost, unless somebody knows how they ended.

        Args:
            request_id: By what the supervisor was started.
            workers: Of the supervisor.
        """
        self._lost += workers

    def ended(self, worker: RemoteWorker, exited: Exited) -> None:
        """Take note that a worker whose supervisor was cut off has ended by its own doing."""
        worker.exited = exited
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
        if now < self._due and not (self._listener.crowded and self._listener.rest == 0.0):
            return
        self._due = now + 1.0
        self._listener.check()
        for worker in self._unready:
            if worker.ready is None and now - worker.began > self.work.patience:
                raise LauncherError(
                    f"a worker was not ready after {self.work.patience:g} s of imports and setup; "
                    f"see {self.work.logs}/worker-{worker.slot}.log"
                )
        if not self._supervisors and not self.awaited and now - self._began > self.work.patience:
            raise LauncherError(f"no worker has come for {self.work.patience:g} s; expected {self.slots}")

    def lost(self) -> list[Worker]:
        """Workers whose supervisors went without a word, or whose channel to us was disturbed on its way.

        Raises:
            LauncherError: It is disturbed again and again.
        """
        # right after what came was read: a worker that waits for us sends nothing more that would wake us
        for heard in self._heard:
            if heard.inbox.refused and not heard.unreachable:
                self._part_with(heard)
        lost, self._lost = self._lost, []
        for worker in lost:
            assert isinstance(worker, RemoteWorker)
            self._drop(worker)
        return lost

    def _part_with(self, worker: RemoteWorker) -> None:
        """Have a worker ended of which what cannot be a message came.

        On this machine nobody else can have written that, and the trial that it has is to blame. From another machine
        somebody in between may have, and no trial is.
        """
        worker.unreachable = True
        for supervisor in self._supervisors.values():
            for number in [number for number, one in supervisor.workers.items() if one is worker]:
                supervisor.outbox.send(pickled(Kill(number)))
                if not worker.here:
                    del supervisor.workers[number]
        if worker.here:
            return  # the supervisor tells of its end
        self._lost.append(worker)
        ref = next((one for one in worker.sent.values() if one is not None), None)
        if ref is not None:
            again = key_of(ref)
            self._disturbed[again] += 1
            if self._disturbed[again] >= _DISTURBED:
                raise LauncherError(
                    f"what workers on other machines send is disturbed on its way: {worker.inbox.refused}, "
                    f"{_DISTURBED} times with trial {again[0]}-{again[1]}. Either the model writes to files "
                    "that are not its own, or somebody stands between; nothing that was finished is lost"
                )

    def replace(self, worker: Worker) -> None:
        """Forget one that has ended; its supervisor sends another."""
        assert isinstance(worker, RemoteWorker)
        for supervisor in self._supervisors.values():
            for number in [number for number, one in supervisor.workers.items() if one is worker]:
                del supervisor.workers[number]
        self._drop(worker)

    def _drop(self, worker: RemoteWorker) -> None:
        if worker.inbox.descriptor >= 0 and worker.inbox.descriptor in self._selector.get_map():
            self._selector.unregister(worker.inbox.descriptor)
        worker.close()
        self._unready.pop(worker, None)
        if worker in self.present:
            self.present.remove(worker)
        self._began = time.monotonic()

    def stop(self, grace: float = 0.0) -> None:
        """Let the supervisors end their workers, wait until they have, and close all."""
        for supervisor in self._supervisors.values():
            supervisor.outbox.send(pickled(Stop(grace)))
        deadline = time.monotonic() + grace + _FAREWELL
        while self._supervisors and time.monotonic() < deadline:
            for worker in self.wait(0.05)[0]:
                worker.inbox.drain()
        for name in list(self._supervisors):
            self._lose(name)
        for worker in list(self.present):
            self._drop(worker)
        self._listener.close()
        self._selector.close()


class _Supervisor:
    """A supervisor's connection, and the workers that it brought.

    Args:
        connection: Proved.
        keys: Of the connection.
        first: Number of its first worker.
        request_id: By what it was started, as it says.
    """

    def __init__(self, connection: socket.socket, keys: Keys, first: int, request_id: str) -> None:
        self._connection = connection
        self.here = connection.family == socket.AF_UNIX
        """Whether it came through the socket file, to which only our own processes on this machine have a way."""
        self.first = first
        self.request_id = request_id
        self.workers: dict[int, RemoteWorker] = {}
        self.inbox = Inbox(connection.fileno(), keys.to_leader)
        self.outbox = Outbox(connection.fileno(), keys.to_client)

    def close(self) -> None:
        """Close the connection: the supervisor ends its workers, if it is still there."""
        self._connection.close()
