"""How a supervisor, or a rank, reaches the leader: it tries address after address, until one has the run's secret.

An address is `<host>:<port>`, or `unix:<machine>:<folder>:<path>` for a socket file. Such a path means another file on
another machine, and who may write there may stand at it. So it is tried on the leader's machine alone, where the folder
is the one that the leader made, and what listens is a process of the same user.
"""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from l2l.errors import LauncherError
from l2l.protocol.handshake import Keys, SilentError, introduce
from l2l.protocol.temporary import boot, identity, socket_place

_UNIX = "unix:"
_CONNECT = 10.0  # seconds for TCP or the system to take a connection; a firewall that drops packets never answers
_SILENCE = 10.0
"""Seconds that the first one at an address has to answer; twice as long each time that all have been tried."""
_LONGEST_SILENCE = 600.0  # seconds that a silence grows to: ten minutes between two tries disturb nobody
_CROWDED = 120.0
"""Seconds for which we try again where the system takes no connection at once."""
_PAUSE = 0.05  # seconds between two rounds over all addresses, so that a refusing port burns no core
_PATIENCE = 86400.0
"""Seconds after which one who never says anything is no leader that is busy, as with an optimizer that thinks."""
_ROOM = 1 << 20
"""Bytes of SO_SNDBUF: what a worker may write before the leader reads. On a Unix socket a short result takes several
times its size of them. The system's default holds a few hundred results, and then the worker would wait."""
_CREDENTIALS = struct.Struct("3i")


class Link(NamedTuple):
    """A connection to the leader over which both have proved themselves.

    Args:
        connection: Blocking.
        keys: Of what follows.
        address: Where it was.
    """

    connection: socket.socket
    keys: Keys
    address: str


def machine() -> str:
    """This machine, with the place of its sockets: two containers on one may have no socket files in common."""
    return f"{os.uname().nodename} {boot()} {socket_place()}"


def unix_address(path: Path) -> str:
    """The address of a socket file in a folder of its own."""
    return f"{_UNIX}{boot()}:{identity(path.parent)}:{path}"


def introduced(addresses: Sequence[str], secret: bytes, about: Mapping[str, Any], patience: float = _PATIENCE) -> Link:
    """A connection to the leader over which both have proved themselves.

    A leader that is busy, as with an optimizer that thinks, answers when it comes to it, which may take hours. So the
    addresses are tried in turns, each for some seconds and then for longer, as long as somebody listens at one of them.

    Args:
        addresses: Where it listens; the first that answers and has the secret is taken.
        secret: The run's.
        about: What it is to know of us.
        patience: Seconds after which nobody is waited for who says nothing.

    Raises:
        LauncherError: It cannot be reached, or is another one; says what each address answered.
    """
    me = {"host": os.uname().nodename, "pid": os.getpid(), **about}
    begin, silence = time.monotonic(), _SILENCE
    while True:
        refused, again = [], False
        for address in addresses:
            passed = time.monotonic() - begin
            try:
                return _tried(address, secret, me, min(silence, max(patience - passed, 0.1)))
            except SilentError as error:
                again = True
                refused.append(f"{address}: {error}")
            except (LauncherError, OSError) as error:
                # crowded by strangers perhaps, and so not for long
                again = again or (isinstance(error, TimeoutError | BlockingIOError) and passed < _CROWDED)
                refused.append(f"{address}: {error}")
        if not again or time.monotonic() - begin > patience:
            break
        silence = min(2 * silence, _LONGEST_SILENCE)
        time.sleep(_PAUSE)
    raise LauncherError(f"{os.uname().nodename}: the leader cannot be reached ({'; '.join(refused)})")


def _tried(address: str, secret: bytes, about: dict[str, Any], silence: float) -> Link:
    connection = connected(address)
    try:
        return Link(connection, introduce(connection, secret, about, silence), address)
    except BaseException:
        connection.close()
        raise


def connected(address: str) -> socket.socket:
    """A connection to whoever listens at an address.

    Raises:
        OSError: Nobody does.
        LauncherError: It is not the leader's machine, or another user's process.
    """
    if address.startswith(_UNIX):
        return _connected(*address.removeprefix(_UNIX).split(":", 2))
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=_CONNECT)
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return connection


def _connected(booted: str, folder: str, path: str) -> socket.socket:
    if booted != boot():
        raise LauncherError("a socket file of another machine")
    if identity(Path(path).parent) != folder:
        raise LauncherError("a socket file in another folder than the leader's")
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_CONNECT)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
    try:
        connection.connect(path)
        if not same_user(connection):
            raise LauncherError("another user's process listens there")
    except BaseException:
        connection.close()
        raise
    return connection


def same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end of a socket file's connection is ours, as far as the system says."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True  # the folder lets no other user in
    _, user, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    return bool(user == os.getuid())
