import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l import config, document
from l2l.config.experiment_file import KEYS
from l2l.errors import ConfigError
from l2l.experiment import Experiment
from l2l.experiment.identity import resolved
from l2l.space import Real

GOOD = """\
optimizee: {name: function, dimension: 2}
optimizer: {name: random, population: 4}
stop: {generations: 3}
"""


def load(text: str, *changes: str, name: str = "some.yaml") -> Experiment:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return config.load(name, [config.parse_change(change) for change in changes])


def test_a_key_is_the_argument_of_that_name() -> None:
    arguments = list(inspect.signature(Experiment.__init__).parameters)[1:]
    assert sorted(KEYS) == sorted(arguments)


def test_every_key_reaches_the_experiment(tmp_path: Path) -> None:
    (tmp_path / "sub" / "before").mkdir(parents=True)
    experiment = load(
        """\
optimizee: {name: function, function: ackley, dimension: 3, noise: 0.5}
optimizer: {name: cma-es, population: 6, sigma: 1e-1}
directory: here
launcher: {name: local, workers: 2}
stop: {generations: 3, target: 1e-3, walltime: 00:10:00}
seed: 7
trials: 4
aggregate: median
seeding: common
parameters: {x: {low: -1, high: 1}}
initial: [{x: [0.5, 0.5, 0.5]}]
memo: before
resources: {threads: 2, memory: 2 GB, timeout: 01:00}
on_failure: raise
retries: 2
max_failures: 0.5
keep: none
validate: {trials: 10}
""",
        name="sub/some.yaml",
    )
    assert experiment.optimizee.options == {"function": "ackley", "dimension": 3, "noise": 0.5}
    assert experiment.optimizer_options == {"population": 6, "sigma": 0.1}
    assert experiment.directory == tmp_path / "sub" / "here", "relative to the file"
    assert experiment.launcher_for().options == {"workers": 2}
    assert (experiment.stop.generations, experiment.stop.target, experiment.stop.walltime) == (3, 0.001, 600.0)
    assert (experiment.seed, experiment.trials, experiment.aggregate, experiment.seeding) == (7, 4, "median", "common")
    assert experiment.parameters == {"x": {"low": -1, "high": 1}}
    assert experiment.initial == [{"x": [0.5, 0.5, 0.5]}]
    assert experiment.memo == [tmp_path / "sub" / "before"]
    assert (experiment.resources.threads, experiment.resources.memory, experiment.resources.timeout) == (2, 2e9, 60)
    assert (experiment.on_failure, experiment.retries, experiment.max_failures, experiment.keep) == (
        "raise",
        2,
        0.5,
        "none",
    )
    assert experiment.validation is not None and experiment.validation.trials == 10


def test_the_run_folder_is_named_after_the_file() -> None:
    assert load(GOOD, name="experiments/brunel.yaml").directory == Path("runs/brunel")


def test_a_resolved_experiment_loads_as_the_same(tmp_path: Path) -> None:
    experiment = load(GOOD + "parameters: {x: {low: -1.5}}\nresources: {timeout: 90}\n", "seed=3", "launcher=local")
    folder = tmp_path / "runs" / "some"
    folder.mkdir(parents=True)
    document.write(folder / "experiment.yaml", resolved(experiment, folder))
    again = config.load(folder / "experiment.yaml")
    assert resolved(again, folder) == resolved(experiment, folder)


def test_what_python_says_in_arrays_is_read_again(tmp_path: Path) -> None:
    experiment = Experiment(
        "function",
        "random",
        directory=tmp_path,
        stop={"generations": 1},
        initial=[{"x": np.array([1.0, 2.0])}],
        parameters={"x": Real(-3.0, 3.0, shape=2)},
    )
    document.write(tmp_path / "experiment.yaml", resolved(experiment, tmp_path))
    again = config.load(tmp_path / "experiment.yaml")
    assert again.initial[0]["x"].tolist() == [1.0, 2.0]
    assert again.narrowed(again.optimizee.space) == experiment.narrowed(experiment.optimizee.space)


# --- changes -------------------------------------------------------------------------------------------------------


def test_changes_replace_and_add_values() -> None:
    experiment = load(GOOD, "stop.generations=40", "stop.target=1e-3", "optimizer.population=9", "parameters.x.low=-1")
    assert (experiment.stop.generations, experiment.stop.target) == (40, 0.001)
    assert experiment.optimizer_options == {"population": 9}
    assert experiment.parameters == {"x": {"low": -1}}


def test_a_plugin_given_by_name_alone_takes_options_from_changes() -> None:
    experiment = load("optimizee: function\noptimizer: random\nstop: {generations: 1}\n", "optimizer.population=9")
    assert experiment.optimizer_options == {"population": 9}


def test_a_change_to_null_takes_a_rule_away() -> None:
    assert load(GOOD, "stop.target=3", "stop.target=null").stop.target is None


def test_list_entries_are_changed_by_position() -> None:
    text = GOOD + "initial: [{x: [1.0, 1.0]}, {x: [2.0, 2.0]}]\n"
    assert load(text, "initial.1.x=[3.0, 3.0]").initial == [{"x": [1.0, 1.0]}, {"x": [3.0, 3.0]}]


def test_names_of_parameters_may_contain_dots(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import l2l\n"
        "@l2l.optimizee(space=l2l.ParameterSpace({'exc.tau': l2l.Real(1.0, 9.0), 'exc.g': l2l.Real(1.0, 9.0)}))\n"
        "def model(individual):\n    return individual['exc.tau']\n"
    )
    text = "optimizee: model.py:model\noptimizer: random\nstop: {generations: 1}\nparameters: {exc.g: {high: 5}}\n"
    experiment = load(text, "parameters.exc.tau=4.0", "parameters.exc.g.low=3")
    assert experiment.parameters == {"exc.tau": 4.0, "exc.g": {"high": 5, "low": 3}}
    with pytest.raises(ConfigError, match=r"parameters\.exc\.tua: no parameter 'exc\.tua'; did you mean 'exc\.tau'"):
        load(text, "parameters.exc.tua=4.0")


def test_paths_of_changes_are_relative_to_the_current_folder(tmp_path: Path) -> None:
    assert load(GOOD, "directory=elsewhere", name="sub/some.yaml").directory == tmp_path / "elsewhere"


@pytest.mark.parametrize("text", ["stop.generations", "=3", "stop..generations=3", ".=3"])
def test_a_change_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected key=value"):
        config.parse_change(text)


def test_errors_of_a_change_name_the_change() -> None:
    with pytest.raises(ConfigError) as caught:
        load(GOOD, "optimizer.popluation=3")
    assert str(caught.value) == (
        "--set optimizer.popluation=3: optimizer.popluation: no option 'popluation'; did you mean 'population'?"
    )


# --- Python files --------------------------------------------------------------------------------------------------

SCRIPT = """\
import l2l

@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(-5.0, 5.0)), objectives=l2l.Minimize("distance"))
def bowl(individual):
    return (individual["x"] - 1.0) ** 2

experiment = l2l.Experiment(bowl, {"name": "random", "population": 4}, stop=l2l.Stop(generations=3))
"""


def test_a_python_file_defines_an_experiment() -> None:
    experiment = load(SCRIPT, name="bowl.py")
    assert experiment.directory == Path("runs/bowl")
    assert experiment.optimizee.objectives[0].name == "distance"


def test_an_experiment_of_a_python_file_can_be_changed(tmp_path: Path) -> None:
    experiment = load(SCRIPT, "stop.generations=5", "optimizer.population=6", "directory=here", name="bowl.py")
    assert experiment.stop.generations == 5
    assert experiment.optimizer_options == {"population": 6}
    assert experiment.directory == tmp_path / "here"
    assert experiment.optimizee.objectives[0].name == "distance"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", r"bad\.py: it cannot be imported: SyntaxError.*line 1"),
        ("import l2l\nx = 1 / 0\n", r"ZeroDivisionError.*bad\.py, line 2"),
        ("raise SystemExit(3)", "SystemExit"),
        ("x = 1\n", r"bad\.py: experiment: expected .experiment = l2l\.Experiment.*got no such name"),
        ("experiment = 3\n", "got 3"),
        (SCRIPT.replace('"random"', '"randm"'), "no optimizer 'randm'; did you mean 'random'"),
        (SCRIPT.replace("generations=3", "generations=0"), "stop.generations: expected a whole number"),
    ],
)
def test_a_python_file_that_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load(text, name=f"{tmp_path.name}/bad.py")


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "model.py").write_text(
        "import l2l\nfrom pathlib import Path\n"
        "class Model(l2l.Optimizee):\n"
        "    space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))\n"
        "    def __init__(self, *, table: Path, tables: list[Path] = [], quiet: bool = False) -> None: ...\n"
        "    def simulate(self, individual, trial): return 0.0\n"
        "def total(costs): return costs.sum()\n"
    )
    text = """\
optimizee: {name: "model.py:Model", table: table.csv, tables: [a.csv, b.csv], quiet: yes}
optimizer: grid
aggregate: model.py:total
"""
    experiment = load(text, name="sub/some.yaml")
    options: dict[str, Any] = dict(experiment.optimizee.options)
    folder = tmp_path / "sub"
    assert options == {"table": folder / "table.csv", "tables": [folder / "a.csv", folder / "b.csv"], "quiet": True}
    assert callable(experiment.aggregate)
