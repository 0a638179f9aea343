"""`l2l COMMAND …`: which command, and what becomes of its errors."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from l2l.cli.parser import Command, WrongUsage, build, parse
from l2l.display.output import Unwritable, complain, flush_output, silence, unheard
from l2l.errors import L2LError, UserError, storage_error

COMMANDS = (
    *("run", "submit", "resume", "rerun"),
    *("status", "watch", "show", "plot", "report", "compare", "sensitivity", "export", "crate"),
    *("check", "repair", "merge", "list", "new"),
)

FINISHED, FAILED, WRONG, STOPPED = 0, 1, 2, 75
INTERRUPTED = 130


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code.

    Args:
        argv: Without the program's name; that of the process unless given.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    if not _is_somewhere():  # paths have no meaning then
        _say("the current folder was removed; go to another one, and give the same command again")
        return WRONG
    try:
        return _interruptible(given)
    except WrongUsage as error:
        _say(f"{error}\ntry `{error.command} --help`", error.command)
        return WRONG
    except SystemExit as finished:
        return _code_of(finished)
    except L2LError as error:
        if "--debug" in given:
            raise
        # What a model raised is the user's to read: its frames stay, as part of the message.
        _say(str(error).replace("Traceback (most recent call last):", "where, most recent call last:").rstrip())
        return WRONG if isinstance(error, UserError) else FAILED
    except KeyboardInterrupt as interrupt:
        _say("; ".join(["interrupted", *getattr(interrupt, "__notes__", ())]))
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        silence(sys.stdout)
        return FINISHED
    except Unwritable as error:
        silence(sys.stdout)
        _say(f"standard output cannot be written: {error.strerror}; make room there, or write to another place")
        return FAILED
    except MemoryError as error:
        if "--debug" in given:
            raise
        _say(
            f"there is not enough memory ({str(error) or 'nobody knows for what'}); ask for less, or give the run more"
        )
        return FAILED
    except Exception as error:
        if "--debug" in given:
            raise
        return _code_of_other(error, given)


def _code_of_other(error: Exception, given: list[str]) -> int:
    """Say what is no error of ours by its type; returns the exit code."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        _say(f"{str(error.filename)[:_SHOWN]}…: no file or folder has a name as long as that; check what you typed")
        return WRONG
    refused = _refused(error) if isinstance(error, OSError) else ""
    _say(refused or _unexpected(error, given))
    return FAILED


_SHOWN = 60  # letters of a name that is too long


def _refused(error: OSError) -> str:
    """What the system refused, where that is no fault of ours: a disk or a temporary folder; "" for all else."""
    if "No usable temporary directory" in str(error.strerror):
        return "there is no temporary folder that can be written to; set TMPDIR to one that can"
    if error.errno in _DISK and error.filename is not None:
        return str(storage_error(Path(os.fsdecode(error.filename)), "use", error))
    return ""


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ENFILE)


def _is_somewhere() -> bool:
    """Whether the current folder is still there."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _interruptible(given: list[str]) -> int:
    """As `_execute`; what Ctrl-C caused is Ctrl-C, whatever it became on its way."""
    try:
        return _execute(given)
    except Exception as error:
        if _by_interrupt(error):
            raise KeyboardInterrupt from None
        raise


def _by_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error: libraries that it meets while they are imported raise what they like."""
    around: BaseException | None = error
    seen: set[int] = set()
    while around is not None and id(around) not in seen:
        if isinstance(around, KeyboardInterrupt):
            return True
        seen.add(id(around))
        around = around.__cause__ or around.__context__
    return False


def _execute(given: list[str]) -> int:
    from l2l import __version__

    commands: list[Command] = [import_module(f"l2l.cli.{name}").COMMAND for name in COMMANDS]
    try:
        arguments = parse(*build(commands, __version__), given)
    except SystemExit as finished:  # --help and --version
        flush_output()
        return _code_of(finished)
    code: int = arguments.execute(arguments)
    flush_output()
    return code


def _code_of(end: SystemExit) -> int:
    """The exit code of what calls `sys.exit`, which may be given a text to print instead."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    _say(str(end.code))
    return FAILED


def _say(message: str, command: str = "l2l") -> None:
    with unheard(sys.stdout):
        flush_output()
    complain(f"{command}: {message}")


def show_traceback(_: object, error: BaseException, trace: object) -> None:
    """Show what `--debug` lets through as Python would, with the text of models escaped; for `sys.excepthook`."""
    complain(_traceback(error))


def _traceback(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error)).rstrip()


def _unexpected(error: Exception, given: list[str]) -> str:
    """A message for what should not happen; the traceback goes to a file, or follows where none can be written."""
    import shlex

    from l2l.registry import reason

    command = shlex.join(["l2l", *given])
    said = f"unexpected {reason(error)}\nthis is a fault in l2l or in a plugin, not in what you typed; please report it"
    try:
        log = _log(error, command)
    except OSError:  # no temporary folder, or a full one
        return f"{said} with this traceback\n{_traceback(error)}"
    return f"{said} with {log}, which has the traceback (`{command} --debug` shows it here)"


def _log(error: Exception, command: str) -> str:
    """Write all that is known of an error to a temporary file; returns its name."""
    import platform
    import tempfile

    from l2l import __version__

    with tempfile.NamedTemporaryFile(
        "w", prefix="l2l-error-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as log:
        log.write(f"{command}\nl2l {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n")
        log.write(_traceback(error) + "\n")
    return log.name
