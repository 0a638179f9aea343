"""What our optimizers add to the thinking of the libraries that they rest on: time of one ask and tell.

    python benchmarks/ask_tell.py                                   # about six minutes
    python benchmarks/ask_tell.py --only cma-es --dimensions 100 --repeats 50

Ours and the library's own loop, with the same algorithm and options, take turns over a vector of reals in generations
of 100; costs are not timed. Processor times on one core are compared: the ratio of the quickest steps or that of the
median ones, whichever is smaller, since other work on the machine only ever adds. Exits with 1 where ours takes more
than 1.2 times as long as the library.

A library stays in the unit cube, while ours also decodes: natural values, rounded to 12 digits, as individuals. Where
that alone takes more than half of what is allowed on top, the budget is on the thinking, without the decoding. Designs
think nothing; optimizers that rest on no library stand beside that of another, or alone. These have no budget.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import ask_tell_peers as peers
import numpy as np
from ask_tell_peers import POPULATION, Floats, Step, costs_of, timed
from tables import Budget, budget_table, number, table
from threadpoolctl import threadpool_limits

from l2l.registry import build, names
from l2l.space import ParameterSpace, Real
from l2l.values import Results

ALLOWED = 1.2
"""Times as long as the library, at most."""
LONGEST = 30.0
"""Seconds of a step beyond which no larger dimension is tried."""
WARMING, LEAST = 2, 3
"""Steps before those that count, and of those that count."""
DATA = 10
"""Numbers of the observable that is told to those who want one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One of ours and what stands beside it.

    Args:
        peer: The same by a library; None where there is none.
        library: The peer's distribution.
        rests: Whether ours rests on it, and so has a budget.
        options: Of ours.
        objectives: Costs of each individual.
        largest: Dimension beyond which it is not tried.
        why: Why not.
    """

    peer: Callable[[int], Step] | None = None
    library: str = ""
    rests: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    objectives: int = 1
    largest: int = 10**9
    why: str = ""


SLOW = "takes {} itself longer than most simulations"
BEHAVIOUR = {"observables": ["left", "right"], "ranges": [[0.0, 1.0], [0.0, 1.0]]}
MIXTURE = {"distribution": "mixture"}
PAIRS = {
    "cma-es": Pair(peers.pycma, "cma", True),
    "genetic-algorithm": Pair(peers.deap_simple, "deap", True),
    "nsga2": Pair(peers.deap_nsga2, "deap", True, objectives=2),
    "nsga3": Pair(peers.deap_nsga3, "deap", True, objectives=3),
    "map-elites": Pair(peers.ribs_cma_me, "ribs", True, BEHAVIOUR),
    "cross-entropy: mixture": Pair(peers.sklearn_mixture, "scikit-learn", True, MIXTURE),
    "tpe": Pair(peers.optuna_tpe, "optuna", True, largest=100, why=SLOW.format("Optuna")),
    "sobol": Pair(peers.scipy_sobol, "scipy"),
    "latin-hypercube": Pair(peers.scipy_latin, "scipy"),
    "random": Pair(peers.numpy_random, "numpy"),
    "differential-evolution": Pair(peers.pymoo_de, "pymoo"),
    "natural-evolution-strategies: exponential": Pair(
        peers.cmaes_xnes, "cmaes", options={"kind": "exponential"}, largest=100, why="separable from 50 dimensions on"
    ),
    "natural-evolution-strategies": Pair(),
    "evolution-strategies": Pair(),
    "cross-entropy": Pair(),
    "face": Pair(),
    "gradient-descent": Pair(),
    "simulated-annealing": Pair(),
    "parallel-tempering": Pair(),
    "ensemble-kalman": Pair(options={"target": [0.3] * DATA, "time": None}),
    "islands": Pair(),
    "gaussian-process": Pair(largest=100, why="the model knows too little"),
}
"""Those that rest on a library, then the others; a grid of so many dimensions has too many points."""
PLUGIN = {name: name.partition(":")[0] for name in PAIRS}


def ours(pair: Pair, name: str, space: ParameterSpace) -> Step:
    """Of an optimizer of l2l."""
    optimizer = build("optimizer", {"name": PLUGIN[name], "seed": 1, "population": POPULATION, **pair.options}, space)

    def evaluate(individuals: Any) -> Sequence[Any]:
        points = np.array([one["x"] for one in individuals])
        costs = costs_of(points, pair.objectives)
        observables = {"output": points[:, None, :DATA], "left": points[:, None, 0], "right": points[:, None, 1]}
        every: Floats = costs.reshape(len(points), 1, -1)
        return costs, Results(every, observables, np.zeros_like(every[:, 0]), np.ones(len(points)))

    return lambda: timed(optimizer.ask, evaluate, optimizer.tell)


def decoding(space: ParameterSpace) -> Step:
    """Of a generation's points, alone."""
    points = np.random.default_rng(1).random((POPULATION, space.dimension))
    return lambda: timed(lambda: space.decode(points), lambda _: [], lambda _: None)


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds of steps, sorted.

    Args:
        own: Ours.
        decoding: Of a generation.
        peer: The library's; empty where there is none.
    """

    own: list[float]
    decoding: list[float]
    peer: list[float]

    @property
    def medians(self) -> list[float]:
        """Of ours, of the decoding, and of the peer where there is one."""
        return [times[len(times) // 2] for times in (self.own, self.decoding, self.peer) if times]

    @property
    def ratio(self) -> float:
        """Ours to the library's: the smaller of what the quickest steps say and what the median ones say."""
        return min(self.own[place] / self.peer[place] for place in (0, len(self.own) // 2))

    @property
    def thinking(self) -> float:
        """The same without the decoding."""
        places = (0, len(self.own) // 2)
        return min((self.own[place] - self.decoding[place]) / self.peer[place] for place in places)

    @property
    def decodes(self) -> bool:
        """Whether the decoding alone takes more than half of what is allowed on top of the library."""
        return self.medians[1] > 0.5 * (ALLOWED - 1.0) * self.medians[2]


def measured(name: str, pair: Pair, dimension: int, repeats: int, seconds: float) -> Found:
    """Steps of all by turns, after some of each to warm up; until they took so long, but at least three."""
    space = ParameterSpace(x=Real(0.0, 1.0, shape=dimension))
    steps = [ours(pair, name, space), decoding(space)] + ([pair.peer(dimension)] if pair.peer else [])
    times: tuple[list[float], ...] = ([], [], [])
    begin = time.perf_counter()
    for repeat in range(repeats + WARMING):
        for step, kept in zip(steps, times, strict=False):
            kept.append(step())
        if repeat + 1 >= WARMING + LEAST and time.perf_counter() - begin > seconds:
            break
    return Found(*(sorted(kept[WARMING:]) for kept in times))


def compared(name: str, pair: Pair, arguments: argparse.Namespace) -> tuple[list[list[str]], list[Budget]]:
    """The rows and the budgets of one pair."""
    rows, budgets, slowest = [], [], 0.0
    for dimension in sorted(arguments.dimensions):
        row = [name, f"{dimension:,}"]
        if dimension > pair.largest or slowest > LONGEST:
            rows.append([*row, *[""] * 4, pair.why or f"{number(slowest)} s a step before"])
            continue
        found = measured(name, pair, dimension, arguments.repeats, arguments.seconds)
        slowest = max(found.medians)
        row += [number(1e3 * seconds) for seconds in found.medians] + [""] * (3 - len(found.medians))
        row.append(f"{found.ratio:.2f}" if pair.peer else "")
        if pair.rests:
            value, what = (found.thinking, "thinking alone") if found.decodes else (found.ratio, "ask and tell")
            budget = Budget(
                f"{name}, {dimension:,} dimensions",
                value,
                ALLOWED / arguments.tighten,
                "times",
                f"{what}, as long as {pair.library}",
            )
            budgets.append(budget)
            row.append(f"{'kept' if budget.kept else 'BROKEN'}{f', thinking {value:.2f}' * found.decodes}")
        else:
            row.append(f"beside {pair.library}" if pair.peer else "")
        rows.append(row)
        print("… " + ", ".join(filter(None, row)), file=sys.stderr, flush=True)
    return rows, budgets


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [name for name in PAIRS if PLUGIN[name] in names("optimizer")]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="WHAT", help=", ".join(known))
    parser.add_argument("--dimensions", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    parser.add_argument("--repeats", type=int, default=30, help="steps at most")
    parser.add_argument("--seconds", type=float, default=4.0, help="for one comparison, once it has three steps")
    parser.add_argument("--tighten", type=float, default=1.0, help="divides what is allowed")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and say by the exit code whether our shares are small enough."""
    arguments = parsed()
    threadpool_limits(1)
    libraries = {PAIRS[name].library for name in arguments.only} | {"numpy", "scipy"}
    print(", ".join(f"{one} {version(one)}" for one in sorted(libraries - {""})), "\n")
    rows: list[list[str]] = []
    budgets: list[Budget] = []
    for name in arguments.only:
        more = compared(name, PAIRS[name], arguments)
        rows += more[0]
        budgets += more[1]
    head = ["one ask and tell", "dimensions", "l2l, ms", "of it decoding", "library, ms", "ratio", ""]
    print(table(head, rows), end="\n\n")
    print(budget_table(budgets))
    broken = [budget.what for budget in budgets if not budget.kept]
    print(f"\n{len(broken)} of {len(budgets)} budgets broken{': ' if broken else ''}{'; '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
