"""The tree-structured Parzen estimator: proposes where good individuals are dense and others are not.

Bergstra, Bardenet, Bengio, Kégl: Algorithms for hyper-parameter optimization. NIPS 24 (2011), 2546-2554,
doi:10.5555/2986459.2986743. Watanabe: Tree-structured Parzen estimator, arXiv:2304.11127. The library Optuna carries it
out: Akiba et al., KDD 2019, doi:10.1145/3292500.3330701.
"""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from l2l.errors import MissingPart
from l2l.individual import Individual
from l2l.optimizers.model_based import ModelBased
from l2l.optimizers.options import at_least
from l2l.space import Categorical, Fixed, Integer, Numeric, ParameterSpace, Real

LARGEST = 300
"""Coordinates beyond which a proposal takes too long."""


class TPE(ModelBased):
    """Fits one density to the best tenth of what was told and one to the rest, and asks where their ratio is largest.

    Parameters are modelled jointly, conditional ones in the groups that occur together. What was asked and not yet
    told, and what failed, counts as bad, so that a batch has no duplicates and failing regions are left. Memory and
    time grow with what was told: some ten milliseconds an individual after a thousand.

    Args:
        space: What is searched.
        seed: Of all randomness; None takes the experiment's.
        initial: Individuals to begin with.
        population: Individuals of a generation.
        startup: Individuals of a Latin hypercube, the initial ones included, before the model takes over.
        candidates: Points of which the most promising is asked.
        steady_state: Ask for single individuals as soon as a place is free.

    Raises:
        MissingPart: Optuna is not installed.
        OptionError: An option is out of range, or the space has more than 300 coordinates.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> tpe = TPE(ParameterSpace(x=Real(-5.0, 5.0)), seed=1)
        >>> for _ in range(5):
        ...     individuals = tpe.ask()
        ...     tpe.tell(individuals, [one["x"] ** 2 for one in individuals])
        >>> tpe.report()["best_cost"] < 0.1
        True
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 10,
        startup: int = 10,
        candidates: int = 24,
        steady_state: bool = False,
    ) -> None:
        try:
            import optuna
        except ImportError:
            raise MissingPart("Optuna, which TPE rests on,", "pip install 'l2l[optuna]'") from None
        super().__init__(
            space,
            seed=seed,
            initial=initial,
            population=population,
            startup=startup,
            steady_state=steady_state,
            largest=LARGEST,
        )
        at_least(self, "candidates", candidates, 1)
        self.candidates = candidates
        self._conditional = [name for name in space if space[name].when is not None]
        self._distributions = {
            name: _distributions(name, parameter)
            for name, parameter in space.parameters.items()
            if not isinstance(parameter, Fixed)
        }
        self._trials = 0  # of the study
        self._numbers: list[int] = []  # of the trial of each individual asked
        with _quiet():
            self._study = optuna.create_study(study_name="l2l", storage=optuna.storages.InMemoryStorage())

    def _propose(self, n: int, rng: np.random.Generator) -> None:
        import optuna

        with _quiet():
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=2,  # the design is over: below it there were failures
                n_ei_candidates=self.candidates,
                multivariate=True,
                group=bool(self._conditional),
                constant_liar=True,
                seed=int(rng.integers(2**31)),
            )
            for _ in range(n):
                self._enter([self._new(self._sampled, rng)])

    def _sampled(self) -> Individual:
        import optuna

        trial = self._study.ask()
        self._trials += 1
        values: dict[str, Any] = {}
        for name in self._distributions:
            if name not in self._conditional:
                values[name] = self._suggested(trial, name)
        waiting = list(self._conditional)
        while waiting:
            inactive = self.space.individual(values).inactive
            active = [name for name in waiting if name not in inactive and name in self._distributions]
            if not active:
                break
            values |= {name: self._suggested(trial, name) for name in active}
            waiting = [name for name in waiting if name not in active]
        # What was sampled is forgotten: the individual, rounded, takes its place.
        self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return self.space.individual(values)

    def _suggested(self, trial: Any, name: str) -> Any:
        import optuna

        parameter, values = self.space[name], []
        for key, distribution in self._distributions[name].items():
            if isinstance(distribution, optuna.distributions.CategoricalDistribution):
                values.append(trial.suggest_categorical(key, distribution.choices))
            elif isinstance(distribution, optuna.distributions.IntDistribution):
                values.append(trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log))
            else:
                values.append(trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log))
        if isinstance(parameter, Categorical):
            return parameter.choices[values[0]]
        if isinstance(parameter, Numeric) and parameter.step is not None:
            values = parameter.lattice(np.array(values)).tolist()
        return np.array(values).reshape(parameter.shape) if parameter.shape else values[0]

    def _entered(self, individuals: Sequence[Individual]) -> None:
        import optuna

        with _quiet():
            for one in individuals:
                parameters, distributions = self._parameters(one)
                trial = optuna.trial.create_trial(
                    state=optuna.trial.TrialState.RUNNING, params=parameters, distributions=distributions
                )
                self._study.add_trial(trial)
                self._numbers.append(self._trials)
                self._trials += 1

    def _parameters(self, one: Individual) -> tuple[dict[str, Any], dict[str, Any]]:
        parameters: dict[str, Any] = {}
        distributions: dict[str, Any] = {}
        for name, its in self._distributions.items():
            if name in one.inactive:
                continue
            parameter = self.space[name]
            value = parameter.code(one[name]) if isinstance(parameter, Categorical) else one[name]
            if isinstance(parameter, Numeric) and parameter.step is not None:
                value = parameter.places(value)
            parameters |= zip(its, np.ravel(value).tolist(), strict=True)
            distributions |= its
        return parameters, distributions

    def _learn(self, place: int, cost: float) -> None:
        if math.isfinite(cost):  # what failed stays open: it counts as bad, and never among the best
            with _quiet():
                self._study.tell(self._numbers[place], cost)


def _distributions(name: str, parameter: Any) -> dict[str, Any]:
    """Optuna's name and distribution of each component."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(parameter, Categorical):
        return {name: CategoricalDistribution(tuple(range(len(parameter.choices))))}
    assert isinstance(parameter, Real | Integer)
    keys = [f"{name}[{place}]" for place in range(parameter.size)] if parameter.shape else [name]
    if parameter.step is not None:  # the numbers of the cells: Optuna rounds steps of its own otherwise than we do
        return dict.fromkeys(keys, IntDistribution(0, parameter.cells - 1))
    if isinstance(parameter, Integer):
        return dict.fromkeys(keys, IntDistribution(parameter.low, parameter.high, log=parameter.log))
    return dict.fromkeys(keys, FloatDistribution(parameter.low, parameter.high, log=parameter.log))


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it Optuna neither logs nor warns that something is experimental; afterwards all is as before."""
    logger = logging.getLogger("optuna")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
