"""The progress of a run: a live line on a terminal, plain lines elsewhere."""

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

from l2l.display.output import Fitting, escaped, is_terminal, unheard, write
from l2l.display.tables import cell, duration

if TYPE_CHECKING:
    from l2l.experiment import Progress

_LEAST = 1.0
"""Seconds between two plain lines of generations."""
_MOST = 60.0
"""Seconds after which a long generation gets a line of its own."""
_GAP = "  "
_WINDOW = 30.0
"""Seconds over which the rate is taken."""


@contextmanager
def watching(objectives: Sequence[str], stream: TextIO | None = None) -> Iterator[Callable[["Progress"], None]]:
    """A watcher for `Experiment.run`, for as long as it is entered; it never raises.

    Args:
        objectives: Their names.
        stream: Where it is shown; standard output unless given.
    """
    stream = stream or sys.stdout
    shown = (_Live if is_terminal(stream) else _Plain)(objectives, stream)

    def watch(progress: "Progress") -> None:
        with unheard(stream):
            shown(progress)

    with unheard(stream):
        shown.begin()
    try:
        yield watch
    finally:
        with unheard(stream):
            shown.rest()


class Rate:
    """Trials a second over the last half minute, and how long the rest will take."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, progress: "Progress") -> None:
        """Take in where the run stands."""
        if self._seen and progress.simulated < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((progress.seconds, progress.simulated))
        while len(self._seen) > 2 and progress.seconds - self._seen[0][0] > _WINDOW:
            self._seen.popleft()

    @property
    def per_second(self) -> float:
        """Trials a second; 0.0 where nothing is known."""
        if len(self._seen) < 2:
            return 0.0
        seconds = self._seen[-1][0] - self._seen[0][0]
        return (self._seen[-1][1] - self._seen[0][1]) / seconds if seconds > 0 else 0.0

    def remaining(self, progress: "Progress") -> float | None:
        """Seconds until the last generation that the rules allow; None where nobody knows."""
        if progress.generations is None or not progress.total or self.per_second <= 0:
            return None
        later = max(0, progress.generations - progress.generation - 1) * progress.total
        return (later + progress.total - progress.done) / self.per_second


def generation_text(progress: "Progress") -> str:
    """`generation 3/20`, from 1."""
    limit = progress.generations
    whole = f"/{limit}" if limit is not None and limit > progress.generation else ""
    return f"generation {progress.generation + 1}{whole}"


def best_text(progress: "Progress", objectives: Sequence[str]) -> str:
    """The best fitness so far."""
    known = [
        f"{name} {cell(value)}" for name, value in zip(objectives, progress.best, strict=False) if not math.isnan(value)
    ]
    return f"best {', '.join(known)}" if known else "none valid yet" if progress.individuals else ""


def failures_text(progress: "Progress") -> str:
    """How many failed; nothing where none did."""
    return f"{progress.failures} failed" if progress.failures else ""


class _Plain:
    """A line a generation, at most one a second; a line a minute within a long one."""

    def __init__(self, objectives: Sequence[str], stream: TextIO) -> None:
        self._objectives = objectives
        self._stream = stream
        self._rate = Rate()
        self._printed = -math.inf
        self._waiting: str | None = None
        self._state = ""

    def begin(self) -> None:
        """Nothing is said yet."""

    def __call__(self, progress: "Progress") -> None:
        """Print where the run stands, if it is time to."""
        self._rate.note(progress)
        now = time.monotonic()
        if progress.state != self._state:
            self._state = progress.state
            if progress.state == "starting" and progress.message:
                self._print(progress.message)
            if progress.state in ("replaying", "validating"):
                self._print(progress.state)
            if progress.state == "stopping" and progress.message:
                self.rest()
        if progress.complete:
            self._waiting = self._line(progress)
            if now - self._printed >= _LEAST:
                self.rest()
        elif progress.state in ("running", "validating") and now - max(self._printed, self._begin(now)) >= _MOST:
            self._print(self._line(progress))

    _first: float | None = None

    def _begin(self, now: float) -> float:
        self._first = now if self._first is None else self._first
        return self._first

    def _line(self, progress: "Progress") -> str:
        done = f"{progress.trials} trials" if progress.complete else f"{progress.done}/{progress.total} trials"
        rate = f"{self._rate.per_second:.3g}/s" if self._rate.per_second else ""
        parts = [
            generation_text(progress),
            done,
            best_text(progress, self._objectives),
            failures_text(progress),
            rate,
            duration(progress.seconds),
        ]
        return _GAP.join(part for part in parts if part)

    def _print(self, line: str) -> None:
        write(f"{line}\n", self._stream, flush=True)
        self._printed = time.monotonic()

    def rest(self) -> None:
        """Print the line that was held back."""
        if self._waiting is not None:
            self._print(self._waiting)
            self._waiting = None


class _Live:
    """One line that changes in place."""

    def __init__(self, objectives: Sequence[str], stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._objectives = objectives
        self._rate = Rate()
        self._console = Console(file=cast("TextIO", Fitting(stream)), highlight=False)
        self._live = Live("starting", console=self._console, refresh_per_second=8, transient=True)

    def begin(self) -> None:
        """Show the line."""
        self._live.start()

    def __call__(self, progress: "Progress") -> None:
        """Let the line say where the run stands."""
        from rich.text import Text

        self._rate.note(progress)
        if progress.state == "starting" and progress.message:  # a remark stays above the line
            self._console.print(Text(escaped(progress.message, keep="\n")))
        line = live_line(progress, self._objectives, self._rate, self._console.width)
        self._live.update(Text(escaped(line, keep=""), no_wrap=True, overflow="ellipsis"))

    def rest(self) -> None:
        """Remove the line."""
        self._live.stop()


def live_line(progress: "Progress", objectives: Sequence[str], rate: Rate, width: int) -> str:
    """Where the run stands, in one line of a terminal; what matters least is left out where it is narrow."""
    what = generation_text(progress) if progress.state in ("running", "replaying") else progress.state
    what = f"replaying {what}" if progress.state == "replaying" else what
    left = rate.remaining(progress)
    parts = [
        what,
        f"{progress.done}/{progress.total} trials" if progress.total else "",
        best_text(progress, objectives),
        failures_text(progress),
        duration(progress.seconds) + (f" ({duration(left)} left)" if left is not None else ""),
        f"{rate.per_second:.3g}/s" if rate.per_second else "",
    ]
    parts = [part for part in parts if part]
    while len(parts) > 1 and len(_GAP.join(parts)) > width:
        parts.pop()
    free = min(20, width - len(_GAP.join(parts)) - len(_GAP))
    if progress.total and free >= 8:
        full = round(free * progress.done / progress.total)
        parts.insert(1, "━" * full + "╌" * (free - full))
    return _GAP.join(parts)
