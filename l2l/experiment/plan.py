"""What a run carries out: the experiment's arguments, checked and completed by what the optimizee says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from l2l.aggregate import Aggregate
from l2l.seeding import Seeding
from l2l.space import ParameterSpace
from l2l.stop import Stop
from l2l.values import Objective, Observable, Resources

OnFailure = Literal["continue", "raise"]
Keep = Literal["failures", "best", "all", "none"]


@dataclass(frozen=True, slots=True)
class Validation:
    """Fresh trials of the winners at the end.

    Args:
        best: How many winners.
        trials: Fresh trials of each.
    """

    best: int = 1
    trials: int = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's constants.

    Args:
        folder: Of the run.
        space: Fixed and narrowed by `parameters`.
        objectives, observables, stochastic: Of the optimizee.
        fingerprint: Of the optimizee, with its version.
        trials: Of each individual; 1 where the optimizee is not stochastic.
        seed, seeding: Of the trials.
        aggregate: Over trials.
        weights: One an objective, where they become one cost; else None.
        stop: When it ends.
        resources: Of each trial.
        on_failure, retries, max_failures: What a failed trial means.
        keep: Which private folders stay.
        validate: Fresh trials of the winners, or None.
        population: Individuals of a generation.
        steady_state: How the loop runs.
    """

    folder: Path
    space: ParameterSpace
    objectives: tuple[Objective, ...]
    observables: Mapping[str, Observable]
    stochastic: bool
    fingerprint: str
    trials: int
    seed: int
    seeding: Seeding
    aggregate: Aggregate
    weights: tuple[float, ...] | None
    stop: Stop
    resources: Resources
    on_failure: OnFailure
    retries: int
    max_failures: float | None
    keep: Keep
    validate: Validation | None
    population: int
    steady_state: bool
