"""Columns of numbers as one compressed block of text, which the page decodes into typed arrays."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVEL = 6  # of zlib; higher ones take three times as long for one percent
_LEAST = 1e-30
"""Numbers below this, other than 0, would lose digits as float32."""
_CLOSE = 1e-3
"""Columns that vary by less than this share of their size keep all digits: float32 has seven, hover shows six."""


class Pack:
    """Collects columns, each of which is stored once however many plots draw it.

    Numbers are float32 where six digits survive it. Bytes of equal significance stand together, which compresses
    better, since exponents and signs repeat.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0
        self._columns: dict[str, list[Any]] = {}

    def add(self, name: str, values: Any) -> str:
        """Store a column under a name; returns the name."""
        if name in self._columns:
            return name
        column = _narrowed(np.asarray(values).reshape(-1))
        planes = column.view(np.uint8).reshape(len(column), column.itemsize).T.tobytes()
        self._columns[name] = [_CODES[column.dtype], self._length, len(column)]
        self._parts.append(planes)
        self._length += len(planes)
        return name

    @property
    def columns(self) -> Mapping[str, list[Any]]:
        """Name → type ("f4"), offset in bytes, number of entries."""
        return self._columns

    def text(self) -> str:
        """All columns, compressed, in letters that need no escape."""
        return compressed(b"".join(self._parts))


def compressed(data: bytes) -> str:
    """Bytes as zlib's compressed stream in base64."""
    return base64.b64encode(zlib.compress(data, _LEVEL)).decode("ascii")


def _narrowed(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "b":
        return values.astype(np.int8)
    if values.dtype.kind in "iu":
        low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        for dtype in (np.int8, np.int16, np.int32):
            if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
                return values.astype(dtype)
        return values.astype(np.float64)
    values = values.astype(np.float64)
    known = values[np.isfinite(values)]
    size = np.abs(known[known != 0])
    if not len(size):
        return values.astype(np.float32)
    close = float(np.ptp(known)) < _CLOSE * float(size.max())
    beyond = size.min() < _LEAST or size.max() > 1.0 / _LEAST
    return values if (close and np.ptp(known) > 0) or beyond else values.astype(np.float32)


_CODES = {
    np.dtype(np.int8): "i1",
    np.dtype(np.int16): "i2",
    np.dtype(np.int32): "i4",
    np.dtype(np.float32): "f4",
    np.dtype(np.float64): "f8",
}


def as_json(data: Any) -> str:
    """JSON that can stand in an element of a page: nothing in it ends the element or begins a comment."""
    text = json.dumps(_plain(data), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _plain(value: Any) -> Any:
    """What JSON can say; numbers that are not finite are null."""
    from l2l.display.output import escaped

    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {escaped(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
