"""What a pool of workers is to run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from l2l.optimizee import Optimizee
from l2l.provenance import fingerprint, specification
from l2l.values import Resources
from l2l.worker.serve import start_message


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pool is to run.

    Args:
        start: The pickled first messages to a worker (`serve.start_message`).
        resources: Of each trial.
        objectives: How many.
        vectorized: Whether the optimizee simulates batches in its own way.
        logs: Folder of the workers' logs.
        patience: Seconds until a worker must have said hello.
    """

    start: tuple[bytes, ...]
    resources: Resources
    objectives: int
    vectorized: bool
    logs: Path
    patience: float = 600.0

    @classmethod
    def of(
        cls, optimizee: Optimizee, resources: Resources, logs: Path, patience: float, launch: Sequence[str] = ()
    ) -> Self:
        """The plan to run an optimizee, which evaluating processes build anew.

        Args:
            optimizee: What they evaluate.
            resources, logs, patience: As the fields.
            launch: The command prefix that starts a program on a trial's ranks.

        Raises:
            OptionError: Another process could not find its code, and it cannot be sent.
        """
        about = specification(optimizee)
        return cls(
            start=start_message(about, about.compared(fingerprint(optimizee)), resources, launch),
            resources=resources,
            objectives=len(optimizee.objectives),
            vectorized=optimizee.batches,
            logs=logs,
            patience=patience,
        )
