"""What JUBE adds to a trial that does nothing, by how many trials share a work package.

python benchmarks/jube_cost.py [--folder FOLDER] [--trials 100] [--workers 2]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models import SPACE, Noop
from tables import number, table

from l2l import Resources, Trial
from l2l.launcher import Launcher
from l2l.launchers.jube.launcher import JubeLauncher
from l2l.launchers.local import LocalLauncher

BATCHES = (1, 10, 100)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a generation took.

    Args:
        batch: Trials a work package.
        trials: Of the generation.
        seconds: Until all results were back.
        concluded: Until JUBE had written its table too, which the next generation does not wait for.
        plain: What the same generation took with the launcher local and the same number of workers.
    """

    batch: int
    trials: int
    seconds: float
    concluded: float
    plain: float

    @property
    def packages(self) -> int:
        """Work packages."""
        return -(-self.trials // self.batch)

    @property
    def added(self) -> float:
        """Seconds that JUBE adds to a trial, as the run waits for them."""
        return (self.seconds - self.plain) / self.trials


def jube_costs(folder: str, trials: int = 100, workers: int = 2) -> list[Cost]:
    """Measure a generation at each size of a batch.

    Args:
        folder: Where run folders are made.
        trials: Of a generation.
        workers: Work packages at once, or processes of the launcher local.
    """
    plain, _ = _seconds(lambda: LocalLauncher(workers=workers), trials, folder)
    return [
        Cost(
            batch,
            trials,
            *_seconds(lambda batch=batch: JubeLauncher(workers=workers, batch=batch), trials, folder),
            plain,
        )
        for batch in BATCHES
    ]


def _seconds(made: Callable[[], Launcher], count: int, folder: str) -> tuple[float, float]:
    """Seconds of a generation where all that stays is ready: until its results are back, and until its end."""
    points = SPACE.sobol(count, seed=1)
    trials = [Trial(one, entropy=1, index=index) for index, one in enumerate(points)]
    with tempfile.TemporaryDirectory(dir=folder) as place, made() as launcher:
        launcher.start(Noop(), Resources(), Path(place))
        launcher.describe()
        begin = time.perf_counter()
        launcher.submit(trials)
        left = count
        while left:
            left -= len(launcher.collect())
        back = time.perf_counter() - begin
        launcher.stop()
        return back, time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default=None, help="where run folders are made")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    rows = [
        [
            str(one.batch),
            str(one.packages),
            f"{number(one.seconds)} s",
            f"{number(one.concluded)} s",
            f"{number(1e3 * one.added)} ms",
        ]
        for one in jube_costs(given.folder or tempfile.gettempdir(), given.trials, given.workers)
    ]
    head = [
        "trials a work package",
        "work packages",
        "until results are back",
        "until JUBE is done",
        "added to a trial",
    ]
    print(table(head, rows))


if __name__ == "__main__":
    main()
