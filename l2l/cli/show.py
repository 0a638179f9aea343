"""`l2l show`: the best individuals of a run, or what failed in it."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.cli.folders import run_of
from l2l.cli.parser import Command
from l2l.cli.rerun import number
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
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--individual",
        metavar="N",
        type=number,
        help="one individual instead: parameters, fitness, trials, observables",
    )
    either.add_argument("--generations", action="store_true", help="the generations instead, a line each")
    either.add_argument("--validation", action="store_true", help="the fresh trials of the winners instead")
    either.add_argument("--failures", action="store_true", help="what failed instead, with message and traceback")


def _run(arguments: argparse.Namespace) -> int:
    from l2l.trajectory import Trajectory

    arguments.run = run_of(arguments.run)
    trajectory = Trajectory(arguments.run)
    if arguments.failures:
        _failures(trajectory)
        return 0
    if arguments.individual is not None:
        _individual(trajectory, arguments.individual)
        return 0
    if arguments.generations or arguments.validation:
        _table(trajectory, arguments)
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


def _individual(trajectory: "Trajectory", number: int) -> None:
    """One individual: all of it below each other on a terminal, its trials with the parameters in a pipe."""
    from l2l.cli.results import individual_tables

    tables = individual_tables(trajectory, number)
    one = trajectory.individual(number)
    if not is_terminal(sys.stdout):
        for place, (title, columns, rows) in enumerate(tables):
            if place:
                say()
            say(title)
            print_table(columns, rows)
        return
    say(f"individual {number} of generation {one.generation}: {one.status.name}")
    for title, columns, rows in tables:
        say(f"\n{title}")
        print_table(columns, rows, f"l2l export {typed(trajectory.path)} --table trials --to csv has them all")
    if one.status:
        say(f"\nwhat failed: l2l show {typed(trajectory.path)} --failures")


def _table(trajectory: "Trajectory", arguments: argparse.Namespace) -> None:
    """Generations, or fresh trials of the winners."""
    from l2l.cli.results import generations_table, validation_lines, validation_table

    terminal = is_terminal(sys.stdout)
    columns, rows = generations_table(trajectory) if arguments.generations else validation_table(trajectory)
    if not rows:
        what = "no generation is complete yet" if arguments.generations else "no winner was validated"
        (say if terminal else complain)(what)
        return
    if terminal and arguments.validation:
        say("\n".join([*validation_lines(trajectory), ""]))
    table = "generations" if arguments.generations else "validation"
    print_table(columns, rows, f"l2l export {typed(arguments.run)} --table {table} --to csv has them all")


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
    "the best individuals of a run, one of them, its generations, or what failed",
    "Show the best individuals of a run (with several objectives the Pareto front first), one individual with its\n"
    "trials, the generations, the validation, or with --failures what went wrong. Works at every instant, on a live\n"
    "run too. On a terminal wide tables are cut; in a pipe all columns come, separated by tabs.",
    "  l2l show runs/brunel\n"
    "  l2l show runs/brunel --best 3\n"
    "  l2l show runs/brunel --individual 17\n"
    "  l2l show runs/brunel --generations\n"
    "  l2l show runs/brunel --failures\n"
    "  l2l show runs/brunel --best 100 | cut -f 1,2\n",
    _arguments,
    _run,
)
