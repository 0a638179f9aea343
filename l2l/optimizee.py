"""The contract of the inner loop: what is simulated, and what comes back."""

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from l2l.errors import ContractError, OptionError
from l2l.individual import Individual
from l2l.plugin import FILE_MODULE, Plugin, Reference
from l2l.space import ParameterSpace
from l2l.values import Minimize, Objective, Observable, Outcome, Trial, is_name


class Optimizee(Plugin, ABC):
    """A model that is simulated for each individual and returns its fitness.

    A subclass declares `space` and `objectives` (on the class, or in `__init__` from its options) and implements
    `simulate`. Constructors import no simulator: that is what `setup` is for, which runs once in each process that
    evaluates.

    Example:
        >>> from l2l import Minimize, Optimizee, ParameterSpace, Real
        >>> class Parabola(Optimizee):
        ...     space = ParameterSpace(x=Real(-1.0, 1.0))
        ...     objectives = (Minimize("height"),)
        ...     def simulate(self, individual, trial):
        ...         return individual["x"] ** 2
    """

    space: ParameterSpace
    objectives: tuple[Objective, ...] = (Minimize("fitness"),)
    """What is optimized; () where everything is an observable, so that the model is only explored."""
    observables: Mapping[str, Observable] = {}
    stochastic: bool = True
    """False: the seed has no effect, so there is one trial and a result counts under any seed."""
    programs: bool = False
    """True: `simulate` starts a program on the ranks of a trial by `trial.launch`. False: where a trial has several
    ranks, each of them simulates it, with the communicator `trial.comm`."""
    depends_on: tuple[str, ...] = ()
    """Names of further modules and packages, files and folders beside its own file, that make up the model."""

    def describe(self) -> ParameterSpace:
        """The space, where only an evaluating process can say it; run once there, after `setup`."""
        return self.space

    def version(self) -> str:
        """What else decides the results, such as the simulator's version; asked once in an evaluating process."""
        return ""

    def setup(self) -> None:
        """Once in each evaluating process: import, build, warm up."""

    @abstractmethod
    def simulate(self, individual: Individual, trial: Trial) -> float | tuple[float, ...] | Mapping[str, Any] | Outcome:
        """Simulate one trial.

        Without objectives it returns observables: observable → value, or the value of the only one.

        Args:
            individual: The parameters.
            trial: Its seed, generator, private folder and resources.

        Returns:
            The fitness: a number, one per objective, or objective → number; an `Outcome` to add observables.

        Raises:
            l2l.Invalid: The result has no meaning, with the reason ("silent").
        """

    def simulate_batch(self, trials: Sequence[Trial]) -> Sequence[Outcome]:
        """Simulate several trials at once (GPU, vectorized); results must not depend on the batch's composition."""
        return [as_outcome(self.simulate(trial.individual, trial)) for trial in trials]

    def teardown(self) -> None:
        """Once at the end of each evaluating process."""

    @property
    def model_code(self) -> Any:
        """The class or function that is followed to know what it computes; not its own where it only wraps another."""
        return type(self)

    @property
    def needs_process(self) -> bool:
        """Whether its space or version can only be asked in an evaluating process."""
        return type(self).describe is not Optimizee.describe or type(self).version is not Optimizee.version

    @property
    def batches(self) -> bool:
        """Whether it simulates batches in its own way."""
        return type(self).simulate_batch is not Optimizee.simulate_batch


def check_declared(optimizee: Optimizee) -> None:
    """Refuse an optimizee whose declarations cannot be used.

    Raises:
        OptionError: Names the class and the declaration, what was expected and what came.
    """
    name = type(optimizee).__name__
    if type(optimizee).describe is Optimizee.describe:
        space = getattr(optimizee, "space", None)
        if not isinstance(space, ParameterSpace):
            raise OptionError(f"{name}: space: expected a ParameterSpace, or a method describe(), got {space!r}")
    objectives = optimizee.objectives
    if not isinstance(objectives, tuple | list) or not all(isinstance(one, Objective) for one in objectives):
        raise OptionError(f'{name}: objectives: expected a tuple such as (Minimize("error"),), got {objectives!r}')
    names = [one.name for one in objectives]
    if len({*names}) < len(names):
        raise OptionError(f"{name}: objectives: expected different names, got {objectives!r}")
    observables = optimizee.observables
    if not isinstance(observables, Mapping):
        raise OptionError(
            f'{name}: observables: expected a mapping such as {{"rate": Observable()}}, got {observables!r}'
        )
    for key, one in observables.items():
        if not is_name(key) or not isinstance(one, Observable):
            raise OptionError(f'{name}: observables: expected "rate": Observable(), got {key!r}: {one!r}')
    if not names and not observables:
        raise OptionError(f"{name}: objectives: expected objectives or observables, got neither")
    if not isinstance(optimizee.stochastic, bool):
        raise OptionError(f"{name}: stochastic: expected True or False, got {optimizee.stochastic!r}")


def as_outcome(returned: Any) -> Outcome:
    """What `simulate` returned, as an `Outcome`."""
    return returned if isinstance(returned, Outcome) else Outcome(returned)


class FunctionOptimizee(Optimizee):
    """A plain Python function as optimizee; made by the `optimizee` decorator."""

    def __init__(self) -> None:
        self._function: Callable[..., Any] = _unset
        self._wants_trial = False

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        """Call the function."""
        return self._function(individual, trial) if self._wants_trial else self._function(individual)

    def __call__(self, *args: Any) -> Any:
        """The function itself, for use outside an experiment."""
        return self._function(*args)

    @property
    def model_code(self) -> Callable[..., Any]:
        """The decorated function."""
        return self._function

    @property
    def function(self) -> Callable[..., Any]:
        """The decorated function."""
        return self._function

    @property
    def reference(self) -> Reference:
        """Where this object stands: at the top level of its function's file, or of the main script.

        Raises:
            OptionError: It was made in a notebook or inside a function, or has no name at the top level.
        """
        code = self._function
        for module in (code.__module__, "__main__", *(one for one in sys.modules if one.startswith(FILE_MODULE))):
            if module in sys.modules:
                names = [name for name, value in vars(sys.modules[module]).items() if value is self]
                if names:
                    return Reference.within(module, names[0])
        reference = Reference.to(code)
        if getattr(sys.modules.get(code.__module__), reference.qualname, None) is code:
            raise OptionError(
                f"{reference.qualname} stands in its file as a plain function; other processes find an optimizee by "
                "its name at the top level of a file: decorate the function there, or use the serial launcher"
            )
        return reference


def _as_tuple(objectives: Any) -> Any:
    return tuple(objectives) if isinstance(objectives, list) else (objectives,)


def _wants_trial(function: Callable[..., Any]) -> bool:
    """Whether a function takes the trial besides the individual.

    Raises:
        OptionError: It takes neither of these, or more.
    """
    given = inspect.signature(function).parameters.values()
    place = [one for one in given if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = [
        one for one in given if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    wants = len(place) > 1 and (place[1] in needed or place[1].name == "trial")
    if not place or not set(needed) <= set(place[: 1 + wants]):
        raise OptionError(
            f"@l2l.optimizee: expected a function f(individual) or f(individual, trial), "
            f"got {getattr(function, '__name__', function)}{inspect.signature(function)}"
        )
    return wants


def _unset(*_: Any) -> Any:
    raise ContractError("a FunctionOptimizee is made by the @l2l.optimizee decorator")


def optimizee(
    *,
    space: ParameterSpace,
    objectives: Objective | Sequence[Objective] = (Minimize("fitness"),),
    observables: Mapping[str, Observable] | None = None,
    stochastic: bool | None = None,
    revision: str = "",
    depends_on: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], FunctionOptimizee]:
    """Make an optimizee of a function `f(individual)` or `f(individual, trial)`.

    Args:
        space: Its parameters.
        objectives: What it returns; one minimized `fitness` unless given, () where it returns observables alone.
        observables: Further results, returned in an `Outcome`.
        stochastic: Whether the trial's seed matters; by default whether the function takes the trial.
        revision: Stands in for the code in the fingerprint.
        depends_on: Names of further modules and packages, or files and folders beside its file, that make up the model.

    Raises:
        OptionError: The function takes other arguments, or what is declared cannot be used.

    Example:
        >>> @optimizee(space=ParameterSpace(x=Real(-1.0, 1.0)), objectives=Minimize("height"))
        ... def parabola(individual):
        ...     return individual["x"] ** 2
    """

    def decorate(function: Callable[..., Any]) -> FunctionOptimizee:
        made = FunctionOptimizee()
        made._function = function
        made._wants_trial = _wants_trial(function)
        made.space = space
        made.objectives = objectives if isinstance(objectives, tuple) else _as_tuple(objectives)
        made.observables = observables if observables is not None else {}
        made.stochastic = made._wants_trial if stochastic is None else stochastic
        made.__doc__ = function.__doc__
        made.revision = revision
        made.depends_on = depends_on
        try:
            check_declared(made)
        except OptionError as error:
            raise OptionError(str(error).replace("FunctionOptimizee", "@l2l.optimizee", 1)) from None
        return made

    return decorate
