"""Copies of a process that code of a user makes by forking, and that come back from it as if they were the process.

Such a copy must end: it shares memory, files and locks with the process that goes on, and would speak in its name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from os import _exit, getpid  # bound here, so that a model which replaces them in `os` changes nothing


def end_copy(original: int) -> None:
    """End this process at once and without a word, unless its number is the original's."""
    if getpid() != original:
        _exit(0)


@contextmanager
def no_copies() -> Iterator[None]:
    """Within, code of a user may fork: of the processes that leave it, only the one that entered goes on."""
    original = getpid()
    try:
        yield
    finally:
        end_copy(original)
