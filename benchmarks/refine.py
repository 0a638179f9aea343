"""`refine` beside LearnerND of `adaptive` on analytic maps: what is right after how many evaluations, and own time.

    python benchmarks/refine.py                    # all maps in 2, 3 and 4 dimensions: about half an hour
    python benchmarks/refine.py --dimensions 2 --only spiral step

Both are asked for as many points at once, as for 100 workers, and see the same lattice: what LearnerND asks is moved to
the nearest point of it, and a point that is known already costs no evaluation. Where its triangulation ends with an
error, what it had stands for all larger budgets. Its loss is its default, but zero for
simplices smaller than a cell of the finest lattice, where nothing more can be found. From the points evaluated so far
the map is made by nearest neighbours, of both alike, and compared with the true map at all points of the lattice.
"""

import argparse
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from tables import Budget, budget_table, table

Floats = NDArray[np.float64]

START = 5
FINEST = {2: 129, 3: 33, 4: 17}
"""Points along each axis of the finest lattice."""
SHARES = {2: (0.03, 0.05, 0.07, 0.10, 0.15), 3: (0.03, 0.05, 0.10), 4: (0.03, 0.05)}
"""Budgets as shares of the lattice; LearnerND takes minutes for more in 4 dimensions."""
POPULATION = 100
"""Points asked together."""
FAILING = 0.2
"""Share of the points that fail at random in the map with failures."""
SIGMA = 0.39
"""Standard deviation of the noise on a step of 1: one label in ten is wrong."""
NEIGHBOURS = 5
"""Points whose majority makes the map where labels are noisy."""
TOLERANCE = 0.1
"""Share of its range by which an observable may miss the truth before the map counts as wrong."""


def spiral(x: Floats) -> Floats:
    """Two arms around the centre; further dimensions turn them."""
    u, v = x[:, 0] - 0.5, x[:, 1] - 0.5
    turn = np.arctan2(v, u) / (2 * math.pi) + 2.0 * np.hypot(u, v) + 0.5 * x[:, 2:].sum(axis=1)
    return np.floor(2.0 * turn) % 2


def checker(x: Floats) -> Floats:
    """A checkerboard, coarse in one half and fine in the other."""
    fine = {2: 8, 3: 4, 4: 4}[x.shape[1]]
    squares = np.where(x[:, :1] < 0.5, 2, fine)
    return np.floor(np.minimum(x * squares, squares - 1e-9)).sum(axis=1) % 2


def island(x: Floats) -> Floats:
    """A wavy boundary, and away from it an island that fits between the points of the first lattice."""
    radius = {2: 0.07, 3: 0.11, 4: 0.12}[x.shape[1]]
    shore = x[:, 0] + 0.08 * np.sin(6.0 * x[:, 1]) > 0.6
    away = np.hypot(*(x[:, :2] - [0.2, 0.37]).T) if x.shape[1] == 2 else np.linalg.norm(x - 0.37, axis=1)
    return np.where(away < radius, 2.0, shore)


def step(x: Floats) -> Floats:
    """One oblique boundary."""
    return (x[:, 0] + 0.3 * (x[:, 1:] - 0.5).sum(axis=1) > 0.5).astype(float)


def units(x: Floats) -> Floats:
    """A rate in spikes/s, a coefficient of variation and a potential in mV, each with a front of its own; (n, 3)."""
    rest = x[:, 2:].sum(axis=1)
    rate = 100.0 / (1.0 + np.exp(-(x[:, 0] - 0.3 - 0.1 * np.sin(5 * x[:, 1]) - 0.1 * rest) / 0.02))
    cv = 1.2 / (1.0 + np.exp(-(x[:, 1] - 0.6 + 0.1 * rest) / 0.02))
    potential = -70.0 + 20.0 / (1.0 + np.exp(-(np.hypot(x[:, 0] - 0.7, x[:, 1] - 0.2) - 0.25 - 0.05 * rest) / 0.02))
    return np.stack([rate, cv, potential], axis=1)


@dataclass(frozen=True)
class Map:
    """What is scanned.

    Args:
        truth: Coordinates (n, d) → labels (n,) or observables (n, 3).
        where: The rules of `refine`.
        noise: Standard deviation added to what is seen.
        failing: Share of the points that fail.
    """

    truth: Callable[[Floats], Floats]
    where: Sequence[dict[str, Any]]
    noise: float = 0.0
    failing: float = 0.0

    @property
    def noiseless(self) -> bool:
        """Whether what is seen is the truth everywhere."""
        return not self.noise and not self.failing

    def seen(self, x: Floats, places: NDArray[np.int64]) -> Floats:
        """What a simulation gives, NaN where it fails; the same at the same place, whoever asks."""
        values = self.truth(x)
        chance = np.array([np.random.default_rng(place.tolist()).normal() for place in places])
        if self.noise:
            values = values + self.noise * chance
        if self.failing:
            threshold = {0.2: -0.8416}[self.failing]  # the normal distribution's quantile
            values = np.where(chance < threshold, math.nan, values)
        return values


REGIME = [{"boundary": "regime"}]
MAPS = {
    "spiral": Map(spiral, REGIME),
    "checker": Map(checker, REGIME),
    "island": Map(island, REGIME),
    "units": Map(units, [{"change": "rate"}, {"change": "cv"}, {"change": "potential"}]),
    "noisy step": Map(step, [{"level": "regime", "at": 0.5}], noise=SIGMA),
    "failures": Map(spiral, REGIME, failing=FAILING),
}


@dataclass
class Scan:
    """What a method evaluated: places on the finest lattice, and what was seen there.

    Args:
        places: (n, d).
        values: (n,) or (n, 3).
        seconds: Of processor time that the method took for itself.
    """

    places: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def ours(what: Map, dimension: int, most: int) -> Scan:
    """`refine` by generations of 100, as an experiment would run it."""
    from l2l.optimizers import Refine
    from l2l.space import ParameterSpace, Real
    from l2l.values import Results

    finest = FINEST[dimension]
    space = ParameterSpace({f"x{axis}": Real(0.0, 1.0) for axis in range(dimension)})
    began = time.process_time()
    search = Refine(space, start=START, finest=finest, where=what.where, samples=most, population=POPULATION)
    own = time.process_time() - began
    scan = Scan()
    while True:
        began = time.process_time()
        asked = list(search.ask())
        own += time.process_time() - began
        if not asked:
            return scan
        x = np.array([one.row for one in asked])
        places = np.rint(x * (finest - 1)).astype(np.int64)
        seen = what.seen(x, places).reshape(len(x), -1)
        failed = np.isnan(seen).any(axis=1)
        names = [next(iter(rule.values())) for rule in what.where]
        observables = {name: seen[:, place, None] for place, name in enumerate(names)}
        single = np.where(failed, math.nan, 0.0)[:, None, None]
        results = Results(single, observables, np.full((len(x), 1), math.nan), np.ones(len(x), dtype=np.int64))
        began = time.process_time()
        search.tell(asked, np.where(failed, math.inf, 0.0), results)
        own += time.process_time() - began
        scan.places += list(places)
        scan.values += list(seen)
        scan.seconds += [own] * len(x)


def theirs(what: Map, dimension: int, most: int) -> Scan:
    """LearnerND, which is asked for as many at once; a failed point is a label of its own."""
    from adaptive import LearnerND
    from adaptive.learner.learnerND import default_loss, volume

    finest = FINEST[dimension]
    least = (1.0 / (finest - 1)) ** dimension / math.factorial(dimension)

    def loss(simplex: Any, values: Any, value_scale: Any) -> float:
        return float(default_loss(simplex, values, value_scale)) if volume(simplex) > least else 0.0

    began = time.process_time()
    learner = LearnerND(lambda _: 0.0, [(0.0, 1.0)] * dimension, loss_per_simplex=loss)
    own = time.process_time() - began
    scan, known, vain = Scan(), {}, 0
    while len(known) < most and vain < 20 * most:
        began = time.process_time()
        try:
            points, _ = learner.ask(POPULATION)
        except ValueError as error:  # of its triangulation, where points lie nearly in a plane
            print(f"LearnerND ended after {len(known)} points: {error}", file=sys.stderr)
            break
        own += time.process_time() - began
        told = []
        for point in points:
            place = tuple(np.rint(np.array(point) * (finest - 1)).astype(int).tolist())
            vain += place in known
            if place not in known:
                at = np.array([place])
                known[place] = what.seen(at / (finest - 1), at).reshape(-1)
                scan.places.append(at[0])
                scan.values.append(known[place])
                scan.seconds.append(own)
            seen = np.nan_to_num(known[place], nan=-1.0)
            told.append(seen.tolist() if seen.size > 1 else float(seen[0]))
        began = time.process_time()
        try:
            for point, value in zip(points, told, strict=True):
                learner.tell(point, value)
        except ValueError as error:
            print(f"LearnerND ended after {len(known)} points: {error}", file=sys.stderr)
            break
        own += time.process_time() - began
    scan.seconds[-1] = own
    return scan


class Judge:
    """Compares maps with the truth.

    Args:
        what: The map.
        dimension: Of it.
    """

    def __init__(self, what: Map, dimension: int) -> None:
        self.what, finest = what, FINEST[dimension]
        places = np.stack(np.meshgrid(*[np.arange(finest)] * dimension, indexing="ij"), axis=-1)
        self.shape = places.shape[:-1]
        self.places = places.reshape(-1, dimension)
        self.truth = what.truth(self.places / (finest - 1)).reshape(len(self.places), -1)
        self.range = np.ptp(self.truth, axis=0)
        corners = self._corners(self.truth.reshape(*self.shape, -1))
        differing = np.ptp(corners, axis=0) > (0.5 * TOLERANCE * self.range if self.truth.shape[1] > 1 else 0.0)
        self.boundary = differing.any(axis=-1)

    def _corners(self, values: NDArray[Any]) -> NDArray[Any]:
        dimension = len(self.shape)
        return np.stack(
            [
                values[tuple(slice(bit, self.shape[0] - 1 + bit) for bit in bits)]
                for bits in itertools.product((0, 1), repeat=dimension)
            ]
        )

    def __call__(self, scan: Scan, evaluations: int) -> tuple[float, float]:
        """Share of boundary cells whose corners are all right, and share of the map that is wrong."""
        from scipy.spatial import cKDTree

        places, values = np.array(scan.places[:evaluations]), np.array(scan.values[:evaluations])
        fine = np.isfinite(values).all(axis=1)
        tree = cKDTree(places[fine])
        if self.what.noise:
            _, near = tree.query(self.places, k=NEIGHBOURS)
            made = ((values[fine][near, 0] > 0.5).mean(axis=1) > 0.5).astype(float)[:, None]
        else:
            made = values[fine][tree.query(self.places)[1]]
        tolerance = TOLERANCE * self.range if self.truth.shape[1] > 1 else 0.0
        wrong = (np.abs(made - self.truth) > tolerance).any(axis=1)
        found = ~self._corners(wrong.reshape(self.shape)).any(axis=0)[self.boundary]
        return float(found.mean()), float(wrong.mean())


def compared(dimensions: Sequence[int], only: Sequence[str]) -> Iterator[tuple[list[str], list[Budget]]]:
    """A row of the table and what must hold, for each map and budget."""
    for dimension in dimensions:
        size = FINEST[dimension] ** dimension
        for name in only:
            what = MAPS[name]
            most = math.ceil(max(SHARES[dimension]) * size)
            scans = ours(what, dimension, most), theirs(what, dimension, most)
            judge = Judge(what, dimension)
            for share in SHARES[dimension]:
                yield _row(f"{name}, {dimension} dimensions", share, scans, judge)


def _row(name: str, share: float, scans: tuple[Scan, Scan], judge: Judge) -> tuple[list[str], list[Budget]]:
    evaluations = math.ceil(share * len(judge.places))
    (found, wrong), (other_found, other_wrong) = (judge(scan, evaluations) for scan in scans)
    taken = [min(evaluations, len(scan.seconds)) for scan in scans]
    times = [1e6 * scan.seconds[number - 1] / number for scan, number in zip(scans, taken, strict=True)]
    row = [name, f"{share:.0%}", f"{evaluations:,}", f"{found:.3f}", f"{other_found:.3f}"]
    row += [f"{wrong:.4f}", f"{other_wrong:.4f}", f"{times[0]:.1f}", f"{times[1]:.0f}", f"{times[1] / times[0]:.0f}"]
    where = f"{name}, {share:.0%}"
    allowed = 1.0 if judge.what.noiseless else 0.9
    return row, [
        Budget(f"map wrong beside LearnerND: {where}", wrong, allowed * other_wrong, ""),
        Budget(f"own time per point beside LearnerND: {where}", times[0], times[1] / 50, "µs"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", nargs="+", type=int, default=list(FINEST), choices=list(FINEST))
    parser.add_argument("--only", nargs="+", default=list(MAPS), choices=list(MAPS))
    arguments = parser.parse_args()
    ours(MAPS["spiral"], 2, 200)  # what is imported and compiled on first use is nobody's own time
    theirs(MAPS["spiral"], 2, 20)
    head = ["map", "budget", "points", "found", "theirs", "wrong", "theirs", "own µs", "theirs", "ratio"]
    rows, budgets = [], []
    for row, some in compared(arguments.dimensions, arguments.only):
        rows.append(row)
        budgets += some
        print(*row, file=sys.stderr, flush=True)
    print(table(head, rows))
    broken = [one for one in budgets if not one.kept]
    print(f"\n{len(budgets) - len(broken)} of {len(budgets)} budgets are kept\n")
    if broken:
        print(budget_table(broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
