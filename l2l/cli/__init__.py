"""The command line, one command per file."""

import io
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `l2l` with these arguments, by default those of the process; returns the exit code."""
    try:
        from l2l.cli.dispatch import run, show_traceback
    except KeyboardInterrupt:
        print("l2l: interrupted; nothing was begun yet", file=sys.stderr)
        return 130
    if argv is None:  # the process is ours, and so are its streams
        sys.excepthook = show_traceback
        _take_any_letter()
    return run(argv)


def _take_any_letter() -> None:
    """Escape what the encoding of a stream does not have, also in what a model prints in this process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
