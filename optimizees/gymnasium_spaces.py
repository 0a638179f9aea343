"""Observations as vectors, and vectors as actions, for any of Gymnasium's spaces that a policy can serve."""

from collections.abc import Callable
from typing import Any

import numpy as np

from l2l.errors import ContractError, OptionError
from l2l.optimizees.gymnasium_checks import not_finite
from l2l.optimizees.policy import Floats

Encoder = Callable[[Any], Floats]
"""An environment's observation → (inputs,)."""

Decoder = Callable[[Floats], Any]
"""(outputs,) → an environment's action."""


def encoder(space: Any, normalize: str | list[float] | None, owner: str) -> tuple[int, Encoder]:
    """How observations become vectors.

    Args:
        space: The environment's observation space; one-hot where it is discrete, concatenated where it has parts.
        normalize: "bounds" maps what the space bounds to -1 … 1; numbers divide; None leaves the values as they are.
        owner: For errors.

    Returns:
        The length of the vectors, and the function that makes them.

    Raises:
        OptionError: The space has no vectors of a fixed length, or `normalize` is not of that length.
    """
    from gymnasium import spaces

    try:
        size = int(spaces.flatdim(space))
    except (ValueError, NotImplementedError):
        raise OptionError(f"{owner}: expected observations that flatten to a fixed length, got {space}") from None
    flat = _flat(space)
    if normalize is None:
        return size, flat
    if normalize == "bounds":
        centre, factor = _bounds(spaces.flatten_space(space))
    else:
        centre, factor = _scales(np.asarray(normalize, dtype=np.float64), size, owner)

    def normalized(observation: Any) -> Floats:
        values = flat(observation) - centre
        values *= factor
        return values

    return size, normalized


def _flat(space: Any) -> Encoder:
    """As Gymnasium flattens, but numbers stay what they are: cast to a space of whole numbers NaN would be one."""
    from gymnasium import spaces

    if isinstance(space, spaces.Dict):
        return _joined([(key, _flat(one)) for key, one in space.spaces.items()])
    if isinstance(space, spaces.Tuple):
        return _joined([(place, _flat(one)) for place, one in enumerate(space.spaces)])
    size = int(spaces.flatdim(space))

    def numbers(observation: Any) -> Floats:
        values = np.asarray(observation, dtype=np.float64)
        if values.size != size:
            raise ContractError(f"expected an observation of {space}, got {observation!r} of shape {values.shape}")
        return values if values.ndim == 1 else values.ravel()

    def one_hot(observation: Any) -> Floats:
        if not_finite(observation, "observation"):
            return np.full(size, np.nan)
        return np.asarray(spaces.flatten(space, observation), dtype=np.float64)

    return numbers if isinstance(space, spaces.Box | spaces.MultiBinary) else one_hot


def _joined(parts: list[tuple[Any, Encoder]]) -> Encoder:
    """The encoder of an observation with parts."""

    def joined(observation: Any) -> Floats:
        vectors = [encode(observation[key]) for key, encode in parts]
        return np.concatenate(vectors) if vectors else np.zeros(0)

    return joined


def _bounds(box: Any) -> tuple[Floats, Floats]:
    low, high = (np.asarray(one, dtype=np.float64) for one in (box.low, box.high))
    # Bounds of float32's size are Gymnasium's way to write "none".
    bounded = (np.abs(low) < np.finfo(np.float32).max) & (np.abs(high) < np.finfo(np.float32).max) & (low < high)
    low, high = np.where(bounded, low, -1.0), np.where(bounded, high, 1.0)
    return (low + high) / 2.0, 2.0 / (high - low)


def _scales(scales: Floats, size: int, owner: str) -> tuple[Floats, Floats]:
    if scales.shape != (size,) or not (np.isfinite(scales) & (scales > 0.0)).all():
        raise OptionError(
            f"{owner}: option 'normalize': expected {size} numbers above 0, one for each value of an observation, "
            f"got {scales.tolist()}"
        )
    return np.zeros(size), 1.0 / scales


def decoder(space: Any, owner: str) -> tuple[int, bool, Decoder]:
    """How vectors become actions.

    Args:
        space: The environment's action space: Box, Discrete, MultiDiscrete or MultiBinary.
        owner: For errors.

    Returns:
        The length of the vectors, whether their signs matter (see `Interface`), and the function.

    Raises:
        OptionError: It is of another kind.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        first = int(space.start)
        return int(space.n), False, lambda outputs: first + int(outputs.argmax())
    if isinstance(space, spaces.MultiDiscrete):
        return int(space.nvec.sum()), False, _choices(space)
    if isinstance(space, spaces.MultiBinary):
        shape = space.shape
        return int(np.prod(shape)), True, lambda outputs: (outputs > 0.0).astype(np.int8).reshape(shape)
    if isinstance(space, spaces.Box):
        return int(np.prod(space.shape)), True, _values(space)
    raise OptionError(
        f"{owner}: expected actions of kind Box, Discrete, MultiDiscrete or MultiBinary, got {space}; "
        "wrap the environment in make_environment()"
    )


def _choices(space: Any) -> Decoder:
    sizes = np.asarray(space.nvec).ravel()
    ends = np.cumsum(sizes).tolist()
    groups = [slice(end - size, end) for end, size in zip(ends, sizes.tolist(), strict=True)]
    start, shape = np.asarray(space.start).ravel(), space.shape

    def decode(outputs: Floats) -> Any:
        chosen = np.array([outputs[group].argmax() for group in groups], dtype=space.dtype)
        return (chosen + start).reshape(shape)

    return decode


def _values(space: Any) -> Decoder:
    low, high = (np.asarray(one, dtype=np.float64).ravel() for one in (space.low, space.high))
    bounded = np.isfinite(low) & np.isfinite(high)
    least, most = np.where(bounded, low, -1.0), np.where(bounded, high, 1.0)
    middle, reach = least / 2.0 + most / 2.0, most / 2.0 - least / 2.0
    shape, dtype, whole = space.shape, space.dtype, np.issubdtype(space.dtype, np.integer)

    everywhere, flat = bool(bounded.all()), len(shape) == 1

    def decode(outputs: Floats) -> Any:  # in place: a step of an environment takes no more than some 15 µs
        values: Floats = np.tanh(outputs)
        if not everywhere:
            values = np.where(bounded, values, outputs)
        values *= reach
        values += middle
        if whole:
            np.rint(values, out=values)
        np.maximum(values, low, out=values)
        np.minimum(values, high, out=values)
        action = values.astype(dtype)
        return action if flat else action.reshape(shape)

    return decode
