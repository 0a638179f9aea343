"""Bayesian optimization with a Gaussian process: asks where the expected improvement is largest.

Jones, Schonlau, Welch: Efficient global optimization of expensive black-box functions. J. Glob. Optim. 13 (1998),
455-492, doi:10.1023/A:1008306431147. Batches by believing the mean: Ginsbourger, Le Riche, Carraro (2010),
doi:10.1007/978-3-642-10701-6_6. Rounded before the model sees them: Garrido-Merchán, Hernández-Lobato, Neurocomputing
380 (2020), doi:10.1016/j.neucom.2019.11.004. SciPy carries it out, because the usual libraries need PyTorch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2l.individual import Individual
from l2l.optimizers.model_based import ModelBased
from l2l.optimizers.moves import Floats, Moves
from l2l.optimizers.options import at_least
from l2l.optimizers.regression import Regression, log_expected_improvement
from l2l.space import ParameterSpace

LARGEST = 100
"""Coordinates beyond which the model knows too little."""
RANDOM, AROUND = 1000, 500
"""Candidates at random, and near the best that were told."""
BEST = 10
"""Candidates around which the search goes on."""
STEPS = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4)
"""Lengths of the moves of the search's rounds."""
TAIL = 4.0
"""Costs further above the median than this many times the distance from best to median count as that high."""


class GaussianProcess(ModelBased):
    """Models the cost by a Gaussian process over the encoded unit cube and asks where it expects the most improvement.

    The kernel is Matérn 5/2 with a length scale for each coordinate; length scales, variance and noise are fitted anew
    for each ask (maximum a posteriori). Integers and categories enter as they are simulated, rounded. Within a batch,
    and for what is not told yet, the model believes its own mean. Very high costs are cut, failed ones count as the
    highest. Time grows with the cube of what the model sees, at most `points`. For some hundred expensive evaluations
    of up to about 20 parameters.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with.
        population: Individuals of a generation; the model learns most from small ones.
        startup: Individuals of a Latin hypercube, the initial ones included, before the model takes over.
        points: At most so many evaluations are modelled: half of them the best, the others the last.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        OptionError: An option is out of range, or the space has more than 100 coordinates.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> process = GaussianProcess(ParameterSpace(x=Real(-5.0, 5.0)), seed=1)
        >>> for _ in range(5):
        ...     individuals = process.ask()
        ...     process.tell(individuals, [(one["x"] - 1.0) ** 2 for one in individuals])
        >>> process.report()["best_cost"] < 1e-3
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 5,
        startup: int = 10,
        points: int = 400,
        steady_state: bool = False,
    ) -> None:
        super().__init__(
            space,
            seed=seed,
            initial=initial,
            population=population,
            startup=startup,
            steady_state=steady_state,
            largest=LARGEST,
        )
        at_least(self, "points", points, 2)
        self.points = points
        self._moves = Moves(space)

    def _propose(self, n: int, rng: np.random.Generator) -> None:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(
            1, "blas"
        ):  # the matrices are small: several threads are slower, and differ in last bits
            self._propose_in_turn(n, rng)

    def _propose_in_turn(self, n: int, rng: np.random.Generator) -> None:
        model = self._model()
        for _ in range(n):
            if model is None:
                self._enter([self._new(lambda: self.space.sample(1, rng)[0], rng)])
                continue
            ranked = iter(self._ranked(model, rng))
            one = self._new(lambda ranked=ranked: next(ranked), rng)  # type: ignore[misc]
            self._enter([one])
            model = model.believing(self.space.encode([one])[0])

    def _model(self) -> Regression | None:
        """Of what was told, with what is still to be told believed; None while nothing has succeeded."""
        costs = np.array(self._costs)
        told, pending = np.flatnonzero(~np.isnan(costs)), np.flatnonzero(np.isnan(costs))
        if not np.isfinite(costs).any() or not self.space.dimension:
            return None
        if told.size > self.points:
            best = told[np.argsort(costs[told], kind="stable")[: self.points // 2]]
            others = np.setdiff1d(told, best)
            told = np.union1d(best, others[best.size - self.points :])
        x = self.space.encode([self._individuals[place] for place in told])
        model = Regression(x, standardized(costs[told]))
        for place in pending[-self.points :]:
            model = model.believing(self.space.encode([self._individuals[place]])[0])
        return model

    def _ranked(self, model: Regression, rng: np.random.Generator) -> Sequence[Individual]:
        """The candidates of the largest expected improvement, the largest first."""
        means = model(model.x)[0]
        best, order = float(means.min()), np.argsort(means, kind="stable")[: BEST // 2]
        around = np.repeat(model.x[order], AROUND // len(order), axis=0)
        scales = rng.choice(STEPS, size=len(around))
        points = np.concatenate(
            [
                self.space.encode(self.space.sample(RANDOM, rng)),
                self._moves.from_points(around, scales, rng, clipped=True),
            ]
        )
        points, values = self._evaluated(model, points, best)
        for step in STEPS:
            again = np.repeat(points[:BEST], 2 * BEST, axis=0)
            moved = self._moves.from_points(again, np.full(len(again), step), rng, clipped=True)
            moved, gains = self._evaluated(model, moved, best)
            points, values = np.concatenate([points[:BEST], moved]), np.concatenate([values[:BEST], gains])
            order = np.argsort(-values, kind="stable")
            points, values = points[order], values[order]
        return self.space.decode(points)

    def _evaluated(self, model: Regression, points: Floats, best: float) -> tuple[Floats, Floats]:
        """The points as they would be simulated and their values, the most valuable first."""
        individuals = self.space.decode(points)
        points = self.space.encode(individuals)
        values = log_expected_improvement(*model(points), best)
        values[~self.space.feasible(individuals)] = -np.inf
        order = np.argsort(-values, kind="stable")
        return points[order], values[order]


def standardized(costs: Floats) -> Floats:
    """Costs (n,), of which one at least is finite, with mean 0 and variance 1, very high and failed ones cut."""
    alive = costs[np.isfinite(costs)]
    scale = float(np.abs(alive).max()) or 1.0
    alive = alive / scale
    low, middle = float(alive.min()), float(np.median(alive))
    high = min(float(alive.max()), middle + TAIL * (middle - low)) if middle > low else float(alive.max())
    cut = np.where(np.isfinite(costs), np.where(np.isfinite(costs), costs, 0.0) / scale, high).clip(max=high)
    deviation = float(cut.std())
    result: Floats = (cut - cut.mean()) / (deviation if deviation > 0.0 else 1.0)
    return result
