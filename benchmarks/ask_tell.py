"""What our optimizers add to the thinking of the libraries that they rest on: time of one ask and tell.

    python benchmarks/ask_tell.py                                   # about ten minutes
    python benchmarks/ask_tell.py --only cma-es --dimensions 100 --repeats 50

Ours and the library's own loop, with the same algorithm and options, take turns over a vector of reals; costs are not
timed. The smallest and the median of their processor times on one core are compared. A design's library makes points
of the unit cube and thinks nothing; what is on top of it is decoding, which is shown and has no budget. Exits with 1
where our share is more than 20 % on top.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tables import Budget, budget_table, number, table
from threadpoolctl import threadpool_limits

from l2l.registry import build, names
from l2l.space import ParameterSpace, Real

Floats = NDArray[np.float64]
Step = Callable[[], float]
"""One ask and one tell; the seconds of both."""

POPULATION = 100
ON_TOP = 0.2
"""Our share, at most, of the library's time."""
LONGEST = 20.0
"""Seconds of a step beyond which no larger dimension is tried."""


def costs_of(points: Floats) -> Floats:
    """(n,) something to minimize."""
    return np.asarray(((points - 0.3) ** 2).sum(axis=1))


def two_costs_of(points: Floats) -> Floats:
    """(n, 2) something with a front."""
    return np.stack([costs_of(points), ((points - 0.7) ** 2).sum(axis=1)], axis=1)


def timed(ask: Callable[[], Any], evaluate: Callable[[Any], Any], tell: Callable[[Any, Any], None]) -> float:
    """Seconds of the asking and the telling."""
    begin = time.process_time()
    asked = ask()
    between = time.process_time()
    costs = evaluate(asked)
    again = time.process_time()
    tell(asked, costs)
    return time.process_time() - again + between - begin


def ours(name: str, dimension: int, options: Mapping[str, Any], objectives: int) -> Step:
    """Of an optimizer of l2l."""
    space = ParameterSpace(x=Real(0.0, 1.0, shape=dimension))
    optimizer = build("optimizer", {"name": name, "seed": 1, "population": POPULATION, **options}, space)
    cost = costs_of if objectives == 1 else two_costs_of

    def evaluate(individuals: Any) -> Floats:
        return cost(np.array([one["x"] for one in individuals]))

    return lambda: timed(optimizer.ask, evaluate, optimizer.tell)


def pycma(dimension: int) -> Step:
    """Of pycma in the unit cube, diagonal from where ours is."""
    import cma

    options = {"bounds": [0.0, 1.0], "popsize": POPULATION, "seed": 1, "verbose": -9, "verb_log": 0}
    options |= {"CMA_diagonal": dimension >= 500, "signals_filename": ""}
    strategy = cma.CMAEvolutionStrategy(np.full(dimension, 0.5), 0.25, options)

    def tell(points: Any, costs: Any) -> None:
        strategy.tell(points, costs)
        strategy.stop()

    return lambda: timed(strategy.ask, lambda asked: costs_of(np.array(asked)).tolist(), tell)


def _genomes(dimension: int, objectives: int) -> tuple[Any, list[Any]]:
    from deap import base, creator, tools

    name = f"Asked{objectives}"
    if not hasattr(creator, name):
        creator.create(f"{name}Cost", base.Fitness, weights=(-1.0,) * objectives)
        creator.create(name, list, fitness=getattr(creator, f"{name}Cost"))
    bounds = {"eta": 15.0, "low": 0.0, "up": 1.0}
    toolbox = base.Toolbox()
    toolbox.register("mate", tools.cxSimulatedBinaryBounded, **bounds)
    toolbox.register("mutate", tools.mutPolynomialBounded, indpb=1.0 / dimension, **bounds)
    rows = np.random.default_rng(1).random((POPULATION, dimension)).tolist()
    return toolbox, [getattr(creator, name)(row) for row in rows]


def _evaluate(individuals: Any) -> None:
    objectives = len(individuals[0].fitness.weights)
    for one, cost in zip(individuals, (costs_of, two_costs_of)[objectives - 1](np.array(individuals)), strict=True):
        one.fitness.values = np.atleast_1d(cost).tolist()


def deap_simple(dimension: int) -> Step:
    """Of DEAP: tournaments, simulated binary crossover, polynomial mutation."""
    from deap import algorithms, tools

    toolbox, population = _genomes(dimension, 1)
    _evaluate(population)
    random.seed(1)
    state = [population]

    def ask() -> Any:
        parents = tools.selTournament(state[0], POPULATION, tournsize=3)
        return algorithms.varAnd(parents, toolbox, 0.9, 1.0)

    def tell(children: Any, _: None) -> None:
        state[0] = children

    return lambda: timed(ask, _evaluate, tell)


def deap_nsga2(dimension: int) -> Step:
    """Of DEAP: the loop of its example of NSGA-II."""
    from deap import algorithms, tools

    toolbox, population = _genomes(dimension, 2)
    _evaluate(population)
    random.seed(1)
    state = [tools.selNSGA2(population, POPULATION)]

    def ask() -> Any:
        return algorithms.varAnd(tools.selTournamentDCD(state[0], POPULATION), toolbox, 0.9, 1.0)

    def tell(children: Any, _: None) -> None:
        state[0] = tools.selNSGA2(state[0] + children, POPULATION)

    return lambda: timed(ask, _evaluate, tell)


def optuna_tpe(dimension: int) -> Step:
    """Of Optuna: a batch of trials asked, then told."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space: dict[str, Any] = {
        f"x{place}": optuna.distributions.FloatDistribution(0.0, 1.0) for place in range(dimension)
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))

    def evaluate(trials: Any) -> Floats:
        return costs_of(np.array([list(trial.params.values()) for trial in trials]))

    def tell(trials: Any, costs: Floats) -> None:
        for trial, cost in zip(trials, costs.tolist(), strict=True):
            study.tell(trial, cost)

    return lambda: timed(lambda: [study.ask(space) for _ in range(POPULATION)], evaluate, tell)


def _design(engine: Any) -> Step:
    return lambda: timed(lambda: engine.random(POPULATION), costs_of, lambda asked, costs: None)


def scipy_sobol(dimension: int) -> Step:
    """Of SciPy's Sobol sequence."""
    from scipy.stats import qmc

    return _design(qmc.Sobol(dimension, rng=1))


def scipy_latin(dimension: int) -> Step:
    """Of SciPy's Latin hypercubes."""
    from scipy.stats import qmc

    return _design(qmc.LatinHypercube(dimension, rng=1))


@dataclass(frozen=True, slots=True)
class Pair:
    """One of ours and what it rests on.

    Args:
        library: Its distribution.
        peer: The same by the library alone.
        options: Of ours.
        objectives: Costs of each individual.
        largest: Dimension that the library can do.
        design: Whether it thinks nothing.
    """

    library: str
    peer: Callable[[int], Step]
    options: Mapping[str, Any]
    objectives: int = 1
    largest: int = 10**9
    design: bool = False


PAIRS = {
    "cma-es": Pair("cma", pycma, {}),
    "genetic-algorithm": Pair("deap", deap_simple, {}),
    "nsga2": Pair("deap", deap_nsga2, {}, 2),
    "sobol": Pair("scipy", scipy_sobol, {}, design=True),
    "latin-hypercube": Pair("scipy", scipy_latin, {}, design=True),
    "tpe": Pair("optuna", optuna_tpe, {}, largest=100),
}
"""Those that rest on a library."""


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds of steps, sorted.

    Args:
        own: Ours.
        peer: The library's.
    """

    own: list[float]
    peer: list[float]

    @property
    def on_top(self) -> float:
        """Our share of the library's time: the smaller of what the quickest steps say and what the median ones say."""
        middle = len(self.own) // 2
        return min(self.own[place] / self.peer[place] for place in (0, middle)) - 1.0


def measured(name: str, pair: Pair, dimension: int, repeats: int, seconds: float) -> Found:
    """Steps of both by turns, after two of each to warm up; until they took so long, but at least three."""
    steps = ours(name, dimension, pair.options, pair.objectives), pair.peer(dimension)
    times: tuple[list[float], list[float]] = [], []
    begin = time.perf_counter()
    for repeat in range(repeats + 2):
        for step, kept in zip(steps, times, strict=True):
            kept.append(step())
        if repeat >= 4 and time.perf_counter() - begin > seconds:
            break
    return Found(sorted(times[0][2:]), sorted(times[1][2:]))


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [name for name in PAIRS if name in names("optimizer")]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="WHAT", help=", ".join(known))
    parser.add_argument("--dimensions", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    parser.add_argument("--repeats", type=int, default=30, help="steps at most")
    parser.add_argument("--seconds", type=float, default=20.0, help="for one comparison, once it has three steps")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and say by the exit code whether our shares are small enough."""
    arguments = parsed()
    threadpool_limits(1)
    print(", ".join(f"{one} {version(one)}" for one in sorted({PAIRS[name].library for name in arguments.only})), "\n")
    rows, budgets = [], []
    for name in arguments.only:
        pair = PAIRS[name]
        longest = 0.0
        for dimension in sorted(arguments.dimensions):
            if dimension > pair.largest or longest > LONGEST:
                rows.append([name, f"{dimension:,}", "-", "-", "", f"takes {pair.library} itself too long"])
                continue
            found = measured(name, pair, dimension, arguments.repeats, arguments.seconds)
            longest = found.peer[0]
            middle = len(found.own) // 2
            times = [number(1e3 * one[middle]) for one in (found.own, found.peer)]
            rows.append([name, f"{dimension:,}", *times, f"{100 * found.on_top:+.0f} %", f"{len(found.own)} steps"])
            what = f"{name}, {dimension:,} dimensions"
            if not pair.design:
                budgets.append(Budget(what, 100 * found.on_top, 100 * ON_TOP, "%", f"on top of {pair.library}"))
            print(f"… {what}: {100 * found.on_top:+.0f} %", file=sys.stderr, flush=True)
    print(table(["one ask and tell", "dimensions", "l2l, ms", "library, ms", "on top", ""], rows), end="\n\n")
    print(budget_table(budgets))
    broken = [budget.what for budget in budgets if not budget.kept]
    print(f"\n{len(broken)} of {len(budgets)} budgets broken{': ' if broken else ''}{'; '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
