"""Numerical libraries held to the threads of a trial, in a process that has other work besides."""

import sys
from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import ThreadpoolController


class Threads:
    """Limits the threads of the libraries that are loaded, and looks for new ones only where modules were imported.

    Example:
        >>> threads = Threads()
        >>> with threads.limited(1):
        ...     numpy.linalg.inv(matrix)
    """

    def __init__(self) -> None:
        self._loaded = 0
        self._libraries: Any = None

    def limited(self, number: int) -> AbstractContextManager[Any]:
        """Within, they use so many threads."""
        loaded = len(sys.modules)
        if loaded != self._loaded:
            self._libraries, self._loaded = ThreadpoolController(), loaded
        limit: AbstractContextManager[Any] = self._libraries.limit(limits=number)
        return limit
