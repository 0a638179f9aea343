"""Rounding of reals to the decimal grid on which a space's points live."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

DIGITS = 12
"""Significant decimal digits that a point keeps."""

UNLIMITED = 1000
"""A number of decimals that limits nothing."""

_POWERS = 10.0 ** np.arange(23)  # all of the powers of ten that float64 holds exactly
_TIE = 0.5 - 1e-3  # the scaled value is good to 2e-4: closer to a tie than this, decimal arithmetic must decide


def round_significant(values: ArrayLike, decimals: ArrayLike = UNLIMITED) -> NDArray[np.float64]:
    """Round to 12 significant digits and at most so many decimals, as decimal arithmetic would.

    Equal to `float(f"{x:.11e}")` where `decimals` does not limit, and idempotent. Minus zero becomes zero.

    Args:
        values: Finite numbers, any shape.
        decimals: The finest decimal place kept, broadcast against `values`; may be negative.
    """
    x = np.asarray(values, dtype=np.float64)
    magnitude = np.abs(x)
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(magnitude))
    places = np.minimum(DIGITS - 1 - exponent, decimals)
    # A zero has places = inf or the limit; both are harmless once clipped, and 0 rounds to 0.
    known = np.clip(places, 1 - len(_POWERS), len(_POWERS) - 1).astype(np.int64)
    up = _POWERS.take(np.maximum(known, 0))
    if known.min(initial=0) < 0:
        down = _POWERS.take(np.maximum(-known, 0))
        scaled = x * up / down  # one of both is 1
        whole = np.rint(scaled)
        rounded = np.asarray(whole * down / up)  # of exact integers, hence correctly rounded itself
    else:
        scaled = x * up
        whole = np.rint(scaled)
        rounded = np.asarray(whole / up)
    doubtful = np.abs(scaled - whole) > _TIE
    doubtful |= known != places
    doubtful &= magnitude > 0
    if doubtful.any():
        exact = zip(x[doubtful].tolist(), np.broadcast_to(places, x.shape)[doubtful].tolist(), strict=True)
        rounded[doubtful] = [round(value, int(place)) for value, place in exact]
    return np.asarray(rounded + 0.0, dtype=np.float64)
