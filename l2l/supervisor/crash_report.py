"""What can be said of a process that died."""

import os
from pathlib import Path

from l2l.files import open_new

_TAIL = 16384  # bytes that are read from a log's end: the stacks of some dozen threads
_FATAL = "Fatal Python error:"
_STACKS = ("Current thread 0x", "Thread 0x")
_NOISE = ('  File "<frozen runpy>"', "Extension modules:")
_OURS = tuple(f'"{Path(__file__).absolute().parents[1]}/{room}/' for room in ("worker", "protocol"))
"""How the places of our own frames begin, which tell a user nothing of the model."""


def log_size(log: Path) -> int:
    """Bytes of a log; 0 where there is none."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def tail(log: Path, since: int = 0) -> str:
    """The end of a log, from the last stack of a dying Python on where there is one.

    Args:
        log: The file.
        since: Where in it to begin.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL, since if since <= size else 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    start = text.rfind(_FATAL)
    if start < 0:
        start = max(map(text.rfind, _STACKS))
    shown = text[start:] if start >= 0 else text[-4096:]
    lines = [
        line for line in shown.splitlines() if not any(ours in line for ours in _OURS) and not line.startswith(_NOISE)
    ]
    return "\n".join(lines).strip()


def shorten(log: Path, most: int = 10_000_000) -> None:
    """Move a log that grew too long to `<name>.old`, while processes go on appending to it."""
    if log_size(log) <= most:
        return
    try:
        aside = open_new(log.with_name(log.name + ".old"))
        with log.open("rb") as file, os.fdopen(aside, "wb") as old:
            size = file.seek(0, os.SEEK_END)
            file.seek(size - most)
            while chunk := file.read(1 << 20):
                old.write(chunk)
        os.truncate(log, 0)
    except OSError:
        return  # a full disk shortens nothing
