"""Which folders are a run's: a run writes and removes nothing in a folder that holds files of somebody else.

A folder is a run's if it has the mark that its first leader left, or a journal or an archive of l2l. The mark stands
from before the first file is written until the run is finished, when the archive says the same.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from l2l.errors import OptionError, UserError, storage_error
from l2l.files import kind_of, open_regular
from l2l.journal import MAGIC, files

MARK = ".l2l-run"
_MARK_TEXT = "This folder belongs to a run of l2l that is not finished; `l2l status` says more.\n"

_FILES = (
    MARK,
    "lock",
    "lock.taking",
    "experiment.yaml",
    "optimizee.py",
    "experiment.yaml.partial",
    "trajectory.h5",
    "trajectory.h5.commit",
    "trajectory.h5.partial",
    "trajectory.before.h5",
)
_FOLDERS = ("journal", "journal.partial", "journal.removed", "trials", "logs", "jube", "submit")
_LOGS = ("worker-*.log*", "step-*.log", "jube.log", "jube-*")
"""What runs write to `logs`; what batch systems write there before a run begins is no obstacle."""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_SHOWN = 200
"""Letters of a path in a message; longer ones are shown cut."""
_NAMED = 3
"""Names of an error; more of them help nobody."""


def make_folder(folder: Path) -> None:
    """Make a folder where there is none.

    Raises:
        OptionError: There cannot be one of that name.
        StorageError: The disk refuses it.
    """
    check_path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, "create", error) from None


@contextmanager
def taken_folder(folder: Path) -> Iterator[None]:
    """Make a folder and make it a run's; a run that is refused or interrupted before it began leaves none behind.

    Raises:
        OptionError, UserError, StorageError: As `make_folder` and `claim_folder`.
    """
    check_path(folder)
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    make_folder(folder)
    marked = _is_marked(folder)
    try:
        claim_folder(folder)
        yield
    except (UserError, KeyboardInterrupt):
        # Where something of ours had to stay, the mark says to the next leader whose it is.
        if not marked and set(_foreign(folder)) <= {MARK}:
            unmark(folder)
        for one in made:
            with suppress(OSError):  # it holds something: a run, or what somebody else has put there meanwhile
                one.rmdir()
        raise


@contextmanager
def cleared(folder: Path) -> Iterator[None]:
    """Remove what a run that is refused or interrupted before it began has put into its folder, which it has locked."""
    before = {one.name for one in folder.iterdir()}
    try:
        yield
    except (UserError, KeyboardInterrupt):
        if not holds_run(folder):
            for name in {*_FOLDERS, "experiment.yaml"} - before:
                shutil.rmtree(folder / name, ignore_errors=True)
                with suppress(OSError):  # most are folders
                    (folder / name).unlink()
        raise


def check_path(folder: Path) -> None:
    """Refuse a path at which there cannot be a folder.

    Raises:
        OptionError: It has a NUL, is too long, or leads through a file.
    """
    try:
        encoded = os.fsencode(folder)
    except UnicodeEncodeError:
        raise OptionError(f"directory: expected the path of a folder, got letters that no file has: {folder}") from None
    if b"\0" in encoded:
        raise OptionError("directory: expected the path of a folder, got one with a NUL character in it")
    for one in (folder, *folder.parents):
        try:
            is_folder = stat.S_ISDIR(one.stat().st_mode)
        except FileNotFoundError:
            if one.is_symlink():
                raise OptionError(f"directory: {one} is a symbolic link to nothing; choose another directory") from None
            continue
        except NotADirectoryError:
            continue
        except OSError as error:
            raise OptionError(f"directory: {str(one)[:_SHOWN]}: {error.strerror}; choose another directory") from None
        if not is_folder:
            raise OptionError(f"directory: expected a folder, but {one} is {kind_of(one)}; choose another directory")
        return


def check_folder(folder: Path) -> None:
    """Refuse a folder in which a run would write over, or remove, what is not its own.

    Raises:
        UserError: It holds such files, or links and devices in the place of a run's files; names them.
    """
    for name in (*_FILES, *_FOLDERS):
        kind = kind_of(folder / name)
        wanted = "a file" if name in _FILES else "a folder"
        if kind not in ("nothing", wanted):
            raise UserError(
                f"{folder / name}: expected {wanted} of the run, got {kind}, which a run does not follow or replace; "
                "remove it, or choose another directory"
            )
    if _is_marked(folder):
        return
    foreign = list(_foreign(folder))
    # Another leader may have begun here in this instant; it leaves its mark before anything else.
    if foreign and not _is_marked(folder) and not holds_run(folder):
        named = ", ".join(foreign[:_NAMED]) + (f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else "")
        raise UserError(
            f"{folder}: this folder is not of a run of l2l, but holds {named}, which a run would replace or remove; "
            "choose another directory, or move what is there"
        )


def claim_folder(folder: Path) -> None:
    """Make a folder a run's; it must exist.

    Raises:
        UserError: As `check_folder`.
        StorageError: It cannot be written to.
    """
    check_folder(folder)
    if _is_marked(folder) or holds_run(folder):
        return
    try:
        descriptor = open_regular(folder / MARK, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return
    except OSError as error:
        raise storage_error(folder / MARK, "write", error) from None
    try:
        os.write(descriptor, _MARK_TEXT.encode())
    except OSError as error:
        raise storage_error(folder / MARK, "write", error) from None
    finally:
        os.close(descriptor)


def unmark(folder: Path) -> None:
    """Remove the mark of a finished run, whose archive says the same."""
    with suppress(OSError):  # it harms nothing
        (folder / MARK).unlink(missing_ok=True)


def _is_marked(folder: Path) -> bool:
    return kind_of(folder / MARK) == "a file"


def _foreign(folder: Path) -> Iterator[str]:
    """Names of a run's files and folders that are there; empty folders hold nothing that could be lost."""
    for name in _FILES:
        if kind_of(folder / name) != "nothing":
            yield name
    for name in _FOLDERS:
        try:
            inside = any(any((folder / name).glob(log)) for log in (_LOGS if name == "logs" else ("*",)))
        except OSError:
            inside = True  # it cannot be read, so nobody knows
        if inside:
            yield f"{name}/"


def holds_run(folder: Path) -> bool:
    """Whether there is a journal or an archive that l2l wrote."""
    return any(_begins_with(path, MAGIC[:7]) for path in files(folder / "journal").values()) or any(
        _is_archive(folder / name) for name in ("trajectory.h5", "trajectory.before.h5")
    )


def _is_archive(path: Path) -> bool:
    """Whether a file is an archive of l2l, or a damaged one, which is not written to before that is said."""
    if not _begins_with(path, _HDF5):
        return False
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            return "l2l" in file
    except (OSError, RuntimeError, KeyError):
        return True


def _begins_with(path: Path, beginning: bytes) -> bool:
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.read(descriptor, len(beginning)) == beginning
    except OSError:
        return False
    finally:
        os.close(descriptor)
