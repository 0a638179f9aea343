"""The launcher `executor`: trials as tasks of any `concurrent.futures.Executor`."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any

from l2l.dispatch.work import Work
from l2l.errors import OptionError
from l2l.launchers.executor.executors import NAMES, ExecutorOptions, Name, about, make
from l2l.launchers.executor.tasks import TaskDispatcher
from l2l.launchers.machine import check_workers
from l2l.launchers.pooled import DispatchingLauncher
from l2l.values import Resources


class ExecutorLauncher(DispatchingLauncher):
    """Runs trials on the workers of Dask, IPython parallel, mpi4py.futures, or any other executor of Python.

    The executor's tasks are batches of trials. Its workers have them evaluated by processes of their own, kept warm, so
    that a simulation that crashes, hangs or eats its memory costs its trial alone.

    Args:
        executor: "dask", "ipyparallel", "mpi" or "processes", or a function that returns an Executor.
        arguments: Of that function, or of Dask's or IPython parallel's `Client`: where the cluster is. Without them a
            cluster is started on this machine.
        workers: Trials that run at once; as many as the executor has workers unless given.
        patience: How long a worker may take to come, and to import and set up the optimizee,
            in seconds or as "10min".

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> ExecutorLauncher(executor="dask", workers=2).options["executor"]
        'dask'
    """

    guards = frozenset({"crash", "timeout", "memory"})
    waits = True

    def __init__(
        self,
        *,
        executor: Name | Callable[..., Executor],
        arguments: Mapping[str, Any] | None = None,
        workers: int | None = None,
        patience: float | str = 600.0,
    ) -> None:
        check_workers("ExecutorLauncher", workers)
        super().__init__(patience=patience)
        self._executor = executor
        self._arguments = arguments or {}
        self._workers = workers

    def about(self) -> str:
        """The executor's library, with its version."""
        return about(self._executor)

    def capacity(self, resources: Resources, *, programs: bool = False) -> int | None:
        """As many as there are workers, where these are to be started on this machine."""
        if self._starts_here:
            return ExecutorOptions({}, self._workers, resources.threads, self._patience).local
        return self._workers

    @property
    def _starts_here(self) -> bool:
        """Whether its workers are to be started on this machine, by us."""
        return self._executor in NAMES and self._executor != "mpi" and not self._arguments

    def check(self, resources: Resources, *, programs: bool = False) -> None:
        """Refuse GPUs where nobody shares them out.

        Raises:
            OptionError: As for any launcher; or all workers would see the same GPUs.
        """
        super().check(resources, programs=programs)
        if resources.gpus and self._starts_here:
            raise OptionError(
                f"resources.gpus: workers that ExecutorLauncher starts here all see the same GPUs, got "
                f"{resources.gpus}; use the launcher local, or a cluster that gives each worker its own"
            )

    def start_dispatcher(self, work: Work) -> TaskDispatcher:
        """Make the executor, and send a first task, to learn of the optimizee.

        Raises:
            OptionError, MissingPart, LauncherError: It cannot be made.
        """
        wish = ExecutorOptions(self._arguments, self._workers, work.resources.threads, self._patience)
        return TaskDispatcher(work, partial(make, self._executor, wish))
