"""The cross-entropy method: a sampling distribution that is fitted to the best of its samples, again and again.

Rubinstein, Kroese: The cross-entropy method. Springer (2004), doi:10.1007/978-1-4757-4321-0. Decaying noise: Thiery,
Scherrer: Improvements on learning Tetris with cross entropy. ICGA Journal 32 (2009), 23-33,
doi:10.3233/ICG-2009-32104. Mixtures are fitted by scikit-learn.
"""

import importlib.util
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import MissingPart, OptionError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.elite_model import Distribution, EliteModel, fitting
from l2l.optimizers.options import at_least, within
from l2l.optimizers.unit_cube import Ending, Floats, Places, feasible, stacked, start, window_of
from l2l.space import Individuals, ParameterSpace
from l2l.values import Results

LEAST_POPULATION = 4
"""Below it an elite of two is hardly a choice."""


class CrossEntropy(Optimizer):
    """Samples from a distribution over the encoded unit cube and fits it to the elite of each generation.

    Numbers follow normal distributions, of which what lies beyond a bound is put on it, each category a distribution
    over its choices. Integers keep a least standard deviation of a fifth of a cell, and every choice is tried again
    from time to time. The failed never belong to the elite; where fewer succeeded than make an elite, the distribution
    changes less by their share.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with; the distribution starts at the first of them, else at the defaults.
        population: Individuals of a generation.
        elite: Share of the population to which the distribution is fitted; at least two individuals.
        distribution: Of numbers: independent ("diagonal"), with all covariances ("full"), or a "mixture" of
            independent ones, which follows several optima, wants elites of 20 and more and needs scikit-learn; None for
            full where the elite has at least four individuals a dimension, else diagonal.
        components: Of the mixture; at most half as many as the elite.
        smoothing: Share of the way that means, (co)variances and probabilities go towards those of the elite.
        noise: Standard deviation in the unit cube that is added to that of the elite, against converging too early.
        noise_decay: Factor on `noise` after each generation.
        sigma: First standard deviation in the unit cube; smaller where the start is good.
        tolfun: Stops once costs of the elite differ less than this, in a generation and over recent ones.
        tolx: Stops once the standard deviations of all reals in the unit cube are below this, and categories settled.

    Raises:
        OptionError: An option is out of range, or nothing in the space varies.
        MissingPart: A mixture is wanted and scikit-learn is not installed.

    Example:
        >>> from l2l.space import Categorical, ParameterSpace, Real
        >>> method = CrossEntropy(ParameterSpace(x=Real(-5.0, 5.0), model=Categorical("a", "b")), seed=1)
        >>> while not method.finished:
        ...     individuals = method.ask()
        ...     method.tell(individuals, [one["x"] ** 2 + (one["model"] == "a") for one in individuals])
        >>> method.report()["best_cost"] < 1e-9
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 50,
        elite: float = 0.2,
        distribution: Distribution | None = None,
        components: int = 2,
        smoothing: float = 0.7,
        noise: float = 0.05,
        noise_decay: float = 0.8,
        sigma: float = 0.4,
        tolfun: float = 1e-11,
        tolx: float = 1e-11,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        at_least(self, "population", population, LEAST_POPULATION)
        at_least(self, "components", components, 1)
        within(self, "elite", elite, 0.0, 1.0, above=True)
        within(self, "smoothing", smoothing, 0.0, 1.0, above=True)
        within(self, "noise", noise, 0.0, 1.0)
        within(self, "noise_decay", noise_decay, 0.0, 1.0)
        within(self, "sigma", sigma, 0.0, 1.0, above=True)
        within(self, "tolfun", tolfun, 0.0, math.inf)
        within(self, "tolx", tolx, 0.0, math.inf)
        self.population, self.elites = population, max(2, math.ceil(elite * population))
        if distribution == "mixture":
            self._check_mixture(components)
        self.smoothing, self.noise, self.noise_decay = smoothing, noise, noise_decay
        self.distribution = distribution or fitting(space.dimension, self.elites)
        self._model = EliteModel(space, start(self, space, self.initial), sigma, self.distribution, components)
        self._given = space.encode(self.initial)
        self._ending = Ending(tolfun, tolx, window_of(space.dimension, population))
        self._best = self._elite_cost = math.inf
        self._reason: str | None = None

    def _check_mixture(self, components: int) -> None:
        if components > self.elites // 2:
            raise OptionError(
                f"CrossEntropy: option 'components': expected at most {self.elites // 2}, half of the {self.elites} "
                f"individuals of the elite, got {components}; take a larger population or elite"
            )
        if importlib.util.find_spec("sklearn") is None:
            raise MissingPart("scikit-learn, which fits mixtures,", "pip install 'l2l[mixture]'")

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next generation, drawn from the distribution; the first begins with the initial individuals."""
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
        """Fit the distribution to the elite."""
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        best = np.argsort(told, kind="stable")[: self.elites]
        best = best[np.isfinite(told[best])]
        if best.size:
            elite = stacked(self.told_points)[best]
            self._model.learn(elite, self.smoothing * best.size / self.elites, self.noise, self.rng)
            self.noise *= self.noise_decay
            self._best = min(self._best, float(told[best[0]]))
            self._elite_cost = float(told[best[-1]])
        self._reason = self._ending.after(told[best], self._model.widest())

    def report(self) -> Mapping[str, float | Floats]:
        """Entropy, noise, mean (d,) and deviations (d,) in the unit cube, cost of the worst of the elite, best cost."""
        deviations = self._model.deviations()
        return {
            "sigma": float(np.sqrt((deviations**2).mean())),
            "entropy": self._model.entropy(),
            "noise": self.noise,
            "mean": self._model.mean(),
            "deviations": deviations,
            "elite_cost": self._elite_cost if math.isfinite(self._elite_cost) else math.nan,
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """Why it stopped, in words."""
        return self._reason
