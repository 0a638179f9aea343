"""Policies and an agent for the tests; nothing here imports Gymnasium before it is used."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from l2l.individual import Individual
from l2l.optimizees import GymnasiumOptimizee
from l2l.optimizees.gymnasium import Episode
from l2l.optimizees.policy import Floats, Interface, Policy
from l2l.space import ParameterSpace, Real
from l2l.values import Trial


class Lean(Policy):
    """Pushes the cart to where the pole falls."""

    def parameters(self, interface: Interface) -> ParameterSpace:
        assert interface == Interface(inputs=4, outputs=2, signed=False)
        return ParameterSpace(angle=Real(0.0, 2.0, default=0.0), speed=Real(0.0, 2.0, default=0.0))

    def load(self, individual: Individual, trial: Trial) -> None:
        self.gains = np.array([0.0, 0.0, individual["angle"], individual["speed"]])

    def act(self, observation: Floats) -> Floats:
        return np.array([0.0, self.gains @ observation])


class Constant(Policy):
    """Always the same action, whatever the weights; it remembers what it saw.

    Args:
        action: The environment's own.
    """

    plain = True

    def __init__(self, *, action: int = 1) -> None:
        self.action = action
        self.seen: list[Any] = []

    def parameters(self, interface: Interface) -> ParameterSpace:
        return ParameterSpace(nothing=Real(0.0, 1.0))

    def load(self, individual: Individual, trial: Trial) -> None:
        trial.rng.normal(size=1 + int(10 * individual["nothing"]))

    def begin(self, episode: int) -> None:
        self.seen.clear()

    def act(self, observation: Any) -> int:
        self.seen.append(observation)
        return self.action


class Outputs(Policy):
    """Outputs that a test gives; it remembers the observations.

    Args:
        outputs: As many as the environment wants.
    """

    def __init__(self, *, outputs: list[float]) -> None:
        self.outputs = np.array(outputs)
        self.seen: list[Floats] = []
        self.interface: Interface | None = None

    def parameters(self, interface: Interface) -> ParameterSpace:
        self.interface = interface
        return ParameterSpace(nothing=Real(0.0, 1.0))

    def load(self, individual: Individual, trial: Trial) -> None:
        self.seen.clear()

    def act(self, observation: Floats) -> Floats:
        self.seen.append(observation.copy())
        return self.outputs


class Shortest(GymnasiumOptimizee):
    """Its fitness is its shortest episode, in an environment that it builds itself."""

    def make_environment(self) -> Any:
        import gymnasium

        return gymnasium.wrappers.TimeLimit(gymnasium.make("CartPole-v1"), 50)

    def score(self, episodes: Sequence[Episode]) -> float:
        return float(min(one.steps for one in episodes))
