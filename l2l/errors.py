"""Everything that l2l raises on purpose.

::

    L2LError                        the root: one sentence or a few, for a user to read
    ├── UserError                   the user's input is wrong (exit code 2)
    │   ├── SpaceError              a parameter, condition or constraint (also a ValueError)
    │   ├── OptionError             a plugin's option (also a ValueError)
    │   ├── ConfigError             an experiment file: names file and key
    │   ├── NotFoundError           no plugin, file or run of that name
    │   ├── DifferentExperiment     the run folder holds another experiment
    │   ├── ChangedOptimizee        the optimizee is not the one that the run began with
    │   ├── Locked                  another leader works in this run folder
    │   └── MissingPart             an optional part is not installed: says what to install
    ├── ContractError               a plugin broke its contract: names the plugin
    │   └── TellOrderError          results told in another order than asked
    ├── RunFailed                   the run cannot go on (exit code 1)
    │   ├── TrialFailed             `on_failure: raise`, or more failures than `max_failures`
    │   ├── LauncherError           workers do not start, or refuse the optimizee
    │   ├── ReplayError             a resumed optimizer asked for other individuals than archived
    │   └── StorageError            the disk is full or read-only
    │       ├── Damaged             a file of a run is damaged or missing: names file and place
    │       └── OtherFormat         a file of a run has another version of the format: names both versions
    └── Invalid                     raised by a model: this result is invalid, with the reason
"""

import errno
import re
import reprlib
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class L2LError(Exception):
    """The root of all exceptions that l2l raises on purpose."""


class UserError(L2LError):
    """The user's input is wrong; the message says place, expected, got and remedy."""


class SpaceError(UserError, ValueError):
    """A parameter, a condition or a constraint of a space is wrong."""


class OptionError(UserError, ValueError):
    """An option of a plugin or of the experiment is wrong."""


_LONGEST = 2000
"""Letters of a problem: a value that fills screens hides what is wrong with it."""


class ConfigError(UserError):
    """An experiment file is wrong.

    Args:
        file: The file.
        key: The place in it, dotted (`"parameters.g.low"`), or "" for the whole file.
        problem: What was expected and what came.
        line: Of the file, from 1, where it is known.
    """

    def __init__(self, file: str | Path, key: str, problem: str, line: int | None = None) -> None:
        self.file = Path(file)
        self.key = key
        self.problem = (
            problem if len(problem) <= _LONGEST else f"{problem[: _LONGEST // 2]} … {problem[-_LONGEST // 2 :]}"
        )
        self.line = line
        place = f"{file}:{line}" if line else f"{file}"
        if key:
            place = f"{place}: {key}"
        super().__init__(f"{place}: {self.problem}")


class NotFoundError(UserError):
    """No plugin, file, run, individual or trial of that name."""


class DifferentExperiment(UserError):
    """The run folder holds a different experiment; the message names each difference."""


class ChangedOptimizee(UserError):
    """The optimizee's fingerprint is not the one that the run began with.

    Args:
        problem: What differs.
        accept: What goes on all the same, as it can be typed; "" where nothing does.
        fresh: What begins anew, as it can be typed; "" where nothing does.
    """

    def __init__(self, problem: str, accept: str = "", fresh: str = "") -> None:
        self.problem = problem
        self.accept = accept
        self.fresh = fresh
        ways = ["take the change back"]
        if accept:
            ways.append(f"go on with {accept}, on your word that the results are the same")
        if fresh:
            ways.append(f"begin anew with {fresh}, which keeps the old folder aside")
        remedy = "; or ".join(ways)
        super().__init__(f"{problem}\n{remedy[0].upper()}{remedy[1:]}." if accept else problem)


class Locked(UserError):
    """Another leader works in this run folder; the message names it."""


class MissingPart(UserError, ImportError):
    """An optional part is not installed.

    Args:
        part: What is missing, as a user knows it ("NEST").
        remedy: What to type ("pip install 'l2l[nest]'").
    """

    def __init__(self, part: str, remedy: str) -> None:
        super().__init__(f"{part} is not installed here; install it with: {remedy}")


class ContractError(L2LError):
    """A plugin broke its contract; the message names the plugin."""


class TellOrderError(ContractError, ValueError):
    """`tell` came without `ask`, twice, or in another order than asked."""


class RunFailed(L2LError):
    """The run cannot go on, through no fault of its description."""


class TrialFailed(RunFailed):
    """A trial failed under `on_failure="raise"`, or more of them than `max_failures` allows."""


class LauncherError(RunFailed):
    """Workers could not be started, or refused the optimizee."""


class ReplayError(RunFailed):
    """In replay an optimizer asked for other individuals than the archived ones."""


class StorageError(RunFailed):
    """A file of the run could not be written or read: disk full, read-only, damaged."""


class Damaged(StorageError):
    """A file of a run does not say what was written to it, or is missing.

    Args:
        file: The journal's file, or the archive.
        problem: What is wrong there.
        offset: Of the first byte that is wrong, where it is known.
    """

    def __init__(self, file: Path, problem: str, offset: int | None = None) -> None:
        self.file = file
        self.problem = problem
        self.offset = offset
        self.run = file.parent.parent if file.parent.name == "journal" else file.parent
        place = "" if offset is None else f" at byte {offset}"
        super().__init__(
            f"{file}: damaged{place}: {problem}. Restore it from a backup, or recover what can be proved right into a "
            f"new folder with: l2l repair {shlex.quote(str(self.run))} --into NEW"
        )


class OtherFormat(StorageError):
    """A file of a run was written in another version of the format.

    Args:
        file: The journal's file, or the archive.
        expected: The version that this l2l writes and reads.
        got: The version of the file.
    """

    def __init__(self, file: Path, expected: int, got: int) -> None:
        self.file = file
        self.expected = expected
        self.got = got
        if got > expected:
            remedy = "Update this l2l"
        else:
            remedy = (
                "Read this run with the l2l that wrote it, whose `l2l export` writes its tables, or begin a new run "
                "with: l2l run FILE --fresh"
            )
        super().__init__(
            f"{file}: expected version {expected} of the format, got version {got}, which "
            f"{'a later' if got > expected else 'an earlier'} l2l wrote. {remedy}"
        )


class Invalid(L2LError):
    """Raised by a model whose result has no meaning; the trial's status is `INVALID`.

    Args:
        reason: In a few words, for the table of failures ("silent", "diverged"); an exception or anything else
            stands there as its text.
    """

    def __init__(self, reason: object = "invalid result") -> None:
        self.reason = text_of(reason)
        super().__init__(self.reason)


LONGEST_TEXT = 4000
"""Characters of a text from outside that are kept: as many as stand in the archive."""


def text_of(thing: object, most: int = LONGEST_TEXT) -> str:
    """What somebody else's object says, as text of bounded length that can be written to any file.

    Args:
        thing: Text, an exception, or anything else; its `__str__` may raise what it likes.
        most: Characters; what is longer is cut.

    Example:
        >>> text_of(ValueError("diverged")), text_of("x" * 100, most=3)
        ('diverged', 'xxx…')
    """
    try:
        if isinstance(thing, str | BaseException):
            text = str(thing)
        else:  # an address would be another one in each process
            held = isinstance(thing, list | tuple | dict | set | frozenset)
            text = short(thing) if held else without_addresses(str(thing))
        cut = str.__getitem__(text, slice(most)) + ("…" if str.__len__(text) > most else "")
        # a plain string even of a subclass; lone surrogates, which no file takes, as their numbers
        return str.encode(cut, "utf-8", "backslashreplace").decode()
    except BaseException:  # noqa: BLE001 - a model's object may raise SystemExit where it is only looked at
        return f"an object of type {type_name(thing)} without a text"


def without_addresses(text: str) -> str:
    """A text without the addresses of objects (` at 0x7f…`), which are others in each process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


class _Short(reprlib.Repr):
    """Shortens what `repr` says only once its addresses are gone, so that no half of one stays."""

    def repr_instance(self, x: Any, level: int) -> str:
        """An object of no type that `reprlib` knows."""
        try:
            said = without_addresses(repr(x))
        except Exception:  # noqa: BLE001 - whatever somebody else's repr raises
            return f"<{type_name(x)} instance>"
        before = (self.maxother - 3) // 2
        return said if len(said) <= self.maxother else f"{said[:before]}...{said[before + 3 - self.maxother :]}"


def short(value: object) -> str:
    """A value for a message: on a few dozen characters, and the same in each process.

    Example:
        >>> short(list(range(100))), short(object())
        ('[0, 1, 2, 3, 4, 5, ...]', '<object object>')
    """
    return _Short().repr(value)


def type_name(thing: object) -> str:
    """The name of an object's class, whatever its metaclass makes of it.

    Example:
        >>> type_name(3)
        'int'
    """
    name: str = _NAME.__get__(type(thing))
    return str.__str__(name)


_NAME = type.__dict__["__name__"]


def near(name: str, known: Iterable[str], what: str = "name") -> str:
    """A sentence for an unknown name: the near ones, else all that there are.

    Args:
        name: What the user wrote.
        known: What would have been right.
        what: The kind of thing, in the singular ("parameter").
    """
    import difflib

    names = [str(one) for one in known]
    close = difflib.get_close_matches(str(name), names, n=3, cutoff=0.6)
    if close:
        return f"no {what} {name!r}; did you mean {' or '.join(map(repr, close))}?"
    if not names:
        return f"no {what} {name!r}; there are none"
    listed = ", ".join(map(repr, names[:12])) + (", …" if len(names) > 12 else "")
    return f"no {what} {name!r}; there are: {listed}"


_RESUME = "then resume: nothing that was finished is lost"


def storage_error(path: Path, action: str, error: OSError, then: str = _RESUME) -> StorageError:
    """What a disk refused, as an error that says the place and what to do.

    Args:
        path: Of the file or folder.
        action: What was to be done to it.
        error: The refusal.
        then: What to do once the disk takes it.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why = "the disk is full" if error.errno == errno.ENOSPC else "the disk quota is used up"
        remedy = f"make room, {then}"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        why = "it is read-only" if error.errno == errno.EROFS else "permission denied"
        remedy = "choose a directory that you may write to, or change its permissions"
        if action == "read":
            remedy = "ask its owner to let you read it, or change its permissions"
    elif error.errno == errno.EFBIG:
        why = "it would become larger than files may be here"
        remedy = f"raise the limit (ulimit -f, or the file system's), {then}"
    else:
        why = error.strerror or str(error)
        remedy = f"check the file system, {then}"
    return StorageError(f"{path}: cannot {action} it: {why}; {remedy}")
