"""Runs on COCO's BBOB suite: when each reached which target, kept in a folder so that a benchmark can be continued.

The suite: Hansen et al., Optimization Methods and Software 36 (2021), 114-144, doi:10.1080/10556788.2020.1808977.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TARGETS = np.array([10.0 ** (2 - 0.2 * place) for place in range(51)])
"""Above the optimum, log-spaced, largest first."""
SEVEN = tuple(int(np.argmin(abs(np.log10(TARGETS) - power))) for power in (1, 0, -1, -2, -4, -6, -8))
"""The places of 10, 1, 0.1, 0.01, 1e-4, 1e-6 and 1e-8 among them."""
LOW, HIGH = -5.0, 5.0
"""The bounds of each coordinate."""


class Enough(Exception):
    """The evaluations are used up, or the last target is reached."""


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """One problem, and what may be spent on it.

    Args:
        function: 1 to 24.
        dimension: Of the search space.
        instance: Of the function: another shift and rotation each.
        budget: Evaluations a dimension.
    """

    function: int
    dimension: int
    instance: int
    budget: int


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a task.

    Args:
        task: The problem.
        evaluations: That were used.
        hits: (51,) evaluations after which each target was reached; 0 where it was not.
        seconds: It took.
    """

    task: Task
    evaluations: int
    hits: tuple[int, ...]
    seconds: float

    def times(self, budget: int) -> Floats:
        """(51,) evaluations to each target, inf where it was not reached with so many evaluations a dimension."""
        hits = np.array(self.hits, dtype=np.float64)
        return np.where((hits > 0) & (hits <= budget * self.task.dimension), hits, np.inf)

    def spent(self, budget: int) -> int:
        """Evaluations a run would have used that had stopped at so many a dimension."""
        return min(self.evaluations, budget * self.task.dimension)


class Problem:
    """A function that counts its evaluations and notes when targets are reached.

    Args:
        task: Says how many evaluations of how many coordinates there are.
        function: Points (n, d) → values (n,).
        optimum: Its least value.

    Raises:
        Enough: From an evaluation, when there is no more to be done.
    """

    def __init__(self, task: Task, function: Callable[[Floats], Any], optimum: float) -> None:
        self.task = task
        self.dimension = task.dimension
        self.budget = task.budget * task.dimension
        self.evaluations = 0
        self._function = function
        self._thresholds = optimum + TARGETS
        self._hits = np.zeros(len(TARGETS), dtype=np.int64)
        self._reached = 0

    @classmethod
    def of_bbob(cls, task: Task) -> "Problem":
        """The one of the suite that the task names."""
        import cocoex

        function = cocoex.BareProblem("bbob", task.function, task.dimension, task.instance)
        return cls(task, function, function.best_value())

    def __call__(self, x: Any) -> float:
        """The value at one point (d,)."""
        return float(self.many(np.asarray(x, dtype=np.float64)[None])[0])

    def many(self, points: Floats) -> Floats:
        """The values (n,) at points (n, d); where the evaluations run out within them, it is enough after the last."""
        costs = np.asarray(self._function(np.ascontiguousarray(points[: self.budget - self.evaluations])))
        for cost in costs.tolist():
            self.evaluations += 1
            while self._reached < len(TARGETS) and cost <= self._thresholds[self._reached]:
                self._hits[self._reached] = self.evaluations
                self._reached += 1
            if self._reached == len(TARGETS):
                raise Enough
        if self.evaluations >= self.budget:
            raise Enough
        return costs

    def run(self, seconds: float) -> Run:
        """What was noted."""
        return Run(self.task, self.evaluations, tuple(self._hits.tolist()), seconds)


class Results:
    """Runs by contender in a folder: a file of JSON lines each, and the versions that produced them.

    Args:
        folder: Made if it does not exist.
        versions: Of the libraries in use.

    Raises:
        ValueError: The folder holds results of other versions.
    """

    def __init__(self, folder: Path, versions: Mapping[str, str]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        noted = folder / "versions.json"
        earlier = json.loads(noted.read_text()) if noted.exists() else {}
        other = [f"{name} {earlier[name]}" for name in earlier if versions.get(name, earlier[name]) != earlier[name]]
        if other:
            raise ValueError(f"{folder} holds results of {', '.join(other)}, other than installed: take another folder")
        self.versions = {**earlier, **versions}
        noted.write_text(json.dumps(self.versions, indent=1) + "\n")

    def add(self, name: str, runs: Iterable[Run]) -> None:
        """Keep the runs of a contender."""
        lines = "".join(json.dumps({**asdict(run.task), **_rest(run)}) + "\n" for run in runs)
        with self._file(name).open("a") as file:
            file.write(lines)

    def of(self, name: str) -> dict[Task, Run]:
        """All runs of a contender."""
        path = self._file(name)
        if not path.exists():
            return {}
        return {run.task: run for run in map(_parsed, path.read_text().splitlines())}

    def _file(self, name: str) -> Path:
        return self.folder / f"{name.replace(os.sep, '_')}.jsonl"


def _rest(run: Run) -> dict[str, Any]:
    return {"evaluations": run.evaluations, "seconds": round(run.seconds, 4), "hits": run.hits}


def _parsed(line: str) -> Run:
    row = json.loads(line)
    task = Task(*(row[name] for name in ("function", "dimension", "instance", "budget")))
    return Run(task, row["evaluations"], tuple(row["hits"]), row["seconds"])


class Table:
    """The runs of one contender on some problems, as arrays.

    Args:
        runs: At least one.
        budget: Evaluations a dimension at which all of them are cut.
    """

    def __init__(self, runs: Iterable[Run], budget: int) -> None:
        ordered = sorted(runs, key=lambda run: run.task)
        self.budget = budget
        self.problems = np.array([(run.task.function, run.task.dimension) for run in ordered])
        self.times = np.array([run.times(budget) for run in ordered])
        self.spent = np.array([run.spent(budget) for run in ordered])
        self.dimensions = self.problems[:, 1]

    def share(self, budget: int, targets: Iterable[int] = SEVEN, dimension: int | None = None) -> float:
        """Share of the targets that were reached with so many evaluations a dimension, on one dimension or on all."""
        times = self.times[:, list(targets)] <= budget * self.dimensions[:, None]
        return float((times if dimension is None else times[self.dimensions == dimension]).mean())

    @cached_property
    def expected(self) -> dict[tuple[int, int], Floats]:
        """(function, dimension) → (51,) expected running time: all evaluations a success; inf without one."""
        found = {}
        for function, dimension in np.unique(self.problems, axis=0).tolist():
            here = (self.problems == (function, dimension)).all(axis=1)
            times = self.times[here]
            reached = np.isfinite(times)
            spent = np.where(reached, times, self.spent[here][:, None]).sum(axis=0)
            with np.errstate(divide="ignore"):
                found[function, dimension] = spent / reached.sum(axis=0)
        return found
