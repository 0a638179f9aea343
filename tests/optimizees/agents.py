"""Environments for the tests of agents."""

from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium import spaces

from l2l.optimizees import GymnasiumOptimizee


class Room(gymnasium.Env[Any, Any]):
    """Gives random observations of a space, rewards 1 a step, and refuses actions that are not of its space.

    Args:
        observations: Of its observation space.
        actions: Of its action space.
        length: Steps after which it is over.
        breaks: What `step` raises at step 2 in the first episode of an environment.
        poison: A reward for the last step.
    """

    opened = 0
    closed = 0

    def __init__(
        self,
        observations: Any = None,
        actions: Any = None,
        length: int = 5,
        breaks: type[Exception] | None = None,
        poison: float = 1.0,
    ) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (3,)) if observations is None else observations
        self.action_space = spaces.Discrete(2) if actions is None else actions
        self.length, self.breaks, self.poison = length, breaks, poison
        self.seeds: list[int | None] = []
        self.actions: list[Any] = []
        type(self).opened += 1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.seeds.append(seed)
        self.count = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), f"{action!r} is not of {self.action_space}"
        self.actions.append(action)
        self.count += 1
        if self.breaks and len(self.seeds) == 1 and self.count == 2:
            raise self.breaks("the door is stuck")
        last = self.count == self.length
        return self.observation_space.sample(), self.poison if last else 1.0, last, False, {"is_success": last}

    def close(self) -> None:
        type(self).closed += 1


class Script(gymnasium.Env[Any, Any]):
    """Returns what a test says.

    Args:
        space: Its observation space.
        reset: What reset returns.
        steps: What step returns, one after the other.
        actions: Of its action space.
        fails: Whether it raises when it is closed.
    """

    def __init__(self, space: Any, reset: Any, steps: Any, actions: Any = None, fails: bool = False) -> None:
        self.observation_space, self.first, self.script = space, reset, list(steps)
        self.action_space = spaces.Discrete(2) if actions is None else actions
        self.fails = fails

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.count = 0
        return self.first

    def step(self, action: Any) -> Any:
        self.count += 1
        return self.script[self.count - 1]

    def close(self) -> None:
        if self.fails:
            raise OSError("the window is gone")


class Kick(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Makes MuJoCo's simulation unstable at step 3 of an episode whose seed is even."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.kick, self.count = bool(seed and seed % 2 == 0), 0
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        self.count += 1
        if self.kick and self.count == 3:
            self.unwrapped.data.qvel[2] = 1e11
        return super().step(action)


class KickedCheetah(GymnasiumOptimizee):
    """A cheetah that is kicked in half of its episodes."""

    def make_environment(self) -> Any:
        return Kick(super().make_environment())


def options(**given: Any) -> Mapping[str, Any]:
    """Options of an agent in `Room`."""
    return {"factory": Room, "episodes": 2, **given}
