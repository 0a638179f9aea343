"""How two processes that share a secret make sure of each other over a socket.

Each sends a number used once, and each proves with an HMAC (RFC 2104, SHA-256) over both numbers that it has the
secret, which itself never travels. A recorded hello is of no use a second time, and nothing is unpickled before.
"""

import hmac
import json
import os
import secrets
import socket
import struct
from typing import Any

from l2l.errors import LauncherError

MAGIC = b"l2l-1\n"
NONCE = 32
PROOF = 32
LONGEST = 1024
"""Bytes of an introduction at most."""

_SIZE = struct.Struct("=H")


def new_secret() -> bytes:
    """A secret for one run."""
    return secrets.token_bytes(32)


def _proof(secret: bytes, role: bytes, *parts: bytes) -> bytes:
    return hmac.digest(secret, b"\0".join((MAGIC, role, *parts)), "sha256")


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
        introduction = json.loads(text)
        if not isinstance(introduction, dict):
            raise ValueError("it introduces itself in no known way")
        return introduction


def introduce(connection: socket.socket, secret: bytes, introduction: dict[str, Any]) -> None:
    """Prove to the listening side who we are, and see that it is who we think.

    Args:
        connection: Blocking.
        secret: That both have.
        introduction: Plain data that the other side is to know.

    Raises:
        LauncherError: The other side is another one, or takes us for one.
    """
    greeting = _exactly(connection, len(MAGIC) + NONCE)
    if not greeting.startswith(MAGIC):
        raise LauncherError("what listens there is no leader of this version of l2l")
    theirs, ours = greeting[len(MAGIC) :], os.urandom(NONCE)
    text = json.dumps(introduction).encode()
    connection.sendall(ours + _proof(secret, b"client", theirs, ours, text) + _SIZE.pack(len(text)) + text)
    if not hmac.compare_digest(_exactly(connection, PROOF), _proof(secret, b"server", ours, theirs)):
        raise LauncherError("what listens there does not have the run's secret")


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        came = connection.recv(count - len(data))
        if not came:
            raise LauncherError("the leader closed the connection: it has another secret, or it ended")
        data += came
    return data
