"""Gymnasium as an inner loop: agents in any of its environments, whose policy's parameters are searched.

Towers et al.: Gymnasium: A standard interface for reinforcement learning environments (2024),
doi:10.48550/arXiv.2407.17032. Weights of a policy found by evolution: Moriarty, Miikkulainen, Machine Learning 22
(1996), doi:10.1007/BF00114722; Salimans et al. (2017), doi:10.48550/arXiv.1703.03864.
"""

import contextlib
import importlib.metadata
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from l2l.errors import ContractError, Invalid, MissingPart, NotFoundError, OptionError, near
from l2l.individual import Individual
from l2l.optimizees.gymnasium_checks import all_finite, check_environment, check_step, not_finite, started
from l2l.optimizees.gymnasium_spaces import decoder, encoder
from l2l.optimizees.mujoco_log import MujocoLog
from l2l.optimizees.policy import MLP, Floats, Interface, Linear, Policy
from l2l.optimizees.simulator import Simulator, check_number, imported
from l2l.plugin import declared
from l2l.space import ParameterSpace
from l2l.values import Maximize, Observable, Outcome, Trial

PHYSICS = {"gymnasium.envs.box2d": "Box2D", "gymnasium.envs.mujoco": "mujoco"}
"""Modules of Gymnasium's own environments → the distribution that simulates them."""


@dataclass(frozen=True, slots=True)
class Episode:
    """What came of one episode.

    Args:
        total: Its return, the sum of its rewards.
        steps: Of the environment.
        success: Whether it reached its goal.
    """

    total: float
    steps: int
    success: bool


class GymnasiumOptimizee(Simulator):
    """An agent in an environment of Gymnasium; its policy is optimized for the return.

    A trial is `episodes` episodes, each from a seed of its own that the trial's seed decides; the fitness is their mean
    return. With `seeding: common` in the experiment all individuals meet the same episodes. What is searched is what
    the policy says: for `linear`, `mlp` and `spiking` one vector `weights`, as long as observations and actions want.

    A trial is invalid as soon as an observation or reward is not finite, or the policy answers with NaN. An environment
    that keeps to the interface of Gym before 0.26 is refused.

    A class derived from it may override `make_environment` to build or wrap the environment in Python, and `score` for
    another fitness.

    Args:
        environment: An environment's id, `CartPole-v1`, or `module:Id` where a module registers it.
        factory: Makes the environment in place of an id: a class or function, called with `environment_options`.
        environment_options: What the environment takes.
        policy: `linear`, `mlp`, `spiking` (in NEST), or a class derived from `l2l.optimizees.policy.Policy`.
        policy_options: What the policy takes.
        normalize: `bounds` maps what the observation space bounds to -1 … 1; a list of numbers, one for each value of
            an observation, divides by them.
        episodes: Of a trial.
        max_steps: Of an episode, in place of the environment's own limit.
        frame_skip: Steps for which each action is kept; their rewards add up.
        success: When an episode counts as success: its return is at least this number or the environment's own
            `threshold`, or it was `terminated` (by reaching the goal), or `truncated` (it lasted to its limit). Where
            an environment has no threshold, its `info["is_success"]` says.
        fresh: Make the environment anew for each trial, where it keeps something over a reset.

    Raises:
        OptionError: An option is out of range, or the environment is no such thing; offers the near ones.
        MissingPart: Gymnasium is not installed, or what simulates this environment.

    Example:
        >>> agent = GymnasiumOptimizee(environment="CartPole-v1", policy="mlp", policy_options={"hidden": [4]})
        >>> agent.setup()
        >>> agent.describe()["weights"].shape
        (30,)
        >>> agent.teardown()
    """

    objectives = (Maximize("return"),)
    depends_on: tuple[str, ...] = (
        "l2l.optimizees.gymnasium",
        "l2l.optimizees.gymnasium_checks",
        "l2l.optimizees.gymnasium_spaces",
        "l2l.optimizees.policy",
    )

    def __init__(
        self,
        *,
        environment: str | None = None,
        factory: Callable[..., Any] | None = None,
        environment_options: Mapping[str, Any] = {},
        policy: Literal["linear", "mlp", "spiking"] | Callable[..., Any] = "linear",
        policy_options: Mapping[str, Any] = {},
        normalize: Literal["bounds"] | list[float] | None = None,
        episodes: int = 3,
        max_steps: int | None = None,
        frame_skip: int = 1,
        success: Literal["threshold", "terminated", "truncated"] | float = "threshold",
        fresh: bool = False,
    ) -> None:
        for name, number in (("episodes", episodes), ("max_steps", max_steps), ("frame_skip", frame_skip)):
            check_number(self, name, 1 if number is None else number, least=1)
        self.environment, self.factory = environment, factory
        self.environment_options = dict(environment_options)
        self.policy = self._built(policy, policy_options)
        self.normalize, self.success = normalize, success
        self.episodes, self.max_steps, self.frame_skip, self.fresh = episodes, max_steps, frame_skip, fresh
        self.observables: Mapping[str, Observable] = {
            "returns": Observable(shape=(episodes,)),
            "steps": Observable(shape=(episodes,), dtype=int),
            "success": Observable(shape=(episodes,), dtype=bool),
        }
        if policy == "spiking":
            self.depends_on = (*type(self).depends_on, "l2l.optimizees.nest_policy")
        self._env: Any = None
        self._gymnasium: Any = None
        self._mujoco = MujocoLog()
        self._seeds: list[int] = []
        self._simulated_by: list[str] = []

    # --- what a model may say ---

    def make_environment(self) -> Any:
        """The environment; a derived class may build another, or wrap this one."""
        if (self.environment is None) == (self.factory is None):
            raise OptionError(f"{self._name}: expected one of the options 'environment' and 'factory'")
        if self.factory is None:
            return self._gymnasium.make(
                self.environment,
                max_episode_steps=self.max_steps,
                disable_env_checker=True,  # it prints what it thinks of an environment, which is for its author
                **self.environment_options,
            )
        made = self.factory(**self.environment_options)
        check_environment(made, self._gymnasium, f"{self._name}: option 'factory'")
        return made if self.max_steps is None else self._gymnasium.wrappers.TimeLimit(made, self.max_steps)

    def score(self, episodes: Sequence[Episode]) -> float:
        """The fitness of a trial: the mean return of its episodes."""
        return math.fsum(one.total for one in episodes) / len(episodes)

    # --- the order of things ---

    def start(self) -> None:
        """Import Gymnasium, start the policy and make the environment."""
        self._gymnasium = imported("gymnasium", "Gymnasium", "gym")
        self.policy.start()
        self.build()

    def build(self) -> None:
        """Make the environment, and the policy's network for its spaces."""
        self._close()
        env = self._made()
        check_environment(env, self._gymnasium, f"{self._name}: make_environment()")
        inputs, self._encode = encoder(env.observation_space, self.normalize, self._name)
        outputs, signed, self._decode = decoder(env.action_space, self._name)
        self._outputs = (outputs,)
        self.space = self.policy.parameters(Interface(inputs, outputs, signed))
        self._threshold = self._threshold_of(env)
        self._simulated_by = [*([] if env.spec is None else [env.spec.id]), *_simulators_of(type(env.unwrapped))]
        self._env = env

    def describe(self) -> ParameterSpace:
        """What the policy says of itself in this environment."""
        return self.space

    def reset(self, trial: Trial) -> None:
        """Draw the seeds of the episodes; they are the same whatever the policy draws later."""
        if self._env is None or self.fresh:
            self.build()
        self._mujoco.forget()
        self._seeds = trial.rng.integers(0, 2**31 - 1, size=self.episodes).tolist()

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Give the policy its weights."""
        self.policy.load(individual, trial)

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        """Play the episodes."""
        try:
            episodes = [self._episode(number, seed) for number, seed in enumerate(self._seeds)]
        finally:
            self._mujoco.write(trial)
        return Outcome(
            self.score(episodes),
            {
                "returns": [one.total for one in episodes],
                "steps": [one.steps for one in episodes],
                "success": [one.success for one in episodes],
            },
        )

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        """Play the trial's episodes; after one that raised the environment is made anew.

        Raises:
            Invalid: The environment diverged.
        """
        try:
            return super().simulate(individual, trial)
        except BaseException:
            self._close()
            raise

    def teardown(self) -> None:
        """Close the environment."""
        self._close()
        self.policy.stop()

    def version(self) -> str:
        """Gymnasium's version, the environment's full id, and the versions of what simulates it."""
        gymnasium = imported("gymnasium", "Gymnasium", "gym")
        said = [f"gymnasium {gymnasium.__version__}", *self._simulated_by, self.policy.version()]
        return ", ".join(filter(None, said))

    # --- an episode ---

    def _episode(self, number: int, seed: int) -> Episode:
        policy = self.policy
        policy.begin(number)
        try:
            total, steps, terminated, info = self._played(seed)
        except Invalid:
            self._check_stable()  # which says more than a NaN that came of it
            raise
        finally:
            policy.end()
        self._check_stable()
        return Episode(total, steps, self._succeeded(total, terminated, info))

    def _check_stable(self) -> None:
        if self._mujoco.unstable:
            raise Invalid(f"diverged: {self._mujoco.unstable}")

    def _played(self, seed: int) -> tuple[float, int, bool, Mapping[str, Any]]:
        env, seen, skip = self._env, self._seen, self.frame_skip
        step, decided = env.step, self._chosen if self.policy.plain else self._decided
        observation, info = started(env.reset(seed=seed), env, self._encode)
        total, steps = 0.0, 0
        vector = seen(observation, steps)
        while True:
            action = decided(observation, vector, steps)
            for _ in range(skip):
                found = step(action)
                if type(found) is not tuple or len(found) != 5:
                    check_step(found, env)
                observation, reward, terminated, truncated, info = found
                total += float(reward)
                steps += 1
                if not math.isfinite(total):
                    raise Invalid(
                        f"diverged: after {steps} steps the return is {total}: the reward of step {steps} is {reward}"
                    )
                vector = seen(observation, steps)
                if terminated or truncated:
                    return total, steps, bool(terminated), info

    def _seen(self, observation: Any, steps: int) -> Floats:
        """The observation as a vector, if all of it are numbers.

        Raises:
            Invalid: One is not; says after which step and where in the observation.
        """
        vector = self._encode(observation)
        if not all_finite(vector):
            raise Invalid(f"diverged: after {steps} steps {not_finite(observation, 'observation')}")
        return vector

    def _decided(self, observation: Any, vector: Floats, steps: int) -> Any:
        """The action that a policy's outputs mean.

        Raises:
            Invalid: An output is NaN, of which the largest would be the first, or an action is infinite.
            ContractError: There are not as many outputs as the environment wants.
        """
        outputs = np.asarray(self.policy.act(vector), dtype=np.float64)
        if outputs.shape != self._outputs:
            raise ContractError(
                f"{type(self.policy).__name__}.act(): expected {self._outputs[0]} outputs, got shape {outputs.shape}"
            )
        if all_finite(outputs):
            return self._decode(outputs)
        for place in np.flatnonzero(np.isnan(outputs)).tolist():
            raise Invalid(f"diverged: after {steps} steps output {place} of the policy is nan")
        action = self._decode(outputs)  # an infinite output may be the largest, or at a bound
        self._check_action(action, steps)
        return action

    def _chosen(self, observation: Any, vector: Floats, steps: int) -> Any:
        """The action of a policy that speaks to the environment itself.

        Raises:
            Invalid: A number of it is not finite.
        """
        action = self.policy.act(observation)
        if not isinstance(action, int | np.integer):
            self._check_action(action, steps)
        return action

    def _check_action(self, action: Any, steps: int) -> None:
        wrong = not_finite(action, "action")
        if wrong:
            raise Invalid(f"diverged: after {steps} steps the policy's {wrong}")

    def _succeeded(self, total: float, terminated: bool, info: Mapping[str, Any]) -> bool:
        if self.success == "terminated":
            return terminated
        if self.success == "truncated":
            return not terminated
        if self._threshold is None:
            return bool(info.get("is_success", False))
        return total >= self._threshold

    def _threshold_of(self, env: Any) -> float | None:
        if not isinstance(self.success, str):
            return float(self.success)
        threshold = None if env.spec is None else env.spec.reward_threshold
        return None if threshold is None else float(threshold)

    # --- making and closing ---

    def _made(self) -> Any:
        """The environment, every way in which making it fails as an error that says what to do."""
        gymnasium, place = self._gymnasium, f"{self._name}: option 'environment'"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that are out of date, and from the import of physics engines
            try:
                return self._mujoco.made(self.make_environment, gymnasium.registry.get(self.environment))
            except gymnasium.error.UnregisteredEnv:
                said = str(self.environment).rpartition(":")[2]
                raise OptionError(f"{place}: {near(said, gymnasium.registry, 'environment')}") from None
            except gymnasium.error.DependencyNotInstalled as error:
                extra = re.search(r"gymnasium\[([\w-]+)\]", str(error))
                if extra is None:
                    raise OptionError(f"{place}: {error}") from error
                raise MissingPart(f"{extra[1]} of {self.environment}", f"pip install '{extra[0]}'") from error
            except ModuleNotFoundError as error:
                raise NotFoundError(f"{place}: {error}") from error
            except (gymnasium.error.Error, ImportError) as error:
                raise OptionError(f"{place}: {error}") from error
            except TypeError as error:
                if "environment creator" not in str(error):
                    raise
                raise OptionError(f"{self._name}: option 'environment_options': {error}") from error

    def _close(self) -> None:
        env, self._env = self._env, None
        try:
            if env is not None:
                # What it computed is known by now, and an error here would take the place of the one that came before.
                with contextlib.suppress(Exception):
                    env.close()
        finally:
            self._mujoco.stop()

    def _built(self, policy: str | Callable[..., Any], options: Mapping[str, Any]) -> Policy:
        place = f"{self._name}: option 'policy_options'"
        cls = _policy_of(policy) if isinstance(policy, str) else policy
        if not isinstance(cls, type) or not issubclass(cls, Policy):
            raise OptionError(
                f"{self._name}: option 'policy': expected linear, mlp, spiking or a class derived from "
                f"l2l.optimizees.policy.Policy, got {policy!r}"
            )
        try:
            return cls(**declared(cls, options))
        except OptionError as error:
            raise OptionError(f"{place}: {error}") from None

    @property
    def _name(self) -> str:
        return type(self).__name__


def _policy_of(name: str) -> type[Policy]:
    if name == "spiking":
        from l2l.optimizees.nest_policy import SpikingPolicy

        return SpikingPolicy
    return MLP if name == "mlp" else Linear


def _simulators_of(cls: type) -> list[str]:
    """The versions of what is not Gymnasium's own among the classes of an environment."""
    modules = {base.__module__ for base in cls.__mro__}
    packages = {PHYSICS.get(one.rpartition(".")[0], one.partition(".")[0]) for one in modules}
    found = []
    for name in sorted(packages - {"gymnasium", "l2l"}):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # the standard library, or a user's file
            found.append(f"{name} {importlib.metadata.version(name)}")
    return found
