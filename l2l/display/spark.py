"""A row of numbers as a row of letters."""

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"
_DECADES = 2.0
"""Decades that positive numbers span at least to be shown by their logarithms."""


def sparkline(values: Sequence[float], width: int) -> str:
    """Numbers as bars, the lowest as the smallest; a dot where there is none.

    Numbers that are all above 0 and span two decades or more are shown by their logarithms. Of more numbers than there
    is room for, each letter shows the last finite one of its part.

    Args:
        values: In their order.
        width: Letters, at most.
    """
    shown = _thinned(values, width)
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return _NOTHING * len(shown)
    low, high = min(finite), max(finite)
    if low > 0 and high / low >= 10**_DECADES:
        return sparkline([math.log10(one) if math.isfinite(one) else one for one in shown], width)
    span = high - low
    if not math.isfinite(span):  # more than a float can hold
        shown, low, span = [one / 2 for one in shown], low / 2, high / 2 - low / 2
    return "".join(_bar((one - low) / span if span else 0.0) if math.isfinite(one) else _NOTHING for one in shown)


def _bar(share: float) -> str:
    return _BARS[min(len(_BARS) - 1, int(share * len(_BARS)))]


def _thinned(values: Sequence[float], width: int) -> list[float]:
    n = len(values)
    if n <= width:
        return list(values)
    found = []
    for place in range(max(0, width)):
        part = values[place * n // width : (place + 1) * n // width]
        found.append(next((one for one in reversed(part) if math.isfinite(one)), part[-1]))
    return found


def bar(share: float, width: int) -> str:
    """How much is done, as a bar.

    Args:
        share: From 0 to 1.
        width: Letters.
    """
    full = min(width, max(0, round(width * share)))
    return "━" * full + "╌" * (width - full)
