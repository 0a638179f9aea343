"""What runs on the BBOB suite: every optimizer of l2l by ask and tell, and its peers as their own manuals use them.

Whatever finishes before its evaluations are used up starts again with another seed.
"""

import math
import random
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from bbob_runs import HIGH, LOW, Enough, Problem, Run

from l2l.registry import build
from l2l.space import ParameterSpace, Real

Solve = Callable[[Problem, int], None]
"""Minimizes a problem from a seed until it is enough, or it has finished."""

SIGMA = 0.25
"""First step of CMA-ES as a share of the bounds' distance: l2l's default, and so the peer's."""
BUDGET = "budget"
"""Of an option: the evaluations that are left."""
TPE_BATCH = 10
"""Trials at a time: l2l's default population of `tpe`, and so the peer's."""
RESTARTS = 9
"""Doublings of the population of CMA-ES, in both."""


@dataclass(frozen=True, slots=True)
class Contender:
    """An optimizer that takes part.

    Args:
        name: In tables and file names.
        libraries: Whose versions matter.
        most: Evaluations a dimension that it can afford at most.
        instances: Dimension → of each function, at most, where it can afford so many; None where it can afford all.
        peer: Name of a function in this module; empty for an optimizer of l2l.
        options: Of the optimizer, with its registered name as `name`.
        told: Whether it knows how many evaluations it has.
    """

    name: str
    libraries: tuple[str, ...]
    most: int = 10**9
    instances: Mapping[int, int] | None = None
    peer: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    told: bool = False

    @property
    def own(self) -> bool:
        """Whether it is one of l2l's."""
        return not self.peer

    def affords(self, dimension: int, instances: int) -> int:
        """How many of so many instances of each function it can afford."""
        return instances if self.instances is None else min(instances, self.instances.get(dimension, 0))

    def versions(self) -> dict[str, str]:
        """Library → installed version."""
        return {library: version(library) for library in self.libraries}

    @property
    def missing(self) -> str | None:
        """The library that is not installed, if there is one."""
        for library in self.libraries:
            try:
                version(library)
            except PackageNotFoundError:
                return library
        return None

    def run(self, problem: Problem) -> Run:
        """Minimize until the evaluations are used up or the last target is reached."""
        task = problem.task
        begin = time.perf_counter()
        solve: Callable[..., None] = _ours if self.own else globals()[self.peer]
        start = 0
        try:
            while True:
                entropy = (task.function, task.dimension, task.instance, start)
                seed = int(np.random.SeedSequence(entropy).generate_state(1)[0]) % (2**31 - 1) + 1
                before = problem.evaluations
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of peers that converged, or call what will change
                    solve(problem, seed, **({"options": self.options} if self.own else {}))
                if problem.evaluations == before:
                    raise RuntimeError(f"{self.name} asks nothing on {task}")
                start += 1
        except Enough:
            return problem.run(time.perf_counter() - begin)


def _ours(problem: Problem, seed: int, options: Mapping[str, Any]) -> None:
    space = ParameterSpace({f"x{place}": Real(LOW, HIGH) for place in range(problem.dimension)})
    left = problem.budget - problem.evaluations
    given = {name: left if value == BUDGET else value for name, value in options.items()}
    optimizer = build("optimizer", {**given, "seed": seed}, space)
    while not optimizer.finished:
        individuals = optimizer.ask()
        if not individuals:
            return
        optimizer.tell(individuals, problem.many(np.array([one.row for one in individuals])))


def pycma(problem: Problem, seed: int) -> None:
    """The library pycma on [-5, 5]: the same first point, step, population, restarts and random numbers as ours."""
    import cma

    rng = np.random.default_rng(seed)
    begin = [np.zeros(problem.dimension)]

    def start() -> np.ndarray:
        return begin.pop() if begin else rng.uniform(LOW, HIGH, problem.dimension)

    options = {
        "bounds": [LOW, HIGH],
        "randn": lambda *shape: rng.standard_normal(shape),
        "seed": math.nan,
        "verbose": -9,
        "verb_log": 0,
        "signals_filename": "",
    }
    cma.fmin2(problem, start, SIGMA * (HIGH - LOW), options, restarts=RESTARTS, incpopsize=2)


def scipy_de(problem: Problem, seed: int) -> None:
    """SciPy's differential evolution with its defaults; it polishes what has converged."""
    from scipy.optimize import differential_evolution

    differential_evolution(problem, [(LOW, HIGH)] * problem.dimension, rng=seed, maxiter=10**6)


def _optuna(problem: Problem, sampler: Any, batch: int = 1) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    space: dict[str, Any] = {
        f"x{place}": optuna.distributions.FloatDistribution(LOW, HIGH) for place in range(problem.dimension)
    }
    while True:
        trials = [study.ask(space) for _ in range(batch)]
        costs = problem.many(np.array([list(trial.params.values()) for trial in trials]))
        for trial, cost in zip(trials, costs.tolist(), strict=True):
            study.tell(trial, cost)


def optuna_random(problem: Problem, seed: int) -> None:
    """Optuna's random sampler."""
    import optuna

    _optuna(problem, optuna.samplers.RandomSampler(seed=seed))


def optuna_tpe(problem: Problem, seed: int) -> None:
    """Optuna's tree-structured Parzen estimator with its defaults, one trial at a time."""
    import optuna

    _optuna(problem, optuna.samplers.TPESampler(seed=seed))


def optuna_tpe_batches(problem: Problem, seed: int) -> None:
    """The same, ten trials at a time, those under way counted as bad, as its manual recommends for several workers."""
    import optuna

    _optuna(problem, optuna.samplers.TPESampler(seed=seed, constant_liar=True), TPE_BATCH)


def optuna_gp(problem: Problem, seed: int) -> None:
    """Optuna's Gaussian process with its defaults, one trial at a time; it needs PyTorch."""
    import optuna
    import torch

    torch.set_num_threads(1)
    _optuna(problem, optuna.samplers.GPSampler(seed=seed))


def optuna_cma(problem: Problem, seed: int) -> None:
    """Optuna's CMA-ES sampler with its defaults."""
    import optuna

    _optuna(problem, optuna.samplers.CmaEsSampler(seed=seed))


def _nevergrad(problem: Problem, seed: int, name: str) -> None:
    import nevergrad
    from nevergrad.optimization import metamodel

    # NumPy 2.4 turns no array of one element into a float any more, on which Nevergrad 1.0 relies.
    metamodel.float = lambda value: np.asarray(value).item()
    parameters = nevergrad.p.Array(init=np.zeros(problem.dimension)).set_bounds(LOW, HIGH)
    parameters.random_state = np.random.RandomState(seed)
    left = problem.budget - problem.evaluations
    optimizer = nevergrad.optimizers.registry[name](parametrization=parameters, budget=left)
    for _ in range(left):
        candidate = optimizer.ask()
        optimizer.tell(candidate, problem(candidate.value))


def nevergrad_ngopt(problem: Problem, seed: int) -> None:
    """Nevergrad's own choice of an optimizer by dimension and budget, which it knows."""
    _nevergrad(problem, seed, "NGOpt")


def nevergrad_de(problem: Problem, seed: int) -> None:
    """Nevergrad's differential evolution with its defaults."""
    _nevergrad(problem, seed, "DE")


def _deap(problem: Problem, seed: int, crossover: float, mutation: float, operators: Mapping[str, Any]) -> None:
    from deap import algorithms, base, creator, tools

    if not hasattr(creator, "BenchmarkLowest"):
        creator.create("BenchmarkLowest", base.Fitness, weights=(-1.0,))
        creator.create("BenchmarkGenome", list, fitness=creator.BenchmarkLowest)
    random.seed(seed)
    toolbox = base.Toolbox()
    toolbox.register("gene", random.uniform, LOW, HIGH)
    toolbox.register("individual", tools.initRepeat, creator.BenchmarkGenome, toolbox.gene, problem.dimension)
    toolbox.register("evaluate", lambda one: (problem(one),))
    toolbox.register("select", tools.selTournament, tournsize=3)
    for name, (operator, options) in operators.items():
        toolbox.register(name, operator, **options)
    population = [toolbox.individual() for _ in range(50)]
    algorithms.eaSimple(population, toolbox, crossover, mutation, 10**6, verbose=False)


def deap_plain(problem: Problem, seed: int) -> None:
    """DEAP's `eaSimple` as in its overview: two-point crossover, Gaussian mutation, tournaments."""
    from deap import tools

    mate = tools.cxTwoPoint if problem.dimension > 1 else tools.cxBlend
    mutate = {"mu": 0.0, "sigma": 1.0, "indpb": 0.1}
    _deap(problem, seed, 0.5, 0.2, {"mate": (mate, {}), "mutate": (tools.mutGaussian, mutate)})


def deap_sbx(problem: Problem, seed: int) -> None:
    """DEAP's `eaSimple` with the operators for real numbers of its examples: simulated binary, polynomial, bounded."""
    from deap import tools

    mate = {"low": LOW, "up": HIGH, "eta": 20.0}
    mutate = {**mate, "indpb": 1.0 / problem.dimension}
    operators = {
        "mate": (tools.cxSimulatedBinaryBounded, mate),
        "mutate": (tools.mutPolynomialBounded, mutate),
    }
    _deap(problem, seed, 0.9, 1.0, operators)


SLOW = {2: 5, 3: 5, 5: 2, 10: 1}
"""Instances by dimension of what takes some ten milliseconds an evaluation."""
SLOWEST = {2: 3, 3: 2, 5: 1}
"""Of what takes some hundred."""

PEERS = {
    one.name: one
    for one in (
        Contender("pycma", ("cma",), peer="pycma"),
        Contender("optuna random", ("optuna",), most=100, peer="optuna_random"),
        Contender("optuna tpe", ("optuna",), most=100, instances=SLOW, peer="optuna_tpe"),
        Contender("optuna tpe batches", ("optuna",), most=100, instances=SLOW, peer="optuna_tpe_batches"),
        Contender("optuna gp", ("optuna", "torch"), most=30, instances=SLOWEST, peer="optuna_gp"),
        Contender("optuna cma-es", ("optuna", "cmaes"), most=100, peer="optuna_cma"),
        Contender("nevergrad ngopt", ("nevergrad",), most=100, instances=SLOW, peer="nevergrad_ngopt", told=True),
        Contender("nevergrad de", ("nevergrad",), most=300, peer="nevergrad_de"),
        Contender("scipy de", ("scipy",), peer="scipy_de"),
        Contender("deap plain", ("deap",), peer="deap_plain"),
        Contender("deap sbx", ("deap",), peer="deap_sbx"),
    )
}
"""The peers by name."""

_LIMITS: Mapping[str, dict[str, Any]] = {
    "tpe": {"libraries": ("l2l", "optuna"), "most": 100, "instances": SLOW},
    "gaussian-process": {"libraries": ("l2l",), "most": 30, "instances": SLOWEST},
    "cma-es": {"libraries": ("l2l", "cma")},
    "genetic-algorithm": {"libraries": ("l2l", "deap")},
}
_USUAL: Mapping[str, dict[str, Any]] = {
    "cma-es": {"restarts": "ipop"},
}


def ours(text: str) -> Contender:
    """An optimizer of l2l: its registered name, or `name:option=value,option=value`.

    Raises:
        ValueError: An option has no value.
    """
    import yaml

    name, _, given = text.partition(":")
    options = dict(_USUAL.get(name, {}))
    for one in filter(None, given.split(",")):
        option, equal, value = one.partition("=")
        if not equal:
            raise ValueError(f"{text!r}: expected name:option=value, got {one!r}")
        options[option] = yaml.safe_load(value)
    limits = dict(_LIMITS.get(name, {}))
    if options.get("model") == "quadratic":
        limits["most"] = 100
    limits["told"] = BUDGET in options.values()
    return Contender(text, **{"libraries": ("l2l",), **limits, "options": {"name": name, **options}})
