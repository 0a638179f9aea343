import math
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import l2l
from l2l.cli import main
from l2l.errors import Invalid, MissingPart, NotFoundError, OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.optimizees import GymnasiumOptimizee
from l2l.optimizees.policy import MLP, Interface, Linear
from l2l.testing.optimizees import OptimizeeContract, bits_of
from l2l.values import Outcome, Status, Trial
from l2l.worker.evaluate import evaluate
from tests.optimizees.agents import KickedCheetah, Room, options
from tests.optimizees.policies import Constant, Lean, Outputs, Shortest


class TestAgent(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return GymnasiumOptimizee(environment="CartPole-v1", policy="mlp", policy_options={"hidden": [4]})


class TestAgentWithAPolicyOfItsUser(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return Shortest(environment="CartPole-v1", policy=Lean, normalize=[2.4, 2.0, 0.2, 2.0])


def played(agent: GymnasiumOptimizee, individual: Individual | None = None, seed: int = 3) -> Outcome:
    point = agent.describe().default if individual is None else individual
    found: Outcome = agent.simulate(point, Trial(point, entropy=seed))
    return found


def in_room(**given: Any) -> GymnasiumOptimizee:
    agent = GymnasiumOptimizee(**options(**given))
    agent.setup()
    return agent


# --- what is optimized ---


def test_the_fitness_is_the_mean_return_of_episodes_that_gymnasium_alone_plays_alike() -> None:
    agent = GymnasiumOptimizee(environment="CartPole-v1", policy="linear", episodes=4)
    agent.setup()
    individual = agent.describe().sample(1, np.random.default_rng(2))[0]
    outcome = played(agent, individual)
    matrix = individual["weights"].reshape(2, 5)
    expected = []
    env = gymnasium.make("CartPole-v1")
    for seed in Trial(individual, entropy=3).rng.integers(0, 2**31 - 1, size=4).tolist():
        observation, _ = env.reset(seed=seed)
        total, over = 0.0, False
        while not over:
            action = int(np.argmax(matrix[:, :4] @ observation + matrix[:, 4]))
            observation, reward, terminated, truncated, _ = env.step(action)
            total, over = total + float(reward), terminated or truncated
        expected.append(total)
    assert outcome.observables["returns"] == expected
    assert outcome.observables["steps"] == expected
    assert outcome.fitness == sum(expected) / 4
    assert len(set(expected)) > 1


def test_with_common_seeds_all_individuals_meet_the_same_episodes(tmp_path: Path) -> None:
    returns = {}
    for seeding in ("common", "individual"):
        trajectory = l2l.Experiment(
            GymnasiumOptimizee(environment="CartPole-v1", policy=Constant, episodes=3),
            {"name": "random", "population": 4},
            directory=tmp_path / seeding,
            launcher="serial",
            stop=l2l.Stop(generations=1),
            trials=2,
            seeding=seeding,
        ).run()
        found = trajectory.trials["observables/returns"].reshape(4, -1)
        returns[seeding] = {one.tobytes() for one in found}
    assert len(returns["common"]) == 1
    assert len(returns["individual"]) == 4


def test_one_worker_or_two_give_the_same_trials(tmp_path: Path) -> None:
    found = []
    for launcher in ("serial", {"name": "local", "workers": 2}):
        trajectory = l2l.Experiment(
            GymnasiumOptimizee(environment="MountainCarContinuous-v0", normalize="bounds", episodes=2, max_steps=60),
            {"name": "evolution-strategies", "population": 6},
            directory=tmp_path / f"run{len(found)}",
            launcher=launcher,
            stop=l2l.Stop(generations=3),
            trials=2,
        ).run()
        found.append([trajectory.trials[name].tobytes() for name in ("fitness/return", "observables/returns", "seed")])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "name", ["LunarLander-v3", "BipedalWalker-v3", "HalfCheetah-v5", "Pendulum-v1", "Taxi-v4", "Acrobot-v1"]
)
def test_an_environment_plays_an_episode_alike_whatever_was_played_before(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    results = []
    for before in (0, 3):
        agent = GymnasiumOptimizee(environment=name, max_steps=40, episodes=2)
        agent.setup()
        individuals = agent.describe().sample(4, np.random.default_rng(1))
        for individual in individuals[:before]:
            played(agent, individual, seed=7)
        results.append(bits_of(evaluate(agent, Trial(individuals[3], entropy=5))))
        agent.teardown()
    assert results[0] == results[1]
    assert results[0][0] is Status.OK
    assert not any(Path().iterdir())
    assert capfd.readouterr() == ("", "")


def test_an_action_is_kept_for_frame_skip_steps_whose_rewards_add_up() -> None:
    agent = in_room(policy=Outputs, policy_options={"outputs": [0.0, 1.0]}, frame_skip=3, episodes=1)
    outcome = played(agent)
    assert isinstance(agent.policy, Outputs)
    assert len(agent.policy.seen) == 2
    assert outcome.observables["steps"] == [5]
    assert outcome.fitness == 5.0


@pytest.mark.parametrize(
    ("environment", "given", "expected"),
    [
        ("CartPole-v1", {"success": "terminated"}, True),
        ("CartPole-v1", {"success": "truncated"}, False),
        ("CartPole-v1", {"success": "truncated", "max_steps": 5}, True),
        ("CartPole-v1", {}, False),  # its threshold is 475
        ("CartPole-v1", {"success": 5}, True),
        ("CartPole-v1", {"success": 100.0}, False),
        (None, {"factory": Room}, True),  # it has no threshold, and says is_success
    ],
)
def test_what_success_is_can_be_chosen(environment: str | None, given: dict[str, Any], expected: bool) -> None:
    agent = GymnasiumOptimizee(environment=environment, episodes=2, **given)
    agent.setup()
    assert played(agent).observables["success"] == [expected, expected]


def test_a_derived_class_builds_its_environment_and_rates_in_its_own_way() -> None:
    agent = Shortest(environment="CartPole-v1", policy=Lean, episodes=4, normalize=[2.4, 2.0, 0.2, 2.0])
    agent.setup()
    outcome = played(agent)
    assert outcome.fitness == min(outcome.observables["steps"])
    good = agent.describe().individual({"angle": 2.0, "speed": 1.0})
    assert played(agent, good).fitness == 50.0


# --- spaces ---


@pytest.mark.parametrize(
    ("actions", "outputs", "signed", "expected"),
    [
        (spaces.Discrete(3), [0.1, 0.3, 0.2], False, 1),
        (spaces.Discrete(3, start=5), [0.1, 0.2, 0.3], False, 7),
        (spaces.MultiDiscrete([2, 3]), [0.0, 1.0, 5.0, -1.0, 4.0], False, [1, 0]),
        (
            spaces.MultiDiscrete(np.array([[2], [2]]), start=np.array([[1], [0]])),
            [0.0, 1.0, 2.0, 1.0],
            False,
            [[2], [0]],
        ),
        (spaces.MultiBinary(3), [0.1, -0.1, 0.0], True, [1, 0, 0]),
        (spaces.Box(-2.0, 4.0, (2,)), [0.0, 100.0], True, [1.0, 4.0]),
        (spaces.Box(-np.inf, np.inf, (2, 1)), [3.0, -7.0], True, [[3.0], [-7.0]]),
        (spaces.Box(0, 255, (2,), dtype=np.uint8), [-50.0, 0.0], True, [0, 128]),
    ],
)
def test_outputs_become_actions_of_any_kind(actions: Any, outputs: list[float], signed: bool, expected: Any) -> None:
    agent = in_room(policy=Outputs, policy_options={"outputs": outputs}, environment_options={"actions": actions})
    played(agent)
    assert isinstance(agent.policy, Outputs)
    assert agent.policy.interface == Interface(inputs=3, outputs=len(outputs), signed=signed)
    taken = agent._env.unwrapped.actions
    assert len(taken) == 10
    assert all(np.array_equal(one, expected) for one in taken)


@pytest.mark.parametrize(
    ("observations", "inputs"),
    [
        (spaces.Box(-1.0, 1.0, (2, 3)), 6),
        (spaces.Discrete(4), 4),
        (spaces.MultiDiscrete([2, 3]), 5),
        (spaces.MultiBinary(4), 4),
        (spaces.Dict({"place": spaces.Box(0.0, 1.0, (2,)), "door": spaces.Discrete(3)}), 5),
        (spaces.Tuple((spaces.Discrete(2), spaces.Discrete(2))), 4),
    ],
)
def test_observations_of_any_kind_become_vectors(observations: Any, inputs: int) -> None:
    agent = in_room(environment_options={"observations": observations})
    assert agent.describe()["weights"].shape == (2 * (inputs + 1),)
    assert played(agent).fitness == 5.0


def test_observations_are_normalized_by_bounds_or_scales() -> None:
    box = spaces.Box(np.array([-1.0, 0.0, -np.inf]), np.array([1.0, 10.0, np.inf]), dtype=np.float64)
    seen = {}
    for key, normalize in (("raw", None), ("bounds", "bounds"), ("scales", [2.0, 5.0, 0.5])):
        agent = in_room(
            environment_options={"observations": box},
            policy=Outputs,
            policy_options={"outputs": [0.0, 0.0]},
            normalize=normalize,
        )
        played(agent)
        assert isinstance(agent.policy, Outputs)
        seen[key] = np.array(agent.policy.seen)
    raw = seen["raw"]
    np.testing.assert_allclose(seen["bounds"], np.stack([raw[:, 0], raw[:, 1] / 5.0 - 1.0, raw[:, 2]], axis=1))
    np.testing.assert_allclose(seen["scales"], raw / [2.0, 5.0, 0.5])
    assert raw[:, 1].max() > 1.0


# --- policies ---


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("tanh", np.tanh),
        ("relu", lambda x: np.maximum(x, 0.0)),
        ("sigmoid", lambda x: 1.0 / (1.0 + np.exp(-x))),
        ("identity", lambda x: x),
    ],
)
def test_a_network_computes_what_its_layers_say(name: Any, function: Any) -> None:
    policy = MLP(hidden=[5, 2], activation=name, limit=3.0)
    space = policy.parameters(Interface(inputs=3, outputs=4, signed=False))
    assert space["weights"].shape == (5 * 4 + 2 * 6 + 4 * 3,)
    assert (space["weights"].low, space["weights"].high) == (-3.0, 3.0)
    individual = space.sample(1, np.random.default_rng(1))[0]
    policy.load(individual, Trial(individual))
    vector = individual["weights"]
    first, second, third = vector[:20].reshape(5, 4), vector[20:32].reshape(2, 6), vector[32:].reshape(4, 3)
    for observation in np.random.default_rng(2).normal(size=(3, 3)):
        values = function(first[:, :3] @ observation + first[:, 3])
        values = function(second[:, :5] @ values + second[:, 5])
        np.testing.assert_allclose(policy.act(observation), third[:, :2] @ values + third[:, 2], rtol=1e-12)


def test_a_policy_is_a_registered_name_or_a_class_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "my_policy.py").write_text(MY_POLICY)
    (tmp_path / "agent.yaml").write_text(
        "optimizee:\n  {name: gymnasium, environment: CartPole-v1, policy: 'my_policy.py:Lean', episodes: 2,\n"
        "   policy_options: {gain: 3}, success: truncated}\n"
        "optimizer: {name: random, population: 8}\nstop: {generations: 2}\nseed: 2\nvalidate: {trials: 2}\n"
    )
    assert main(["run", str(tmp_path / "agent.yaml"), "--workers", "2"]) == 0
    trajectory = l2l.Trajectory(tmp_path / "runs/agent")
    assert trajectory.best.fitness > 100.0
    assert set(trajectory.best) == {"speed"}


MY_POLICY = """
import l2l
import numpy as np
from l2l.optimizees.policy import Policy


class Lean(Policy):
    '''Pushes the cart to where the pole falls.

    Args:
        gain: Of the angle.
    '''

    def __init__(self, *, gain: float = 1.0) -> None:
        assert isinstance(gain, float)
        self.gain = gain

    def parameters(self, interface):
        return l2l.ParameterSpace(speed=l2l.Real(0.0, 2.0))

    def load(self, individual, trial):
        self.speed = individual["speed"]

    def act(self, observation):
        return np.array([0.0, self.gain * observation[2] + self.speed * observation[3]])
"""


def test_an_environment_is_made_by_a_class_of_a_file_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my_env.py").write_text(MY_ENVIRONMENT)
    (tmp_path / "agent.yaml").write_text(
        "optimizee: {name: gymnasium, factory: 'my_env.py:Weak', environment_options: {force: 2}, max_steps: 30}\n"
        "optimizer: {name: random, population: 2}\nstop: {generations: 1}\n"
    )
    assert main(["run", str(tmp_path / "agent.yaml"), "--workers", "1"]) == 0
    trajectory = l2l.Trajectory(tmp_path / "runs/agent")
    assert trajectory.individuals["parameters/weights"].shape == (2, 10)
    assert trajectory.trials["observables/steps"].max() <= 30
    assert main(["check", str(tmp_path / "agent.yaml")]) == 0
    assert "factory=Weak" in capsys.readouterr().out


MY_ENVIRONMENT = """
from gymnasium.envs.classic_control import CartPoleEnv


class Weak(CartPoleEnv):
    def __init__(self, force):
        super().__init__()
        self.force_mag = force
"""


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"environment": "Cartpole-v1"}, "no environment 'Cartpole-v1'; did you mean 'CartPole-v1'"),
        ({"environment": "CartPole-v7"}, "no environment 'CartPole-v7'; did you mean 'CartPole-v1'"),
        ({"environment": "HalfCheetah-v3"}, "'environment'.*gymnasium-robotics"),
        ({"environment": "CartPole-v1", "environment_options": {"gravitty": 1}}, "'environment_options'.*gravitty"),
        ({"environment": "CartPole-v1", "normalize": [1.0, 2.0]}, "'normalize': expected 4 numbers above 0"),
        ({"environment": "CartPole-v1", "normalize": [1.0, 2.0, 0.0, 1.0]}, "'normalize': expected 4 numbers above 0"),
        ({}, "expected one of the options 'environment' and 'factory'"),
        ({"environment": "CartPole-v1", "factory": Room}, "expected one of the options 'environment' and 'factory'"),
        ({"factory": dict}, "'factory': expected it to make a gymnasium.Env, got {}"),
        (options(environment_options={"actions": spaces.Text(4)}), "actions of kind Box, Discrete.*got Text"),
        (options(environment_options={"observations": spaces.Sequence(spaces.Discrete(2))}), "flatten to a fixed"),
    ],
)
def test_a_wrong_environment_is_refused_by_setup(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        GymnasiumOptimizee(**given).setup()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"episodes": 0}, "'episodes'.*at least 1, got 0"),
        ({"max_steps": 0}, "'max_steps'.*at least 1, got 0"),
        ({"frame_skip": 0}, "'frame_skip'.*at least 1, got 0"),
        ({"success": "always"}, "'success': expected.*'threshold'.*got 'always'"),
        ({"normalize": "bound"}, "'normalize': expected.*got 'bound'"),
        ({"policy": "mpl"}, "'policy': expected.*got 'mpl'"),
        ({"policy": dict}, "'policy': expected linear, mlp, spiking or a class derived from"),
        ({"policy": "mlp", "policy_options": {"hiden": [3]}}, "'policy_options': MLP.*did you mean 'hidden'"),
        ({"policy": "mlp", "policy_options": {"hidden": [0]}}, "'policy_options': MLP.*layers of 1 or more"),
        ({"policy": "linear", "policy_options": {"limit": 0.0}}, "'policy_options': Linear.*above 0, got 0.0"),
        ({"policy": "mlp", "policy_options": {"activation": "tan"}}, "'policy_options': MLP.*'activation'.*got 'tan'"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        GymnasiumOptimizee(environment="CartPole-v1", **given)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFoundError, match="'environment': No module named 'nowhere'"):
        GymnasiumOptimizee(environment="nowhere:Room-v0").setup()


def test_an_unknown_environment_ends_a_run_with_what_is_near(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agent.yaml").write_text(
        "optimizee: {name: gymnasium, environment: MountanCar-v0}\noptimizer: random\nstop: {generations: 1}\n"
    )
    assert main(["run", str(tmp_path / "agent.yaml")]) == 2
    assert "did you mean 'MountainCar-v0'" in capsys.readouterr().err


def test_a_missing_gymnasium_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(
        MissingPart, match=r"Gymnasium is not installed here; install it with: pip install 'l2l\[gym\]'"
    ):
        GymnasiumOptimizee(environment="CartPole-v1").setup()


def test_a_missing_physics_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Box2D", None)
    for name in [one for one in sys.modules if one.startswith("gymnasium.envs.box2d")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingPart, match=r"box2d of LunarLander-v3.*pip install 'gymnasium\[box2d\]'"):
        GymnasiumOptimizee(environment="LunarLander-v3").setup()


def test_after_an_environment_that_raised_the_next_trial_is_right() -> None:
    agent = in_room(environment_options={"breaks": RuntimeError})
    individual = agent.describe().default
    opened, closed = Room.opened, Room.closed
    found = evaluate(agent, Trial(individual, entropy=1))
    assert found.status is Status.FAILED
    assert found.failure is not None and found.failure.message == "RuntimeError: the door is stuck"
    assert (Room.opened, Room.closed) == (opened, closed + 1)
    agent.environment_options["breaks"] = None
    assert evaluate(agent, Trial(individual, entropy=1)).fitness == (5.0,)
    assert Room.opened == opened + 1
    agent.teardown()
    assert Room.closed == closed + 2


def test_an_environment_is_made_once_or_for_each_trial() -> None:
    for fresh, expected in ((False, 1), (True, 4)):
        before = Room.opened, Room.closed
        agent = in_room(fresh=fresh)
        for seed in (1, 2, 3):
            played(agent, seed=seed)
        agent.teardown()
        assert (Room.opened - before[0], Room.closed - before[1]) == (expected, expected)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_return_that_is_no_number_is_invalid(poison: float) -> None:
    agent = in_room(environment_options={"poison": poison})
    with pytest.raises(Invalid, match=rf"diverged: after 5 steps the return is {poison}"):
        played(agent)


def test_an_unstable_simulation_of_mujoco_is_invalid_and_what_it_says_goes_to_the_private_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    agent = KickedCheetah(environment="HalfCheetah-v5", max_steps=10, episodes=1)
    agent.setup()
    individual = agent.describe().default
    statuses = []
    for seed in range(6):
        trial = Trial(individual, entropy=seed, index=seed, root=tmp_path / "trials")
        found = evaluate(agent, trial)
        statuses.append(found.status)
        if found.status is Status.OK:
            assert not found.used_directory
            continue
        assert found.failure is not None
        assert found.failure.message.startswith("diverged: Nan, Inf or huge value in QVEL")
        assert "QVEL" in (tmp_path / f"trials/000/{seed}-0/MUJOCO_LOG.TXT").read_text()
    assert {*statuses} == {Status.OK, Status.INVALID}
    agent.teardown()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["trials"]
    assert capfd.readouterr() == ("", "")


def test_mujoco_warns_whom_it_warned_before_once_the_environment_is_closed() -> None:
    import mujoco

    agent = GymnasiumOptimizee(environment="HalfCheetah-v5", max_steps=3)
    agent.setup()
    assert mujoco.get_mju_user_warning() is not None
    agent.teardown()
    assert mujoco.get_mju_user_warning() is None


def test_the_version_says_what_simulates_the_environment() -> None:
    for environment, expected in (("CartPole", ["CartPole-v1"]), ("HalfCheetah-v5", ["HalfCheetah-v5", "mujoco "])):
        agent = GymnasiumOptimizee(environment=environment)
        agent.setup()
        said = agent.version()
        assert said.startswith(f"gymnasium {gymnasium.__version__}, {expected[0]}")
        assert all(one in said for one in expected)
        agent.teardown()


def test_a_linear_policy_is_a_network_without_hidden_layers() -> None:
    assert Linear().connect(Interface(inputs=4, outputs=2, signed=False)) == 10
    assert MLP(hidden=()).connect(Interface(inputs=4, outputs=2, signed=False)) == 10
