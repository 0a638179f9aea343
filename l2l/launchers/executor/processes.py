"""Processes of `concurrent.futures` that leave Ctrl-C to the leader from their first moment on."""

import os
import signal
import threading
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess


class Process(SpawnProcess):
    """A process that begins with SIGINT blocked: it is still importing when a terminal sends it one."""

    def start(self) -> None:
        """Start it."""
        resource_tracker.ensure_running()  # starting the tracker later would unblock the signal before its time
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Context(SpawnContext):
    """Makes such processes; a fork of a process with threads may hang."""

    Process = Process


def end_with_parent() -> None:
    """End this process when the one that started it through `multiprocessing` is gone, and leave Ctrl-C to that one."""
    # not SIGTERM: by that an executor ends its workers
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # what a model starts would inherit the mask
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(0)

    threading.Thread(target=watch, name="l2l-parent", daemon=True).start()
