"""Where processes elsewhere connect to the leader, and prove themselves before it listens to them."""

import contextlib
import platform
import selectors
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from l2l.errors import LauncherError
from l2l.worker.handshake import Challenge, new_secret

_PATIENCE = 10.0
"""Seconds that a client has to prove itself."""
_STRANGERS = 1 << 14
"""Clients that may be about to prove themselves at once, and no more than take half of the files that may be open."""

Admit = Callable[[socket.socket, Mapping[str, Any]], None]


class Door:
    """Sockets that listen, and the clients that have not proved themselves yet.

    Args:
        selector: That is looked at; what it says is ready is to be called with its file object.
        admit: Takes a client's connection, and what it says of itself, once that is proved; raises OSError, ValueError,
            KeyError or TypeError to turn it away.
        everywhere: Whether to listen to other machines; else a socket file of this one is all.

    Raises:
        LauncherError: We cannot listen.
    """

    def __init__(self, selector: selectors.BaseSelector, admit: Admit, *, everywhere: bool) -> None:
        self.secret = new_secret()
        self.addresses: list[str] = []
        self._selector = selector
        self._admit = admit
        self._strangers: dict[_Stranger, None] = {}
        self._listeners: list[socket.socket] = []
        self._folder = Path(tempfile.mkdtemp(prefix="l2l-"))  # which only we can enter
        self._most = min(_STRANGERS, allow_many_files() // 2)
        try:
            self._listen(everywhere)
        except OSError as error:
            self.close()
            raise LauncherError(f"we cannot listen for workers: {error}") from error

    def _listen(self, everywhere: bool) -> None:
        path = str(self._folder / "leader")
        local = socket.socket(socket.AF_UNIX)
        self._listeners.append(local)
        local.bind(path)
        self.addresses.append(f"unix:{path}")
        if everywhere:
            remote = socket.create_server(("", 0), backlog=4096)
            self._listeners.append(remote)
            port = remote.getsockname()[1]
            self.addresses += [f"{host}:{port}" for host in _our_names()]
        for one in self._listeners:
            one.listen(4096)
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ, self._accept)

    @property
    def crowded(self) -> bool:
        """Whether somebody is about to prove himself, so that `check` is to be called each second."""
        return bool(self._strangers)

    def check(self) -> None:
        """Turn away those who took too long."""
        now = time.monotonic()
        for stranger in [one for one in self._strangers if now - one.since > _PATIENCE]:
            self._refuse(stranger)

    def close(self) -> None:
        """Listen no more, and turn away all who have not proved themselves."""
        for stranger in list(self._strangers):
            self._refuse(stranger)
        for one in self._listeners:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()
        self._listeners.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if len(self._strangers) >= self._most:
                self._refuse(next(iter(self._strangers)))
            stranger = _Stranger(connection, self.secret)
            self._strangers[stranger] = None
            self._selector.register(connection, selectors.EVENT_READ, self._hear(stranger))

    def _hear(self, stranger: "_Stranger") -> Callable[[Any], None]:
        def ready(_: Any) -> None:
            try:
                said = stranger.hear()
                if said is not None:
                    self._selector.unregister(stranger.connection)
                    del self._strangers[stranger]
                    self._admit(stranger.connection, said)
            except (OSError, ValueError, KeyError, TypeError):
                self._refuse(stranger)

        return ready

    def _refuse(self, stranger: "_Stranger") -> None:
        self._strangers.pop(stranger, None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(stranger.connection)
        stranger.connection.close()


class _Stranger:
    """A client that has not proved itself."""

    def __init__(self, connection: socket.socket, secret: bytes) -> None:
        self.connection = connection
        self.since = time.monotonic()
        self._challenge = Challenge(secret)
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with contextlib.suppress(OSError):
            connection.send(self._challenge.greeting)

    def hear(self) -> dict[str, Any] | None:
        """What it says of itself, once that is proved.

        Raises:
            OSError, ValueError: It is gone, or not ours.
        """
        data = self.connection.recv(4096)
        if not data:
            raise ValueError("it is gone")
        said = self._challenge.take(data)
        if said is not None:
            self.connection.send(self._challenge.answer)
        return said


def machine() -> str:
    """This machine, with its temporary folder: two containers on one have no socket files in common."""
    temporary = Path(tempfile.gettempdir()).stat()
    return f"{platform.node()} {temporary.st_dev} {temporary.st_ino}"


def _our_names() -> list[str]:
    """By what other machines may reach this one, the likeliest first."""
    import psutil

    reached = [
        one.address
        for interface, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if one.family == socket.AF_INET and not one.address.startswith("127.") and not interface.startswith("docker")
    ]
    return [*dict.fromkeys([socket.gethostname(), *reached, "127.0.0.1"])]


def allow_many_files() -> int:
    """Allow this process as many open files as the system lets us: each connection takes one; how many that are."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return soft if soft != resource.RLIM_INFINITY else 1 << 20
