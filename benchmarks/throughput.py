"""Evaluations per second of a function that does nothing: l2l beside a bare process pool and Optuna in memory."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fresh import cores, cpu_seconds, fresh
from models import NAMES, Noop, noop, points

from l2l import Experiment, Progress

POPULATION = 1000
CHUNKS = (1, 10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a contender was.

    Args:
        evaluations: That were timed.
        seconds: They took.
        cpu: Processor seconds of all its processes meanwhile.
        start: Seconds until the first evaluations were back, not counted above.
        remark: Such as the best size of a chunk.
    """

    evaluations: int
    seconds: float
    cpu: float
    start: float
    remark: str = ""

    @property
    def per_second(self) -> float:
        """Evaluations."""
        return self.evaluations / self.seconds

    @property
    def microseconds(self) -> float:
        """Of an evaluation."""
        return 1e6 * self.seconds / self.evaluations

    @property
    def cpu_microseconds(self) -> float:
        """Of the processor, for an evaluation."""
        return 1e6 * self.cpu / self.evaluations


def l2l_rate(workers: int, evaluations: int, folder: str, pinned: int | None = None, steady: bool = False) -> Rate:
    """An experiment with journal and archive, from the end of its first generation until its archive is verified."""
    instants: dict[str, tuple[float, float]] = {}

    def watch(progress: Progress) -> None:
        if progress.complete and progress.generation == 0:
            instants["begin"] = time.perf_counter(), cpu_seconds()
        elif progress.state == "finished":
            instants["end"] = time.perf_counter(), cpu_seconds()

    with cores(pinned), tempfile.TemporaryDirectory(dir=folder) as place:
        called = time.perf_counter()
        experiment = Experiment(
            Noop,
            {"name": "random", "population": POPULATION, "steady_state": steady},
            directory=Path(place) / "run",
            launcher={"name": "local", "workers": workers},
            stop={"individuals": evaluations + POPULATION},
        )
        trajectory = experiment.run(progress=watch)
    if len(trajectory.trials) != evaluations + POPULATION:
        raise RuntimeError(f"expected {evaluations + POPULATION} archived trials, got {len(trajectory.trials)}")
    (begin, cpu_begin), (end, cpu_end) = instants["begin"], instants["end"]
    return Rate(evaluations, end - begin, cpu_end - cpu_begin, begin - called)


def pool_rate(workers: int, evaluations: int, chunk: int, pinned: int | None = None) -> Rate:
    """`multiprocessing.Pool.imap_unordered` over points drawn before, results only counted."""
    drawn = points(evaluations)
    with cores(pinned):
        called = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            sum(1 for _ in pool.imap_unordered(noop, drawn[:1000], chunk))
            begin, cpu_begin = time.perf_counter(), cpu_seconds()
            count = sum(1 for _ in pool.imap_unordered(noop, drawn, chunk))
            end, cpu_end = time.perf_counter(), cpu_seconds()
    return Rate(count, end - begin, cpu_end - cpu_begin, begin - called, f"chunks of {chunk}")


def optuna_rate(evaluations: int, pinned: int | None = None) -> Rate:
    """Optuna's random sampler, study in memory, in this process."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with cores(pinned):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        begin, cpu_begin = time.perf_counter(), cpu_seconds()
        for _ in range(evaluations):
            trial = study.ask()
            study.tell(trial, noop({name: trial.suggest_float(name, -1.0, 1.0) for name in NAMES}))
        end, cpu_end = time.perf_counter(), cpu_seconds()
    return Rate(evaluations, end - begin, cpu_end - cpu_begin, 0.0)


def compare(evaluations: int, repeats: int, folder: str) -> list[dict[str, Rate]]:
    """All contenders in turn, several times, so that what else the machine does meets all of them.

    Args:
        evaluations: Of l2l; the pool gets twice as many, Optuna a fiftieth.
        repeats: Of which the median counts.
        folder: For runs.

    Returns:
        Groups of contender → its median rate, l2l first in each.
    """
    few = max(evaluations // 50, 100)
    groups: list[dict[str, Callable[[], Rate]]] = [
        {
            "l2l, 1 worker, all on one core": partial(fresh, l2l_rate, 1, evaluations, folder, 1),
            "Pool, 1 process, all on one core": partial(_best_pool, 1, 2 * evaluations, 1),
            "Optuna, on one core": partial(fresh, optuna_rate, few, 1),
        },
        {
            "l2l, 1 worker": partial(fresh, l2l_rate, 1, evaluations, folder),
            "Pool, 1 process": partial(_best_pool, 1, 2 * evaluations),
        },
        {
            "l2l, 2 workers": partial(fresh, l2l_rate, 2, evaluations, folder),
            "l2l, 2 workers, steady state": partial(fresh, l2l_rate, 2, evaluations // 4, folder, None, True),
            "Pool, 2 processes": partial(_best_pool, 2, 2 * evaluations),
        },
    ]
    found: list[dict[str, list[Rate]]] = [{name: [] for name in group} for group in groups]
    for _ in range(repeats):
        for group, rates in zip(groups, found, strict=True):
            for name, contender in group.items():
                rates[name].append(contender())
    return [{name: _middle(rates) for name, rates in group.items()} for group in found]


def _best_pool(workers: int, evaluations: int, pinned: int | None = None) -> Rate:
    rates = [
        fresh(pool_rate, workers, evaluations if chunk > 1 else evaluations // 10, chunk, pinned) for chunk in CHUNKS
    ]
    return max(rates, key=lambda rate: rate.per_second)


def _middle(rates: list[Rate]) -> Rate:
    """The one of median speed."""
    return sorted(rates, key=lambda rate: rate.microseconds)[(len(rates) - 1) // 2]
