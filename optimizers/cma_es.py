"""CMA-ES: a normal distribution whose mean, step size and covariance adapt to the best of each generation.

Hansen, Ostermeier: Completely derandomized self-adaptation in evolution strategies. Evolutionary Computation 9 (2001),
159-195, doi:10.1162/106365601750190398. Individuals given from outside: Hansen, arXiv:1110.4181. Restarts: Auger,
Hansen, CEC 2005, doi:10.1109/CEC.2005.1554902 (IPOP); Hansen, GECCO 2009, doi:10.1145/1570256.1570333 (BIPOP). The
library pycma carries it out.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.options import at_least, within
from l2l.optimizers.pycma import (
    DIAGONAL_FROM,
    Floats,
    LeastSteps,
    axes_of,
    behind_all,
    mean_of,
    started,
    why_stopped,
)
from l2l.optimizers.quadratic_model import FULL_UNTIL, QuadraticModel
from l2l.space import Categorical, Individuals, ParameterSpace
from l2l.values import Results

LEAST_POPULATION = 4
"""Below it too few parents remain to adapt a covariance."""
REJECTIONS = 20
"""Rounds of drawing anew what violates a constraint, before it is asked as it is."""
FAILED_GENERATIONS = 20
"""Generations in a row of which nothing succeeds, after which there is no point in going on."""
RESTARTS = 9
"""Doublings of the population, after which there are no more restarts."""


class CMAES(Optimizer):
    """The covariance matrix adaptation evolution strategy, in the encoded unit cube.

    Bounds are kept by pycma's smooth transformation. Integers and categories are searched by their coordinates; what
    was sampled is learnt from, not what it was rounded to. Failed individuals rank behind all others; a generation in
    which all failed is drawn anew from the same distribution. From 500 dimensions on the covariance is diagonal.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with; the distribution starts at the first of them, else at the defaults.
        population: Individuals of a generation; None for 4 + 3 log(dimension).
        sigma: First standard deviation in the unit cube.
        tolfun: Stops once costs differ less than this, in a generation and over recent ones.
        tolx: Stops once standard deviations in the unit cube are all below this.
        restarts: What to do then: be finished ("none"), start elsewhere with twice the population ("ipop"), or also
            spend as much on small populations with small steps ("bipop"); at most nine doublings.
        model: Whether one individual of each generation is the minimum of a model of recent costs ("quadratic"),
            which saves many evaluations where costs are smooth; up to 40 dimensions.

    Raises:
        OptionError: An option is out of range, nothing in the space varies, or too much for a model.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> cma_es = CMAES(ParameterSpace(x=Real(-5.0, 5.0), y=Real(-5.0, 5.0)), seed=1)
        >>> while not cma_es.finished:
        ...     individuals = cma_es.ask()
        ...     cma_es.tell(individuals, [one["x"] ** 2 + one["y"] ** 2 for one in individuals])
        >>> cma_es.report()["best_cost"] < 1e-9
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int | None = None,
        sigma: float = 0.25,
        tolfun: float = 1e-11,
        tolx: float = 1e-11,
        restarts: Literal["none", "ipop", "bipop"] = "none",
        model: Literal["none", "quadratic"] = "none",
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, LEAST_POPULATION)
        within(self, "sigma", sigma, 0.0, 1.0, above=True)
        within(self, "tolfun", tolfun, 0.0, math.inf)
        within(self, "tolx", tolx, 0.0, math.inf)
        if not space.dimension:
            raise OptionError("CMAES: nothing in the space varies; it needs a parameter that is not fixed")
        if model != "none" and space.dimension > FULL_UNTIL:
            raise OptionError(
                f"CMAES: option 'model': expected 'none' beyond {FULL_UNTIL} dimensions, got {model!r} in a space of "
                f"{space.dimension}"
            )
        self.tolfun, self.tolx, self.model = tolfun, tolx, model
        self._given = space.encode(self.initial)
        self._least_steps = LeastSteps(space)
        first = self.initial[0] if self.initial else space.default
        self._strategy = self._start(first, sigma, population)
        self._restarts = _Restarts(restarts, self.population, sigma)
        self._points: list[Floats] = []
        self._from_outside: list[int] = []
        self._best = math.inf
        self._failed = 0
        self._reason: str | None = None

    def _start(self, at: Individual, sigma: float, population: int | None, evaluations: float = math.inf) -> Any:
        mean = self.space.encode([at])[0]
        for name, parameter in self.space.parameters.items():
            if isinstance(parameter, Categorical):
                mean[self.space.slices[name]] = 0.5  # a corner of the cube would hardly try the other choices
        strategy = started(
            mean,
            sigma,
            self.rng,
            population=population,
            tolfun=self.tolfun,
            tolx=self.tolx,
            evaluations=evaluations,
        )
        self.population = int(strategy.popsize)
        self._model = QuadraticModel(self.space.dimension) if self.model != "none" else None
        return strategy

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next generation, drawn from the distribution; the first begins with the initial individuals."""
        self._generation_only(n)
        if self._reason:
            return []
        if self._least_steps:
            self._strategy.opts["minstd"] = self._least_steps.at(mean_of(self._strategy))
        self._points = self._strategy.ask()
        given, self._given = self._given[: self.population], self._given[self.population :]
        if not len(given):
            given = self._expected()
        self._points[: len(given)] = list(given)
        self._from_outside = list(range(len(given)))
        return self._asked(self._feasible(len(given)))

    def _expected(self) -> Floats:
        """The minimum (1, d) of the model; (0, d) where there is none, or none that may be asked."""
        nothing = np.empty((0, self.space.dimension))
        if self._model is None:
            return nothing
        minimum = self._model.minimum(mean_of(self._strategy), axes_of(self._strategy))
        if minimum is None:
            return nothing
        point = np.clip(minimum, 0.0, 1.0)[None]
        return point if self.space.feasible(self.space.decode(point)).all() else nothing

    def _feasible(self, given: int) -> Individuals:
        individuals = self.space.decode(np.array(self._points))
        if not self.space.constraints:
            return individuals
        for _ in range(REJECTIONS):
            violating = (~self.space.feasible(individuals[given:])).nonzero()[0] + given
            if not violating.size:
                break
            points = self._strategy.ask(violating.size)
            individuals = individuals.replaced(violating, self.space.decode(np.array(points)))
            for place, point in zip(violating, points, strict=True):
                self._points[place] = point
        return individuals

    def reask(self, individuals: Sequence[Individual]) -> None:
        """As in the contract; from archived individuals that differ it learns as from ones given from outside."""
        try:
            super().reask(individuals)
        except ReplayError:
            self._points = list(self.space.encode(individuals))
            self._from_outside = list(range(len(individuals)))
            raise

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Adapt the distribution to the ranks of the costs."""
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        ranked = behind_all(told)
        if ranked is None:
            self._failed += 1
            if self._failed >= FAILED_GENERATIONS:
                self._reason = f"every individual of {self._failed} generations in a row failed"
            return
        self._failed = 0
        if self._model is not None:
            self._model.add(np.array(self._points), told)
        self._best = min(self._best, float(told.min()))
        self._strategy.tell(self._points, ranked.tolist(), check_points=self._from_outside)
        reason = why_stopped(self._strategy)
        if reason is None:
            return
        start = self._restarts.after(self._strategy, self.rng)
        if start is None:
            self._reason = reason
        else:
            self._strategy = self._start(self.space.sample(1, self.rng)[0], *start)

    def report(self) -> Mapping[str, float | Floats]:
        """Step size, mean (d,) and standard deviations (d,) in the unit cube, longest to shortest axis, best cost."""
        deviations = np.asarray(self._strategy.stds, dtype=np.float64)
        diagonal = self.space.dimension >= DIAGONAL_FROM
        axes = deviations if diagonal else np.asarray(self._strategy.D, dtype=np.float64)
        return {
            "sigma": float(self._strategy.sigma),
            "axis_ratio": float(axes.max() / axes.min()),
            "mean": mean_of(self._strategy),
            "deviations": deviations,
            "restarts": float(self._restarts.count),
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """The conditions under which the last start stopped, in words."""
        return self._reason


class _Restarts:
    """Decides how to start again: (sigma, population, evaluations), or not at all."""

    def __init__(self, kind: Literal["none", "ipop", "bipop"], population: int, sigma: float) -> None:
        self.kind, self.population, self.sigma = kind, population, sigma
        self.count = 0
        self._doublings = 0
        self._small = False
        self._spent = {True: 0.0, False: 0.0}  # evaluations by whether the population was small
        self._last_large = 0.0

    def after(self, strategy: Any, rng: np.random.Generator) -> tuple[float, int, float] | None:
        if self.kind == "none":
            return None
        evaluations = float(strategy.countevals)
        first = self.count == 0
        self.count += 1
        if not first:  # the first start counts for neither side
            self._spent[self._small] += evaluations
        if not self._small:
            self._last_large = evaluations
        self._small = self.kind == "bipop" and not first and self._spent[True] < self._spent[False]
        if not self._small:
            self._doublings += 1
            return (self.sigma, self._large(), math.inf) if self._doublings <= RESTARTS else None
        share = float(rng.random())
        small = int(self.population * (0.5 * self._large() / self.population) ** (float(rng.random()) ** 2))
        return self.sigma * 0.01**share, max(small, LEAST_POPULATION), 0.5 * self._last_large

    def _large(self) -> int:
        return self.population * int(2**self._doublings)
