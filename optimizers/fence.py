"""The global random generators of Python and NumPy, lent to libraries that draw from nothing else."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def global_random_is(own: random.Random) -> Iterator[None]:
    """Within the block the functions of `random` draw from `own`; afterwards all is as before.

    Args:
        own: Moves on by what is drawn.

    Example:
        >>> own = random.Random(1)
        >>> with global_random_is(own):
        ...     drawn = random.random()
        >>> drawn == random.Random(1).random()
        True
    """
    before = random.getstate()
    random.setstate(own.getstate())
    try:
        yield
    finally:
        own.setstate(random.getstate())
        random.setstate(before)


@contextmanager
def global_numpy_random_is(own: np.random.RandomState) -> Iterator[None]:
    """Within the block the functions of `numpy.random` draw from `own`; afterwards all is as before.

    Args:
        own: Moves on by what is drawn.
    """
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - what is lent
    np.random.set_state(own.get_state(legacy=False))  # noqa: NPY002
    try:
        yield
    finally:
        own.set_state(np.random.get_state(legacy=False))  # noqa: NPY002
        np.random.set_state(before)  # noqa: NPY002
