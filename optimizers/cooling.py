"""Cooling schedules of simulated annealing: the temperature of step k as a share of the initial one.

Exponential: Kirkpatrick, Gelatt, Vecchi, Science 220 (1983), doi:10.1126/science.220.4598.671. Logarithmic: Geman,
Geman, IEEE PAMI 6 (1984), doi:10.1109/TPAMI.1984.4767596. Cauchy (fast): Szu, Hartley, Phys. Lett. A 122 (1987),
doi:10.1016/0375-9601(87)90796-1. Very fast: Ingber, Math. Comput. Model. 12 (1989), doi:10.1016/0895-7177(89)90202-1.
"""

import math
from collections.abc import Callable
from typing import Literal, get_args

ScheduleName = Literal["exponential", "linear", "quadratic", "logarithmic", "cauchy", "very-fast", "constant"]
"""The schedules; the formula of each stands in `SCHEDULES`."""

NAMES: tuple[ScheduleName, ...] = get_args(ScheduleName)


def exponential(k: int, rate: float, steps: int, dimension: int) -> float:
    """Rate ** k."""
    return rate**k


def linear(k: int, rate: float, steps: int, dimension: int) -> float:
    """1 - k / steps, and 0 from then on."""
    return max(0.0, 1.0 - k / steps)


def quadratic(k: int, rate: float, steps: int, dimension: int) -> float:
    """(1 - k / steps) ** 2, and 0 from then on."""
    return max(0.0, 1.0 - k / steps) ** 2


def logarithmic(k: int, rate: float, steps: int, dimension: int) -> float:
    """log(2) / log(2 + k)."""
    return math.log(2.0) / math.log(2.0 + k)


def cauchy(k: int, rate: float, steps: int, dimension: int) -> float:
    """1 / (1 + k)."""
    return 1.0 / (1.0 + k)


def very_fast(k: int, rate: float, steps: int, dimension: int) -> float:
    """exp(-c k ** (1 / dimension)) with c such that it is rate after the first step."""
    return math.exp(math.log(rate) * k ** (1.0 / max(1, dimension)))


def constant(k: int, rate: float, steps: int, dimension: int) -> float:
    """1."""
    return 1.0


SCHEDULES: dict[ScheduleName, Callable[[int, float, int, int], float]] = {
    "exponential": exponential,
    "linear": linear,
    "quadratic": quadratic,
    "logarithmic": logarithmic,
    "cauchy": cauchy,
    "very-fast": very_fast,
    "constant": constant,
}
"""By name: (k, rate, steps, dimension) → share of the initial temperature."""
