"""`l2l watch`: runs as they stand, live."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.cli.folders import begun, run_of
from l2l.cli.parser import Command
from l2l.display.output import say, unheard
from l2l.display.terminal import kind_of
from l2l.errors import NotFoundError

if TYPE_CHECKING:
    from l2l.watch.follow import Follower, View


def _seconds(text: str) -> float:
    """A duration above 0, for argparse."""
    from l2l.errors import OptionError
    from l2l.quantities import seconds_of

    try:
        found = seconds_of(float(text) if text.replace(".", "", 1).isdigit() else text, "--interval")
    except OptionError as error:
        raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from None
    if not found or found < _LEAST:
        raise argparse.ArgumentTypeError(f"expected at least {_LEAST:g} seconds, got {text!r}")
    return found


_LEAST = 0.1  # seconds; looks that come faster would cost more than anybody sees


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="the run's folder, or its trajectory.h5")
    parser.add_argument("--once", action="store_true", help="say where the runs stand now, and end")
    parser.add_argument("--plain", action="store_true", help="print lines, as in a log file, and nothing that moves")
    parser.add_argument(
        "--interval",
        metavar="S",
        type=_seconds,
        help="seconds between two looks on a terminal (1), or between two lines elsewhere (60); also as 10min",
    )


def _run(arguments: argparse.Namespace) -> int:
    from l2l.watch.live import LINE_SECONDS, LIVE_SECONDS, show_lines, show_live, show_once

    runs = [_follower(given) for given in arguments.runs]
    kind = kind_of(sys.stdout)
    plain = arguments.plain or kind != "terminal"
    try:
        if arguments.once:
            return _code(show_once(runs, plain=plain))
        if plain:
            return _code(show_lines(runs, arguments.interval or LINE_SECONDS))
        return _code(show_live(runs, arguments.interval or LIVE_SECONDS))
    except KeyboardInterrupt:
        with unheard(sys.stdout):
            say("watching ended; the runs go on", flush=True)
        return 0


def _code(views: "list[View]") -> int:
    return 1 if any(view.state == "unreadable" for view in views) else 0


def _follower(given: Path) -> "Follower":
    """What follows the run that a user named.

    Raises:
        NotFoundError: There is no such folder, or other folders of runs are in it.
    """
    from l2l.watch.follow import Follower

    place = run_of(given)
    if place.is_file() and place.suffix == ".h5":
        return Follower(place.parent, place)
    if place.name in ("trajectory.h5", "experiment.yaml"):
        place = place.parent
    if place.is_dir() and not begun(place):
        inside = sorted(one.name for one in place.iterdir() if one.is_dir() and begun(one))
        if inside:
            raise NotFoundError(
                f"{given}: expected the folder of a run; it has these runs in it: {', '.join(inside[:8])}"
            )
    if not place.is_dir() and place == given:  # an experiment's file names a run that will be
        raise NotFoundError(f"{given}: there is no such folder; expected the folder of a run, as in runs/brunel")
    return Follower(place)


COMMAND = Command(
    "watch",
    "runs as they stand, live",
    "Show where runs stand while they go on: best, median and spread over the generations, trials, failures with\n"
    "their causes, how busy the workers are, the time and the core hours left by the stop rules. Everything is read\n"
    "from the folders, on any machine that sees them; the runs notice nothing. In a pipe, a log file or a terminal\n"
    "that cannot move its cursor a line is printed now and then. Ctrl-C ends the watching alone.",
    "  l2l watch runs/brunel\n"
    "  l2l watch runs/brunel runs/bowl             # side by side where there is room\n"
    "  l2l watch runs/brunel --once\n"
    "  l2l watch runs/brunel --interval 10min > watch.log\n",
    _arguments,
    _run,
)
