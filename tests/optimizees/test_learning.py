"""Optimizees whose inner loop learns: which tasks a trial learns, and what is made of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.errors import ContractError
from l2l.individual import Individual
from l2l.optimizees import LearningOptimizee
from l2l.optimizees.learning import PER_TASK, Split
from l2l.optimizees.simulator import Simulator
from l2l.space import ParameterSpace, Real
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Maximize, Minimize, Observable, Outcome, Trial


class Slope(LearningOptimizee):
    """Learns the slope of a line from noisy points.

    Args:
        diverges: On its third task.
    """

    space = ParameterSpace(rate=Real(0.01, 0.5, log=True), start=Real(-5.0, 5.0))
    observables = {**PER_TASK, "curve": Observable(shape=(6,)), "task": Observable()}

    def __init__(self, *, diverges: bool = False) -> None:
        self.diverges = diverges

    def tasks(self, split: Split, rng: np.random.Generator) -> Any:
        """The slopes of some lines."""
        return rng.normal(2.0, 0.5, size=4 if split == "train" else 30)

    def learn(self, individual: Individual, task: Any, rng: np.random.Generator) -> Mapping[str, Any]:
        """Stochastic gradient descent."""
        slope, errors = individual["start"], [abs(individual["start"] - task)]
        for x in rng.normal(size=5):
            slope -= individual["rate"] * (slope - task) * x**2
            errors.append(abs(slope - task))
        self.left = getattr(self, "left", 2) - 1
        loss = np.nan if self.diverges and self.left < 0 else errors[-1]
        return {"loss": loss, "curve": errors, "task": task}


class TestSlope(OptimizeeContract):
    def make(self) -> Slope:
        return Slope()


def learned(model: LearningOptimizee, *, entropy: int = 1, validation: bool = False, **values: float) -> Outcome:
    point = model.space.individual({name: model.space[name].default for name in model.space} | values)
    return model.simulate(point, Trial(point, entropy=entropy, validation=validation))


# --- tasks ---


def test_training_tasks_come_from_the_seed_of_the_trial() -> None:
    first = learned(Slope(), entropy=1)
    assert len(first.observables["per_task"]) == 4
    assert learned(Slope(), entropy=1, start=3.0).observables["task"] == first.observables["task"]
    assert learned(Slope(), entropy=2).observables["task"] != first.observables["task"]


def test_held_out_tasks_are_the_same_for_all_individuals_and_seeds() -> None:
    found = [
        learned(Slope(), validation=True, **changes).observables
        for changes in ({"entropy": 1}, {"entropy": 2}, {"entropy": 3, "start": 4.0})
    ]
    assert {len(one["per_task"]) for one in found} == {30}
    assert len({float(one["task"]) for one in found}) == 1
    assert len({tuple(one["per_task"]) for one in found}) == 3, "each trial learns them anew"


def test_another_seed_holds_out_other_tasks() -> None:
    class Other(Slope):
        held_out_seed = 1

    assert (
        learned(Slope(), validation=True).observables["task"] != learned(Other(), validation=True).observables["task"]
    )


def test_held_out_tasks_are_learned_in_the_validation_of_an_experiment_only(tmp_path: Path) -> None:
    made = l2l.Experiment(
        Slope(),
        {"name": "random", "samples": 5},
        directory=tmp_path / "run",
        launcher={"name": "local", "workers": 2},
        seeding="common",
        validate={"best": 2, "trials": 3},
    )
    found = made.run()
    assert {len(one) for one in found.trials["observables/per_task"]} == {4}
    assert {len(one) for one in found.validation["observables/per_task"]} == {30}
    assert len(set(found.trials["observables/task"])) == 1, "common tasks of all individuals"
    assert len(set(found.validation["observables/task"])) == 1, "the same for both winners, in all trials"
    again = found.rerun(found.best.number, 2)
    assert again.same and len(again.evaluation.observables["per_task"]) == 30


def test_the_outer_loop_finds_how_to_learn(tmp_path: Path) -> None:
    made = l2l.Experiment(
        Slope(),
        {"name": "cma-es", "population": 8},
        directory=tmp_path / "run",
        launcher="serial",
        seeding="generation",
        stop={"generations": 15},
        validate={"trials": 2},
    )
    found = made.run()
    assert found.best["start"] == pytest.approx(2.0, abs=0.4)
    untuned = learned(Slope(), validation=True).fitness["loss"]
    assert found.validation["fitness/loss"].mean() < untuned / 3


# --- what is made of it ---


def test_objectives_and_observables_are_means_over_the_tasks() -> None:
    found = learned(Slope())
    assert found.fitness["loss"] == pytest.approx(np.mean(found.observables["per_task"]))
    assert found.observables["curve"].shape == (6,)
    assert found.observables["curve"][-1] == pytest.approx(found.fitness["loss"])


def test_several_objectives_of_either_direction_have_names() -> None:
    class Two(LearningOptimizee):
        space = ParameterSpace(x=Real(0.0, 1.0))
        objectives = (Maximize("reward"), Minimize("effort"))

        def tasks(self, split: Split, rng: np.random.Generator) -> Any:
            return [1.0, 3.0]

        def learn(self, individual: Individual, task: Any, rng: np.random.Generator) -> Any:
            return {"effort": task**2, "reward": task}

    found = learned(Two())
    assert found.fitness == {"reward": 2.0, "effort": 5.0}
    assert found.observables == {"per_task": [1.0, 3.0]}


def test_a_loss_alone_is_enough_and_observables_may_be_left_out() -> None:
    class Bare(Slope):
        observables = {}

        def learn(self, individual: Individual, task: Any, rng: np.random.Generator) -> Any:
            return super().learn(individual, task, rng)["loss"]

    found = learned(Bare())
    assert found.observables == {}
    assert found.fitness == learned(Slope()).fitness


def test_a_learner_that_diverges_is_invalid_and_the_next_one_is_right() -> None:
    model = Slope(diverges=True)
    with pytest.raises(l2l.Invalid, match="diverged: loss is nan on task 2 of 4"):
        learned(model)
    model.left = 10
    assert learned(model).fitness == learned(Slope()).fitness


def test_no_tasks_and_no_objective_are_errors_that_name_the_method() -> None:
    class Idle(Slope):
        def tasks(self, split: Split, rng: np.random.Generator) -> Any:
            return []

    class Vague(Slope):
        def learn(self, individual: Individual, task: Any, rng: np.random.Generator) -> Any:
            return {"curve": [1.0]}

    with pytest.raises(ContractError, match=r"Idle\.tasks: expected one task or more of 'train', got none"):
        learned(Idle())
    with pytest.raises(ContractError, match=r"Vague\.learn: expected a value of loss, got curve"):
        learned(Vague())


def test_a_model_on_a_simulator_learns_in_its_measure() -> None:
    class Simulated(Simulator, Slope):
        def start(self) -> None:
            self.resets = 0

        def build(self) -> None:
            pass

        def reset(self, trial: Trial) -> None:
            self.resets += 1

        def set_parameters(self, individual: Individual, trial: Trial) -> None:
            pass

        def measure(self, individual: Individual, trial: Trial) -> Outcome:
            return self.learned(individual, trial)

    model = Simulated()
    assert learned(model).fitness == learned(Slope()).fitness
    assert model.resets == 1
