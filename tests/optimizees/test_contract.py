"""The contract tests themselves: decorated functions and batches pass, and each way to break the contract is found."""

import itertools
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.plugin import Plugin
from l2l.space import ParameterSpace, Real
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Minimize, Outcome, Trial

SPACE = ParameterSpace(x=Real(-1.0, 1.0, default=0.25))


@l2l.optimizee(space=SPACE)
def noisy(individual: Individual, trial: Trial) -> float:
    return float(individual["x"] + trial.rng.normal())


@l2l.optimizee(space=SPACE, objectives=(Minimize("a"), Minimize("b")))
def exact(individual: Individual) -> dict[str, float]:
    return {"b": individual["x"], "a": 1.0}


class Vectorized(Optimizee):
    """A batch at once."""

    space = SPACE

    def simulate(self, individual: Individual, trial: Trial) -> float:
        return float(individual["x"] + trial.rng.normal())

    def simulate_batch(self, trials: Sequence[Trial]) -> Sequence[Outcome]:
        x = np.array([trial.individual["x"] for trial in trials])
        return [Outcome(one) for one in x + [trial.rng.normal() for trial in trials]]


class TestANoisyFunction(OptimizeeContract):
    light = (*OptimizeeContract.light, "hypothesis")

    def make(self) -> Optimizee:
        return noisy


class TestAnExactFunctionOfTwoObjectives(OptimizeeContract):
    def make(self) -> Optimizee:
        return exact


class TestBatches(OptimizeeContract):
    def make(self) -> Optimizee:
        return Vectorized()


class GlobalRandomness(Vectorized):
    simulate_batch = Optimizee.simulate_batch

    def simulate(self, individual: Individual, trial: Trial) -> float:
        return random.random()


class OwnMemory(GlobalRandomness):
    def __init__(self) -> None:
        self.count = itertools.count()

    def simulate(self, individual: Individual, trial: Trial) -> float:
        return float(next(self.count)) + trial.rng.normal()


class OwnProcess(GlobalRandomness):
    def simulate(self, individual: Individual, trial: Trial) -> float:
        return float(os.getpid()) + trial.rng.normal()


class NeedlesslyStochastic(GlobalRandomness):
    def simulate(self, individual: Individual, trial: Trial) -> float:
        return float(individual["x"])


class SecretlyStochastic(GlobalRandomness):
    stochastic = False

    def simulate(self, individual: Individual, trial: Trial) -> float:
        return float(trial.rng.normal())


class BatchesThatMix(Vectorized):
    def simulate_batch(self, trials: Sequence[Trial]) -> Sequence[Outcome]:
        return [Outcome(float(len(trials)) + trial.rng.normal()) for trial in trials]


class Failing(GlobalRandomness):
    def simulate(self, individual: Individual, trial: Trial) -> float:
        if individual["x"] > 0.25:
            raise ZeroDivisionError("too far right")
        return float(trial.rng.normal())


class WrongFitness(GlobalRandomness):
    def simulate(self, individual: Individual, trial: Trial) -> Any:
        return 1.0, 2.0


class Loud(GlobalRandomness):
    def simulate(self, individual: Individual, trial: Trial) -> float:
        os.write(1, b"hello from C++\n")
        return float(trial.rng.normal())


class EagerImporter(GlobalRandomness):
    def __init__(self) -> None:
        import pandas  # noqa: F401


class Undocumented(GlobalRandomness):
    def __init__(self, *, gain: float = 1.0) -> None:
        self.gain = gain


class Positional(GlobalRandomness):
    """Takes its option the wrong way.

    Args:
        gain: Of something.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain


class SameNameTwice(GlobalRandomness):
    objectives = (Minimize("a"), Minimize("a"))


class ChangingOptions(GlobalRandomness):
    def __new__(cls, *args: Any, **options: Any) -> "ChangingOptions":
        self = Plugin.__new__(cls, *args, **options)
        self.options = {"gain": random.random()}
        return self

    def __init__(self, *, gain: float = 1.0) -> None:
        self.gain = gain


def contract(model: Callable[[], Optimizee]) -> OptimizeeContract:
    class Contract(OptimizeeContract):
        light = (*OptimizeeContract.light, "tests", "hypothesis")
        silent = True

        def make(self) -> Optimizee:
            return model()

    return Contract()


@pytest.mark.parametrize(
    ("model", "test", "message"),
    [
        (GlobalRandomness, "test_global_random_state_is_not_read", "draw from trial.rng"),
        (GlobalRandomness, "test_the_same_trial_gives_the_same_result_in_a_warm_process", "after other trials"),
        (OwnMemory, "test_the_same_trial_gives_the_same_result_in_a_warm_process", "after other trials"),
        (OwnProcess, "test_the_same_trial_gives_the_same_result_in_another_process", "in another process"),
        (NeedlesslyStochastic, "test_the_seed_matters_exactly_where_it_is_stochastic", "declare stochastic = False"),
        (SecretlyStochastic, "test_the_seed_matters_exactly_where_it_is_stochastic", "declares stochastic = False"),
        (BatchesThatMix, "test_results_do_not_depend_on_the_batch", "in a batch of 4"),
        (Failing, "test_any_individual_is_simulated_or_declared_invalid", "too far right"),
        (WrongFitness, "test_an_individual_simulates_to_what_is_declared", "expected a finite number"),
        (Loud, "test_the_same_trial_gives_the_same_result_in_another_process", "hello from C"),
        (EagerImporter, "test_its_constructor_imports_no_simulator", "pandas"),
        (Undocumented, "test_its_options_are_keywords_and_documented", "'gain' is not described"),
        (Positional, "test_its_options_are_keywords_and_documented", "'gain' must be keyword-only"),
        (SameNameTwice, "test_its_objectives_and_observables_have_names_of_their_own", "twice"),
        (ChangingOptions, "test_two_of_the_same_options_have_one_fingerprint", "differ in options"),
    ],
)
def test_a_broken_optimizee_is_found(model: type[Optimizee], test: str, message: str, tmp_path: Path) -> None:
    broken = contract(model)
    takes = {"tmp_path": tmp_path, "ready": broken.make()}
    method = getattr(broken, test)
    names = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    with pytest.raises((AssertionError, pytest.fail.Exception), match=message):
        method(**{name: takes[name] for name in names})


def test_a_model_of_a_function_body_cannot_be_found_elsewhere() -> None:
    class Local(GlobalRandomness):
        pass

    with pytest.raises(l2l.L2LError, match="defined inside a function"):
        contract(Local).test_its_recorded_options_build_it_again()
