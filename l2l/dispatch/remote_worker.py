"""A worker elsewhere: its channel ends here, its process is looked after by a supervisor on its machine."""

import os
import time
from collections.abc import Callable, Sequence

from l2l.dispatch.backlog import Ref
from l2l.dispatch.worker import Worker
from l2l.protocol.channel import Inbox, Outbox
from l2l.protocol.handshake import Keys
from l2l.protocol.messages import NOTHING, WHATEVER, Exited, Killed, Running
from l2l.protocol.trials import Headers


class RemoteWorker(Worker):
    """A process of another machine, with a socket for a channel.

    Args:
        slot: Which of the launcher's workers it is, from 0.
        descriptor: Of the socket, which does not block.
        keys: Of the connection.
        start: The pickled messages that it is told first.
        headers: Of all trials of this leader.
        ask: Sends a recall to its supervisor: "no trial of a lower number than this is to start".
        here: Whether nobody but processes of ours on this machine can have written what came.
    """

    def __init__(
        self,
        slot: int,
        descriptor: int,
        *,
        keys: Keys,
        start: Sequence[bytes],
        headers: Headers,
        ask: Callable[[int], None],
        here: bool,
    ) -> None:
        self._ask = ask
        self.here = here
        self._recalled = 0
        self._asked = False
        self._slow = False
        self._since = time.monotonic()
        self._at = -1
        self.exited: Exited | None = None
        inbox, outbox = Inbox(descriptor, keys.to_leader), Outbox(descriptor, keys.to_client)
        super().__init__(slot, headers=headers, inbox=inbox, outbox=outbox, start=start)

    @property
    def pid(self) -> int:
        """Its process number where it runs; 0 as long as it has not said it."""
        return self.ready.pid if self.ready else 0

    @property
    def killed(self) -> Killed | None:
        """Why its supervisor ended it, if it did."""
        exited = self.exited
        running = self.running if exited is not None and exited.status is not None else None
        if exited is None or exited.status is None or running is None:
            return None
        return Killed(running, exited.status, exited.message, time.monotonic())

    @property
    def peak_memory(self) -> int:
        """Bytes that it held at most; known after its end."""
        return self.exited.peak_memory if self.exited else 0

    @property
    def running(self) -> Running | None:
        """What it was at when it ended, or what it must be at: the first of its trials, in the order sent."""
        if self.exited is not None and self.exited.number != WHATEVER:
            return self._last(self.exited) if self.exited.number != NOTHING else None
        first = next(iter(self.sent), None)
        if first is None or self.ready is None:
            return None
        if first != self._at:
            self._at, self._since = first, time.monotonic()
        return Running(first, 1, self._since)

    def _last(self, exited: Exited) -> Running:
        return Running(exited.number, exited.together, time.monotonic() - exited.age)

    @property
    def over(self) -> bool:
        """Whether its end was told, and all that it sent before is here."""
        return self.exited is not None and self.inbox.closed

    def recall(self, *, slow: bool = False) -> list[Ref]:
        """Ask for what it has not started; the answer comes through `returned`."""
        self._slow = slow
        if not self._asked and self._next > self._recalled:
            self._asked, self._recalled = True, self._next
            self._ask(self._next)
        return []

    def recalled(self, following: int, before: int) -> None:
        """Take note of the supervisor's answer to a recall."""
        self._asked = False
        if self._slow:
            self.returned += self.take_back(0, following - 1)  # done before the one that it is at, and not written yet
        self.returned += self.take_back(following, before)

    def end(self) -> int:
        """Its return code: it is over when this is asked."""
        return self.exited.code if self.exited else 0

    def said(self) -> str:
        """The end of what it wrote since the trial that it began last."""
        return self.exited.said if self.exited else ""

    def wrote(self) -> str:
        """What it wrote since it began, as the end of a message."""
        return self.exited.wrote if self.exited else "its supervisor was lost"

    def close(self) -> None:
        """Close the channel."""
        if self.inbox.descriptor >= 0:
            os.close(self.inbox.descriptor)
        self.inbox.descriptor = self.outbox.descriptor = -1
        self.inbox.closed = True
