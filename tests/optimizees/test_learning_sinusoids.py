"""A small network that learns sinusoids: its gradients, its tasks, what tuning is worth."""

from pathlib import Path

import numpy as np
import pytest

import l2l
from l2l.errors import OptionError
from l2l.optimizees import LearningSinusoids
from l2l.optimizees.learning_sinusoids import Learners
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Status, Trial
from l2l.worker.evaluate import evaluate


class TestLearningSinusoids(OptimizeeContract):
    silent = True

    def make(self) -> LearningSinusoids:
        return LearningSinusoids(hidden=4, train_tasks=5, test_tasks=7)


def test_a_step_goes_down_the_gradient() -> None:
    model = LearningSinusoids(hidden=3)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-5.0, 5.0, size=(1, 6)), rng.normal(size=(1, 6))
    names = ("hidden_weights", "hidden_biases", "output_weights", "output_bias")
    start = {name: np.array(model.space.default[name]) for name in names}

    def error(values: dict[str, np.ndarray]) -> float:
        point = model.space.individual({"learning_rates": [0.1] * 4, **values})
        return float(np.mean((Learners(point, 1)(x) - y) ** 2))

    rates = np.array([0.1, 0.2, 0.3, 0.4])
    stepped = Learners(model.space.default, 1)
    stepped.descend(x, y, rates)
    found = (stepped.weights[0], stepped.biases[0], stepped.outputs[0], stepped.bias[0])
    for name, rate, after in zip(names, rates, found, strict=True):
        for place in np.ndindex(start[name].shape):
            shifted = [{**start, name: start[name].copy()} for _ in range(2)]
            for one, shift in zip(shifted, (1e-5, -1e-5), strict=True):
                one[name][place] += shift
            slope = (error(shifted[0]) - error(shifted[1])) / 2e-5
            expected = start[name][place] - rate * slope
            assert (after[place] if after.shape == start[name].shape else after[0]) == pytest.approx(expected, abs=1e-7)


def test_tasks_are_sinusoids_of_the_family() -> None:
    tasks = LearningSinusoids(test_tasks=2000).tasks("test", np.random.default_rng(1))
    assert tasks.shape == (2000, 2)
    assert 0.1 <= tasks[:, 0].min() < 0.15 and 4.95 < tasks[:, 0].max() <= 5.0
    assert 0.0 <= tasks[:, 1].min() < 0.02 and np.pi - 0.02 < tasks[:, 1].max() <= np.pi


def test_sinusoids_are_learned_side_by_side_as_one_by_one() -> None:
    model = LearningSinusoids()
    point, tasks = model.space.default, model.tasks("train", np.random.default_rng(2))[:5]
    together = model.learn_all(point, tasks, [np.random.default_rng(one) for one in range(5)])
    for place, one in enumerate(together):
        alone = model.learn(point, tasks[place], np.random.default_rng(place))
        assert alone["loss"] == pytest.approx(one["loss"], rel=1e-12)
        np.testing.assert_allclose(alone["curve"], one["curve"], rtol=1e-12)


def test_the_curve_begins_before_learning_and_ends_with_the_loss() -> None:
    model = LearningSinusoids(steps=7)
    found = model.simulate(model.space.default, Trial(model.space.default, entropy=1))
    curve = found.observables["curve"]
    assert curve.shape == (8,)
    assert curve[-1] == pytest.approx(found.fitness["loss"])
    assert (np.diff(curve) < 0.0).all(), "gradient descent at a small rate improves"


def test_a_learner_with_steps_too_long_is_invalid_and_the_next_is_right() -> None:
    model = LearningSinusoids(steps=200)
    sane = model.space.default
    wild = model.space.individual(dict(sane) | {"learning_rates": [1.0] * 4, "output_weights": [5.0] * 20})
    before = evaluate(model, Trial(sane, entropy=1))
    found = evaluate(model, Trial(wild, entropy=1))
    assert found.status in (Status.INVALID, Status.OK)
    if found.status == Status.OK:
        assert found.fitness[0] > 10.0
    assert evaluate(model, Trial(sane, entropy=1)).fitness == before.fitness


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hidden": 0}, "'hidden': expected a finite number at least 1, got 0"),
        ({"shots": 0}, "'shots'"),
        ({"untuned_rate": 2.0}, "'untuned_rate': expected a finite number at least 0.0001 and at most 1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        LearningSinusoids(**options)  # type: ignore[arg-type]


def test_tuning_is_worth_its_while_on_sinusoids_never_seen(tmp_path: Path) -> None:
    model = LearningSinusoids(hidden=8, train_tasks=20, test_tasks=100)
    runs = [
        l2l.Experiment(
            model,
            {"name": "cma-es", "population": 10, "sigma": 0.1},
            directory=tmp_path / name,
            launcher=launcher,
            seeding="generation",
            stop={"generations": 20},
            validate={"trials": 2},
        ).run()
        for name, launcher in (("one", "serial"), ("two", {"name": "local", "workers": 2}))
    ]
    assert np.array_equal(runs[0].trials["fitness/loss"], runs[1].trials["fitness/loss"])
    assert np.array_equal(runs[0].validation["fitness/loss"], runs[1].validation["fitness/loss"])
    untuned = model.simulate(model.space.default, Trial(model.space.default, validation=True)).fitness["loss"]
    assert runs[0].validation["fitness/loss"].max() < 0.8 * untuned
