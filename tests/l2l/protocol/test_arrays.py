import pickle

import numpy as np
import pytest

from l2l.protocol.arrays import packed, unpacked


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.5),
        np.zeros((0, 3)),
        np.arange(6.0).reshape(2, 3).T,
        np.array([True, False]),
        np.array([1.5, np.nan], dtype=np.float16),
        np.arange(12)[::3],
        np.array([2**64 - 1], dtype=np.uint64),
    ],
)
def test_arrays_come_as_they_went(array):
    came = unpacked(pickle.loads(pickle.dumps(packed({"one": array}), 5)))["one"]  # noqa: S301 - our own
    assert came.dtype == array.dtype and came.shape == array.shape
    assert came.tobytes() == array.tobytes()
    came[...] = 0  # what came is nobody else's
