"""Outer-loop algorithms, one a file, imported as `l2l.optimizers`; importing one loads the libraries of no other."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l2l.optimizers.cma_es import CMAES
    from l2l.optimizers.cross_entropy import CrossEntropy
    from l2l.optimizers.differential_evolution import DifferentialEvolution
    from l2l.optimizers.ensemble_kalman import EnsembleKalman
    from l2l.optimizers.evolution_strategies import EvolutionStrategies
    from l2l.optimizers.face import FACE
    from l2l.optimizers.gaussian_process import GaussianProcess
    from l2l.optimizers.genetic_algorithm import GeneticAlgorithm
    from l2l.optimizers.gradient_descent import GradientDescent
    from l2l.optimizers.grid import GridSearch
    from l2l.optimizers.islands import Islands
    from l2l.optimizers.latin_hypercube import LatinHypercube
    from l2l.optimizers.map_elites import MapElites
    from l2l.optimizers.morris import Morris
    from l2l.optimizers.natural_evolution_strategies import NaturalEvolutionStrategies
    from l2l.optimizers.nsga2 import NSGA2
    from l2l.optimizers.nsga3 import NSGA3
    from l2l.optimizers.parallel_tempering import ParallelTempering
    from l2l.optimizers.points import Points
    from l2l.optimizers.random import RandomSearch
    from l2l.optimizers.refine import Refine
    from l2l.optimizers.saltelli import Saltelli
    from l2l.optimizers.simulated_annealing import SimulatedAnnealing
    from l2l.optimizers.sobol import Sobol
    from l2l.optimizers.tpe import TPE

__all__ = [
    "CMAES",
    "FACE",
    "NSGA2",
    "NSGA3",
    "TPE",
    "CrossEntropy",
    "DifferentialEvolution",
    "EnsembleKalman",
    "EvolutionStrategies",
    "GaussianProcess",
    "GeneticAlgorithm",
    "GradientDescent",
    "GridSearch",
    "Islands",
    "LatinHypercube",
    "MapElites",
    "Morris",
    "NaturalEvolutionStrategies",
    "ParallelTempering",
    "Points",
    "RandomSearch",
    "Refine",
    "Saltelli",
    "SimulatedAnnealing",
    "Sobol",
]

_MODULES = {
    "CMAES": "cma_es",
    "CrossEntropy": "cross_entropy",
    "DifferentialEvolution": "differential_evolution",
    "EnsembleKalman": "ensemble_kalman",
    "EvolutionStrategies": "evolution_strategies",
    "FACE": "face",
    "GaussianProcess": "gaussian_process",
    "GeneticAlgorithm": "genetic_algorithm",
    "GradientDescent": "gradient_descent",
    "GridSearch": "grid",
    "Islands": "islands",
    "LatinHypercube": "latin_hypercube",
    "MapElites": "map_elites",
    "Morris": "morris",
    "NSGA2": "nsga2",
    "NSGA3": "nsga3",
    "NaturalEvolutionStrategies": "natural_evolution_strategies",
    "ParallelTempering": "parallel_tempering",
    "Points": "points",
    "RandomSearch": "random",
    "Saltelli": "saltelli",
    "Refine": "refine",
    "SimulatedAnnealing": "simulated_annealing",
    "Sobol": "sobol",
    "TPE": "tpe",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
