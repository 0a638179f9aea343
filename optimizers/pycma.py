"""The library pycma set up for the encoded unit cube: what is beside the algorithm of `cma_es`."""

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.space import Categorical, Numeric, ParameterSpace

Floats = NDArray[np.float64]

DIAGONAL_FROM = 500
"""Dimensions from which a full covariance matrix costs more than it helps."""
INTEGER_STEP = 0.2
"""Least standard deviation of an integer, in cells: below it neighbours would never be tried again."""
CATEGORY_STEP = 0.2
"""Least standard deviation of a category's coordinates: measured best of 0 to 0.3 on mixed problems."""
MARGIN = 0.05
"""Half the width of the zones at the bounds of [-1, 1] in which pycma's transformation is curved."""
PLATEAU = 10
"""Generations of equal costs to begin with that are no reason to stop: the first points may lie on a plateau."""

REASONS = {
    "tolfun": "costs no longer differ (tolfun)",
    "tolfunhist": "the best costs of recent generations no longer differ (tolfun)",
    "tolflatfitness": "the costs of recent generations are all equal",
    "tolx": "the distribution is narrower than tolx",
    "tolfacupx": "the distribution diverged: sigma is far too small, or costs fall towards a bound for ever",
    "tolupsigma": "the step size grows without progress",
    "tolstagnation": "median and best costs no longer improve",
    "tolxstagnation": "the mean no longer moves",
    "tolconditioncov": "the covariance matrix is ill-conditioned",
    "noeffectaxis": "steps along an axis have no effect in float64",
    "noeffectcoord": "steps along a coordinate have no effect in float64",
    "maxiter": "it took more generations than a problem of this dimension should need",
    "maxfevals": "its share of the evaluations is used up",
}
"""pycma's conditions to stop, in words."""


def started(
    mean: Floats,
    sigma: float,
    rng: np.random.Generator,
    *,
    population: int | None,
    tolfun: float,
    tolx: float,
    evaluations: float = math.inf,
) -> Any:
    """A `cma.CMAEvolutionStrategy` in the unit cube, that draws from `rng`, prints nothing and writes nothing.

    Args:
        mean: (d,) where the distribution starts.
        sigma: Its standard deviation.
        rng: Of all draws.
        population: Individuals of a generation; None for pycma's default.
        tolfun: It stops once costs differ less.
        tolx: It stops once the standard deviations are less.
        evaluations: After which it stops.
    """
    import cma

    def randn(*shape: int) -> Floats:
        return rng.standard_normal(shape)

    options = {
        "bounds": [0.0, 1.0],
        "BoundaryHandler": _boundary_handler(),
        "randn": randn,
        "seed": math.nan,  # leaves NumPy's global generator alone
        "tolfun": tolfun,
        "tolfunhist": 0.1 * tolfun,
        "tolx": tolx,
        "maxfevals": evaluations,
        "CMA_diagonal": len(mean) >= DIAGONAL_FROM,
        "CMA_mirrors": 0,  # mirrored individuals would be lost where a generation is drawn anew
        "signals_filename": "",
        "verbose": -9,
        "verb_disp": 0,
        "verb_log": 0,
    }
    if len(mean) == 1:
        options["maxstd"] = math.inf  # pycma limits standard deviations from two dimensions on
    if population is not None:
        options["popsize"] = population
    strategy = cma.CMAEvolutionStrategy(mean, sigma, options)
    strategy.opts["tolflatfitness"] = PLATEAU + int(30 * len(mean) / strategy.popsize)
    return strategy


@cache
def _boundary_handler() -> type:
    """Smooth bounds with the margins of pycma for [-1, 1]: relative to the width half of those for [0, 1]."""
    from cma import BoundTransform

    class UnitBounds(BoundTransform):  # type: ignore[misc]
        """The unit cube, transformed as [-1, 1] would be."""

        def __init__(self, bounds: Any = None) -> None:
            super().__init__(bounds)
            self._doubled = BoundTransform([-1.0, 1.0])

        def repair(self, x: Any, copy_if_changed: bool = True) -> Floats:
            return into_bounds(np.asarray(x, dtype=np.float64))

        def inverse(self, x: Any, copy_if_changed: bool = True) -> Floats:
            inverted = self._doubled.inverse(2.0 * np.asarray(x, dtype=np.float64) - 1.0, copy_if_changed=False)
            return np.asarray(0.5 * (inverted + 1.0), dtype=np.float64)

    return UnitBounds


def into_bounds(x: Floats) -> Floats:
    """Coordinates (d,) within [0, 1]: bit for bit what pycma makes of those in [-1, 1], in less than half of its time.

    Most lie where it changes nothing; the others are folded at the outer ends of its margins, then curved in these.
    """
    y = 2.0 * x
    y -= 1.0
    outer = np.flatnonzero(np.abs(y) > 1.0 - MARGIN)
    if outer.size:
        end, z = 1.0 + MARGIN, y[outer]
        far = np.abs(z) > 2.0 + 2.0 * MARGIN
        if far.any():
            start, period = -1.0 - 2.0 * MARGIN - 1.0, 2.0 * (2.0 + MARGIN + MARGIN)
            z[far] -= period * ((z[far] - start) // period)
        z = np.where(z > end, z - 2.0 * (z - 1.0 - MARGIN), z)
        z = np.where(z < -end, z + 2.0 * (-1.0 - MARGIN - z), z)
        z = np.where(z < MARGIN - 1.0, (z + end) ** 2 / 4 / MARGIN - 1.0, z)
        y[outer] = np.where(z > 1.0 - MARGIN, 1.0 - (z - end) ** 2 / 4 / MARGIN, z)
    y += 1.0
    y *= 0.5
    return y


def mean_of(strategy: Any) -> Floats:
    """The mean (d,) of the distribution, within the unit cube."""
    mean = strategy.gp.pheno(strategy.mean, copy=True, into_bounds=strategy.boundary_handler.repair)
    return np.asarray(mean, dtype=np.float64)


def axes_of(strategy: Any) -> Floats:
    """(d, d) columns: the distribution's axes, as long as its standard deviations along them."""
    scale = np.broadcast_to(np.asarray(strategy.sigma_vec.scaling, dtype=np.float64), len(strategy.mean))
    return np.asarray(strategy.sigma * scale[:, None] * strategy.B * strategy.D, dtype=np.float64)


def why_stopped(strategy: Any) -> str | None:
    """The conditions to stop that hold, in words; None while it should go on."""
    stops = list(strategy.stop())
    if strategy.countiter < PLATEAU:
        stops = [stop for stop in stops if stop != "tolfun"]
    return "; ".join(REASONS.get(stop, stop) for stop in stops) or None


def behind_all(costs: Floats) -> Floats | None:
    """Costs (n,) with +inf replaced by a finite one worse than all others; None where all are +inf."""
    failed = np.isinf(costs)
    if not failed.any():
        return costs
    if failed.all():
        return None
    best, worst = float(costs[~failed].min()), float(costs[~failed].max())
    gap = worst - best if worst > best else max(1.0, abs(worst))
    return np.where(failed, min(worst + gap, float(np.finfo(np.float64).max)), costs)


class LeastSteps:
    """The standard deviations that categories and numbers with cells keep, so that other values are still tried.

    Args:
        space: What is searched.
    """

    def __init__(self, space: ParameterSpace) -> None:
        coordinates = np.arange(space.dimension)
        celled = {name: p for name, p in space.parameters.items() if isinstance(p, Numeric) and p.cells}
        self._categories = np.zeros(space.dimension)
        for name, parameter in space.parameters.items():
            if isinstance(parameter, Categorical):
                self._categories[space.slices[name]] = CATEGORY_STEP
        if space.dimension == 1:  # see `started`
            self._categories[:] = 0.0
            celled = {}
        self._where = np.concatenate([coordinates[:0], *(coordinates[space.slices[name]] for name in celled)])
        widths = [parameter.width for parameter in celled.values()]
        self._log = np.repeat([parameter.log for parameter in celled.values()], widths).astype(bool)
        self._cell = np.repeat([1.0 / parameter.cells for parameter in celled.values()], widths)
        self._low = np.repeat([parameter.edges[0] for parameter in celled.values()], widths)
        self._high = np.repeat([parameter.edges[1] for parameter in celled.values()], widths)

    def __bool__(self) -> bool:
        return bool(self._where.size or self._categories.any())

    def at(self, mean: Floats) -> Floats:
        """(d,): a share of the cell in which the mean (d,) lies, 0 where values are dense."""
        low = np.where(self._log, self._low, 1.0)
        ratio = np.log(np.where(self._log, self._high / low, math.e))
        cells = np.where(self._log, 1.0 / (low * np.exp(ratio * mean[self._where]) * ratio), self._cell)
        least = self._categories.copy()
        least[self._where] = INTEGER_STEP * np.minimum(cells, 1.0)
        return least
