"""Messages over a pair of pipes or a socket: pickles behind their length, read in bulk, written without blocking.

Over a socket each message is sealed: behind it stands a code (BLAKE2b with a key, RFC 7693) over all that was written
before, so that one look at the last code that has come suffices for all messages that came together. The key
comes from the handshake and differs for the two directions. So nothing is decoded that was not written by the process
which proved itself, in the order in which it wrote, once.
"""

import contextlib
import fcntl
import hashlib
import os
import struct
from collections import deque
from collections.abc import Callable
from hmac import compare_digest
from os import readv, write  # bound here, as `loads`: a model may replace them where they stand
from pickle import dumps, loads
from typing import Any

LARGEST_RESULT = 1 << 30
"""Bytes of a trial's observables at most, under every launcher."""
LARGEST = LARGEST_RESULT + (1 << 26)
"""Bytes of a message at most: the largest result, and room for what stands around it."""

_LENGTH = struct.Struct("=Q")
_HEAD = _LENGTH.size
_CODE = 16  # bytes: 2^128 guesses, of which the first wrong one ends the connection
_LEAST_ROOM = 1 << 12  # bytes that an inbox begins with: a leader has thousands of them
_ROOM = 1 << 18  # bytes that one read takes at most, unless a single message is longer
_CAPACITY = 1 << 20  # bytes of a pipe: what Linux lets an ordinary user ask for (/proc/sys/fs/pipe-max-size)

_SMALL = 1 << 16  # bytes that are copied in less time than a second system call takes

Framing = Callable[[bytes], tuple[bytes, bytes]]
"""Makes what stands before and behind the next pickled message that travels."""


def pickled(message: Any) -> bytes:
    """A message as bytes, without what a channel puts before it."""
    return dumps(message, 5)


def bare(body: bytes) -> tuple[bytes, bytes]:
    """What stands around a message in a pipe, whose two ends only our own processes have."""
    return _LENGTH.pack(len(body)), b""


class Seal:
    """The codes of one direction of a connection.

    Args:
        key: Of this direction, from the handshake.
    """

    __slots__ = ("_last", "_past")

    def __init__(self, key: bytes) -> None:
        self._past = hashlib.blake2b(key=key, digest_size=_CODE)
        self._last = b""

    def around(self, body: bytes) -> tuple[bytes, bytes]:
        """What stands before and behind a message, which must be the next one that is written."""
        size = _LENGTH.pack(len(body))
        self._past.update(self._last + size)
        self._past.update(body)
        self._last = self._past.copy().digest()
        return size, self._last

    def covers(self, data: memoryview, code: memoryview) -> bool:
        """Whether this code stands behind this, which came next: messages with their codes, the last one without.

        Where it does not, nothing has come.
        """
        past = self._past.copy()
        past.update(data)
        if not compare_digest(code, past.copy().digest()):
            return False
        past.update(code)
        self._past = past
        return True


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
        key: Of the messages that come; None where they come bare.
        most: Bytes of a message; a longer one is refused, and nothing is read any more.
    """

    def __init__(self, descriptor: int, key: bytes | None = None, most: int = LARGEST) -> None:
        self.descriptor = descriptor
        self.closed = False
        self.refused = ""
        """Why nothing is read any more, where what came was no message for us."""
        self._seal = Seal(key) if key else None
        self._code = _CODE if key else 0
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
        code = self._code
        bodies: list[tuple[int, int]] = []
        wanted, why = 0, ""
        while end - at >= _HEAD:
            size = _LENGTH.unpack_from(room, at)[0]
            if size > self._most:
                why = f"a message of {size} bytes came, of which at most {self._most} are taken"
                break
            begin = at + _HEAD
            stop = begin + size
            if stop + code > end:
                wanted = stop + code - at
                break
            bodies.append((begin, stop))
            at = stop + code
        if self._seal is not None and bodies:
            known = self._known(self._seal, bodies)
            if known < len(bodies):
                bodies = bodies[:known]
                why = "a message came that the process which proved itself has not written in this place"
        messages: list[Any] = []
        for begin, stop in bodies:
            try:
                messages.append(loads(room[begin:stop]))  # noqa: S301 - from our own process, by a pipe or with its seal
            except Exception as error:  # noqa: BLE001 - whatever pickle raises, it is no message
                self.refuse(f"a message came that cannot be read: {type(error).__name__}: {error}")
                return messages
        if why:
            self.refuse(why)
            return messages
        rest = end - at
        # A size that was only announced takes no memory: room grows with what has come.
        size = max(self._usual, min(wanted, max(2 * rest, _ROOM)))
        if size != len(room) and (size > len(room) or rest == 0):
            self._room = memoryview(bytearray(size))
            self._room[:rest] = room[at:end]
        elif at:
            room[:rest] = room[at:end]
        self._end = rest
        return messages

    def _known(self, seal: Seal, bodies: list[tuple[int, int]]) -> int:
        """How many of these messages, from the first on, were written by who has the key, as what comes next."""
        room, last = self._room, bodies[-1][1]
        if seal.covers(room[:last], room[last : last + _CODE]):
            return len(bodies)
        for number, (begin, stop) in enumerate(bodies):
            if not seal.covers(room[begin - _HEAD : stop], room[stop : stop + _CODE]):
                return number
        return len(bodies)

    def refuse(self, why: str) -> None:
        """Read nothing any more."""
        self.closed, self.refused = True, why


class Outbox:
    """The writing end of a channel, which keeps what the pipe does not take yet.

    Args:
        descriptor: Of a pipe or socket; made non-blocking.
        key: Of the messages that go; None where they go bare.
    """

    def __init__(self, descriptor: int, key: bytes | None = None) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._framing: Framing = Seal(key).around if key else bare
        self._waiting: deque[memoryview] = deque()

    @property
    def empty(self) -> bool:
        """Whether the pipe has taken everything."""
        return not self._waiting

    def send(self, *bodies: bytes) -> None:
        """Write pickled messages, as far as the pipe takes them now."""
        for body in bodies:
            head, tail = self._framing(body)
            self._waiting.append(memoryview(head + body + tail))
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


def write_message(descriptor: int, framing: Framing, body: bytes) -> None:
    """Write a pickled message to a blocking pipe or socket; a long one is not copied for that.

    Raises:
        OSError: Nobody reads it any more.
    """
    head, tail = framing(body)
    if len(body) <= _SMALL:
        write_all(descriptor, head + body + tail)
        return
    for part in (head, body, tail):
        write_all(descriptor, part)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it to a blocking pipe, socket or file.

    Raises:
        OSError: Nobody reads it any more.
    """
    written = write(descriptor, data)
    if written < len(data):
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[write(descriptor, rest) :]
