"""An experiment: an optimizee, an optimizer, and how they are put together."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from l2l import registry
from l2l.aggregate import Aggregate, check_aggregate
from l2l.display.progress import watching
from l2l.errors import ChangedOptimizee, OptionError, near
from l2l.experiment.plan import Keep, OnFailure, Validation
from l2l.experiment.progress import Watcher
from l2l.launcher import Launcher
from l2l.optimizee import Optimizee
from l2l.optimizer import Optimizer
from l2l.plugin import check_options, coerced, fits
from l2l.provenance import specification
from l2l.quantities import scalar, share, whole
from l2l.seeding import MODES, Seeding, check_root
from l2l.space import ParameterSpace
from l2l.stop import Stop
from l2l.values import Resources

if TYPE_CHECKING:
    from l2l.trajectory import Trajectory

MAY_CHANGE = ("stop", "launcher", "retries", "on_failure", "max_failures", "keep", "validate", "memo")
"""Arguments that a resumed run may have otherwise, besides the limits of `resources`."""


_INDIVIDUAL_BYTES = 500  # measured: an individual with its key and its row in the generation's tables
_TRIAL_BYTES = 500  # a trial on its way, and what comes back of it
_LITTLE_MEMORY = 1e9  # bytes that every machine has; below it, nothing is asked


class Experiment:
    """The outer loop over an optimizee and an optimizer, into one run folder.

    Args:
        optimizee: An object, a class, a name, or a mapping `{"name": …, option: value}`.
        optimizer: The same; what is not an object is built with the space that `parameters` has fixed and narrowed.
        directory: The run's folder; `runs/<file stem>` unless given.
        launcher: "auto" (whichever detects itself, else `local`), or as the optimizee.
        stop: When the run ends; a `Stop` or its mapping. May be missing where the optimizer finishes by itself.
        seed: The root of all randomness.
        trials: Simulations of each individual; one where the optimizee is not stochastic.
        aggregate: How they become one fitness: "mean", "median", "worst", "best", or a function of their costs.
        seeding: What seeds depend on besides `seed` and the trial's number: "individual", "common" or "generation".
        parameters: Name → value to fix a parameter at, or what narrows it.
        initial: Individuals to begin from (mappings; missing parameters at their default).
        memo: Earlier runs whose evaluations need not be run again.
        weights: One per objective (a sequence, or a mapping by name), where an optimizer minimizes one cost.
        resources: What each trial may use; a `Resources` or its mapping.
        on_failure: "continue", or "raise" at the first failed trial.
        retries: How often a trial that crashed or timed out is tried again.
        max_failures: The run fails where a larger share of its trials failed. Unless given it stops after a generation
            if no trial ever succeeded and all failed for the same reason.
        keep: Whose private folders stay: "failures", "best", "all" or "none".
        validate: `{"best": 1, "trials": 100}`: fresh trials of so many winners at the end.

    Raises:
        OptionError: An argument is wrong; the message begins with its name.
        NotFoundError: There is no plugin of that name.

    Example:
        >>> experiment = Experiment("function", "random", directory=folder, stop={"generations": 3})
        >>> trajectory = experiment.run()
    """

    def __init__(
        self,
        optimizee: Any,
        optimizer: Any,
        *,
        directory: str | Path | None = None,
        launcher: Any = "auto",
        stop: Stop | Mapping[str, Any] | None = None,
        seed: int = 0,
        trials: int = 1,
        aggregate: Aggregate = "mean",
        seeding: Seeding = "individual",
        parameters: Mapping[str, Any] = {},
        initial: Sequence[Mapping[str, Any]] = (),
        memo: Sequence[str | Path] = (),
        weights: Sequence[float] | Mapping[str, float] | None = None,
        resources: Resources | Mapping[str, Any] = Resources(),
        on_failure: OnFailure = "continue",
        retries: int = 0,
        max_failures: float | None = None,
        keep: Keep = "failures",
        validate: Mapping[str, int] | None = None,
    ) -> None:
        self.arguments = {name: value for name, value in locals().items() if name != "self"}
        self.optimizee: Optimizee = registry.build("optimizee", optimizee)
        self.optimizer_class, self.optimizer_options = _optimizer(optimizer)
        self.directory = Path(directory) if directory is not None else Path("runs") / _stem()
        self.launcher = launcher
        self.stop = Stop.of(dict(stop) if isinstance(stop, Mapping) else stop)
        self.seed = check_root(seed)
        self.trials = whole(trials, "trials")
        self.aggregate = aggregate
        self.seeding = seeding
        self.parameters = {name: _natural(one) for name, one in parameters.items()}
        self.initial = [{name: _natural(value) for name, value in one.items()} for one in initial]
        self.memo = [Path(one) for one in ([memo] if isinstance(memo, str | Path) else memo)]
        self.resources = _resources(resources)
        self.on_failure = on_failure
        self.retries = whole(retries, "retries", 0)
        self.max_failures = None if max_failures is None else share(max_failures, "max_failures")
        self.keep = keep
        self.validation = _validation(validate)
        self.weights = _weights(weights)
        check_aggregate(aggregate)
        _one_of("seeding", seeding, MODES)
        _one_of("on_failure", on_failure, get_args(OnFailure))
        _one_of("keep", keep, get_args(Keep))
        if launcher != "auto":
            self.launcher_for().check(self.resources, programs=self.optimizee.programs)
        if self.knows_space:
            self.optimizer_for(self.narrowed(self.optimizee.space))

    # --- what is known before an evaluating process ran -------------------------------------------------------------

    @property
    def knows_space(self) -> bool:
        """Whether the space is known without an evaluating process."""
        return type(self.optimizee).describe is Optimizee.describe

    def narrowed(self, space: ParameterSpace) -> ParameterSpace:
        """The optimizee's space as `parameters` fixes and narrows it.

        Raises:
            SpaceError: It cannot be.
            OptionError: There is no parameter of that name.
        """
        try:
            return space.narrow(self.parameters) if self.parameters else space
        except KeyError as error:
            raise OptionError(f"parameters: {error.args[0]}") from None

    def optimizer_for(self, space: ParameterSpace) -> Optimizer:
        """A fresh optimizer over a space, from the recorded options; all is checked that can be.

        Raises:
            OptionError: It does not go with the optimizee or the other arguments.
        """
        options = dict(self.optimizer_options)
        if options.get("seed") is None:
            options["seed"] = self.seed
        if self.initial:
            if options.get("initial"):
                raise OptionError("initial: given to the experiment and to the optimizer; give it once")
            options["initial"] = self.initial
        optimizer = registry.build("optimizer", {"name": self.optimizer_class, **options}, space)
        self._check(optimizer)
        return optimizer

    def _check(self, optimizer: Optimizer) -> None:
        name, objectives = self.optimizer_name(), self.optimizee.objectives
        if not objectives:
            self._check_exploration(optimizer)
        self.stop.check(Stop.goals(objectives, self.weights is not None))
        if not self.stop.ends and not optimizer.finite:
            raise OptionError(
                f"stop: expected at least one of generations, individuals, trials, stagnation or walltime, since "
                f"{name} does not finish by itself, got {self.arguments['stop']!r}"
            )
        there = [*self.optimizee.observables, *(one.name for one in objectives)]
        for observable in optimizer.observables:
            if observable not in there:
                raise OptionError(f"optimizer: {name} wants {near(observable, there, 'observable')}")
        if len(objectives) > 1 and not optimizer.multi_objective and self.weights is None:
            names = ", ".join(one.name for one in objectives)
            raise OptionError(
                f"weights: expected one per objective, since {name} minimizes one cost and the optimizee has "
                f"{len(objectives)} objectives ({names}), got none"
            )
        self.weight_list(optimizer)
        self._check_memory(optimizer)
        if optimizer.steady_state and self.seeding == "generation":
            raise OptionError("seeding: 'generation' needs whole generations, but the optimizer runs in steady state")
        if self.validation and not self.optimizee.stochastic:
            raise OptionError(
                "validate: the optimizee is not stochastic, so that fresh trials would give the same again"
            )

    def _check_exploration(self, optimizer: Optimizer) -> None:
        """Refuse what needs a fitness where the optimizee declares no objective."""
        if not optimizer.explores:
            raise OptionError(
                f"optimizer: {self.optimizer_name()} needs a fitness, and the optimizee declares no objectives; take "
                "one that explores, such as grid, points, sobol or latin-hypercube"
            )
        if self.validation:
            raise OptionError("validate: the optimizee declares no objectives, so that no individual wins")

    def _check_memory(self, optimizer: Optimizer) -> None:
        """Refuse a generation that no memory holds, before hours were spent on it or the machine begins to swap."""
        individuals = optimizer.population
        trials = individuals * self.trials_per_individual
        needed = individuals * (_INDIVIDUAL_BYTES + 8 * optimizer.space.dimension) + trials * _TRIAL_BYTES
        if needed < _LITTLE_MEMORY:
            return
        import psutil

        there = psutil.virtual_memory().total
        if needed > there:
            raise OptionError(
                f"optimizer: a generation of {individuals:,} individuals with {optimizer.space.dimension:,} values and "
                f"{trials:,} trials needs about {needed / 1e9:,.3g} GB of memory, and this machine has "
                f"{there / 1e9:.3g} GB; take fewer"
            )

    def weight_list(self, optimizer: Optimizer) -> tuple[float, ...] | None:
        """The weights in the order of the objectives, or None where the optimizer gets all costs.

        Raises:
            OptionError: They do not fit the objectives.
        """
        objectives, given = self.optimizee.objectives, self.weights
        if given is None:
            return None
        if optimizer.multi_objective:
            raise OptionError(
                f"weights: {self.optimizer_name()} minimizes all objectives and takes none, got {given!r}"
            )
        names = [one.name for one in objectives]
        if isinstance(given, Mapping):
            for name in given:
                if name not in names:
                    raise OptionError(f"weights: {near(str(name), names, 'objective')}")
            given = [given.get(name, 0.0) for name in names]
        if not fits(given, Sequence[float]) or len(given) != len(names):
            raise OptionError(
                f"weights: expected {len(names)} numbers, one per objective ({', '.join(names)}), got {given!r}"
            )
        return tuple(float(weight) for weight in given)

    @property
    def trials_per_individual(self) -> int:
        """One where the seed has no effect."""
        return self.trials if self.optimizee.stochastic else 1

    def launcher_for(self) -> Launcher:
        """A fresh launcher.

        Raises:
            OptionError, NotFoundError: There is none such.
        """
        given = self.launcher
        if given == "auto":
            given = registry.detected_launcher()
            if given == "local" and self.stays_here:
                given = "serial"
        if isinstance(given, Launcher):
            given = {"name": type(given), **given.options}
        built: Launcher = registry.build("launcher", given)
        return built

    @property
    def stays_here(self) -> str:
        """Why no other process could build the optimizee, so that "auto" takes this one; "" where others can."""
        try:
            specification(self.optimizee)
        except OptionError as error:
            return str(error)
        return ""

    def optimizer_name(self) -> str:
        """As registered, else the class's name."""
        return registry.name_of("optimizer", self.optimizer_class) or self.optimizer_class.__name__

    # --- changes and running ----------------------------------------------------------------------------------------

    def changed(self, **arguments: Any) -> "Experiment":
        """This experiment with other arguments.

        Args:
            arguments: As the constructor's.
        """
        return Experiment(**(self.arguments | arguments))

    def run(
        self,
        *,
        progress: Watcher | Literal["auto"] | None = "auto",
        accept_changes: bool = False,
        adopt: bool = False,
        fresh: bool = False,
    ) -> "Trajectory":
        """Run to the end, or go on where it stopped; a finished run is returned as it is.

        Args:
            progress: Called with a `Progress` about ten times a second; "auto" shows it on standard error, as a line
                that changes in place on a terminal, else as plain lines; None shows nothing.
            accept_changes: Go on although the optimizee has changed since the run began.
            adopt: In replay, take the archive's individuals also where the optimizer would ask others.
            fresh: Begin anew, where the folder holds a run; that one stays, as `<folder>.before-1` and so on.

        Returns:
            The trajectory; its `finished` is False where a signal or the walltime ended the run.

        Raises:
            UserError: The folder holds another experiment, or another leader works in it.
            RunFailed: Trials failed beyond what the policy allows, workers do not start, the disk is full.
            KeyboardInterrupt: On Ctrl-C, after all was brought to the disk.
            SystemExit: This process is a rank of an MPI job that does not lead; it has served until the leader ended.
        """
        from l2l.experiment.lead import lead

        if registry.served():
            sys.exit()
        try:
            if progress != "auto":
                return lead(self, progress, accept_changes=accept_changes, adopt=adopt, fresh=fresh)
            with watching([one.name for one in self.optimizee.objectives], sys.stderr) as watch:
                return lead(self, watch, accept_changes=accept_changes, adopt=adopt, fresh=fresh)
        except ChangedOptimizee as error:  # the message says it all: no frame of ours belongs to it
            raise error.with_traceback(None) from None

    def __repr__(self) -> str:
        return f"Experiment({type(self.optimizee).__name__}, {self.optimizer_class.__name__}, {str(self.directory)!r})"


def _optimizer(given: Any) -> tuple[type[Optimizer], dict[str, Any]]:
    """Class and options of an optimizer, however it is given."""
    if isinstance(given, Optimizer):
        return type(given), dict(given.options)
    cls, options = registry.parts("optimizer", given)
    assert isinstance(cls, type) and issubclass(cls, Optimizer)
    options = coerced(cls, options, Path.cwd())
    check_options(cls, options, positional=1)
    return cls, options


def _stem() -> str:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main).stem if main and Path(main).exists() else "experiment"


def _one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise OptionError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def _natural(value: Any) -> Any:
    """A value of a parameter, or what narrows it, with Python's own numbers; arrays stay arrays."""
    if isinstance(value, Mapping):
        return {key: scalar(one) if key in _SCALARS else _natural(one) for key, one in value.items()}
    return scalar(value) if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value


_SCALARS = ("low", "high", "step", "log")


def _weights(given: Any) -> Any:
    """Weights as plain numbers, so that they are archived as they would be written in a file."""
    if isinstance(given, Mapping):
        return {name: scalar(weight) for name, weight in given.items()}
    if isinstance(given, np.ndarray):
        return given.tolist()
    return [scalar(weight) for weight in given] if isinstance(given, list | tuple) else given


def _resources(given: Any) -> Resources:
    if isinstance(given, Resources):
        return given
    if not isinstance(given, Mapping):
        raise OptionError(f"resources: expected a mapping such as {{threads: 2}}, got {given!r}")
    for name in given:
        if name not in Resources.__slots__:
            raise OptionError(f"resources: {near(str(name), Resources.__slots__, 'resource')}")
    return Resources(**given)


def _validation(given: Any) -> Validation | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise OptionError(f"validate: expected a mapping such as {{best: 1, trials: 100}}, got {given!r}")
    for name in given:
        if name not in Validation.__slots__:
            raise OptionError(f"validate: {near(str(name), Validation.__slots__, 'key')}")
    return Validation(**{name: whole(value, f"validate.{name}") for name, value in given.items()})
