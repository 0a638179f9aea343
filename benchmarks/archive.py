"""A million evaluations of 20 parameters: how fast they are written and read again, and what they take.

    python benchmarks/archive.py                      # through journal and archive alone, beside plain h5py
    python benchmarks/archive.py --loop               # through a whole run of a no-op as well
    python benchmarks/archive.py --evaluations 100000

Exits with 1 where a budget is broken.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fresh import Others, fresh, peak, resident
from models import NAMES, PARAMETERS, SPACE, Noop
from numpy.typing import NDArray
from tables import Budget, budget_table, number, table

from l2l import Experiment, Progress, Trajectory
from l2l.archive import Archive
from l2l.experiment.recorder import Recorder
from l2l.journal import Journal

POPULATION = 1000
TOGETHER = 125
"""Results that a leader notes at once."""


@dataclass(frozen=True, slots=True)
class Written:
    """What writing took.

    Args:
        evaluations: How many.
        seconds: Until the last was handed over.
        finishing: Seconds more until the file was complete, synced and, for l2l, verified.
        size: Of the file, in bytes.
        journal: Of the journal beside it while the run lived.
        memory: Growth of the process, at its peak, in bytes.
        best: The least cost that was written.
    """

    evaluations: int
    seconds: float
    finishing: float
    size: int
    journal: int
    memory: int
    best: float


@dataclass(frozen=True, slots=True)
class Read:
    """What reading took, in a process of its own.

    Args:
        opening: Seconds until the run is there.
        best: Seconds more until its best individual is.
        table: Seconds for a table of all individuals with all their parameters.
        memory: Growth of the process until the best was found, at its peak, in bytes.
        rows: Trials that the archive says it has.
        found: The least cost.
    """

    opening: float
    best: float
    table: float
    memory: int
    rows: int
    found: float


Event = tuple[str, dict[str, Any]]


def events(evaluations: int) -> Iterator[list[Event]]:
    """What the leader of a run notes, generation by generation."""
    rng = np.random.default_rng(0)
    now = time.time()
    yield [("run", _run()), ("segment", _segment(now))]
    for generation in range(evaluations // POPULATION):
        first = generation * POPULATION
        points = rng.uniform(-1.0, 1.0, (POPULATION, PARAMETERS))
        fitness = np.square(points).sum(axis=1, keepdims=True)
        columns = {name: points[:, place].copy() for place, name in enumerate(NAMES)}
        same_as = np.full(POPULATION, -1)
        noted: list[Event] = [
            ("asked", {"first": first, "columns": columns, "same_as": same_as, "event": 2 * generation, "time": now})
        ]
        for start in range(0, POPULATION, TOGETHER):
            part = slice(start, start + TOGETHER)
            noted.append(("finished", _finished(first + start, fitness[part], now, rng)))
        told = {"individuals": first + np.arange(POPULATION), "event": 2 * generation + 1}
        status, spread = np.zeros(POPULATION, dtype=np.int8), np.zeros((POPULATION, 1))
        noted.append(("told", {**told, "fitness": fitness, "spread": spread, "status": status}))
        closed = {"number": generation, "count": POPULATION, "started": now, "finished": now}
        noted.append(("generation", {**closed, "best": fitness.min(axis=0), "report": {"sigma": np.asarray(0.5)}}))
        yield noted
    yield [("stopped", {"segment": 0, "reason": "all done", "finished": True, "time": now})]


def _run() -> dict[str, Any]:
    return {
        "format": "l2l-trajectory",
        "l2l": "0",
        "experiment": "optimizee: {name: noop}\n",
        "seed": 0,
        "fingerprint": "0" * 32,
        "space": SPACE.to_dict(),
        "objectives": [["fitness", False, ""]],
        "observables": {},
        "stochastic": True,
        "trials": 1,
        "seeding": "individual",
        "steady_state": False,
        "population": POPULATION,
    }


def _segment(now: float) -> dict[str, Any]:
    names = ("host", "cpu", "job", "command", "experiment", "version", "python", "platform", "commit", "diff")
    return {
        **dict.fromkeys(names, ""),
        "number": 0,
        "pid": 1,
        "started": now,
        "cores": 2,
        "gpus": [],
        "command": ["l2l", "run"],
        "versions": {"numpy": np.__version__},
        "dirty": False,
        "sources": {},
        "fingerprint": "0" * 32,
        "parts": {},
    }


def _finished(first: int, fitness: NDArray[np.float64], now: float, rng: np.random.Generator) -> dict[str, Any]:
    n = len(fitness)
    return {
        "index": first + np.arange(n),
        "number": np.zeros(n, dtype=np.int64),
        "attempt": np.zeros(n, dtype=np.int64),
        "status": np.zeros(n, dtype=np.int8),
        "final": np.ones(n, dtype=bool),
        "started": np.full(n, now),
        "seconds": rng.exponential(1.0, n),
        "host": ["node1"],
        "host_code": np.zeros(n, dtype=np.int16),
        "ranks": 1,
        "threads": 1,
        "peak_memory": np.full(n, 10**8),
        "entropy": rng.integers(0, 2**32, (n, 4), dtype=np.uint32),
        "source": -1,
        "fitness": fitness,
        "observables": {},
        "failures": [],
    }


def write(evaluations: int, directory: str) -> Written:
    """Note a run as its leader does; making its events up is not counted."""
    folder = Path(directory)
    folder.mkdir()
    spent, best, before = 0.0, np.inf, resident()
    with Journal(folder / "journal") as journal:
        recorder = Recorder(journal, Archive(folder))
        for noted in events(evaluations):
            best = min([best, *(float(data["best"][0]) for kind, data in noted if kind == "generation")])
            begin = time.perf_counter()
            for kind, data in noted:
                recorder.log(kind, data)
                if kind == "finished":
                    recorder.keep_up()
            spent += time.perf_counter() - begin
        begin = time.perf_counter()
        recorder.sync()
        recorder.archive.finish()
        finishing = time.perf_counter() - begin
    kept = sum(path.stat().st_size for path in (folder / "journal").iterdir())
    size = (folder / "trajectory.h5").stat().st_size
    return Written(evaluations, spent, finishing, size, kept, peak() - before, best)


def write_plain(evaluations: int, path: str) -> Written:
    """The same columns by h5py alone: a generation at a time, flushed, the file open all the time."""
    import h5py

    spent, best, before = 0.0, np.inf, resident()
    generator = events(evaluations)
    with h5py.File(path, "w") as file:
        begin = time.perf_counter()
        for noted in generator:
            kinds = [kind for kind, _ in noted]
            if "asked" not in kinds:
                continue
            columns = _columns([data for _, data in noted])
            best = min(best, float(columns["told/fitness"].min()))
            begin = time.perf_counter()
            for name, values in columns.items():
                _append(file, name, values)
            file.flush()
            spent += time.perf_counter() - begin
        begin = time.perf_counter()
    return Written(evaluations, spent, time.perf_counter() - begin, Path(path).stat().st_size, 0, peak() - before, best)


def _columns(noted: list[dict[str, Any]]) -> Mapping[str, NDArray[Any]]:
    asked, *finished, told, _ = noted
    columns = {f"individuals/{name}": column for name, column in asked["columns"].items()}
    columns |= {f"told/{name}": told[name] for name in ("individuals", "fitness", "spread", "status")}
    names = (
        "index",
        "number",
        "attempt",
        "status",
        "started",
        "seconds",
        "host_code",
        "peak_memory",
        "entropy",
        "fitness",
    )
    return columns | {f"trials/{name}": np.concatenate([one[name] for one in finished]) for name in names}


def _append(file: Any, name: str, values: NDArray[Any]) -> None:
    if name not in file:
        shape = values.shape[1:]
        file.create_dataset(name, data=values, maxshape=(None, *shape), chunks=(8192, *shape))
        return
    dataset = file[name]
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values


def loop(evaluations: int, directory: str) -> Written:
    """The same through a whole run: random search, two workers, a no-op."""
    ended: list[float] = []
    before = resident()

    def watch(progress: Progress) -> None:
        if progress.state == "stopping":
            ended.append(time.perf_counter())

    begin = time.perf_counter()
    run = Experiment(
        Noop,
        {"name": "random", "population": POPULATION},
        directory=directory,
        launcher={"name": "local", "workers": 2},
        stop={"individuals": evaluations},
    ).run(progress=watch)
    end = time.perf_counter()
    size = (Path(directory) / "trajectory.h5").stat().st_size
    return Written(evaluations, ended[0] - begin, end - ended[0], size, 0, peak() - before, float(run.best.fitness))


def read(directory: str) -> Read:
    """Open a run and look at it."""
    before = resident()
    begin = time.perf_counter()
    run = Trajectory(directory)
    opened = time.perf_counter()
    found = float(run.best.fitness)
    best = time.perf_counter()
    memory = peak() - before
    columns = [run.individuals[name] for name in run.individuals]
    end = time.perf_counter()
    assert len({len(column) for column in columns}) == 1
    return Read(opened - begin, best - opened, end - best, memory, len(run.trials), found)


def rows_of(written: Mapping[str, Written], reads: Mapping[str, Read]) -> list[list[str]]:
    """A line for each quantity, a column for each way of writing."""
    lines: dict[str, list[str]] = {}
    for name, one in written.items():
        n = one.evaluations
        lines.setdefault("evaluations/s written", []).append(number(n / one.seconds))
        lines.setdefault("the same, until verified", []).append(number(n / (one.seconds + one.finishing)))
        lines.setdefault("µs an evaluation", []).append(number(1e6 * (one.seconds + one.finishing) / n))
        lines.setdefault("bytes an evaluation, file", []).append(number(one.size / n))
        lines.setdefault("bytes an evaluation, journal", []).append(number(one.journal / n) if one.journal else "")
        lines.setdefault("peak memory of the writer, MB", []).append(number(one.memory / 1e6))
        seen = reads.get(name)
        quantities = {"s to open": "opening", "s to find the best": "best", "s to read all individuals": "table"}
        for what, attribute in quantities.items():
            lines.setdefault(what, []).append(number(getattr(seen, attribute)) if seen else "")
        lines.setdefault("peak memory of the reader, MB", []).append(number(seen.memory / 1e6) if seen else "")
    return [[what, *cells] for what, cells in lines.items()]


def budgets_of(written: Mapping[str, Written], reads: Mapping[str, Read]) -> Iterator[Budget]:
    """What must hold."""
    for name, one in written.items():
        if name not in reads:
            continue
        microseconds = 1e6 * (one.seconds + one.finishing) / one.evaluations
        yield Budget(f"{name}: time an evaluation", microseconds, 100.0, "µs", "the budget of all that is our own")
        yield Budget(f"{name}: memory an individual", one.memory / one.evaluations / 1000, 2.0, "kB", "at the peak")
        yield Budget(f"{name}: trials missing", abs(one.evaluations - reads[name].rows), 0.0, "")
        yield Budget(f"{name}: best found, difference", abs(one.best - reads[name].found), 0.0, "")


def main() -> int:
    """Measure, print, and say by the exit code whether all budgets are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=1_000_000, help="a multiple of 1,000")
    parser.add_argument("--loop", action="store_true", help="through a whole run as well")
    parser.add_argument("--tighten", type=float, default=1.0, help="divide the budgets by this, to see them break")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where it is written (and removed)")
    arguments = parser.parse_args()
    others = Others()
    written: dict[str, Written] = {}
    reads: dict[str, Read] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
        n = max(1, arguments.evaluations // POPULATION) * POPULATION
        written["journal and archive"] = fresh(write, n, f"{place}/classes")
        reads["journal and archive"] = fresh(read, f"{place}/classes")
        written["h5py alone, no journal"] = fresh(write_plain, n, f"{place}/plain.h5")
        if arguments.loop:
            written["a whole run"] = fresh(loop, n, f"{place}/loop")
            reads["a whole run"] = fresh(read, f"{place}/loop")
    print(table([f"{n:,} evaluations of {PARAMETERS} parameters", *written], rows_of(written, reads)), end="\n\n")
    budgets = [
        Budget(one.what, one.measured, one.limit / arguments.tighten, one.unit, one.remark)
        for one in budgets_of(written, reads)
    ]
    print(budget_table(budgets))
    print(f"\nOther programs used {others.share:.0%} of the cores meanwhile; the more, the longer all times.")
    return 0 if all(budget.kept for budget in budgets) else 1


if __name__ == "__main__":
    sys.exit(main())
