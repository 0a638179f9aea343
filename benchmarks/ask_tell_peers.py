"""Loops of libraries as their own manuals write them: what optimizers of l2l are measured against in ask_tell.py."""

import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Step = Callable[[], float]
"""One ask and one tell; the seconds of both."""

POPULATION = 100


def costs_of(points: Floats, objectives: int = 1) -> Floats:
    """(n,) something to minimize, or (n, objectives) something with a front."""
    bowls = [((points - 0.3 - 0.4 * place) ** 2).mean(axis=1) for place in range(objectives)]
    return bowls[0] if objectives == 1 else np.stack(bowls, axis=1)


def timed(ask: Callable[[], Any], evaluate: Callable[[Any], Sequence[Any]], tell: Callable[..., None]) -> float:
    """Seconds of processor time of the asking and the telling; what `evaluate` gives is told, one argument each."""
    begin = time.process_time()
    asked = ask()
    between = time.process_time()
    told = evaluate(asked)
    again = time.process_time()
    tell(asked, *told)
    return time.process_time() - again + between - begin


def pycma(dimension: int) -> Step:
    """Of pycma in the unit cube, diagonal from where ours is."""
    import cma

    options = {"bounds": [0.0, 1.0], "popsize": POPULATION, "seed": 1, "verbose": -9, "verb_log": 0}
    options |= {"CMA_diagonal": dimension >= 500, "signals_filename": ""}
    strategy = cma.CMAEvolutionStrategy(np.full(dimension, 0.5), 0.25, options)

    def tell(points: Any, costs: Any) -> None:
        strategy.tell(points, costs)
        strategy.stop()

    return lambda: timed(strategy.ask, lambda asked: [costs_of(np.array(asked)).tolist()], tell)


def _deap(dimension: int, objectives: int) -> tuple[Any, list[Any], Callable[[Any], Sequence[Any]]]:
    """A toolbox with its operators, a population that is evaluated, and what evaluates."""
    from deap import base, creator, tools

    name = f"Asked{objectives}"
    if not hasattr(creator, name):
        creator.create(f"{name}Cost", base.Fitness, weights=(-1.0,) * objectives)
        creator.create(name, list, fitness=getattr(creator, f"{name}Cost"))
    bounds = {"eta": 15.0, "low": 0.0, "up": 1.0}
    toolbox = base.Toolbox()
    toolbox.register("mate", tools.cxSimulatedBinaryBounded, **bounds)
    toolbox.register("mutate", tools.mutPolynomialBounded, indpb=1.0 / dimension, **bounds)

    def evaluate(individuals: Any) -> Sequence[Any]:
        for one, cost in zip(individuals, costs_of(np.array(individuals), objectives), strict=True):
            one.fitness.values = np.atleast_1d(cost).tolist()
        return ()

    rows = np.random.default_rng(1).random((POPULATION, dimension)).tolist()
    population = [getattr(creator, name)(row) for row in rows]
    evaluate(population)
    random.seed(1)
    return toolbox, population, evaluate


def deap_simple(dimension: int) -> Step:
    """Of DEAP: tournaments, simulated binary crossover, polynomial mutation."""
    from deap import algorithms, tools

    toolbox, population, evaluate = _deap(dimension, 1)
    state = [population]

    def ask() -> Any:
        parents = tools.selTournament(state[0], POPULATION, tournsize=3)
        return algorithms.varAnd(parents, toolbox, 0.9, 1.0)

    def tell(children: Any) -> None:
        state[0] = children

    return lambda: timed(ask, evaluate, tell)


def deap_nsga2(dimension: int) -> Step:
    """Of DEAP: the loop of its example of NSGA-II."""
    from deap import algorithms, tools

    toolbox, population, evaluate = _deap(dimension, 2)
    state = [tools.selNSGA2(population, POPULATION)]

    def ask() -> Any:
        return algorithms.varAnd(tools.selTournamentDCD(state[0], POPULATION), toolbox, 0.9, 1.0)

    def tell(children: Any) -> None:
        state[0] = tools.selNSGA2(state[0] + children, POPULATION)

    return lambda: timed(ask, evaluate, tell)


def deap_nsga3(dimension: int) -> Step:
    """Of DEAP: the loop of its example of NSGA-III, with as many directions as fit the population."""
    from deap import algorithms, tools

    toolbox, population, evaluate = _deap(dimension, 3)
    select = tools.selNSGA3WithMemory(tools.uniform_reference_points(3, 12))
    state = [select(population, POPULATION)]

    def tell(children: Any) -> None:
        state[0] = select(state[0] + children, POPULATION)

    return lambda: timed(lambda: algorithms.varAnd(state[0], toolbox, 0.9, 1.0), evaluate, tell)


def ribs_cma_me(dimension: int) -> Step:
    """Of pyribs: the scheduler with five improvement emitters, separable from where ours are."""
    from ribs.archives import GridArchive
    from ribs.emitters import EvolutionStrategyEmitter
    from ribs.schedulers import Scheduler

    archive = GridArchive(solution_dim=dimension, dims=(20, 20), ranges=[(0.0, 1.0)] * 2, seed=1)
    kind: dict[str, Any] = {"es": "cma_es" if dimension < 500 else "sep_cma_es", "ranker": "2imp"}
    emitters = [
        EvolutionStrategyEmitter(archive, x0=start, sigma0=0.2, batch_size=POPULATION // 5, seed=seed, **kind)
        for seed, start in enumerate(np.random.default_rng(1).random((5, dimension)))
    ]
    scheduler = Scheduler(archive, emitters)

    def evaluate(points: Floats) -> Sequence[Any]:
        return -costs_of(points), points[:, :2]

    def tell(_: Floats, objective: Floats, measures: Floats) -> None:
        with np.errstate(all="ignore"):
            scheduler.tell(objective, measures)

    return lambda: timed(scheduler.ask, evaluate, tell)


def optuna_tpe(dimension: int) -> Step:
    """Of Optuna: a batch of trials asked, then told; parameters together, those under way as bad ones, as ours."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space: dict[str, Any] = {
        f"x{place}": optuna.distributions.FloatDistribution(0.0, 1.0) for place in range(dimension)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these options are called experimental
        sampler = optuna.samplers.TPESampler(seed=1, multivariate=True, constant_liar=True)
    study = optuna.create_study(sampler=sampler)

    def evaluate(trials: Any) -> Sequence[Any]:
        return [costs_of(np.array([list(trial.params.values()) for trial in trials]))]

    def tell(trials: Any, costs: Floats) -> None:
        for trial, cost in zip(trials, costs.tolist(), strict=True):
            study.tell(trial, cost)

    return lambda: timed(lambda: [study.ask(space) for _ in range(POPULATION)], evaluate, tell)


def sklearn_mixture(dimension: int) -> Step:
    """Of scikit-learn: a mixture of two normal distributions, sampled, and fitted anew to the best fifth."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    state: list[Mapping[str, Any]] = [{}]
    model = GaussianMixture(2, covariance_type="diag", random_state=1)
    model.fit(np.random.default_rng(1).random((POPULATION, dimension)))

    def ask() -> Floats:
        return np.clip(model.sample(POPULATION)[0], 0.0, 1.0)

    def tell(points: Floats, costs: Floats) -> None:
        state[0] = {"means_init": model.means_, "weights_init": model.weights_, "precisions_init": model.precisions_}
        model.set_params(**state[0], init_params="random_from_data")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(points[np.argsort(costs)[: POPULATION // 5]])

    return lambda: timed(ask, lambda points: [costs_of(points)], tell)


def pymoo_de(dimension: int) -> Step:
    """Of pymoo: differential evolution by ask and tell."""
    from pymoo.algorithms.soo.nonconvex.de import DE
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination

    algorithm = DE(pop_size=POPULATION)
    algorithm.setup(Problem(n_var=dimension, n_obj=1, xl=0.0, xu=1.0), termination=NoTermination(), seed=1)

    def evaluate(asked: Any) -> Sequence[Any]:
        asked.set("F", costs_of(asked.get("X"))[:, None])
        for one in asked:
            one.evaluated.update(("F", "G", "H"))
        return ()

    return lambda: timed(algorithm.ask, evaluate, lambda asked: algorithm.tell(infills=asked))


def cmaes_xnes(dimension: int) -> Step:
    """Of the package cmaes: xNES in the unit cube."""
    from cmaes import XNES

    bounds = np.tile([0.0, 1.0], (dimension, 1))
    strategy = XNES(np.full(dimension, 0.5), 0.25, bounds=bounds, seed=1, population_size=POPULATION)

    def tell(points: Any, costs: Floats) -> None:
        strategy.tell(list(zip(points, costs.tolist(), strict=True)))

    return lambda: timed(
        lambda: [strategy.ask() for _ in range(POPULATION)], lambda points: [costs_of(np.array(points))], tell
    )


def _design(points: Callable[[], Floats]) -> Step:
    return lambda: timed(points, lambda asked: [costs_of(asked)], lambda asked, costs: None)


def numpy_random(dimension: int) -> Step:
    """Of NumPy's random numbers."""
    rng = np.random.default_rng(1)
    return _design(lambda: rng.random((POPULATION, dimension)))


def scipy_sobol(dimension: int) -> Step:
    """Of SciPy's Sobol sequence."""
    from scipy.stats import qmc

    engine = qmc.Sobol(dimension, rng=1)
    return _design(lambda: engine.random(POPULATION))


def scipy_latin(dimension: int) -> Step:
    """Of SciPy's Latin hypercubes."""
    from scipy.stats import qmc

    engine = qmc.LatinHypercube(dimension, rng=1)
    return _design(lambda: engine.random(POPULATION))
