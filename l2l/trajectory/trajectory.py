"""A run, for reading: its tables, its best individuals, its data frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.display.hints import typed
from l2l.errors import NotFoundError, near
from l2l.individual import Individual
from l2l.ranking import pareto_front, ranking
from l2l.schema import APPENDED, PENDING, height, side_by_side, taken
from l2l.space import ParameterSpace
from l2l.trajectory.snapshot import Snapshot
from l2l.trajectory.solution import Solution
from l2l.trajectory.table import Table, table_of
from l2l.values import Evaluation, Objective, Observable, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from l2l.plot import Plot

NO_BEST = "the optimizee declares no objectives, so that no individual is the best"
_SHOWN = 5
"""Individuals that a notebook shows of a run."""
_FEW = 200
"""Individuals that are read one by one rather than with all others."""
_SMALL = ("segments", "differences", "memos", "validation")


@dataclass(frozen=True, slots=True)
class Rerun:
    """An archived trial, run again.

    Args:
        evaluation: What it gave now.
        status: What is archived.
        fitness: What is archived, one number an objective; NaN where it failed.
        changed: What makes up the optimizee and is another now ("source my_model.py").
    """

    evaluation: Evaluation
    status: Status
    fitness: tuple[float, ...]
    changed: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether status and fitness are equal, bit for bit."""
        again = self.evaluation.fitness or (float("nan"),) * len(self.fitness)
        equal = np.array_equal(np.array(again), np.array(self.fitness), equal_nan=True)
        return self.evaluation.status == self.status and equal


class Trajectory:
    """A run as it stands at this instant, live, killed or finished; no file is kept open.

    Columns are read when they are first looked at. Neither simulator nor plugin is needed.

    Args:
        path: The run's folder, or its `trajectory.h5`.

    Raises:
        NotFoundError: There is no run.
        StorageError: The archive is damaged, and there is no journal that could stand in.

    Example:
        >>> trajectory = Trajectory("runs/brunel")
        >>> trajectory.best["eta"], trajectory.best.fitness
        >>> trajectory.to_pandas("individuals").nsmallest(10, "rate_error")
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._snapshot = Snapshot(self.path)
        layout, small = self._snapshot.layout, self._snapshot.fold.small
        last = small.last_segment
        self.space: ParameterSpace = layout.space
        self.objectives: tuple[Objective, ...] = layout.objectives
        self.observables: Mapping[str, Observable] = layout.observables
        self.experiment: str = last.get("experiment") or layout.run["experiment"]
        """The resolved experiment, YAML."""
        self.seed: int = layout.run["seed"]
        self.fingerprint: str = last.get("fingerprint") or layout.run["fingerprint"]
        self.fingerprints: list[str] = list(
            dict.fromkeys([one["fingerprint"] for one in small.segments.values() if one.get("fingerprint")])
        ) or [self.fingerprint]
        """Of all segments; several where changes were accepted."""
        self.parts: Mapping[str, str] = dict(last.get("parts") or {})
        """What was fingerprinted ("options", "source my_model.py") → its digest, as of the last segment."""
        self.aggregate_parts: Mapping[str, Any] = dict(last.get("aggregate") or {})
        """What a function of the experiment's own computes that makes one cost of several trials; empty for others."""
        self.texts: Mapping[str, str] = dict(last.get("texts") or {})
        """What the parts say, as of the last segment ("constant bowl.py:GAIN" → "GAIN = 2.0")."""
        self.notes: Sequence[str] = list(last.get("notes") or ())
        """What of the optimizee could not be followed when it was fingerprinted."""
        self.stochastic: bool = layout.run["stochastic"]
        self.steady_state: bool = layout.run["steady_state"]
        self.population: int = layout.run["population"]
        self.trials_per_individual: int = layout.run.get("trials", 1)
        self.finished: bool = small.finished
        self.reason: str = small.reason
        """Why the last segment stopped; "" while it runs, or where it was killed."""
        self.sources: Mapping[str, str] = {name: text for (_, name), text in small.sources().items()}
        """Text of the files that were fingerprinted, as of the last segment."""

    # --- tables --------------------------------------------------------------------------------------------------

    @cached_property
    def _tables(self) -> dict[str, Table]:
        snapshot = self._snapshot
        layout, hosts = snapshot.layout, list(snapshot.fold.hosts) or [""]
        tables: dict[str, Table] = {}
        for name in APPENDED:
            columns = {column: layout.column(name, column) for column in snapshot.columns(name)}

            def read(column: str, name: str = name) -> Any:
                return snapshot.read(name, column)

            tables[name] = Table(name, columns, snapshot.height(name), read, {"host": hosts})
        small = snapshot.small()
        for name in _SMALL:
            tables[name] = table_of(name, layout.tables[name], small.get(name, {}), hosts)
        return tables

    @property
    def generations(self) -> Table:
        """first, count, started, finished, best/<objective>, optimizer/<reported value>."""
        return self._tables["generations"]

    @property
    def individuals(self) -> Table:
        """Those of complete generations, as told: parameters/<name>, fitness/<objective>, status, …."""
        return self._tables["individuals"]

    @property
    def trials(self) -> Table:
        """Those of complete generations: individual, number, seed, status, fitness/<objective>, …."""
        return self._tables["trials"]

    @property
    def failures(self) -> Table:
        """Attempts that failed, repeated ones included: trial (a row of `trials`), status, message, traceback."""
        return self._tables["failures"]

    @property
    def segments(self) -> Table:
        """A row per process lifetime of the run: host, versions, commit, why it stopped."""
        return self._tables["segments"]

    @property
    def differences(self) -> Table:
        """Where a resumed optimizer asked for others than archived."""
        return self._tables["differences"]

    @property
    def memos(self) -> Table:
        """Runs from which results were taken."""
        return self._tables["memos"]

    @property
    def validation(self) -> Table:
        """Fresh trials of the winners."""
        return self._tables["validation"]

    @cached_property
    def unfinished(self) -> Table:
        """Trials that are over, of individuals whose generation is not."""
        rows = self._snapshot.pending().get("trials", {})
        return table_of("trials", self._snapshot.layout.tables["trials"], rows, list(self._snapshot.fold.hosts))

    @cached_property
    def pending(self) -> Mapping[str, int]:
        """Of the generation that is open: how many `individuals` were asked, how many `trials` are over."""
        found = self._snapshot.pending()
        return {table: height(found.get(table, {})) for table in (name.rpartition("/")[2] for name in PENDING)}

    def table(self, name: str) -> Table:
        """A table by name.

        Raises:
            NotFoundError: There is none of that name; lists the near ones.
        """
        if name not in self._tables:
            raise NotFoundError(near(name, self._tables, "table"))
        return self._tables[name]

    # --- the best ------------------------------------------------------------------------------------------------

    @cached_property
    def costs(self) -> NDArray[np.float64]:
        """(n, m) of the individuals, lower is better, +inf where a trial failed; (n, 0) without objectives."""
        columns = [self.individuals[f"fitness/{one.name}"] * one.sign for one in self.objectives]
        costs = side_by_side(columns, len(self.individuals))
        return np.where(np.isnan(costs), np.inf, costs)

    @property
    def succeeded(self) -> bool:
        """Whether some individual has a fitness; without objectives, whether all trials of some succeeded."""
        fine = np.isfinite(self.costs).all(axis=1) & (self.individuals["status"] == Status.OK)
        return bool(fine.any())

    @property
    def best(self) -> Any:
        """The best individual, a `Solution`; the Pareto front, a list of them, for several objectives.

        Raises:
            NotFoundError: No individual has a fitness yet.
        """
        return self.front if len(self.objectives) > 1 else self._some(self.ranked(1))[0]

    @property
    def front(self) -> list[Solution]:
        """The individuals that no other dominates, in the order of the first objective; different ones only.

        Raises:
            NotFoundError: No individual has a fitness yet.
        """
        return self._some(self._solutions(self.front_rows))

    @cached_property
    def front_rows(self) -> NDArray[np.int64]:
        """The rows of `individuals` that make up the front; none where no individual has a fitness."""
        return pareto_front(self._first_costs()) if self.objectives else np.empty(0, dtype=np.int64)

    def ranked(self, n: int = 10) -> list[Solution]:
        """The n best different individuals.

        Several objectives are weighed where the experiment has weights, else they rank front by front.
        """
        return self._solutions(ranking(_weighed(self._first_costs(), self._weights), n)) if self.objectives else []

    @property
    def best_cost(self) -> float:
        """The lowest cost, weighed where there are weights; +inf for several objectives, or where there is none."""
        return float(self._running_best()[-1]) if len(self.generations) else float("inf")

    @property
    def stagnant(self) -> int:
        """Generations since the lowest cost became lower."""
        best = self._running_best()
        improved = np.flatnonzero(best < np.concatenate([[np.inf], best])[:-1])
        return len(best) - (int(improved[-1]) + 1 if len(improved) else 0)

    def solution(self, row: int) -> Solution:
        """The individual in a row of `individuals`."""
        return self._solutions(np.array([range(len(self.individuals))[row]]))[0]

    def _solutions(self, rows: NDArray[np.int64]) -> list[Solution]:
        if not len(rows):
            return []
        names = list(self.individuals)
        places = np.unique(rows)
        read = self._snapshot.entries("individuals", names, places) if len(places) <= _FEW else None
        found: Mapping[str, Any] = taken(read, np.searchsorted(places, rows)) if read else taken(self.individuals, rows)
        individuals = self.space.from_columns({name: found[f"parameters/{name}"] for name in self.space.names})
        return [self._solution(one, {name: found[name][k] for name in names}) for k, one in enumerate(individuals)]

    def _solution(self, individual: Individual, row: Mapping[str, Any]) -> Solution:
        number, same = int(row["number"]), int(row["same_as"])
        simulated = number if same < 0 else same
        return Solution(
            individual,
            number=number,
            generation=int(row["generation"]),
            fitness=self._values("fitness", row),
            spread=self._values("spread", row),
            status=Status(int(row["status"])),
            trials=self.trials.where(lambda: self.trials["individual"] == simulated),
        )

    def individual(self, number: int) -> Solution:
        """The individual of that number.

        Raises:
            NotFoundError: There is none in a complete generation.
        """
        rows = np.flatnonzero(self.individuals["number"] == number)
        if not len(rows):
            raise NotFoundError(
                f"{self.path}: no individual {number}; there are {len(self.individuals)} in complete generations"
            )
        return self.solution(int(rows[0]))

    def keys(self) -> dict[int, bytes]:
        """Number of each individual → 16 bytes that name its content."""
        individuals = self.individuals
        if not len(individuals):
            return {}
        columns = {name: individuals[f"parameters/{name}"] for name in self.space.names}
        keys = self.space.from_columns(columns).keys
        return dict(zip(individuals["number"].tolist(), keys, strict=True))

    def check(self) -> None:
        """See that every archived column is what was written; else each is checked when it is first looked at.

        Raises:
            StorageError: One is not.
        """
        self._snapshot.check()

    def records(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What the journal said of the run and its process lifetimes, of memos, differences and the validation."""
        return list(self._snapshot.fold.small.records())

    def failure_messages(self) -> dict[int, tuple[str, str]]:
        """Row of `trials` → message and traceback of its last attempt."""
        failures = self.failures
        texts = zip(failures["message"], failures["traceback"], strict=True)
        return {row: text for row, text in zip(failures["trial"].tolist(), texts, strict=True) if row >= 0}

    def _first_costs(self) -> NDArray[np.float64]:
        """Costs, +inf for individuals that are equal to an earlier one."""
        return np.where(self.individuals["same_as"][:, None] < 0, self.costs, np.inf)

    def _values(self, prefix: str, row: Mapping[str, Any]) -> Any:
        found = {one.name: float(row[f"{prefix}/{one.name}"]) for one in self.objectives}
        return next(iter(found.values())) if len(found) == 1 else found

    def _some(self, solutions: list[Solution]) -> list[Solution]:
        if not self.objectives:
            raise NotFoundError(f"{self.path}: {NO_BEST}")
        if not solutions:
            n = len(self.individuals)
            why = (
                f"all {n} individuals failed: l2l show {typed(self.path)} --failures"
                if n
                else "no generation is complete yet"
            )
            raise NotFoundError(f"{self.path}: no individual has a fitness; {why}")
        return solutions

    @cached_property
    def _weights(self) -> list[float] | None:
        from l2l import document

        said = document.parse(self.experiment, self.path / "experiment.yaml").data if self.experiment else None
        weights = said.get("weights") if isinstance(said, Mapping) else None
        if isinstance(weights, Mapping):
            return [float(weights[one.name]) for one in self.objectives]
        return [float(weight) for weight in weights] if weights else None

    def _running_best(self) -> NDArray[np.float64]:
        """(generations,) the lowest cost so far."""
        costs = _weighed(self.costs, self._weights)
        n = len(self.generations)
        if costs.shape[1] != 1 or not n:
            return np.full(n, np.inf)
        return np.minimum.accumulate(np.minimum.reduceat(costs[:, 0], self.generations["first"]))

    # --- other forms ---------------------------------------------------------------------------------------------

    def to_pandas(self, table: str | Table = "individuals") -> "pd.DataFrame":
        """A table as a data frame, with bare names; the index is the individual's number (and the trial's).

        Columns of parameters, objectives and observables lose their prefix, except where two would then be called the
        same. Arrays become a column a component, `weights[0]`; statuses and categories their names.

        Raises:
            NotFoundError: There is no such table.
            MissingPart: pandas is not installed.
        """
        from l2l.trajectory.frames import to_pandas

        return to_pandas(self.table(table) if isinstance(table, str) else table, self.space)

    def to_xarray(self, level: int | None = None) -> "xr.Dataset":
        """A grid or a refined scan with the parameters that vary as axes; observables have a further axis `trial`.

        A point at which a parameter has no effect stands at every place along its axis; `active/<name>` says where the
        parameter has one. A refined scan is laid out on the lattice of a level: 0 is the finest lattice of which every
        point is known, each further level halves its cells. A place that was not asked has the results of the nearest
        place of a coarser lattice at or below it: `filled` says so, and `level` from which level they are.

        Args:
            level: Of a refined scan; the finest unless given.

        Raises:
            OptionError: The individuals form no grid and no refined scan, or there is no such level.
            MissingPart: xarray is not installed.
        """
        from l2l.trajectory.grids import to_xarray

        return to_xarray(self, level)

    def aggregate(
        self,
        values: Sequence[str] | str | None = None,
        *,
        by: Sequence[str] | str | None = None,
        statistics: Sequence[str | float] | str | float = ("mean", "error"),
    ) -> Table:
        """Statistics of objectives and observables over the trials that succeeded, a row per individual or group.

        Args:
            values: Names; all objectives and observables of a fixed shape unless given.
            by: Parameters that tell groups apart, so that the statistics are over all others (a marginal); none of
                them, `()`, for one group of all. Unless given, each different individual is a group.
            statistics: "mean", "error" (standard error of the mean), "deviation", "minimum", "median", "maximum", or
                a number from 0 to 1 for that quantile.

        Returns:
            A table with `parameters/<name>`, `individuals` (how many, where there is a `by`) or `number`, `trials` and
            `failed`, and a column `<value>/<statistic>` each, a quantile as `rate/q0.05`. A parameter is NaN where it
            has no effect; a statistic is NaN where no trial succeeded.

        Raises:
            NotFoundError: There is no objective, observable or parameter of that name; lists the near ones.
            OptionError: A statistic is unknown, or something of another shape is wanted.

        Example:
            >>> trajectory.aggregate("rate", by=["g", "eta"], statistics=["mean", 0.05, 0.95])
        """
        from l2l.trajectory.aggregates import aggregate

        return aggregate(self, values, by, statistics)

    def means(self, name: str) -> NDArray[np.float64]:
        """(n,) of the individuals: an objective, or the mean of a scalar observable over the trials that succeeded.

        NaN where no trial succeeded.

        Args:
            name: Of the objective or observable.

        Raises:
            NotFoundError: There is none of that name.
        """
        from l2l.trajectory.aggregates import means_of_individuals

        return means_of_individuals(self, name)

    @property
    def plot(self) -> "Plot":
        """Figures of the run, one method per kind: `trajectory.plot.convergence()`.

        Raises:
            MissingPart: From its methods, where matplotlib is not installed.
        """
        from l2l.plot import Plot

        return Plot(self)

    def rerun(self, individual: int, trial: int = 0) -> Rerun:
        """An archived trial again, in this process and with nothing hidden.

        Args:
            individual: Its number.
            trial: Which repetition.

        Raises:
            NotFoundError: There is no such trial, or the optimizee's code is not found.
        """
        from l2l.trajectory.again import rerun

        return rerun(self, individual, trial)

    def _repr_html_(self) -> str:
        """As notebooks show it: where it stands, and the best individuals."""
        from l2l.display.markup import heading, table

        names = [one.name for one in self.objectives]
        titles = [f"{one.name} [{one.unit}]" if one.unit else one.name for one in self.objectives]
        parameters = [f"{name} [{one.unit}]" if one.unit else name for name, one in self.space.parameters.items()]
        rows: list[list[Any]] = []
        for one in self.ranked(_SHOWN):
            fitness = one.fitness if isinstance(one.fitness, Mapping) else {names[0]: one.fitness}
            values = ["inactive" if name in one.inactive else one[name] for name in self.space.names]
            rows.append([one.number, one.generation, *fitness.values(), *values])
        said = heading(repr(self).partition("\n")[0].removeprefix("Trajectory(").removesuffix(")"))
        if not self.objectives:
            return said + heading(NO_BEST)
        if not rows:
            return said + heading("no individual has a fitness yet")
        what = "the best individuals" if len(names) == 1 else f"of the {len(self.front)} individuals on the front"
        return said + heading(what) + table(["individual", "generation", *titles, *parameters], rows)

    def __repr__(self) -> str:
        state = "finished" if self.finished else self.reason or "running or killed"
        return (
            f"Trajectory({str(self.path)!r}: {len(self.generations)} generations, {len(self.individuals)} individuals, "
            f"{len(self.trials)} trials, {state})"
        )


def _weighed(costs: NDArray[np.float64], weights: list[float] | None) -> NDArray[np.float64]:
    if weights is None or costs.shape[1] == 1:
        return costs
    finite = np.asarray(np.isfinite(costs).all(axis=1))
    return np.where(finite, (np.where(finite[:, None], costs, 0.0) * weights).sum(axis=1), np.inf)[:, None]
