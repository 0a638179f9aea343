"""What environments and policies may not hand over; each is met in a trial."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from l2l.errors import OptionError
from l2l.optimizees import GymnasiumOptimizee
from l2l.values import Evaluation, Status, Trial
from l2l.worker.evaluate import evaluate
from tests.optimizees.agents import Script
from tests.optimizees.policies import Constant, Outputs

NAN, INF = float("nan"), float("inf")
BOX = spaces.Box(-1.0, 1.0, (2,))
FINE = np.zeros(2)


def trial_of(space: Any, reset: Any, steps: Any, **options: Any) -> Evaluation:
    """A trial of one episode in a scripted environment."""
    given = {"space": space, "reset": reset, "steps": steps, **options.pop("environment_options", {})}
    agent = GymnasiumOptimizee(factory=Script, environment_options=given, episodes=1, **options)
    agent.setup()
    found = evaluate(agent, Trial(agent.describe().default, entropy=1))
    agent.teardown()
    return found


def said(found: Evaluation) -> str:
    assert found.failure is not None
    return found.failure.message


def episode(observations: Sequence[Any], rewards: Sequence[float] | None = None) -> list[tuple[Any, ...]]:
    """Steps that end after the last observation."""
    rewards = [1.0] * len(observations) if rewards is None else rewards
    ends = [False] * (len(observations) - 1) + [True]
    return [(one, reward, end, False, {}) for one, reward, end in zip(observations, rewards, ends, strict=True)]


# --- numbers that are none ---


@pytest.mark.parametrize(
    "options", [{"policy": "mlp"}, {"policy": Constant}, {"policy": "linear", "normalize": "bounds"}]
)
@pytest.mark.parametrize(
    ("space", "fine", "wrong", "place"),
    [
        (BOX, FINE, np.array([0.0, NAN]), "observation[1] is nan"),
        (BOX, FINE, [0.0, -INF], "observation[1] is -inf"),
        (spaces.Box(-1, 1, (2, 2)), np.zeros((2, 2)), np.array([[0, 0], [NAN, 0]]), "observation[1, 0] is nan"),
        (spaces.Box(0, 255, (2,), dtype=np.uint8), FINE, np.array([NAN, 1.0]), "observation[0] is nan"),
        (spaces.Dict({"arm": BOX, "door": spaces.Discrete(2)}), {"arm": FINE, "door": 1},
         {"arm": np.array([NAN, 0.0]), "door": 1}, "observation['arm'][0] is nan"),
        (spaces.Dict({"eye": spaces.Box(0, 255, (2,), dtype=np.uint8)}), {"eye": FINE},
         {"eye": np.array([0.0, NAN])}, "observation['eye'][1] is nan"),
        (spaces.Tuple((BOX, spaces.Dict({"arm": BOX}))), (FINE, {"arm": FINE}),
         (FINE, {"arm": np.array([0.0, INF])}), "observation[1]['arm'][1] is inf"),
        (spaces.Discrete(3), 1, NAN, "observation is nan"),
        (spaces.MultiBinary(2), np.ones(2), np.array([1.0, NAN]), "observation[1] is nan"),
        (spaces.MultiDiscrete([2, 2]), np.array([1, 1]), np.array([1.0, NAN]), "observation[1] is nan"),
    ],
)  # fmt: skip
def test_an_observation_with_a_number_that_is_none_is_invalid_wherever_it_is(
    space: Any, fine: Any, wrong: Any, place: str, options: dict[str, Any]
) -> None:
    good = trial_of(space, (fine, {}), episode([fine] * 4), **options)
    assert (good.status, good.fitness) == (Status.OK, (4.0,))
    for when in (1, 3, 4):
        steps = episode([wrong if step == when else fine for step in range(1, 5)])
        found = trial_of(space, (fine, {}), steps, **options)
        assert (found.status, said(found)) == (Status.INVALID, f"diverged: after {when} steps {place}")
    found = trial_of(space, (wrong, {}), episode([fine] * 4), **options)
    assert (found.status, said(found)) == (Status.INVALID, f"diverged: after 0 steps {place}")


def test_what_an_action_that_is_kept_skips_counts_too() -> None:
    steps = episode([FINE, np.array([NAN, 0.0]), FINE, FINE])
    found = trial_of(BOX, (FINE, {}), steps, frame_skip=4)
    assert said(found) == "diverged: after 2 steps observation[0] is nan"


def test_huge_observations_are_numbers() -> None:
    assert trial_of(BOX, (FINE, {}), episode([np.full(2, 1e200)] * 3), policy=Constant).fitness == (3.0,)


@pytest.mark.parametrize("rewards", [[1.0, NAN, 1.0], [1.0, INF, -INF]])
def test_a_reward_that_is_no_number_is_invalid_at_its_step(rewards: list[float]) -> None:
    found = trial_of(BOX, (FINE, {}), episode([FINE] * 3, rewards))
    assert found.status is Status.INVALID
    assert said(found) == f"diverged: after 2 steps the return is {rewards[1]}: the reward of step 2 is {rewards[1]}"


@pytest.mark.parametrize(
    ("actions", "outputs", "message"),
    [
        (spaces.Discrete(2), [0.0, NAN], "output 1 of the policy is nan"),
        (spaces.MultiDiscrete([2, 2]), [0.0, 1.0, NAN, 1.0], "output 2 of the policy is nan"),
        (spaces.MultiBinary(2), [NAN, 1.0], "output 0 of the policy is nan"),
        (spaces.Box(-1.0, 1.0, (1,)), [NAN], "output 0 of the policy is nan"),
        (spaces.Box(-INF, INF, (2,)), [0.0, INF], "the policy's action[1] is inf"),
    ],
)
def test_a_policy_that_answers_with_no_number_is_invalid(actions: Any, outputs: list[float], message: str) -> None:
    given = {"policy": Outputs, "policy_options": {"outputs": outputs}, "environment_options": {"actions": actions}}
    found = trial_of(BOX, (FINE, {}), episode([FINE] * 3), **given)
    assert (found.status, said(found)) == (Status.INVALID, f"diverged: after 0 steps {message}")


@pytest.mark.parametrize(
    ("actions", "outputs"), [(spaces.Discrete(2), [-INF, 1.0]), (spaces.Box(-1.0, 1.0, (1,)), [INF])]
)
def test_an_infinite_output_with_a_meaning_is_none_the_worse(actions: Any, outputs: list[float]) -> None:
    given = {"policy": Outputs, "policy_options": {"outputs": outputs}, "environment_options": {"actions": actions}}
    assert trial_of(BOX, (FINE, {}), episode([FINE] * 3), **given).fitness == (3.0,)


class Blind(Constant):
    """Speaks to the environment itself, in no numbers."""

    def act(self, observation: Any) -> Any:
        return {"left": np.array([0.0, NAN])}


def test_an_action_of_the_environments_own_is_looked_at_too() -> None:
    found = trial_of(BOX, (FINE, {}), episode([FINE] * 3), policy=Blind)
    assert said(found) == "diverged: after 0 steps the policy's action['left'][1] is nan"


def test_outputs_that_are_too_many_or_few_are_refused() -> None:
    for outputs in ([1.0], [0.0, 0.0, 1.0]):
        found = trial_of(BOX, (FINE, {}), episode([FINE]), policy=Outputs, policy_options={"outputs": outputs})
        assert found.status is Status.FAILED
        assert said(found) == f"ContractError: Outputs.act(): expected 2 outputs, got shape ({len(outputs)},)"


def test_an_observation_of_another_size_than_its_space_is_refused() -> None:
    found = trial_of(BOX, (FINE, {}), episode([np.float64(0.5)]))
    assert found.status is Status.FAILED
    assert "expected an observation of Box" in said(found) and "of shape ()" in said(found)


# --- another interface ---


PAIR = spaces.Tuple((BOX, spaces.Dict({"arm": BOX})))


@pytest.mark.parametrize(
    ("space", "observation", "got"),
    [
        (BOX, np.zeros(2, np.float32), "ndarray of shape (2,)"),
        (spaces.Box(-1, 1, (3,)), np.zeros(3, np.float32), "ndarray of shape (3,)"),
        (spaces.Discrete(2), 1, "int"),
        (spaces.Dict({"a": BOX, "b": BOX}), {"a": FINE, "b": FINE}, "dict"),
        (spaces.Tuple((BOX, BOX)), (FINE, FINE), "a pair that ends in ndarray"),
        (PAIR, (np.zeros(2, np.float32), {"arm": np.zeros(2, np.float32)}), "a pair that ends in dict"),
        (spaces.Tuple((BOX, BOX, BOX)), (FINE, FINE, FINE), "3 values"),
    ],
)
def test_a_reset_that_returns_the_observation_alone_is_refused(space: Any, observation: Any, got: str) -> None:
    found = trial_of(space, observation, episode([observation] * 2))
    assert found.status is Status.FAILED
    assert f"Script.reset(): expected (observation, info), got {got}; this is the interface of Gym" in said(found)
    assert trial_of(space, (observation, {}), episode([observation] * 2)).fitness == (2.0,)


@pytest.mark.parametrize(
    ("step", "got"), [((FINE, 1.0, True, {}), "4 values"), (None, "NoneType"), ((FINE, 1.0), "a pair that ends in")]
)
def test_a_step_that_returns_other_than_five_values_is_refused(step: Any, got: str) -> None:
    found = trial_of(BOX, (FINE, {}), [step])
    assert found.status is Status.FAILED
    expected = f"Script.step(): expected (observation, reward, terminated, truncated, info), got {got}"
    assert expected in said(found)


class Unseeded(gymnasium.Env[Any, Any]):
    """As Gym's environments were before they took a seed."""

    observation_space = BOX
    action_space = spaces.Discrete(2)

    def reset(self) -> Any:  # type: ignore[override]
        return FINE


def test_what_is_no_single_environment_of_gymnasium_is_refused_by_setup() -> None:
    with pytest.raises(OptionError, match=r"Unseeded\.reset\(\): expected a parameter seed, got none; this is"):
        GymnasiumOptimizee(factory=Unseeded).setup()
    with pytest.raises(OptionError, match=r"'factory': expected one environment, got a vector of 3; .* single one"):
        GymnasiumOptimizee(factory=three).setup()
    with pytest.raises(OptionError, match=r"make_environment\(\): expected one environment, got a vector of 3"):
        Several(environment="CartPole-v1").setup()


def three() -> Any:
    return gymnasium.make_vec("CartPole-v1", num_envs=3)


class Several(GymnasiumOptimizee):
    """Builds more than an agent can play in."""

    def make_environment(self) -> Any:
        return three()


# --- closing ---


def test_an_environment_that_cannot_be_closed_changes_nothing() -> None:
    fails = {"environment_options": {"fails": True}}
    assert trial_of(BOX, (FINE, {}), episode([FINE] * 3), **fails).fitness == (3.0,)
    assert trial_of(BOX, (FINE, {}), episode([FINE] * 3), fresh=True, **fails).fitness == (3.0,)
    found = trial_of(BOX, (FINE, {}), episode([np.array([NAN, 0.0])]), **fails)
    assert (found.status, said(found)) == (Status.INVALID, "diverged: after 1 steps observation[0] is nan")
