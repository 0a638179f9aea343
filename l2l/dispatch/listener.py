"""Where supervisors and workers connect to the leader; nobody is listened to before having proved the run's secret."""

import contextlib
import selectors
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from l2l.errors import LauncherError
from l2l.protocol.connect import same_user, unix_address
from l2l.protocol.handshake import Challenge, Keys, new_secret
from l2l.protocol.temporary import socket_folder, socket_in

_PATIENCE = 10.0
"""Seconds that a client has to prove itself: thousands that come at once, over a slow network, need some of them."""
_UNAUTHENTICATED = 1 << 14
"""Clients that may be about to prove themselves at once, and no more than take half of the files that may be open."""
_AT_ONCE = 16
"""Clients that are let in before the leader looks after its workers again."""
_SHARE = 0.3
"""Of the leader's time, what those may take who then do not prove themselves."""
_ALLOWANCE = 0.05
"""Seconds that they may take at once, before their share counts."""

Admit = Callable[[socket.socket, Mapping[str, Any], Keys], None]


class Listener:
    """Sockets that listen, and the clients that have not proved themselves yet.

    Args:
        selector: That is looked at; what it says is ready is to be called with its file object.
        admit: Takes a client's connection, what it says of itself and the keys of what follows, once that is proved;
            raises OSError, ValueError, KeyError or TypeError to turn it away.
        everywhere: Whether to listen to other machines; else a socket file of this one is all.

    Raises:
        LauncherError: We cannot listen.
    """

    def __init__(self, selector: selectors.BaseSelector, admit: Admit, *, everywhere: bool) -> None:
        self.secret = new_secret()
        self.addresses: list[str] = []
        self._outer = selector
        # Clients and listening sockets have a selector of their own, so that one step keeps all of them waiting.
        self._selector = selectors.DefaultSelector()
        self._admit = admit
        self._unauthenticated: dict[_Unauthenticated, None] = {}
        self._crowds: dict[str, dict[_Unauthenticated, None]] = {}
        self._listeners: list[socket.socket] = []
        self._folder = socket_folder()
        self._most = min(_UNAUTHENTICATED, allow_many_files() // 2)
        self._open = False
        self._spent, self._counted = 0.0, time.monotonic()
        try:
            self._listen(everywhere)
            self._admitting(True)
        except OSError as error:
            self.close()
            raise LauncherError(
                f"we cannot listen for workers, neither by a socket file in TMPDIR, /run/user or /tmp nor at a port: "
                f"{error}; set TMPDIR to a folder that may be written to"
            ) from error

    def _listen(self, everywhere: bool) -> None:
        if self._folder is not None:
            local = socket.socket(socket.AF_UNIX)
            self._listeners.append(local)
            try:
                local.bind(str(socket_in(self._folder)))
                self.addresses.append(unix_address(socket_in(self._folder)))
            except OSError:  # a file system without sockets, or without room
                self._listeners.pop().close()
        if everywhere or not self.addresses:
            # without a place for socket files, a port that this machine alone reaches serves as well
            remote = socket.create_server(("" if everywhere else "127.0.0.1", 0), backlog=4096)
            self._listeners.append(remote)
            port = remote.getsockname()[1]
            self.addresses += [f"{host}:{port}" for host in (_our_names() if everywhere else ["127.0.0.1"])]
        for one in self._listeners:
            one.listen(4096)
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ, self._accept)

    @property
    def crowded(self) -> bool:
        """Whether clients are still authenticating or have to wait; then call `check` every second."""
        return bool(self._unauthenticated) or not self._open

    @property
    def rest(self) -> float:
        """Seconds until clients may take our time again; 0.0 where they may now."""
        return 0.0 if self._open else max(0.0, (self._owed() - _ALLOWANCE) / _SHARE)

    def check(self) -> None:
        """Turn away those who took too long, and let others in again after a rest."""
        now = time.monotonic()
        for client in [one for one in self._unauthenticated if now - one.since > _PATIENCE]:
            self._refuse(client)
        if self._listeners and not self._open and not self.rest:
            self._admitting(True)

    def close(self) -> None:
        """Listen no more, and turn away all who have not proved themselves."""
        for client in list(self._unauthenticated):
            self._refuse(client)
        self._admitting(False)
        for one in self._listeners:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()
        self._listeners.clear()
        self._selector.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _admitting(self, wanted: bool) -> None:
        """Let the outer selector tell of clients, or not."""
        if wanted and not self._open:
            self._outer.register(self._selector, selectors.EVENT_READ, self._turn)
        elif self._open and not wanted:
            with contextlib.suppress(KeyError, ValueError):
                self._outer.unregister(self._selector)
        self._open = wanted

    def _owed(self) -> float:
        """Seconds that those who were refused took of late, less their share of the time since."""
        now = time.monotonic()
        self._spent = max(0.0, self._spent - _SHARE * (now - self._counted))
        self._counted = now
        return self._spent

    def _turn(self, _: Any) -> None:
        """Look after clients for a moment, and not again for a while where they take too much of our time."""
        for key, _events in self._selector.select(0.0)[: 4 * _AT_ONCE]:
            key.data(key.fileobj)
        if self._owed() > _ALLOWANCE:
            self._admitting(False)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            begin = time.monotonic()
            try:
                connection, where = listener.accept()
            except OSError:
                return
            if connection.family == socket.AF_UNIX and not same_user(connection):
                connection.close()
                continue
            if len(self._unauthenticated) >= self._most:
                # of those who come from where most come from: others are not crowded out by them
                crowd = max(self._crowds.values(), key=len)
                self._refuse(next(iter(crowd)))
            client = _Unauthenticated(connection, self.secret, where[0] if isinstance(where, tuple) else "")
            self._unauthenticated[client] = None
            self._crowds.setdefault(client.origin, {})[client] = None
            self._selector.register(connection, selectors.EVENT_READ, self._hear(client))
            client.took += time.monotonic() - begin

    def _hear(self, client: "_Unauthenticated") -> Callable[[Any], None]:
        def ready(_: Any) -> None:
            begin = time.monotonic()
            try:
                said = client.hear()
                if said is not None:
                    self._selector.unregister(client.connection)
                    self._forget(client)
                    self._admit(client.connection, said, client.keys)
            except (OSError, ValueError, KeyError, TypeError):
                self._refuse(client)
                self._spent += time.monotonic() - begin
            else:
                client.took += time.monotonic() - begin

        return ready

    def _forget(self, client: "_Unauthenticated") -> None:
        self._unauthenticated.pop(client, None)
        crowd = self._crowds.get(client.origin, {})
        crowd.pop(client, None)
        if not crowd:
            self._crowds.pop(client.origin, None)

    def _refuse(self, client: "_Unauthenticated") -> None:
        begin = time.monotonic()
        self._forget(client)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(client.connection)
        client.connection.close()
        self._spent += client.took + time.monotonic() - begin


class _Unauthenticated:
    """A client that has not proved itself.

    Args:
        connection: Just accepted.
        secret: That it must have.
        origin: The machine from which it comes; "" for ours.
    """

    def __init__(self, connection: socket.socket, secret: bytes, origin: str) -> None:
        self.connection = connection
        self.origin = origin
        self.since = time.monotonic()
        self.took = 0.0
        """Seconds of the leader's time."""
        self._challenge = Challenge(secret)
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.send(self._challenge.greeting)

    @property
    def keys(self) -> Keys:
        """Of what follows, once it has proved itself."""
        return self._challenge.keys

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
            if self.connection.family != socket.AF_UNIX:
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self.connection.send(self._challenge.answer)
        return said


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
