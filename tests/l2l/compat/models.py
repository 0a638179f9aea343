"""Files in the style of the other framework, as its users write them, in words of our own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BOWL = """
from collections import namedtuple

import numpy as np

from l2l.optimizees.optimizee import Optimizee
from l2l import dict_to_list, sdict

BowlParameters = namedtuple("DeepBowlParameters", ["depth", "seed"])  # bound to another name than its own


class BowlOptimizee(Optimizee):
    def __init__(self, traj, parameters):
        super().__init__(traj)
        self.depth = parameters.depth
        self.random_state = np.random.RandomState(parameters.seed)
        self.calls = 0

    def create_individual(self):
        return {"x": self.random_state.uniform(-1.0, 1.0), "y": self.random_state.uniform(-1.0, 1.0, 3)}

    def bounding_func(self, individual):
        return {"x": np.clip(individual["x"], -4.0, 5.0), "y": np.clip(individual["y"], -2.0, 2.0)}

    def simulate(self, traj):
        self.calls += 1
        assert self.calls == 1, "something of another trial is still there"
        y = traj.individual.y
        y += 0.0  # arrays may be changed in place
        numbers = dict_to_list({"x": traj.individual.x, "y": y})
        return (self.depth * float((numbers**2).sum()),)
"""

SCRIPT = """
import numpy as np

from bowl import BowlOptimizee, BowlParameters
from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters
from l2l.utils.experiment import Experiment


def main():
    experiment = Experiment(root_dir_path="results")
    traj, runner_params = experiment.prepare_experiment(
        name="bowl", log_stdout=False, runner_params={"max_workers": 2}
    )
    optimizee_parameters = BowlParameters(depth=2.0, seed=3)
    optimizee = BowlOptimizee(traj, optimizee_parameters)
    parameters = GeneticAlgorithmParameters(
        seed=1, pop_size=10, cx_prob=0.6, mut_prob=0.8, n_iteration=4, ind_prob=0.5, tourn_size=3, mate_par=0.5,
        mut_par=0.5,
    )
    optimizer = GeneticAlgorithmOptimizer(
        traj,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-1.0,),
        parameters=parameters,
        optimizee_bounding_func=optimizee.bounding_func,
    )
    experiment.run_experiment(
        optimizer=optimizer, optimizee=optimizee, optimizer_parameters=parameters,
        optimizee_parameters=optimizee_parameters,
    )
    traj, paths = experiment.end_experiment(optimizer)
    print(len(traj.individuals), [len(one) for one in traj.results.all_results.todict().values()])
    print(float(optimizer.best_fitness))


if __name__ == "__main__":
    main()
"""

SEEN = '''
import os

import numpy as np

from l2l.optimizees.optimizee import Optimizee


class SeenOptimizee(Optimizee):
    """Returns what it sees of one kind."""

    def __init__(self, traj, kind):
        super().__init__(traj)
        self.kind = kind

    def create_individual(self):
        return {"x": np.random.uniform(0.0, 1.0)}

    def simulate(self, traj):
        import random

        from l2l import get  # only known to it while it is simulated
        from l2l.optimizers.crossentropy.distribution import Gaussian

        one = traj.individual
        assert Gaussian and get({"a": 1}, "a", 0) == 1
        assert one.nothing is None and traj.nothing is None
        assert one.params == {"individual.x": one.x}
        if self.kind == "random":
            return [np.random.rand(), random.random()]
        if self.kind == "place":
            return np.array([[one.generation, one.ind_idx]])
        raise RuntimeError("this model always fails")
'''


@contextmanager
def beside(folder: Path, **files: str) -> Iterator[None]:
    """Python files in a folder that can be imported, until the block ends."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in files:
            sys.modules.pop(name, None)
