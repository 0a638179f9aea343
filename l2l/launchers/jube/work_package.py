"""A package of trials, run where a batch system or a workflow tool says: `python package.py FILE [TABLE]`.

The package, `<n>.json`, names its trials; `plan.json` beside it names the optimizee. What comes of them is appended
to `<n>.results.jsonl` as it comes, a JSON object a line; trials that this file has already do not run again. TABLE
gets a line of text a trial, for people and for tools that read with regular expressions.
"""

import json
import os
import pickle
import platform
import signal
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

try:
    import l2l  # noqa: F401 - as installed
except ImportError:  # run from a source tree that is on nobody's path
    sys.path.append(str(Path(__file__).absolute().parents[3]))

from l2l.dispatch.pool import Pool
from l2l.dispatch.work import Work
from l2l.display.output import complain
from l2l.errors import L2LError, OptionError
from l2l.launchers.jube.json_form import evaluation_from_plain, evaluation_to_plain, trial_from_plain, trial_to_plain
from l2l.launchers.local_workers import LocalWorkers
from l2l.launchers.machine import gpu_shares
from l2l.optimizee import Optimizee
from l2l.plugin import Reference
from l2l.process_tree import MARKER
from l2l.protocol.channel import pickled
from l2l.protocol.messages import Refused, WorkerConfig
from l2l.provenance import Specification, fingerprint, specification
from l2l.supervisor.environment import environment_of, visible_gpus
from l2l.values import Evaluation, Resources, Status, Trial

_AFTERMATH = 0.2
"""Seconds to wait before failures are written down: a batch system that ends the job ends this process within them."""
PROGRAM = str(Path(__file__).absolute())
PLAN = "plan.json"
RESULTS = ".results.jsonl"


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """What all packages of a folder have in common: `plan.json`, as plain data.

    Args:
        optimizee: Its reference (`place`, `qualname`) and options.
        parts: Of the leader's fingerprint of it.
        resources: Of each trial.
        objectives: How many.
        vectorized: Whether it simulates batches in its own way.
        path: Python's, in the leader.
        directory: The leader's.
        logs: Folder of logs.
        patience: Seconds that a process may take to import and set up the optimizee.
        workers: Processes a package; None for as many as the cores of its batch job allow.
    """

    optimizee: Mapping[str, Any]
    parts: Mapping[str, str]
    resources: Mapping[str, Any]
    objectives: int
    vectorized: bool
    path: Sequence[str]
    directory: str
    logs: str
    patience: float
    workers: int | None

    @classmethod
    def of(cls, optimizee: Optimizee, resources: Resources, logs: Path, patience: float, workers: int | None) -> Self:
        """The terms on which packages run an optimizee.

        Raises:
            OptionError: Another process could not find its code.
        """
        reference = cls.reference_of(optimizee)
        place = {"place": reference.place, "qualname": reference.qualname}
        return cls(
            optimizee={**place, "options": specification(optimizee).options},
            parts=dict(fingerprint(optimizee).parts),
            resources=asdict(resources),
            objectives=len(optimizee.objectives),
            vectorized=optimizee.batches,
            path=[os.path.abspath(entry) for entry in sys.path],
            directory=str(Path.cwd()),
            logs=str(logs),
            patience=patience,
            workers=workers,
        )

    @staticmethod
    def reference_of(optimizee: Optimizee) -> Reference:
        """Where other processes find the code of an optimizee.

        Raises:
            OptionError: Nowhere.
        """
        found = specification(optimizee).reference
        if found is None:
            raise OptionError(
                "the optimizee is defined in a notebook, at a prompt or within a function, and packages of trials "
                "stand in files, from which no code is taken; move it to the top level of a file, or take another "
                "launcher"
            )
        return found

    @classmethod
    def read(cls, folder: Path) -> Self:
        """From a folder of packages."""
        return cls(**json.loads((folder / PLAN).read_text()))

    def write(self, folder: Path) -> None:
        """Into a folder of packages."""
        (folder / PLAN).write_text(json.dumps(asdict(self), indent=1))

    @property
    def each(self) -> Resources:
        """What each trial may use."""
        return Resources(**self.resources)

    def same_results(self, other: "PackageSpec") -> bool:
        """Whether trials on the other terms give what they give on these."""
        names = ("optimizee", "parts", "resources", "objectives", "vectorized")
        return all(json.dumps(getattr(self, one)) == json.dumps(getattr(other, one)) for one in names)

    def work(self, logs: Path) -> Work:
        """For a pool that runs a package."""
        reference = Reference(self.optimizee["place"], self.optimizee["qualname"])
        about = WorkerConfig(Specification(reference, self.optimizee["options"]), dict(self.parts), self.each)
        start = pickled((list(self.path), self.directory)), pickled(pickle.dumps(about, 5))
        return Work(start, self.each, self.objectives, self.vectorized, logs, self.patience)


def write_package(file: Path, trials: Iterable[Trial]) -> None:
    """Write a package, beside whose file `plan.json` must be."""
    lines = ",\n".join(json.dumps(trial_to_plain(trial)) for trial in trials)
    file.write_text(f'{{"trials": [\n{lines}\n]}}\n')


def read_package(file: Path, resources: Resources) -> list[Trial]:
    """The trials of a package.

    Args:
        file: The package.
        resources: Of each trial.
    """
    return [trial_from_plain(one, resources) for one in json.loads(file.read_text())["trials"]]


def results_of(file: Path) -> Path:
    """Where the results of a package are."""
    return file.with_name(file.stem + RESULTS)


def entries(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """What lines of results say; one that was cut off by the end of its writer says nothing."""
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def main(arguments: Sequence[str]) -> int:
    """Run a package; the exit code."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)
    file = Path(arguments[0]).absolute()
    terms = PackageSpec.read(file.parent)
    with _Report(results_of(file), Path(arguments[1]) if len(arguments) > 1 else None) as report:
        report.note({"begun": {"host": platform.node(), "pid": os.getpid(), "since": time.time()}})
        trials = [one for one in read_package(file, terms.each) if (*one.id, one.attempt) not in report.known]
        try:
            _run(terms, trials, Path(terms.logs) / f"jube-{file.stem}", report)
        except L2LError as error:
            complain(f"l2l: {error}")
            report.note({"refused": Refused.of(error)._asdict()})
            return 1
        report.note({"done": True})
    return 0


def _leave(number: int, frame: FrameType | None) -> None:
    """End as the batch system wants; what is finished is in the file, what is not runs elsewhere."""
    sys.exit(128 + number)


def _run(terms: PackageSpec, trials: Sequence[Trial], logs: Path, report: "_Report") -> None:
    logs.mkdir(parents=True, exist_ok=True)
    work = terms.work(logs)
    # below our own mark, so that who ends us ends them too
    marker = os.environ.get(MARKER, "") + uuid.uuid4().hex
    pool = Pool(work, LocalWorkers(work, _environments(terms), marker))
    try:
        pool.submit(trials)
        ready = pool.ready()
        report.note({"ready": {"version": ready.version, "space": ready.space, "versions": ready.versions}})
        left = len(trials)
        while left:
            came = pool.collect()
            if any(one.status != Status.OK for one in came):
                time.sleep(_AFTERMATH)  # where a batch system ends the job and all in it, we leave here
            report.take(came)
            left -= len(came)
    finally:
        pool.stop()


def _environments(terms: PackageSpec) -> list[dict[str, str]]:
    """One environment per worker for which the granted cores and GPUs have room.

    Raises:
        OptionError: The GPUs are too few for a trial.
    """
    threads, gpus = terms.each.threads, terms.each.gpus
    granted = int(os.environ.get("SLURM_CPUS_PER_TASK", threads))
    workers = terms.workers or max(1, granted // threads)
    if not gpus:
        return [environment_of(threads)] * workers
    visible = visible_gpus()
    if visible is None:  # those of our job are for one trial
        return [environment_of(threads)]
    where = f"in CUDA_VISIBLE_DEVICES of the batch job on {platform.node()}"
    shares = gpu_shares(visible, gpus, least=1, what="worker(s)", where=where)
    return [environment_of(threads, share) for share in shares[:workers]]


class _Report:
    """Where results go as they come, on the disk before anything else happens.

    Args:
        results: A JSON object a line.
        table: A line of text a trial; None for none.
    """

    def __init__(self, results: Path, table: Path | None) -> None:
        before = results.read_bytes() if results.exists() else b""
        known = [
            evaluation_from_plain(one["evaluation"]) for one in entries(before.splitlines()) if "evaluation" in one
        ]
        self.known = {(*one.id, one.attempt) for one in known}
        self._results = results.open("ab")
        if before and not before.endswith(b"\n"):
            self._results.write(b"\n")
        self._table = table.open("w") if table else None
        if self._table:
            self._table.write("# individual trial attempt status fitness\n")
            self._show(known)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._results.close()
        if self._table:
            self._table.close()

    def note(self, *said: Mapping[str, Any]) -> None:
        """Append lines."""
        self._results.write(b"".join(json.dumps(one).encode() + b"\n" for one in said))
        self._results.flush()
        os.fsync(self._results.fileno())

    def take(self, evaluations: Sequence[Evaluation]) -> None:
        """Append what came of trials."""
        self.note(*({"evaluation": evaluation_to_plain(one)} for one in evaluations))
        self._show(evaluations)

    def _show(self, evaluations: Iterable[Evaluation]) -> None:
        if self._table:
            for one in evaluations:
                fitness = " ".join(map(repr, one.fitness))
                self._table.write(f"{one.index} {one.number} {one.attempt} {one.status.name} {fitness}\n")
            self._table.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
