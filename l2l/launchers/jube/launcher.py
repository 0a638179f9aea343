"""The JUBE launcher: each generation is a benchmark that JUBE runs, here or as batch jobs of Slurm."""

import math
import shutil
import time
import uuid
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, Literal

from l2l.batch.slurm import for_jobs
from l2l.errors import LauncherError, OptionError
from l2l.launcher import Description, Launcher, WorkerState
from l2l.launchers.jube.benchmark import Benchmark
from l2l.launchers.jube.command import Jube, Queue, check_jube, check_slurm
from l2l.launchers.jube.earlier import EarlierBenchmarks
from l2l.launchers.jube.files import Layout, script_of
from l2l.launchers.jube.work_package import PackageSpec
from l2l.launchers.machine import crowded, workers_here
from l2l.optimizee import Optimizee
from l2l.process_tree import MARKER, end_all
from l2l.protocol import temporary
from l2l.quantities import duration
from l2l.space import ParameterSpace
from l2l.supervisor.environment import environment_of
from l2l.supervisor.reaper import Reaper
from l2l.values import Evaluation, Resources, Trial

_JOBS = 16  # batch jobs at once: few enough for the limits of most sites' queues
_LOOK_LEAST, _LOOK_MOST = 0.01, 1.0  # seconds between two looks at the files of results
_LOOK_SHARE = 0.05  # of the time that was waited already: results are seen at most 5 % later than they came
_UNDER_WAY = 2
"""Benchmarks that JUBE may still be concluding when another begins."""
_FAREWELL = 10.0  # seconds at the end of a run for JUBE to conclude benchmarks whose trials are all back
_FILES = {"local": (11, 5), "slurm": (13, 8)}
"""Platform → how many stay of a benchmark, and of each of its work packages."""


class JubeLauncher(Launcher):
    """Runs each generation as a JUBE benchmark in the run's folder, below `jube/`.

    A generation's trials are shared out over work packages. JUBE's own cost grows with the square of their number, so
    that by default there are no more of them than run at once.

    Args:
        platform: "local": JUBE runs the packages here; "slurm": it submits each as a batch job.
        workers: Work packages at once; on "local" as many as there are usable cores (divided by the threads of a
            trial) unless given, on "slurm" 16.
        batch: Trials a work package; a generation's share of one worker unless given.
        template: The script of a batch job, with #COMMAND#, #OPTIONS# and #THREADS# where these go; ours unless given.
        options: Of sbatch, such as "--time=01:00:00".
        patience: How long a process may take to import and set up the optimizee,
            in seconds or as "10min".

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> JubeLauncher(workers=2, batch=10).options["batch"]
        10
    """

    guards = frozenset({"crash", "timeout", "memory"})
    whole_generation: ClassVar[bool] = True

    def __init__(
        self,
        *,
        platform: Literal["local", "slurm"] = "local",
        workers: int | None = None,
        batch: int | None = None,
        template: Path | None = None,
        options: Sequence[str] = (),
        patience: float | str = 600.0,
    ) -> None:
        if platform not in ("local", "slurm"):
            raise OptionError(f"JubeLauncher: option 'platform': expected 'local' or 'slurm', got {platform!r}")
        for name, number in (("workers", workers), ("batch", batch)):
            if number is not None and number < 1:
                raise OptionError(f"JubeLauncher: option {name!r}: expected at least 1, got {number}")
        if platform == "local" and (template is not None or options):
            name = "template" if template is not None else "options"
            raise OptionError(
                f"JubeLauncher: option {name!r} is for batch jobs: expected platform 'slurm', got 'local'"
            )
        for one in options:
            if not one.startswith("-") or "\n" in one:
                raise OptionError(f"JubeLauncher: option 'options': expected such as '--time=01:00:00', got {one!r}")
        self._platform = platform
        self._workers = workers
        self._size = batch
        self._template = template
        self._sbatch = list(options)
        self._patience = duration(patience, "JubeLauncher: option 'patience'")
        self._waiting: list[Trial] = []
        self._came: list[Evaluation] = []
        self._current: Benchmark | None = None
        self._open: list[Benchmark] = []
        self._closing: list[Benchmark] = []
        self._layout: Layout | None = None
        self._held = False
        self._temporary: Path | None = None

    def about(self) -> str:
        """Which JUBE, where its steps run, and what stays of a benchmark; refuses a template as `start` does."""
        slurm = self._platform == "slurm"
        if slurm:
            script_of(self._template, 1, self._sbatch)
        version = check_jube()
        if slurm:
            check_slurm()
        files, more = _FILES[self._platform]
        stay = f"of each generation stay {files} files and {more} a work package"
        return f"JUBE {version}, platform {self._platform}; {stay}"

    def capacity(self, resources: Resources, *, programs: bool = False) -> int:
        """As many as there are work packages at once."""
        cores = _JOBS if self._platform == "slurm" else workers_here(resources.threads)
        return self._workers or cores

    def remark(self, resources: Resources) -> str:
        """That the work packages share cores, where they run here and want more than there are."""
        return crowded(self._workers or 1, resources) if self._platform == "local" else ""

    def start(self, optimizee: Optimizee, resources: Resources, folder: Path | None = None) -> None:
        """See that JUBE is there, and end what an earlier leader left in the queue."""
        self.check(resources, programs=optimizee.programs)
        self.check_optimizee(optimizee)
        slurm = self._platform == "slurm"
        gpus = [f"--gpus-per-task={resources.gpus}"] if resources.gpus else []
        script = script_of(self._template, resources.threads, [*gpus, *self._sbatch]) if slurm else None
        check_jube()
        if slurm:
            check_slurm()
        self._folder = self._run_folder(folder) / "jube"
        self.slots = self.capacity(resources)
        name = blake2b(str(self._folder.resolve()).encode(), digest_size=5).hexdigest()
        logs = self._folder.parent / "logs"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            logs.mkdir(exist_ok=True)
        except OSError as error:
            raise LauncherError(f"{self._folder}: expected to make it, got: {error.strerror}") from error
        terms = PackageSpec.of(optimizee, resources, logs, self._patience, None if slurm else 1)
        objectives = [one.name for one in optimizee.objectives]
        self._queue = Queue(f"l2l-{name}") if slurm else None
        if self._queue:
            self._queue.cancel()
        self._past = EarlierBenchmarks(self._folder, terms)
        self._marker = f"{uuid.uuid4().hex}/"
        self._reaper = Reaper(self._marker)
        environment = environment_of(resources.threads)
        if slurm:  # what JUBE gives to sbatch
            environment = for_jobs(environment)
        environment[MARKER] = f"{self._marker}jube/"
        self._jube = Jube(environment, self._reaper, logs / "jube.log")
        self._layout = Layout(terms, objectives, self.slots, script, f"l2l-{name}")

    def check_optimizee(self, optimizee: Optimizee) -> None:
        """Refuse an optimizee that no file holds: packages of trials stand in files, from which no code is taken."""
        PackageSpec.reference_of(optimizee)

    def check(self, resources: Resources, *, programs: bool = False) -> None:
        """Refuse what it cannot give: on "local" it shares out no GPUs."""
        super().check(resources, programs=programs)
        if resources.gpus and self._platform == "local":
            raise OptionError(
                f"resources.gpus: JubeLauncher gives GPUs on platform slurm only, got {resources.gpus}; "
                "the launcher local shares out those of this machine"
            )

    def _run_folder(self, folder: Path | None) -> Path:
        if folder is None:
            self._temporary = folder = temporary.folder("jube")
        wrong = [one for one in '"$`\\\n' if one in str(folder.absolute())]
        if wrong:
            raise LauncherError(f"{folder}: JUBE works in no folder with {wrong[0]!r} in its name: choose another")
        return folder.absolute()

    def _check_started(self) -> Layout:
        if self._layout is None:
            raise LauncherError("JubeLauncher: expected start() first, or no use after stop()")
        return self._layout

    def describe(self) -> Description:
        """What a work package without trials says of the optimizee; waits for it."""
        self._check_started()
        folder = self._folder / "hello"
        shutil.rmtree(folder, ignore_errors=True)
        asked = self._benchmark(folder, [[]])
        asked.look()
        while asked.ready is None and asked.missing:
            time.sleep(_pause(asked.age))
            asked.look()
        if asked.ready is None:
            raise LauncherError(f"{folder}: its work package vanished before it said anything of the optimizee")
        self._conclude(asked)
        self._past.version = str(asked.ready["version"])
        space = ParameterSpace.from_dict(asked.ready["space"])
        return Description(str(asked.ready["version"]), space, asked.ready["versions"])

    @property
    def workers(self) -> list[WorkerState]:
        """The work packages that run now, of which each may have workers of its own."""
        return [] if self._current is None else self._current.workers

    def submit(self, trials: Sequence[Trial]) -> None:
        """Take trials, which run together when no benchmark runs."""
        self._check_started()
        self._waiting += trials

    def collect(self, timeout: float | None = None) -> list[Evaluation]:
        """What has come back; where no benchmark runs, one begins with all that wait."""
        self._check_started()
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            self._turn()
            left = deadline - time.monotonic()
            if self._came or not (self._current or self._waiting) or left <= 0:
                came, self._came = self._came, []
                return came
            time.sleep(min(_pause(self._current.age if self._current else 0.0), left))

    def _turn(self) -> None:
        """Start a benchmark where none runs; take what came of it; let it go once all has come."""
        self._closing = [one for one in self._closing if not one.concluded()]
        if self._current is None and self._waiting and not self._held and len(self._closing) < _UNDER_WAY:
            known, waiting = self._past.known(self._waiting)
            self._waiting = []
            self._came += known
            if waiting:
                self._begin(waiting)
        benchmark = self._current
        if benchmark is not None:
            self._came += benchmark.look()
            if not benchmark.wanted:
                self._current = None
                self._past.finished(benchmark.results)
                self._conclude(benchmark)

    def _begin(self, trials: list[Trial]) -> None:
        size = self._size or -(-len(trials) // self.slots)
        batches = [trials[first : first + size] for first in range(0, len(trials), size)]
        folder = self._folder / f"{self._past.next_number():05d}"
        self._current = self._benchmark(folder, batches)

    def _benchmark(self, folder: Path, batches: Sequence[Sequence[Trial]]) -> Benchmark:
        """Start a benchmark."""
        benchmark = Benchmark(folder, self._check_started(), self._jube, self._queue, batches)
        benchmark.start()
        self._open.append(benchmark)
        return benchmark

    def _conclude(self, benchmark: Benchmark) -> None:
        """Let JUBE conclude a benchmark while others go on."""
        self._open.remove(benchmark)
        self._closing.append(benchmark)

    def hold(self) -> bool:
        """Begin no further benchmark; whether one runs."""
        self._held = True
        return self._current is not None

    def cancel(self, trials: Sequence[Trial]) -> None:
        """Forget these; a benchmark of which nothing is wanted any more is ended."""
        unwanted = {(*trial.id, trial.attempt) for trial in trials}
        self._waiting = [one for one in self._waiting if (*one.id, one.attempt) not in unwanted]
        self._came = [one for one in self._came if (*one.id, one.attempt) not in unwanted]
        if self._current is not None:
            self._current.forget(unwanted)
            if not self._current.wanted:
                self._abandon()

    def _abandon(self) -> None:
        """Kill all running benchmarks, and cancel their batch jobs."""
        left = [*self._open, *self._closing]
        self._open, self._closing, self._current = [], [], None
        end_all(self._marker, ())
        for benchmark in left:
            benchmark.kill()
        if self._queue:
            self._queue.cancel()

    def stop(self, grace: float = 0.0) -> None:
        """End all, batch jobs included; what has all its trials back gets a moment to be concluded."""
        layout, self._layout = self._layout, None
        if layout is not None:
            try:
                self._await_ends(grace)
            finally:
                try:
                    self._abandon()
                finally:
                    self._reaper.close()
        self._waiting, self._came = [], []
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def _await_ends(self, grace: float) -> None:
        """Give running trials their grace, and JUBE a moment to conclude what has all its trials back."""
        begin = time.monotonic()
        while self._current is not None and self._current.wanted and time.monotonic() - begin < grace:
            self._current.look()
            time.sleep(_LOOK_LEAST)
        while self._closing and time.monotonic() - begin < max(grace, _FAREWELL):
            time.sleep(_LOOK_LEAST)
            self._closing = [one for one in self._closing if not one.concluded()]


def _pause(age: float) -> float:
    """Seconds between two looks: a small share of what was waited already."""
    return min(max(_LOOK_LEAST, _LOOK_SHARE * age), _LOOK_MOST)
