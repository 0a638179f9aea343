"""What authors of launchers build on: one trial in this process, or a pool of workers that are fed and watched."""

from l2l.dispatch.dispatcher import Dispatcher
from l2l.dispatch.remote_workers import RemoteWorkers
from l2l.dispatch.work import Work
from l2l.dispatch.worker import Worker, Workers
from l2l.launchers.local_workers import LocalWorkers
from l2l.launchers.pooled import DispatchingLauncher, PooledLauncher
from l2l.worker.evaluate import evaluate
from l2l.worker.prepare import described, set_up

__all__ = [
    "Dispatcher",
    "DispatchingLauncher",
    "LocalWorkers",
    "PooledLauncher",
    "RemoteWorkers",
    "Work",
    "Worker",
    "Workers",
    "described",
    "evaluate",
    "set_up",
]
