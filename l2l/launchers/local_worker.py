"""A worker that is a child of this process."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from l2l.dispatch.backlog import Ref
from l2l.dispatch.worker import Worker
from l2l.protocol.channel import Inbox, Outbox, pipe
from l2l.protocol.messages import Killed, Running
from l2l.protocol.trials import Headers
from l2l.supervisor.process import WorkerProcess


class LocalWorker(Worker):
    """A process of this machine, with a pair of pipes for a channel.

    Args:
        slot: Which of the launcher's workers it is, from 0.
        log: What it writes.
        start: The pickled messages that it is told first.
        headers: Of all trials of this leader.
        marker: That the process and all that it starts carry, `<leader>/<worker>/`.
        environment: Of the process.
    """

    def __init__(
        self,
        slot: int,
        log: Path,
        *,
        start: Sequence[bytes],
        headers: Headers,
        marker: str,
        environment: Mapping[str, str],
    ) -> None:
        reading, their_writing = pipe()
        their_reading, writing = pipe()
        os.set_blocking(reading, False)
        try:
            self.process = _OwnProcess(
                self, log, marker=marker, environment=environment, reading=their_reading, writing=their_writing
            )
        finally:
            os.close(their_reading)
            os.close(their_writing)
        super().__init__(slot, headers=headers, inbox=Inbox(reading), outbox=Outbox(writing), start=start)
        self.host = os.uname().nodename
        self._awaited: tuple[int, int] | None = None

    @property
    def pid(self) -> int:
        """Its process number."""
        return self.process.pid

    @property
    def killed(self) -> Killed | None:
        """Why the watchdog ended it, if it did."""
        return self.process.killed

    @property
    def peak_memory(self) -> int:
        """Bytes that it held at most, as far as known."""
        return self.process.peak_memory

    @property
    def running(self) -> Running | None:
        """What it is at, as far as its result is not here yet; from any thread."""
        return self.process.running

    @property
    def following(self) -> int:
        """The number of the first trial that it has not started."""
        return self.process.page.following

    @property
    def over(self) -> bool:
        """Whether it has closed its end of the channel."""
        return self.inbox.closed

    def recall(self, *, slow: bool = False) -> list[Ref]:
        """Take back what it has not started, and what it has done before and not written yet."""
        page = self.process.page
        page.recall(self._next)
        following, running = page.following, page.running
        waiting = self.take_back(page.written, running.number) if slow and running else []
        return waiting + self.take_back(following, self._next)

    def end(self) -> int:
        """Kill it and wait for its end; its return code."""
        return self.process.end()

    def said(self) -> str:
        """The end of what it wrote since the trial that it began last."""
        return self.process.said()

    def wrote(self) -> str:
        """What it wrote since it began, as the end of a message."""
        return self.process.wrote()

    def withholds(self) -> bool:
        """Whether a result that it has written has not come since this was asked last.

        It says that a trial is over once the result is written. If that does not come although we listen, something
        else stands in the channel before it: the beginning of a message that has no end.
        """
        first = next(iter(self.sent), None)
        written = self.process.page.written
        before, self._awaited = self._awaited, None
        if first is None or first >= written:
            return False
        self._awaited = (first, self.inbox.begun)
        return self._awaited == before

    def hang_up(self) -> None:
        """Close the channel towards it: it ends once it has nothing to do."""
        if self.outbox.descriptor >= 0:
            os.close(self.outbox.descriptor)
            self.outbox.descriptor = -1

    def close(self) -> None:
        """Close what is left of the channel, after its end."""
        self.hang_up()
        os.close(self.inbox.descriptor)
        self.process.close()


class _OwnProcess(WorkerProcess):
    """The process of a child: what it is at counts until its result is here."""

    def __init__(
        self, child: LocalWorker, log: Path, *, marker: str, environment: Mapping[str, str], reading: int, writing: int
    ) -> None:
        self._child = child
        super().__init__(log, marker=marker, environment=environment, reading=reading, writing=writing)

    @property
    def running(self) -> Running | None:
        """What it is at, as far as its result is not here yet; from any thread."""
        running = super().running
        if running is None:
            return None
        sent = self._child.sent
        return running if any(one in sent for one in range(running.number, running.number + running.together)) else None
