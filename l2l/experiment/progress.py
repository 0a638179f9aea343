"""What a run tells those who watch it."""

import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from l2l.copies import no_copies
from l2l.individual import Individual
from l2l.spread import Spread

State = Literal["starting", "replaying", "running", "validating", "stopping", "finished", "stopped"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, told about ten times a second and after each generation.

    Args:
        state: What it is doing.
        generation: Number of the generation under way, from 0.
        generations: How many there will be, where a rule says so.
        done: Trials of this generation that are final.
        total: Trials of this generation.
        individuals: Told to the optimizer so far.
        trials: Final ones of the whole run, cached ones included.
        simulated: Of these, by this process lifetime.
        cached: Taken from earlier runs or equal individuals, by this process lifetime.
        failures: Trials without a fitness, of the whole run.
        best: Best fitness per objective so far; NaN before the first.
        best_individual: Where there is a single objective.
        course: What the last complete generations came to, those of earlier process lifetimes included.
        report: What the optimizer said of the last generation.
        seconds: Since this process lifetime began.
        complete: Whether a generation was just completed.
        message: Why it stopped, or a remark.
    """

    state: State
    generation: int = 0
    generations: int | None = None
    done: int = 0
    total: int = 0
    individuals: int = 0
    trials: int = 0
    simulated: int = 0
    cached: int = 0
    failures: int = 0
    best: tuple[float, ...] = ()
    best_individual: Individual | None = None
    course: tuple[Spread, ...] = ()
    report: dict[str, object] = field(default_factory=dict)
    seconds: float = 0.0
    complete: bool = False
    message: str = ""


Watcher = Callable[[Progress], None]


class Heard:
    """A watcher whose exceptions harm no run: the first one becomes a warning with its place, and the run goes on.

    What is no `Exception` passes, such as `KeyboardInterrupt` and `SystemExit`: by these a watcher stops the run.
    A process that a watcher forks, as to draw in the background, ends where it leaves the watcher.

    Args:
        watcher: Is told the progress, or None.
    """

    def __init__(self, watcher: Watcher | None) -> None:
        self._watcher = watcher
        self._warned = False

    def __bool__(self) -> bool:
        """Whether somebody watches."""
        return self._watcher is not None

    def __call__(self, progress: Progress) -> None:
        """Tell the watcher."""
        if self._watcher is None:
            return
        try:
            with no_copies():
                self._watcher(progress)
        except Exception as error:  # noqa: BLE001 - whatever a user's callback raises
            if not self._warned:
                self._warned = True
                _warn(progress, error)


def _warn(progress: Progress, error: Exception) -> None:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = (
        f"progress: the callback raised {type(error).__name__}: {error} ({frame.filename}:{frame.lineno}, at state "
        f"{progress.state!r}). The run goes on; what the callback raises later is not reported"
    )
    try:
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    except RuntimeWarning:  # where warnings are made errors: that of a callback ends no run all the same
        sys.stderr.write(f"{text}\n")
