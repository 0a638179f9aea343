"""Runs shown until they are over: in place on a terminal, elsewhere by a line now and then."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO, cast

from l2l.display.output import Fitting, escaped, say
from l2l.watch.follow import Follower, View
from l2l.watch.screen import Line, screen, summary

if TYPE_CHECKING:
    from rich.text import Text

LIVE_SECONDS = 1.0
"""Between two looks on a terminal: as often as anybody reads, and a hundredth of a core at most."""
LINE_SECONDS = 60.0
"""Between two lines of a run in a log file."""
_LOOK_SECONDS = 2.0
"""Between two looks that print nothing unless a run's state has changed."""
_STYLES = {
    "running": "bold green",
    "finished": "bold",
    "stopped": "bold yellow",
    "killed": "bold red",
    "unreadable": "bold red",
    "not begun": "dim",
    "failed": "red",
    "value": "cyan",
}


def show_once(runs: Sequence[Follower], *, plain: bool) -> list[View]:
    """Say where runs stand now.

    Args:
        runs: To be looked at.
        plain: In a line each, as for a log file.
    """
    views = [run.look() for run in runs]
    if plain:
        say("\n".join(summary(view) for view in views), flush=True)
    else:
        _print(views)
    return views


def _print(views: Sequence[View]) -> None:
    """Print a screen that stays, as high as it needs to be."""
    from rich.console import Console

    console = Console(file=cast("TextIO", Fitting(sys.stdout)), highlight=False, emoji=False, markup=False)
    console.print(_text(screen(views, console.width, 10**6)), soft_wrap=False, no_wrap=True, overflow="crop")


def show_lines(runs: Sequence[Follower], seconds: float) -> list[View]:
    """Print a line per run now and then, and whenever a state changes, until no run is led any more.

    Args:
        runs: To be watched.
        seconds: Between two lines of a run.
    """
    printed = [(float("-inf"), "")] * len(runs)
    while True:
        views = [run.look() for run in runs]
        now = time.monotonic()
        for place, view in enumerate(views):
            when, state = printed[place]
            if view.state != state or (view.state == "running" and now - when >= seconds):
                say(f"{time.strftime('%H:%M:%S')}  {summary(view)}", flush=True)
                printed[place] = now, view.state
        if not any(view.state == "running" for view in views):
            return views
        time.sleep(min(_LOOK_SECONDS, seconds))


def show_live(runs: Sequence[Follower], seconds: float) -> list[View]:
    """Show runs in place until all are over; what is seen last stays on the terminal.

    Args:
        runs: To be watched.
        seconds: Between two looks.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(file=cast("TextIO", Fitting(sys.stdout)), highlight=False, emoji=False, markup=False)
    views = [run.look() for run in runs]
    # Without a thread of its own: it draws when there is something new, and costs nothing in between.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not all(view.over for view in views):
            lines = screen(views, console.width, max(1, console.height - 1))
            live.update(_text(lines), refresh=True)
            time.sleep(seconds)
            views = [run.look() for run in runs]
    _print(views)
    return views


def _text(lines: Sequence[Line]) -> "Text":
    from rich.text import Text

    whole = Text(no_wrap=True, overflow="crop", end="")
    for place, line in enumerate(lines):
        whole.append("\n" if place else "")
        whole.append(escaped(line.text, keep=""), _STYLES.get(line.kind, ""))
    return whole
