"""The other framework's `Experiment`, and the `Environment` of its older scripts, run by ours."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2l.compat.optimizers import Optimizer, Plan, Scale
from l2l.compat.paths import Paths
from l2l.compat.randomness import seeded
from l2l.compat.spaces import within
from l2l.compat.trajectory import Individual, Trajectory
from l2l.compat.wrapped import UpstreamOptimizee, wrap
from l2l.errors import OptionError
from l2l.experiment import Experiment as OurExperiment
from l2l.trajectory import Trajectory as OurTrajectory

_TWO_HOURS = 7200.0
"""Seconds after which theirs stops a run with `timeout=True`."""


def prepare_optimizee(optimizee: Any, path: str) -> None:
    """Do nothing: workers get the optimizee by its class and arguments."""


class Experiment:
    """Runs their optimizers over their optimizees, into one folder per run.

    Args:
        root_dir_path: The folder of all runs; it is made where there is none.
    """

    def __init__(self, root_dir_path: str | Path) -> None:
        self.root_dir_path = os.path.abspath(Path(root_dir_path).expanduser())
        self.paths: Paths | None = None
        self.traj: Trajectory | None = None
        self.trajectory: OurTrajectory | None = None
        """The run as our tools read it."""
        self._settings: dict[str, Any] = {}

    def prepare_experiment(self, **settings: Any) -> tuple[Trajectory, dict[str, Any]]:
        """Choose the run's folder and how it is run.

        Args:
            settings: `name` of the run; `trajectory_name`; `runner_params`, of which `max_workers` counts where there
                is no `srun`; `multiprocessing=False` for this process alone; `overwrite` to begin anew, the old run
                being kept aside; `stop_run` to end at the first failure; `timeout=True` to stop after two hours;
                `launcher`, one of ours. Others have no effect.

        Returns:
            The trajectory and the runner's parameters.

        Raises:
            OptionError: A checkpoint is given: a run that stopped goes on when the script is run again.
        """
        if settings.get("checkpoint") is not None:
            raise OptionError(
                "prepare_experiment: checkpoint: a run needs none here: run the script again with the same name, and "
                "it goes on where it stopped"
            )
        name = settings.get("name", "L2L-run")
        Path(self.root_dir_path).mkdir(parents=True, exist_ok=True)
        self.paths = Paths(name, {}, root_dir_path=self.root_dir_path)
        self._settings = settings
        self.traj = Trajectory(
            settings.get("trajectory_name", "trajectory"),
            debug=settings.get("debug"),
            stop_run=settings.get("stop_run"),
            timeout=settings.get("timeout"),
        )
        runner = {**(settings.get("runner_params") or {})}
        self.traj.f_add_parameter_group("runner_params")
        for key, value in runner.items():
            self.traj.f_add_parameter_to_group("runner_params", key, value)
        return self.traj, {"work_path": self.root_dir_path, "paths_obj": self.paths, **runner}

    def run_experiment(
        self, optimizer: Optimizer, optimizee: Any, optimizer_parameters: Any = None, optimizee_parameters: Any = None
    ) -> None:
        """Run to the end, or go on where it stopped.

        Args:
            optimizer: One of the shims.
            optimizee: An object of a class of theirs, or what `l2l.compat.wrap` made.
            optimizer_parameters: Not used: the optimizer has them.
            optimizee_parameters: Not used: the optimizee has them.

        Raises:
            OptionError: `prepare_experiment` was not called, or one of ours cannot do what was asked.
            RunFailed: Nothing succeeds, or a trial failed with `stop_run`.
        """
        if self.traj is None or self.paths is None:
            raise OptionError("run_experiment: call prepare_experiment before")
        self.trajectory = run(optimizer, optimizee, Path(self.paths.output_dir_path), self.traj, self._settings)

    def end_experiment(self, optimizer: Optimizer) -> tuple[Trajectory, Paths]:
        """The trajectory with all that was found, and the folders.

        Raises:
            OptionError: `prepare_experiment` was not called.
        """
        if self.traj is None or self.paths is None:
            raise OptionError("end_experiment: call prepare_experiment and run_experiment before")
        optimizer.end(self.traj)
        return self.traj, self.paths

    def load_trajectory(self, traj_path: str) -> Trajectory:
        """Refuse: no pickle is read.

        Raises:
            OptionError: Always; says what reads a run.
        """
        raise OptionError(
            f"load_trajectory: {traj_path}: pickled trajectories are not read; read a run of ours with "
            "l2l.Trajectory(FOLDER)"
        )


class Environment:
    """What older scripts run: an environment with a trajectory, to which `post_process` of the optimizer is added.

    Args:
        trajectory: Its name.
        filename: The run's folder, or a file within.
        settings: As of `Experiment.prepare_experiment`; others have no effect.
    """

    def __init__(self, trajectory: str = "trajectory", filename: str | Path = "", **settings: Any) -> None:
        self.trajectory = Trajectory(trajectory, **settings)
        self._folder = Path(filename or trajectory).expanduser()
        self._settings = settings
        self._optimizer: Optimizer | None = None
        self.run_trajectory: OurTrajectory | None = None
        """The run as our tools read it."""

    def add_postprocessing(self, func: Any) -> None:
        """Say which optimizer runs, by its `post_process`.

        Raises:
            OptionError: It is no method of a shim.
        """
        optimizer = getattr(func, "__self__", None)
        if not isinstance(optimizer, Optimizer):
            raise OptionError(f"add_postprocessing: expected post_process of an optimizer, got {func!r}")
        self._optimizer = optimizer

    def run(self) -> None:
        """Run to the end, or go on where it stopped.

        Raises:
            OptionError: No optimizer was added, or its `create_individual` is no method of an optimizee.
        """
        if self._optimizer is None:
            raise OptionError("Environment.run: call add_postprocessing(optimizer.post_process) before")
        optimizee = getattr(self._optimizer.optimizee_create_individual, "__self__", None)
        if optimizee is None:
            raise OptionError("Environment.run: optimizee_create_individual: expected the optimizee's method")
        self.run_trajectory = run(self._optimizer, optimizee, self._folder, self.trajectory, self._settings)

    def enable_logging(self) -> None:
        """Do nothing."""

    def disable_logging(self) -> None:
        """Do nothing."""


def run(
    optimizer: Optimizer, optimizee: Any, folder: Path, traj: Trajectory, settings: Mapping[str, Any]
) -> OurTrajectory:
    """Run an experiment of theirs in a folder, and write what came of it into their trajectory."""
    experiment, fresh = built(optimizee, optimizer, folder, settings), bool(settings.get("overwrite"))
    found = experiment.run(fresh=fresh)
    _fill(traj, optimizer, found)
    return found


def built(optimizee: Any, optimizer: Optimizer, folder: Path, settings: Mapping[str, Any]) -> OurExperiment:
    """Our experiment in place of theirs."""
    weights = optimizer.optimizee_fitness_weights
    if isinstance(optimizee, UpstreamOptimizee):
        wrapped = optimizee
    else:
        wrapped = wrap(optimizee, weights=weights, bounds=optimizer.bounds)
    largest = max(map(abs, weights)) or 1.0
    plan = optimizer.plan(Scale(wrapped.space, largest if len(weights) == 1 else 1.0))
    initial = _initial(plan, optimizer, wrapped)
    arguments: dict[str, Any] = {
        "directory": folder,
        "launcher": _launcher(settings),
        "stop": _stop(optimizer, settings),
        "seed": optimizer.seed,
        "weights": [abs(one) for one in weights] if len(weights) > 1 else None,
        "initial": initial,
        "on_failure": "raise" if settings.get("stop_run") else "continue",
    }
    choice = {"name": plan.name, **plan.options}
    population = OurExperiment(wrapped, choice, **arguments).optimizer_for(wrapped.space).population
    return OurExperiment(wrapped.counted(population), choice, **arguments)


def _initial(plan: Plan, optimizer: Optimizer, wrapped: UpstreamOptimizee) -> list[dict[str, Any]]:
    with seeded(optimizer.seed % 2**32):
        draws = [optimizer.optimizee_create_individual() for _ in range(plan.draws)]
    return [within(wrapped.space, one) for one in (*plan.initial, *draws)]


def _launcher(settings: Mapping[str, Any]) -> Any:
    if settings.get("launcher") is not None:
        return settings["launcher"]
    if settings.get("multiprocessing") is False:
        return "serial"
    runner = settings.get("runner_params") or {}
    if runner.get("max_workers") is None or runner.get("srun"):
        return "auto"
    return {"name": "local", "workers": min(int(runner["max_workers"]), len(os.sched_getaffinity(0)))}


def _stop(optimizer: Optimizer, settings: Mapping[str, Any]) -> dict[str, Any]:
    stop = {
        "generations": optimizer.generations,
        "target": optimizer.target,
        "walltime": _TWO_HOURS if settings.get("timeout") is True else None,
    }
    return {name: value for name, value in stop.items() if value is not None}


def _fill(traj: Trajectory, optimizer: Optimizer, found: OurTrajectory) -> None:
    """Write the whole history into their trajectory, and the best into their optimizer."""
    individuals, names = found.individuals, list(found.space)
    columns = {name: individuals[f"parameters/{name}"] for name in names}
    fitness = [individuals[f"fitness/{one.name}"] for one in found.objectives]
    firsts, counts = found.generations["first"], found.generations["count"]
    for generation, (first, count) in enumerate(zip(firsts.tolist(), counts.tolist(), strict=True)):
        members = [
            Individual(
                generation,
                row - first,
                {name: columns[name][row] for name in names},
                tuple(float(column[row]) for column in fitness),
            )
            for row in range(first, first + count)
        ]
        traj.individuals[generation] = members
        traj.results.all_results[generation] = [(one.ind_idx, one.fitness) for one in members]
    optimizer.g = len(firsts)
    traj.current_results = traj.results.all_results[len(firsts) - 1] if len(firsts) else []
    if found.succeeded:
        best = found.ranked(1)[0]
        optimizer.best_individual = {name: best[name] for name in names}
        several = len(found.objectives) > 1
        optimizer.best_fitness = tuple(best.fitness.values()) if several else best.fitness
