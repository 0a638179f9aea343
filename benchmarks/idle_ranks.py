"""Idle workers as in idle.py, where the workers are MPI ranks.

    mpiexec -n 3 python benchmarks/idle_ranks.py 0.01 --spread 1 --steady --work 4

Prints a line of JSON.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict

from idle import Kind, idle
from models import Spy

from l2l import Evaluation, Trial
from l2l.launchers.mpi import MPILauncher


class SpyRanks(MPILauncher):
    """The MPI launcher, with the instants of what went out and came back, where `Spy` has them."""

    def submit(self, trials: Sequence[Trial]) -> None:
        """Note what goes out."""
        Spy.submitted.append((time.time(), [trial.index for trial in trials]))
        super().submit(trials)

    def collect(self, timeout: float | None = None) -> Sequence[Evaluation]:
        """Note what comes back."""
        came = super().collect(timeout)
        if came:
            Spy.collected.append((time.monotonic(), came))
        return came


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float, help="of a trial")
    parser.add_argument("--spread", type=float, default=0.0)
    parser.add_argument("--steady", action="store_true")
    parser.add_argument("--work", type=float, default=4.0, help="seconds of the whole")
    parser.add_argument("--workers", type=int, default=2, help="ranks but the first")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    given = parser.parse_args()
    kind = Kind(given.seconds, given.spread, given.steady)
    found = idle(kind, given.work, given.workers, os.path.abspath(given.folder), SpyRanks())
    print(json.dumps(asdict(found)), flush=True)


if __name__ == "__main__":
    main()
