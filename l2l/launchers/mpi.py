"""The MPI launcher: rank 0 leads, all others work.

MPI starts the processes, tells them of each other, and connects the ranks of a trial that wants several. Trials and
results travel over sockets, which wait without burning a core, as MPI libraries do not.
"""

import atexit
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from l2l import mpi_variables
from l2l.dispatch.remote_workers import RemoteWorkers
from l2l.dispatch.work import Work
from l2l.display.output import complain
from l2l.errors import LauncherError, MissingPart, OptionError
from l2l.launchers.machine import gpu_shares, gpus_here
from l2l.launchers.pooled import PooledLauncher
from l2l.launchers.starter import watch_starter
from l2l.protocol.connect import machine
from l2l.protocol.messages import LeaderAddress
from l2l.supervisor.environment import leave_signals_to_leader
from l2l.supervisor.supervisor import Supervisor
from l2l.values import Resources
from l2l.worker.ranks import received, serve_together

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

_CALL, _HOST, _GPUS = 4321, 4322, 4323  # tags of our messages; `worker/ranks.py` has 4331 to 4333
_WHICH_GPUS = "gpus"
_SIZES = (*mpi_variables.SIZE, "SLURM_STEP_NUM_TASKS")
_LONGEST_NAP = 0.02  # seconds between two looks for the next run: only the first trial waits for it
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 30.0
"""Seconds until a rank that was cut off from the leader comes back to it, longer each time."""


class MPILauncher(PooledLauncher):
    """Runs trials on the ranks of an MPI job: `mpiexec -n 65 l2l run FILE` gives 64 workers.

    Each rank but the first simulates in a process of its own, kept warm, so that a simulation that crashes, hangs or
    eats its memory costs its trial alone. With `resources: {ranks: 4}` four ranks simulate a trial together, with
    the communicator `trial.comm`; they do so in the ranks themselves, where nothing can be guarded.

    Args:
        patience: How long a worker may take to import and set up the optimizee,
            in seconds or as "10min".

    Raises:
        OptionError: An option is out of range.
    """

    guards = frozenset({"crash", "timeout", "memory"})
    communicators = True

    @classmethod
    def detect(cls) -> bool:
        """Whether this process is one of several ranks.

        Raises:
            LauncherError: Several processes were started that do not find each other.
        """
        started = _started()
        if started < 2:
            return False
        world = _world()
        if world.Get_size() < 2:
            raise LauncherError(
                f"{started} processes were started together, but MPI finds one rank: mpi4py was built for another MPI "
                "than the one that starts them; with Slurm try `srun --mpi=pmi2` (MPICH) or `--mpi=pmix` (Open MPI)"
            )
        return True

    @classmethod
    def serve(cls) -> bool:
        """On rank 0 return False at once; on any other work until rank 0 ends, then return True."""
        world = _world()
        watch_starter()
        if world.Get_rank() == 0:
            _release_at_exit()
            return False
        leave_signals_to_leader()
        world.send(machine(), 0, _HOST)
        while (call := received(world, 0, _CALL, _LONGEST_NAP)) is not None:
            try:
                if call == _WHICH_GPUS:
                    world.send(_gpus(), 0, _GPUS)
                else:
                    _work(world, *call)
            except BaseException as error:  # noqa: BLE001 - the job must not wait for us for ever
                _abort(world, error)
        return True

    def check(self, resources: Resources, *, programs: bool = False) -> None:
        """Refuse what it cannot guard: the ranks of a trial that has several are the job's own."""
        super().check(resources, programs=programs)
        if resources.ranks > 1:
            for guard, limit in (("timeout", resources.timeout), ("memory", resources.memory)):
                if limit is not None:
                    raise OptionError(
                        f"resources.{guard}: trials of several ranks are simulated in the ranks themselves, where "
                        f"MPILauncher can end none without ending the job, got {limit}; leave it out"
                    )

    def about(self) -> str:
        """Which MPI, and how many ranks."""
        world = _world()
        import mpi4py
        from mpi4py import MPI

        library = MPI.Get_library_version().partition("\n")[0].partition(",")[0].split()
        return f"{' '.join(library)}, mpi4py {mpi4py.__version__}, {world.Get_size()} ranks"

    def capacity(self, resources: Resources, *, programs: bool = False) -> int:
        """One for each rank but the leader's, or for as many as a trial has."""
        size, ranks = _world().Get_size(), resources.ranks
        if size < 2:
            raise LauncherError(
                "the launcher mpi needs at least two ranks, one of which leads: mpiexec -n 5 l2l run FILE"
            )
        if ranks > size - 1:
            raise OptionError(f"resources.ranks: expected at most {size - 1}, all but the leader's, got {ranks}")
        slots: int = (size - 1) // ranks
        return slots

    def start_workers(self, work: Work) -> RemoteWorkers:
        """Call the other ranks to work."""
        world = _world()
        size, ranks = world.Get_size(), work.resources.ranks
        slots = self.capacity(work.resources)
        if world.Get_rank() != 0:
            raise LauncherError("rank 0 leads; the others serve, which Experiment.run and l2l run see to")
        if ranks > 1:
            self.guards = frozenset()
        each = work.resources.gpus
        shares = _shares(world, range(1, 1 + slots * ranks), each) if each else {}
        workers = RemoteWorkers(work, slots, everywhere={*_hosts().values()} != {machine()})
        for rank in range(1, size):
            world.send((LeaderAddress(workers.addresses, workers.secret, ranks), shares.get(rank)), rank, _CALL)
        return workers


def _gpus() -> tuple[list[str], bool]:
    """The GPUs that this rank may use, and whether it has them for itself."""
    return gpus_here(), "SLURM_GPUS_PER_TASK" in os.environ


def _shares(world: "Intracomm", working: range, each: int) -> dict[int, list[str]]:
    """The GPUs of each rank that works: a machine's are shared out among those there.

    Raises:
        OptionError: They are too few.
    """
    hosts = {rank: _hosts()[rank] for rank in working}
    for rank in working:
        world.send(_WHICH_GPUS, rank, _CALL)
    seen = {rank: received(world, rank, _GPUS) for rank in working}
    shares: dict[int, list[str]] = {}
    for rank, (gpus, own) in seen.items():
        company = [rank] if own else [other for other in hosts if hosts[other] == hosts[rank]]
        remedy = f" on {hosts[rank].split()[0]}; start fewer ranks there"
        all_shares = gpu_shares(
            gpus, each, least=len(company), what="rank(s)", where="in CUDA_VISIBLE_DEVICES", remedy=remedy
        )
        shares[rank] = all_shares[company.index(rank)]
    return shares


def _work(world: "Intracomm", call: LeaderAddress, gpus: list[str] | None) -> None:
    """Serve in one run, alone or with the other ranks of a group, with a share of the GPUs."""
    if call.ranks == 1:
        _serve_alone(call, gpus)
        return
    with _only(gpus):
        _work_together(world, call)


def _serve_alone(call: LeaderAddress, gpus: list[str] | None) -> None:
    """Serve until the leader says that it is over, once more where somebody cut us off from it."""
    over, pause = Supervisor(call.addresses, call.secret, gpus=gpus).serve(), _FIRST_PAUSE
    while not over:
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            supervisor = Supervisor(call.addresses, call.secret, gpus=gpus)
        except LauncherError:
            return  # it is gone
        over = supervisor.serve()


@contextmanager
def _only(gpus: list[str] | None) -> Iterator[None]:
    """Within, this process sees these GPUs alone; all that it saw before unless given."""
    name = "CUDA_VISIBLE_DEVICES"
    before = os.environ.get(name)
    if gpus is not None:
        os.environ[name] = ",".join(gpus)
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def _work_together(world: "Intracomm", call: LeaderAddress) -> None:
    number = (world.Get_rank() - 1) // call.ranks
    members = range(1 + number * call.ranks, 1 + (number + 1) * call.ranks)
    if members[-1] >= world.Get_size():
        return  # too few are left for a group of their own
    group = world.Get_group().Incl([*members])
    comm = world.Create_group(group, tag=number)
    try:
        serve_together(comm, call.addresses, call.secret)
    finally:
        comm.Free()
        group.Free()


def _started() -> int:
    """How many processes were started together with this one, as far as their starter says."""
    return max((int(text) for name in _SIZES if (text := os.environ.get(name, "")).isdigit()), default=1)


def _world() -> "Intracomm":
    try:
        from mpi4py import MPI
    except ModuleNotFoundError:
        raise MissingPart("mpi4py", "pip install 'l2l[mpi]'") from None
    except (ImportError, RuntimeError) as error:
        raise LauncherError(f"mpi4py finds no MPI library: {error}") from error
    return MPI.COMM_WORLD


@cache
def _hosts() -> dict[int, str]:
    """Rank → machine, of all but this one; each says it once."""
    world = _world()
    return {rank: received(world, rank, _HOST) for rank in range(1, world.Get_size())}


@cache
def _release_at_exit() -> None:
    """See that the others end when this process does, in whatever way Python sees; once, however many runs it leads."""
    world = _world()

    def release() -> None:
        for rank in range(1, world.Get_size()):
            world.send(None, rank, _CALL)

    atexit.register(release)


def _abort(world: "Intracomm", error: BaseException) -> None:
    """End the whole job: a rank that cannot work would leave the others waiting for it."""
    complain(f"l2l: rank {world.Get_rank()}: {error}")
    world.Abort(1)
