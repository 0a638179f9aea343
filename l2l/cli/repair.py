"""`l2l repair`: what can be proved right of a damaged run."""

import argparse
from pathlib import Path

from l2l.cli.parser import Command


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder, which is left as it is")
    parser.add_argument("--into", metavar="NEW", type=Path, required=True, help="a new folder for what is recovered")


def _run(arguments: argparse.Namespace) -> int:
    from l2l.archive.repair import repair
    from l2l.cli.folders import run_folder, shown
    from l2l.display.output import complain, say
    from l2l.errors import Locked
    from l2l.lock import holder

    folder = run_folder(arguments.run)
    if leader := holder(folder):
        raise Locked(f"{folder}: {leader} leads this run; repair it once that has ended")
    made = repair(folder, arguments.into)
    for line in made.lost:
        complain(f"lost: {line}")
    place = shown(arguments.into)
    counted = ((made.generations, "generation"), (made.individuals, "individual"), (made.trials, "trial"))
    say(f"recovered: {', '.join(f'{n} {what}' + 's' * (n != 1) for n, what in counted)} in {place}")
    say("nothing is lost" if not made.lost else f"lost: {len(made.lost)} parts, as said above")
    say(f"next: l2l check {place} · l2l resume {place}")
    return 0


COMMAND = Command(
    "repair",
    "recover what can be proved right of a damaged run",
    "Write what can be proved right of a damaged run, by the checksums of its records and columns, into a new folder,\n"
    "and say what is lost. The run in the new folder is the longest beginning of the damaged one of which nothing is\n"
    "missing, and goes on with `l2l resume`; what is lost is simulated again. The damaged folder is left as it is.",
    "  l2l check runs/brunel\n"
    "  l2l repair runs/brunel --into runs/brunel-repaired\n"
    "  l2l resume runs/brunel-repaired\n",
    _arguments,
    _run,
)
