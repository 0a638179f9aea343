"""The command line, one command a file."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `l2l` with these arguments, by default those of the process; returns the exit code."""
    from l2l.cli.main import run

    return run(argv)
