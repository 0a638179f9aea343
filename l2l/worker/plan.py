"""What a pool of workers is to run."""

from dataclasses import dataclass
from pathlib import Path

from l2l.values import Resources


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pool is to run.

    Args:
        start: The framed first messages to a worker (`serve.start_message`).
        resources: Of each trial.
        objectives: How many.
        vectorized: Whether the optimizee simulates batches in its own way.
        logs: Folder of the workers' logs.
        patience: Seconds until a worker must have said hello.
    """

    start: bytes
    resources: Resources
    objectives: int
    vectorized: bool
    logs: Path
    patience: float = 600.0
