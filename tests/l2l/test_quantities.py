"""What users write as counts, flags, durations and sizes, in every place that takes one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l import config
from l2l.errors import L2LError, OptionError
from l2l.launchers.jube.launcher import JubeLauncher
from l2l.launchers.local import LocalLauncher
from l2l.optimizers.cma_es import CMAES
from l2l.optimizers.genetic_algorithm import GeneticAlgorithm
from l2l.quantities import duration, flag, scalar, share, whole
from l2l.space import Integer, ParameterSpace, Real

# --- from NumPy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "two", [2, 2.0, np.int64(2), np.uint8(2), np.float32(2.0), np.longdouble(2), np.array(2), np.array([2])]
)
def test_a_count_may_come_from_numpy(two: Any) -> None:
    count = whole(two, "n")
    assert (count, type(count)) == (2, int)


@pytest.mark.parametrize("wrong", [True, np.True_, 1.5, np.float64("nan"), "2", None, np.array([1, 2]), [2], 0])
def test_what_is_no_count_is_refused(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"^n: expected a whole number of at least 1, got "):
        whole(wrong, "n")


def test_flags_and_shares_may_come_from_numpy() -> None:
    assert flag(np.True_, "f") is True and flag(np.array([False]), "f") is False
    assert share(np.float32(0.5), "s") == 0.5 and type(share(np.int64(1), "s")) is float
    assert type(scalar(np.longdouble(0.5))) is float


@pytest.mark.parametrize("wrong", [1, "yes", np.int64(1), None])
def test_a_number_is_no_flag(wrong: Any) -> None:
    with pytest.raises(OptionError, match="f: expected true or false"):
        flag(wrong, "f")


@l2l.optimizee(space=ParameterSpace(x=Real(0.0, 1.0)), objectives=l2l.Minimize("e"))
def model(individual: Any, trial: Any) -> float:
    return float(individual["x"])


@pytest.mark.parametrize("of", [np.int64, np.uint16, np.float64, lambda n: np.array([n])])
def test_a_whole_experiment_takes_numbers_of_numpy(of: Any, tmp_path: Path) -> None:
    experiment = l2l.Experiment(
        model,
        {"name": "genetic-algorithm", "population": of(4), "steady_state": np.False_},
        directory=tmp_path / "run",
        launcher={"name": "serial"},
        seed=np.int64(3),
        trials=of(2),
        retries=of(1),
        max_failures=np.float32(1.0),
        stop={"generations": of(2), "target": np.float64(-1.0)},
        resources={"threads": of(1), "timeout": None},
        parameters={"x": {"low": np.float32(0.25), "high": np.array(0.75)}},
        initial=[{"x": np.float64(0.5)}],
    )
    trajectory = experiment.run(progress=None)
    assert trajectory.finished and len(trajectory.generations) == 2
    again = l2l.Experiment(
        model,
        {"name": "genetic-algorithm", "population": 4},
        directory=tmp_path / "run",
        launcher="serial",
        seed=3,
        trials=2,
        stop={"generations": 2},
        parameters={"x": {"low": 0.25, "high": 0.75}},
        initial=[{"x": 0.5}],
    )
    assert again.run(progress=None).finished, "the same experiment in Python's own numbers"
    assert config.load(tmp_path / "run" / "experiment.yaml").retries == 1


def test_weights_and_validation_take_numbers_of_numpy(tmp_path: Path) -> None:
    weights = l2l.Experiment(
        "function",
        "cma-es",
        directory=tmp_path,
        stop={"generations": np.int64(1)},
        weights=np.array([0.25]),
    ).weights
    assert weights == [0.25]


@pytest.mark.parametrize("of", [np.int64, np.array, lambda n: np.array([n])])
def test_plugins_take_numbers_of_numpy_as_options(of: Any) -> None:
    space = ParameterSpace(x=Real(0.0, 1.0), n=Integer(0, 9))
    search = GeneticAlgorithm(space, population=of(6), seed=of(1))
    assert (search.options["population"], type(search.population)) == (6, int)
    assert CMAES(space, sigma=np.array([0.2]), population=of(6)).population == 6
    assert LocalLauncher(workers=of(2)).options["workers"] == 2


def test_spaces_take_numbers_of_numpy() -> None:
    real = Real(np.float64(0.5), np.array([2.0]), log=np.True_, shape=np.array([2, 3]))
    assert real == Real(0.5, 2.0, log=True, shape=(2, 3))
    assert l2l.Integer(np.array([1]), np.int8(5), step=np.int64(2)) == l2l.Integer(1, 5, step=2)
    assert len(ParameterSpace(x=Real(0.0, 1.0)).grid({"x": np.array([3])})) == 3
    assert len(ParameterSpace(x=Real(0.0, 1.0)).sobol(np.array([4]))) == 4
    assert l2l.Observable(np.array([2])).shape == (2,) and l2l.Objective("e", np.True_).maximize is True


# --- durations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        *((90, 90.0), (np.float32(0.5), 0.5), (np.int64(90), 90.0), (np.array([90]), 90.0)),
        *(("10min", 600.0), ("10 min", 600.0), ("10 Minutes", 600.0), ("1h", 3600.0), ("1h30m", 5400.0)),
        *(("1 h 30 min", 5400.0), ("2d", 172800.0), ("2 days 12h", 216000.0), ("90s", 90.0), ("1.5h", 5400.0)),
        *(("500ms", 0.5), ("1w", 604800.0), ("00:10:00", 600.0), ("1-00:00:00", 86400.0), ("10:00", 600.0)),
        *((timedelta(minutes=10), 600.0), (np.timedelta64(10, "m"), 600.0)),
    ],
)
def test_a_duration_has_one_meaning_wherever_it_is_taken(said: Any, seconds: float) -> None:
    assert duration(said, "here") == seconds
    assert l2l.Resources(timeout=said).timeout == seconds
    assert l2l.Stop(walltime=said).walltime == seconds


WRONG = ["", "10", "soon", "10 parsecs", "30min 1h", "1h1h", "min", "1m5", "-1h", "0s", True, 0, -1, float("inf"), [1]]


@pytest.mark.parametrize("said", WRONG)
def test_other_durations_are_refused_with_the_forms_that_are_known(said: Any) -> None:
    with pytest.raises(OptionError, match=r'^here: expected seconds .*"10min", "1h30m" or "2d", .*"00:10:00", got '):
        duration(said, "here")


@pytest.mark.parametrize("launcher", [LocalLauncher, JubeLauncher])
def test_the_patience_of_a_launcher_is_a_duration(launcher: Any) -> None:
    launcher(patience="10min")
    with pytest.raises(OptionError, match=r"option 'patience': expected seconds or a text such as \"10min\""):
        launcher(patience="10 parsecs")


@pytest.mark.parametrize(
    ("said", "seconds"), [("10min", 600.0), ("00:10:00", 600.0), ("600", 600.0), ("1h30m", 5400.0)]
)
def test_a_file_writes_durations_as_text_or_seconds(said: str, seconds: float, tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(
        "optimizee: function\noptimizer: random\n"
        f"stop: {{generations: 1, walltime: {said}}}\nresources: {{timeout: {said}}}\n"
        f"launcher: {{name: local, patience: {said}}}\n"
    )
    experiment = config.load(file)
    assert (experiment.stop.walltime, experiment.resources.timeout) == (seconds, seconds)


def test_a_wrong_duration_in_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("optimizee: function\noptimizer: random\nstop:\n  generations: 1\n  walltime: 10 parsecs\n")
    with pytest.raises(L2LError, match=r"one.yaml:5: stop.walltime: expected seconds or a text such as "):
        config.load(file)
