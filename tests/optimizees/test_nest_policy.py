from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.optimizees import BalancedNetwork, GymnasiumOptimizee
from l2l.optimizees.nest import NestError
from l2l.optimizees.nest_policy import SpikingPolicy
from l2l.optimizees.policy import Interface
from l2l.testing.optimizees import OptimizeeContract, bits_of
from l2l.values import Resources, Status, Trial
from l2l.worker.evaluate import evaluate

AGENT: dict[str, Any] = {
    "environment": "CartPole-v1",
    "policy": "spiking",
    "policy_options": {"fields": 4, "duration": 10.0},
    "normalize": [2.4, 2.0, 0.2, 2.0],
    "max_steps": 40,
    "frame_skip": 2,
}


class TestSpikingAgent(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return GymnasiumOptimizee(**AGENT)


def loaded(policy: SpikingPolicy, interface: Interface, weights: Any = 1.0, seed: int = 1) -> SpikingPolicy:
    policy.start()
    individual = policy.parameters(interface).individual({"weights": weights})
    policy.load(individual, Trial(individual, entropy=seed))
    return policy


def outputs(policy: SpikingPolicy, observation: list[float], actions: int = 5, episode: int = 0) -> np.ndarray:
    policy.begin(episode)
    try:
        return np.array([policy.act(np.array(observation)).copy() for _ in range(actions)])
    finally:
        policy.end()


def only(size: int, **chosen: float) -> np.ndarray:
    """A vector of zeros but for `w3=1.0`."""
    weights = np.zeros(size)
    for name, value in chosen.items():
        weights[int(name[1:])] = value
    return weights


# --- what the network does ---


def test_an_output_fires_when_an_observation_is_in_the_field_that_excites_it() -> None:
    """Two outputs of four fields and a bias each; the first listens to the lowest field, the second to the highest."""
    interface = Interface(inputs=1, outputs=2, signed=False)
    policy = loaded(SpikingPolicy(fields=4, noise=0.0), interface, only(10, w0=2.0, w8=2.0))
    low, high, between = (outputs(policy, [value])[-1] for value in (-1.0, 1.0, 0.0))
    assert low[0] > 1.0 and low[1] == 0.0
    assert high[1] > 1.0 and high[0] == 0.0
    assert (between < 0.5 * low[0]).all()
    np.testing.assert_array_equal(outputs(policy, [9.0]), outputs(policy, [1.0]))


def test_a_bias_makes_its_population_fire_from_the_rheobase_on() -> None:
    policy = loaded(
        SpikingPolicy(fields=2, noise=0.0, limit=4.0), Interface(1, 3, False), only(9, w2=1.9, w5=2.2, w8=4.0)
    )
    below, above, far = outputs(policy, [0.0], actions=20)[-1]
    assert below == 0.0
    assert 0.0 < above < far


def test_a_hidden_layer_stands_between_fields_and_outputs() -> None:
    interface = Interface(inputs=1, outputs=2, signed=False)
    policy = SpikingPolicy(fields=2, hidden=3, noise=0.0, limit=8.0)
    assert policy.connect(interface) == 3 * 3 + 2 * 4
    only_first = only(17, w0=8.0, w9=8.0)  # lowest field → first hidden neuron → first output
    found = outputs(loaded(policy, interface, only_first), [-1.0])[-1]
    assert found[0] > 0.0 and found[1] == 0.0
    assert (outputs(loaded(policy, interface, only(17, w9=8.0)), [-1.0]) == 0.0).all()


def test_continuous_actions_have_a_population_for_each_direction() -> None:
    interface = Interface(inputs=1, outputs=1, signed=True)
    policy = SpikingPolicy(fields=2, noise=0.0)
    assert policy.connect(interface) == 6
    up, down = (
        outputs(loaded(policy, interface, weights), [-1.0])[-1] for weights in (only(6, w0=2.0), only(6, w3=2.0))
    )
    assert up.shape == (1,)
    assert up[0] == -down[0] > 0.0


def test_outputs_are_leaky_counts_of_spikes() -> None:
    interface, weights = Interface(inputs=1, outputs=1, signed=False), only(3, w2=2.0)
    once, kept = (
        outputs(loaded(SpikingPolicy(fields=2, memory=memory, noise=1.0), interface, weights), [0.0])[:, 0]
        for memory in (0.0, 0.5)
    )
    spikes = once * 3 * 0.020 * 20.0  # population × seconds × unit of the rate
    np.testing.assert_allclose(spikes, np.rint(spikes), atol=1e-9)
    assert spikes.sum() > 0.0
    expected = 0.0
    for one, value in zip(kept, once, strict=True):
        expected = 0.5 * expected + 0.5 * value
        assert one == pytest.approx(expected)


def test_an_episode_is_decided_by_the_seed_and_its_number() -> None:
    interface, weights = Interface(inputs=1, outputs=2, signed=False), np.full(6, 1.0)
    policy = loaded(SpikingPolicy(fields=2, noise=1.0), interface, weights)
    first = outputs(policy, [0.5])
    other = outputs(policy, [0.5], episode=1)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(outputs(policy, [0.5]), first)
    assert not np.array_equal(outputs(loaded(policy, interface, weights, seed=2), [0.5]), first)


# --- as part of a run ---


@pytest.mark.slow
def test_one_worker_or_two_give_the_same_trials(tmp_path: Path) -> None:
    found = []
    for launcher in ("serial", {"name": "local", "workers": 2}):
        trajectory = l2l.Experiment(
            GymnasiumOptimizee(**AGENT, episodes=1),
            {"name": "evolution-strategies", "population": 4},
            directory=tmp_path / f"run{len(found)}",
            launcher=launcher,
            stop=l2l.Stop(generations=2),
        ).run()
        found.append([trajectory.trials[name].tobytes() for name in ("fitness/return", "observables/returns", "seed")])
    assert found[0] == found[1]


def test_a_trial_is_alike_after_other_networks_and_with_more_threads() -> None:
    agent = GymnasiumOptimizee(**AGENT)
    agent.setup()
    individual = agent.describe().sample(1, np.random.default_rng(3))[0]
    first = bits_of(evaluate(agent, Trial(individual, entropy=5)))
    network = BalancedNetwork(n_excitatory=80, duration=20.0, warmup=0.0)
    network.setup()
    evaluate(network, Trial(network.space.default, entropy=1, resources=Resources(threads=2)))
    assert bits_of(evaluate(agent, Trial(individual, entropy=5))) == first
    assert bits_of(evaluate(agent, Trial(individual, entropy=5, resources=Resources(threads=2)))) == first
    assert first[0] is Status.OK


def test_an_error_of_nest_is_a_failed_trial_and_the_next_is_right(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    agent = GymnasiumOptimizee(**AGENT)
    agent.setup()
    individual = agent.describe().default
    before = bits_of(evaluate(agent, Trial(individual, entropy=5)))
    assert isinstance(agent.policy, SpikingPolicy)
    agent.policy.duration = 0.3
    found = evaluate(agent, Trial(individual, entropy=5))
    assert found.status is Status.FAILED
    assert found.failure is not None and found.failure.message.startswith(NestError.__name__)
    agent.policy.duration = 10.0
    assert bits_of(evaluate(agent, Trial(individual, entropy=5))) == before
    agent.teardown()
    assert capfd.readouterr() == ("", "")


def test_the_version_names_nest() -> None:
    agent = GymnasiumOptimizee(**AGENT)
    agent.setup()
    assert "CartPole-v1, NEST 3." in agent.version()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": 1}, "'fields'.*at least 2, got 1"),
        ({"hidden": -1}, "'hidden'.*at least 0, got -1"),
        ({"population": 0}, "'population'.*at least 1, got 0"),
        ({"duration": 0.1}, "'duration'.*at least 0.5, got 0.1"),
        ({"resolution": 2.0}, "'resolution'.*at most 1, got 2.0"),
        ({"resolution": 0.3}, "'resolution': expected a time step that divides 1 ms.*got 0.3 ms"),
        ({"duration": 20.2}, "'duration': expected whole time steps of 0.5 ms, got 20.2 ms"),
        ({"memory": 1.0}, "'memory'.*at most 0.99, got 1.0"),
        ({"strength": 0.0}, "'strength'.*above 0, got 0.0"),
        ({"noise": -1.0}, "'noise'.*at least 0, got -1.0"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        SpikingPolicy(**options)


def test_the_vector_belongs_to_the_individual() -> None:
    policy = SpikingPolicy(fields=2)
    space = policy.parameters(Interface(inputs=2, outputs=2, signed=False))
    assert isinstance(space.default, Individual)
    assert space["weights"].shape == (10,)
