"""Arguments as all commands take them, and messages for those that are wrong."""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from l2l.display.output import say
from l2l.errors import near

EXIT_CODES = """\
exit codes:
  0   finished
  1   the run failed through no fault of its description, or no individual has a fitness; of `rerun`: another result
  2   the input is wrong; the message says where, what was expected, what came and what to do
  75  stopped before the end and resumable (walltime, SIGTERM, Ctrl-C)
  130 interrupted by Ctrl-C with nothing to resume
"""


class WrongUsage(Exception):
    """The command line is wrong.

    Args:
        command: "l2l run".
        problem: What was expected and what came.
    """

    def __init__(self, command: str, problem: str) -> None:
        super().__init__(problem)
        self.command = command


class Parser(argparse.ArgumentParser):
    """Offers near names for what it does not know, and raises where argparse would exit."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line.

        Raises:
            WrongUsage: Always.
        """
        choice = re.match(r"argument (\S+): invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if choice:
            names = re.findall(r"[\w-]+", choice[3])
            what = "command" if choice[1] == "COMMAND" else choice[1].strip("-").partition("/")[0]
            message = near(choice[2], names, what)
        raise WrongUsage(self.prog, message)

    def _print_message(self, message: str, file: object = None) -> None:
        """Print help and version as everything else is printed; argparse knows only what the encoding has."""
        say(message, end="")

    def flags(self) -> list[str]:
        """The flags that it knows."""
        return [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Args:
        name: As typed.
        summary: One line, for `l2l --help`.
        description: For `l2l NAME --help`.
        examples: Lines to type, and why.
        arguments: Adds its arguments to a parser.
        run: Carries it out; returns the exit code.
    """

    name: str
    summary: str
    description: str
    examples: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def build(commands: list[Command], version: str) -> tuple[Parser, dict[str, Parser]]:
    """The parser of `l2l`, and those of its commands."""
    parser = Parser(
        prog="l2l",
        description="Learning to learn: optimize and explore the parameters of simulation models.",
        epilog="start with: l2l new experiment NAME, or l2l list\n`l2l COMMAND --help` explains a command.\n\n"
        + EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"l2l {version}")
    of_commands = parser.add_subparsers(metavar="COMMAND", dest="command", title="commands")
    parsers: dict[str, Parser] = {}
    for command in commands:
        own = of_commands.add_parser(
            command.name,
            help=command.summary,
            description=command.description,
            epilog=f"examples:\n{command.examples}" if command.examples else None,
        )
        command.arguments(own)
        own.add_argument("--debug", action="store_true", help="show the traceback of an error")
        own.set_defaults(execute=command.run)
        parsers[command.name] = own
    return parser, parsers


def parse(parser: Parser, parsers: dict[str, Parser], argv: list[str]) -> argparse.Namespace:
    """Arguments from a command line.

    Raises:
        WrongUsage: Something in it is unknown, missing or wrong.
        SystemExit: After `--help` and `--version`.
    """
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        own = parsers.get(arguments.command or "", parser)
        first = unknown[0]
        if first.startswith("-"):
            raise WrongUsage(own.prog, near(first.partition("=")[0], own.flags(), "option"))
        raise WrongUsage(own.prog, f"does not know what to do with {' '.join(map(repr, unknown))}")
    if arguments.command is None:
        raise WrongUsage("l2l", f"expected a command: {', '.join(parsers)}")
    return arguments
