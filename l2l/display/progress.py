"""The progress of a run: lines that change in place on a terminal, a display in a notebook, plain lines elsewhere."""

import html
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from l2l.display.output import Fitting, escaped, unheard, write
from l2l.display.spark import bar, sparkline
from l2l.display.tables import cell, cut, duration
from l2l.display.terminal import kind_of

if TYPE_CHECKING:
    from l2l.experiment import Progress

_LEAST = 1.0
"""Seconds between two plain lines of generations."""
_MOST = 60.0
"""Seconds after which a long generation gets a line of its own."""
_GAP = "  "
_WINDOW = 30.0
"""Seconds over which the rate is taken."""
_FRAME = 0.125
"""Seconds between two pictures on a terminal."""
_NOTEBOOK_FRAME = 0.5
"""Seconds between two pictures in a notebook, each of which is a message to a browser."""
_NOTEBOOK_WIDTH = 100
"""Letters of a line in a notebook."""
_BAR = 30
_SHORTEST_BAR = 8

Way = Literal["auto", "plain", "quiet"]
"""How progress is shown: as the stream allows, as lines, not at all."""


@contextmanager
def watching(
    objectives: Sequence[str], stream: TextIO | None = None, way: Way = "auto"
) -> Iterator[Callable[["Progress"], None]]:
    """A watcher for `Experiment.run`, for as long as it is entered; it never raises.

    Args:
        objectives: Their names.
        stream: Where it is shown; standard output unless given.
        way: How it is shown.
    """
    stream = stream or sys.stdout
    kind = kind_of(stream) if way == "auto" else way
    shown = _SHOWN[kind](objectives, stream)

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
    which = "best" if len(objectives) == 1 else "best of each:"  # which no individual need have all
    return f"{which} {', '.join(known)}" if known else "none valid yet" if progress.individuals and objectives else ""


def median_text(progress: "Progress", objectives: Sequence[str]) -> str:
    """The median of the last complete generation."""
    return _each("median", objectives, progress.course[-1].median) if progress.course else ""


def spread_text(progress: "Progress", objectives: Sequence[str]) -> str:
    """The distance of the quartiles in the last complete generation."""
    return _each("spread", objectives, progress.course[-1].width) if progress.course else ""


def _each(what: str, objectives: Sequence[str], values: Sequence[float]) -> str:
    """A quantity with its values, "-" for none; these are named where there are several objectives."""
    shown = ["-" if math.isnan(value) else f"{value:.4g}" for value in values]
    named = [f"{name} {one}" for name, one in zip(objectives, shown, strict=False)] if len(objectives) > 1 else shown
    return f"{what} {', '.join(named)}" if named else ""


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
            median_text(progress, self._objectives),
            spread_text(progress, self._objectives),
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


class _Quiet:
    """Says nothing."""

    def __init__(self, objectives: Sequence[str], stream: TextIO) -> None:
        pass

    def begin(self) -> None:
        """Nothing is said yet."""

    def __call__(self, progress: "Progress") -> None:
        """Nothing is said of it."""

    def rest(self) -> None:
        """Nothing is left to say."""


class _Live:
    """A few lines that change in place."""

    def __init__(self, objectives: Sequence[str], stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._lines = Lines(objectives)
        self._console = Console(file=cast("TextIO", Fitting(stream)), highlight=False)
        # Without a thread: the run tells where it stands ten times per second, and is never kept from its work.
        self._live = Live("starting", console=self._console, auto_refresh=False, transient=True)
        self._drawn = -math.inf

    def begin(self) -> None:
        """Show the lines."""
        self._live.start(refresh=True)

    def __call__(self, progress: "Progress") -> None:
        """Let the lines say where the run stands."""
        from rich.text import Text

        self._lines.note(progress)
        if progress.state == "starting" and progress.message:  # a remark stays above the lines
            self._console.print(Text(escaped(progress.message, keep="\n")))
        now = time.monotonic()
        if progress.state == "running" and now - self._drawn < _FRAME:
            return
        self._drawn = now
        lines = self._lines.of(progress, self._console.width)
        text = "\n".join(escaped(line, keep="") for line in lines)
        self._live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)

    def rest(self) -> None:
        """Remove the lines."""
        self._live.stop()


class _Notebook:
    """A display below the cell that runs, which changes in place and stays."""

    def __init__(self, objectives: Sequence[str], stream: TextIO) -> None:
        self._lines = Lines(objectives)
        self._shown: Any = None
        self._drawn = -math.inf

    def begin(self) -> None:
        """Nothing is shown yet."""

    def __call__(self, progress: "Progress") -> None:
        """Let the display say where the run stands."""
        self._lines.note(progress)
        now = time.monotonic()
        if progress.state == "running" and now - self._drawn < _NOTEBOOK_FRAME:
            return
        self._drawn = now
        self._draw(progress)

    def _draw(self, progress: "Progress") -> None:
        display = import_module("IPython.display").display
        lines = [escaped(line, keep="") for line in self._lines.of(progress, _NOTEBOOK_WIDTH)]
        if progress.message and progress.state in ("stopped", "finished"):
            lines.append(escaped(progress.message))
        text = "\n".join(lines)
        shown = {"text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>"}
        if self._shown is None:
            self._shown = display(shown, raw=True, display_id=True)
        else:
            self._shown.update(shown, raw=True)

    def rest(self) -> None:
        """What was shown last stays."""


_SHOWN: dict[str, Callable[[Sequence[str], TextIO], Any]] = {
    "terminal": _Live,
    "notebook": _Notebook,
    "lines": _Plain,
    "plain": _Plain,
    "quiet": _Quiet,
}


class Lines:
    """Where a run stands, as lines of a terminal.

    Args:
        objectives: Their names.
    """

    def __init__(self, objectives: Sequence[str]) -> None:
        self._objectives = objectives
        self._rate = Rate()

    def note(self, progress: "Progress") -> None:
        """Take in where the run stands."""
        self._rate.note(progress)

    def of(self, progress: "Progress", width: int) -> list[str]:
        """How far the run is and what it found; where it is narrow, what matters least is left out.

        Args:
            progress: Where the run stands.
            width: Of the terminal, in letters.
        """
        what = generation_text(progress) if progress.state in ("running", "replaying") else progress.state
        what = f"replaying {what}" if progress.state == "replaying" else what
        left, rate = self._rate.remaining(progress), self._rate.per_second
        first = _fitted(
            [
                what,
                f"{progress.done}/{progress.total} trials" if progress.total else "",
                f"{duration(left)} left" if left is not None else "",
                f"{rate:.3g}/s" if rate else "",
                f"{duration(progress.seconds)} gone",
            ],
            width,
        )
        free = min(_BAR, width - len(_GAP.join(first)) - len(_GAP))
        if progress.total and free >= _SHORTEST_BAR:
            first.insert(1, bar(progress.done / progress.total, free))
        second = _fitted(
            [
                best_text(progress, self._objectives),
                failures_text(progress),
                f"{progress.cached} cached" if progress.cached else "",
            ],
            width,
        )
        third = _fitted([median_text(progress, self._objectives), spread_text(progress, self._objectives)], width)
        if len(self._objectives) == 1 and len(progress.course) > 1:
            best, median, spread = (
                [getattr(one, name)[0] for one in progress.course] for name in ("best", "median", "width")
            )
            second = _drawn(second, [best], width)
            third = _drawn(third, [median, spread], width)
        return [cut(_GAP.join(parts), width) for parts in (first, second, third) if parts]


def _drawn(parts: Sequence[str], rows: Sequence[list[float]], width: int) -> list[str]:
    """Parts of a line with sparklines behind the first of them, where there is room for all.

    Args:
        parts: Texts that fit.
        rows: Of the first parts, the values over the generations.
        width: Of the terminal, in letters.
    """
    free = (width - len(_GAP.join(parts))) // len(rows) - len(_GAP)
    if len(parts) < len(rows) or free < _SHORTEST_BAR:
        return list(parts)
    lines = [[part, sparkline(row, min(_BAR, free))] for part, row in zip(parts, rows, strict=False)]
    return [one for line in lines for one in line] + list(parts[len(rows) :])


def _fitted(parts: Sequence[str], width: int) -> list[str]:
    """The first parts that fit beside each other."""
    found = [part for part in parts if part]
    while len(found) > 1 and len(_GAP.join(found)) > width:
        found.pop()
    return found
