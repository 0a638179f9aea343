"""`l2l merge`: several runs of one optimizee as one."""

import argparse
from pathlib import Path

from l2l.cli.parser import Command
from l2l.display.output import say


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="folders of runs, or their trajectory.h5")
    parser.add_argument("--into", metavar="NEW", type=Path, required=True, help="a new folder for all of them")


def _run(arguments: argparse.Namespace) -> int:
    from l2l.cli.folders import run_of, shown
    from l2l.merge import merge

    made = merge([run_of(one) for one in arguments.runs], arguments.into)
    for given, (individuals, trials) in zip(arguments.runs, made.taken, strict=True):
        say(f"{given}: {individuals} new individuals, {trials} new trials")
    if made.equal:
        say(f"{made.equal} trials stand in several of these runs, and once here")
    place = shown(arguments.into)
    say(f"merged: {made.individuals} individuals, {made.trials} trials in {place}")
    say(f"next: l2l show {place} · name it in `memo` of another run")
    return 0


COMMAND = Command(
    "merge",
    "several runs of one optimizee as one",
    "Join runs of one optimizee in a new run, in which each individual and each trial stands once. It is finished,\n"
    "reads like any other, says which trial came from which run, and may be named in `memo`. Complete generations\n"
    "count. Two runs that have different results of one trial are refused. The runs are left as they are.",
    "  l2l merge runs/coarse runs/fine --into runs/scan\n",
    _arguments,
    _run,
)
