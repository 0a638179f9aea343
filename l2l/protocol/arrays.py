"""Observables as they travel: plain data around raw bytes, so that no NumPy is asked where a model may have changed it.

NumPy's own pickling looks for its modules again, which a model can have removed; it also takes twice as long.
"""

from collections.abc import Mapping
from pickle import PickleBuffer
from typing import Any, cast

import numpy as np
from numpy import ascontiguousarray, dtype, ndarray
from numpy.typing import NDArray

Packed = dict[str, tuple[str, tuple[int, ...], Any]]
"""Name → type of the entries, shape, and the bytes in C order."""


def packed(observables: Mapping[str, NDArray[Any]]) -> Packed:
    """Arrays as they travel; nothing is copied."""
    return {
        name: (value.dtype.str, value.shape, PickleBuffer(cast(Any, ascontiguousarray(value))))
        for name, value in observables.items()
    }


def unpacked(observables: Packed) -> dict[str, NDArray[np.generic]]:
    """The arrays that came."""
    return {name: ndarray(shape, dtype(kind), raw) for name, (kind, shape, raw) in observables.items()}
