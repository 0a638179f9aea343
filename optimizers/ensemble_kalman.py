"""Ensemble Kalman inversion: an ensemble moves towards parameters whose simulated data explain the measured ones.

Iglesias, Law, Stuart: Ensemble Kalman methods for inverse problems. Inverse Problems 29 (2013), 045001,
doi:10.1088/0266-5611/29/4/045001. Adaptive steps: Iglesias, Yang, Inverse Problems 37 (2021), 025008,
doi:10.1088/1361-6420/abd29b. Mini-batches: Kovachki, Stuart, Inverse Problems 35 (2019), 095005,
doi:10.1088/1361-6420/ab1c3a. Localization by correlations: Luo, Bhakta, J. Pet. Sci. Eng. 184 (2020), 106559,
doi:10.1016/j.petrol.2019.106559. Local analysis: Hunt, Kostelich, Szunyogh, Physica D 230 (2007), 112-126,
doi:10.1016/j.physd.2006.11.008.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers.kalman import Floats, Noise, data_misfit_step, kalman_moves
from l2l.optimizers.moves import Opening
from l2l.optimizers.observed import observed
from l2l.optimizers.options import at_least, within
from l2l.optimizers.unit_cube import stacked
from l2l.space import Categorical, ParameterSpace
from l2l.values import Results

SHORTEST_STEP = 1e-3
"""Least share of the time that an adaptive step takes, so that it comes to an end."""
COLLAPSED = 1e-12
"""Standard deviations in the unit cube below which nothing moves any more."""
FAILED_GENERATIONS = 20
"""Generations in a row of which fewer than two members succeed, after which there is no point in going on."""


class EnsembleKalman(Optimizer):
    """Moves each member by its Kalman gain times what its observable, mean over trials, misses of the perturbed data.

    Members live in the encoded unit cube, linear or logarithmic as the parameters are, and are clipped to it; integers
    are rounded for the simulation alone. So where the observable depends linearly on the encoded parameters, the noise
    is normal and the prior lies well within bounds, the ensemble at time 1 is a sample of the posterior, and its mean
    the posterior mean. The prior is normal around the first initial individual, else the defaults; the other initial
    individuals are members (the best where there are more than members). The last generation asks what the last update
    made. A failed member is drawn anew from the normal distribution of the updated others. Costs are only reported.

    Args:
        space: What is searched; it has no categories.
        target: The measured data, (k,).
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with.
        population: Members of the ensemble; individuals of a generation.
        observable: The name of the observable that simulates the data.
        noise: Of the data: standard deviation, for all or (k,), or covariance (k, k).
        spread: Standard deviation of the prior in the unit cube.
        step: Pseudo-time of each update; None for one that adapts to the misfit (data misfit controller),
            without an end at most 1.
        time: Finished at this pseudo-time: 1 is the posterior; None goes on towards the best fit for ever.
        batch: Data of each update, a random part; None for all. Each part is used until its own time is up.
        inflation: Factor on the deviations from the mean after each update.
        localization: Correlations between a parameter and a datum of less than about this many standard errors,
            1/√population each, are taken for chance; 0 for no localization.
        size: Number of data, where `target` is one number for all of them.
        blocks: Cut coordinates and data, in their order, into so many equal blocks of which each block of data depends
            on, and moves, its own coordinates alone: the ensemble need not be larger than a block.

    Raises:
        OptionError: An option is out of range, the space has categories, nothing in it varies, or blocks are not equal.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> EnsembleKalman(ParameterSpace(x=Real(-5.0, 5.0)), target=[1.0, 2.0], noise=0.1, seed=1).population
        50
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        target: float | NDArray[np.float64] | Sequence[float],
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 50,
        observable: str = "output",
        noise: float | NDArray[np.float64] | Sequence[float] | Sequence[Sequence[float]] = 1.0,
        spread: float = 0.2,
        step: float | None = None,
        time: float | None = 1.0,
        batch: int | None = None,
        inflation: float = 1.0,
        localization: float = 0.0,
        size: int | None = None,
        blocks: int = 1,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        _check_space(space)
        self.target = np.array(target, dtype=np.float64).ravel()
        if not self.target.size or not np.isfinite(self.target).all():
            raise OptionError(f"EnsembleKalman: option 'target': expected finite numbers, got {target!r}")
        at_least(self, "size", size, 1)
        if size is not None and self.target.size not in (1, size):
            raise OptionError(f"EnsembleKalman: option 'size': the target has {self.target.size} data, got {size}")
        self.target = np.resize(self.target, size or self.target.size)
        self._noise = Noise(noise, self.target.size)
        at_least(self, "population", population, 2)
        at_least(self, "batch", batch, 1)
        within(self, "spread", spread, 0.0, 1.0, above=True)
        within(self, "step", 1.0 if step is None else step, 0.0, math.inf, above=True)
        within(self, "time", 1.0 if time is None else time, 0.0, math.inf, above=True)
        within(self, "inflation", inflation, 1.0, math.inf)
        within(self, "localization", localization, 0.0, math.inf)
        self.population, self.spread, self.step, self.inflation = population, spread, step, inflation
        self.localization, self.blocks = localization, self._checked_blocks(blocks)
        self.observables = (observable,)
        self.finite = time is not None and math.isfinite(time)
        self._end = math.inf if time is None else time
        order, parts = np.arange(self.target.size), math.ceil(self.target.size / (batch or self.target.size))
        self._batches = np.array_split(self.rng.permutation(order) if parts > 1 else order, parts)
        self._times = np.zeros(parts)
        self._turn = 0
        self._opening = Opening(space, self.initial, population) if len(self.initial) > population else None
        self._members = self._prior(self.initial[:population])
        self._step, self._misfit, self._survivors = math.nan, math.nan, population
        self._updates = self._failed = 0
        self._last_is_told = False
        self._best = math.inf

    def _checked_blocks(self, blocks: int) -> int:
        at_least(self, "blocks", blocks, 1)
        for what, number in (("coordinates", self.space.dimension), ("data", self.target.size)):
            if number % blocks:
                raise OptionError(f"EnsembleKalman: option 'blocks': {number} {what} are not {blocks} equal blocks")
        if blocks > 1 and self._noise.correlated:
            raise OptionError("EnsembleKalman: option 'blocks': expected standard deviations as noise, no covariance")
        return blocks

    def _prior(self, given: Sequence[Individual]) -> Floats:
        around = self.space.encode([self.initial[0] if self.initial else self.space.default])
        drawn = around + self.spread * self.rng.standard_normal((self.population - len(given), self.space.dimension))
        return np.concatenate([self.space.encode(given), drawn]).clip(0.0, 1.0)

    @property
    def _time(self) -> float:
        return float(np.average(self._times, weights=[part.size for part in self._batches]))

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The members of the ensemble."""
        self._generation_only(n)
        if self.finished:
            return []
        points = self._opening.ask(self.rng) if self._opening else self._members
        return self._asked(self.space.decode(points), points)

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Update the ensemble.

        Raises:
            OptionError: The results lack the observable, or it has another size than the target.
        """
        told = self._told(individuals, costs)[:, 0]
        if not told.size:
            return
        simulated = observed(self, results, self.observables[0], self.target.size, "datum of the target")
        self._best = min(self._best, float(told.min()))
        if self._opening:
            if started := self._opening.tell(self.told_points, told):
                self._members, self._opening = started[0], None
            return
        alive = np.isfinite(told) & np.isfinite(simulated).all(axis=1)
        self._survivors = int(alive.sum())
        if (self._times >= self._end).all():
            self._last_is_told = True
            self._misfit = self._misfit_of(simulated[alive]) if alive.any() else math.nan
        elif self._survivors < 2:
            self._failed += 1
            self._members = self._prior(self.initial[: self.population])
        else:
            self._failed = 0
            self._update(stacked(self.told_points)[alive], simulated[alive])

    def _misfit_of(self, simulated: Floats) -> float:
        whole = self._noise.whitened(simulated - self.target, np.arange(self.target.size))
        return float((whole**2).sum(axis=1).mean() / self.target.size)

    def _update(self, members: Floats, simulated: Floats) -> None:
        while self._times[self._turn % len(self._batches)] >= self._end:
            self._turn += 1
        turn = self._turn % len(self._batches)
        self._turn += 1
        part = self._batches[turn]
        missing = self._noise.whitened(self.target[part] - simulated[:, part], part)
        self._misfit = self._misfit_of(simulated)
        remaining = self._end - self._times[turn]
        wanted = data_misfit_step(missing) if self.step is None else self.step
        if self.step is None:
            wanted = max(wanted, SHORTEST_STEP * self._end) if self.finite else min(wanted, 1.0)
        self._step = min(wanted, remaining)
        self._times[turn] = self._end if self._step >= remaining * (1.0 - 1e-12) else self._times[turn] + self._step
        members = members + self._moves(members, missing, part * self.blocks // self.target.size)
        mean = members.mean(axis=0)
        members = (mean + self.inflation * (members - mean)).clip(0.0, 1.0)
        self._members = self._completed(members)
        self._updates += 1

    def _moves(self, members: Floats, missing: Floats, block: NDArray[np.intp]) -> Floats:
        moves = [
            kalman_moves(own, missing[:, block == number], self._step, self.localization, self.rng)
            for number, own in enumerate(np.split(members, self.blocks, axis=1))
        ]
        return np.concatenate(moves, axis=1)

    def _completed(self, members: Floats) -> Floats:
        missing = self.population - len(members)
        mean = members.mean(axis=0)
        weights = self.rng.standard_normal((missing, len(members))) / math.sqrt(len(members) - 1)
        return np.concatenate([members, (mean + weights @ (members - mean)).clip(0.0, 1.0)])

    def report(self) -> Mapping[str, float | Floats]:
        """Pseudo-time and last step; misfit: mean squared distance of the data in noise units, 1 is as good as noise.

        Also mean (d,) and standard deviations (d,) of the ensemble in the unit cube, members that succeeded, best cost.
        """
        return {
            "time": self._time,
            "step": self._step,
            "misfit": self._misfit,
            "mean": self._members.mean(axis=0),
            "deviations": self._members.std(axis=0, ddof=1),
            "survivors": float(self._survivors),
            "best_cost": self._best if math.isfinite(self._best) else math.nan,
        }

    @property
    def finished(self) -> str | None:
        """Once the time is up, the ensemble has collapsed, or nothing succeeds."""
        if self._last_is_told:
            return f"all data are assimilated (time {self._end:g}) after {self._updates} updates"
        if self._failed >= FAILED_GENERATIONS:
            return f"fewer than two members succeeded in each of {self._failed} generations in a row"
        if self._updates and (self._members.std(axis=0) < COLLAPSED).all():
            return f"the ensemble collapsed to a point after {self._updates} updates; inflation keeps it apart"
        return None


def _check_space(space: ParameterSpace) -> None:
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Categorical):
            raise OptionError(
                f"EnsembleKalman: parameter {name!r}: expected numbers, got categories, which have no covariance; "
                "fix it, or take another optimizer"
            )
    if not space.dimension:
        raise OptionError("EnsembleKalman: nothing in the space varies; it needs a parameter that is not fixed")
