from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.errors import OptionError
from l2l.optimizee import Optimizee
from l2l.optimizees import BalancedNetwork, StructuralPlasticity
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Outcome, Resources, Trial

SMALL: dict[str, Any] = {"n_excitatory": 20, "n_inhibitory": 5, "growth": 1000.0, "duration": 1000.0, "drive": 5800.0}


class TestStructuralPlasticity(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return StructuralPlasticity(**SMALL)


def simulated(model: Optimizee, seed: int = 1, threads: int = 1, **values: float) -> Outcome:
    individual = model.space.individual({**model.space.default, **values})
    found = model.simulate(individual, Trial(individual, entropy=seed, resources=Resources(threads=threads)))
    assert isinstance(found, Outcome)
    return found


def bits(found: Outcome) -> tuple[bytes, ...]:
    return tuple(np.asarray(one).tobytes() for one in (found.fitness, *found.observables.values()))


@pytest.fixture
def growing() -> StructuralPlasticity:
    model = StructuralPlasticity(**SMALL)
    model.setup()
    return model


def test_rewiring_leaves_nothing_behind_for_the_next_trial(growing: StructuralPlasticity) -> None:
    """Bit for bit, after other growth rates and another model in the same kernel; and the other model too."""
    other = BalancedNetwork(n_excitatory=40, duration=100.0, warmup=20.0)
    still, first = bits(simulated(other)), bits(simulated(growing))
    simulated(growing, seed=2, nu_ee=0.1, nu_ei=0.1, nu_ie=0.1, nu_ii=0.1)
    assert bits(simulated(growing)) == first
    assert bits(simulated(other)) == still
    assert bits(simulated(growing)) == first
    assert bits(simulated(growing, seed=2)) != first


def test_synapses_grow_at_the_rates_given_and_towards_what_the_rates_need() -> None:
    model = StructuralPlasticity(**{**SMALL, "drive": 5500.0, "growth": 3000.0, "target_excitatory": 40.0})
    slow = simulated(model, nu_ee=1e-4, nu_ei=1e-4, nu_ie=1e-4, nu_ii=1e-4)
    fast = simulated(model, nu_ee=5e-3, nu_ei=1e-4, nu_ie=1e-4, nu_ii=1e-4)
    assert slow.observables["synapses"].sum() < 20
    assert fast.observables["synapses"][0, 0] > 100
    assert fast.observables["synapses"][1].sum() == slow.observables["synapses"][1].sum() == 0
    assert fast.observables["rate_excitatory"] > slow.observables["rate_excitatory"] + 5.0


def test_neurons_that_fire_too_much_grow_inhibition() -> None:
    model = StructuralPlasticity(**{**SMALL, "drive": 6500.0, "growth": 3000.0})
    found = simulated(model, nu_ee=1e-4, nu_ei=1e-2, nu_ie=1e-4, nu_ii=1e-4)
    assert found.observables["synapses"][0, 1] > 20
    assert found.observables["synapses"][0, 0] == 0
    rates = found.observables["rates"][0]
    assert rates[-1] < 0.8 * rates[0]


def test_the_error_is_that_of_each_second_and_population(growing: StructuralPlasticity) -> None:
    model = StructuralPlasticity(**{**SMALL, "duration": 2000.0})
    found = simulated(model)
    judged = found.observables["rates"][:, -2:]
    assert found.observables["rates"].shape == (2, 3)
    assert found.fitness == pytest.approx(np.mean((judged / [[8.0], [16.0]] - 1.0) ** 2))
    assert found.observables["rate_inhibitory"] == pytest.approx(judged[1].mean())


def test_a_network_without_drive_is_silent() -> None:
    with pytest.raises(l2l.Invalid, match="silent"):
        simulated(StructuralPlasticity(**{**SMALL, "drive": 100.0}))


def test_several_threads_are_refused_with_the_remedy(growing: StructuralPlasticity) -> None:
    with pytest.raises(OptionError, match=r"one thread only, got 2; leave resources\.threads at 1"):
        simulated(growing, threads=2)


@pytest.mark.slow
def test_every_launcher_gives_the_same(tmp_path: Path) -> None:
    def run(launcher: Any, name: str) -> bytes:
        experiment = l2l.Experiment(
            StructuralPlasticity(**SMALL),
            {"name": "cma-es", "population": 4},
            directory=tmp_path / name,
            launcher=launcher,
            stop={"generations": 2},
        )
        errors: np.ndarray = experiment.run().individuals["fitness/error"]
        return errors.tobytes()

    assert run("serial", "serial") == run({"name": "local", "workers": 2}, "local")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_excitatory": 0.0}, "'target_excitatory'.*above 0"),
        ({"inhibitory_weight": 10.0}, "'inhibitory_weight'.*at most 0"),
        ({"resolution": 0.3}, "'resolution': expected a time step that divides 1 ms.*got 0.3 ms"),
        ({"duration": 500.0}, "'duration'.*at least 1000"),
        ({"growth": 1500.0}, "'growth'.*whole seconds in ms, got 1500"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        StructuralPlasticity(**options)
