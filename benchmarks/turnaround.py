"""From the last result of a generation to the first trial of the next, on the clock that all processes share."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from models import Clock, Spy, TimedRandom

from l2l import Experiment

POPULATION = 1000


@dataclass(frozen=True, slots=True)
class Turnaround:
    """Seconds between generations.

    Args:
        whole: (generations - 1,) from the leader's last result to the next generation's first `simulate`.
        optimizer: (generations - 1,) of these the optimizer's own tell and ask.
    """

    whole: list[float]
    optimizer: list[float]

    @property
    def own(self) -> list[float]:
        """What is left."""
        return [whole - optimizer for whole, optimizer in zip(self.whole, self.optimizer, strict=True)]


def turnaround(generations: int, folder: str, workers: int) -> Turnaround:
    """Measure it between so many generations; the first, in which workers start, is not looked at."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        Experiment(
            Clock,
            {"name": TimedRandom, "population": POPULATION},
            directory=Path(place) / "run",
            launcher={"name": Spy, "workers": workers},
            stop={"generations": generations},
        ).run(progress=None)
    first = np.full(generations, np.inf)
    last = np.zeros(generations)
    for instant, evaluations in Spy.collected:
        for one in evaluations:
            generation = one.index // POPULATION
            first[generation] = min(first[generation], one.fitness[0])
            last[generation] = max(last[generation], instant)
    whole = first[2:] - last[1:-1]
    optimizer = np.array(TimedRandom.tells[1 : generations - 1]) + np.array(TimedRandom.asks[2:generations])
    return Turnaround(whole.tolist(), optimizer.tolist())
