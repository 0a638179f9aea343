"""A spiking learner in NEST: what it is shown, when it is rewarded, that it learns."""

from pathlib import Path

import numpy as np
import pytest

import l2l
from l2l.errors import OptionError
from l2l.optimizees import PlasticityLearner
from l2l.testing.optimizees import OptimizeeContract, bits_of
from l2l.values import Status, Trial
from l2l.worker.evaluate import evaluate

LEARNS = {"A_plus": 5.0, "ratio": 0.5, "tau_plus": 20.0, "tau_minus": 10.0, "tau_c": 80.0, "tau_n": 30.0}
LEARNS["expected"] = 0.3
"""Plasticity that was set by hand."""


def small(**options: int) -> PlasticityLearner:
    sizes = {"inputs": 10, "patterns": 2, "presentations": 12, "blocks": 3, "train_tasks": 2, "test_tasks": 3}
    return PlasticityLearner(**(sizes | options))


class TestPlasticityLearner(OptimizeeContract):
    light = (*OptimizeeContract.light, "threadpoolctl")
    silent = True

    def make(self) -> PlasticityLearner:
        return small()


def test_tasks_are_patterns_of_a_share_of_the_inputs() -> None:
    tasks = small(inputs=40, train_tasks=5, patterns=3).tasks("train", np.random.default_rng(1))
    assert tasks.shape == (5, 3, 40)
    assert (tasks.sum(axis=2) == 8).all()
    assert len(np.unique(tasks.reshape(15, 40), axis=0)) == 15


def test_a_trial_that_fails_leaves_nothing_behind() -> None:
    model = small()
    point = model.space.individual(LEARNS)
    first = evaluate(model, Trial(point, entropy=5))
    model.presentations = 13  # which do not divide into blocks, as the end of the session shows
    assert evaluate(model, Trial(point, entropy=5)).status == Status.FAILED
    model.presentations = 12
    assert bits_of(evaluate(model, Trial(point, entropy=5))) == bits_of(first)


def test_a_learner_that_falls_silent_answers_wrong() -> None:
    model = small(presentations=30)
    point = model.space.individual(LEARNS | {"A_plus": 50.0, "ratio": 2.0, "tau_minus": 50.0, "expected": 0.0})
    found = evaluate(model, Trial(point, entropy=5))
    assert found.status == Status.OK
    assert found.observables["rate"] < 20.0 and found.observables["curve"][-1] <= 0.6


def test_validation_learns_the_held_out_tasks_with_noise_of_its_own() -> None:
    model = small()
    point = model.space.individual(LEARNS)
    found = [model.simulate(point, Trial(point, entropy=one, validation=True)) for one in (1, 2)]
    assert [len(one.observables["per_task"]) for one in found] == [3, 3]
    assert found[0].observables["rate"] != found[1].observables["rate"]


def test_without_reward_nothing_is_learned_and_with_it_something_is() -> None:
    model = PlasticityLearner(train_tasks=4)
    rewarded = model.space.individual(LEARNS)
    idle = model.space.individual(LEARNS | {"A_plus": 0.5, "expected": 0.0})
    found = model.simulate(rewarded, Trial(rewarded, entropy=3))
    curve = found.observables["curve"]
    assert curve[0] < 0.5 and curve[-3:].mean() > 0.6
    assert found.fitness["loss"] == pytest.approx(1.0 - curve[-3:].mean())
    assert abs(model.simulate(idle, Trial(idle, entropy=3)).observables["curve"].mean() - 1 / 3) < 0.12


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patterns": 1}, "'patterns': expected a finite number at least 2, got 1"),
        ({"blocks": 4, "presentations": 12}, "'blocks': expected a multiple of 3, got 4"),
        ({"presentations": 20}, "'presentations': expected a multiple of 9, got 20"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, int], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        PlasticityLearner(**options)


def test_it_gives_the_same_on_any_launcher(tmp_path: Path) -> None:
    runs = [
        l2l.Experiment(
            small(),
            {"name": "random", "samples": 4},
            directory=tmp_path / name,
            launcher=launcher,
            seeding="common",
            validate={"trials": 2},
        ).run()
        for name, launcher in (("one", "serial"), ("two", {"name": "local", "workers": 2}))
    ]
    for column in ("fitness/loss", "observables/curve", "observables/rate"):
        assert np.array_equal(runs[0].trials[column], runs[1].trials[column])
        assert np.array_equal(runs[0].validation[column], runs[1].validation[column])
