"""The one way to standard output and standard error: nothing that is archived can steer a terminal, or end a command.

Messages of models, reasons, names and host names are kept as they came; they are escaped here, where they are shown.
"""

import codecs
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, what turns the direction of writing, separators of lines, halves of pairs, invisible tags."""

_PLAINER = {
    **dict(zip("·×━╌µ", "-x=-u", strict=True)),
    "…": "...",
    "±": "+-",
    "→": "->",
    **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),  # bars, as heavy as they are high
}
"""Letters of our own tables and lines, for a terminal whose encoding does not have them."""


class Unwritable(OSError):
    """Standard output cannot be written: the disk behind it is full, the device is gone."""


def escaped(text: str, keep: str = "\n\t") -> str:
    r"""A text without effect on a terminal: an escape character becomes `\x1b`, a carriage return `\r`.

    Args:
        text: Anything that was archived, or read from a file.
        keep: Control characters that stay as they are.
    """
    return _STEERING.sub(lambda found: found[0] if found[0] in keep else _name(found[0]), text)


def one_line(text: str) -> str:
    """A text for a cell of a table: escaped, and without breaks or tabs."""
    return escaped(text.replace("\n", " ").replace("\t", " "), keep="")


def _name(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def fitting(text: str, encoding: str | None) -> str:
    """A text that an encoding has all letters of; others become escapes.

    Args:
        text: To be written.
        encoding: Of the stream; None where it takes any text.
    """
    if not encoding:
        return text
    try:
        return text.encode(encoding, _HANDLER).decode(encoding)
    except (LookupError, UnicodeError):  # Python does not know it, or cannot undo it
        return text.encode("ascii", _HANDLER).decode("ascii")


_HANDLER = "l2l.plainer"


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that an encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAINER.get(letter) or _name(letter) for letter in letters), error.end


codecs.register_error(_HANDLER, _plainer)


def say(text: object = "", *, end: str = "\n", flush: bool = False) -> None:
    """Write to standard output.

    Raises:
        Unwritable: It cannot be written.
        BrokenPipeError: Nobody reads it any more.
    """
    write(f"{text}{end}", sys.stdout)
    if flush:
        flush_output()


def complain(text: object) -> None:
    """Write to standard error, or in silence where that cannot be."""
    with unheard(sys.stderr):
        write(f"{text}\n", sys.stderr, flush=True)


def write(text: str, stream: TextIO | None, *, flush: bool = False) -> None:
    """Write a text to a stream, escaped, in the stream's encoding; a stream that is None or closed takes nothing.

    Raises:
        Unwritable: The stream refuses it.
        BrokenPipeError: Nobody reads it any more.
    """
    if not _is_open(stream):
        return
    assert stream is not None
    shown = escaped(text)
    with refusals():
        try:
            stream.write(fitting(shown, getattr(stream, "encoding", None)))
        except UnicodeError:  # it does not say its encoding
            stream.write(fitting(shown, "ascii"))
        if flush:
            stream.flush()


def flush_output() -> None:
    """Bring to its place what was written to standard output.

    Raises:
        Unwritable: It cannot be written.
        BrokenPipeError: Nobody reads it any more.
    """
    if _is_open(sys.stdout):
        with refusals():
            sys.stdout.flush()


@contextmanager
def refusals() -> Iterator[None]:
    """Tell the refusal of a stream from those of other files.

    Raises:
        Unwritable: The stream refuses what was written.
        BrokenPipeError: Nobody reads it any more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritable(error.errno, error.strerror or str(error)) from None


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sees what is written to a stream."""
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError):  # not a whole stream, or a closed one
        return False


@contextmanager
def unheard(stream: TextIO | None) -> Iterator[None]:
    """Go on in silence where nobody reads a stream any more: a pipe's reader ended, a terminal was closed.

    Streams of notebooks and loggers raise what they like; a run does not end because its progress cannot be shown.
    """
    try:
        yield
    except OSError:
        silence(stream)
    except Exception:  # noqa: BLE001 - see above
        pass


def silence(stream: TextIO | None) -> None:
    """Let what is still to be written to a stream go nowhere, or Python fails to write it when it ends."""
    if stream is None:
        return
    with suppress(OSError, ValueError, AttributeError):
        place = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, place)
        os.close(nowhere)


def _is_open(stream: TextIO | None) -> bool:
    return stream is not None and not getattr(stream, "closed", False)


class Fitting:
    """A stream for a library that draws on terminals: letters that the terminal's encoding lacks become others.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write a text with its control characters."""
        return self._stream.write(fitting(text, self.encoding))

    def flush(self) -> None:
        """Bring to its place what was written."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._stream.fileno()
