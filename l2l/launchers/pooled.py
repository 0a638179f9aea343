"""What launchers share that feed a pool of workers of their own."""

import shutil
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from l2l.dispatch.dispatcher import Dispatcher
from l2l.dispatch.pool import Pool
from l2l.dispatch.work import Work
from l2l.dispatch.worker import Worker, Workers
from l2l.errors import LauncherError
from l2l.launcher import Description, Launcher, WorkerState
from l2l.optimizee import Optimizee
from l2l.protocol import temporary
from l2l.quantities import duration
from l2l.space import ParameterSpace
from l2l.values import Evaluation, Resources, Trial


class DispatchingLauncher(Launcher):
    """Feeds evaluating processes that keep the optimizee warm between trials; a subclass says by what.

    Args:
        patience: How long a worker may take to import and set up the optimizee,
            in seconds or as "10min".

    Raises:
        OptionError: An option is out of range.
    """

    waits = False
    """Whether to start the processes takes long: then `start` leaves it to `describe`, which signals interrupt."""

    def __init__(self, *, patience: float | str = 600.0) -> None:
        self._patience = duration(patience, f"{type(self).__name__}: option 'patience'")
        self._work: Work | None = None
        self._pool: Dispatcher | None = None
        self._temporary: Path | None = None

    @abstractmethod
    def start_dispatcher(self, work: Work) -> Dispatcher:
        """Start the processes, without waiting for them unless it `waits`."""

    def launch(self, resources: Resources) -> Sequence[str]:
        """The command prefix that starts a program on the ranks of a trial."""
        return ()

    def start(self, optimizee: Optimizee, resources: Resources, folder: Path | None = None) -> None:
        """Start the workers; does not wait for them."""
        self.check(resources, programs=optimizee.programs)
        launch = self.launch(resources) if optimizee.programs and resources.ranks > 1 else ()
        self._work = Work.of(optimizee, resources, self._logs(folder), self._patience, launch)
        if not self.waits:
            self._begin(self._work)

    def _begin(self, work: Work) -> Dispatcher:
        self._pool = self.start_dispatcher(work)
        self.slots = self._pool.slots
        return self._pool

    def _logs(self, folder: Path | None) -> Path:
        if folder is None:
            self._temporary = temporary.folder("logs")
            return self._temporary
        logs = folder / "logs"
        try:
            logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LauncherError(f"{logs}: expected to make the folder of logs, got: {error.strerror}") from error
        return logs

    @property
    def _running(self) -> Dispatcher:
        if self._work is None:
            raise LauncherError(f"{type(self).__name__}: expected start() first, or no use after stop()")
        return self._pool or self._begin(self._work)

    def describe(self) -> Description:
        """What the first worker says of the optimizee; waits for it."""
        ready = self._running.ready()
        return Description(ready.version, ParameterSpace.from_dict(ready.space), ready.versions)

    def submit(self, trials: Sequence[Trial]) -> None:
        """Take trials to be run."""
        self._running.submit(trials)

    def collect(self, timeout: float | None = None) -> Sequence[Evaluation]:
        """What has come back; waits for at least one."""
        return self._running.collect(timeout)

    def cancel(self, trials: Sequence[Trial]) -> None:
        """Forget these."""
        self._running.cancel(trials)

    def hold(self) -> bool:
        """Start no further trials; whether some run."""
        return self._running.hold()

    def stop(self, grace: float = 0.0) -> None:
        """End all workers and whatever they started."""
        self._work, pool, self._pool = None, self._pool, None
        if pool is not None:
            pool.stop(grace)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None


class PooledLauncher(DispatchingLauncher):
    """Feeds a pool of workers of its own; a subclass says where they are.

    Args:
        patience: How long a worker may take to import and set up the optimizee,
            in seconds or as "10min".

    Raises:
        OptionError: An option is out of range.
    """

    _started: Workers | None = None

    @abstractmethod
    def start_workers(self, work: Work) -> Workers:
        """Start the workers; does not wait for them."""

    def start_dispatcher(self, work: Work) -> Pool:
        """Start the workers, and a pool that feeds them."""
        self._started = self.start_workers(work)
        return Pool(work, self._started)

    @property
    def workers(self) -> list[WorkerState]:
        """The workers that there are now."""
        return [_state_of(one) for one in self._started.present] if self._pool and self._started else []


def _state_of(worker: Worker) -> WorkerState:
    to_unix = time.time() - time.monotonic()
    host = worker.ready.host if worker.ready else worker.host
    if worker.ready is None:
        return WorkerState(worker.pid, host, "starting", worker.began + to_unix)
    if worker.leaving or worker.unreachable or worker.killed is not None:
        return WorkerState(worker.pid, host, "ending", worker.heard + to_unix)
    if running := worker.running:
        return WorkerState(worker.pid, host, "running", running.since + to_unix)
    return WorkerState(worker.pid, host, "running" if worker.sent else "idle", worker.heard + to_unix)
