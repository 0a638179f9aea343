"""Messages over a pair of pipes or a socket: pickles behind their length, read in bulk, written without blocking.

Over a socket each message is sealed: before its body stands a code (BLAKE2b with a key, RFC 7693) over its number, its
size and its body. The key comes from the handshake and differs for the two directions. So nothing is decoded
that was not written by the process which proved itself, in the order in which it wrote, once.
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
_PLACE = struct.Struct("<QQ")  # number and size of a message: the same bytes on every machine
_LEAST_ROOM, _ROOM = 1 << 12, 1 << 18
_CAPACITY = 1 << 20

_SMALL = 1 << 16  # bytes that are copied in less time than a second system call takes

Heading = Callable[[bytes], bytes]
"""Makes what stands before the next pickled message that travels."""


def pickled(message: Any) -> bytes:
    """A message as bytes, without what a channel puts before it."""
    return dumps(message, 5)


def bare(body: bytes) -> bytes:
    """What stands before a message in a pipe, whose two ends only our own processes have."""
    return _LENGTH.pack(len(body))


class Seal:
    """The codes of the messages that travel in one direction of a connection.

    Args:
        key: Of this direction, from the handshake.
    """

    __slots__ = ("_count", "_keyed")

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(key=key, digest_size=_CODE)
        self._count = 0

    def head(self, body: bytes) -> bytes:
        """What stands before a message, which must be the next one that travels."""
        return _LENGTH.pack(len(body)) + self._code(body)

    def fits(self, code: memoryview, body: memoryview) -> bool:
        """Whether this is the code of the message that comes next, which is then taken for come."""
        return compare_digest(code, self._code(body))

    def _code(self, body: bytes | memoryview) -> bytes:
        mac = self._keyed.copy()
        mac.update(_PLACE.pack(self._count, len(body)))
        mac.update(body)
        self._count += 1
        return mac.digest()


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
        self._head = _HEAD + _CODE if key else _HEAD
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
        seal, head = self._seal, self._head
        messages: list[Any] = []
        wanted = 0
        while end - at >= head:
            size = _LENGTH.unpack_from(room, at)[0]
            if size > self._most:
                self.refuse(f"a message of {size} bytes came, of which at most {self._most} are taken")
                return messages
            begin = at + head
            stop = begin + size
            if stop > end:
                wanted = stop - at
                break
            body = room[begin:stop]
            if seal is not None and not seal.fits(room[at + _HEAD : begin], body):
                self.refuse("a message came that the process which proved itself has not written in this place")
                return messages
            try:
                messages.append(loads(body))  # noqa: S301 - from our own process, by a pipe or with its seal
            except Exception as error:  # noqa: BLE001 - whatever pickle raises, it is no message
                self.refuse(f"a message came that cannot be read: {type(error).__name__}: {error}")
                return messages
            at = stop
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
        self._head: Heading = Seal(key).head if key else bare
        self._waiting: deque[memoryview] = deque()

    @property
    def empty(self) -> bool:
        """Whether the pipe has taken everything."""
        return not self._waiting

    def send(self, *bodies: bytes) -> None:
        """Write pickled messages, as far as the pipe takes them now."""
        self._waiting.extend(memoryview(self._head(body) + body) for body in bodies)
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


def write_message(descriptor: int, heading: Heading, body: bytes) -> None:
    """Write a pickled message to a blocking pipe or socket; a long one is not copied for that.

    Raises:
        OSError: Nobody reads it any more.
    """
    head = heading(body)
    if len(body) <= _SMALL:
        write_all(descriptor, head + body)
    else:
        write_all(descriptor, head)
        write_all(descriptor, body)


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
