"""What l2l costs beside the simulations: its budgets, and its speed beside a bare process pool and Optuna.

    python benchmarks/overhead.py                              # everything, a few minutes
    python benchmarks/overhead.py --only import turnaround     # a part

Everything is measured in fresh processes. What a busy machine can only make slower is measured up to three times, and
the first that keeps its budget, else the best, counts. Exits with 1 where a budget is broken.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from statistics import median

from footprint import imports, many_generations, one_generation
from fresh import Others, fresh
from idle import Kind, idle
from resumption import resumption
from tables import Budget, budget_table, number, table
from throughput import compare
from turnaround import turnaround

Measure = Callable[[argparse.Namespace], Iterator[Budget]]


def best_of(times: int, measure: Callable[[], Budget]) -> Budget:
    """Measure until the budget is kept, at most so often; the best."""
    best = measure()
    for _ in range(times - 1):
        if best.kept:
            break
        best = min(best, measure(), key=lambda one: one.measured)
    return best


def measure_import(arguments: argparse.Namespace) -> Iterator[Budget]:
    """The time of the import, and what it brings."""
    found = imports(3 + arguments.repeats)
    yield Budget("import l2l", found.seconds, 0.3, "s")
    yield Budget("import of all names that it offers", found.everything, 0.3, "s")
    unwanted = ", ".join(found.unwanted)
    yield Budget("simulators, optimizer libraries, MPI imported", len(found.unwanted), 0.0, "", unwanted)


def measure_throughput(arguments: argparse.Namespace) -> Iterator[Budget]:
    """Evaluations per second, side by side."""
    groups = compare(max(2000, int(60_000 * arguments.scale)), arguments.repeats, arguments.folder)
    rows = []
    for rates in groups:
        own = next(iter(rates.values()))
        for name, rate in rates.items():
            ratio = number(own.per_second / rate.per_second)
            times = [f"{rate.per_second:,.0f}", f"{rate.microseconds:.1f}", f"{rate.cpu_microseconds:.1f}"]
            rows.append([name, *times, ratio, rate.remark])
    head = ["no-op of 20 parameters", "evaluations/s", "µs each", "processor µs each", "l2l is × as fast", ""]
    print(table(head, rows), end="\n\n", flush=True)
    own = next(iter(groups[0].values()))
    yield Budget("own time per evaluation, one core", own.microseconds, 100.0, "µs", "aim: 10 µs")


def measure_turnaround(arguments: argparse.Namespace) -> Iterator[Budget]:
    """From the last result of a generation to the first trial of the next."""
    generations = max(10, int(60 * arguments.scale))

    def measure() -> Budget:
        found = fresh(turnaround, generations, arguments.folder, 2)
        own, optimizer = sorted(found.own), 1e3 * median(found.optimizer)
        remark = (
            f"median of {len(own)}; fastest {1e3 * own[0]:.1f}, slowest {1e3 * own[-1]:.1f}; "
            f"the optimizer's {optimizer:.1f} ms not counted"
        )
        return Budget("between generations of 1,000 × 20", 1e3 * median(own), 5.0, "ms", remark)

    yield best_of(arguments.repeats, measure)


def measure_memory(arguments: argparse.Namespace) -> Iterator[Budget]:
    """The memory of the leader."""
    many, one = max(20_000, int(200_000 * arguments.scale)), max(20_000, int(100_000 * arguments.scale))
    found = fresh(many_generations, many, arguments.folder)
    what = "leader's memory an individual"
    yield Budget(f"{what}, growth", found.growth / 1000, 2.0, "kB", f"{many:,} in generations of 1,000")
    yield Budget(f"{what}, peak", found.peak / 1000, 2.0, "kB", "the same, with verifying and reading at the end")
    peak = fresh(one_generation, one, arguments.folder) / 1000
    yield Budget(f"{what}, one generation", peak, 2.0, "kB", f"peak, {one:,} at once")


def measure_resume(arguments: argparse.Namespace) -> Iterator[Budget]:
    """Resuming after a kill."""
    trials = max(5_000, int(100_000 * arguments.scale))
    for name, steady in (("generational", False), ("steady state", True)):
        found = fresh(resumption, trials, steady, arguments.folder)
        remark = f"{found.finished:,} trials; the optimizer's {found.reask:.1f} s not counted"
        yield Budget(f"l2l resume after kill -9, {name}", found.seconds - found.reask, 30.0, "s", remark)
        yield Budget(f"finished trials run again, {name}", found.repeated, 0.0, "")


def measure_idle(arguments: argparse.Namespace) -> Iterator[Budget]:
    """Idle workers while trials wait."""
    for steady in (False, True):
        for spread in (0.0, 1.0):
            for seconds in (0.001, 0.01, 0.1):
                kind = Kind(seconds, spread, steady)

                def measure(kind: Kind = kind) -> Budget:
                    found = fresh(idle, kind, max(0.5, 4.0 * arguments.scale), 2, arguments.folder)
                    ready = f"{100 * found.ready:.2g} % with waits for a core"
                    remark = f"{found.trials:,} trials in {found.seconds:.1f} s; {ready}"
                    return Budget(f"idle worker, {kind}", 100 * found.share, 2.0, "%", remark)

                yield best_of(arguments.repeats, measure)


MEASURES: dict[str, Measure] = {
    "import": measure_import,
    "throughput": measure_throughput,
    "turnaround": measure_turnaround,
    "memory": measure_memory,
    "resume": measure_resume,
    "idle": measure_idle,
}


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=MEASURES, default=list(MEASURES), metavar="WHAT", help=", ".join(MEASURES)
    )
    parser.add_argument("--scale", type=float, default=1.0, help="how much to run, as a share of the usual")
    parser.add_argument("--repeats", type=int, default=3, help="how often at most, where a busy machine disturbs")
    parser.add_argument("--tighten", type=float, default=1.0, help="divide the budgets by this, to see them break")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where runs are written (and removed)")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and say by the exit code whether all budgets are kept."""
    arguments = parsed()
    if "throughput" in arguments.only and not find_spec("optuna"):
        sys.exit("throughput is measured beside Optuna: pip install 'l2l[bench]', or leave it out with --only")
    print(f"{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n", flush=True)
    others = Others()
    budgets: list[Budget] = []
    for name in arguments.only:
        for budget in MEASURES[name](arguments):
            budgets.append(replace(budget, limit=budget.limit / arguments.tighten))
            print(f"… {budget.what}: {number(budget.measured)} {budget.unit}", file=sys.stderr, flush=True)
    print(budget_table(budgets))
    print(f"\nOther programs used {others.share:.0%} of the cores meanwhile; the more, the longer all times.")
    broken = [budget.what for budget in budgets if not budget.kept]
    print(f"{len(broken)} of {len(budgets)} budgets broken{': ' if broken else ''}{'; '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
