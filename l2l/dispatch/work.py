"""What a pool of workers is to run."""

import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from l2l.optimizee import Optimizee
from l2l.protocol.channel import pickled
from l2l.protocol.messages import WorkerConfig
from l2l.provenance import Specification, fingerprint, specification
from l2l.values import Resources


@dataclass(frozen=True, slots=True)
class Work:
    """What a pool is to run.

    Args:
        start: The pickled first messages to a worker (`serve.start_message`).
        resources: Of each trial.
        objectives: How many.
        vectorized: Whether the optimizee simulates batches in its own way.
        logs: Folder of the workers' logs.
        patience: Seconds until a worker must have said ready.
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
        """The work to run an optimizee, which evaluating processes build anew.

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


def start_message(
    optimizee_specification: Specification, parts: dict[str, str], resources: Resources, launch: Sequence[str] = ()
) -> tuple[bytes, bytes]:
    """The two first messages to a worker, pickled: where it stands, and what it builds."""
    path = [os.path.abspath(entry) for entry in sys.path]
    start = pickle.dumps(WorkerConfig(optimizee_specification, parts, resources, tuple(launch)), 5)
    return pickled((path, str(Path.cwd()))), pickled(start)
