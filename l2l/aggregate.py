"""One number from several trials of an individual."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError, near

Aggregate = str | Callable[[NDArray[np.float64]], Any]
"""A name, or a function from costs (T,) to one cost; lower is better."""

_NAMED: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "mean": lambda costs: costs.mean(axis=1),
    "median": lambda costs: np.median(costs, axis=1),
    "worst": lambda costs: costs.max(axis=1),
    "best": lambda costs: costs.min(axis=1),
}


NAMES = tuple(_NAMED)
"""Aggregates that have a name."""


def check_aggregate(aggregate: Aggregate) -> None:
    """Refuse what is neither a known name nor a function.

    Raises:
        OptionError: Names the near ones.
    """
    if isinstance(aggregate, str):
        if aggregate not in _NAMED:
            raise OptionError(f"aggregate: {near(aggregate, _NAMED, 'aggregate')}")
    elif not callable(aggregate):
        raise OptionError(f"aggregate: expected one of {', '.join(_NAMED)} or a function, got {aggregate!r}")


def aggregated(costs: NDArray[np.float64], aggregate: Aggregate) -> NDArray[np.float64]:
    """Costs over trials become one an individual and objective.

    Args:
        costs: (n, T, m), lower is better; no NaN.
        aggregate: A name, or a function from (T,) to a number.

    Returns:
        (n, m).

    Raises:
        OptionError: The function raised, or returned no number.
    """
    if isinstance(aggregate, str):
        return np.asarray(_NAMED[aggregate](costs))
    n, _, m = costs.shape
    return np.array([_one(aggregate, costs[i, :, j]) for i in range(n) for j in range(m)]).reshape(n, m)


def _one(aggregate: Callable[[NDArray[np.float64]], Any], costs: NDArray[np.float64]) -> float:
    name = getattr(aggregate, "__qualname__", repr(aggregate))
    try:
        returned = aggregate(costs.copy())
    except Exception as error:
        raise OptionError(f"aggregate: {name} raised {type(error).__name__}: {error}, given {costs}") from error
    if np.ndim(returned) or not isinstance(returned, int | float | np.number | np.ndarray):
        raise OptionError(f"aggregate: expected a number from {name}, got {returned!r}")
    return float(returned)


def spread(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation over the trials (n, T, m) → (n, m), with n - 1 below the line; NaN for a single trial."""
    if costs.shape[1] < 2:
        return np.full((costs.shape[0], costs.shape[2]), np.nan)
    return np.asarray(costs.std(axis=1, ddof=1))
