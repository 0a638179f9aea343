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

Place = tuple[int, int, int]
"""Function, dimension, instance."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """All runs of a contender.

    Args:
        runs: By what was to be done.
        told: Whether it knew how many evaluations it had, and shared them out: cut short, such a run says nothing.
    """

    runs: Mapping[Task, Run]
    told: bool = False

    def at(self, budget: int) -> dict[Place, Run]:
        """The run of each problem that shows what is reached with so many evaluations a dimension, the longest."""
        order = sorted(self.runs, key=lambda task: task.budget)
        fit = [task for task in order if task.budget == budget or (task.budget > budget and not self.told)]
        return {(task.function, task.dimension, task.instance): self.runs[task] for task in fit}


Found = Mapping[str, Entrant]
"""Contender → its runs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A contender held against another on the problems and at the budget that both have.

    Args:
        ratio: Of expected running times, geometric mean over targets that both reached, then over problems; below 1 the
            first is faster.
        low: End of its 95 % interval (bootstrap over functions and dimensions).
        high: The other end.
        only: Targets of (function, dimension) that the first alone reached.
        peer_only: That the second alone reached.
        difference: Of the shares of all 51 targets, mean over budgets, or at the last alone where one was told it;
            above 0 the first is better.
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


def common(one: Entrant, other: Entrant) -> tuple[Table, Table] | None:
    """Both on the problems that both ran, at the budget that most have, of several the largest; None without any."""
    shared: dict[int, tuple[Mapping[Place, Run], Mapping[Place, Run]]] = {}
    for budget in {task.budget for runs in (one.runs, other.runs) for task in runs}:
        first, second = one.at(budget), other.at(budget)
        both = first.keys() & second.keys()
        shared[budget] = {key: first[key] for key in both}, {key: second[key] for key in both}
    budget = max(shared, key=lambda budget: (len(shared[budget][0]), budget), default=0)
    if not shared or not shared[budget][0]:
        return None
    return Table(shared[budget][0].values(), budget), Table(shared[budget][1].values(), budget)


def compared(one: Entrant, other: Entrant) -> Comparison | None:
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
    budgets = [budget for budget in BUDGETS if budget < first.budget and not (one.told or other.told)]
    budgets.append(first.budget)
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
    """What a contender reached in a dimension with a budget.

    Args:
        value: Share of the seven targets.
        instances: Of each function.
    """

    value: float
    instances: int


Shares = Mapping[tuple[str, int, int], Share]
"""(contender, dimension, evaluations a dimension) → what was reached; only what the contender could afford."""


def shares(found: Found, functions: Sequence[int], dimensions: Sequence[int]) -> dict[tuple[str, int, int], Share]:
    """What was reached on the instances that a contender ran of every function."""
    result = {}
    for name, entrant in found.items():
        for budget in BUDGETS:
            runs = entrant.at(budget)
            for dimension in dimensions:
                of = [{i for f, d, i in runs if (f, d) == (function, dimension)} for function in functions]
                instances = set.intersection(*of)
                here = [run for (_, d, instance), run in runs.items() if d == dimension and instance in instances]
                if here:
                    result[name, dimension, budget] = Share(Table(here, budget).share(budget), len(instances))
    return result


def share_table(reached: Shares, dimension: int) -> str:
    """Shares by budget in one dimension, best first; a dash where a contender could not afford it."""
    ours = list(dict.fromkeys(name for name, d, _ in reached if d == dimension))
    cells = {name: [reached.get((name, dimension, budget)) for budget in BUDGETS] for name in ours}
    order = sorted(ours, key=lambda name: -_value(reached.get((name, dimension, JUDGED))))
    rows = [[name, *map(_cell, cells[name]), _instances(cells[name])] for name in order]
    return table([f"{dimension} dimensions", *(f"{budget} d" for budget in BUDGETS), "instances"], rows)


def dimension_table(reached: Shares, dimensions: Sequence[int], budget: int) -> str:
    """Shares by dimension at one budget, best of the first dimension first."""
    names = list(dict.fromkeys(name for name, _, b in reached if b == budget))
    cells = {name: [reached.get((name, dimension, budget)) for dimension in dimensions] for name in names}
    rows = [[name, *map(_cell, cells[name]), _instances(cells[name])] for name in names]
    rows.sort(key=lambda row: -_value(cells[row[0]][0]))
    return table([f"{budget} d", *(f"{dimension} dimensions" for dimension in dimensions), "instances"], rows)


def _value(share: Share | None) -> float:
    return -1.0 if share is None else share.value


def _instances(shares: Sequence[Share | None]) -> str:
    return " ".join("-" if share is None else str(share.instances) for share in shares)


def _cell(share: Share | None) -> str:
    return "-" if share is None else f"{share.value:.3f}"


def comma_separated(reached: Shares) -> str:
    """All shares, a line each."""
    lines = [
        f'"{name}",{dimension},{share.instances},{budget},{share.value:.4f}'
        for (name, dimension, budget), share in reached.items()
    ]
    return "\n".join(["contender,dimensions,instances,evaluations a dimension,share of targets", *lines, ""])


def ratio_table(found: Found, peer: str) -> str:
    """Every contender held against one."""
    rows = []
    for name, entrant in found.items():
        one = compared(entrant, found[peer]) if name != peer else None
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
    for dimension in sorted({task.dimension for entrant in found.values() for task in entrant.runs}):
        here = {name: _judged(entrant, dimension) for name, entrant in found.items()}
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


def _judged(entrant: Entrant, dimension: int) -> Entrant:
    """Its runs in a dimension that show what is reached with the judged budget."""
    return Entrant({run.task: run for run in entrant.at(JUDGED).values() if run.task.dimension == dimension})
