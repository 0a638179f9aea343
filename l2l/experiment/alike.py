"""Whether all that was simulated failed for one and the same reason: then it is most likely a mistake, and no data."""

import re
from collections.abc import Iterable

from l2l.values import Evaluation, Status

LEAST = 3
"""Trials below which nothing is concluded: a small generation may fail by chance."""

_FRAME = re.compile(r'^ *File "([^"\n]+)", line (\d+)', re.MULTILINE)


def place_of(traceback: str) -> str:
    """File and line at which a traceback, as Python writes it, ends; "" where it names none.

    The text is all that travels between processes and is archived of an exception.
    """
    frames = _FRAME.findall(traceback)
    return f"{frames[-1][0]}, line {frames[-1][1]}" if frames else ""


def told(evaluation: Evaluation) -> str:
    """Why a trial has no fitness: status, message, and the place where an exception was raised."""
    failure = evaluation.failure
    message = failure.message if failure else evaluation.status.meaning
    place = place_of(failure.traceback) if failure else ""
    return f"{evaluation.status.name}: {message}" + (f" ({place})" if place else "")


class Alike:
    """Follows the failures of one process lifetime for as long as all have the same cause."""

    def __init__(self) -> None:
        self.count = 0
        self.first: Evaluation | None = None
        self._differs = False

    def note(self, evaluations: Iterable[Evaluation]) -> None:
        """Take in final results."""
        if self._differs:
            return
        for one in evaluations:
            self.first = self.first or one
            self._differs = one.status == Status.OK or _cause(one) != _cause(self.first)
            if self._differs:
                return
            self.count += 1

    @property
    def all_failed(self) -> bool:
        """Whether there were several trials, and all failed for the same reason."""
        return not self._differs and self.count >= LEAST


def _cause(one: Evaluation) -> tuple[Status, str, str]:
    """Status, kind and place of an exception; its text may name values, and is compared where there is no place."""
    if one.failure is None or one.status in (Status.TIMEOUT, Status.OUT_OF_MEMORY):
        return one.status, "", ""
    place = place_of(one.failure.traceback)
    kind = one.failure.message.partition(":")[0] if place else one.failure.message
    return one.status, kind, place
