"""Policies: what turns the observations of an agent into its actions, with the parameters that are searched."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizees.simulator import check_number
from l2l.plugin import Plugin
from l2l.space import ParameterSpace, Real
from l2l.values import Trial

Floats = NDArray[np.float64]

Activation = Literal["tanh", "relu", "sigmoid", "identity"]


@dataclass(frozen=True, slots=True)
class Interface:
    """What an environment gives to a policy and wants from it.

    Args:
        inputs: How many numbers an observation has.
        outputs: How many numbers make an action.
        signed: Whether outputs are values around 0 (continuous actions), or compared with one another: the largest
            of a group wins.
    """

    inputs: int
    outputs: int
    signed: bool


class Policy(Plugin, ABC):
    """Turns observations into actions; one object serves all trials of an evaluating process.

    What a trial does must follow from the individual and the trial alone: `load` and `begin` bring back the policy's
    own state.

    Example:
        >>> class Pusher(Policy):
        ...     def parameters(self, interface):
        ...         return ParameterSpace(gain=Real(-1.0, 1.0))
        ...     def load(self, individual, trial):
        ...         self.gain = individual["gain"]
        ...     def act(self, observation):
        ...         return np.array([0.0, self.gain * observation[1]])
    """

    plain: bool = False
    """True: `act` gets the environment's own observation and returns the environment's own action."""

    def start(self) -> None:
        """Import what it needs, once in each evaluating process."""

    @abstractmethod
    def parameters(self, interface: Interface) -> ParameterSpace:
        """What of it is searched, in an environment of this interface; called before any trial."""

    @abstractmethod
    def load(self, individual: Individual, trial: Trial) -> None:
        """Take the parameters of an individual, and the seed and threads of its trial."""

    def begin(self, episode: int) -> None:
        """Forget the last episode; what follows is the episode of this number in the trial."""

    @abstractmethod
    def act(self, observation: Any) -> Any:
        """The outputs for an observation.

        Args:
            observation: (inputs,), normalized; not to be kept or changed.

        Returns:
            (outputs,): of each group of alternatives the largest is chosen; values of continuous actions go through
            tanh to their bounds, where they have any.
        """

    def end(self) -> None:
        """After an episode, also after one that raised."""

    def stop(self) -> None:
        """Once at the end of each evaluating process."""

    def version(self) -> str:
        """What else decides its actions, such as the version of a simulator that it uses."""
        return ""


class Network(Policy):
    """Base of policies whose parameters are one vector `weights`.

    Args:
        limit: The weights are searched between -limit and limit.
    """

    def __init__(self, *, limit: float = 2.0) -> None:
        check_number(self, "limit", limit, above=0.0)
        self.limit = limit

    @abstractmethod
    def connect(self, interface: Interface) -> int:
        """Make the network for an environment; how many weights it has."""

    def parameters(self, interface: Interface) -> ParameterSpace:
        """One vector, `weights`."""
        return ParameterSpace(weights=Real(-self.limit, self.limit, shape=self.connect(interface), default=0.0))


class MLP(Network):
    """Layers of neurons, each fully connected to the next; the last is linear.

    A layer of n neurons after m has n · (m + 1) weights: for each neuron those of its inputs, then its bias.

    Args:
        hidden: Sizes of the hidden layers; none makes it linear.
        activation: Of the hidden layers.

    Raises:
        OptionError: A layer has no neuron.

    Example:
        >>> MLP(hidden=[8]).connect(Interface(inputs=4, outputs=2, signed=False))
        58
    """

    def __init__(self, *, hidden: Sequence[int] = (8,), activation: Activation = "tanh", limit: float = 2.0) -> None:
        super().__init__(limit=limit)
        if any(one < 1 for one in hidden):
            raise OptionError(f"{type(self).__name__}: option 'hidden': expected layers of 1 or more, got {hidden}")
        self.hidden = list(hidden)
        self._activate = _ACTIVATIONS[activation]
        self._weights: Sequence[Floats] = ()
        self._values: Sequence[Floats] = ()
        self._sizes: list[int] = []

    def connect(self, interface: Interface) -> int:
        """Make the layers' buffers."""
        self._sizes = [interface.inputs, *self.hidden, interface.outputs]
        # Each layer's values end in a 1 that multiplies the biases of the next: one product a layer.
        self._values = [np.ones(size + 1) for size in self._sizes]
        return sum(after * (before + 1) for before, after in pairwise(self._sizes))

    def load(self, individual: Individual, trial: Trial) -> None:
        """Cut the vector into the layers' matrices."""
        weights, place = np.asarray(individual["weights"], dtype=np.float64), 0
        matrices = []
        for before, after in pairwise(self._sizes):
            size = after * (before + 1)
            matrices.append(np.ascontiguousarray(weights[place : place + size].reshape(after, before + 1)))
            place += size
        self._weights = matrices

    def act(self, observation: Floats) -> Floats:
        """The last layer's values."""
        values, last = self._values, len(self._weights) - 1
        values[0][:-1] = observation
        for layer in range(last):
            after = values[layer + 1][:-1]
            np.dot(self._weights[layer], values[layer], out=after)
            self._activate(after)
        outputs: Floats = self._weights[last].dot(values[last])
        return outputs


class Linear(MLP):
    """Each output is a weighted sum of the observation and a bias.

    Example:
        >>> Linear().connect(Interface(inputs=4, outputs=2, signed=False))
        10
    """

    def __init__(self, *, limit: float = 2.0) -> None:
        super().__init__(hidden=[], limit=limit)


def _tanh(values: Floats) -> None:
    np.tanh(values, out=values)


def _relu(values: Floats) -> None:
    np.maximum(values, 0.0, out=values)


def _sigmoid(values: Floats) -> None:
    values *= 0.5
    np.tanh(values, out=values)  # 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, which does not overflow
    values += 1.0
    values *= 0.5


def _identity(values: Floats) -> None:
    """Leave them as they are."""


_ACTIVATIONS: Mapping[Activation, Callable[[Floats], None]] = {
    "tanh": _tanh,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "identity": _identity,
}
assert tuple(_ACTIVATIONS) == get_args(Activation)
