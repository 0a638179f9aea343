"""How a gradient becomes a step: the update rules of gradient descent, as published.

Momentum: Polyak, USSR Comput. Math. Math. Phys. 4 (1964), doi:10.1016/0041-5553(64)90137-5. RMSProp: Tieleman, Hinton,
Neural networks for machine learning, lecture 6.5 (2012). Adam and AdaMax: Kingma, Ba, ICLR 2015, arXiv:1412.6980.
"""

from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RuleName = Literal["sgd", "momentum", "rmsprop", "adam", "adamax"]


class UpdateRule(ABC):
    """Turns gradients into steps; what is NaN in a gradient is not known and neither moves nor changes the state.

    Args:
        shape: Of gradients and steps.
        momentum: Share of the last step, or of the mean gradient, that is kept.
        smoothing: Share of the mean squared (AdaMax: largest) gradient that is kept; None for the rule's own.
        epsilon: Added to the root of the mean squared gradient.
    """

    own_smoothing = 0.999

    def __init__(
        self, shape: tuple[int, ...], momentum: float = 0.9, smoothing: float | None = None, epsilon: float = 1e-8
    ) -> None:
        self.momentum, self.epsilon = momentum, epsilon
        self.smoothing = self.own_smoothing if smoothing is None else smoothing
        self._first, self._second = np.zeros(shape), np.zeros(shape)
        self._count = np.zeros(shape)

    def step(self, gradient: Floats, rate: float) -> Floats:
        """The step to take.

        Args:
            gradient: Of the cost.
            rate: The learning rate now.
        """
        known = ~np.isnan(gradient)
        self._count += known
        first, second = self._first.copy(), self._second.copy()
        step = self._step(np.where(known, gradient, 0.0), rate, np.maximum(self._count, 1.0))
        self._first = np.where(known, self._first, first)
        self._second = np.where(known, self._second, second)
        return np.where(known, step, 0.0)

    def forget(self, place: int) -> None:
        """Begin anew for one row of the shape."""
        self._first[place] = self._second[place] = self._count[place] = 0.0

    @abstractmethod
    def _step(self, g: Floats, rate: float, t: Floats) -> Floats: ...


class SGD(UpdateRule):
    """-rate g."""

    def _step(self, g: Floats, rate: float, t: Floats) -> Floats:
        return -rate * g


class Momentum(UpdateRule):
    """v ← momentum v - rate g, and v is the step."""

    def _step(self, g: Floats, rate: float, t: Floats) -> Floats:
        self._first = self.momentum * self._first - rate * g
        return self._first


class RMSProp(UpdateRule):
    """s ← smoothing s + (1 - smoothing) g², and -rate g / (√s + epsilon) is the step."""

    own_smoothing = 0.9

    def _step(self, g: Floats, rate: float, t: Floats) -> Floats:
        self._second = self.smoothing * self._second + (1.0 - self.smoothing) * g**2
        return -rate * g / (np.sqrt(self._second) + self.epsilon)


class Adam(UpdateRule):
    """Mean m and mean square s of gradients, corrected for their start at 0; the step is -rate m / (√s + epsilon)."""

    def _step(self, g: Floats, rate: float, t: Floats) -> Floats:
        self._first = self.momentum * self._first + (1.0 - self.momentum) * g
        self._second = self.smoothing * self._second + (1.0 - self.smoothing) * g**2
        mean = self._first / (1.0 - self.momentum**t)
        square = self._second / (1.0 - self.smoothing**t)
        return -rate * mean / (np.sqrt(square) + self.epsilon)


class AdaMax(UpdateRule):
    """As Adam with u ← max(smoothing u, |g|) in the place of the root of the mean square."""

    def _step(self, g: Floats, rate: float, t: Floats) -> Floats:
        self._first = self.momentum * self._first + (1.0 - self.momentum) * g
        self._second = np.maximum(self.smoothing * self._second, np.abs(g))
        mean = self._first / (1.0 - self.momentum**t)
        return -rate * np.divide(mean, self._second, out=np.zeros_like(mean), where=self._second > 0.0)


RULES: dict[RuleName, type[UpdateRule]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamax": AdaMax,
}
