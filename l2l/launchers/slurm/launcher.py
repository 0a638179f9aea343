"""The Slurm launcher: workers in job steps of our allocation, or in jobs of their own.

Slurm starts the processes, binds them to cores and GPUs, and connects the ranks of a trial that wants several. Trials
and results travel over sockets between this process and the workers, with a secret of the run as proof.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l2l.batch import slurm
from l2l.dispatch.work import Work
from l2l.errors import LauncherError, OptionError
from l2l.launchers.pooled import PooledLauncher
from l2l.launchers.slurm.requests import Job, Request, Step
from l2l.launchers.slurm.workers import SlurmWorkers
from l2l.optimizee import Optimizee
from l2l.values import Resources

_JOB = "SLURM_JOB_ID"
_OWN = ".l2l-"


class SlurmLauncher(PooledLauncher):
    """Runs trials wherever Slurm puts them, this process leading them.

    Within an allocation (`sbatch`, `salloc`) each node gets a job step with as many workers as it has cores for, one
    a trial with its threads and GPUs. With `resources: {ranks: 4}` each trial gets a step of its own with four ranks,
    which simulate it together with the communicator `trial.comm`. From a login node, outside an allocation, jobs
    bring the workers; they wait in the queue and work when they come.

    A node that is lost costs the trials that ran there: they run again elsewhere.

    Args:
        workers: Trials that run at once; all that the allocation has room for unless given, and 1 outside of one.
        per_job: Of these, how many in one job, outside an allocation.
        options: Further options of `sbatch` outside an allocation ("--partition=batch", "--time=02:00:00").
        step: Further options of `srun` ("--cpu-bind=cores", "--hint=nomultithread").
        mpi: How Slurm starts MPI programs, as `srun --mpi=list` has it; Slurm's own default unless given. For trials of
            several ranks.
        patience: How long a worker may take to come and to import and set up the optimizee,
            in seconds or as "10min".

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> SlurmLauncher(workers=64).options["workers"]
        64
    """

    guards = frozenset({"crash", "timeout", "memory"})
    communicators = True
    launches = True

    def __init__(
        self,
        *,
        workers: int | None = None,
        per_job: int = 1,
        options: Sequence[str] = (),
        step: Sequence[str] = (),
        mpi: str | None = None,
        patience: float | str = 600.0,
    ) -> None:
        for name, number in (("workers", workers), ("per_job", per_job)):
            if number is not None and number < 1:
                raise OptionError(f"SlurmLauncher: option '{name}': expected at least 1, got {number}")
        super().__init__(patience=patience)
        self._workers = workers
        self._per_job = per_job
        self._options = [*options]
        self._step = [*step]
        self._mpi = [f"--mpi={mpi}"] if mpi else []
        self._programs = False
        self._folder: Path | None = None
        self._own: Path | None = None

    @classmethod
    def detect(cls) -> bool:
        """Whether this process is alone in an allocation of Slurm's; where it is one of several tasks, MPI leads."""
        tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
        return bool(os.environ.get(_JOB)) and tasks in ("", "1") and shutil.which("srun") is not None

    def check(self, resources: Resources, *, programs: bool = False) -> None:
        """Refuse what it cannot guard: ranks that simulate together may be killed, but nobody counts their memory."""
        super().check(resources, programs=programs)
        if resources.ranks > 1 and not programs and resources.memory is not None:
            raise OptionError(
                f"resources.memory: SlurmLauncher cannot guard trials of several ranks, got {resources.memory}; leave "
                "it out, and let Slurm keep the limit"
            )

    def about(self) -> str:
        """Which Slurm, and what of it we have."""
        slurm.program("srun")
        version = slurm.ask("sinfo", "--version").strip()
        if _inside():
            nodes = allocated()
            cores = sum(one.cores for one in nodes.values())
            return f"{version}, an allocation of {len(nodes)} node(s) with {cores} cores"
        slurm.ask("scontrol", "ping")
        return f"{version}, jobs of {self._per_job} worker(s)"

    def capacity(self, resources: Resources, *, programs: bool = False) -> int:
        """What the allocation has room for, or as many as jobs are to bring."""
        if not _inside():
            return self._workers or 1
        return sum(places for places, _ in self._places(self._of_a_worker(resources, programs)))

    def start(self, optimizee: Optimizee, resources: Resources, folder: Path | None = None) -> None:
        """Ask Slurm for workers; does not wait for them."""
        self._folder = folder
        self._programs = optimizee.programs
        super().start(optimizee, resources, folder)

    def launch(self, resources: Resources) -> list[str]:
        """`srun`, on the worker's own node, so that what it started ends with it."""
        where = ["--overlap" if _within_a_step() else "--exact", "--nodes=1", "--nodelist=$SLURMD_NODENAME"]
        gpus = [f"--gpus-per-task={resources.gpus}"] if resources.gpus else []
        each = [f"--ntasks={resources.ranks}", f"--cpus-per-task={resources.threads}", "--mem=0", *gpus]
        return ["srun", *where, *each, *self._mpi, *self._step]

    @staticmethod
    def _of_a_worker(resources: Resources, programs: bool) -> Resources:
        """What a worker of ours has: all that its trials' programs use."""
        if not programs:
            return resources
        ranks = resources.ranks
        return Resources(threads=ranks * resources.threads, gpus=ranks * resources.gpus)

    def start_workers(self, work: Work) -> SlurmWorkers:
        """Ask for the workers."""
        slurm.program("srun")
        inside = _inside()
        label = _label(self._folder)
        if not inside:
            self._own = self._call_folder()
        each = self._of_a_worker(work.resources, self._programs)
        requests = self._steps(each, work.logs, label) if inside else self._jobs(each, work.logs, label)
        workers = SlurmWorkers(work, requests, label, each.ranks)
        try:
            if self._own:
                slurm.ask("scancel", "--me", f"--name={label}", check=False)  # a leader that was killed left them
                workers.call.write(self._own / "call")
            workers.submit()
        except BaseException:
            workers.stop()
            raise
        return workers

    def stop(self, grace: float = 0.0) -> None:
        """End all workers, steps and jobs."""
        super().stop(grace)
        own, self._own = self._own, None
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)

    # --- within an allocation ---

    def _steps(self, each: Resources, logs: Path, label: str) -> list[Request]:
        """A step a node, or a step a trial of several ranks."""
        ranks = each.ranks
        options = [*(["--overlap"] if self._programs or _within_a_step() else ["--exact"]), *self._step]
        options += self._mpi if ranks > 1 else []
        found: list[Request] = []
        for places, where in self._places(each):
            name = f"{len(found)}"
            log = logs / f"step-{name}.log"
            tasks = ranks if ranks > 1 else places
            one = Step(name, places, log, nodes=where, tasks=tasks, resources=each, options=options, label=label)
            found.append(one)
        return found

    def _places(self, each: Resources) -> list[tuple[int, list[str]]]:
        """How many workers at which nodes.

        Raises:
            OptionError: There is no room for one.
        """
        nodes = allocated()
        found = _groups(nodes, each)[: self._workers] if each.ranks > 1 else _shares(nodes, each, self._workers)
        if not found:
            wanted = f"{each.ranks} rank(s) of {each.threads} thread(s)" + f" and {each.gpus} GPU(s)" * bool(each.gpus)
            had = ", ".join(f"{name} {node}" for name, node in nodes.items())
            raise OptionError(
                f"resources: a trial wants {wanted}, and the allocation has no room for one; its nodes: {had}"
            )
        return found

    # --- from a login node ---

    def _jobs(self, each: Resources, logs: Path, label: str) -> list[Request]:
        """Jobs of so many workers each, or of a trial of several ranks each."""
        assert self._own
        workers, most, ranks = self._workers or 1, self._per_job, each.ranks
        if ranks > 1 and most > 1:
            raise OptionError(
                f"SlurmLauncher: option 'per_job': expected 1 where a trial has several ranks, got {most}"
            )
        found: list[Request] = []
        for number, first in enumerate(range(0, workers, most)):
            places = min(most, workers - first)
            found.append(
                Job(
                    f"{number}",
                    places,
                    logs / f"job-{number}.log",
                    tasks=ranks if ranks > 1 else places,
                    resources=each,
                    options=self._options,
                    step=[
                        "--overlap" if self._programs else "--exact",
                        *self._step,
                        *(self._mpi if ranks > 1 else []),
                    ],
                    call=self._own / "call",
                    label=label,
                )
            )
        return found

    def _call_folder(self) -> Path:
        """A folder that only we can enter, and that the nodes see too."""
        place = self._folder or Path.cwd()
        for left in place.glob(f"{_OWN}*") if self._folder else ():  # by a leader that was killed
            shutil.rmtree(left, ignore_errors=True)
        try:
            return Path(tempfile.mkdtemp(prefix=_OWN, dir=place)).absolute()
        except OSError as error:
            raise LauncherError(f"{place}: expected to make a folder there, got: {error.strerror}") from error


def _inside() -> bool:
    """Whether this process runs in an allocation."""
    return bool(os.environ.get(_JOB))


def _within_a_step() -> bool:
    """Whether this process is itself a task of a step, which has the cores that our steps are to use."""
    return bool(os.environ.get("SLURM_STEP_ID"))


def _label(folder: Path | None) -> str:
    """The name of our jobs in the queue, the same for each leader of a run."""
    place = str((folder or Path.cwd()).absolute())
    return f"l2l-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Share:
    """What our allocation has of a node.

    Args:
        cores: How many.
        gpus: None where Slurm does not say.
        memory: Bytes; None where Slurm does not count it.
    """

    cores: int
    gpus: int | None = None
    memory: int | None = None

    def places(self, each: Resources) -> int:
        """How many workers there is room for, each with what a trial's rank wants."""
        places = self.cores // each.threads
        if each.gpus and self.gpus is not None:
            places = min(places, self.gpus // each.gpus)
        if each.memory and self.memory:  # a limit and no need: one always gets a chance
            places = min(places, max(1, self.memory // each.memory))
        return places

    def __str__(self) -> str:
        return f"{self.cores} core(s)" + (f" and {self.gpus} GPU(s)" if self.gpus else "")


def allocated() -> dict[str, Share]:
    """Node → what the allocation that this process runs in has of it.

    Raises:
        LauncherError: Slurm does not say.
    """
    listed = os.environ.get("SLURM_JOB_NODELIST", "")
    nodes = slurm.nodes_of(listed)
    cores = cores_of(os.environ.get("SLURM_JOB_CPUS_PER_NODE", ""))
    if not nodes or len(nodes) != len(cores):
        raise LauncherError(
            f"expected as many numbers of cores as nodes of the allocation, got SLURM_JOB_NODELIST={listed!r} and "
            f"SLURM_JOB_CPUS_PER_NODE={os.environ.get('SLURM_JOB_CPUS_PER_NODE')!r}"
        )
    rest = slurm.granted(slurm.own_job())
    unknown = slurm.Node(None, None)
    return {node: Share(count, *rest.get(node, unknown)) for node, count in zip(nodes, cores, strict=True)}


def cores_of(text: str) -> list[int]:
    """Cores of each node, from Slurm's short form.

    Example:
        >>> cores_of("72(x2),36")
        [72, 72, 36]
    """
    found: list[int] = []
    for cores, _, times in re.findall(r"(\d+)(\(x(\d+)\))?", text):
        found += [int(cores)] * int(times or 1)
    return found


def _shares(nodes: dict[str, Share], each: Resources, workers: int | None) -> list[tuple[int, list[str]]]:
    """How many workers each node gets, at most so many in all."""
    left = workers if workers is not None else 1 << 62
    found = []
    for name, node in nodes.items():
        places = min(node.places(each), left)
        left -= places
        if places:
            found.append((places, [name]))
    return found


def _groups(nodes: dict[str, Share], each: Resources) -> list[tuple[int, list[str]]]:
    """Nodes for each group of ranks: one of them where it has the room, else as many whole ones as are needed."""
    found: list[tuple[int, list[str]]] = []
    gathered: list[str] = []
    for name, node in nodes.items():
        fitting = node.places(each) // each.ranks
        found += [(1, [name])] * fitting
        if not fitting and node.places(each):
            gathered.append(name)
            if sum(nodes[one].places(each) for one in gathered) >= each.ranks:
                found.append((1, gathered))
                gathered = []
    return found
