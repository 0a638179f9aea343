"""The skeletons that `l2l new` writes; `NAME`, `CLASS` and `TITLE` are replaced."""

OPTIMIZER = '''"""TITLE: one sentence on how it searches, and where it was published (authors, year, DOI)."""

from collections.abc import Mapping, Sequence
from typing import Any

import l2l
import numpy as np
from l2l.errors import OptionError
from numpy.typing import ArrayLike


class CLASS(l2l.Optimizer):
    """Random steps around the best point so far; replace `ask` and `tell` by your algorithm.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with.
        population: Individuals of a generation.
        step: Standard deviation of a step, in the unit cube.
    """

    def __init__(
        self,
        space: l2l.ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 10,
        step: float = 0.1,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        if population < 1:
            raise OptionError(f"population: expected 1 or more, got {population}")
        self.population = population
        self.step = step
        self._waiting = list(self.initial)
        self._best = space.encode([space.default])[0]
        self._best_cost = float("inf")

    def ask(self, n: int | None = None) -> Sequence[l2l.Individual]:
        """The next generation; `self.rng` is the only source of randomness."""
        self._generation_only(n)
        first, self._waiting = self._waiting[: self.population], self._waiting[self.population :]
        steps = self.rng.normal(scale=self.step, size=(self.population, self.space.dimension))
        points = np.clip(self._best + steps, 0.0, 1.0)
        points[: len(first)] = self.space.encode(first)
        return self._asked(self.space.decode(points), points)

    def tell(self, individuals: Sequence[l2l.Individual], costs: ArrayLike, results: l2l.Results | None = None) -> None:
        """Learn from costs: lower is better, +inf is failed."""
        told = self._told(individuals, costs)[:, 0]
        if not len(told):
            return
        winner = int(told.argmin())
        if told[winner] < self._best_cost:
            self._best, self._best_cost = self.told_points[winner], float(told[winner])

    def report(self) -> Mapping[str, float]:
        """What is archived of each generation."""
        return {"best_cost": self._best_cost}
'''

OPTIMIZER_TEST = '''from typing import Any

import l2l
from l2l.testing.optimizers import OptimizerContract

from NAME import CLASS


class TestCLASS(OptimizerContract):
    """Everything that every optimizer keeps."""

    def make(self, space: l2l.ParameterSpace, seed: int, **options: Any) -> l2l.Optimizer:
        return CLASS(space, seed=seed, **options)


def test_it_finds_the_middle_of_a_bowl() -> None:
    space = l2l.ParameterSpace(x=l2l.Real(-5.0, 5.0), y=l2l.Real(-5.0, 5.0))
    optimizer = CLASS(space, seed=1)
    best = float("inf")
    for _ in range(100):
        individuals = optimizer.ask()
        costs = [one["x"] ** 2 + one["y"] ** 2 for one in individuals]
        optimizer.tell(individuals, costs)
        best = min(best, *costs)
    assert best < 0.1
'''

OPTIMIZEE = '''"""TITLE: one sentence on what is simulated."""

import l2l


class CLASS(l2l.Optimizee):
    """A noisy bowl around a target; replace it by your model.

    Args:
        target: Where the error is least.
        noise: Standard deviation of what the seed adds to the error.
    """

    space = l2l.ParameterSpace(
        x=l2l.Real(-5.0, 5.0),
        tau=l2l.Real(1.0, 100.0, log=True, unit="ms"),
    )
    objectives = (l2l.Minimize("error"),)
    observables = {"distance": l2l.Observable()}

    def __init__(self, *, target: float = 1.0, noise: float = 0.01) -> None:
        self.target = target
        self.noise = noise

    def setup(self) -> None:
        """Once in each evaluating process: import the simulator, build what all trials share."""

    def simulate(self, individual: l2l.Individual, trial: l2l.Trial) -> l2l.Outcome:
        """One simulation; all randomness comes from `trial.rng`, or from `trial.seed` for a simulator."""
        distance = abs(individual["x"] - self.target)
        error = distance**2 + (individual["tau"] / 20.0 - 1.0) ** 2 + trial.rng.normal(scale=self.noise)
        return l2l.Outcome(error, {"distance": distance})
'''

OPTIMIZEE_TEST = '''import l2l
from l2l.testing.optimizees import OptimizeeContract

from NAME import CLASS


class TestCLASS(OptimizeeContract):
    """Everything that every optimizee keeps."""

    def make(self) -> l2l.Optimizee:
        return CLASS()


def test_the_error_is_least_at_the_target() -> None:
    model = CLASS(target=2.0, noise=0.0)
    errors = {}
    for x in (0.0, 2.0, 4.0):
        individual = model.space.individual({"x": x, "tau": 20.0})
        errors[x] = model.simulate(individual, l2l.Trial(individual)).fitness
    assert min(errors, key=errors.get) == 2.0
'''

EXPERIMENT = """\
# TITLE. Run it with: l2l run NAME.yaml
optimizee: {name: function, function: sphere, dimension: 3}   # what is simulated; `l2l list optimizees`
optimizer: {name: cma-es, population: 8}                      # what proposes; `l2l list optimizers`
trials: 1                                                     # simulations of each individual
seed: 1
stop: {generations: 50, target: 1.0e-3}                       # the first that is reached ends the run
# parameters: {x: {low: 0.0, high: 2.0}}                      # fix or narrow what the optimizee declares
# resources: {threads: 1, memory: 2 GB, timeout: "00:10:00"}  # of each trial
"""

EXPERIMENT_TEST = """from pathlib import Path

from l2l import config

HERE = Path(__file__).parent


def test_the_experiment_reaches_its_target(tmp_path: Path) -> None:
    experiment = config.load(HERE / "NAME.yaml").changed(directory=tmp_path / "run", launcher="serial")
    trajectory = experiment.run()
    assert trajectory.finished
    assert trajectory.best.fitness <= 1e-3
"""
