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
        places = np.asarray(np.log10(magnitude))
    np.floor(places, out=places)
    places = np.asarray(np.subtract(DIGITS - 1, places, out=places))
    if decimals is not UNLIMITED:
        places = np.minimum(places, decimals)
    # A zero has places = inf or the limit; both are harmless once clipped, and 0 rounds to 0.
    most = len(_POWERS) - 1
    fewest = places.min(initial=0.0)
    clipped = fewest < -most or places.max(initial=0.0) > most
    known = (np.clip(places, -most, most) if clipped else places).astype(np.int64)
    if fewest < 0:
        up, down = _POWERS.take(np.maximum(known, 0)), _POWERS.take(np.maximum(-known, 0))
        scaled = np.asarray(x * up / down)  # one of both is 1
        whole = np.rint(scaled)
        rounded = np.asarray(whole * down / up)  # of exact integers, hence correctly rounded itself
    else:
        up = _POWERS.take(known)
        scaled = np.asarray(x * up)
        whole = np.rint(scaled)
        rounded = np.asarray(whole / up)
    scaled -= whole
    doubtful = np.abs(scaled, out=scaled) > _TIE
    if clipped:
        doubtful |= (known != places) & (magnitude > 0)
    if doubtful.any():
        exact = zip(x[doubtful].tolist(), np.broadcast_to(places, x.shape)[doubtful].tolist(), strict=True)
        rounded[doubtful] = [round(value, int(place)) for value, place in exact]
    rounded += 0.0
    return rounded
