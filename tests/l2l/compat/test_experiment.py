import importlib
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.compat import optimizers as theirs
from l2l.compat import upstream
from l2l.compat.distributions import BayesianGaussianMixture, NoisyGaussian
from l2l.compat.experiment import Environment, Experiment
from l2l.errors import OptionError, RunFailed
from tests.l2l.compat.models import BOWL, SCRIPT, SEEN, beside


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with beside(tmp_path, bowl=BOWL, seen=SEEN):
        yield tmp_path


def bowl_module() -> Any:
    with upstream():
        return importlib.import_module("bowl")


def run(optimizer: type[theirs.Optimizer], parameters: Any, weights: Any = (-1.0,), **settings: Any) -> tuple[Any, Any]:
    """An experiment as a script has it; their trajectory and ours."""
    module = bowl_module()
    experiment = Experiment("results")
    traj, _ = experiment.prepare_experiment(**{"name": "bowl", "launcher": "serial", **settings})
    optimizee = module.BowlOptimizee(traj, module.BowlParameters(depth=1.0, seed=3))
    one = optimizer(traj, optimizee.create_individual, weights, parameters, optimizee.bounding_func)
    experiment.run_experiment(optimizer=one, optimizee=optimizee, optimizer_parameters=parameters)
    found, paths = experiment.end_experiment(one)
    assert found is traj
    assert Path(paths.output_dir_path) == Path("results/bowl").absolute()
    assert traj.results.final_fitness == one.best_fitness == experiment.trajectory.best.fitness  # type: ignore[union-attr]
    return traj, experiment.trajectory


def annealing(schedule: theirs.AvailableCoolingSchedules) -> Any:
    return theirs.SimulatedAnnealingParameters(4, 0.3, 0.9, 3, np.inf, 1, schedule)


INF = math.inf
KINDS: list[tuple[type[theirs.Optimizer], Any, str]] = [
    (
        theirs.GeneticAlgorithmOptimizer,
        theirs.GeneticAlgorithmParameters(1, 6, 0.5, 0.3, 3, 0.2, 3, 0.5, 1.0),
        "genetic-algorithm",
    ),
    (
        theirs.MultiGeneticAlgorithmOptimizer,
        theirs.MultiGeneticAlgorithmParameters(1, 3, 0.5, 0.3, 3, 0.2, 3, 0.5, 1.0, 2),
        "genetic-algorithm",
    ),
    (
        theirs.EvolutionStrategiesOptimizer,
        theirs.EvolutionStrategiesParameters(0.1, 0.5, True, True, 3, 3, INF, 1),
        "evolution-strategies",
    ),
    (
        theirs.NaturalEvolutionStrategiesOptimizer,
        theirs.NaturalEvolutionStrategiesParameters(None, None, np.ones(4), np.ones(4), False, True, 6, 3, INF, 1),
        "natural-evolution-strategies",
    ),
    (
        theirs.CrossEntropyOptimizer,
        theirs.CrossEntropyParameters(10, 0.5, 0.2, 0, 3, NoisyGaussian(0.5, noise_decay=0.9), INF, 1),
        "cross-entropy",
    ),
    (
        theirs.CrossEntropyOptimizer,
        theirs.CrossEntropyParameters(40, 0.9, 0.0, 0.5, 2, BayesianGaussianMixture(3), INF, 1),
        "cross-entropy",
    ),
    (theirs.FACEOptimizer, theirs.FACEParameters(6, 20, 3, 0.2, 0.0, 3, NoisyGaussian(), INF, 5, 1), "face"),
    (theirs.GradientDescentOptimizer, theirs.ClassicGDParameters(0.05, 0.1, 8, 3, INF, 1), "gradient-descent"),
    (
        theirs.GradientDescentOptimizer,
        theirs.StochasticGDParameters(0.05, 1.0, 0.9, 0.1, 8, 3, INF, 1),
        "gradient-descent",
    ),
    (theirs.GradientDescentOptimizer, theirs.AdamParameters(0.1, 0.1, 8, 0.8, 0.9, 3, INF, 1), "gradient-descent"),
    (theirs.GradientDescentOptimizer, theirs.AdaMaxParameters(0.1, 0.1, 8, 0.8, 0.9, 3, INF, 1), "gradient-descent"),
    (theirs.GradientDescentOptimizer, theirs.RMSPropParameters(0.1, 0.1, 8, 0.5, 3, INF, 1), "gradient-descent"),
    (
        theirs.MultiGradientDescentOptimizer,
        theirs.MultiRMSPropParameters(0.1, 0.1, 4, 0.5, 3, INF, 1, 2),
        "gradient-descent",
    ),
    (theirs.GridSearchOptimizer, theirs.GridSearchParameters({"x": (-1.0, 1.0, 2), "y": (0.0, 2.0, 1)}), "grid"),
    *(
        (theirs.SimulatedAnnealingOptimizer, annealing(schedule), "simulated-annealing")
        for schedule in theirs.AvailableCoolingSchedules
    ),
    (
        theirs.ParallelTemperingOptimizer,
        theirs.ParallelTemperingParameters(
            3,
            0.3,
            3,
            INF,
            1,
            [theirs.AvailableCoolingSchedules.DEFAULT] * 3,
            np.array([[1, 0], [2, 0], [3, 0]]),
            [0.9] * 3,
        ),
        "parallel-tempering",
    ),
]


@pytest.mark.parametrize(("optimizer", "parameters", "name"), KINDS, ids=[str(type(one[1]).__name__) for one in KINDS])
def test_each_of_their_optimizers_runs_as_one_of_ours(
    files: Path, optimizer: type[theirs.Optimizer], parameters: Any, name: str
) -> None:
    traj, trajectory = run(optimizer, parameters)
    assert f"name: {name}" in trajectory.experiment
    generations = 1 if name == "grid" else parameters.n_iteration
    assert len(traj.individuals) == len(traj.results.all_results) == generations
    assert traj.results.n_iteration == generations
    assert trajectory.individuals["status"].tolist() == [0] * len(trajectory.individuals)


def test_a_grid_has_their_points(files: Path) -> None:
    traj, trajectory = run(
        theirs.GridSearchOptimizer, theirs.GridSearchParameters({"x": (-1.0, 1.0, 2), "y": (0.0, 2.0, 1)})
    )
    assert sorted({one.x for one in traj.individuals[0]}) == [-1.0, 0.0, 1.0]
    assert sorted({*np.ravel([one.y for one in traj.individuals[0]])}) == [0.0, 2.0]
    assert len(traj.individuals[0]) == 3 * 2**3
    assert trajectory.finished


def test_nothing_of_the_history_is_erased(files: Path) -> None:
    traj, trajectory = run(theirs.EvolutionStrategiesOptimizer, KINDS[2][1])
    fitness = trajectory.individuals["fitness/fitness"].tolist()
    results = [traj.results.all_results[generation] for generation in range(3)]
    assert [place for one in results for place, _ in one] == [*range(7)] * 3
    assert [value for one in results for _, (value,) in one] == fitness
    assert [one.fitness[0] for generation in range(3) for one in traj.individuals[generation]] == fitness


@pytest.mark.parametrize(("weight", "sign"), [(-0.5, 1.0), (0.5, -1.0)])
def test_a_run_ends_at_the_weighted_fitness_that_is_asked_for(files: Path, weight: float, sign: float) -> None:
    parameters = theirs.CrossEntropyParameters(20, 0.3, 0.2, 0, 50, NoisyGaussian(0.1), -0.5 if weight < 0 else 2.0, 1)
    traj, trajectory = run(theirs.CrossEntropyOptimizer, parameters, (weight,))
    assert trajectory.reason.startswith("target ")
    assert traj.results.final_fitness * weight >= parameters.stop_criterion
    assert len(traj.individuals) < 50
    assert trajectory.objectives[0].sign == sign


def test_a_run_goes_on_when_the_script_is_run_again_and_begins_anew_where_it_says_so(files: Path) -> None:
    kind, parameters, _ = KINDS[0]
    traj, _ = run(kind, parameters)
    again, trajectory = run(kind, parameters._replace(n_iteration=5))
    assert len(again.individuals) == 5
    assert again.results.all_results[0] == traj.results.all_results[0]
    assert len(trajectory.segments) == 2
    _, fresh = run(kind, parameters, overwrite=True)
    assert len(fresh.segments) == 1


def failing(**settings: Any) -> None:
    with upstream():
        module = importlib.import_module("seen")
    experiment = Experiment("results")
    traj, _ = experiment.prepare_experiment(name="failing", **settings)
    optimizee = module.SeenOptimizee(traj, "error")
    optimizer = theirs.GeneticAlgorithmOptimizer(traj, optimizee.create_individual, (1.0,), KINDS[0][1])
    experiment.run_experiment(optimizer, optimizee)


@pytest.mark.parametrize("stop_run", [False, True])
def test_a_model_that_raises_ends_the_run_with_its_message(files: Path, stop_run: bool) -> None:
    with pytest.raises(RunFailed, match="this model always fails"):
        failing(stop_run=stop_run, runner_params={"max_workers": 2})


def test_an_older_script_runs_its_environment(files: Path) -> None:
    module = bowl_module()
    environment = Environment(trajectory="old", filename="results/old", multiprocessing=False, comment="ignored")
    traj = environment.trajectory
    optimizee = module.BowlOptimizee(traj, module.BowlParameters(depth=1.0, seed=3))
    optimizer = theirs.GeneticAlgorithmOptimizer(traj, optimizee.create_individual, (-1.0,), KINDS[0][1])
    environment.add_postprocessing(optimizer.post_process)
    environment.run()
    optimizer.end(traj)
    assert len(l2l.Trajectory("results/old").individuals) == 18
    assert traj.results.final_fitness == optimizer.best_fitness


class Own(theirs.Optimizer):
    """An optimizer of a user's own."""


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: run(Own, theirs.GeneticAlgorithmParameters(1, 6, 0.5, 0.3, 3, 0.2, 3, 0.5, 1.0)),
        "of one's own cannot be",
    ),
    (lambda: run(theirs.GradientDescentOptimizer, KINDS[0][1]), "expected ClassicGDParameters or its like"),
    (lambda: Experiment("results").prepare_experiment(checkpoint="x"), "run the script again"),
    (lambda: Experiment("results").load_trajectory("x.bin"), "pickled trajectories are not read"),
    (lambda: Experiment("results").run_experiment(None, None), "call prepare_experiment before"),  # type: ignore[arg-type]
    (lambda: Environment().run(), "call add_postprocessing"),
    (lambda: Environment().add_postprocessing(print), "expected post_process of an optimizer"),
]


@pytest.mark.parametrize(("act", "message"), REFUSED, ids=[one[1] for one in REFUSED])
def test_what_cannot_be_done_says_why(files: Path, act: Callable[[], Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        act()


def test_a_whole_script_runs_unchanged_and_again(files: Path) -> None:
    (files / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "l2l.compat", "script.py"]
    first = subprocess.run(command, cwd=files, capture_output=True, text=True, timeout=100)
    assert first.returncode == 0, first.stderr
    generations, best = first.stdout.splitlines()
    assert generations == "4 [10, 10, 10, 10]"
    shutil.copytree(files / "results" / "bowl", files / "kept")
    again = subprocess.run(command, cwd=files, capture_output=True, text=True, timeout=100)
    assert again.stdout == first.stdout, again.stderr
    assert l2l.Trajectory("kept").best.fitness == float(best)


def test_a_script_may_hold_its_optimizee_itself(files: Path) -> None:
    (files / "script.py").write_text(BOWL + SCRIPT.replace("from bowl import BowlOptimizee, BowlParameters\n", ""))
    command = [sys.executable, "-m", "l2l.compat", "script.py"]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    trajectory = l2l.Trajectory(files / "results" / "bowl")
    assert trajectory.individuals["status"].tolist() == [0] * 40
    assert trajectory.rerun(0, 0).same


def test_several_fitnesses_are_weighed(files: Path) -> None:
    with upstream():
        module = importlib.import_module("seen")
    experiment = Experiment("results")
    traj, _ = experiment.prepare_experiment(name="several", multiprocessing=False)
    optimizee = module.SeenOptimizee(traj, "random")
    optimizer = theirs.GeneticAlgorithmOptimizer(traj, optimizee.create_individual, (-1.0, 3.0), KINDS[0][1])
    experiment.run_experiment(optimizer, optimizee)
    experiment.end_experiment(optimizer)
    both = np.array([value for one in traj.results.all_results.todict().values() for _, value in one])
    assert optimizer.best_fitness == tuple(both[np.argmax(both @ [-1.0, 3.0])])


def test_a_script_without_a_guard_is_told_so_in_place_of_running_for_ever(files: Path) -> None:
    lines = SCRIPT.replace('if __name__ == "__main__":\n    main()', "main()")
    text = BOWL + lines.replace("from bowl import BowlOptimizee, BowlParameters\n", "")
    (files / "script.py").write_text(text)
    command = [sys.executable, "-m", "l2l.compat", "script.py"]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert 'guard it with: if __name__ == "__main__":' in done.stderr


def test_a_script_that_is_not_there_is_wrong_usage(files: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "l2l.compat", "nothing.py"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "there is no file nothing.py" in done.stderr
