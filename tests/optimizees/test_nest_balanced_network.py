import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from l2l.errors import Invalid, MissingPart, OptionError
from l2l.optimizee import Optimizee
from l2l.optimizees import BalancedNetwork
from l2l.optimizees.nest_balanced_network import irregularity, synchrony
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Outcome, Resources, Status, Trial
from l2l.worker.evaluate import evaluate

pytest.importorskip("nest")

SMALL: dict[str, Any] = {"n_excitatory": 80, "epsilon": 0.2, "duration": 200.0, "warmup": 40.0}


class TestBalancedNetwork(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return BalancedNetwork(**SMALL)


class TestBalancedNetworkOfThreeObjectives(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return BalancedNetwork(target_synchrony=0.2, separate=True, **SMALL)


@pytest.fixture
def network() -> Iterator[BalancedNetwork]:
    network = BalancedNetwork(**SMALL)
    network.setup()
    yield network
    network.teardown()


def simulated(network: BalancedNetwork, seed: int = 3, threads: int = 1, **values: float) -> Outcome:
    individual = network.space.individual({**network.space.default, **values})
    return network.simulate(individual, Trial(individual, entropy=seed, resources=Resources(threads=threads)))


# --- the physics ---


def test_more_drive_makes_more_spikes_and_more_inhibition_fewer(network: BalancedNetwork) -> None:
    rates = [simulated(network, eta=eta, J=0.5).observables["rate"] for eta in (1.0, 1.5, 2.5)]
    assert rates == sorted(rates)
    assert rates[0] < 0.7 * rates[-1]
    excited, inhibited = (simulated(network, g=g, J=0.8).observables["rate"] for g in (3.5, 8.0))
    assert inhibited < 0.7 * excited


def test_neurons_without_synapses_fire_as_theory_says() -> None:
    """With weak synapses the drive is its mean, and the rate 1 / (t_ref + tau log((mu - V_reset) / (mu - V_th)))."""
    network = BalancedNetwork(n_excitatory=40, epsilon=0.001, duration=500.0, warmup=100.0)
    eta = 2.0
    mu = eta * 20.0
    expected = 1000.0 / (2.0 + 20.0 * math.log((mu - 10.0) / (mu - 20.0)))
    measured = simulated(network, eta=eta, J=0.1).observables
    assert measured["rate"] == pytest.approx(expected, rel=0.1)
    assert measured["cv"] < 0.3


def test_the_fitness_is_the_mean_squared_relative_error_of_the_targets_that_are_given(network: BalancedNetwork) -> None:
    outcome = simulated(network)
    rate, cv, chi = (outcome.observables[name] for name in ("rate", "cv", "synchrony"))
    expected = (((rate - 8.0) / 8.0) ** 2 + ((cv - 0.8) / 0.8) ** 2) / 2.0
    assert outcome.fitness == pytest.approx(expected)
    only = BalancedNetwork(target_rate=None, target_cv=None, target_synchrony=0.1, **SMALL)
    assert simulated(only).fitness == pytest.approx(((chi - 0.1) / 0.1) ** 2)
    separate = BalancedNetwork(target_rate=rate, target_cv=2.0 * cv, separate=True, **SMALL)
    assert simulated(separate).fitness == pytest.approx((0.0, 0.25))
    assert [one.name for one in separate.objectives] == ["rate_error", "cv_error"]


def test_seed_and_number_of_threads_decide_the_realization(network: BalancedNetwork) -> None:
    first = simulated(network)
    assert simulated(network) == first
    assert simulated(network, seed=4) != first
    assert simulated(network, threads=2) == simulated(network, threads=2) != first


def test_individuals_of_one_seed_have_the_same_connections_and_initial_potentials(network: BalancedNetwork) -> None:
    def made(seed: int, **values: float) -> tuple[Any, Any, Any]:
        individual = network.space.individual({**network.space.default, **values})
        trial = Trial(individual, entropy=seed)
        network.reset(trial)
        potentials = network.population.V_m
        network.set_parameters(individual, trial)
        found = network.nest.GetConnections(network.population, network.population)
        return potentials, found.source, found.target

    first = made(3)
    assert len(first[1]) == 100 * (16 + 4)
    assert made(3, g=7.0, eta=3.0, J=0.9, delay=4.2) == first
    assert made(4) != first


# --- what goes wrong ---


def test_a_silent_network_is_invalid(network: BalancedNetwork) -> None:
    with pytest.raises(Invalid, match=r"^silent$"):
        simulated(network, eta=0.5, J=0.1)


def test_a_network_that_hardly_fires_has_no_cv(network: BalancedNetwork) -> None:
    with pytest.raises(Invalid, match=r"nearly silent: at .* no neuron fired three times"):
        simulated(network, eta=0.85, J=0.2, seed=1)
    rate_alone = BalancedNetwork(target_cv=None, **SMALL)
    assert math.isnan(simulated(rate_alone, eta=0.85, J=0.2, seed=1).observables["cv"])


def test_an_exploding_network_is_given_up_early_and_the_next_is_as_if_nothing_had_been() -> None:
    network = BalancedNetwork(**{**SMALL, "duration": 1e9, "max_rate": 150.0})
    with pytest.raises(Invalid, match=r"exploding: \d+ spikes/s after \d+ ms, max_rate is 150"):
        simulated(network, g=3.0, eta=4.0, J=1.0)
    assert network._nest.biological_time < 500.0
    fine = BalancedNetwork(**SMALL)
    assert simulated(fine) == simulated(fine)


def test_an_error_of_nest_is_a_failed_trial_with_its_text_and_the_kernel_stays_usable(
    network: BalancedNetwork, capfd: pytest.CaptureFixture[str]
) -> None:
    before = simulated(network)
    network.neuron["V_th"] = -5.0
    individual = network.space.default
    found = evaluate(network, Trial(individual, entropy=1))
    assert found.status is Status.FAILED
    assert found.failure is not None and "threshold" in found.failure.message
    network.neuron["V_th"] = 20.0
    assert simulated(network) == before
    assert capfd.readouterr() == ("", "")


def test_a_missing_nest_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "nest", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MissingPart, match=r"NEST is not installed here; install it with: pip install 'l2l\[nest\]'"):
        BalancedNetwork().setup()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_rate": None, "target_cv": None}, "at least one of target_rate, target_cv, target_synchrony"),
        ({"target_rate": 0.0}, "'target_rate'.*above 0, got 0.0"),
        ({"target_cv": math.nan}, "'target_cv'.*got nan"),
        ({"n_excitatory": 3}, "'n_excitatory'.*above 3, got 3"),
        ({"epsilon": 1.5}, "'epsilon'.*at most 1, got 1.5"),
        ({"V_th": 9.0}, "'V_th'.*above 10, got 9.0"),
        ({"duration": math.inf}, "'duration'.*finite.*got inf"),
        ({"warmup": -1.0}, "'warmup'.*at least 0.*got -1.0"),
        ({"resolution": 1.0}, "'resolution'.*at most 0.5, got 1.0"),
        (
            {"t_ref": 2.05},
            r"'t_ref': expected whole time steps of 0\.1 ms, got 2\.05 ms; 2 and 2\.1 ms are the nearest",
        ),
        ({"duration": 100.3, "resolution": 0.5}, "'duration': expected whole time steps of 0.5 ms"),
        ({"warmup": 0.25}, "'warmup': expected whole time steps of 0.1 ms"),
        ({"target": 8.0}, "did you mean 'target_"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        BalancedNetwork(**options)


# --- the statistics ---


def poisson(rng: np.random.Generator, neurons: int, rate: float, length: float) -> tuple[np.ndarray, np.ndarray]:
    counts = rng.poisson(rate * length / 1000.0, neurons)
    return rng.uniform(0.0, length, counts.sum()), np.repeat(np.arange(neurons), counts)


def test_irregularity_is_0_of_clocks_1_of_poisson_trains_and_unbiased_when_short() -> None:
    rng = np.random.default_rng(1)
    clocks = np.concatenate([np.arange(0.0, 1000.0, period) for period in (10.0, 10.0, 10.0)])
    assert irregularity(clocks, np.repeat([0, 4, 9], 100)) == pytest.approx(0.0, abs=1e-9)
    assert irregularity(*poisson(rng, 200, 20.0, 10_000.0)) == pytest.approx(1.0, abs=0.03)
    assert irregularity(*poisson(rng, 2000, 20.0, 500.0)) == pytest.approx(0.9, abs=0.1)
    gamma = np.cumsum(rng.gamma(4.0, 10.0, (50, 400)), axis=1)
    assert irregularity(gamma.ravel(), np.repeat(np.arange(50), 400)) == pytest.approx(0.5, abs=0.02)


def test_irregularity_needs_a_neuron_with_three_spikes() -> None:
    assert math.isnan(irregularity(np.array([1.0, 2.0, 3.0]), np.array([0, 0, 1])))
    assert not math.isnan(irregularity(np.array([1.0, 2.0, 4.0, 5.0]), np.array([7, 7, 7, 9])))


def test_synchrony_is_1_of_identical_neurons_and_shrinks_with_their_number_when_independent() -> None:
    rng = np.random.default_rng(2)
    train = np.sort(rng.uniform(0.0, 1000.0, 40))
    same = synchrony(np.tile(train, 10), np.repeat(np.arange(10), 40), 10, 1000.0)
    assert same == pytest.approx(1.0)
    for neurons in (16, 100):
        times, senders = poisson(rng, neurons, 20.0, 20_000.0)
        assert synchrony(times, senders, neurons, 20_000.0) == pytest.approx(neurons**-0.5, rel=0.1)


def test_silent_neurons_count_for_synchrony() -> None:
    times, senders = poisson(np.random.default_rng(3), 20, 20.0, 20_000.0)
    few, many = (synchrony(times, senders, neurons, 20_000.0) for neurons in (20, 80))
    assert many == pytest.approx(few / 2.0, rel=0.02)
