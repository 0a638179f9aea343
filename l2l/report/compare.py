"""Several runs beside each other: what differs, how they converged, how good they became, and what chance explains.

The tests are of ranks, since fitness is rarely normal: H. B. Mann, D. R. Whitney (1947), On a test of whether one of
two random variables is stochastically larger than the other, doi:10.1214/aoms/1177730491, with the effect size of
A. Vargha, H. D. Delaney (2000), doi:10.3102/10769986025002101; for more than two groups W. H. Kruskal, W. A. Wallis
(1952), doi:10.1080/01621459.1952.10483441, with the effect size epsilon squared, and S. Holm (1979), A simple
sequentially rejective multiple test procedure, for the pairs.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import NotFoundError, OptionError
from l2l.report.settings import ELSEWHERE, SEED, name_of_group, settings_of, text_of_setting
from l2l.trajectory import Trajectory

Floats = NDArray[np.float64]

_POINTS = 400  # of a line over individuals
_FRONTS = 40  # points at which the quality of a front is computed


@dataclass(frozen=True, eq=False)
class Run:
    """One run, and how good its best was as individuals were tested.

    Args:
        trajectory: The run.
        name: Of its folder, as short as tells the runs apart.
        settings: Dotted key → value.
        at: (k,) numbers of individuals tested, ascending.
        best: (k,) the best so far then; NaN until one succeeded.
    """

    trajectory: Trajectory
    name: str
    settings: Mapping[str, Any]
    at: Floats
    best: Floats

    @property
    def individuals(self) -> int:
        """How many were tested."""
        return len(self.trajectory.individuals)

    def quality(self, at: int | None = None) -> float:
        """The best so far after a number of individuals, at the end unless given; NaN where none succeeded."""
        place = len(self.at) if at is None else int(np.searchsorted(self.at, at, side="right"))
        return float(self.best[place - 1]) if place else math.nan


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ in nothing but the seed.

    Args:
        name: What tells it from the other groups.
        runs: In the order given.
        values: (n,) quality of each run that found anything.
        failed: How many found nothing.
    """

    name: str
    runs: tuple[Run, ...]
    values: Floats
    failed: int

    @property
    def median(self) -> float:
        """Of the values."""
        return float(np.median(self.values)) if len(self.values) else math.nan

    def band(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Numbers of individuals, and lower quartile, median and upper quartile over the runs then.

        A run that finished keeps its best; one that did not says nothing of what would have followed.
        """
        longest = max((run.individuals for run in self.runs), default=0)
        known = [run.individuals for run in self.runs if not run.trajectory.finished]
        last = min([longest, *known])
        at = np.unique(np.concatenate([run.at for run in self.runs] or [np.empty(0)]))
        at = at[at <= last]
        if len(at) > _POINTS:
            at = at[np.unique(np.linspace(0, len(at) - 1, _POINTS).round().astype(int))]
        values = np.array([[run.quality(int(one)) for one in at] for run in self.runs]).reshape(len(self.runs), len(at))
        there = np.isfinite(values).all(axis=0)  # a median over fewer runs would jump as they join
        low, median, high = np.quantile(values[:, there], (0.25, 0.5, 0.75), axis=0)
        return at[there], low, median, high


@dataclass(frozen=True)
class Pair:
    """Two groups, tested.

    Args:
        one: Its name.
        other: Likewise.
        sizes: How many runs of each counted.
        statistic: U of the first group.
        p: Two-sided, corrected where there are several pairs.
        better: How often a run of the first group is better than one of the second (Vargha and Delaney's A).
        least: The smallest p that groups of these sizes can give.
    """

    one: str
    other: str
    sizes: tuple[int, int]
    statistic: float
    p: float
    better: float
    least: float


@dataclass(frozen=True)
class Overall:
    """All groups, tested at once.

    Args:
        sizes: How many runs of each counted.
        statistic: H of Kruskal and Wallis.
        p: Its p.
        effect: Epsilon squared, from 0 to 1.
    """

    sizes: tuple[int, ...]
    statistic: float
    p: float
    effect: float


class Comparison:
    """Runs beside each other; see `compare`."""

    def __init__(self, runs: Sequence[Run], measure: str, unit: str, maximize: bool, at: int | None) -> None:
        self.runs = tuple(runs)
        self.measure = measure
        """What the quality is: the objective, or the hypervolume of the front."""
        self.unit = unit
        self.maximize = maximize
        self.at = at

    @property
    def axis(self) -> str:
        """The measure with its unit, for an axis."""
        return f"{self.measure} ({self.unit})" if self.unit else self.measure

    @cached_property
    def differences(self) -> dict[str, list[Any]]:
        """Setting → its value in each run, of those that are not the same in all; the seed is left out."""
        keys = dict.fromkeys(key for run in self.runs for key in run.settings)
        values = {key: [run.settings.get(key) for run in self.runs] for key in keys if key != SEED}
        return {key: row for key, row in values.items() if len({text_of_setting(one) for one in row}) > 1}

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The runs by what they differ in beside the seed, in the order given."""
        deciding = [key for key in self.differences if key.partition(".")[0] not in ELSEWHERE]
        found: dict[str, list[int]] = {}
        for place in range(len(self.runs)):
            found.setdefault(
                json.dumps([text_of_setting(self.differences[key][place]) for key in deciding]), []
            ).append(place)
        named = [key for key in deciding if key != "code" or len(deciding) == 1]
        names = [name_of_group(named, [self.differences[key][places[0]] for key in named]) for places in found.values()]
        groups = []
        for place, (name, places) in enumerate(zip(names, found.values(), strict=True)):
            runs = tuple(self.runs[one] for one in places)
            values = np.array([run.quality(self.at) for run in runs])
            valid = values[np.isfinite(values)]
            again = f" ({place + 1})" if names.count(name) > 1 else ""
            groups.append(Group((name or runs[0].name) + again, runs, valid, len(values) - len(valid)))
        return tuple(groups)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs of groups by Mann and Whitney's U; none where a group has fewer than two values."""
        from scipy.stats import mannwhitneyu

        if any(len(group.values) < 2 for group in self.groups):
            return ()
        found = []
        for one, other in combinations(self.groups, 2):
            done = mannwhitneyu(one.values, other.values, alternative="two-sided")
            n, m = len(one.values), len(other.values)
            above = float(done.statistic) / (n * m)
            least = min(1.0, 2.0 / math.comb(n + m, n))
            found.append((one, other, float(done.statistic), float(done.pvalue), above, least))
        corrected = _holm([one[3] for one in found])
        return tuple(
            Pair(
                one.name, other.name, (len(one.values), len(other.values)), statistic, p,
                above if self.maximize else 1.0 - above, least,
            )
            for (one, other, statistic, _, above, least), p in zip(found, corrected, strict=True)
        )  # fmt: skip

    @cached_property
    def overall(self) -> Overall | None:
        """All groups at once by Kruskal and Wallis; None for fewer than three, or where a group has too few values."""
        from scipy.stats import kruskal

        values = [group.values for group in self.groups]
        if len(values) < 3 or any(len(one) < 2 for one in values):
            return None
        sizes = tuple(map(len, values))
        together = np.concatenate(values)
        if np.ptp(together) == 0:
            return Overall(sizes, 0.0, 1.0, 0.0)
        done = kruskal(*values)
        return Overall(sizes, float(done.statistic), float(done.pvalue), float(done.statistic) / (len(together) - 1))

    def remarks(self) -> list[str]:
        """What a reader must know before the numbers are believed, as sentences."""
        said = []
        tested = [run.individuals for run in self.runs]
        if self.at is None and min(tested) != max(tested):
            said.append(
                f"The runs tested {min(tested):,} to {max(tested):,} individuals; compare them after equally many "
                f"with --at {max(1, min(tested))}."
            )
        if self.at is not None and min(tested) < self.at:
            few = sum(one < self.at for one in tested)
            said.append(
                f"{few} of {len(tested)} runs tested fewer than {self.at:,} individuals; their last best counts."
            )
        lost = sum(group.failed for group in self.groups)
        if lost:
            said.append(f"{lost} of {len(self.runs)} runs found nothing that succeeded, and stand in no test.")
        running = [run.name for run in self.runs if not run.trajectory.finished]
        if running:
            said.append(f"Not finished: {', '.join(running[:6])}{' and others' if len(running) > 6 else ''}.")
        if len(self.groups) > 1 and not self.pairs:
            said.append(
                "No test: each group needs at least two runs with different seeds, l2l run --repeats N makes them."
            )
        if self.pairs and max(pair.least for pair in self.pairs) > 0.05:
            said.append(
                "With so few runs per group no difference can become significant at 0.05; repeat them more often."
            )
        return said

    # --- tables ----------------------------------------------------------------------------------------------------

    def table(self, repeats: bool = False) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows: a row per run, or per group of repeated runs.

        Args:
            repeats: Whether runs that differ only in the seed stand in one row.
        """
        if repeats:
            columns = ["group", "runs", f"median {self.axis}", "lower quartile", "upper quartile", "best", "worst",
                       "individuals", "core hours"]  # fmt: skip
            return columns, [_row_of_group(group, self.maximize) for group in self.groups]
        keys = list(self.differences)
        columns = ["run", self.axis, "seed", "individuals", "trials", "failed", "core hours", *keys]
        rows = []
        for place, run in enumerate(self.runs):
            trials = run.trajectory.trials
            failed = int((np.asarray(trials["status"]) != 0).sum()) if len(trials) else 0
            row = [run.name, run.quality(self.at), run.trajectory.seed, run.individuals, len(trials), failed]
            row += [_core_hours(run.trajectory), *(text_of_setting(self.differences[key][place]) for key in keys)]
            rows.append(row)
        return columns, rows

    def statistics(self) -> list[str]:
        """The tests, as sentences."""
        said = []
        if self.overall is not None:
            sizes = ", ".join(map(str, self.overall.sizes))
            said.append(
                f"Kruskal-Wallis over {len(self.groups)} groups (n = {sizes}): H = {self.overall.statistic:.4g}, "
                f"p = {self.overall.p:.3g}, epsilon² = {self.overall.effect:.3g}."
            )
        holm = ", corrected by Holm" if len(self.pairs) > 1 else ""
        for pair in self.pairs:
            names, often = (pair.one, pair.other), pair.better
            if often < 0.5:
                names, often = (pair.other, pair.one), 1.0 - often
            said.append(
                f"{names[0]} is better than {names[1]} in {100 * often:.3g} % of pairs of runs: Mann-Whitney "
                f"U = {pair.statistic:g}, n = {pair.sizes[0]} and {pair.sizes[1]}, p = {pair.p:.3g}{holm}."
            )
        return said

    def write(self, path: str | Path) -> Path:
        """Write the comparison as a page (.html) or a figure (.png, .pdf, .svg).

        Raises:
            OptionError: The name ends otherwise.
            MissingPart: plotly or matplotlib is not installed.
            StorageError: It cannot be written.
        """
        from l2l.report import side_by_side

        path = Path(path)
        if path.suffix.lower() in (".html", ".htm"):
            return side_by_side.write_page(self, path)
        if path.suffix.lower() in (".png", ".pdf", ".svg"):
            return side_by_side.write_figure(self, path)
        raise OptionError(
            f"{path}: expected a name that ends in .html, .png, .pdf or .svg, got {path.suffix or 'no ending'!r}"
        )

    def __repr__(self) -> str:
        return f"Comparison({len(self.runs)} runs in {len(self.groups)} groups: {self.axis})"


def compare(runs: Sequence[Trajectory | str | Path], at: int | None = None) -> Comparison:
    """Put runs beside each other.

    Args:
        runs: Trajectories, or folders of runs; at least two.
        at: After how many individuals their quality counts; at the end of each run unless given.

    Raises:
        OptionError: They are fewer than two, or have different objectives.
        NotFoundError: A folder is no run, or no generation of any run is complete.

    Example:
        >>> comparison = compare(["runs/cma/000", "runs/cma/001", "runs/ga/000", "runs/ga/001"])
        >>> comparison.pairs[0].p, comparison.groups[0].median
    """
    trajectories = [one if isinstance(one, Trajectory) else Trajectory(one) for one in runs]
    if len(trajectories) < 2:
        raise OptionError(f"compare: expected at least two runs, got {len(trajectories)}")
    if at is not None and at < 1:
        raise OptionError(f"compare: at: expected a number of individuals from 1, got {at}")
    _need_same_objectives(trajectories)
    if not any(len(one.individuals) for one in trajectories):
        raise NotFoundError("compare: no generation of these runs is complete yet; try again later")
    first = trajectories[0].objectives
    names = _names([one.path.parent if one.path.name == "trajectory.h5" else one.path for one in trajectories])
    if len(first) == 1:
        measure, unit, maximize = first[0].name, first[0].unit, first[0].maximize
        series = [_best_so_far(one) for one in trajectories]
    else:
        measure, unit, maximize = "hypervolume of the front", "", True
        series = _hypervolumes(trajectories)
    made = [
        Run(one, name, settings_of(one), *line) for one, name, line in zip(trajectories, names, series, strict=True)
    ]
    return Comparison(made, measure, unit, maximize, at)


def _need_same_objectives(trajectories: Sequence[Trajectory]) -> None:
    first = [(one.name, one.maximize) for one in trajectories[0].objectives]
    for one in trajectories:
        if not one.objectives:
            raise OptionError(f"compare: {one.path} has no objectives, so that no run is better than another")
    for other in trajectories[1:]:
        if [(one.name, one.maximize) for one in other.objectives] != first:
            raise OptionError(
                f"compare: expected runs of the same objectives; {trajectories[0].path} has "
                f"{', '.join(one.name for one in trajectories[0].objectives)}, and {other.path} has "
                f"{', '.join(one.name for one in other.objectives)}"
            )


def _names(folders: Sequence[Path]) -> list[str]:
    """The ends of paths, as long as tells them apart."""
    parts = [folder.absolute().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [str(folder) for folder in folders]


def _best_so_far(trajectory: Trajectory) -> tuple[Floats, Floats]:
    """Where the best became better, and the end."""
    cost = trajectory.costs[:, 0]
    lowest = np.minimum.accumulate(cost) if len(cost) else cost
    better = np.flatnonzero(np.concatenate([[True], lowest[1:] < lowest[:-1]])) if len(cost) else np.empty(0, int)
    places = np.unique(np.concatenate([better, [len(cost) - 1]])).astype(int) if len(cost) else better
    values: Floats = np.asarray(lowest[places] * trajectory.objectives[0].sign, dtype=np.float64)
    return np.asarray(places, dtype=np.float64) + 1.0, np.where(np.isfinite(values), values, np.nan)


def _hypervolumes(trajectories: Sequence[Trajectory]) -> list[tuple[Floats, Floats]]:
    """The share of the box between the best and the worst of all fronts that each run's front dominates."""
    from moocore import hypervolume

    fronts = [run.costs[run.front_rows] for run in trajectories if run.succeeded]
    if not fronts:
        return [(np.empty(0), np.empty(0)) for _ in trajectories]
    together = np.concatenate(fronts)
    low, high = together.min(axis=0), together.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    reference = np.full(len(low), 1.1)  # a tenth beyond the worst, so that the ends of fronts count too
    found = []
    for run in trajectories:
        at = np.unique(np.linspace(1, len(run.individuals), _FRONTS).round()) if len(run.individuals) else np.empty(0)
        values = []
        for one in at.astype(int):
            costs = run.costs[:one]
            costs = (costs[np.isfinite(costs).all(axis=1)] - low) / size
            inside = costs[(costs < reference).all(axis=1)]
            volume = float(hypervolume(inside, ref=reference)) if len(inside) else 0.0
            values.append(volume / float(np.prod(reference)) if len(costs) else math.nan)
        found.append((at, np.array(values)))
    return found


def _holm(values: Sequence[float]) -> list[float]:
    """The p values, raised to allow for their number."""
    order = np.argsort(values, kind="stable")
    corrected = np.zeros(len(values))
    highest = 0.0
    for rank, place in enumerate(order.tolist()):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = highest
    return [float(one) for one in corrected]


def _row_of_group(group: Group, maximize: bool) -> list[Any]:
    values = group.values
    low, high = np.quantile(values, (0.25, 0.75)) if len(values) else (math.nan, math.nan)
    least, most = (values.min(), values.max()) if len(values) else (math.nan, math.nan)
    best, worst = (most, least) if maximize else (least, most)
    tested = [run.individuals for run in group.runs]
    hours = sum(_core_hours(run.trajectory) for run in group.runs)
    return [group.name, len(group.runs), group.median, float(low), float(high), float(best), float(worst),
            int(np.median(tested)), hours]  # fmt: skip


def _core_hours(trajectory: Trajectory) -> float:
    trials = trajectory.trials
    if not len(trials):
        return 0.0
    seconds, ranks, threads, source = (np.asarray(trials[name]) for name in ("seconds", "ranks", "threads", "source"))
    used = (source < 0) & np.isfinite(seconds)
    return float((seconds * np.maximum(ranks, 1) * np.maximum(threads, 1))[used].sum() / 3600)
