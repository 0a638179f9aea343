"""What a run tells those who watch it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from l2l.individual import Individual

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
    report: dict[str, object] = field(default_factory=dict)
    seconds: float = 0.0
    complete: bool = False
    message: str = ""


Watcher = Callable[[Progress], None]
