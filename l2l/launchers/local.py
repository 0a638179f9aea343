"""The local launcher: the cores of this machine, one persistent process a worker."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from l2l.errors import LauncherError, OptionError
from l2l.launcher import Description, Launcher
from l2l.launchers.cores import usable_cores
from l2l.optimizee import Optimizee
from l2l.provenance import fingerprint, specification
from l2l.space import ParameterSpace
from l2l.values import Evaluation, Resources, Trial
from l2l.worker.crew import LocalCrew
from l2l.worker.plan import Plan
from l2l.worker.pool import Pool
from l2l.worker.process import environment_of
from l2l.worker.serve import start_message


class LocalLauncher(Launcher):
    """Runs trials in processes of this machine, which keep the optimizee warm between trials.

    Args:
        workers: Processes; as many as there are usable cores (divided by the threads of a trial) unless given.
        patience: Seconds that a worker may take to import and set up the optimizee.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> LocalLauncher(workers=2).options["workers"]
        2
    """

    guards = frozenset({"crash", "timeout", "memory"})

    def __init__(self, *, workers: int | None = None, patience: float = 600.0) -> None:
        if workers is not None and workers < 1:
            raise OptionError(f"LocalLauncher: option 'workers': expected at least 1, got {workers}")
        if patience <= 0:
            raise OptionError(f"LocalLauncher: option 'patience': expected seconds above 0, got {patience}")
        self._workers = workers
        self._patience = patience
        self._pool: Pool | None = None
        self._temporary: Path | None = None

    def start(self, optimizee: Optimizee, resources: Resources, folder: Path | None = None) -> None:
        """Start the workers; does not wait for them."""
        self.check(resources)
        plan_of = specification(optimizee)
        parts = dict(fingerprint(optimizee).parts)
        environments = self._environments(resources)
        logs = self._logs(folder)
        self.slots = len(environments)
        plan = Plan(
            start=start_message(plan_of, parts, resources),
            resources=resources,
            objectives=len(optimizee.objectives),
            vectorized=optimizee.batches,
            logs=logs,
            environments=environments,
            patience=self._patience,
        )
        self._pool = Pool(plan, LocalCrew(plan))

    def _logs(self, folder: Path | None) -> Path:
        if folder is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="l2l-logs-"))
            return self._temporary
        logs = folder / "logs"
        try:
            logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LauncherError(f"{logs}: expected to make the folder of logs, got: {error.strerror}") from error
        return logs

    def _environments(self, resources: Resources) -> list[dict[str, str]]:
        """The environment of each worker, which decides how many there are."""
        workers = self._workers or max(1, usable_cores() // resources.threads)
        if not resources.gpus:
            return [environment_of(resources.threads)] * workers
        devices = _devices()
        served = len(devices) // resources.gpus
        if served < (self._workers or 1):
            raise OptionError(
                f"resources.gpus: {self._workers or 1} worker(s) with {resources.gpus} GPU(s) each need "
                f"{resources.gpus * (self._workers or 1)}, got {len(devices)} on this machine"
            )
        shares = [devices[one * resources.gpus : (one + 1) * resources.gpus] for one in range(min(workers, served))]
        return [environment_of(resources.threads, share) for share in shares]

    @property
    def _running(self) -> Pool:
        if self._pool is None:
            raise LauncherError("LocalLauncher: expected start() first, or no use after stop()")
        return self._pool

    def describe(self) -> Description:
        """What the first worker says of the optimizee; waits for it."""
        hello = self._running.hello()
        return Description(hello.version, ParameterSpace.from_dict(hello.space), hello.versions)

    def submit(self, trials: Sequence[Trial]) -> None:
        """Take trials to be run."""
        self._running.submit(trials)

    def collect(self, timeout: float | None = None) -> list[Evaluation]:
        """What has come back; waits for at least one."""
        return self._running.collect(timeout)

    def cancel(self, trials: Sequence[Trial]) -> None:
        """Forget these."""
        self._running.cancel(trials)

    def stop(self, grace: float = 0.0) -> None:
        """End all workers and whatever they started."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop(grace)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None


def _devices() -> list[str]:
    """The GPUs that this process may use, as CUDA names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [one.strip() for one in visible.split(",") if one.strip()]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, _ in enumerate(line for line in listed.splitlines() if line.startswith("GPU "))]
