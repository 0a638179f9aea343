"""Executors by name (Dask, IPython parallel, mpi4py.futures, processes of this machine), and those of functions."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, get_args

from l2l import mpi_variables
from l2l.errors import LauncherError, MissingPart, OptionError
from l2l.launchers.machine import workers_here
from l2l.process_tree import MARKER
from l2l.protocol import temporary
from l2l.supervisor.reaper import Reaper

Name = Literal["dask", "ipyparallel", "mpi", "processes"]
NAMES: tuple[Name, ...] = get_args(Name)
_LEAVE_INTERRUPTS = "import signal\nsignal.signal(signal.SIGINT, lambda *_: None)"
"""What workers of Dask do first, since Ctrl-C is the leader's; as text, which Dask takes for a module."""


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """What a user asks for.

    Args:
        arguments: Of the function or class that makes the executor.
        workers: Trials at once; None for as many as there is room for.
        threads: Of each trial.
        patience: Seconds to wait for workers.
    """

    arguments: Mapping[str, Any]
    workers: int | None
    threads: int
    patience: float

    @property
    def local(self) -> int:
        """Workers that are to be started on this machine."""
        return self.workers or workers_here(self.threads)


@dataclass(frozen=True, slots=True)
class ExecutorHandle:
    """An executor that is there, and how to be done with it.

    Args:
        executor: Itself.
        slots: Trials that it runs at once.
        close: Ends it and what was started for it; a cluster that was there before goes on.
        works: Whether it can still run something.
        ours: Whether its workers were started for it, on this machine, so that new ones can be.
        elsewhere: Whether workers may be on other machines.
    """

    executor: Executor
    slots: int
    close: Callable[[], None]
    works: Callable[[], bool] = lambda: True
    ours: bool = False
    elsewhere: bool = True


def make(what: Name | Callable[..., Executor], wish: ExecutorOptions) -> ExecutorHandle:
    """The executor that a name or a function stands for.

    Raises:
        OptionError: The arguments are not its own, or it is no executor.
        MissingPart: Its library is not installed.
        LauncherError: It cannot be made, or has no workers.
    """
    name = what if isinstance(what, str) else getattr(what, "__name__", repr(what))
    maker = _MAKERS[what] if isinstance(what, str) else lambda wish: _given(what, wish)
    try:
        return maker(wish)
    except (OptionError, MissingPart, LauncherError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        if isinstance(error, TypeError) and "argument" in text:
            raise OptionError(
                f"ExecutorLauncher: option 'arguments': {name} does not take {dict(wish.arguments)}: {text}"
            ) from error
        raise LauncherError(f"the executor {name} cannot be made: {type(error).__name__}: {text}") from error


def about(what: Name | Callable[..., Executor]) -> str:
    """The library that a name stands for, with its version; "" for a function, or what Python has.

    Raises:
        MissingPart: It is not installed.
    """
    if not isinstance(what, str) or what not in _PARTS:
        return ""
    return f"{_PARTS[what][0]} {_part(what).__version__}"


def drop(future: "Future[Any]") -> None:
    """Give up a task, as far as its executor lets us."""
    if not hasattr(future, "abort"):  # those of IPython parallel do not bear to be cancelled
        future.cancel()


def _given(function: Callable[..., Executor], wish: ExecutorOptions) -> ExecutorHandle:
    executor = function(**wish.arguments)
    if not isinstance(executor, Executor):
        remedy = ""
        for method in ("get_executor", "executor"):
            if hasattr(executor, method):
                remedy = f"; return its {method}()"
        raise OptionError(
            f"ExecutorLauncher: option 'executor': expected a function that returns a concurrent.futures.Executor, got "
            f"{type(executor).__name__} from {getattr(function, '__name__', function)}{remedy}"
        )
    # Dask's and IPython parallel's have no processes of their own whose end is to be waited for
    own = not hasattr(executor, "_client") and not hasattr(executor, "view")
    slots = wish.workers or _slots_of(executor)
    return ExecutorHandle(executor, slots, lambda: executor.shutdown(wait=own), ours=True)


def _slots_of(executor: Executor) -> int:
    """How many tasks it runs at once.

    Raises:
        OptionError: It does not say.
    """
    client: Any = getattr(executor, "_client", None)
    found = sum(client.nthreads().values()) if hasattr(client, "nthreads") else getattr(executor, "_max_workers", None)
    if not isinstance(found, int) or found < 1:
        raise OptionError(
            f"ExecutorLauncher: option 'workers': {type(executor).__name__} does not say how many tasks it runs at "
            f"once ({found!r}): give the number of trials"
        )
    return found


def _part(name: str) -> Any:
    """The library that a name stands for."""
    part, module, extra = _PARTS[name]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise MissingPart(part, f"pip install 'l2l[{extra}]'") from None


# --- by name ---------------------------------------------------------------------------------------------------------


def _processes(wish: ExecutorOptions) -> ExecutorHandle:
    from concurrent.futures import ProcessPoolExecutor

    from l2l.launchers.executor.processes import Context, end_with_parent

    arguments: dict[str, Any] = {"mp_context": Context(), "initializer": end_with_parent, **wish.arguments}
    executor = ProcessPoolExecutor(wish.local, **arguments)
    return ExecutorHandle(
        executor, wish.local, lambda: executor.shutdown(cancel_futures=True), ours=True, elsewhere=False
    )


def _mpi(wish: ExecutorOptions) -> ExecutorHandle:
    try:
        from mpi4py import MPI
        from mpi4py.futures import MPIPoolExecutor
    except ModuleNotFoundError:
        raise MissingPart("mpi4py", "pip install 'l2l[mpi]'") from None
    except (ImportError, RuntimeError) as error:
        raise LauncherError(f"mpi4py finds no MPI library: {error}") from error
    shared = import_module("mpi4py.futures._core").SharedPool is not None
    # where mpiexec started one rank alone, MPI can start others
    alone = MPI.COMM_WORLD.Get_size() == 1 and any(name in os.environ for name in mpi_variables.STARTED)
    if not shared and not alone:
        raise LauncherError(
            "mpi4py.futures needs ranks that serve it: mpiexec -n 5 python -m mpi4py.futures -m l2l.cli run FILE; "
            "or use the launcher mpi: mpiexec -n 5 l2l run FILE"
        )
    executor = MPIPoolExecutor(wish.workers or (None if shared else wish.local), **wish.arguments)
    slots = executor.num_workers
    if slots < 1:
        executor.shutdown()
        raise LauncherError("mpi4py.futures has no workers: start it with at least two ranks, one of which leads")
    return ExecutorHandle(executor, slots, lambda: executor.shutdown(cancel_futures=True))


def _dask(wish: ExecutorOptions) -> ExecutorHandle:
    distributed = _part("dask")
    arguments = dict(wish.arguments)
    cluster = None
    if {"address", "scheduler_file"}.isdisjoint(arguments):
        standard = {
            "n_workers": wish.local,
            "threads_per_worker": 1,
            "dashboard_address": None,
            "preload": [_LEAVE_INTERRUPTS],
        }
        cluster = distributed.LocalCluster(**(standard | arguments))
        arguments = {"address": cluster}
    try:
        client = distributed.Client(**arguments)
    except BaseException:
        if cluster is not None:
            cluster.close()
        raise

    def close() -> None:
        client.close()
        if cluster is not None:
            cluster.close()

    try:
        client.wait_for_workers(1, timeout=wish.patience)
        slots = wish.workers or sum(client.nthreads().values())
    except BaseException:
        close()
        raise
    ours = cluster is not None
    return ExecutorHandle(
        client.get_executor(), slots, close, lambda: client.status == "running", ours=ours, elsewhere=not ours
    )


def _ipyparallel(wish: ExecutorOptions) -> ExecutorHandle:
    ipyparallel = _part("ipyparallel")
    cluster = None if wish.arguments else _Engines(ipyparallel, wish)
    try:
        client = cluster.client if cluster else ipyparallel.Client(**wish.arguments)
        client.wait_for_engines(wish.local if cluster else 1, timeout=wish.patience, interactive=False)
        slots = wish.workers or len(client.ids)
        executor = client.executor()
    except BaseException:
        if cluster:
            cluster.close()
        raise
    if cluster:
        return ExecutorHandle(executor, slots, cluster.close, cluster.works, ours=True, elsewhere=False)
    return ExecutorHandle(executor, slots, client.close, lambda: bool(client.ids))


class _Engines:
    """A controller and engines of IPython parallel on this machine, in a profile of their own, that end with us.

    Args:
        ipyparallel: The package.
        wish: What is asked for.
    """

    def __init__(self, ipyparallel: Any, wish: ExecutorOptions) -> None:
        config = import_module("traitlets.config").Config()
        self._profile = temporary.folder("ipython")
        marker = os.environ.get(MARKER, "") + uuid.uuid4().hex
        self._reaper = Reaper(f"{marker}/")
        config.BaseLauncher.environment = {MARKER: f"{marker}/", "IPYTHONDIR": str(self._profile / "ipython")}
        self._cluster = ipyparallel.Cluster(
            n=wish.local, profile_dir=str(self._profile), log_level=40, config=config, shutdown_atexit=False
        )
        try:
            self._cluster.start_cluster_sync()
            self.client = self._cluster.connect_client_sync()
        except BaseException:
            self.close()
            raise

    def works(self) -> bool:
        """Whether the controller lives, without which nothing is ever heard of a task again, and engines do."""
        return bool(self.client.ids) and bool(self._cluster.controller.process.is_running())

    def close(self) -> None:
        """End them all."""
        if hasattr(self, "client"):
            self.client.close()
        with contextlib.suppress(Exception):  # whatever it could not end, the reaper does
            self._cluster.stop_cluster_sync()
        self._reaper.close()
        shutil.rmtree(self._profile, ignore_errors=True)


_PARTS = {
    "dask": ("Dask", "distributed", "dask"),
    "ipyparallel": ("IPython parallel", "ipyparallel", "ipyparallel"),
    "mpi": ("mpi4py", "mpi4py", "mpi"),
}
"""Name → the library as people know it, its module, and the extra that installs it."""

_MAKERS: dict[str, Callable[[ExecutorOptions], ExecutorHandle]] = {
    "dask": _dask,
    "ipyparallel": _ipyparallel,
    "mpi": _mpi,
    "processes": _processes,
}
