"""Commands that messages offer, written so that they can be typed as they stand."""

import shlex
from pathlib import Path


def relative(path: Path) -> str:
    """A path as a user knows it: relative where it lies below the current folder."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def typed(path: Path) -> str:
    """A path as an argument in a shell: relative where it can be, and quoted where its letters need it."""
    text = relative(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)  # else it would be taken for an option
