"""A connection by which processes elsewhere learn at once that a run is over or its leader gone, however that ends.

Nothing travels over it. The leader lets go of all that are held, and waits until the other ends are closed: then
nothing of the run is left there.
"""

import contextlib
import os
import platform
import selectors
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from l2l.errors import LauncherError
from l2l.worker.fleet import HELLO, Stranger, our_names
from l2l.worker.handshake import new_secret

_STRANGERS = 1 << 10


def machine() -> str:
    """This machine, with its temporary folder: two containers on one have no socket files in common."""
    temporary = Path(tempfile.gettempdir()).stat()
    return f"{platform.node()} {temporary.st_dev} {temporary.st_ino}"


class Leash:
    """The leader's end of all these connections.

    Args:
        everywhere: Whether to listen to other machines; else a socket file of this one is all.

    Raises:
        LauncherError: We cannot listen.
    """

    def __init__(self, *, everywhere: bool) -> None:
        self.secret = new_secret()
        self.addresses: list[str] = []
        self._held: set[socket.socket] = set()
        self._strangers: dict[socket.socket, Stranger] = {}
        self._listeners: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._folder = Path(tempfile.mkdtemp(prefix="l2l-"))  # which only we can enter
        try:
            self._listen(everywhere)
        except OSError as error:
            self._close()
            raise LauncherError(f"we cannot listen for workers: {error}") from error
        self._thread = threading.Thread(target=self._hold, name="l2l-leash", daemon=True)
        self._thread.start()

    def _listen(self, everywhere: bool) -> None:
        path = str(self._folder / "leader")
        local = socket.socket(socket.AF_UNIX)
        self._listeners.append(local)
        local.bind(path)
        self.addresses.append(f"unix:{path}")
        if everywhere:
            remote = socket.create_server(("", 0), backlog=4096)
            self._listeners.append(remote)
            self.addresses += [f"{host}:{remote.getsockname()[1]}" for host in our_names()]
        for one in self._listeners:
            one.listen(4096)
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ, self._accept)

    # --- in the thread that holds them ---

    def _hold(self) -> None:
        while True:
            for key, _ in self._selector.select(1.0 if self._strangers else None):
                if key.fileobj is self._wake:
                    return
                act: Callable[[socket.socket], None] = key.data
                act(key.fileobj)  # type: ignore[arg-type]
            now = time.monotonic()
            for connection in [one for one, known in self._strangers.items() if now - known.since > HELLO]:
                self._drop(connection)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            if len(self._strangers) >= _STRANGERS:
                self._drop(next(iter(self._strangers)))
            self._strangers[connection] = Stranger(connection, self.secret)
            self._selector.register(connection, selectors.EVENT_READ, self._hear)

    def _hear(self, connection: socket.socket) -> None:
        try:
            if connection in self._held:
                if not connection.recv(4096):  # what it says does not matter
                    self._drop(connection)
            elif self._strangers[connection].hear() is not None:
                del self._strangers[connection]
                self._held.add(connection)
        except (OSError, ValueError):
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        self._strangers.pop(connection, None)
        self._held.discard(connection)
        self._selector.unregister(connection)
        connection.close()

    # --- in the leader's own ---

    def let_go(self, patience: float) -> None:
        """Tell all that it is over, and wait until they have cleaned up.

        Args:
            patience: Seconds after which nobody waits any more.
        """
        self._waker.send(b"\0")
        self._thread.join()
        for listener in self._listeners:
            self._selector.unregister(listener)
        self._selector.unregister(self._wake)
        for connection in list(self._strangers):
            self._drop(connection)
        for connection in self._held:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + patience
        while self._held and (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                key.data(key.fileobj)
        self._close()

    def _close(self) -> None:
        for one in (*self._listeners, *self._held, self._wake, self._waker):
            one.close()
        self._selector.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def end_with_parent() -> None:
    """End this process when the one that started it through `multiprocessing` is gone, and leave Ctrl-C to that one."""
    import multiprocessing
    import signal
    from multiprocessing.connection import wait

    # not SIGTERM: by that an executor ends its workers
    signal.signal(signal.SIGINT, lambda *_: None)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(0)

    threading.Thread(target=watch, name="l2l-parent", daemon=True).start()
