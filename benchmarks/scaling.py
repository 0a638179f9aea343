"""How many workers one leader can feed: its real message loop against up to 10,000 simulated workers.

    python benchmarks/scaling.py                                  # about five minutes
    python benchmarks/scaling.py --workers 100 1000 --seconds 2

One process leads as it does under `mpi` and `slurm`: pool, remote workers, real sockets, real handshakes.
Another one plays the workers, whose trials take their time by waiting. Trials are so short that the leader cannot keep
up; what it does then is the most that it can. So N workers wait for it where a trial takes less than N / that rate:
the limit that is printed. "One by one" sends each trial alone, which is what trials of 50 ms and more do; "batches" is
what happens by itself, as trials of that length come in batches. "Loop" is the launcher alone; "run" is an experiment
with optimizer, journal and archive on top.

Exits with 1 where a requirement is broken: 1,000 workers (or fewer, where no more are measured) are kept busy by
trials of 1 s, alone, journalled and archived; and the time for a trial does not grow with the number of workers more
than threefold.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from fresh import Others, fresh, peak, resident
from models import SPACE, Noop
from swarm import TOGETHER
from tables import Budget, budget_table, number, table

from l2l import Experiment, Progress, Trial
from l2l.dispatch.remote_workers import RemoteWorkers
from l2l.dispatch.sizing import Sizing
from l2l.dispatch.work import Work
from l2l.launcher import Description
from l2l.launchers.pooled import PooledLauncher
from l2l.values import Resources

WORKERS = (100, 300, 1_000, 3_000, 10_000)
OFFERED = 200_000.0
"""Trials a second that the workers could do, far beyond what any leader can."""
DEEP = 16
"""Trials a worker that are out at once, as the loop of an experiment has it."""
DESCRIPTORS = 64
"""That the leader has for other things than workers."""


class OneByOne(Sizing):
    """As for long trials: each travels alone."""

    def size(self, backlog: int) -> int:
        """One."""
        return min(1, backlog)


class Simulated(PooledLauncher):
    """A launcher whose workers are played by another process.

    Args:
        workers: How many.
        seconds: Of a trial.
        batches: Whether several trials may travel together.
    """

    def __init__(self, *, workers: int = 100, seconds: float = 0.001, batches: bool = True) -> None:
        super().__init__()
        self._workers = workers
        self._seconds = seconds
        self._batches = batches
        self._swarm: subprocess.Popen[str] | None = None
        self.remote: RemoteWorkers

    def start_workers(self, work: Work) -> RemoteWorkers:
        """Listen, and let the swarm know where."""
        self.remote = RemoteWorkers(work, self._workers, everywhere=False)
        program = Path(__file__).with_name("swarm.py")
        self._swarm = subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE, text=True)
        assert self._swarm.stdin is not None
        told = {"addresses": self.remote.addresses, "secret": self.remote.secret.hex(), "workers": self._workers}
        self._swarm.stdin.write(json.dumps({**told, "seconds": self._seconds}) + "\n")
        self._swarm.stdin.close()
        return self.remote

    def admit(self) -> None:
        """Wait until all workers are there and have said ready.

        Raises:
            RuntimeError: They do not come.
        """
        pool = self._running
        if not self._batches:
            pool._sizing = OneByOne(self._workers)
        until = time.monotonic() + 300.0
        while len(self.remote.present) < self._workers or any(worker.ready is None for worker in self.remote.present):
            pool._turn(0.1)
            if time.monotonic() > until or (self._swarm and self._swarm.poll() is not None):
                raise RuntimeError(f"expected {self._workers} workers, got {len(self.remote.present)}")

    def describe(self) -> Description:
        """Wait for all workers, not for one."""
        self.admit()
        return super().describe()

    def stop(self, grace: float = 0.0) -> None:
        """End the swarm."""
        super().stop(grace)
        if self._swarm is not None:
            self._swarm.wait(30.0)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a leader can do.

    Args:
        workers: That it has.
        rate: Evaluations a second.
        cpu: Its processor seconds for an evaluation.
        admission: Seconds until all workers were there.
        memory: Growth of its process until then, in bytes.
        share: Of the workers' time in which they simulated.
    """

    workers: int
    rate: float
    cpu: float
    admission: float
    memory: int
    share: float

    @property
    def shortest(self) -> float:
        """Seconds of a trial below which workers wait for the leader."""
        return self.workers / self.rate


def loop(workers: int, trial: float, batches: bool, seconds: float) -> Limit:
    """The launcher alone, which is given new trials as the old ones come back.

    Args:
        workers: How many.
        trial: Seconds of a trial.
        batches: Whether several may travel together.
        seconds: Of the measurement.
    """
    individuals = SPACE.sample(1000, np.random.default_rng(0))
    trials = (Trial(individuals[n % 1000], 0, n, n) for n in count())
    before, begin = resident(), time.perf_counter()
    with Simulated(workers=workers, seconds=trial, batches=batches) as launcher:
        launcher.start(Noop(), Resources())
        launcher.describe()
        admission, memory = time.perf_counter() - begin, resident() - before
        launcher.submit([next(trials) for _ in range(max(4096, DEEP * workers))])
        until = time.perf_counter() + max(0.5, 2 * trial)
        while time.perf_counter() < until:  # until all workers are at it
            launcher.submit([next(trials) for _ in launcher.collect(1.0)])
        done, start, cpu = 0, time.perf_counter(), time.process_time()
        while (wall := time.perf_counter() - start) < seconds:
            came = launcher.collect(1.0)
            done += len(came)
            launcher.submit([next(trials) for _ in came])
        spent = time.process_time() - cpu
    return Limit(workers, done / wall, spent / done, admission, memory, done * trial / (wall * workers))


def run(workers: int, trial: float, batches: bool, evaluations: int, folder: str) -> Limit:
    """An experiment on top, with journal and archive, from the end of its first generation to that of its last.

    Args:
        workers, trial, batches: As of `loop`.
        evaluations: That are timed, about.
        folder: For the run.
    """
    instants: list[tuple[float, float]] = []
    before, begin = resident(), time.perf_counter()

    def watch(progress: Progress) -> None:
        if progress.complete or (progress.state == "running" and not instants):
            instants.append((time.perf_counter(), time.process_time()))

    population = max(2_000, DEEP * workers)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        Experiment(
            Noop,
            {"name": "random", "population": population},
            directory=Path(place) / "run",
            launcher=Simulated(workers=workers, seconds=trial, batches=batches),
            stop={"generations": 1 + max(1, round(evaluations / population))},
        ).run(progress=watch)
    (admitted, _), (start, cpu), *_, (end, cpu_end) = instants
    done, wall = population * (len(instants) - 2), end - start
    share = done * trial / (wall * workers)
    return Limit(workers, done / wall, (cpu_end - cpu) / done, admitted - begin, peak() - before, share)


def measured(workers: int, arguments: argparse.Namespace) -> dict[str, Limit]:
    """All that is measured with so many workers; the quickest of several, as others only ever make it slower."""
    short, seconds, repeats = workers / OFFERED, arguments.seconds, range(arguments.repeats)
    evaluations = int(20_000 * seconds)

    def best(limits: Iterable[Limit]) -> Limit:
        return min(limits, key=lambda one: one.shortest)

    found = {
        "loop, one by one": best(fresh(loop, workers, short, False, seconds) for _ in repeats),
        "loop, batches": best(fresh(loop, workers, short, True, seconds) for _ in repeats),
        "run, one by one": best(fresh(run, workers, short, False, evaluations, arguments.folder) for _ in repeats),
        "run, batches": best(fresh(run, workers, short, True, evaluations, arguments.folder) for _ in repeats),
    }
    trial = 2 * found["loop, one by one"].shortest
    found["loop, at twice the limit"] = fresh(loop, workers, trial, False, max(seconds, 4 * trial))
    return found


def rows_of(found: Mapping[int, Mapping[str, Limit]]) -> Iterator[list[str]]:
    """A line for each number of workers and way of working."""
    for workers, limits in found.items():
        for name, one in limits.items():
            limits_of = [number(1e3 * one.shortest), number(1e3 * workers * one.cpu)]
            times = [number(one.rate), number(1e6 * one.cpu), f"{one.cpu * one.rate:.0%}", *limits_of]
            yield [f"{workers:,}", name, *times, f"{one.share:.0%}", number(one.admission), number(one.memory / 1e6)]


def budgets_of(found: Mapping[int, Mapping[str, Limit]]) -> Iterator[Budget]:
    """What must hold."""
    most = max([workers for workers in found if workers <= 1_000], default=min(found))
    one = found[most]["run, one by one"]
    yield Budget(f"shortest trial that keeps {most:,} workers busy", one.shortest, 1.0, "s", "a whole run, one by one")
    fewest, largest = found[min(found)]["loop, one by one"], found[max(found)]["loop, one by one"]
    if largest is fewest:
        return
    growth, remark = largest.cpu / fewest.cpu, f"from {fewest.workers:,} to {largest.workers:,} workers"
    yield Budget("growth of the leader's time for a trial", growth, 3.0, "×", remark)


def allowed(sizes: Sequence[int]) -> list[int]:
    """Those numbers of workers for which the system lets the leader have enough descriptors; says which it does not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fit = [one for one in sizes if one + -(-one // TOGETHER) + DESCRIPTORS <= hard or hard == resource.RLIM_INFINITY]
    for one in sorted({*sizes} - {*fit}):
        print(f"{one:,} workers are left out: the hard limit of open files (ulimit -Hn) is {hard:,}\n", flush=True)
    return fit


def main() -> int:
    """Measure, print, and say by the exit code whether all requirements are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, help="how many to simulate")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=2, help="of each, of which the quickest counts")
    parser.add_argument("--tighten", type=float, default=1.0, help="divide what is allowed by this, to see it break")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where runs are written (and removed)")
    arguments = parser.parse_args()
    others, found = Others(), {}
    for workers in allowed(arguments.workers):
        found[workers] = measured(workers, arguments)
        for line in rows_of({workers: found[workers]}):
            print("… " + ", ".join(line), file=sys.stderr, flush=True)
    if not found:
        sys.exit("no number of workers is left to measure")
    head = ["workers", "", "evaluations/s", "leader's µs each", "leader busy", "limit, ms a trial"]
    print(
        table([*head, "with a core of its own", "workers busy", "s to admit all", "MB"], list(rows_of(found))),
        end="\n\n",
    )
    budgets = [replace(one, limit=one.limit / arguments.tighten) for one in budgets_of(found)]
    print(budget_table(budgets))
    print(f"\nOther programs used {others.share:.0%} of the cores meanwhile; the more, the longer all times.")
    return 0 if all(budget.kept for budget in budgets) else 1


if __name__ == "__main__":
    sys.exit(main())
