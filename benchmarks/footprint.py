"""What l2l costs before and beside the evaluations: the time of its import, the memory of the leader."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fresh import peak, resident
from models import Noop

from l2l import Experiment, Progress

UNWANTED = frozenset(
    {"arbor", "gymnasium", "jpype", "nest", "neuron", "tvb"}
    | {"cma", "cmaes", "deap", "optuna"}
    | {"mpi4py"}
    | {"h5py", "pandas", "rich", "scipy", "xarray"}
)
"""Simulators, libraries of optimizers, MPI, and other heavy parts that nobody has used yet after an import."""

_PROGRAM = """
import json, sys, time
begin = time.perf_counter()
import l2l
first = time.perf_counter()
for name in l2l.__all__:
    getattr(l2l, name)
every = time.perf_counter()
print(json.dumps([first - begin, every - begin, sorted(name for name in sys.modules if "." not in name)]))
"""


@dataclass(frozen=True, slots=True)
class Import:
    """What importing costs.

    Args:
        seconds: Of `import l2l`, the least of several.
        everything: Of all names that it offers, the least of several.
        unwanted: Parts that it brought and should not have.
    """

    seconds: float
    everything: float
    unwanted: list[str]


def imports(repeats: int) -> Import:
    """Import l2l in fresh processes."""
    firsts, everys, found = [], [], set[str]()
    for _ in range(repeats):
        said = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True).stdout
        first, every, modules = json.loads(said)
        firsts.append(first)
        everys.append(every)
        found.update(modules)
    return Import(min(firsts), min(everys), sorted(found & UNWANTED))


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a leader, in bytes an individual.

    Args:
        growth: From the tenth generation to the last.
        peak: The high-water mark over that, the verification of the archive and its reading included.
    """

    growth: float
    peak: float


def many_generations(individuals: int, folder: str) -> Memory:
    """The leader of a run of generations of 1,000."""
    sizes: list[int] = []

    def watch(progress: Progress) -> None:
        if progress.complete:
            sizes.append(resident())

    _run(individuals, 1000, folder, watch)
    start = min(10, len(sizes) // 2)
    counted = individuals - 1000 * start
    return Memory((sizes[-1] - sizes[start]) / counted, (peak() - sizes[start]) / counted)


def one_generation(individuals: int, folder: str) -> float:
    """The high-water mark of the leader of one large generation, over that before it was asked; bytes an individual."""
    before: list[int] = []

    def watch(progress: Progress) -> None:
        if progress.state == "running" and not before:
            before.append(resident())

    _run(individuals, individuals, folder, watch)
    return (peak() - before[0]) / individuals


def _run(individuals: int, population: int, folder: str, watch: Callable[[Progress], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        Experiment(
            Noop,
            {"name": "random", "population": population},
            directory=Path(place) / "run",
            launcher={"name": "local", "workers": 1},
            stop={"individuals": individuals},
        ).run(progress=watch)
