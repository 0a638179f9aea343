"""`l2l report`: a run as one page for a browser."""

import argparse
from pathlib import Path

from l2l.cli.folders import run_of, shown
from l2l.cli.parser import Command
from l2l.display.output import say


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder, or its trajectory.h5")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="where to; RUN/report.html unless given")


def _run(arguments: argparse.Namespace) -> int:
    from l2l.report import write_report
    from l2l.trajectory import Trajectory

    run = run_of(arguments.run)
    trajectory = Trajectory(run)
    folder = run if run.is_dir() else run.parent
    path = write_report(trajectory, arguments.output or folder / "report.html")
    say(f"{path.stat().st_size / 1e6:.1f} MB in {shown(path)}: open it in a browser")
    return 0


COMMAND = Command(
    "report",
    "a run as one HTML page with interactive plots",
    "Write all about a run into one HTML file that opens without a network: what was found, with plots and a table of\n"
    "individuals that can be sorted and filtered, what failed and why, what it cost, and how to run it again.\n"
    "Works at every instant, on a live or killed run too.",
    "  l2l report runs/brunel\n  l2l report runs/brunel -o brunel.html\n",
    _arguments,
    _run,
)
