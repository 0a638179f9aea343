"""One evaluating process, as the pool that feeds it sees it: the trials that it has, and its channel."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from l2l.blocks import TrialBlock
from l2l.dispatch.backlog import Ref, refs_of
from l2l.errors import LauncherError
from l2l.protocol.channel import LARGEST, Inbox, Outbox, pickled
from l2l.protocol.messages import Killed, Ready, Running
from l2l.protocol.trials import Headers, columns_of


class Worker(ABC):
    """An evaluating process of this machine or another.

    Args:
        slot: Which of the launcher's workers it is, from 0.
        headers: Of all trials of this leader.
        inbox: What comes from it.
        outbox: What goes to it.
        start: The pickled messages that it is told first.
    """

    def __init__(self, slot: int, *, headers: Headers, inbox: Inbox, outbox: Outbox, start: Sequence[bytes]) -> None:
        self.slot = slot
        self.inbox = inbox
        self.outbox = outbox
        self.ready: Ready | None = None
        self.began = self.heard = time.monotonic()
        """When it was started, or came; and when something came from it last, both on the monotonic clock."""
        self.host = ""
        """The name of its machine, as far as is known before it is ready."""
        self.sent: dict[int, Ref | None] = {}
        """By number; None where nobody wants the result any more."""
        self.returned: list[Ref] = []
        """Trials that it gave back since they were last looked at, for the pool to take."""
        self.slow = False
        """Whether what it has takes long, so that nothing more is sent until something came of it."""
        self.unreachable = False
        """Whether nothing can be sent to it any more."""
        self.leaving = False
        """Whether it ends by itself, so that a fresh process takes its place."""
        self._next = 0
        self._headers = headers
        self._told_headers: set[int] = set()
        outbox.send(*start)

    def send(self, block: TrialBlock) -> int:
        """Queue trials as a batch.

        Returns:
            The size of the message in bytes.

        Raises:
            LauncherError: It is too large for any worker.
        """
        header = self._headers.of(block)
        if header.code not in self._told_headers:
            self._told_headers.add(header.code)
            self.outbox.send(pickled((header.code, (header.names, header.root, header.validation), None)))
        body = pickled((self._next, header.code, columns_of(block)))
        if len(body) > LARGEST:
            raise LauncherError(
                f"{len(block)} trial(s) from individual {block.individual[0]} on take {len(body)} bytes to be sent to "
                f"a worker, and at most {LARGEST} are taken; give models the name of a file instead of what is in it"
            )
        following = self._next + len(block)
        self.sent.update(zip(range(self._next, following), refs_of(block), strict=True))
        self._next = following
        self.outbox.send(body)
        return len(body)

    @property
    def trials(self) -> int:
        """How many trials it has been sent."""
        return self._next

    def leave(self) -> None:
        """Let it end once it has done what it has."""
        self.leaving = True
        self.outbox.send(pickled(None))

    def take_back(self, following: int, before: int) -> list[Ref]:
        """Forget that it has the trials with these numbers, which others are to run; they are returned."""
        back = [number for number in self.sent if following <= number < before]
        return [ref for number in back if (ref := self.sent.pop(number)) is not None]

    @property
    @abstractmethod
    def pid(self) -> int:
        """Its process number where it runs."""

    @property
    @abstractmethod
    def killed(self) -> Killed | None:
        """Why it is being ended, if it is."""

    @property
    @abstractmethod
    def peak_memory(self) -> int:
        """Bytes that it held at most, as far as known."""

    @property
    @abstractmethod
    def running(self) -> Running | None:
        """What it is at, as far as its result is not here yet."""

    @property
    def following(self) -> int:
        """The number of the first trial that it has not started, as far as known; it has one at least."""
        return next(iter(self.sent), self._next) + 1

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether its channel has said all that it will ever say."""

    @abstractmethod
    def recall(self, *, slow: bool = False) -> list[Ref]:
        """Take back what it has not started; perhaps only later, through `returned`.

        Args:
            slow: Take back as well what it has done before and not written yet, which may wait for what it is at.
        """

    @abstractmethod
    def end(self) -> int:
        """Make sure that it is dead; its return code."""

    @abstractmethod
    def said(self) -> str:
        """The end of what it wrote since the trial that it began last."""

    @abstractmethod
    def wrote(self) -> str:
        """What it wrote since it began, as the end of a message."""


class Workers(ABC):
    """The workers of a pool, and how it waits for them."""

    headers: Headers
    present: Sequence[Worker]
    """Workers that are here now."""
    slots: int
    """Workers that there are when all have come."""

    @abstractmethod
    def wait(self, seconds: float | None) -> tuple[Sequence[Worker], Sequence[Worker]]:
        """Wait for something to happen.

        Args:
            seconds: At most; None for ever.

        Returns:
            Workers that sent something, and workers that ended.
        """

    @abstractmethod
    def listen(self, worker: Worker) -> None:
        """Take note when the channel takes more, as long as something waits to be sent."""

    @abstractmethod
    def check(self) -> None:
        """Look whether workers come up in time.

        Raises:
            LauncherError: They do not.
        """

    @abstractmethod
    def replace(self, worker: Worker) -> None:
        """Put another in the place of one that has ended, at once or when it comes.

        Raises:
            LauncherError: The system starts no process.
        """

    @abstractmethod
    def lost(self) -> list[Worker]:
        """Workers that went without anybody to tell how; whatever they had was not their doing."""

    @abstractmethod
    def stop(self, grace: float = 0.0) -> None:
        """End all workers and whatever they started.

        Args:
            grace: Seconds that running trials get to end; idle workers always get a moment to tear down.
        """
