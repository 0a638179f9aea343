"""`l2l COMMAND …`: which command, and what becomes of its errors."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from l2l.cli.parser import Command, WrongUsage, build, parse
from l2l.errors import L2LError, UserError

COMMANDS = ("run", "submit", "resume", "rerun", "status", "show", "export", "check", "list", "new")

FINISHED, FAILED, WRONG, STOPPED = 0, 1, 2, 75
_INTERRUPTED = 130


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code.

    Args:
        argv: Without the program's name; that of the process unless given.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        return _execute(given)
    except WrongUsage as error:
        _say(f"{error}\ntry `{error.command} --help`", error.command)
        return WRONG
    except SystemExit as finished:  # --help and --version
        return int(finished.code or 0)
    except L2LError as error:
        if "--debug" in given:
            raise
        # What a model raised is the user's to read: its frames stay, as part of the message.
        _say(str(error).replace("Traceback (most recent call last):", "where, most recent call last:").rstrip())
        return WRONG if isinstance(error, UserError) else FAILED
    except KeyboardInterrupt:
        _say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINISHED
    except Exception as error:
        if "--debug" in given:
            raise
        _say(_unexpected(error, given))
        return FAILED


def _execute(given: list[str]) -> int:
    from l2l import __version__

    commands: list[Command] = [import_module(f"l2l.cli.{name}").COMMAND for name in COMMANDS]
    arguments = parse(*build(commands, __version__), given)
    code: int = arguments.execute(arguments)
    sys.stdout.flush()
    return code


def _say(message: str, command: str = "l2l") -> None:
    sys.stdout.flush()
    print(f"{command}: {message}", file=sys.stderr)


def _unexpected(error: Exception, given: list[str]) -> str:
    """A message for what should not happen; the traceback goes to a file."""
    import platform
    import shlex
    import tempfile
    import traceback

    from l2l import __version__
    from l2l.registry import reason

    command = shlex.join(["l2l", *given])
    with tempfile.NamedTemporaryFile("w", prefix="l2l-error-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write(f"{command}\nl2l {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n")
        log.writelines(traceback.format_exception(error))
    return (
        f"unexpected {reason(error)}\n"
        f"this is a fault in l2l or in a plugin, not in what you typed; please report it with {log.name}, "
        f"which has the traceback (`{command} --debug` shows it here)"
    )
