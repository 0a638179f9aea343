"""FACE, the fully automated cross-entropy method: it draws as many samples as the next improvement needs.

de Boer, Kroese, Mannor, Rubinstein: A tutorial on the cross-entropy method. Annals of Operations Research 134 (2005),
19-67, doi:10.1007/s10479-005-5724-z. With their names: N_elite, the size of the elite, is constant; the sample size N_t
is at least N_min and at most N_max; an iteration has improved where the best cost S*_t, or the worst, gamma_t, of the
elite, is below that of the iteration before. Decided here: N_min is one generation and N_t grows by whole generations,
whose members all count; only strictly lower costs are an improvement; at N_max the distribution is fitted without one;
and where `patience` iterations in a row ended so, the search ends, as reliable if the costs of the elite are all equal,
and else as not reliable.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.elite_model import EliteModel, fitting
from l2l.optimizers.options import at_least, within
from l2l.optimizers.unit_cube import Ending, Floats, Places, feasible, stacked, start
from l2l.space import Individuals, ParameterSpace
from l2l.values import Results


class FACE(Optimizer):
    """Cross-entropy with an elite of constant size, chosen from a sample that grows and shrinks by whole generations.

    From one distribution as many generations are drawn as it takes until the best of the sample, or the worst of its
    elite, is better than in the sample before. Then, or once the sample has its largest size, the distribution is
    fitted to the elite and the sample begins anew. A sample that does not improve although it is as large as it may
    be, several times in a row, ends the search as not reliable; an elite of equal costs that no longer improves ends
    it as reliable.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with; the distribution starts at the first of them, else at the defaults.
        population: Individuals of a generation: the smallest sample, and by how much it grows.
        largest: Individuals of the largest sample; None for ten generations.
        elites: Individuals to which the distribution is fitted; None for a fifth of the population, at least 2.
        distribution: Of numbers: independent ("diagonal") or with all covariances ("full"); None for full where the
            elite has at least four individuals a dimension.
        smoothing: Share of the way that means, (co)variances and probabilities go towards those of the elite.
        sigma: First standard deviation in the unit cube; smaller where the start is good.
        patience: Samples in a row without improvement after which the search ends.
        tolfun: Costs of the elite that differ less than this are equal.
        tolx: Stops once the standard deviations of all reals in the unit cube are below this, and categories settled.

    Raises:
        OptionError: An option is out of range, or nothing in the space varies.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> face = FACE(ParameterSpace(x=Real(-5.0, 5.0), y=Real(-5.0, 5.0)), seed=1)
        >>> while not face.finished:
        ...     individuals = face.ask()
        ...     face.tell(individuals, [one["x"] ** 2 + one["y"] ** 2 for one in individuals])
        >>> face.report()["best_cost"] < 1e-9
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 40,
        largest: int | None = None,
        elites: int | None = None,
        distribution: Literal["diagonal", "full"] | None = None,
        smoothing: float = 0.7,
        sigma: float = 0.4,
        patience: int = 5,
        tolfun: float = 1e-11,
        tolx: float = 1e-11,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, 2)
        at_least(self, "largest", largest, population)
        at_least(self, "elites", elites, 2)
        at_least(self, "patience", patience, 1)
        within(self, "smoothing", smoothing, 0.0, 1.0, above=True)
        within(self, "sigma", sigma, 0.0, 1.0, above=True)
        within(self, "tolfun", tolfun, 0.0, math.inf)
        within(self, "tolx", tolx, 0.0, math.inf)
        self.population = population
        self.largest = 10 * population if largest is None else largest
        self.elites = max(2, math.ceil(0.2 * population)) if elites is None else elites
        if self.elites > self.largest:
            raise OptionError(
                f"FACE: option 'elites': expected at most {self.largest}, the largest sample, got {elites}"
            )
        self.smoothing, self.patience = smoothing, patience
        self.distribution = distribution or fitting(space.dimension, self.elites)
        self._model = EliteModel(space, start(self, space, self.initial), sigma, self.distribution, 1)
        self._given = space.encode(self.initial)
        self.tolfun = tolfun
        self._ending = Ending(None, tolx)
        self._elite = np.zeros((0, space.dimension))
        self._costs = np.zeros(0)
        self._sample = 0
        """Individuals of the sample so far."""
        self._drawn = 0
        self._before = (math.inf, math.inf)  # cost of the best and of the worst of the elite of the last sample
        self._unimproved = 0
        self._best = math.inf
        self._reason: str | None = None

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next generation of the sample; the first begins with the initial individuals."""
        self._generation_only(n)
        if self._reason:
            return []
        given, self._given = self._given[: self.population], self._given[self.population :]
        points = np.concatenate([given, self._model.draw(self.population - len(given), self.rng)])

        def again(places: Places) -> Individuals:
            points[places] = self._model.draw(len(places), self.rng)
            return self.space.decode(points[places])

        return self._asked(feasible(self.space, self.space.decode(points), len(given), again), points)

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Fit the distribution to the elite of the sample if it improved, else let the sample grow."""
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        fine = np.isfinite(told)
        every = np.concatenate([self._costs, told[fine]])
        points = np.concatenate([self._elite, stacked(self.told_points)[fine]])
        order = np.argsort(every, kind="stable")[: self.elites]
        self._elite, self._costs = points[order], every[order]
        self._sample += len(told)
        self._drawn = self._sample
        self._best = min(self._best, float(told.min()))
        self._reason = self._ending.after(told[fine], self._model.widest())
        improved = self._improved()
        if self._costs.size and (improved or self._sample + self.population > self.largest):
            self._fit(improved)

    def _improved(self) -> bool:
        if len(self._costs) < self.elites:
            return False
        return bool(self._costs[0] < self._before[0] or self._costs[-1] < self._before[1])

    def _fit(self, improved: bool) -> None:
        share = len(self._costs) / self.elites
        self._model.learn(self._elite, self.smoothing * share, 0.0, self.rng)
        self._unimproved = 0 if improved else self._unimproved + 1
        if self._unimproved >= self.patience and self._reason is None:
            equal = float(self._costs[-1]) - float(self._costs[0]) <= self.tolfun
            self._reason = (
                f"reliable: all costs of the elite are equal, in {self._unimproved} samples in a row"
                if equal
                else f"not reliable: {self._unimproved} samples of {self._sample} in a row did not improve"
            )
        self._before = float(self._costs[0]), float(self._costs[-1])
        self._elite, self._costs, self._sample = self._elite[:0], self._costs[:0], 0

    def report(self) -> Mapping[str, float | Floats]:
        """Size of the sample, entropy, mean (d,) and deviations (d,) in the unit cube, best and worst of the elite."""
        deviations = self._model.deviations()
        worst = float(self._costs[-1]) if len(self._costs) else self._before[1]
        return {
            "sample": float(self._drawn),
            "sigma": float(np.sqrt((deviations**2).mean())),
            "entropy": self._model.entropy(),
            "mean": self._model.mean(),
            "deviations": deviations,
            "elite_cost": worst if math.isfinite(worst) else math.nan,
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """Why it stopped, in words."""
        return self._reason
