"""The launchers side by side, and beside the libraries that users would take instead, on two workers.

    python benchmarks/launchers.py                                # about ten minutes
    python benchmarks/launchers.py --only throughput --repeats 5

Throughput is that of a function that does nothing: a whole run (optimizer, seeds, journal, archive), the launcher
alone, and the same function under mpi4py.futures, Dask, IPython parallel and libEnsemble, which only count results.
Idle is the share of the workers' time in which one had nothing to do while a trial waited. JUBE's cost is what it adds
to a trial. All contenders take turns, several times; medians count. What is not installed is left out, and said.

Exits with 1 where a requirement is broken: `mpi` as a whole run is at least as quick as MPIPoolExecutor with its best
size of chunks and ten times as quick as libEnsemble; in steady state under 2 % of the workers' time is idle from 10 ms
a trial on.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from fresh import Others, fresh
from idle import Idle, Kind, idle
from jube_cost import jube_costs
from tables import Budget, budget_table, number, table

WORKERS = 2
HERE = Path(__file__).absolute().parent
CHUNKS = (1, 10, 100, 1000)
Measure = Callable[[argparse.Namespace], Iterator[Budget]]


@dataclass(frozen=True, slots=True)
class Contender:
    """One that evaluates a function which does nothing.

    Args:
        program: Of launcher_peers.py.
        evaluations: How many, as a share of the usual.
        needs: Modules and commands without which it is left out.
        start: By what the program is started: "", or "ranks" or "futures" by mpiexec, or "allocation" by Slurm.
        launcher: Of l2l.
        chunks: Sizes that are tried, of which the best counts.
        options: Further ones.
    """

    program: str
    evaluations: float
    needs: tuple[str, ...] = ()
    start: str = ""
    launcher: Mapping[str, object] | None = None
    chunks: tuple[int, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """What of its needs is not there."""
        return [one for one in self.needs if find_spec(one) is None and program(one) is None]

    def rate(self, evaluations: int, folder: str) -> tuple[float, str]:
        """Evaluations a second, and with which size of a chunk."""
        many = max(200, int(evaluations * self.evaluations))
        launcher = ["--launcher", json.dumps(self.launcher)] if self.launcher else []
        common = [self.program, str(many), "--folder", folder, *launcher, *self.options]
        rates: dict[str, float] = {}
        for chunk in self.chunks or (0,):
            few = str(max(200, many // 20)) if chunk == 1 else str(many)
            arguments = [common[0], few, *common[2:], *(["--chunk", str(chunk)] if chunk else [])]
            said = said_by("launcher_peers.py", arguments, self.start)
            rates[f"chunks of {chunk}" if chunk else ""] = said["evaluations"] / said["seconds"]
        best = max(rates, key=lambda name: rates[name])
        return rates[best], best


def _of(name: str, **options: object) -> dict[str, object]:
    return {"name": name, **options}


_MPI = ("mpi4py", "mpiexec")
_SLURM = ("slurmctld", "slurmd", "munged", "salloc", "srun")
CONTENDERS: dict[str, Contender] = {
    "l2l, serial": Contender("l2l", 0.2, launcher=_of("serial")),
    "l2l, local": Contender("l2l", 1.0, launcher=_of("local", workers=WORKERS)),
    "l2l, local, the launcher alone": Contender("l2l-loop", 1.0, launcher=_of("local", workers=WORKERS)),
    "l2l, mpi": Contender("l2l", 1.0, _MPI, "ranks", _of("mpi")),
    "l2l, mpi, steady state": Contender("l2l", 0.5, _MPI, "ranks", _of("mpi"), options=("--steady",)),
    "l2l, mpi, the launcher alone": Contender("l2l-loop", 1.0, _MPI, "ranks", _of("mpi")),
    "l2l, slurm": Contender("l2l", 1.0, _SLURM, "allocation", _of("slurm")),
    "l2l, executor: processes": Contender("l2l", 0.5, launcher=_of("executor", executor="processes", workers=WORKERS)),
    "l2l, executor: mpi": Contender("l2l", 0.5, _MPI, "futures", _of("executor", executor="mpi")),
    "l2l, executor: dask": Contender(
        "l2l", 0.2, ("distributed",), launcher=_of("executor", executor="dask", workers=WORKERS)
    ),
    "l2l, executor: ipyparallel": Contender(
        "l2l", 0.2, ("ipyparallel",), launcher=_of("executor", executor="ipyparallel", workers=WORKERS)
    ),
    "l2l, jube": Contender("l2l", 0.02, ("jube",), launcher=_of("jube", workers=WORKERS)),
    "mpi4py.futures": Contender("mpi4py", 1.0, _MPI, "futures", chunks=CHUNKS),
    "mpi4py.futures, one by one": Contender("mpi4py", 0.05, _MPI, "futures", chunks=(1,)),
    "Dask": Contender("dask", 0.1, ("distributed",), chunks=CHUNKS),
    "IPython parallel": Contender("ipyparallel", 0.1, ("ipyparallel",), chunks=CHUNKS),
    "libEnsemble": Contender("libensemble", 0.04, ("libensemble",)),
}


def program(name: str) -> str | None:
    """Where a program is: beside this Python, as in an environment that is not activated, else on the PATH."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def said_by(script: str, arguments: list[str], start: str = "") -> dict[str, float]:
    """What a program of this folder prints: the last line, as JSON.

    Raises:
        RuntimeError: It fails.
    """
    ranks = [program("mpiexec") or "mpiexec", "-n", str(WORKERS + 1)]
    before = {"ranks": ranks, "futures": ranks, "allocation": ["salloc", "--quiet", f"--ntasks={WORKERS}"]}
    futures = ["-m", "mpi4py.futures"] if start == "futures" else []
    command = [*before.get(start, []), sys.executable, *futures, str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), timeout=900)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    said: dict[str, float] = json.loads(lines[-1])
    return said


@contextmanager
def slurm() -> Iterator[None]:
    """A Slurm of one node on this machine, which the programs that we start find."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from slurm import Cluster

    cluster = Cluster(nodes=1, cores=WORKERS)
    os.environ |= cluster.environment
    try:
        cluster.start()
        yield
    finally:
        cluster.stop()


def environment() -> dict[str, str]:
    """Ours, with this folder on Python's path, and with what Open MPI wants where there are fewer cores than ranks."""
    changed = {"PYTHONPATH": str(HERE), "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
    if os.geteuid() == 0:
        changed |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return {**os.environ, **changed}


def measure_throughput(arguments: argparse.Namespace) -> Iterator[Budget]:
    """Evaluations per second."""
    evaluations = int(60_000 * arguments.scale)
    chosen = {name: CONTENDERS[name] for name in arguments.contenders or CONTENDERS}
    for name, one in chosen.items():
        if one.missing:
            print(f"{name} is left out: {', '.join(one.missing)} is not installed\n", flush=True)
    there = {name: one for name, one in chosen.items() if not one.missing}
    rates: dict[str, list[tuple[float, str]]] = {name: [] for name in there}
    with slurm() if any(one.start == "allocation" for one in there.values()) else nullcontext():
        for _ in range(arguments.repeats):
            for name, one in there.items():
                rates[name].append(one.rate(evaluations, arguments.folder))
                print(f"… {name}: {rates[name][-1][0]:,.0f}/s {rates[name][-1][1]}", file=sys.stderr, flush=True)
    found = {name: median(rate for rate, _ in several) for name, several in rates.items()}
    if not found:
        return
    own = found.get("l2l, mpi", next(iter(found.values())))
    rows = [
        [name, f"{rate:,.0f}", number(1e6 / rate), number(rate / own), min(rates[name])[1]]
        for name, rate in found.items()
    ]
    print(table(["no-op of 20 parameters", "evaluations/s", "µs each", "× mpi", ""], rows), end="\n\n", flush=True)
    if "l2l, mpi" in found:
        yield from _beside(found)


def _beside(found: Mapping[str, float]) -> Iterator[Budget]:
    own, alone = found["l2l, mpi"], found.get("l2l, mpi, the launcher alone")
    for name, times in (("mpi4py.futures", 1.0), ("libEnsemble", 10.0)):
        if name in found:
            remark = f"the launcher alone: {times * found[name] / alone:.2g}" if alone else ""
            what = f"{f'{times:g} times ' if times > 1 else ''}{name}'s rate over that of a whole run under mpi"
            yield Budget(what, times * found[name] / own, 1.0, "", remark)


def measure_idle(arguments: argparse.Namespace) -> Iterator[Budget]:
    """Idle workers while trials wait."""
    rows: list[list[str]] = []
    for steady in (True, False):
        for spread in (0.0, 1.0):
            for seconds in (0.001, 0.01, 0.1, 1.0):
                kind = Kind(seconds, spread, steady)
                work = max(0.5, 4.0 * arguments.scale, 10 * seconds * arguments.scale)
                cells = [str(kind)]
                for name, one in _idle_of(kind, work, arguments).items():
                    cells.append(f"{100 * one.share:.2g} %")
                    if steady and seconds >= 0.01:
                        ready = f"{100 * one.ready:.2g} % with waits for a core; {one.trials:,} trials"
                        yield Budget(f"idle under {name}, {kind}", 100 * one.share, 2.0, "%", ready)
                rows.append(cells)
    print(table(["idle workers", "local", "mpi"], [[*row, ""][:3] for row in rows]), end="\n\n", flush=True)


def _idle_of(kind: Kind, work: float, arguments: argparse.Namespace) -> dict[str, Idle]:
    """The better of a few measurements, for each launcher: others only ever add."""
    found: dict[str, Idle] = {}
    for _ in range(arguments.repeats):
        for name in ("local", "mpi"):
            if name == "local":
                one = fresh(idle, kind, work, WORKERS, arguments.folder)
            elif CONTENDERS["l2l, mpi"].missing:
                continue
            else:
                given = [str(kind.seconds), "--spread", str(kind.spread), "--work", str(work)]
                steady = ["--steady"] if kind.steady else []
                one = Idle(**said_by("idle_ranks.py", [*given, *steady, "--folder", arguments.folder], "ranks"))  # type: ignore[arg-type]
            found[name] = min(found.get(name, one), one, key=lambda idle: idle.share)
            print(f"… {name}, {kind}: {100 * one.share:.2g} %", file=sys.stderr, flush=True)
        if all(one.share < 0.02 for one in found.values()):
            break
    return found


def measure_jube(arguments: argparse.Namespace) -> Iterator[Budget]:
    """What JUBE adds to a trial; nothing is required of it."""
    if not program("jube"):
        print("JUBE's cost is left out: jube is not installed\n", flush=True)
        return
    costs = fresh(jube_costs, arguments.folder, max(20, int(100 * arguments.scale)), WORKERS)
    rows = [[f"{one.batch}", f"{one.packages}", number(1e3 * one.added)] for one in costs]
    print(table(["trials a work package", "work packages", "JUBE adds, ms a trial"], rows), end="\n\n", flush=True)
    yield from ()


MEASURES: dict[str, Measure] = {"throughput": measure_throughput, "idle": measure_idle, "jube": measure_jube}


def main() -> int:
    """Measure, print, and say by the exit code whether all requirements are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES), metavar="WHAT")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, help="those of throughput; all unless given")
    parser.add_argument("--scale", type=float, default=1.0, help="how much to run, as a share of the usual")
    parser.add_argument("--repeats", type=int, default=3, help="of which the median counts")
    parser.add_argument("--tighten", type=float, default=1.0, help="divide what is allowed by this, to see it break")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where runs are written (and removed)")
    arguments = parser.parse_args()
    arguments.folder = os.path.abspath(arguments.folder)
    others = Others()
    found = [one for name in arguments.only for one in MEASURES[name](arguments)]
    budgets = [replace(one, limit=one.limit / arguments.tighten) for one in found]
    if budgets:
        print(budget_table(budgets))
    print(f"\nOther programs used {others.share:.0%} of the cores meanwhile; the more, the longer all times.")
    return 0 if all(one.kept for one in budgets) else 1


if __name__ == "__main__":
    sys.exit(main())
