"""How many trials go to a worker at once."""

import math

_OVERHEAD = 5e-6  # seconds that sending and receiving a trial take, whatever it simulates
_MOST = 1024  # trials of a batch: with more a message's fixed cost no longer shows
_MOST_BYTES = 1 << 22  # bytes of a batch: more would keep a slow network busy while workers wait


class Sizing:
    """Learns how long trials take, and sizes batches so that sending them takes a small share of their time.

    Args:
        slots: Workers that share the backlog.
        vectorized: Whether the optimizee simulates batches in its own way, which get larger for as long as one takes
            under half a second.
        timeout: Seconds of a trial, which a vectorized batch stays well below.
        seconds_per_batch: Seconds that a batch is to take.
    """

    def __init__(
        self, slots: int, *, vectorized: bool = False, timeout: float | None = None, seconds_per_batch: float = 0.05
    ) -> None:
        self._slots = slots
        self._seconds_per_batch = seconds_per_batch
        self._vectorized = 16 if vectorized else 0
        self._longest = min(0.5, timeout / 4) if timeout else 0.5
        self._grown = 1
        self._bytes = 0.0
        self.seconds: float | None = None
        """Moving mean of seconds per trial, dispatch included; None before the first result."""

    def learn(self, seconds: float, count: int) -> None:
        """Take note that `count` trials took so long together."""
        mean = seconds / count + _OVERHEAD
        weight = 1.0 - 0.95**count
        self.seconds = mean if self.seconds is None else self.seconds + weight * (mean - self.seconds)
        if self._vectorized:
            if seconds < self._longest and count >= self._vectorized:
                self._vectorized = min(2 * self._vectorized, _MOST)
            elif seconds > 2 * self._longest:
                self._vectorized = max(1, min(count, self._vectorized) // 2)

    def learn_bytes(self, size: int, count: int) -> None:
        """Take note that a batch was so large as a message."""
        self._bytes = size / count

    def lasts(self, trials: int) -> float:
        """The seconds that so many trials are expected to take one worker."""
        return trials * (self.seconds or 0.0)

    def size(self, backlog: int) -> int:
        """Trials of the next batch; less towards the end of the backlog, so that all workers end together."""
        if self._vectorized:
            size = min(self._vectorized, math.ceil(backlog / self._slots))
        elif self.seconds is None:
            size = 1
        else:
            wanted = min(int(self._seconds_per_batch / self.seconds), 4 * self._grown, _MOST)
            share = max(math.ceil(backlog / (2 * self._slots)), int(self._seconds_per_batch / 50 / self.seconds))
            size = max(1, min(wanted, share))
            self._grown = max(self._grown, min(size, wanted))
        if self._bytes:
            size = min(size, max(1, int(_MOST_BYTES / self._bytes)))
        return min(size, backlog)
