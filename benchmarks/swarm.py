"""Simulated workers: one process that plays thousands of them to a real leader, over the real protocol.

    python benchmarks/swarm.py       # started by benchmarks/scaling.py, which tells it the rest on its standard input

A trial takes its time by waiting, so that one core suffices for all workers.
"""

import json
import os
import select
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from models import SPACE

from l2l.dispatch.listener import allow_many_files
from l2l.protocol.channel import Inbox, Outbox, pickled
from l2l.protocol.connect import Link, introduced
from l2l.protocol.messages import RESULTS, Ready, Recall, Recalled, Stop

TOGETHER = 100
"""Workers of a supervisor, as of a node with so many cores."""


@dataclass(slots=True)
class Member:
    """A worker.

    Args:
        link: Its own, to the leader.
        number: At its supervisor.
    """

    link: Link
    number: int
    connection: socket.socket = field(init=False)
    inbox: Inbox = field(init=False)
    outbox: Outbox = field(init=False)
    waiting: deque[int] = field(default_factory=deque)
    """Numbers of its trials, of which the first runs."""
    following: int = 0
    """The number of the first trial that has not started."""
    skip: int = 0
    """Trials of lower numbers must not start."""
    due: float = 0.0
    """When the first of them ends, on the monotonic clock."""

    def __post_init__(self) -> None:
        self.connection = self.link.connection
        self.inbox, self.outbox = _channel(self.link)

    def take(self, message: Any) -> bool:
        """Take a message; whether a trial begins."""
        if type(message) is not tuple or type(message[0]) is not int or message[2] is None:
            return False  # where a worker stands, what it builds, what trials look like
        first, _, rows = message
        idle = not self.waiting
        self.waiting.extend(range(max(first, self.skip), first + len(rows[0])))
        if idle and self.waiting:
            self.following = self.waiting[0] + 1
        return idle and bool(self.waiting)

    def finish(self, seconds: float, now: float) -> None:
        """Send the results of all trials that have ended by now; the next one begins when the last ended."""
        results = []
        waiting, started, value, number = self.waiting, time.time(), [0.5], 0
        while waiting and self.due <= now:
            number = waiting.popleft()
            measures = {"started": [started], "seconds": [seconds], "peak_memory": 1 << 27}
            results.append(pickled((RESULTS, [number], measures, value)))
            self.due += seconds
        self.following = (waiting[0] if waiting else number) + 1
        self.outbox.send(*results)

    def recall(self, before: int) -> int:
        """Give back what has not started; the number of the first trial that is not ours any more."""
        self.skip = before
        kept = [one for one in self.waiting if one < self.following or one >= before]
        self.waiting = deque(kept)
        return self.following


class Swarm:
    """All workers, and the connections of their supervisors.

    Args:
        addresses: Of the leader.
        secret: Of the run.
        workers: How many.
        seconds: Of a trial.
    """

    def __init__(self, addresses: list[str], secret: bytes, workers: int, seconds: float) -> None:
        self._seconds = seconds
        self._poll = select.epoll()
        self._members: dict[int, Member] = {}
        self._supervisors: dict[int, tuple[Inbox, Outbox, dict[int, Member]]] = {}
        self._running: deque[Member] = deque()
        self._stuck: list[Member] = []
        """Of whose results the leader has not taken all."""
        self._controls: list[socket.socket] = []
        for begin in range(0, workers, TOGETHER):
            self._supervisor(addresses, secret, f"supervisor-{begin}", min(TOGETHER, workers - begin))

    def _supervisor(self, addresses: list[str], secret: bytes, name: str, places: int) -> None:
        about = {"supervisor": name, "kind": "supervisor", "places": places, "request_id": ""}
        link = introduced(addresses, secret, about)
        control = link.connection
        members: dict[int, Member] = {}
        inbox, outbox = _channel(link)
        self._supervisors[control.fileno()] = inbox, outbox, members
        self._controls.append(control)
        self._poll.register(control.fileno(), select.EPOLLIN)
        ready = pickled(Ready(name, os.getpid(), "", SPACE.to_dict(), {"python": sys.version.split()[0]}))
        for number in range(places):
            worker = {"supervisor": name, "kind": "worker", "place": number, "number": number}
            member = members[number] = Member(introduced(addresses, secret, worker), number)
            self._members[member.connection.fileno()] = member
            self._poll.register(member.connection.fileno(), select.EPOLLIN)
            member.outbox.send(ready)

    def serve(self) -> None:
        """Play until the leader says that it is over, or is gone."""
        while True:
            wait = max(0.0, self._running[0].due - time.monotonic()) if self._running else 1.0
            wait = min(wait, 0.01) if self._stuck else wait
            for descriptor, _ in self._poll.poll(wait):
                member = self._members.get(descriptor)
                if member is not None:
                    self._hear(member)
                elif self._over(*self._supervisors[descriptor]):
                    return
            for member in self._stuck:
                member.outbox.flush()
            self._stuck = [member for member in self._stuck if not member.outbox.empty]
            self._finish()

    def _hear(self, member: Member) -> None:
        for message in member.inbox.read():
            if member.take(message):
                member.due = time.monotonic() + self._seconds
                self._running.append(member)
        if member.inbox.closed:
            self._poll.unregister(member.inbox.descriptor)

    def _over(self, inbox: Inbox, outbox: Outbox, members: dict[int, Member]) -> bool:
        for message in inbox.read():
            match message:
                case Stop():
                    return True
                case Recall(number, before):
                    outbox.send(pickled(Recalled(number, members[number].recall(before), before)))
        return inbox.closed

    def _finish(self) -> None:
        """End what is due: all trials take the same time, so that they end in the order in which they began."""
        running, now = self._running, time.monotonic()
        for _ in range(len(running)):
            if running[0].due > now:
                break
            member = running.popleft()
            member.finish(self._seconds, now)
            if not member.outbox.empty:
                self._stuck.append(member)
            if member.waiting:
                running.append(member)


def _channel(link: Link) -> tuple[Inbox, Outbox]:
    descriptor = link.connection.fileno()
    return Inbox(descriptor, link.keys.to_client), Outbox(descriptor, link.keys.to_leader)


def main() -> None:
    given = json.loads(sys.stdin.readline())
    allow_many_files()
    swarm = Swarm(given["addresses"], bytes.fromhex(given["secret"]), given["workers"], given["seconds"])
    swarm.serve()


if __name__ == "__main__":
    main()
