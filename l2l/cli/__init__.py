"""The command line, one command a file."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `l2l` with these arguments, by default those of the process; returns the exit code."""
    try:
        from l2l.cli.dispatch import run
    except KeyboardInterrupt:  # before anything was begun
        return 130
    return run(argv)
