"""Names of parametrized tests."""

import re


def named(value: object) -> str:
    """A value as the name of a test, without its address, so that all processes that collect tests agree."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
