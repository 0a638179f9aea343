"""What an environment or a policy may not hand over: another interface than Gymnasium's, and numbers that are none."""

import inspect
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ContractError, OptionError

FEW = 64
"""Numbers that Python adds faster than NumPy looks at them."""

OLD = "this is the interface of Gym before 0.26, so change the environment or wrap it"


def check_environment(env: Any, gymnasium: Any, owner: str) -> None:
    """Refuse what is no single environment of Gymnasium.

    Args:
        env: What was made.
        gymnasium: The module.
        owner: The place in the experiment, for errors.

    Raises:
        OptionError: It is several environments in one, or none, or its reset takes no seed.
    """
    if isinstance(env, gymnasium.vector.VectorEnv):
        raise OptionError(
            f"{owner}: expected one environment, got a vector of {env.num_envs}; "
            "workers play trials side by side, so make a single one"
        )
    if not isinstance(env, gymnasium.Env):
        raise OptionError(f"{owner}: expected it to make a gymnasium.Env, got {env!r}")
    parameters = inspect.signature(env.unwrapped.reset).parameters.values()
    if not any(one.name == "seed" or one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
        raise OptionError(
            f"{owner}: {type(env.unwrapped).__name__}.reset(): expected a parameter seed, got none; {OLD}"
        )


def started(found: Any, env: Any, encode: Callable[[Any], Any]) -> tuple[Any, Mapping[str, Any]]:
    """Observation and information from what an environment's reset returned.

    Args:
        found: What it returned.
        env: The environment.
        encode: Makes vectors of its observations.

    Raises:
        ContractError: It is no such pair, such as an observation alone, which may be a pair as well.
    """
    is_pair = isinstance(found, tuple | list) and len(found) == 2 and isinstance(found[1], Mapping)
    if not is_pair or (_has_two_parts(env) and _fits(found, encode) and not _fits(found[0], encode)):
        raise ContractError(f"{_name(env)}.reset(): expected (observation, info), got {_said(found)}; {OLD}")
    return found[0], found[1]


def _has_two_parts(env: Any) -> bool:
    from gymnasium import spaces

    space = env.observation_space
    return isinstance(space, spaces.Tuple) and len(space.spaces) == 2


def _fits(value: Any, encode: Callable[[Any], Any]) -> bool:
    """Whether a value has the parts of an observation; its numbers may lie beyond the bounds or have another type."""
    try:
        encode(value)
    except (ContractError, TypeError, ValueError, LookupError):
        return False
    return True


def check_step(found: Any, env: Any) -> None:
    """Refuse what is not the five values of an environment's step.

    Raises:
        ContractError: There are more or fewer of them.
    """
    if not isinstance(found, tuple | list) or len(found) != 5:
        raise ContractError(
            f"{_name(env)}.step(): expected (observation, reward, terminated, truncated, info), got {_said(found)}; "
            f"{OLD}"
        )


def all_finite(vector: NDArray[np.float64]) -> bool:
    """Whether a vector has neither NaN nor infinite numbers; asked at each step of an environment."""
    if len(vector) < FEW and isfinite(sum(vector.tolist())):  # a sum of huge numbers may be infinite
        return True
    return bool(np.isfinite(vector).all())


def not_finite(value: Any, path: str) -> str:
    """The first number of a nested value that is NaN or infinite, with its place in it.

    Args:
        value: An observation or action: mappings, sequences, arrays, numbers.
        path: What it is.

    Returns:
        "" where there is none.

    Example:
        >>> not_finite({"arm": (0.5, [1.0, float("nan")])}, "observation")
        "observation['arm'][1][1] is nan"
    """
    if isinstance(value, Mapping):
        parts = [(f"{path}[{key!r}]", one) for key, one in value.items()]
    elif isinstance(value, tuple | list):
        parts = [(f"{path}[{place}]", one) for place, one in enumerate(value)]
    else:
        return _not_finite_in_array(np.asarray(value), path)
    return next(filter(None, (not_finite(one, place) for place, one in parts)), "")


def _not_finite_in_array(values: Any, path: str) -> str:
    if values.dtype.kind not in "fc":
        return ""
    wrong = np.argwhere(~np.isfinite(values))
    if not len(wrong):
        return ""
    place = tuple(wrong[0].tolist())
    return f"{path}{list(place) if place else ''} is {values[place]}"


def _name(env: Any) -> str:
    return type(env.unwrapped).__name__


def _said(found: Any) -> str:
    if isinstance(found, tuple | list):
        return f"{len(found)} values" if len(found) != 2 else f"a pair that ends in {type(found[1]).__name__}"
    shape = getattr(found, "shape", None)
    return f"{type(found).__name__} of shape {shape}" if shape is not None else type(found).__name__
