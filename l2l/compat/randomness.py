"""Global random state for files that use it: seeded within, and as it was afterwards."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed `numpy.random` and `random` for a block, and put back what they were.

    Args:
        seed: From 0 to 2**32 - 1.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - theirs draw from the global state
    random.seed(seed)
    np.random.set_state(np.random.RandomState(seed).get_state())  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
