"""`l2l rerun`: one archived trial again."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.cli.folders import run_of
from l2l.cli.parser import Command
from l2l.display.output import say

if TYPE_CHECKING:
    from l2l.trajectory import Trajectory
    from l2l.trajectory.trajectory import Rerun


def number(text: str) -> int:
    """A whole number from 0, for argparse."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {text!r}")
    return int(text)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder, or its trajectory.h5")
    parser.add_argument(
        "--individual", metavar="N", type=number, required=True, help="its number, as `l2l show` has it"
    )
    parser.add_argument("--trial", metavar="N", type=number, default=0, help="which of its trials, from 0 (0)")


def _run(arguments: argparse.Namespace) -> int:
    from l2l.trajectory import Trajectory

    arguments.run = run_of(arguments.run)
    trajectory = Trajectory(arguments.run)
    again = trajectory.rerun(arguments.individual, arguments.trial)
    _report(trajectory, again)
    return 0 if again.same else 1


def _report(trajectory: "Trajectory", again: "Rerun") -> None:
    names = [one.name for one in trajectory.objectives]
    now = again.evaluation
    width = max(len(name) for name in ("status", *names))
    say(f"{'':<{width}}  {'archived':<25}  now")
    say(f"{'status':<{width}}  {again.status.name:<25}  {now.status.name}")
    fitness = now.fitness or (float("nan"),) * len(names)
    for name, archived, value in zip(names, again.fitness, fitness, strict=True):
        say(f"{name:<{width}}  {archived!r:<25}  {value!r}")
    if now.failure is not None:
        say(now.failure.message)
        say(now.failure.traceback.rstrip())
    if again.changed:
        say(f"the optimizee has changed since: {', '.join(again.changed)}")
    if again.same:
        say(f"the same, bit for bit, in {now.seconds:.3g} s")
    else:
        say(
            "different: bit for bit the same can be expected with the same CPU type, libraries and model; "
            "the run's own are in trajectory.segments"
        )


COMMAND = Command(
    "rerun",
    "one archived trial again, compared with the archive",
    "Run one archived trial again, in this process and with nothing hidden: what the model prints is seen, a\n"
    "debugger stops where it should. Then say whether status and fitness equal the archived ones bit for bit (exit\n"
    "code 1 where they do not).",
    "  l2l rerun runs/brunel --individual 17\n  l2l rerun runs/brunel --individual 17 --trial 2\n",
    _arguments,
    _run,
)
