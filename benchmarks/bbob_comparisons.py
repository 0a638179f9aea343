"""Runs of contenders held against each other: shares of targets reached, expected running times, what must hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from bbob_runs import SEVEN, Run, Table, Task
from tables import Budget, number, table

BUDGETS = (10, 30, 100, 300, 1000)
"""Evaluations a dimension at which shares are printed."""
JUDGED = 100
"""The budget at which our best is held against the best peer."""
PAIRS = {
    "cma-es": ("pycma",),
    "differential-evolution": ("scipy de", "nevergrad de"),
    "genetic-algorithm": ("deap plain", "deap sbx"),
    "tpe": ("optuna tpe batches",),
    "tpe:population=1": ("optuna tpe",),
    "gaussian-process:population=1": ("optuna gp",),
    "random": ("optuna random",),
}
"""Ours, with or without options, and the peers that implement the same algorithm and are told results as often."""
RATIO = 1.05
"""How many times as many evaluations as pycma our CMA-ES may need."""

Found = Mapping[str, Mapping[Task, Run]]
"""Contender → its runs, of each problem the longest."""


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


def _reached(one: Table, budget: int, targets: Sequence[int] | slice = slice(None)) -> np.ndarray:
    """(n,) share of the targets reached on each problem."""
    return (one.times[:, targets] <= budget * one.dimensions[:, None]).mean(axis=1)


@dataclass(frozen=True, slots=True)
class Share:
    """What a contender reached in a dimension.

    Args:
        instances: Of each function.
        at: Evaluations a dimension → share of the seven targets; only what it could afford.
    """

    instances: int
    at: Mapping[int, float]


def shares(found: Found, functions: Sequence[int], dimensions: Sequence[int]) -> dict[str, dict[int, Share]]:
    """Contender → dimension → what it reached on the instances that it ran of every function, if there are any."""
    result: dict[str, dict[int, Share]] = {}
    for name, runs in found.items():
        for dimension in dimensions:
            ran = {(task.function, task.instance): run for task, run in runs.items() if task.dimension == dimension}
            instances = set.intersection(*({i for f, i in ran if f == function} for function in functions))
            here = [run for (_, instance), run in ran.items() if instance in instances]
            if here:
                limit = min(run.task.budget for run in here)
                whole = Table(here, limit)
                at = {budget: whole.share(budget) for budget in BUDGETS if budget <= limit}
                result.setdefault(name, {})[dimension] = Share(len(instances), at)
    return result


def share_table(reached: Mapping[str, Mapping[int, Share]], dimension: int) -> str:
    """Shares by budget in one dimension, best first; a dash where a contender could not afford it."""
    here = {name: by[dimension] for name, by in reached.items() if dimension in by}
    order = sorted(here, key=lambda name: -here[name].at.get(JUDGED, -1.0))
    rows = [
        [name, *(_cell(here[name].at.get(budget)) for budget in BUDGETS), f"{here[name].instances}"] for name in order
    ]
    return table([f"{dimension} dimensions", *(f"{budget} d" for budget in BUDGETS), "instances"], rows)


def dimension_table(reached: Mapping[str, Mapping[int, Share]], dimensions: Sequence[int], budget: int) -> str:
    """Shares by dimension at one budget, best of the first dimension first."""
    rows = []
    for name, by in reached.items():
        cells = {dimension: by[dimension].at.get(budget) for dimension in dimensions if dimension in by}
        if any(share is not None for share in cells.values()):
            instances = [str(by[dimension].instances) if dimension in by else "-" for dimension in dimensions]
            row = [name, *(_cell(cells.get(dimension)) for dimension in dimensions), " ".join(instances)]
            rows.append((cells.get(dimensions[0]) or 0.0, row))
    rows.sort(key=lambda row: -row[0])
    head = [f"{budget} d", *(f"{dimension} dimensions" for dimension in dimensions), "instances"]
    return table(head, [row for _, row in rows])


def _cell(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def comma_separated(reached: Mapping[str, Mapping[int, Share]]) -> str:
    """All shares, a line each."""
    lines = [
        f'"{name}",{dimension},{share.instances},{budget},{value:.4f}'
        for name, by in reached.items()
        for dimension, share in by.items()
        for budget, value in share.at.items()
    ]
    return "\n".join(["contender,dimensions,instances,evaluations a dimension,share of targets", *lines, ""])


def ratio_table(found: Found, peer: str) -> str:
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


def requirements(found: Found, own: Sequence[str]) -> Iterator[Budget]:
    """What must hold of the contenders that ran."""
    for text in own:
        for peer in PAIRS.get(text, PAIRS.get(text.partition(":")[0], ())):
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


def _best(found: Found, own: set[str]) -> Iterator[Budget]:
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
                    each = np.subtract(*(_reached(one, JUDGED, SEVEN) for one in tables))
                    error = 200 * float(each.std() / np.sqrt(len(each)))
                    remark = f"{name} {mine:.3f}, {peer} {theirs:.3f}, ± {error:.1f} (two standard errors)"
                    against.append((theirs - mine, f"{remark}; {len(each)} problems"))
            if against:
                worst = max(worst or (-1.0, ""), min(against))
        if worst:
            what = f"our best misses of the best peer's targets, {JUDGED} d, {dimension} dimensions"
            yield Budget(what, 100 * worst[0], 0.0, "%", worst[1])
