"""A run that is killed with many finished trials, and goes on."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fresh import fresh
from models import SPACE, Noop

from l2l import Experiment, Individual, Progress, Trajectory
from l2l.journal import read_journal
from l2l.optimizers.random import RandomSearch

POPULATION = 1000
_L2L = [sys.executable, "-c", "import sys; from l2l.cli import main; sys.exit(main())"]


@dataclass(frozen=True, slots=True)
class Resumption:
    """How long it took to go on.

    Args:
        finished: Trials that were finished when the run was killed.
        seconds: Of `l2l resume`, with the start of Python and of the workers, and one more generation.
        reask: Of these the optimizer's own, measured by itself.
        repeated: Trials that were run although they were finished.
    """

    finished: int
    seconds: float
    reask: float
    repeated: int


def resumption(trials: int, steady: bool, folder: str) -> Resumption:
    """Run, kill -9 once so many trials are finished, and resume."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        directory = Path(place) / "run"
        code = subprocess.run(
            [sys.executable, __file__, str(trials), str(int(steady)), str(directory)], check=False, capture_output=True
        )
        if code.returncode != -signal.SIGKILL:
            raise RuntimeError(
                f"expected the run to be killed, got exit code {code.returncode}: {code.stderr.decode()}"
            )
        finished = sum(
            len(data["index"]) for _, kind, data in read_journal(directory / "journal") if kind == "finished"
        )
        reask = fresh(reasked, str(directory), steady)
        begin = time.perf_counter()
        subprocess.run([*_L2L, "resume", str(directory)], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begin
        run = Trajectory(directory)
        again = int((run.trials["segment"] == 1).sum()) - (len(run.trials) - finished)
        return Resumption(finished, seconds, reask, again)


def reasked(directory: str, steady: bool) -> float:
    """Seconds of the optimizer alone, asked and told anew as the journal has it."""
    optimizer = RandomSearch(SPACE, seed=0, population=POPULATION, steady_state=steady)
    seconds = 0.0
    pending: dict[int, Individual] = {}
    for _, kind, data in read_journal(Path(directory) / "journal"):
        if kind == "asked":
            individuals = SPACE.from_columns(data["columns"])
            pending.update(enumerate(individuals, data["first"]))
            begin = time.perf_counter()
            optimizer.reask(individuals)
            seconds += time.perf_counter() - begin
        elif kind == "told":
            told = [pending.pop(number) for number in data["individuals"].tolist()]
            begin = time.perf_counter()
            optimizer.tell(told, data["fitness"])
            seconds += time.perf_counter() - begin
    return seconds


def victim(trials: int, steady: bool, directory: str) -> None:
    """A run that kills itself, with all its processes, once so many trials are finished."""

    def watch(progress: Progress) -> None:
        if progress.trials >= trials:
            os.kill(os.getpid(), signal.SIGKILL)

    Experiment(
        Noop,
        {"name": "random", "population": POPULATION, "steady_state": steady},
        directory=directory,
        launcher={"name": "local", "workers": 2},
        stop={"individuals": trials + POPULATION},
    ).run(progress=watch)


if __name__ == "__main__":
    victim(int(sys.argv[1]), sys.argv[2] == "1", sys.argv[3])
