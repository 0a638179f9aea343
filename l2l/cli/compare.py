"""`l2l compare`: several runs beside each other."""

import argparse
from pathlib import Path

from l2l.cli.folders import begun, run_folder, shown
from l2l.cli.parser import Command
from l2l.cli.run import whole
from l2l.display.output import say
from l2l.display.tables import print_table


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", type=Path, help="folders of runs; a folder of repeated runs stands for them"
    )
    parser.add_argument("--repeats", action="store_true", help="a row per group of runs that differ only in the seed")
    parser.add_argument("--at", metavar="N", type=whole, help="compare after N individuals; at the end unless given")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="also as a page (.html) or figure (.png, .pdf, .svg)"
    )


def _run(arguments: argparse.Namespace) -> int:
    from l2l.report import compare

    folders = [folder for given in arguments.runs for folder in _runs_in(given)]
    comparison = compare(folders, at=arguments.at)
    columns, rows = comparison.table(repeats=arguments.repeats)
    print_table(columns, rows, "l2l compare RUN RUN -o compare.html has them all")
    lines = [*comparison.statistics(), *comparison.remarks()]
    if lines:
        say()
        say("\n".join(lines))
    if arguments.output:
        path = comparison.write(arguments.output)
        say(f"\n{path.stat().st_size / 1e6:.1f} MB in {shown(path)}")
    return 0


def _runs_in(given: Path) -> list[Path]:
    """A run, or the repeated runs in a folder."""
    if given.is_dir() and not begun(given):
        inside = [one for one in sorted(given.iterdir()) if one.is_dir() and begun(one)]
        if inside:
            return inside
    return [run_folder(given)]


COMMAND = Command(
    "compare",
    "several runs beside each other",
    "Show what differs between runs, how good each became, and whether chance explains it: runs that differ only in\n"
    "their seed are a group, and groups are tested by ranks. The runs need the same objectives; of several objectives\n"
    "the hypervolume of the front counts.",
    "  l2l compare runs/cma-es runs/random\n"
    "  l2l compare runs/cma-es runs/random --repeats\n"
    "  l2l compare runs/cma-es runs/random --at 500 -o compare.html\n",
    _arguments,
    _run,
)
