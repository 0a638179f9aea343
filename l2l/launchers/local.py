"""The local launcher: the cores of this machine, one persistent process a worker."""

from l2l.dispatch.work import Work
from l2l.launchers.local_workers import LocalWorkers
from l2l.launchers.machine import check_workers, crowded, gpu_shares, gpus_here, mpiexec, workers_here
from l2l.launchers.pooled import PooledLauncher
from l2l.supervisor.environment import environment_of
from l2l.values import Resources


class LocalLauncher(PooledLauncher):
    """Runs trials in processes of this machine, which keep the optimizee warm between trials.

    Args:
        workers: Processes; as many as there are usable cores (divided by the threads of a trial) unless given.
        patience: How long a worker may take to import and set up the optimizee,
            in seconds or as "10min".

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> LocalLauncher(workers=2).options["workers"]
        2
    """

    guards = frozenset({"crash", "timeout", "memory"})
    launches = True

    def __init__(self, *, workers: int | None = None, patience: float | str = 600.0) -> None:
        check_workers("LocalLauncher", workers)
        super().__init__(patience=patience)
        self._workers = workers

    def capacity(self, resources: Resources, *, programs: bool = False) -> int:
        """As many as there are workers."""
        return len(self._environments(resources))

    def remark(self, resources: Resources) -> str:
        """That the workers share cores, where they want more than there are."""
        return crowded(self._workers or 1, resources)

    def launch(self, resources: Resources) -> list[str]:
        """`mpiexec`, of whichever MPI is found first."""
        return mpiexec(resources.ranks)

    def start_workers(self, work: Work) -> LocalWorkers:
        """Start the workers."""
        return LocalWorkers(work, self._environments(work.resources))

    def _environments(self, resources: Resources) -> list[dict[str, str]]:
        """The environment of each worker, which decides how many there are."""
        workers = self._workers or workers_here(resources.threads, resources.ranks)
        if not resources.gpus:
            return [environment_of(resources.threads)] * workers
        shares = gpu_shares(
            gpus_here(), resources.gpus, least=self._workers or 1, what="worker(s)", remedy=" on this machine"
        )
        return [environment_of(resources.threads, share) for share in shares[:workers]]
