"""`l2l …`, to be stopped in one of its steps by its parent: `traced.py STEP COMMAND …`."""

import functools
import sys
from collections.abc import Callable
from typing import Any

from l2l.archive import Archive, archive
from l2l.cli import main
from l2l.experiment import lead, recorder
from tests.faults.tracer import begin, end

STEPS: dict[str, tuple[Any, str]] = {
    "commit": (Archive, "commit"),
    "finish": (Archive, "finish"),
    "removal": (lead, "remove_journal"),
}


def traced(step: Callable[..., Any], worth: Callable[..., bool]) -> Callable[..., Any]:
    """The step, and once a window around it."""
    left = [True]

    @functools.wraps(step)
    def windowed(*arguments: Any, **options: Any) -> Any:
        if not left or not worth(*arguments, **options):
            return step(*arguments, **options)
        left.clear()
        begin()
        try:
            return step(*arguments, **options)
        finally:
            end()

    return windowed


def appends(place: Archive, *_: Any, **__: Any) -> bool:
    """Whether a commit appends rows to a file that is there."""
    return place.path.exists() and place._fold.waiting


if __name__ == "__main__":
    name = sys.argv.pop(1)
    owner, attribute = STEPS[name]
    setattr(owner, attribute, traced(getattr(owner, attribute), appends if name == "commit" else lambda *_: True))
    archive.INTERVAL, archive._SHARE, recorder._SETTLED = 0.05, 0.0, 0.0  # no commit waits for long
    sys.exit(main())
