"""Quality of the optimizers on COCO's BBOB suite, beside peers: shares of targets reached, expected running times.

    python benchmarks/bbob.py --folder bbob                # everything; may be stopped and continued
    python benchmarks/bbob.py --folder bbob --only cma-es pycma --dimensions 5 --instances 10
    python benchmarks/bbob.py --folder bbob --only differential-evolution:population=30 "scipy de"
    python benchmarks/bbob.py --folder bbob --print                            # tables of what is there

A target is a distance to the optimum: 10, 1, 0.1, 0.01, 1e-4, 1e-6, 1e-8 for shares, 51 from 100 to 1e-8 for running
times. Slow contenders run as far as they can afford; each comparison is made on the problems and up to the budget that
both have. Exits with 1 where a requirement is broken. Needs `pip install l2l[bench]`.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from bbob_runs import Results, Run, Table, Task
from solvers import PEERS, Contender, ours
from tables import Budget, budget_table, number, table
from threadpoolctl import threadpool_limits

from l2l.registry import names

BUDGETS = (10, 30, 100, 300, 1000)
"""Evaluations a dimension at which shares are printed."""
JUDGED = 100
"""The budget at which our best is held against the best peer."""
PAIRS = {
    "cma-es": ("pycma",),
    "differential-evolution": ("scipy de", "nevergrad de"),
    "genetic-algorithm": ("deap plain", "deap sbx"),
    "tpe": ("optuna tpe",),
    "random": ("optuna random",),
}
"""Ours and the peers that implement the same algorithm."""
UNSUITED = {"grid", "islands", "ensemble-kalman", "map-elites", "nsga2", "nsga3", "parallel-tempering"}
"""Ours that explore, sample, or want something else than one number to minimize."""
VARIANTS = ("cma-es:model=quadratic", "differential-evolution:evaluations=budget")
"""Ours with other options than their defaults."""
RATIO = 1.05
"""How many times as many evaluations as pycma our CMA-ES may need."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A contender held against another on the problems and up to the budget that both have.

    Args:
        ratio: Of expected running times, geometric mean over targets that both reached, then over problems; below 1 the
            first is faster.
        low: End of its 95 % interval (bootstrap over functions and dimensions).
        high: The other end.
        only: Targets of (function, dimension) that the first alone reached.
        peer_only: That the second alone reached.
        difference: Of the shares of all 51 targets, mean over budgets; above 0 the first is better.
        error: Its standard error over problems.
        budget: Evaluations a dimension.
        problems: That both ran.
    """

    ratio: float
    low: float
    high: float
    only: int
    peer_only: int
    difference: float
    error: float
    budget: int
    problems: int


def common(one: Mapping[Task, Run], other: Mapping[Task, Run]) -> tuple[Table, Table] | None:
    """Both on the problems that both ran, cut at the budget that both have; None where there are none."""
    first, second = ({(t.function, t.dimension, t.instance): run for t, run in runs.items()} for runs in (one, other))
    shared = first.keys() & second.keys()
    if not shared:
        return None
    budget = min(run.task.budget for runs in (first, second) for key, run in runs.items() if key in shared)
    return Table([first[key] for key in shared], budget), Table([second[key] for key in shared], budget)


def compared(one: Mapping[Task, Run], other: Mapping[Task, Run]) -> Comparison | None:
    """The first held against the second."""
    tables = common(one, other)
    if tables is None:
        return None
    first, second = tables
    logs, only, peer_only = [], 0, 0
    for key, mine in first.expected.items():
        yours = second.expected[key]
        both = np.isfinite(mine) & np.isfinite(yours)
        only += int((np.isfinite(mine) & ~both).sum())
        peer_only += int((np.isfinite(yours) & ~both).sum())
        if both.any():
            logs.append(float(np.log(mine[both] / yours[both]).mean()))
    drawn = np.random.default_rng(0).choice(logs or [np.nan], size=(2000, max(1, len(logs)))).mean(axis=1)
    budgets = [budget for budget in BUDGETS if budget <= first.budget]
    differences = np.mean([_reached(first, budget) - _reached(second, budget) for budget in budgets], axis=0)
    return Comparison(
        float(np.exp(np.mean(logs or [np.nan]))),
        *np.exp(np.quantile(drawn, (0.025, 0.975))).tolist(),
        only,
        peer_only,
        float(differences.mean()),
        float(differences.std() / np.sqrt(len(differences))),
        first.budget,
        len(differences),
    )


def _reached(one: Table, budget: int) -> np.ndarray:
    return (one.times <= budget * one.dimensions[:, None]).mean(axis=1)


def share_table(found: Mapping[str, Mapping[Task, Run]], dimension: int | None) -> str:
    """Shares of the seven targets by budget, best first; a dash where a contender could not afford it."""
    rows = []
    for name, runs in found.items():
        chosen = [run for task, run in runs.items() if dimension in {None, task.dimension}]
        if not chosen:
            continue
        limit = min(run.task.budget for run in chosen)
        whole = Table(chosen, limit)
        shares = [whole.share(budget) if budget <= limit else np.nan for budget in BUDGETS]
        rows.append((name, shares))
    rows.sort(key=lambda row: -row[1][BUDGETS.index(JUDGED)] if np.isfinite(row[1][BUDGETS.index(JUDGED)]) else 1.0)
    cells = [[name, *(f"{share:.3f}" if np.isfinite(share) else "-" for share in shares)] for name, shares in rows]
    head = "all dimensions" if dimension is None else f"{dimension} dimensions"
    return table([head, *(f"{budget} d" for budget in BUDGETS)], cells)


def dimension_table(found: Mapping[str, Mapping[Task, Run]], dimensions: Sequence[int], budget: int) -> str:
    """Shares of the seven targets by dimension at one budget, best of the first dimension first."""
    rows = []
    for name, runs in found.items():
        afford = [run for task, run in runs.items() if task.budget >= budget]
        by = [[run for run in afford if run.task.dimension == dimension] for dimension in dimensions]
        shares = [Table(here, budget).share(budget) if here else np.nan for here in by]
        if afford:
            rows.append((float(np.nansum(shares[:1])), [name, *("-" if np.isnan(s) else f"{s:.3f}" for s in shares)]))
    rows.sort(key=lambda row: -row[0])
    return table([f"{budget} d", *(f"{dimension} dimensions" for dimension in dimensions)], [row for _, row in rows])


def ratio_table(found: Mapping[str, Mapping[Task, Run]], peer: str) -> str:
    """Every contender held against one."""
    rows = []
    for name, runs in found.items():
        one = compared(runs, found[peer]) if name != peer else None
        if one is not None:
            interval = f"{number(one.low)} to {number(one.high)}"
            alone = f"{one.only:,} / {one.peer_only:,}"
            rows.append([name, number(one.ratio), interval, alone, f"{one.budget} d", f"{one.problems}"])
    rows.sort(key=lambda row: float(row[1].replace(",", "")))
    return table([f"beside {peer}", "ERT ratio", "95 %", "targets alone / peer alone", "budget", "problems"], rows)


def requirements(found: Mapping[str, Mapping[Task, Run]], own: Sequence[str]) -> Iterator[Budget]:
    """What must hold of the contenders that ran."""
    for text in own:
        for peer in PAIRS.get(text.partition(":")[0], ()):
            one = compared(found[text], found[peer]) if peer in found else None
            if one is None:
                continue
            if peer == "pycma":
                remark = f"95 %: {number(one.low)} to {number(one.high)}"
                yield Budget(f"{text}, expected running time beside {peer}", one.ratio, RATIO, "×", remark)
            remark = f"± {200 * one.error:.2f} (two standard errors); to {one.budget} d"
            missing = -100 * one.difference
            yield Budget(f"{text}, targets missing beside {peer}", missing, 200 * one.error, "%", remark)
    yield from _best(found, set(own))


def _best(found: Mapping[str, Mapping[Task, Run]], own: set[str]) -> Iterator[Budget]:
    """At the judged budget our best against each peer, on the problems that both ran; of each dimension the worst."""
    for dimension in sorted({task.dimension for runs in found.values() for task in runs}):
        here = {
            name: {task: run for task, run in runs.items() if task.dimension == dimension and task.budget >= JUDGED}
            for name, runs in found.items()
        }
        worst: tuple[float, str] | None = None
        for peer in sorted(here.keys() - own):
            against = []
            for name in own:
                if tables := common(here[name], here[peer]):
                    mine, theirs = (one.share(JUDGED) for one in tables)
                    against.append((theirs - mine, f"{name} {mine:.3f}, {peer} {theirs:.3f}"))
            if against:
                worst = max(worst or (-1.0, ""), min(against))
        if worst:
            what = f"our best misses of the best peer's targets, {JUDGED} d, {dimension} dimensions"
            yield Budget(what, 100 * worst[0], 0.0, "%", worst[1])


def perform(contender: Contender, tasks: Sequence[Task]) -> list[Run]:
    """Run some tasks, in a process and on a core of its own."""
    threadpool_limits(1)
    return [contender.run(task) for task in tasks]


def measure(contenders: Sequence[Contender], arguments: argparse.Namespace, results: Results) -> None:
    """Run what is not there yet, many functions at a time, and keep it as it comes."""
    jobs: list[tuple[Contender, list[Task]]] = []
    for contender in contenders:
        done = results.of(contender.name)
        for dimension in arguments.dimensions:
            if dimension > contender.largest:
                continue
            for function in arguments.functions:
                instances = range(1, min(arguments.instances, contender.instances) + 1)
                tasks = [Task(function, dimension, i, min(arguments.budget, contender.most)) for i in instances]
                if missing := [task for task in tasks if task not in done]:
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
    parser.add_argument("--print", action="store_true", help="run nothing")
    return parser.parse_args()


def chosen(texts: Sequence[str] | None) -> list[Contender]:
    """The contenders that can run here; says which cannot."""
    known = [name for name in names("optimizer") if name not in UNSUITED]
    contenders = [PEERS.get(text) or ours(text) for text in (texts or [*known, *VARIANTS, *PEERS])]
    for one in contenders:
        if one.missing:
            print(f"left out: {one.name} ({one.missing} is not installed)", file=sys.stderr)
    return [one for one in contenders if not one.missing]


def main() -> int:
    """Measure, print, and say by the exit code whether all requirements are met."""
    arguments = parsed()
    contenders = chosen(arguments.only)
    versions = {"coco-experiment": version("coco-experiment"), "numpy": version("numpy")}
    for one in contenders:
        versions |= one.versions()
    results = Results(arguments.folder, versions)
    if not arguments.print:
        measure(contenders, arguments, results)
    found = {}
    for one in contenders:
        runs = {task: run for task, run in results.of(one.name).items() if _wanted(task, arguments)}
        longest = {(t.function, t.dimension, t.instance): t for t in sorted(runs, key=lambda task: task.budget)}
        if runs:
            found[one.name] = {task: runs[task] for task in longest.values()}
    print(", ".join(f"{name} {number}" for name, number in sorted(results.versions.items())))
    print(
        f"functions {_range(arguments.functions)}, instances 1 to {arguments.instances}, "
        f"at most {arguments.budget} evaluations a dimension\n"
    )
    print(dimension_table(found, arguments.dimensions, JUDGED), end="\n\n")
    for dimension in (None, *arguments.dimensions):
        print(share_table(found, dimension), end="\n\n")
    if arguments.beside in found:
        print(ratio_table(found, arguments.beside), end="\n\n")
    budgets = list(requirements(found, [one.name for one in contenders if one.own and one.name in found]))
    print(budget_table(budgets))
    broken = [budget.what for budget in budgets if not budget.kept]
    print(f"\n{len(broken)} of {len(budgets)} requirements broken{': ' if broken else ''}{'; '.join(broken)}")
    return 1 if broken else 0


def _wanted(task: Task, arguments: argparse.Namespace) -> bool:
    return (
        task.function in arguments.functions
        and task.dimension in arguments.dimensions
        and task.instance <= arguments.instances
        and task.budget <= arguments.budget
    )


def _range(functions: Sequence[int]) -> str:
    whole = list(functions) == list(range(functions[0], functions[-1] + 1))
    return f"{functions[0]} to {functions[-1]}" if whole else ", ".join(map(str, functions))


if __name__ == "__main__":
    sys.exit(main())
