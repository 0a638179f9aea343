"""`l2l show`: the best individuals of a run, or what failed in it."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.cli.folders import run_of
from l2l.cli.parser import Command
from l2l.cli.run import whole
from l2l.display.hints import typed
from l2l.display.output import complain, is_terminal, say
from l2l.display.tables import print_table
from l2l.errors import NotFoundError

if TYPE_CHECKING:
    from l2l.trajectory import Trajectory

_NAMED = 8
"""Trials of one failure that are named; the others are counted."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder, or its trajectory.h5")
    parser.add_argument("--best", metavar="N", type=whole, default=10, help="how many individuals (10)")
    parser.add_argument("--failures", action="store_true", help="what failed instead, with message and traceback")


def _run(arguments: argparse.Namespace) -> int:
    from l2l.trajectory import Trajectory

    arguments.run = run_of(arguments.run)
    trajectory = Trajectory(arguments.run)
    if arguments.failures:
        _failures(trajectory)
        return 0
    terminal = is_terminal(sys.stdout)
    if terminal:
        _head(trajectory)
    try:
        columns, rows = _best(trajectory, arguments.best)
    except NotFoundError as error:
        (say if terminal else complain)(str(error))
        return 0
    print_table(columns, rows, f"l2l export {typed(arguments.run)} --to csv has them all")
    return 0


def _head(trajectory: "Trajectory") -> None:
    from l2l.cli.results import counts_line, validation_lines

    state = f"finished: {trajectory.reason}" if trajectory.finished else "not finished"
    say("\n".join([state, counts_line(trajectory), *validation_lines(trajectory)]))
    if len(trajectory.objectives) > 1:
        say("Pareto front")
    say()


def _best(trajectory: "Trajectory", count: int) -> tuple[list[str], list[list[Any]]]:
    from l2l.cli.results import ranked_table

    return ranked_table(trajectory, count)


def _failures(trajectory: "Trajectory") -> None:
    """What failed: each kind once with its traceback on a terminal, each trial a line in a pipe."""
    from l2l.values import Status

    table = trajectory.failures
    rows = [
        [Status(int(status)).name, int(individual), int(number), int(attempt), message, traceback]
        for status, individual, number, attempt, message, traceback in zip(
            *(table[name] for name in ("status", "individual", "number", "attempt", "message", "traceback")),
            strict=True,
        )
    ]
    if not is_terminal(sys.stdout):
        print_table(["status", "individual", "trial", "attempt", "message", "traceback"], rows)
        return
    if not rows:
        say("nothing failed")
    for block in _grouped(rows):
        say(block)


def _grouped(rows: list[list[Any]]) -> Iterator[str]:
    """Equal failures together, the most frequent first."""
    kinds: dict[tuple[str, str], list[list[Any]]] = {}
    for row in rows:
        kinds.setdefault((row[0], row[4]), []).append(row)
    for (status, message), same in sorted(kinds.items(), key=lambda item: -len(item[1])):
        named = ", ".join(f"{individual}-{number}" for _, individual, number, *_ in same[:_NAMED])
        more = f" and {len(same) - _NAMED} more" if len(same) > _NAMED else ""
        trace = str(same[0][5]).rstrip().replace("\n", "\n    ")
        yield (
            f"{len(same)} × {status}: {message}\n"
            f"    individual-trial {named}{more}\n" + (f"    {trace}\n" if trace else "")
        )


COMMAND = Command(
    "show",
    "the best individuals of a run, or what failed",
    "Show the best individuals of a run (with several objectives the Pareto front first), or with --failures what\n"
    "went wrong. Works at every instant, on a live run too. On a terminal wide tables are cut; in a pipe all columns\n"
    "come, separated by tabs.",
    "  l2l show runs/brunel\n"
    "  l2l show runs/brunel --best 3\n"
    "  l2l show runs/brunel --failures\n"
    "  l2l show runs/brunel --best 100 | cut -f 1,2\n",
    _arguments,
    _run,
)
