"""MAP-Elites: the best individual for each kind of behaviour, searched by CMA-ME.

Mouret, Clune: Illuminating search spaces by mapping elites. arXiv:1504.04909 (2015), doi:10.48550/arXiv.1504.04909.
CMA-ME: Fontaine, Togelius, Nikolaidis, Hoover, GECCO 2020, doi:10.1145/3377930.3390232. Steps along lines between
elites: Vassiliades, Mouret, GECCO 2018, doi:10.1145/3205455.3205602. The library pyribs carries it out: Tjanaka et al.,
GECCO 2023, doi:10.1145/3583131.3590374.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import MissingPart, OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least, within
from l2l.optimizers.unit_cube import reflected, stacked
from l2l.space import ParameterSpace
from l2l.values import Results

Floats = NDArray[np.float64]
Emitter = Literal["cma-me", "line", "gaussian"]

SIGMA: Mapping[str, float] = {"cma-me": 0.2, "line": 0.01, "gaussian": 0.1}
"""Default standard deviations in the unit cube."""
LINE_SIGMA = 0.2
"""Standard deviation of a step along a line, in distances of its two elites."""
SEPARABLE_FROM = 500
"""Coordinates from which on CMA-ME adapts a diagonal covariance: a full one would not fit."""


@dataclass(frozen=True, eq=False)
class Elite:
    """The best individual of a cell.

    Args:
        individual: As it was asked.
        cost: Its cost.
        observables: (observables,) where its behaviour lies, means over trials.
        cell: Place in the archive, along each observable.
    """

    individual: Individual
    cost: float
    observables: Floats
    cell: tuple[int, ...]


class MapElites(Optimizer):
    """Fills a grid over observables with the best individual of each cell.

    The first generation is random. Then emitters propose: normal distributions that adapt towards what improves the
    archive and start again at some elite where nothing does ("cma-me"), elites moved along lines to other elites
    ("line"), or elites plus normal steps ("gaussian"). Proposals beyond the bounds are reflected. Failed individuals,
    and those with an observable that is no finite number, never enter the archive. "cma-me" compiles for some seconds
    when it is first used in a process.

    Args:
        space: What is searched; integers and categories by their encoded coordinates.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with, first in the first generation.
        observables: Names of the optimizee's observables that span the archive, one number each.
        ranges: Lowest and highest value of each; what lies outside counts to the outermost cell.
        cells: Of the archive along each observable, or one number for all.
        population: Individuals of a generation.
        emitter: What proposes.
        emitters: How many share the population, with at least two individuals each.
        sigma: First standard deviation in the unit cube; None for 0.2 ("cma-me"), 0.01 ("line"), 0.1 ("gaussian").
        reference: Cost that adds nothing to the quality-diversity score; None for the worst of the first generation.

    Raises:
        OptionError: An option is out of range, or nothing in the space varies.
        MissingPart: pyribs is not installed.
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        observables: Sequence[str],
        ranges: Sequence[Sequence[float]],
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        cells: int | Sequence[int] = 20,
        population: int = 100,
        emitter: Emitter = "cma-me",
        emitters: int = 5,
        sigma: float | None = None,
        reference: float | None = None,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        if find_spec("ribs") is None:
            raise MissingPart("pyribs", "pip install 'l2l[map-elites]'")
        at_least(self, "population", population, 2)
        at_least(self, "emitters", emitters, 1)
        self.sigma = SIGMA[emitter] if sigma is None else sigma
        within(self, "sigma", self.sigma, 0.0, 1.0, above=True)
        within(self, "reference", reference or 0.0, -math.inf, math.inf)
        if not space.dimension:
            raise OptionError("MapElites: nothing in the space varies; it needs a parameter that is not fixed")
        self.observables = tuple(observables)
        self.ranges = _checked_ranges(self.observables, ranges)
        self.cells = _checked_cells(self.observables, cells)
        self.population, self.emitter = population, emitter
        self._emitter_count = min(emitters, population // 2)
        self._archive: Any = None
        self._archive_seed = int(self.rng.integers(2**32))
        self._fresh = space.encode(self.initial)
        self._emitters: list[Any] = []
        self._reference = reference

    @property
    def archive(self) -> Any:
        """The archive of pyribs, a `GridArchive` of encoded coordinates with minus the costs as objective."""
        if self._archive is None:
            from ribs.archives import GridArchive

            self._archive = GridArchive(
                solution_dim=self.space.dimension,
                dims=self.cells,
                ranges=self.ranges,
                seed=self._archive_seed,
                dtype=np.float64,
            )
        return self._archive

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """What the emitters propose; random individuals until some succeeded."""
        self._generation_only(n)
        if self.archive.empty or len(self._fresh):
            given, self._fresh = self._fresh[: self.population], self._fresh[self.population :]
            drawn = self.rng.random((self.population - len(given), self.space.dimension))
            points = np.concatenate((given, drawn))
        else:
            self._emitters = self._emitters or self._built()
            with np.errstate(all="ignore"):
                points = np.concatenate([emitter.ask() for emitter in self._emitters])
            reflected(points, out=points)
        return self._asked(self.space.decode(points), points)

    def _built(self) -> list[Any]:
        """Emitters that begin at elites, which share the population as evenly as possible."""
        from ribs.emitters import EvolutionStrategyEmitter, GaussianEmitter, IsoLineEmitter

        least, more = divmod(self.population, self._emitter_count)
        starts = self.archive.sample_elites(self._emitter_count)["solution"]
        built: list[Any] = []
        for place, start in enumerate(starts):
            size, seed = least + (place < more), int(self.rng.integers(2**32))
            common = {"x0": start, "batch_size": size, "seed": seed}
            if self.emitter == "gaussian":
                built.append(GaussianEmitter(self.archive, sigma=self.sigma, **common))
            elif self.emitter == "line":
                built.append(IsoLineEmitter(self.archive, iso_sigma=self.sigma, line_sigma=LINE_SIGMA, **common))
            else:
                es = "cma_es" if self.space.dimension < SEPARABLE_FROM else "sep_cma_es"
                built.append(EvolutionStrategyEmitter(self.archive, sigma0=self.sigma, es=es, ranker="2imp", **common))
        return built

    def reask(self, individuals: Sequence[Individual]) -> None:
        """As in the contract; after archived individuals that differ the emitters start again at elites."""
        try:
            super().reask(individuals)
        except ReplayError:
            self._emitters = []
            raise

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Put into the archive what is the best of its cell, and let the emitters learn what improved it."""
        if results is None or any(name not in results.observables for name in self.observables):
            raise OptionError(
                f"MapElites.tell: expected results with the observables {', '.join(self.observables)}, "
                f"got {'none' if results is None else ', '.join(results.observables) or 'none'}"
            )
        values = [_means(name, results.observables[name], len(individuals)) for name in self.observables]
        told = self._told(individuals, costs)[:, 0]
        measures = np.stack(values, axis=1)
        alive = np.isfinite(told) & np.isfinite(measures).all(axis=1)
        if not alive.any():
            return
        if self._reference is None:
            self._reference = float(told[alive].max())
        points = stacked(self.told_points)
        objective = np.where(alive, -told, 0.0)
        measures[~alive] = self.archive.lower_bounds
        with np.errstate(all="ignore"):
            status, value = self._added(points, objective, measures, alive)
            start = 0
            for emitter in self._emitters:
                own = slice(start, start + emitter.batch_size)
                start = own.stop
                info = {"status": status[own], "value": value[own]}
                emitter.tell(points[own], objective[own], measures[own], info)

    def _added(
        self, points: Floats, objective: Floats, measures: Floats, alive: NDArray[np.bool_]
    ) -> tuple[NDArray[Any], Floats]:
        """What the archive says of each individual that succeeded; others improve nothing and lie behind all."""
        if alive.all():
            added = self.archive.add(points, objective, measures)
            return added["status"], np.nan_to_num(added["value"])
        status, value = np.zeros(len(alive), dtype=np.int32), np.zeros(len(alive))
        added = self.archive.add(points[alive], objective[alive], measures[alive])
        status[alive], value[alive] = added["status"], np.nan_to_num(added["value"])
        value[~alive] = np.nan_to_num(min(value[alive].min(), 0.0) * 2.0 - 1.0)
        return status, value

    @property
    def elites(self) -> list[Elite]:
        """The best individual of each cell that is filled, best first."""
        data = self.archive.data()
        individuals = self.space.decode(data["solution"]) if len(data["solution"]) else []
        cells = zip(*np.unravel_index(data["index"], self.cells), strict=True) if individuals else ()
        elites = [
            Elite(individual, -float(objective), np.array(measures), tuple(map(int, cell)))
            for individual, objective, measures, cell in zip(
                individuals, data["objective"], data["measures"], cells, strict=True
            )
        ]
        return sorted(elites, key=lambda elite: elite.cost)

    def report(self) -> Mapping[str, float | Floats]:
        """Share of cells filled, quality-diversity score, best cost, restarts of emitters, costs of the elites (cells).

        The score is the sum over elites of how far their costs lie below the reference.
        """
        costs = np.full(math.prod(self.cells), math.nan)
        if not self.archive.empty:
            data = self.archive.data(["index", "objective"])
            costs[data["index"]] = -data["objective"]
        filled = costs[np.isfinite(costs)]
        with np.errstate(over="ignore"):
            score = float(np.maximum((self._reference or 0.0) - filled, 0.0).sum())
        return {
            "coverage": len(filled) / len(costs),
            "qd_score": score,
            "best_cost": float(filled.min()) if len(filled) else math.nan,
            "restarts": float(sum(getattr(emitter, "restarts", 0) for emitter in self._emitters)),
            "costs": costs.reshape(self.cells),
        }


def _means(name: str, values: NDArray[Any], n: int) -> Floats:
    """(n,) means over trials of what an observable's trials gave, NaN where there is none."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or len(array) != n:
        raise OptionError(
            f"MapElites: observable {name!r}: expected one number a trial, an array of shape ({n}, trials), "
            f"got shape {array.shape}"
        )
    if array.shape[1] == 1:
        return array[:, 0]
    there = ~np.isnan(array)
    count = there.sum(axis=1)
    return np.where(count > 0, np.where(there, array, 0.0).sum(axis=1) / np.maximum(count, 1), math.nan)


def _checked_ranges(observables: tuple[str, ...], ranges: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    if not observables or len(set(observables)) < len(observables):
        raise OptionError(f"MapElites: option 'observables': expected different names, got {list(observables)!r}")
    pairs = [tuple(map(float, pair)) for pair in ranges]
    if len(pairs) != len(observables) or not all(
        len(pair) == 2 and math.isfinite(pair[0]) and math.isfinite(pair[1]) and pair[0] < pair[1] for pair in pairs
    ):
        raise OptionError(
            f"MapElites: option 'ranges': expected a lowest and a higher value for each of {', '.join(observables)}, "
            f"got {ranges!r}"
        )
    return [(pair[0], pair[1]) for pair in pairs]


def _checked_cells(observables: tuple[str, ...], cells: int | Sequence[int]) -> tuple[int, ...]:
    numbers = (cells,) * len(observables) if isinstance(cells, int) else tuple(cells)
    if len(numbers) != len(observables) or min(numbers) < 1:
        raise OptionError(
            f"MapElites: option 'cells': expected 1 or more, for all or for each of {', '.join(observables)}, "
            f"got {cells!r}"
        )
    return numbers
