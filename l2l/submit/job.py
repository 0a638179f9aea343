"""A batch job that runs an experiment: what it asks for, once all is known, and what it runs."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from l2l.errors import OptionError
from l2l.submit.settings import Wishes, user_file
from l2l.submit.system import System
from l2l.values import Resources

MAX_JOBS = 10
_ONE_PROCESS = ("serial", "local", "executor", "jube")
"""Launchers that are one process to the batch system, whatever they start."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job to be submitted.

    Args:
        wishes: With all defaults filled in.
        folder: Of the run, absolute.
        place: The folder in which it runs, absolute.
        file: The experiment's, absolute.
        launcher: As the experiment names it.
        cores: Of each task.
        tasks: 1 where whole nodes are asked for.
        mpi: Whether the batch system or MPI starts the experiment on all tasks.
        whole_nodes: Whether nodes are asked for with all that they have.
        changes: What else `l2l run` is told ("--set", "seed=3").
    """

    wishes: Wishes
    folder: Path
    place: Path
    file: Path
    launcher: str
    cores: int
    tasks: int
    mpi: bool
    whole_nodes: bool
    changes: tuple[str, ...] = ()

    @property
    def script(self) -> Path:
        """Where its script stands."""
        return self.folder / "submit" / "job.sh"

    @property
    def chained(self) -> bool:
        """Whether it may have a successor."""
        return (self.wishes.max_jobs or 1) > 1

    def command(self, system: System) -> list[list[str]]:
        """The command that runs the experiment, in parts that belong together."""
        start: list[str] = []
        if self.mpi and system.name == "slurm":
            # srun does not take the number of cores from the job's own options.
            # With --export=NONE for the job, its steps would lack what its script sets up.
            start = ["srun", "--export=ALL", f"--cpus-per-task={self.cores}"]
        elif self.mpi:
            start = [_beside(program_here(), "mpiexec"), "-n", str(self.tasks)]
        environment = self.wishes.environment
        program = [str(environment / "bin" / "l2l")] if environment else program_here()
        parts = [[*start, *program, "run", str(self.file)], ["--directory", str(self.folder)]]
        if self.changes:
            parts.append(list(self.changes))
        if self.chained:
            parts.append(["--chain", str(self.script), "--max-jobs", str(self.wishes.max_jobs)])
        return parts


def job_for(
    wishes: Wishes,
    system: System,
    *,
    folder: Path,
    file: Path,
    resources: Resources,
    launcher: str,
    workers: int | None = None,
    changes: Sequence[str] = (),
) -> Job:
    """A job, with what follows from the experiment where nobody said otherwise.

    Args:
        wishes: What was said.
        system: That will run it.
        folder: Of the run.
        file: The experiment's.
        resources: Of a trial.
        launcher: As the experiment names it.
        workers: Trials at once, where the experiment says.
        changes: Further arguments of `l2l run`.

    Raises:
        OptionError: Something is missing, or does not go together.
    """
    if system.name == "slurm" and wishes.time is None:
        raise OptionError(
            "--time: expected the time of a job, as in --time 02:00:00, got none; give it here, as `time:` in the "
            f"`submit:` section of the experiment, or once for all in {user_file()}"
        )
    if system.name != "slurm" and launcher == "slurm":
        raise OptionError(
            f"--launcher: expected one that works in jobs of {system.title}, got 'slurm'; take auto, mpi, or local "
            "for a single node"
        )
    one_process = launcher in _ONE_PROCESS
    whole_nodes = system.name == "slurm" and launcher != "mpi" and wishes.nodes is not None and wishes.ntasks is None
    at_once = workers or 1 if one_process else 1  # of a task
    cores = wishes.cpus_per_task or resources.threads * at_once
    tasks = wishes.ntasks or (1 if one_process or whole_nodes else _tasks(wishes, system, resources, launcher, workers))
    if wishes.nodes and tasks < wishes.nodes and not whole_nodes:
        raise OptionError(f"--ntasks: expected at least one on each of {wishes.nodes} nodes, got {tasks}")
    if one_process and launcher != "jube" and (wishes.nodes or 1) > 1:
        raise OptionError(
            f"--nodes: the launcher {launcher!r} works on one node, got {wishes.nodes}; take --launcher auto"
        )
    mpi = launcher == "mpi" or (system.name != "slurm" and launcher == "auto" and tasks > 1)
    gpus = wishes.gpus
    if gpus is None and resources.gpus and not whole_nodes and launcher != "jube":
        simulating = tasks - (mpi and tasks > 1)
        if simulating > 1 and wishes.nodes is None:
            raise OptionError(
                f"--nodes: expected on how many nodes {simulating} tasks with GPUs are to be, since GPUs are asked for "
                "by the node; got none"
            )
        gpus = resources.gpus * at_once * -(-simulating // (wishes.nodes or 1))
    filled = replace(
        wishes,
        gpus=gpus,
        ntasks=None if whole_nodes else tasks,
        cpus_per_task=wishes.cpus_per_task if whole_nodes else cores,
        name=wishes.name or re.sub(r"[^\w.-]", "-", f"l2l-{folder.name}"),
        max_jobs=wishes.max_jobs or MAX_JOBS,
    )
    return Job(filled, folder, Path.cwd(), file.absolute(), launcher, cores, tasks, mpi, whole_nodes, tuple(changes))


def _tasks(wishes: Wishes, system: System, resources: Resources, launcher: str, workers: int | None) -> int:
    """Ranks of a trial times trials at once; MPI's first rank leads and simulates nothing."""
    if workers is None and launcher == "mpi":
        raise OptionError(
            "--ntasks: expected the number of ranks, of which one leads and the others simulate, since the launcher "
            "is mpi; got none"
        )
    tasks = resources.ranks * (workers or wishes.nodes or 1)
    leads_apart = launcher == "mpi" or (system.name != "slurm" and tasks > 1)
    return tasks + leads_apart


def program_here() -> list[str]:
    """The command that starts the l2l that runs now, whatever the PATH is where the job runs."""
    beside = Path(sys.executable).with_name("l2l")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "l2l.cli"]


def _beside(program: Sequence[str], name: str) -> str:
    """The program of an environment that has its own, else the one that the job finds."""
    own = Path(program[0]).with_name(name)
    return str(own) if own.exists() else name
