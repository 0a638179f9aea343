"""Malformed experiment files, spaces and command lines, as a user would type them."""

from pathlib import Path

import pytest

from l2l.cli import main

GOOD = {
    "optimizee": "{name: function, dimension: 2}",
    "optimizer": "{name: random, population: 4}",
    "stop": "{generations: 3}",
}

MODEL = """\
import l2l

class Network(l2l.Optimizee):
    objectives = (l2l.Minimize("rate_error"), l2l.Minimize("cv_error"))
    space = l2l.ParameterSpace(
        eta=l2l.Real(0.5, 4.0),
        g=l2l.Real(3.0, 8.0),
        n=l2l.Integer(1, 100),
        model=l2l.Categorical("iaf", "adex"),
    )
    def __init__(self, *, rate: float, cv: float = 1.0, kind: str = "poisson") -> None:
        if rate < 0:
            raise ValueError(f"rate must not be negative, got {rate}")
    def simulate(self, individual, trial):
        return 0.0, 0.0

class Backwards(l2l.Optimizee):
    def __init__(self, *, low: float = 5.0) -> None:
        self.space = l2l.ParameterSpace(x=l2l.Real(low, 1.0))
    def simulate(self, individual, trial):
        return 0.0

class Logarithm(Backwards):
    def __init__(self) -> None:
        self.space = l2l.ParameterSpace(x=l2l.Real(-1.0, 1.0, log=True))

class Cyclic(Backwards):
    def __init__(self) -> None:
        self.space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0, when="y > 0"), y=l2l.Real(0.0, 1.0, when="x > 0"))

class Misspelt(Backwards):
    def __init__(self) -> None:
        self.space = l2l.ParameterSpace(tau=l2l.Real(0.0, 1.0), x=l2l.Real(0.0, 1.0, when="tua > 0"))

class Evil(Backwards):
    def __init__(self) -> None:
        self.space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0), constraints=["__import__('os').remove('x') < 1"])
"""

NETWORK = '{name: "model.py:Network", rate: 5.0}'


@pytest.fixture(autouse=True)
def _model() -> None:
    Path("model.py").write_text(MODEL)


def file_of(**keys: str) -> str:
    return "".join(f"{key}: {value}\n" for key, value in (GOOD | keys).items() if value is not None)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 2) -> str:
    """What a command line that is wrong prints."""
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    assert captured.err.startswith("l2l"), captured.err
    return captured.err


# (keys that replace or join those of a good file, what the message says: place, expected and got)
FILES: dict[str, tuple[dict[str, str], list[str]]] = {
    "an unknown key": ({"sede": "3"}, ["bad.yaml:4: sede: no key 'sede'", "did you mean 'seed'"]),
    "an unknown key in stop": ({"stop": "{generation: 3}"}, ["bad.yaml:3: stop.generation", "'generations'"]),
    "no number of generations": ({"stop": "{generations: many}"}, ["stop.generations", "whole number", "'many'"]),
    "no generation at all": ({"stop": "{generations: 0}"}, ["stop.generations", "at least 1", "got 0"]),
    "a target in words": ({"stop": "{target: low, generations: 1}"}, ["stop.target", "expected a number", "'low'"]),
    "a walltime in words": ({"stop": "{walltime: soon}"}, ["stop.walltime", "00:10:00", "'soon'"]),
    "stop as a number": ({"stop": "20"}, ["bad.yaml:3: stop", "expected a mapping", "got 20"]),
    "nothing that stops it": ({"stop": "{target: 0.0}"}, ["stop", "expected at least one of generations", "random"]),
    "a negative seed": ({"seed": "-1"}, ["bad.yaml:4: seed", "at least 0", "got -1"]),
    "a broken number of trials": ({"trials": "2.5"}, ["trials", "expected a whole number", "2.5"]),
    "no trials": ({"trials": "0"}, ["trials", "at least 1", "got 0"]),
    "an unknown aggregate": ({"aggregate": "meen"}, ["aggregate: no aggregate 'meen'", "'mean'"]),
    "an unknown seeding": ({"seeding": "random"}, ["seeding", "individual, common, generation", "'random'"]),
    "an unknown keep": ({"keep": "some"}, ["keep", "failures, best, all, none", "'some'"]),
    "an unknown policy": ({"on_failure": "ignore"}, ["on_failure", "continue, raise", "'ignore'"]),
    "negative retries": ({"retries": "-2"}, ["retries", "at least 0", "-2"]),
    "a share above one": ({"max_failures": "50"}, ["max_failures", "from 0 to 1", "got 50"]),
    "memory in words": ({"resources": "{memory: lots}"}, ["resources.memory", '"2 GB"', "'lots'"]),
    "an unknown resource": ({"resources": "{thread: 2}"}, ["resources.thread", "did you mean 'threads'"]),
    "no threads": ({"resources": "{threads: 0}"}, ["resources.threads", "at least 1", "got 0"]),
    "a misspelt optimizer": ({"optimizer": "cmaes"}, ["bad.yaml:2: optimizer", "did you mean 'cma-es'"]),
    "a class for a name": ({"optimizer": "CMAES"}, ["optimizer", "did you mean 'cma-es'"]),
    "an optimizee as optimizer": ({"optimizer": "function"}, ["optimizer", "there is an optimizee of that name"]),
    "a misspelt optimizee": ({"optimizee": "functoin"}, ["bad.yaml:1: optimizee", "did you mean 'function'"]),
    "an unknown launcher": ({"launcher": "abacus"}, ["launcher", "'local'", "'serial'"]),
    "an option of another plugin": ({"optimizer": "{name: random, sigma: 1}"}, ["optimizer.sigma: no option 'sigma'"]),
    "a misspelt option": ({"optimizee": "{name: function, dimesion: 2}"}, ["optimizee.dimesion", "'dimension'"]),
    "an option of a wrong type": (
        {"optimizer": "{name: random, population: big}"},
        ["bad.yaml:2: optimizer.population", "expected int", "got 'big'"],
    ),
    "an option out of range": ({"optimizer": "{name: random, population: 0}"}, ["optimizer.population", "got 0"]),
    "an option without a value among its choices": (
        {"optimizee": "{name: function, function: spere}"},
        ["optimizee.function", "sphere", "'spere'"],
    ),
    "an option that must be given": ({"optimizee": "model.py:Network"}, ["optimizee", "'rate' must be given"]),
    "an option that the constructor refuses": (
        {"optimizee": '{name: "model.py:Network", rate: -1}'},
        ["optimizee", "rate must not be negative, got -1"],
    ),
    "a mapping without a name": ({"optimizer": "{population: 4}"}, ["optimizer", "expected a name", "population"]),
    "an optimizee that is a number": ({"optimizee": "3"}, ["optimizee", "expected a name or a mapping", "got 3"]),
    "a file that is not there": ({"optimizee": '"absent.py:Model"'}, ["optimizee", "there is no file", "absent.py"]),
    "a class that is not there": ({"optimizee": '"model.py:Netwrok"'}, ["optimizee", "did you mean 'Network'"]),
    "a package that is not there": ({"optimizee": '"absent.models:Model"'}, ["optimizee", "no module 'absent'"]),
    "low above high": (
        {"optimizee": '"model.py:Backwards"'},
        ["optimizee: Backwards", "low must be below high", "low=5.0"],
    ),
    "log of a negative bound": ({"optimizee": '"model.py:Logarithm"'}, ["optimizee", "low above 0", "low=-1.0"]),
    "conditions in a circle": ({"optimizee": '"model.py:Cyclic"'}, ["optimizee", "circle", "x → y"]),
    "a condition on nothing": ({"optimizee": '"model.py:Misspelt"'}, ["optimizee", "'x'", "did you mean 'tau'"]),
    "a constraint that is code": ({"optimizee": '"model.py:Evil"'}, ["optimizee", "constraint"]),
    "a misspelt parameter": (
        {"optimizee": NETWORK, "weights": "[1, 1]", "parameters": "{etta: 2.0}"},
        ["bad.yaml:5: parameters.etta: no parameter 'etta'", "did you mean 'eta'"],
    ),
    "a parameter beyond its bounds": (
        {"optimizee": NETWORK, "parameters": "{eta: {high: 9.0}}"},
        ["parameters.eta.high", "9.0", "0.5 to 4.0"],
    ),
    "bounds the wrong way round": (
        {"optimizee": NETWORK, "parameters": "{eta: {low: 3.0, high: 1.0}}"},
        ["bad.yaml:4: parameters.eta", "low must be below high", "low=3.0 and high=1.0"],
    ),
    "a value in words": ({"optimizee": NETWORK, "parameters": "{eta: high}"}, ["parameters.eta", "number", "'high'"]),
    "an unknown key of a parameter": (
        {"optimizee": NETWORK, "parameters": "{eta: {lower: 1.0}}"},
        ["parameters.eta", "'lower'", "'low'"],
    ),
    "a choice that is none": (
        {"optimizee": NETWORK, "parameters": "{model: {choices: [iaf, izhikevich]}}"},
        ["parameters.model", "choices", "'adex'", "'izhikevich'"],
    ),
    "a broken integer": ({"optimizee": NETWORK, "parameters": "{n: 2.5}"}, ["parameters.n", "integer", "2.5"]),
    "parameters as a list": ({"parameters": "[1, 2]"}, ["parameters", "expected a mapping", "[1, 2]"]),
    "a misspelt initial parameter": (
        {"optimizee": NETWORK, "initial": "[{eta: 1.0}, {ega: 1.0}]"},
        ["initial[1].ega", "did you mean"],
    ),
    "an initial value out of bounds": ({"optimizee": NETWORK, "initial": "[{eta: 9.0}]"}, ["initial[0].eta", "9.0"]),
    "two objectives without weights": (
        {"optimizee": NETWORK, "optimizer": "cma-es"},
        ["weights", "rate_error, cv_error", "got none"],
    ),
    "too many weights": (
        {"optimizee": NETWORK, "optimizer": "cma-es", "weights": "[1, 2, 3]"},
        ["weights", "expected 2 numbers", "[1, 2, 3]"],
    ),
    "a weight of nothing": (
        {"optimizee": NETWORK, "optimizer": "cma-es", "weights": "{rate: 1.0}"},
        ["weights.rate", "'rate_error'"],
    ),
    "a weight in words": ({"weights": "{fitness: much}"}, ["weights.fitness", "expected a number", "'much'"]),
    "a memo that is not there": ({"memo": "[runs/before]"}, ["bad.yaml:4: memo[0]", "there is no run", "runs/before"]),
    "an unknown key of validate": ({"validate": "{trails: 10}"}, ["validate.trails", "did you mean 'trials'"]),
    "validation without randomness": ({"validate": "{trials: 10}"}, ["validate", "not stochastic"]),
    "a directory that is a list": ({"directory": "[a]"}, ["directory", "expected text", "['a']"]),
}


@pytest.mark.parametrize(("keys", "parts"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_wrong_value_is_named_with_its_place(
    command: str, keys: dict[str, str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.yaml").write_text(file_of(**keys))
    message = refused([command, "bad.yaml"], capsys)
    for part in ["bad.yaml", *parts]:
        assert part in message
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty.yaml", "expected a mapping", "got nothing"]),
        ("- 1\n- 2\n", ["expected a mapping", "got [1, 2]"]),
        ("optimizee: function\n", ["expected the keys optimizee and optimizer", "'optimizer' is missing"]),
        ("optimizee: [function\n", ["not YAML", "empty.yaml:"]),
        ("optimizee: function\noptimizer: random\noptimizee: command\n", ["empty.yaml:3: optimizee: given twice"]),
        ("optimizee: !!python/name:os.system\noptimizer: random\n", ["empty.yaml:1: optimizee", "expected plain data"]),
        ("\toptimizee: function\n", ["empty.yaml:1", "not YAML"]),
    ],
)
def test_a_file_that_is_no_experiment_is_named(text: str, parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.yaml").write_text(text)
    message = refused(["run", "empty.yaml"], capsys)
    for part in parts:
        assert part in message


COMMAND_LINES: dict[str, tuple[list[str], list[str]]] = {
    "nothing": ([], ["expected a command", "run, submit, resume"]),
    "a misspelt command": (["rum", "good.yaml"], ["no command 'rum'", "'run'", "l2l --help"]),
    "no file": (["run"], ["FILE", "l2l run --help"]),
    "a file that is not there": (["run", "absent.yaml"], ["absent.yaml", "there is no such file"]),
    "a folder as a file": (["run", "."], ["expected a file, got a folder"]),
    "a misspelt flag": (["run", "good.yaml", "--worker", "2"], ["no option '--worker'", "'--workers'"]),
    "too much": (["run", "good.yaml", "better.yaml"], ["better.yaml"]),
    "workers in words": (["run", "good.yaml", "--workers", "all"], ["--workers", "whole number", "'all'"]),
    "no workers": (["run", "good.yaml", "--workers", "0"], ["--workers", "above 0", "'0'"]),
    "workers where there are none": (
        ["run", "good.yaml", "--launcher", "serial", "--workers", "2"],
        ["--workers 2", "no option 'workers'"],
    ),
    "an unknown launcher": (["run", "good.yaml", "--launcher", "moon"], ["--launcher moon", "no launcher 'moon'"]),
    "no repeats": (["run", "good.yaml", "--repeats", "none"], ["--repeats", "'none'"]),
    "a change without a value": (["run", "good.yaml", "--set", "seed"], ["--set seed", "expected key=value"]),
    "a change of nothing": (["run", "good.yaml", "--set", "sede=3"], ["--set sede=3", "did you mean 'seed'"]),
    "a change of a wrong type": (["run", "good.yaml", "--set", "seed=me"], ["--set seed=me", "whole number", "'me'"]),
    "a change within a number": (["run", "good.yaml", "--set", "trials.x=1"], ["--set trials.x=1", "trials"]),
    "a change that is no YAML": (["run", "good.yaml", "--set", "seed=[1"], ["--set seed=[1", "not YAML"]),
    "a directory that is a file": (["check", "good.yaml", "--directory", "model.py"], ["model.py"]),
    "an unknown kind": (["list", "optimizer"], ["no KIND 'optimizer'", "'optimizers'"]),
    "an unknown plugin": (["list", "optimizers", "cmaes"], ["did you mean 'cma-es'"]),
    "nothing new": (["new"], ["KIND", "NAME"]),
    "a new thing of no kind": (["new", "optimiser", "x"], ["'optimiser'", "'optimizer'"]),
    "a name that is none": (["new", "optimizer", "2fast"], ["NAME", "'2fast'"]),
    "a name that Python needs": (["new", "optimizer", "random"], ["NAME", "'random'"]),
    "a run that is not there": (["resume", "runs/absent"], ["runs/absent", "no such folder"]),
    "a folder that is no run": (["resume", "."], ["expected the folder of a run"]),
}


@pytest.mark.parametrize(("arguments", "parts"), COMMAND_LINES.values(), ids=COMMAND_LINES)
def test_a_wrong_command_line_says_what_to_type(
    arguments: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("good.yaml").write_text(file_of())
    message = refused(arguments, capsys)
    for part in parts:
        assert part in message
