"""Classes of the other framework as optimizees of ours.

Each trial begins with the object as its constructor left it, as theirs do, so that nothing of a trial reaches the next.
Global randomness is seeded by the trial, for the trial alone.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2l.compat.optimizee import MADE_FROM
from l2l.compat.packing import numbers_of, packed, unpacked
from l2l.compat.randomness import seeded
from l2l.compat.spaces import drawn, space_of
from l2l.compat.trajectory import Individual as TheirIndividual
from l2l.compat.trajectory import Trajectory
from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.plugin import Reference
from l2l.space import ParameterSpace
from l2l.values import Objective, Outcome, Trial

_CONSTRUCTING = 0
"""The seed of global randomness while an object is made, so that all workers make the same."""


class UpstreamOptimizee(Optimizee):
    """A class of the other framework as an optimizee; made by `wrap`.

    Args:
        model: The class; None where it is `their_class`.
        arguments: Of its constructor, packed; the first is a trajectory.
        keywords: Of its constructor, packed.
        space: Its parameters.
        weights: One per fitness that it returns: positive where more is better, negative where less is.
        population: Individuals of a generation, from which `ind_idx` and `generation` are counted; 0 counts all
            individuals in generation 0.
    """

    their_class: Any = None
    """The class, in a subclass that holds one which no other process finds by a name."""

    def __init__(
        self,
        *,
        space: ParameterSpace,
        model: Any = None,
        arguments: Sequence[Any] = (),
        keywords: Mapping[str, Any] = {},
        weights: Sequence[float] = (1.0,),
        population: int = 0,
    ) -> None:
        self.space = space
        self.model = self.their_class if model is None else model
        self.weights = tuple(float(one) for one in weights)
        self.objectives = objectives_of(self.weights)
        self.population = population
        self._arguments = list(arguments)
        self._keywords = dict(keywords)
        self._made: Any = None
        self._copies = True

    @property
    def model_code(self) -> Any:
        """Their class, which is what is simulated."""
        return self.model

    def counted(self, population: int) -> "UpstreamOptimizee":
        """The same, with `ind_idx` and `generation` counted from the size of generations."""
        return type(self)(**{**self.options, "population": population})

    def make(self) -> Any:
        """A fresh object of their class."""
        with seeded(_CONSTRUCTING):
            keywords = {name: unpacked(one) for name, one in self._keywords.items()}
            made = self.model(*map(unpacked, self._arguments), **keywords)
        vars(made).pop(MADE_FROM, None)
        return made

    def setup(self) -> None:
        """Make the object that each trial begins with."""
        self._made = self.make()
        try:
            copy.deepcopy(self._made)
        except Exception:  # noqa: BLE001 - it holds an open file, a module or a simulator's handle: made anew instead
            self._copies = False

    def _fresh(self) -> Any:
        return copy.deepcopy(self._made) if self._copies and self._made is not None else self.make()

    def simulate(self, individual: Individual, trial: Trial) -> Outcome:
        """Call their `simulate` with a trajectory that holds the individual.

        Raises:
            TypeError, ValueError: It returned no fitness, or another number of them than there are weights.
        """
        made = self._fresh()
        traj = Trajectory()
        with seeded(trial.seed):
            values = {name: _theirs(individual[name]) for name in individual}
            bounding = getattr(made, "bounding_func", None)
            if bounding is not None:
                values = dict(bounding(values))
            generation, place = divmod(trial.index, self.population) if self.population else (0, trial.index)
            traj.individual = TheirIndividual(generation, place, values)
            traj.individuals = {generation: [traj.individual]}
            traj.retry = trial.attempt
            traj.f_add_parameter("generation", generation)
            traj.f_add_parameter("seed", trial.seed)
            simulate = getattr(made, "simulate_", None) or made.simulate
            fitness = numbers_of(simulate(traj))
        if len(fitness) != len(self.weights):
            raise ValueError(
                f"simulate: expected one number per weight, {len(self.weights)}, got {len(fitness)}; say the weight "
                "of each (optimizee_fitness_weights, or wrap(…, weights=(…)))"
            )
        return Outcome(tuple(fitness))

    def teardown(self) -> None:
        """Let the object go."""
        self._made = None


def _theirs(value: Any) -> Any:
    """A value as their optimizers have it: numbers of NumPy, arrays that may be changed."""
    if isinstance(value, np.ndarray):
        return value.copy()
    return np.float64(value) if isinstance(value, float) else value


def objectives_of(weights: Sequence[float]) -> tuple[Objective, ...]:
    """The objectives that weights mean: `fitness`, or `fitness_0` and so on."""
    if not weights:
        raise OptionError("weights: expected one per fitness, got none")
    names = ["fitness"] if len(weights) == 1 else [f"fitness_{place}" for place in range(len(weights))]
    return tuple(Objective(name, maximize=weight >= 0) for name, weight in zip(names, weights, strict=True))


def wrap(
    model: Any,
    *arguments: Any,
    weights: Sequence[float] = (1.0,),
    bounds: Mapping[str, tuple[float, float]] = {},
    population: int = 0,
    **keywords: Any,
) -> UpstreamOptimizee:
    """Make an optimizee of a class of the other framework.

    Args:
        model: The class, imported within `upstream()`; or an object of it.
        arguments: What its constructor takes after the trajectory: most often its parameters.
        weights: One per fitness that `simulate` returns: positive where more is better, negative where less is.
        bounds: Name → (low, high), where `bounding_func` and the individuals that `create_individual` draws do not
            say how far to search.
        population: Individuals of a generation, from which `ind_idx` and `generation` are counted; 0 counts all
            individuals in generation 0.
        keywords: What its constructor takes by keyword.

    Raises:
        OptionError: It is no such class, its individuals are no numbers, or its arguments cannot be sent to workers.

    Example:
        >>> with upstream():
        ...     from their_file import BowlOptimizee, BowlParameters
        >>> optimizee = wrap(BowlOptimizee, BowlParameters(depth=2.0), weights=(-1.0,))
    """
    if isinstance(model, type):
        given: tuple[Any, ...] = (Trajectory(), *arguments)
        cls = model
    else:
        if arguments or keywords:
            raise OptionError("wrap: an object was made already: give no arguments of its constructor")
        if not hasattr(model, MADE_FROM):
            raise OptionError(
                f"wrap: expected a class, or an object whose class derives from the Optimizee that was imported within "
                f"l2l.compat.upstream(), got {model!r}"
            )
        cls, (given, keywords) = type(model), getattr(model, MADE_FROM)
    for name in ("create_individual", "simulate"):
        if not callable(getattr(cls, name, None)):
            raise OptionError(f"wrap: expected a class with create_individual and simulate, got {cls.__name__}")
    with seeded(_CONSTRUCTING):
        made = cls(*given, **keywords)
        space = space_of(made, drawn(made), bounds)
    found, options = _holding(cls)
    return found(
        **options,
        space=space,
        arguments=[_packed(cls, one) for one in given],
        keywords={name: _packed(cls, one) for name, one in keywords.items()},
        weights=[float(one) for one in weights],
        population=population,
    )


def _holding(cls: type) -> tuple[type[UpstreamOptimizee], dict[str, Any]]:
    """What a class of theirs becomes an optimizee by: an option where it has a name that others find.

    Else, written in a notebook or within a function, it goes to workers by value as part of a class of ours.
    """
    try:
        Reference.to(cls)
    except OptionError:

        class HeldOptimizee(UpstreamOptimizee):
            their_class = cls

        return HeldOptimizee, {}
    return UpstreamOptimizee, {"model": cls}


def _packed(cls: type, argument: Any) -> Any:
    try:
        return packed(argument)
    except OptionError as error:
        raise OptionError(f"{cls.__name__}: argument {type(argument).__name__}: {error}") from None
