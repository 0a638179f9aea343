"""Quality of the optimizers on COCO's BBOB suite, beside peers: shares of targets reached, expected running times.

    python benchmarks/bbob.py --folder bbob                # everything; may be stopped and continued
    python benchmarks/bbob.py --folder bbob --only cma-es pycma --dimensions 5 --instances 10
    python benchmarks/bbob.py --folder bbob --only differential-evolution:population=30 "scipy de"
    python benchmarks/bbob.py --folder bbob --print --csv bbob.csv             # what is there, as tables

A target is a distance to the optimum: 10, 1, 0.1, 0.01, 1e-4, 1e-6, 1e-8 for shares, 51 from 100 to 1e-8 for running
times. Slow contenders run as far as they can afford; each comparison is made on the problems and up to the budget that
both have. Exits with 1 where a requirement is broken. Needs `pip install l2l[bench]`, and PyTorch for "optuna gp".
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from bbob_comparisons import (
    BUDGETS,
    JUDGED,
    Entrant,
    comma_separated,
    dimension_table,
    ratio_table,
    requirements,
    share_table,
    shares,
)
from bbob_runs import Problem, Results, Run, Task
from solvers import PEERS, Contender, ours
from tables import budget_table
from threadpoolctl import threadpool_limits

from l2l.registry import names

UNSUITED = {
    "grid",
    "points",
    "refine",
    "saltelli",
    "morris",
    "islands",
    "ensemble-kalman",
    "map-elites",
    "nsga2",
    "nsga3",
    "parallel-tempering",
}
"""Ours that explore, sample, or want something else than one number to minimize."""
VARIANTS = (
    "cma-es:model=quadratic",
    "differential-evolution:evaluations=budget",
    "gaussian-process:population=1",
    "tpe:population=1",
)
"""Ours with other options than their defaults."""


def perform(contender: Contender, tasks: Sequence[Task]) -> list[Run]:
    """Run some tasks, in a process and on a core of its own."""
    threadpool_limits(1)
    return [contender.run(Problem.of_bbob(task)) for task in tasks]


def measure(contenders: Sequence[Contender], arguments: argparse.Namespace, results: Results) -> None:
    """Run what is not there yet, many functions at a time, and keep it as it comes."""
    jobs: list[tuple[Contender, list[Task]]] = []
    for contender in contenders:
        budget = min(arguments.budget, contender.most)
        done = Entrant(results.of(contender.name), contender.told).at(budget)
        for dimension in arguments.dimensions:
            instances = range(1, contender.affords(dimension, arguments.instances) + 1)
            for function in arguments.functions:
                places = [(function, dimension, instance) for instance in instances]
                if missing := [Task(*place, budget) for place in places if place not in done]:
                    jobs.append((contender, missing))
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        waiting = {pool.submit(perform, *job): job for job in jobs}
        for count, future in enumerate(as_completed(waiting), 1):
            contender, tasks = waiting[future]
            results.add(contender.name, future.result())
            place = f"{contender.name}, function {tasks[0].function}, {tasks[0].dimension} dimensions"
            print(f"\r{count} of {len(jobs)}: {place}".ljust(100), end="", file=sys.stderr, flush=True)
    if jobs:
        print(file=sys.stderr)


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where runs are kept, to be continued or printed")
    parser.add_argument("--only", nargs="+", metavar="WHAT", help="ours by registered name and options; peers by name")
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 3, 5, 10, 20])
    parser.add_argument("--functions", type=int, nargs="+", default=list(range(1, 25)))
    parser.add_argument("--instances", type=int, default=3, help="of each function")
    parser.add_argument("--budget", type=int, default=1000, help="evaluations a dimension")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--beside", default="pycma", help="with which expected running times are compared")
    parser.add_argument("--print", action="store_true", help="run nothing, and need none of the contenders")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="where all shares are written")
    return parser.parse_args()


def named(texts: Sequence[str] | None) -> list[Contender]:
    """The contenders of these names; of all."""
    known = [name for name in names("optimizer") if name not in UNSUITED]
    return [PEERS.get(text) or ours(text) for text in (texts or [*known, *VARIANTS, *PEERS])]


def installed(contenders: Sequence[Contender]) -> list[Contender]:
    """Those that can run here; says which cannot."""
    for one in contenders:
        if one.missing:
            print(f"left out: {one.name} ({one.missing} is not installed)", file=sys.stderr)
    return [one for one in contenders if not one.missing]


def main() -> int:
    """Measure, print, and say by the exit code whether all requirements are met."""
    arguments = parsed()
    contenders, versions = named(arguments.only), {}
    if not arguments.print:
        contenders = installed(contenders)
        versions = {"coco-experiment": version("coco-experiment"), "numpy": version("numpy")}
        for one in contenders:
            versions |= one.versions()
    results = Results(arguments.folder, versions)
    if not arguments.print:
        measure(contenders, arguments, results)
    found = {
        one.name: Entrant(runs, one.told) for one in contenders if (runs := _wanted(results.of(one.name), arguments))
    }
    print(", ".join(f"{name} {number}" for name, number in sorted(results.versions.items())))
    print(
        f"functions {_range(arguments.functions)}, instances 1 to {arguments.instances}, "
        f"at most {arguments.budget} evaluations a dimension\n"
    )
    reached = shares(found, arguments.functions, arguments.dimensions)
    for budget in (JUDGED, BUDGETS[-1]):
        print(dimension_table(reached, arguments.dimensions, budget), end="\n\n")
    for dimension in sorted({dimension for _, dimension, _ in reached}):
        print(share_table(reached, dimension), end="\n\n")
    if arguments.csv:
        arguments.csv.write_text(comma_separated(reached))
    if arguments.beside in found:
        print(ratio_table(found, arguments.beside), end="\n\n")
    budgets = list(requirements(found, [one.name for one in contenders if one.own and one.name in found]))
    print(budget_table(budgets))
    broken = [budget.what for budget in budgets if not budget.kept]
    print(f"\n{len(broken)} of {len(budgets)} requirements broken{': ' if broken else ''}{'; '.join(broken)}")
    return 1 if broken else 0


def _wanted(runs: Mapping[Task, Run], arguments: argparse.Namespace) -> dict[Task, Run]:
    return {
        task: run
        for task, run in runs.items()
        if task.function in arguments.functions
        and task.dimension in arguments.dimensions
        and task.instance <= arguments.instances
        and task.budget <= arguments.budget
    }


def _range(functions: Sequence[int]) -> str:
    whole = list(functions) == list(range(functions[0], functions[-1] + 1))
    return f"{functions[0]} to {functions[-1]}" if whole else ", ".join(map(str, functions))


if __name__ == "__main__":
    sys.exit(main())
