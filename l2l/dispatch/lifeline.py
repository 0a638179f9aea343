"""A connection by which processes elsewhere learn at once that a run is over or its leader gone, however that ends.

Nothing travels over it. The leader lets go of all that are held, and waits until the other ends are closed: then
nothing of the run is left there.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from l2l.dispatch.listener import Listener
from l2l.protocol.handshake import Keys


class Lifeline:
    """The leader's end of all these connections.

    Args:
        everywhere: Whether to listen to other machines; else a socket file of this one is all.

    Raises:
        LauncherError: We cannot listen.
    """

    def __init__(self, *, everywhere: bool) -> None:
        self._held: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._selector.register(self._wake, selectors.EVENT_READ)
        try:
            self._listener = Listener(self._selector, self._take, everywhere=everywhere)
        except BaseException:
            self._close()
            raise
        self.addresses, self.secret = self._listener.addresses, self._listener.secret
        self._thread = threading.Thread(target=self._hold, name="l2l-lifeline", daemon=True)
        self._thread.start()

    # --- in the thread that holds them ---

    def _hold(self) -> None:
        while True:
            for key, _ in self._selector.select(
                min(self._listener.rest, 1.0) or 1.0 if self._listener.crowded else None
            ):
                if key.fileobj is self._wake:
                    return
                key.data(key.fileobj)
            self._listener.check()

    def _take(self, connection: socket.socket, _: Mapping[str, Any], __: Keys) -> None:
        self._held.add(connection)
        self._selector.register(connection, selectors.EVENT_READ, self._hear)

    def _hear(self, connection: socket.socket) -> None:
        try:
            said = connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:  # what it says does not matter
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
        self._selector.unregister(self._wake)
        self._listener.close()
        for connection in self._held:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + patience
        while self._held and (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                key.data(key.fileobj)
        self._close()

    def _close(self) -> None:
        for one in (*self._held, self._wake, self._waker):
            one.close()
        self._selector.close()
