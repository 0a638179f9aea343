"""Vectors that the optimizee returns beside its fitness, as optimizers learn from them."""

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.values import Results

Floats = NDArray[np.float64]


def observed(optimizer: object, results: Results | None, name: str, size: int, what: str) -> Floats:
    """An observable's mean over the trials of each individual, (n, size); NaN where no trial gave a finite number.

    Args:
        optimizer: Who asks, for the message.
        results: As told.
        name: Of the observable.
        size: Of its values, flattened.
        what: What it has one number for each of, for the message.

    Raises:
        OptionError: It is not there or has another size.
    """
    who = type(optimizer).__name__
    if results is None or name not in results.observables:
        raise OptionError(f"{who}.tell: expected results with the observable {name!r}, got none")
    values = np.asarray(results.observables[name], dtype=np.float64)
    if values.ndim < 2 or int(np.prod(values.shape[2:])) != size:
        raise OptionError(
            f"{who}: observable {name!r}: expected {size} numbers a trial, one for each {what}, got shape "
            f"{values.shape[2:]}"
        )
    values = values.reshape(*values.shape[:2], size)
    known = np.isfinite(values)
    mean: Floats = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    mean[~known.any(axis=1)] = np.nan
    return mean
