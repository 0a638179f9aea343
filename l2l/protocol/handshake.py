"""How two processes that share a secret make sure of each other over a socket, and of each message that follows.

Each sends a number used once, and each proves with an HMAC (RFC 2104, SHA-256) over both numbers that it has the
secret, which itself never travels. A recorded hello is of no use a second time. From the secret, both numbers and the
introduction come two keys, one per direction, which seal the messages that follow (`channel.Seal`): who stands between
the two can pass on what they say, but add, change, repeat or reorder nothing.

`multiprocessing.connection` proves itself in a similar way, but blocks the leader meanwhile, and binds nothing
that follows to the proof.
"""

import hmac
import json
import os
import socket
import struct
import time
from typing import Any, NamedTuple

from l2l.errors import LauncherError

MAGIC = b"l2l-2\n"
NONCE = 32  # bytes of a number used once: never drawn twice
PROOF = 32  # bytes of an HMAC with SHA-256
LONGEST = 1024
"""Bytes of an introduction at most."""

_SIZE = struct.Struct("=H")


class Keys(NamedTuple):
    """The keys of a connection.

    Args:
        to_leader: Seals what the client writes.
        to_client: Seals what the leader writes.
    """

    to_leader: bytes
    to_client: bytes


class SilentError(LauncherError):
    """Who listens there has not answered in time: a leader that is busy, or somebody else."""


def new_secret() -> bytes:
    """A secret for one run."""
    return os.urandom(32)


def _proof(secret: bytes, role: bytes, *parts: bytes) -> bytes:
    return hmac.digest(secret, b"\0".join((MAGIC, role, *parts)), "sha256")


def _keys(secret: bytes, leaders: bytes, clients: bytes, introduction: bytes) -> Keys:
    """Of a connection, from the numbers that each side sent and the client's introduction."""
    both = (leaders, clients, introduction)
    return Keys(_proof(secret, b"key to leader", *both), _proof(secret, b"key to client", *both))


class Challenge:
    """The listening side: what has come of one client's hello.

    Args:
        secret: That the client must have.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._nonce = os.urandom(NONCE)
        self._came = b""
        self.greeting = MAGIC + self._nonce
        """What the client is sent first."""
        self.answer = b""
        """What it is sent once it has proved itself."""
        self.keys = Keys(b"", b"")
        """Of what follows; known once it has proved itself."""

    def take(self, data: bytes) -> dict[str, Any] | None:
        """Take what the client sent.

        Returns:
            Its introduction, when all of it is here and proved; None as long as something is missing.

        Raises:
            ValueError: It is no client of ours.
        """
        self._came += data
        head = NONCE + PROOF + _SIZE.size
        if len(self._came) < head:
            return None
        theirs, proof = self._came[:NONCE], self._came[NONCE : NONCE + PROOF]
        (size,) = _SIZE.unpack(self._came[head - _SIZE.size : head])
        if size > LONGEST or len(self._came) > head + size:
            raise ValueError("its introduction is too long")
        if len(self._came) < head + size:
            return None
        text = self._came[head:]
        if not hmac.compare_digest(proof, _proof(self._secret, b"client", self._nonce, theirs, text)):
            raise ValueError("it does not have the secret")
        self.answer = _proof(self._secret, b"server", theirs, self._nonce)
        self.keys = _keys(self._secret, self._nonce, theirs, text)
        introduction = json.loads(text)
        if not isinstance(introduction, dict):
            raise ValueError("it introduces itself in no known way")
        return introduction


def introduce(connection: socket.socket, secret: bytes, introduction: dict[str, Any], patience: float) -> Keys:
    """Prove to the listening side who we are, and see that it is who we think.

    Args:
        connection: Blocking.
        secret: That both have.
        introduction: Plain data that the other side is to know.
        patience: Seconds for its greeting, and again for its answer, however it dribbles them out.

    Returns:
        The keys of what follows.

    Raises:
        SilentError: It does not answer in time.
        LauncherError: The other side is another one, or takes us for one.
        OSError: The connection broke.
    """
    greeting = _exactly(connection, len(MAGIC) + NONCE, patience)
    if not greeting.startswith(MAGIC):
        raise LauncherError("what listens there is no leader of this version of l2l")
    theirs, ours = greeting[len(MAGIC) :], os.urandom(NONCE)
    text = json.dumps(introduction).encode()
    connection.sendall(ours + _proof(secret, b"client", theirs, ours, text) + _SIZE.pack(len(text)) + text)
    if not hmac.compare_digest(_exactly(connection, PROOF, patience), _proof(secret, b"server", ours, theirs)):
        raise LauncherError("what listens there does not have the run's secret")
    connection.settimeout(None)
    return _keys(secret, theirs, ours, text)


def _exactly(connection: socket.socket, count: int, patience: float) -> bytes:
    deadline = time.monotonic() + patience
    data = b""
    while len(data) < count:
        connection.settimeout(max(deadline - time.monotonic(), 1e-3))
        try:
            came = connection.recv(count - len(data))
        except TimeoutError:
            raise SilentError(f"no answer within {patience:g} s") from None
        if not came:
            raise LauncherError("the leader closed the connection: it has another secret, or it ended")
        data += came
    return data
