"""A worker elsewhere: its channel ends here, its process is looked after by a station on its machine."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from l2l.values import Status, Trial
from l2l.worker.batch import Forms
from l2l.worker.board import Running
from l2l.worker.channel import Inbox, Outbox
from l2l.worker.handshake import Keys
from l2l.worker.process import Verdict
from l2l.worker.worker import Worker

NOTHING, WHATEVER = -1, -2
"""In place of a trial's number: none ran; the first whose result is not here."""


@dataclass(frozen=True, slots=True)
class Death:
    """What a station tells of a worker that ended.

    Args:
        code: Its return code.
        number: Of the first trial that it was at; NOTHING or WHATEVER.
        together: How many of them ran as one batch.
        age: Seconds since they began.
        status: What the station's watchdog judged, or None.
        message: Why, or "".
        said: The end of what it wrote since.
        wrote: What it wrote, as the end of a message.
        peak_memory: Bytes that it held at most.
    """

    code: int
    number: int
    together: int
    age: float
    status: int | None
    message: str
    said: str
    wrote: str
    peak_memory: int


class Distant(Worker):
    """A process of another machine, with a socket for a channel.

    Args:
        slot: Which of the launcher's workers it is, from 0.
        descriptor: Of the socket, which does not block.
        keys: Of the connection.
        start: The pickled messages that it is told first.
        forms: Of all trials of this leader.
        ask: Sends a recall to its station: "no trial of a lower number than this is to start".
        here: Whether nobody but processes of ours on this machine can have written what came.
    """

    def __init__(
        self,
        slot: int,
        descriptor: int,
        *,
        keys: Keys,
        start: Sequence[bytes],
        forms: Forms,
        ask: Callable[[int], None],
        here: bool,
    ) -> None:
        self._ask = ask
        self.here = here
        self.began = time.monotonic()
        self._recalled = 0
        self._asked = False
        self._since = time.monotonic()
        self._at = -1
        self.death: Death | None = None
        inbox, outbox = Inbox(descriptor, keys.to_leader), Outbox(descriptor, keys.to_client)
        super().__init__(slot, forms=forms, inbox=inbox, outbox=outbox, start=start)

    @property
    def pid(self) -> int:
        """Its process number where it runs; 0 as long as it has not said it."""
        return self.hello.pid if self.hello else 0

    @property
    def verdict(self) -> Verdict | None:
        """Why its station ended it, if it did."""
        death = self.death
        running = self.running if death is not None and death.status is not None else None
        if death is None or death.status is None or running is None:
            return None
        return Verdict(running, Status(death.status), death.message, time.monotonic())

    @property
    def peak_memory(self) -> int:
        """Bytes that it held at most; known after its end."""
        return self.death.peak_memory if self.death else 0

    @property
    def running(self) -> Running | None:
        """What it was at when it ended, or what it must be at: the first of its trials, in the order sent."""
        if self.death is not None and self.death.number != WHATEVER:
            return self._last(self.death) if self.death.number != NOTHING else None
        first = next(iter(self.sent), None)
        if first is None or self.hello is None:
            return None
        if first != self._at:
            self._at, self._since = first, time.monotonic()
        return Running(first, 1, self._since)

    def _last(self, death: Death) -> Running:
        return Running(death.number, death.together, time.monotonic() - death.age)

    @property
    def over(self) -> bool:
        """Whether its end was told, and all that it sent before is here."""
        return self.death is not None and self.inbox.closed

    def recall(self) -> list[Trial]:
        """Ask for what it has not started; the answer comes through `returned`."""
        if not self._asked and self._next > self._recalled:
            self._asked, self._recalled = True, self._next
            self._ask(self._next)
        return []

    def recalled(self, following: int, before: int) -> None:
        """Take note of the station's answer to a recall."""
        self._asked = False
        self.returned += self.take_back(following, before)

    def end(self) -> int:
        """Its return code: it is over when this is asked."""
        return self.death.code if self.death else 0

    def said(self) -> str:
        """The end of what it wrote since the trial that it began last."""
        return self.death.said if self.death else ""

    def wrote(self) -> str:
        """What it wrote since it began, as the end of a message."""
        return self.death.wrote if self.death else "its station was lost"

    def close(self) -> None:
        """Close the channel."""
        if self.inbox.descriptor >= 0:
            os.close(self.inbox.descriptor)
        self.inbox.descriptor = self.outbox.descriptor = -1
        self.inbox.closed = True
