"""Messages over a pair of pipes or a socket: pickles behind their length, read in bulk, written without blocking."""

import contextlib
import fcntl
import os
import pickle
import struct
from collections import deque
from os import readv, write  # bound here, as `loads`: a model may replace them where they stand
from pickle import loads
from typing import Any

_LENGTH = struct.Struct("=Q")
_HEAD = _LENGTH.size
_LEAST_ROOM, _ROOM = 1 << 12, 1 << 18
_CAPACITY = 1 << 20
_NO_LENGTH = 1 << 40
"""Bytes that no message has: text that a model wrote to our descriptor, read as a length, promises more."""


def framed(message: Any) -> bytes:
    """A message as it travels."""
    body = pickle.dumps(message, 5)
    return _LENGTH.pack(len(body)) + body


def pipe() -> tuple[int, int]:
    """A pipe (read end, write end), as roomy as the system allows, so that neither side waits for the other often."""
    ends = os.pipe()
    resize = getattr(fcntl, "F_SETPIPE_SZ", None)
    if resize is not None:
        with contextlib.suppress(OSError):  # a limit of the user's pipes is reached: the usual size works too
            fcntl.fcntl(ends[1], resize, _CAPACITY)
    return ends


class Inbox:
    """The reading end of a channel.

    Args:
        descriptor: Of a pipe or socket; blocking or not.
        most: Bytes of a message; a longer one is refused, and nothing is read any more.
    """

    def __init__(self, descriptor: int, most: int = _NO_LENGTH) -> None:
        self.descriptor = descriptor
        self.closed = False
        self.refused = False
        """Whether something came that is no message of ours."""
        self._most = most
        self._usual = _LEAST_ROOM  # a leader has thousands of these, most of which bring little at a time
        self._room = memoryview(bytearray(self._usual))
        self._end = 0

    def read(self) -> list[Any]:
        """The messages that one read brings, perhaps none; sets `closed` where the other end is closed.

        A descriptor that blocks waits for something to come.
        """
        if self.closed:
            return []
        try:
            count = readv(self.descriptor, [self._room[self._end :]])
        except BlockingIOError:
            return []
        except OSError:
            count = 0
        if count == 0:
            self.closed = True
            return []
        self._end += count
        if self._end == len(self._room):
            self._usual = min(8 * self._usual, _ROOM)
        return self._messages()

    @property
    def begun(self) -> int:
        """Bytes of a message that is not here as a whole."""
        return self._end

    def drain(self) -> list[Any]:
        """All messages that are there, without waiting (for a descriptor that does not block)."""
        messages: list[Any] = []
        while not self.closed:
            before = self._end
            came = self.read()
            messages += came
            if not came and self._end == before:
                break
        return messages

    def _messages(self) -> list[Any]:
        room, end, at = self._room, self._end, 0
        messages: list[Any] = []
        wanted = 0
        while end - at >= _HEAD:
            stop = at + _HEAD + _LENGTH.unpack_from(room, at)[0]
            if stop - at > self._most:
                self.closed = self.refused = True
                return messages
            if stop > end:
                wanted = stop - at
                break
            try:
                message = loads(room[at + _HEAD : stop])  # noqa: S301 - from our own process, by a pipe
            except Exception:  # noqa: BLE001 - a model wrote to its process's descriptors: it may raise anything
                self.closed = self.refused = True
                return messages
            messages.append(message)
            at = stop
        rest = end - at
        # room for what is here and as much again, not for what a length promises: it may be no length
        size = max(self._usual, min(wanted, 2 * end))
        if size != len(room) and (size > len(room) or rest == 0):
            self._room = memoryview(bytearray(size))
            self._room[:rest] = room[at:end]
        elif at:
            room[:rest] = room[at:end]
        self._end = rest
        return messages


class Outbox:
    """The writing end of a channel, which keeps what the pipe does not take yet.

    Args:
        descriptor: Of a pipe or socket; made non-blocking.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._waiting: deque[memoryview] = deque()

    @property
    def empty(self) -> bool:
        """Whether the pipe has taken everything."""
        return not self._waiting

    def send(self, frame: bytes) -> None:
        """Write a framed message, as far as the pipe takes it now."""
        self._waiting.append(memoryview(frame))
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the pipe takes it now; what a dead process did not take is dropped."""
        waiting = self._waiting
        while waiting:
            try:
                written = os.write(self.descriptor, waiting[0])
            except BlockingIOError:
                return
            except OSError:
                waiting.clear()
                return
            if written == len(waiting[0]):
                waiting.popleft()
            else:
                waiting[0] = waiting[0][written:]


def write_all(descriptor: int, frame: bytes) -> None:
    """Write a framed message to a blocking pipe.

    Raises:
        OSError: Nobody reads it any more.
    """
    written = write(descriptor, frame)
    if written < len(frame):
        rest = memoryview(frame)[written:]
        while rest:
            rest = rest[write(descriptor, rest) :]
