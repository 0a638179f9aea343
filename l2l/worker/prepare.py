"""What a launcher does before the first trial where it evaluates in a process that it has: set up, and ask."""

from l2l.copies import no_copies
from l2l.errors import LauncherError, UserError
from l2l.launcher import Description
from l2l.optimizee import Optimizee
from l2l.worker.evaluate import failure_of
from l2l.worker.serve import loaded_versions


def set_up(optimizee: Optimizee) -> Optimizee:
    """The optimizee, set up in this process.

    Raises:
        LauncherError: It cannot be; says what it raised and where.
        UserError: It says itself what the user must change, such as a part that is not installed.
    """
    try:
        with no_copies():
            optimizee.setup()
    except UserError:
        raise
    except Exception as error:
        failure = failure_of(error)
        raise LauncherError(
            f"{type(optimizee).__name__} cannot be set up: {failure.message}\n{failure.traceback}"
        ) from error
    return optimizee


def described(optimizee: Optimizee) -> Description:
    """What an optimizee that is set up says of itself, and the versions of all packages that are loaded here."""
    return Description(optimizee.version(), optimizee.describe(), loaded_versions())
