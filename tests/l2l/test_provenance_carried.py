"""Optimizees that other processes cannot find by a name."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from l2l import Trajectory

WITHIN = """
    import sys
    import l2l
    from helper import scale
    GAIN = 1.0
    SPACE = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))
    def main(kind, launcher):
        global GAIN
        GAIN = 5.0
        shift = 0.25
        @l2l.optimizee(space=SPACE)
        def function(individual):
            return scale(GAIN * (individual["x"] - shift) ** 2)
        class Model(l2l.Optimizee):
            space = SPACE
            def __init__(self, *, power: int = 2):
                self.power = power
            def simulate(self, individual, trial):
                return scale(GAIN * (individual["x"] - shift) ** self.power)
        short = l2l.optimizee(space=SPACE)(lambda individual: scale(GAIN * (individual["x"] - shift) ** 2))
        made = {"function": function, "class": Model(power=2), "lambda": short}[kind]
        where = {"name": "executor", "executor": "processes", "workers": 1} if launcher == "executor" else launcher
        optimizer = {"name": "random", "population": 3}
        experiment = l2l.Experiment(made, optimizer, directory="run", launcher=where, stop={"individuals": 6})
        experiment.run(progress=None)
    if __name__ == "__main__":
        main(*sys.argv[1:])
"""


def script(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(textwrap.dedent(text))
    (folder / "helper.py").write_text("def scale(x):\n    return 2 * x\n")
    return subprocess.run([sys.executable, "script.py", *arguments], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("kind", "launcher"),
    [("function", "auto"), ("class", "local"), ("lambda", "local"), ("function", "executor")],
)
def test_a_model_of_a_function_runs_by_value_and_gives_what_it_gives_here(
    tmp_path: Path, kind: str, launcher: str
) -> None:
    done = script(tmp_path, WITHIN, kind, launcher)
    assert done.returncode == 0, done.stderr
    run = Trajectory(tmp_path / "run")
    assert [10.0 * (x - 0.25) ** 2 for x in run.individuals["parameters/x"]] == pytest.approx(
        run.individuals["fitness/fitness"].tolist(), rel=1e-15
    )
    assert {"function helper.py:scale", "constant script.py:GAIN"} <= set(run.parts)
    assert "GAIN = 5.0" in run.sources["script.py"] and "GAIN = 1.0" not in run.sources["script.py"]
    pids = set(run.segments["pid"].tolist())
    assert len(list((tmp_path / "run" / "logs").glob("worker-*"))) >= 1 or launcher == "executor", pids


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "l2l.cli", *words], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("kind", ["function", "class", "lambda"])
def test_a_model_of_a_function_can_be_built_again_from_the_runs_folder(tmp_path: Path, kind: str) -> None:
    assert script(tmp_path, WITHIN, kind, "serial").returncode == 0
    (tmp_path / "script.py").unlink()  # the folder has all but the modules that it imports
    again = command(tmp_path, "rerun", "run", "--individual", "3")
    assert again.returncode == 0 and "the same, bit for bit" in again.stdout and "changed" not in again.stdout
    more = command(tmp_path, "resume", "run", "--set", "stop.individuals=9", "--launcher", "serial")
    assert more.returncode == 0, more.stderr
    assert len(Trajectory(tmp_path / "run").individuals) == 9
    done = script(tmp_path, WITHIN.replace('"individuals": 6', '"individuals": 12'), kind, "serial")
    assert done.returncode == 0, done.stderr
    (tmp_path / "helper.py").write_text("def scale(x):\n    return 3 * x\n")
    refused = command(tmp_path, "resume", "run", "--set", "stop.individuals=15")
    assert refused.returncode == 2 and "function helper.py:scale" in refused.stderr


VALUES = """
    import functools
    import math
    from dataclasses import dataclass
    from pathlib import Path
    import numpy as np
    import l2l
    @dataclass(frozen=True)
    class Table:
        values: object
        scale: float = math.inf
    class Base:
        def cost(self, x):
            return abs(x)
    def made(table, names, power):
        class Model(Base, l2l.Optimizee):
            space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0), kind=l2l.Categorical("a", "b"))
            objectives = (l2l.Minimize("error", unit="mV"),)
            def simulate(self, individual, trial):
                base = super().cost(individual["x"])
                return {"error": power(base) + table.values["a"][0].sum() + len(names) + trial.rng.normal()}
        return Model()
    if __name__ == "__main__":
        table = Table({"a": [np.arange(3.0), None], ("b", 1): np.float32(2.0)})
        model = made(table, {"x", "y"}, functools.partial(math.pow, 2.0))
        l2l.Experiment(model, "random", directory="run", launcher="local", stop={"individuals": 4}).run(progress=None)
"""


def test_values_of_many_kinds_go_along_and_come_back(tmp_path: Path) -> None:
    done = script(tmp_path, VALUES)
    assert done.returncode == 0, done.stderr
    assert list(Trajectory(tmp_path / "run").notes) == []
    again = command(tmp_path, "rerun", "run", "--individual", "2")
    assert again.returncode == 0 and "changed" not in again.stdout, again.stdout + again.stderr


MADE = """
    import l2l
    def make():
        @l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))
        def function(individual):
            return individual["x"]
        return l2l.Experiment(function, "random", directory="made", launcher="jube", stop={"individuals": 3})
    experiment = make()
"""


def test_packages_of_jube_take_no_model_by_value(tmp_path: Path) -> None:
    done = script(tmp_path, WITHIN, "function", "jube")
    assert done.returncode != 0
    assert "no code is taken" in done.stderr or "JUBE is not installed" in done.stderr
    assert not (tmp_path / "run").exists()
    (tmp_path / "made.py").write_text(textwrap.dedent(MADE))
    checked = command(tmp_path, "check", "made.py")
    assert checked.returncode == 2, checked.stdout
    assert "no code is taken" in checked.stderr or "JUBE is not installed" in checked.stderr


UNSENT = """
    import threading
    import l2l
    def main():
        lock = threading.Lock()
        @l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))
        def function(individual):
            with lock:
                return individual["x"]
        experiment = l2l.Experiment(function, "random", directory="run", stop={"individuals": 3})
        experiment.run()
    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize("value", ["threading.Lock()", "open(__file__)"])
def test_what_cannot_be_sent_runs_here_and_says_so(tmp_path: Path, value: str) -> None:
    done = script(tmp_path, UNSENT.replace("threading.Lock()", value).replace("with lock:", "if lock:"))
    assert done.returncode == 0, done.stderr
    assert "all trials run in this process (launcher serial)" in done.stderr
    assert "it cannot be sent to other processes by value" in done.stderr
    notes = Trajectory(tmp_path / "run").notes
    assert "which has no plain form" in notes[0] and "cannot be built again" in notes[1]
    again = command(tmp_path, "rerun", "run", "--individual", "0")
    assert again.returncode == 2 and "go on from where it was defined" in again.stderr


GUARDED = """
    import l2l
    import helper
    def function(individual):
        return helper.scale(individual["x"])
    if __name__ == "__main__":
        model = l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))(function)
        experiment = l2l.Experiment(model, "random", directory="run", launcher="local", stop={"individuals": 3})
        experiment.run(progress=None)
"""


def test_a_model_under_the_guard_of_a_script_runs_on_workers(tmp_path: Path) -> None:
    done = script(tmp_path, GUARDED)
    assert done.returncode == 0, done.stderr


def test_a_value_that_only_this_process_has_is_refused_by_workers(tmp_path: Path) -> None:
    changed = GUARDED.replace("    experiment =", "    helper.FACTOR = 3.0\n        experiment =")
    (tmp_path / "helper.py").write_text("")
    text = textwrap.dedent(changed)
    (tmp_path / "script.py").write_text(text)
    (tmp_path / "helper.py").write_text("FACTOR = 2.0\ndef scale(x):\n    return FACTOR * x\n")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "constant helper.py:FACTOR (there: FACTOR = 2.0)" in done.stderr


NOTEBOOK = """
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    CELLS = [
        "import l2l, numpy as np\\nGAIN = 3.0\\nSPACE = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))",
        "def helper(x):\\n    return GAIN * np.abs(x)\\n",
        "@l2l.optimizee(space=SPACE)\\ndef f(individual):\\n    return helper(individual['x'])",
        "l2l.Experiment(f, 'random', directory='run', launcher='local', stop={'individuals': 3}).run(progress=None)",
        "GAIN = 4.0",
        "l2l.Experiment(f, 'random', directory='run', launcher='local', stop={'individuals': 6}).run(progress=None)",
    ]
    import __main__
    vars(__main__).pop("__file__", None)
    for number, text in enumerate(CELLS):
        found = shell.run_cell(text, store_history=True)
        if found.error_in_exec:
            print(number, found.error_in_exec)
"""


def test_a_model_of_a_notebook_runs_on_workers_and_knows_when_it_was_changed(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    done = script(tmp_path, NOTEBOOK)
    assert done.returncode == 0, done.stderr
    refusals = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert len(refusals) == 1 and refusals[0].startswith("5 ")
    assert "-GAIN = 3.0\n    +GAIN = 4.0" in done.stdout
    run = Trajectory(tmp_path / "run")
    assert run.individuals["fitness/fitness"].tolist() == [3.0 * x for x in run.individuals["parameters/x"]]
    assert "def helper(x):" in run.sources["a notebook"]


AGGREGATE = """
import numpy as np
import l2l
@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))
def model(individual, trial):
    return individual["x"] + trial.rng.normal()
def combined(costs):
    return np.max(costs)
experiment = l2l.Experiment(
    model, "random", directory="run", trials=2, aggregate=combined, launcher="serial", stop={"individuals": 3}
)
"""


def test_an_aggregate_that_computes_otherwise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(AGGREGATE)
    assert command(tmp_path, "run", "model.py").returncode == 0
    (tmp_path / "model.py").write_text("# a comment\n" + AGGREGATE)
    assert command(tmp_path, "run", "model.py", "--set", "stop.individuals=4").returncode == 0
    (tmp_path / "model.py").write_text(AGGREGATE.replace("np.max", "np.min"))
    for verb in ("run", "check"):
        done = command(tmp_path, verb, "model.py", "--set", "stop.individuals=5")
        assert done.returncode == 2
        assert "the aggregate has changed since this run began" in done.stderr and "+    return np.min" in done.stderr
        assert "--accept-changes" in done.stderr
    assert command(tmp_path, "run", "model.py", "--set", "stop.individuals=5", "--accept-changes").returncode == 0
