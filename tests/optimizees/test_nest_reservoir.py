import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.errors import MissingPart, OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.optimizees import SpikingReservoir
from l2l.optimizees.nest_reservoir import CLASSES, OUTPUT, read_digits
from l2l.space import ParameterSpace
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Outcome, Trial

SMALL: dict[str, Any] = {"n_reservoir": 40, "n_training": 40, "n_test": 20, "batch": 10}


def drawn(space: ParameterSpace, seed: int = 1) -> Individual:
    shape = space["weights"].shape
    return space.individual({"weights": np.random.default_rng(seed).uniform(-100.0, 100.0, shape)})


class TestSpikingReservoir(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return SpikingReservoir(**SMALL)

    def individual(self, space: ParameterSpace) -> Individual:
        return drawn(space)


@pytest.fixture(scope="module")
def reservoir() -> SpikingReservoir:
    model = SpikingReservoir(**SMALL)
    model.setup()
    return model


def simulated(model: SpikingReservoir, individual: Individual, seed: int = 1, validation: bool = False) -> Outcome:
    found = model.simulate(individual, Trial(individual, entropy=seed, validation=validation))
    assert isinstance(found, Outcome)
    return found


def test_the_images_are_those_of_scikit_learn() -> None:
    images, digits = read_digits()
    assert images.shape == (1797, 64)
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert set(digits) == set(range(10))


def test_missing_images_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPart, match=r"scikit-learn is not installed here.*pip install 'l2l\[digits\]'"):
        read_digits()


def test_recorded_spikes_do_to_the_output_what_the_reservoir_itself_does() -> None:
    """Input, reservoir and output populations in one simulation, against the output populations on the recording."""
    whole: dict[str, Any] = {}

    class Whole(SpikingReservoir):
        def _reservoir(self, input_neurons: Any) -> tuple[Any, Any]:
            neurons, recorder = super()._reservoir(input_neurons)
            outputs, spikes = (
                self.nest.Create("iaf_psc_exp", CLASSES, params=OUTPUT),
                self.nest.Create("spike_recorder"),
            )
            outputs.I_e = list(250.0 + weights[:, -1])
            signal = {"weight": np.ascontiguousarray(weights[:, :-1]), "delay": 1.0}
            self.nest.Connect(neurons, outputs, "all_to_all", signal)
            self.nest.Connect(outputs, spikes)
            whole["recorder"], whole["first"] = spikes, outputs[0].global_id
            return neurons, recorder

        def _by_image(self, *args: Any) -> Any:
            whole["events"] = whole["recorder"].events
            return super()._by_image(*args)

    model = Whole(**SMALL)
    individual = drawn(model.space)
    weights = individual["weights"]
    model.setup()
    together = sorted(zip(whole["events"]["times"], whole["events"]["senders"] - whole["first"], strict=True))
    trial = Trial(individual, entropy=1)
    model.reset(trial)
    model.set_parameters(individual, trial)
    model.sources.set(model._trains_of(np.arange(60)))
    model.run(60 * model.period)
    times, senders = model.spikes(model.recorder)
    apart = sorted(zip(times, senders - model.outputs[0].global_id, strict=True))
    assert len(apart) > 100
    assert apart == together


def test_the_seed_chooses_the_images_and_nothing_else(reservoir: SpikingReservoir) -> None:
    one, other = drawn(reservoir.space), drawn(reservoir.space, 2)
    first = simulated(reservoir, one)
    images = reservoir.images.copy()
    simulated(reservoir, other)
    assert np.array_equal(reservoir.images, images)
    different = simulated(reservoir, one, seed=2)
    assert not np.array_equal(reservoir.images, images)
    assert not np.array_equal(different.observables["residual"], first.observables["residual"])
    assert np.array_equal(simulated(reservoir, one).observables["residual"], first.observables["residual"])
    assert set(images) <= set(range(40))


def test_a_constant_current_makes_its_population_win_and_the_residual_says_so(reservoir: SpikingReservoir) -> None:
    weights = np.zeros((10, 41))
    weights[3, -1] = 100.0
    found = simulated(reservoir, reservoir.space.individual({"weights": weights}))
    shown = reservoir.digits[reservoir.images]
    assert found.fitness == pytest.approx(1.0 - np.mean(shown == 3))
    residual = found.observables["residual"]
    wanted = np.where(shown == 0, 150.0, 30.0)
    assert np.allclose(residual[0] * 120.0 + wanted, residual[1] * 120.0 + np.where(shown == 1, 150.0, 30.0))
    assert (residual[3] * 120.0 + np.where(shown == 3, 150.0, 30.0)).min() > (residual[0] * 120.0 + wanted).max()
    assert np.isnan(found.observables["test_accuracy"])


def test_only_a_validation_sees_the_images_held_out(reservoir: SpikingReservoir) -> None:
    found = simulated(reservoir, drawn(reservoir.space), validation=True)
    assert 0.0 <= found.observables["training_accuracy"] <= 1.0
    assert found.fitness == pytest.approx(1.0 - found.observables["test_accuracy"])
    same = simulated(reservoir, drawn(reservoir.space))
    assert np.array_equal(found.observables["residual"][:, 0], same.observables["residual"][:, 0])


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ensemble_kalman_teaches_it_alike_on_every_launcher(tmp_path: Path) -> None:
    def learned(launcher: Any, name: str) -> l2l.Trajectory:
        return l2l.Experiment(
            SpikingReservoir(**{**SMALL, "batch": 20}),
            {
                "name": "ensemble-kalman",
                "population": 44,
                "observable": "residual",
                "target": 0.0,
                "size": 200,
                "blocks": 10,
                "noise": 0.3,
                "step": 1.0,
                "time": None,
            },
            directory=tmp_path / name,
            launcher=launcher,
            seeding="generation",
            seed=1,
            stop={"generations": 5},
            validate={"best": 1, "trials": 1},
        ).run()

    one, two = learned("serial", "serial"), learned({"name": "local", "workers": 2}, "local")
    assert one.individuals["fitness/error"].tobytes() == two.individuals["fitness/error"].tobytes()
    errors = np.asarray(one.individuals["fitness/error"]).reshape(5, 44).mean(axis=1)
    assert errors[0] > 0.8
    assert errors[-1] < 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_reservoir": 10}, "'n_reservoir'.*at least 20, got 10"),
        ({"n_training": 1500, "n_test": 500}, "'n_test'.*at most 297, got 500"),
        ({"batch": 41, "n_training": 40}, "'batch'.*at most 40, got 41"),
        ({"resolution": 0.3}, "'resolution': expected a time step that divides 1 ms.*got 0.3 ms"),
        ({"present": 20.5}, "'present'.*whole time steps of 1 ms, got 20.5"),
        ({"weight_limit": 0.0}, "'weight_limit'.*above 0"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        SpikingReservoir(**options)
