"""Learning to learn: the base of models whose inner loop learns, over a family of tasks.

The outer loop tunes how the model learns, or where it begins, on tasks of the family; what that is worth is measured on
other tasks of it. S. Thrun and L. Pratt (1998), Learning to Learn: introduction and overview, in: Learning to Learn,
Springer, doi:10.1007/978-1-4615-5529-2_1.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ContractError, Invalid
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.values import Minimize, Objective, Observable, Outcome, Trial

Split = Literal["train", "test"]
"""Tasks that the outer loop learns from, or those that are held out from it."""

Learned = float | Mapping[str, Any]
"""What learning a task gave: its loss, or objective and observable → value."""

PER_TASK = {"per_task": Observable(ragged=True)}
"""The first objective on each task of a trial, before they are averaged."""


class LearningOptimizee(Optimizee):
    """Base of models that learn: `tasks` draws tasks of a family, `learn` learns one of them from scratch.

    A trial draws training tasks from its own randomness, learns each of them with the individual's parameters, and
    returns the mean of what came of it. A trial that validates a winner (`validate` of the experiment) learns the
    held-out tasks instead. These are the same for all individuals, seeds and runs, and are simulated there only. So
    the fitness says how well the individual learns tasks that it was tuned on, and the validation how well it learns
    others.

    Individuals meet the same tasks under `seeding: common`, and fresh ones in each generation, the same for all of it,
    under `seeding: generation`.

    Objectives and observables are those of one task, averaged over the tasks of the trial; an observable may be an
    array, such as a learning curve. Where `per_task` is among the observables, as it is unless a model declares its
    own, it gets the first objective on each task: `observables = {**PER_TASK, "curve": Observable(shape=(10,))}`.

    Example:
        >>> from l2l import ParameterSpace, Real
        >>> class Slope(LearningOptimizee):
        ...     space = ParameterSpace(rate=Real(0.01, 1.0, log=True), start=Real(-5.0, 5.0))
        ...     def tasks(self, split, rng):
        ...         return rng.normal(2.0, 0.5, size=20 if split == "train" else 100)
        ...     def learn(self, individual, task, rng):
        ...         slope = individual["start"]
        ...         for x in rng.normal(size=5):
        ...             slope -= individual["rate"] * (slope * x - task * x) * x
        ...         return (slope - task) ** 2
        >>> point = Slope.space.individual({"rate": 0.1, "start": 2.0})
        >>> len(Slope().simulate(point, Trial(point, validation=True)).observables["per_task"])
        100
    """

    objectives: tuple[Objective, ...] = (Minimize("loss"),)
    observables: Mapping[str, Observable] = PER_TASK
    stochastic = True
    held_out_seed: int = 0
    """Draws the held-out tasks, which have nothing to do with the experiment's seed."""

    @abstractmethod
    def tasks(self, split: Split, rng: np.random.Generator) -> Sequence[Any] | NDArray[Any]:
        """The tasks of a trial.

        Args:
            split: "train", or "test" for the held-out ones.
            rng: Draws them: the trial's for "train", always the same for "test".

        Returns:
            One or more, of any kind that `learn` understands.
        """

    @abstractmethod
    def learn(self, individual: Individual, task: Any, rng: np.random.Generator) -> Learned:
        """Learn a task from scratch; nothing that other tasks left may have a part in it.

        Args:
            individual: How to learn, where to begin.
            task: One of `tasks`.
            rng: For what is random in learning: what the learner sees, noise.

        Returns:
            How well it is learned: the loss, or a mapping from objectives and observables to their values.

        Raises:
            Invalid: The learner diverges, is silent, or the like.
        """

    def learn_all(
        self, individual: Individual, tasks: Sequence[Any] | NDArray[Any], rngs: Sequence[np.random.Generator]
    ) -> Sequence[Learned]:
        """Learn all tasks of a trial, one after the other; a model that can learn them side by side overrides it.

        Args:
            individual: How to learn, where to begin.
            tasks: Those of the trial.
            rngs: A generator for each.

        Returns:
            As `learn`, for each task.
        """
        return [self.learn(individual, task, rng) for task, rng in zip(tasks, rngs, strict=True)]

    def simulate(self, individual: Individual, trial: Trial) -> Outcome:
        """Learn the tasks of the trial; the means over them."""
        return self.learned(individual, trial)

    def learned(self, individual: Individual, trial: Trial) -> Outcome:
        """What `simulate` returns; for a model on a simulator to be returned by its `measure`.

        Raises:
            Invalid: Learning diverged on a task; says on which.
        """
        split: Split = "test" if trial.validation else "train"
        (own,) = trial.rng.spawn(1)
        tasks = self.tasks(split, np.random.default_rng(self.held_out_seed) if trial.validation else own)
        if not len(tasks):
            raise ContractError(f"{type(self).__name__}.tasks: expected one task or more of {split!r}, got none")
        found = self.learn_all(individual, tasks, trial.rng.spawn(len(tasks)))
        names = [one.name for one in self.objectives]
        results = [_named(one, names, type(self)) for one in found]
        for name in names:
            _check_finite(name, [one[name] for one in results])
        means = {name: np.mean([one[name] for one in results], axis=0) for name in results[0]}
        fitness = {name: float(means.pop(name)) for name in names}
        extra = {"per_task": [one[names[0]] for one in results]} if "per_task" in self.observables else {}
        return Outcome(fitness, {**extra, **means})


def _named(found: Learned, names: Sequence[str], owner: type) -> Mapping[str, Any]:
    """What learning a task gave, by name.

    Raises:
        ContractError: An objective is missing.
    """
    if not isinstance(found, Mapping):
        found = {names[0]: found}
    missing = [name for name in names if name not in found]
    if missing:
        raise ContractError(
            f"{owner.__name__}.learn: expected a value of {', '.join(missing)}, got {', '.join(found) or 'none'}; "
            "return a mapping with all objectives"
        )
    return found


def _check_finite(name: str, values: Sequence[float]) -> None:
    for place, value in enumerate(values):
        if not np.isfinite(value):
            raise Invalid(f"diverged: {name} is {value} on task {place} of {len(values)}")
