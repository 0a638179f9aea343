"""Test functions of numerical optimization, of any dimension, with known minima.

Definitions and domains as collected in M. Jamil and X.-S. Yang (2013), A literature survey of benchmark functions for
global optimization problems, doi:10.1504/IJMMNO.2013.055204, with the original sources: H. H. Rosenbrock (1960),
doi:10.1093/comjnl/3.3.175; L. A. Rastrigin (1974) as generalized by H. Mühlenbein et al. (1991),
doi:10.1016/S0167-8191(05)80052-3; D. H. Ackley (1987), doi:10.1007/978-1-4613-1997-9; A. O. Griewank (1981),
doi:10.1007/BF00933356; H.-P. Schwefel (1981); M. A. Styblinski and T.-S. Tang (1990),
doi:10.1016/0893-6080(90)90029-K; A. V. Levy and A. Montalvo (1985), doi:10.1137/0906002.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.space import ParameterSpace, Real
from l2l.values import Minimize, Trial

Vector = NDArray[np.float64]


class TestFunction(Optimizee):
    """A test function of numerical optimization, minimized over the vector parameter `x`.

    The default individual lies at three quarters of the domain in each component, not in its centre, where most of
    these functions have their minimum.

    Args:
        function: Which one; each on the domain that is usual for it.
        dimension: Number of components of `x`.
        shift: Added to the place of the minimum: one number for all components, or one for each.
        noise: Standard deviation of Gaussian noise added to the value; 0 makes it deterministic.
        duration: Seconds that an evaluation sleeps, as a stand-in for a model that takes its time.

    Raises:
        OptionError: A number is out of range, or the shift puts the minimum outside the domain.

    Example:
        >>> rastrigin = TestFunction(function="rastrigin", dimension=3, shift=1.0)
        >>> rastrigin.value(rastrigin.optimum) == rastrigin.minimum == 0.0
        True
    """

    __test__ = False  # pytest: not a class of tests
    objectives = (Minimize("fitness"),)

    def __init__(
        self,
        *,
        function: Literal[
            "sphere",
            "ellipsoid",
            "rosenbrock",
            "rastrigin",
            "ackley",
            "griewank",
            "schwefel",
            "styblinski-tang",
            "levy",
        ] = "sphere",
        dimension: int = 2,
        shift: float | Sequence[float] = 0.0,
        noise: float = 0.0,
        duration: float = 0.0,
    ) -> None:
        definition = FUNCTIONS[function]
        if dimension < definition.least_dimension:
            raise OptionError(
                f"TestFunction: option 'dimension': {function} needs at least {definition.least_dimension}, "
                f"got {dimension}"
            )
        for name, number in (("noise", noise), ("duration", duration)):
            if not 0.0 <= number < math.inf:
                raise OptionError(f"TestFunction: option {name!r}: expected a number of at least 0, got {number!r}")
        low, high = definition.domain
        self._definition = definition
        self._shift = _shift_of(shift, dimension)
        self.optimum: Vector = definition.optimum + self._shift
        """Where the global minimum lies, shape (dimension,)."""
        if not ((low <= self.optimum) & (self.optimum <= high)).all():
            raise OptionError(
                f"TestFunction: option 'shift': the minimum of {function} must stay within {low:g} to {high:g}, "
                f"got {shift!r}, which puts it at {self.optimum.tolist()}"
            )
        self.noise = float(noise)
        self.duration = float(duration)
        self.stochastic = noise > 0.0
        self.space = ParameterSpace(x=Real(low, high, shape=dimension, default=low + 0.75 * (high - low)))

    @property
    def minimum(self) -> float:
        """The value at the global minimum, without noise."""
        return self.value(self.optimum)

    def value(self, x: Vector) -> float:
        """The function without noise and delay.

        Args:
            x: Shape (dimension,).
        """
        return float(self._definition.value(np.asarray(x, dtype=np.float64) - self._shift))

    def simulate(self, individual: Individual, trial: Trial) -> float:
        """The value at `x`, with noise."""
        if self.duration > 0.0:
            time.sleep(self.duration)
        value = self.value(individual["x"])
        return value + self.noise * float(trial.rng.standard_normal()) if self.noise > 0.0 else value


def _shift_of(shift: float | Sequence[float], dimension: int) -> Vector:
    array = np.asarray(shift, dtype=np.float64)
    if array.shape not in ((), (dimension,)) or not np.isfinite(array).all():
        raise OptionError(
            f"TestFunction: option 'shift': expected a finite number, or one for each of the {dimension} components, "
            f"got {shift!r}"
        )
    return np.broadcast_to(array, (dimension,)).copy()


# --- the functions: each takes shape (d,) ----------------------------------------------------------------------------


def sphere(x: Vector) -> float:
    """Unimodal, separable, perfectly conditioned."""
    return float(np.sum(x * x))


def ellipsoid(x: Vector) -> float:
    """Unimodal, separable, of condition number 10⁶."""
    exponents = np.linspace(0.0, 6.0, x.size) if x.size > 1 else np.zeros(1)
    return float(np.sum(10.0**exponents * x * x))


def rosenbrock(x: Vector) -> float:
    """A long, bent, narrow valley."""
    return float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))


def rastrigin(x: Vector) -> float:
    """Some 10 ** d local minima on a bowl."""
    return float(np.sum(x * x - 10.0 * np.cos(2.0 * np.pi * x) + 10.0))


def ackley(x: Vector) -> float:
    """A nearly flat outer region full of local minima, and a hole at the centre."""
    bowl = 20.0 * (1.0 - math.exp(-0.2 * math.sqrt(float(np.mean(x * x)))))
    return bowl + math.e - math.exp(float(np.mean(np.cos(2.0 * np.pi * x))))


def griewank(x: Vector) -> float:
    """Many regularly spaced minima that become shallower with the dimension."""
    return float(np.sum(x * x) / 4000.0 - np.prod(np.cos(x / np.sqrt(np.arange(1.0, x.size + 1.0)))) + 1.0)


def schwefel(x: Vector) -> float:
    """Its best minima lie far apart; beyond ±500 it rises with the square of the distance."""
    inside = np.clip(x, -500.0, 500.0)
    waves = _SCHWEFEL_HEIGHT - inside * np.sin(np.sqrt(np.abs(inside)))
    return float(np.sum(waves + (x - inside) ** 2))


def styblinski_tang(x: Vector) -> float:
    """Separable, 2 ** d minima; about -39.166 d at the lowest."""
    return float(0.5 * np.sum(x**4 - 16.0 * x * x + 5.0 * x))


def levy(x: Vector) -> float:
    """Parabolic ridges with local minima."""
    w = 1.0 + (x - 1.0) / 4.0
    ridges = (w[:-1] - 1.0) ** 2 * (1.0 + 10.0 * np.sin(np.pi * w[:-1] + 1.0) ** 2)
    last = (w[-1] - 1.0) ** 2 * (1.0 + np.sin(2.0 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + np.sum(ridges) + last)


_SCHWEFEL_PLACE = 420.96874635998205
"""Where x sin √x is largest below 500: the root of tan √x = -√x / 2."""
_SCHWEFEL_HEIGHT = _SCHWEFEL_PLACE * math.sin(math.sqrt(_SCHWEFEL_PLACE))
_STYBLINSKI_TANG_PLACE = -2.903534027771177
"""The lowest root of 4 x³ - 32 x + 5."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One function.

    Args:
        value: From shape (d,) to a number.
        domain: The usual bounds of each component.
        optimum: Each component of the place of the global minimum.
        least_dimension: Below which it is not defined.
    """

    value: Callable[[Vector], float]
    domain: tuple[float, float]
    optimum: float = 0.0
    least_dimension: int = 1


FUNCTIONS: Mapping[str, Definition] = {
    "sphere": Definition(sphere, (-5.12, 5.12)),
    "ellipsoid": Definition(ellipsoid, (-5.0, 5.0)),
    "rosenbrock": Definition(rosenbrock, (-5.0, 10.0), 1.0, 2),
    "rastrigin": Definition(rastrigin, (-5.12, 5.12)),
    "ackley": Definition(ackley, (-32.768, 32.768)),
    "griewank": Definition(griewank, (-600.0, 600.0)),
    "schwefel": Definition(schwefel, (-500.0, 500.0), _SCHWEFEL_PLACE),
    "styblinski-tang": Definition(styblinski_tang, (-5.0, 5.0), _STYBLINSKI_TANG_PLACE),
    "levy": Definition(levy, (-10.0, 10.0), 1.0),
}
"""Name → definition."""
