import json
import os
import re
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l.errors import NotFoundError, OptionError
from l2l.optimizee import Optimizee
from l2l.optimizees import Command
from l2l.optimizees.program import TAIL
from l2l.provenance import fingerprint
from l2l.registry import build
from l2l.space import Categorical, ParameterSpace, Real
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Evaluation, Maximize, Resources, Status, Trial
from l2l.worker.evaluate import evaluate

PROGRAMS = Path(__file__).parent / "programs"
SPACE = ParameterSpace(x=Real(-5.0, 5.0, default=1.5))
PYTHON = sys.executable


class TestAProgramWithFiles(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return Command(
            command=[PYTHON, "{model}"],
            parameters=ParameterSpace(tau=Real(1.0, 9.0), weights=Real(-1.0, 1.0, shape=3)),
            files={"input.json": PROGRAMS / "input.json"},
            paths={"model": PROGRAMS / "model.py"},
            fitness="json",
            objectives={"error": "minimize"},
            observables={"trace": {"shape": [3]}},
        )


class TestAProgramOfTheSystem(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return Command(command="echo {x}", parameters=SPACE)


def python(script: str, **options: Any) -> Command:
    return Command(**{"command": [PYTHON, "-c", braces(script), "{x}"], "parameters": SPACE, **options})


def braces(script: str) -> str:
    return script.replace("{", "{{").replace("}", "}}")


def shell(script: str, **options: Any) -> Command:
    return Command(**{"command": ["sh", "-c", script], "parameters": SPACE, **options})


def run(command: Command, folder: Path, resources: Resources = Resources(), **values: Any) -> Evaluation:
    command.setup()
    individual = command.space.individual({**command.space.default, **values})
    return evaluate(command, Trial(individual, 2, entropy=1, resources=resources, root=folder))


def fitness(command: Command, folder: Path, **values: Any) -> Any:
    found = run(command, folder, **values)
    assert found.failure is None, found.failure
    return found.fitness if len(found.fitness) > 1 else found.fitness[0]


def failure(command: Command, folder: Path) -> tuple[Status, str]:
    found = run(command, folder)
    assert found.failure is not None
    return found.status, found.failure.message


# --- what goes in ---


def test_words_take_parameters_in_full_precision_and_by_format(tmp_path: Path) -> None:
    assert fitness(Command(command="echo {x}", parameters=SPACE), tmp_path, x=0.123456789012) == 0.123456789012
    assert fitness(Command(command="echo {x:.2f}", parameters=SPACE), tmp_path, x=0.123456789012) == 0.12


def test_words_take_vectors_as_json_or_by_component_and_texts_as_they_are(tmp_path: Path) -> None:
    space = ParameterSpace(w=Real(0.0, 1.0, shape=(2, 2)), mode=Categorical("a b;$(exit 9)", None, True))
    script = "import sys, json; print(json.dumps(sys.argv[1:])); print(0)"
    command = Command(
        command=[PYTHON, "-c", script, "{w}", "{w:words}", "{w[1][0]:.3f}", "--mode={mode}", "{{w}}"], parameters=space
    )
    w = np.array([[0.0, 0.25], [0.5, 1.0]])
    fitness(command, tmp_path, w=w)
    words = json.loads(next(tmp_path.rglob("stdout.txt")).read_text().splitlines()[0])
    assert words == ["[[0.0, 0.25], [0.5, 1.0]]", "0.0 0.25 0.5 1.0", "0.500", "--mode=a b;$(exit 9)", "{w}"]


def test_words_take_what_the_trial_offers(tmp_path: Path) -> None:
    script = "import sys, os; print(os.getcwd() == sys.argv[4], *sys.argv[1:4]); print(0)"
    command = Command(
        command=[PYTHON, "-c", script, "{seed}", "{trial}", "{threads}", "{directory}"],
        parameters=SPACE,
    )
    individual = command.space.default
    trial = Trial(individual, 2, entropy=77, resources=Resources(threads=3), root=tmp_path)
    assert evaluate(command, trial).status is Status.OK
    assert (trial.directory / "stdout.txt").read_text().splitlines()[0] == f"True {trial.seed} 2 3"


def test_input_files_are_rendered_below_the_private_folder_with_the_templates_permissions(tmp_path: Path) -> None:
    template = tmp_path / "a template.sh"
    template.write_text('#!/bin/sh\n{ echo "${HOME}"; { echo "{{ x:+.1f }}"; }; }\n')
    template.chmod(0o755)
    command = Command(command="./bin/run.sh", parameters=SPACE, files={"bin/run.sh": template})
    assert fitness(command, tmp_path) == 1.5


def test_paths_with_spaces_and_relative_ones_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    program = folder / "the model.sh"
    program.write_text('#!/bin/sh\necho "$1"\n')
    program.chmod(0o755)
    monkeypatch.chdir(folder)
    command = Command(command="{program} {x}", paths={"program": Path("the model.sh")}, parameters=SPACE)
    assert fitness(command, tmp_path / "private folders") == 1.5


def test_programs_are_started_by_the_launch_prefix(tmp_path: Path) -> None:
    command = shell('echo "$RANKS"')
    trial = Trial(SPACE.default, root=tmp_path, launch=("env", "RANKS=4"))
    assert evaluate(command, trial).fitness == (4.0,)


def test_the_content_of_paths_and_templates_is_part_of_the_model(tmp_path: Path) -> None:
    template, program = tmp_path / "t.txt", tmp_path / "model.sh"
    program.write_text("exit 1")

    def digest(text: str) -> str:
        template.write_text(text)
        command = Command(command="sh {model}", parameters=SPACE, files={"i.txt": template}, paths={"model": program})
        return fingerprint(command).digest

    first, second = digest("{{x}}"), digest("{{ x }}")
    assert first != second
    assert digest("{{x}}") == first
    program.write_text("exit 2")
    assert digest("{{x}}") != first


# --- what comes out ---


@pytest.mark.parametrize("printed", ["3.5", "rubbish\n3.5\n\n", "  3.5  ", "3.5,", '{"fitness": 3.5, "more": 1}'])
def test_the_last_line_of_standard_output_is_the_fitness(printed: str, tmp_path: Path) -> None:
    assert fitness(python(f"print({printed!r})"), tmp_path) == 3.5


def test_a_last_line_of_several_numbers_is_one_for_each_objective(tmp_path: Path) -> None:
    objectives = {"error": "minimize", "gain": {"maximize": True, "unit": "Hz"}}
    command = python("print('1.0, -2e3')", objectives=objectives)
    assert fitness(command, tmp_path) == (1.0, -2000.0)
    assert command.objectives[1] == Maximize("gain", unit="Hz")


def test_a_json_line_has_observables_too(tmp_path: Path) -> None:
    script = 'print(\'{"rate": 4, "fitness": 1, "spikes": [1.5, 2.5, 9]}\')'
    observables = {"rate": {"unit": "Hz"}, "spikes": {"ragged": True, "unit": "ms"}}
    found = run(python(script, observables=observables), tmp_path)
    assert found.fitness == (1.0,)
    assert found.observables["rate"] == 4.0
    assert found.observables["spikes"].tolist() == [1.5, 2.5, 9.0]


def test_a_pattern_finds_the_last_match_in_any_line(tmp_path: Path) -> None:
    script = "print('loss: 9.0 rate: 1\\nloss: 2.5 rate: 7\\ndone')"
    assert fitness(python(script, pattern=r"loss: (\S+)"), tmp_path) == 2.5
    command = python(script, pattern=r"loss: (?P<fitness>\S+) rate: (?P<rate>\d+)", observables={"rate": {}})
    found = run(command, tmp_path)
    assert (found.fitness, found.observables["rate"]) == ((2.5,), 7.0)


def test_a_json_file_may_be_a_bare_number(tmp_path: Path) -> None:
    command = python("open('out.json', 'w').write('0.25')", fitness="json", result="out.json")
    assert fitness(command, tmp_path) == 0.25


def test_an_exit_code_can_be_the_fitness(tmp_path: Path) -> None:
    assert fitness(shell("exit 7", fitness="exit-code"), tmp_path) == 7.0
    assert fitness(shell("true", fitness="exit-code"), tmp_path) == 0.0
    status, message = failure(shell("kill -9 $$", fitness="exit-code"), tmp_path)
    assert (status, message) == (Status.FAILED, "ProgramFailed: sh: ended by SIGKILL: it wrote nothing")


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        ("pass", {}, "standard output: expected the fitness on its last line, got nothing"),
        ("print('good')", {}, "last line of standard output: expected a number, got 'good'"),
        ("print('nan')", {}, r"fitness: expected a finite number \(fitness\), got \(nan,\)"),
        ("print('1 2')", {}, r"fitness: expected a finite number \(fitness\), got \(1.0, 2.0\)"),
        ("print('{1}')", {}, r"last line of standard output: expected JSON, got '\{1\}'"),
        ("print('{\"fitnes\": 1}')", {}, r"fitness: expected a finite number \(fitness\), got no fitness"),
        ("print('{\"fitness\": null}')", {}, r"fitness: expected a finite number"),
        ("print(1)", {"pattern": "loss (.*)"}, "expected a line that matches 'loss \\(.*\\)', found none"),
        ("print('loss high')", {"pattern": "loss (.*)"}, "standard output: expected a number, got 'loss high'"),
        ("pass", {"fitness": "json"}, "result.json: the program was to write it, and did not"),
        ("open('result.json', 'w').write('{')", {"fitness": "json"}, "result.json: expected JSON, got '{'"),
        ("print('{\"fitness\": 1}')", {"observables": {"r": {}}}, "observables: expected r, got no r"),
    ],
)
def test_what_is_not_a_fitness_is_invalid_and_says_where(
    script: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    status, said = failure(python(script, **options), tmp_path)
    assert status is Status.INVALID
    assert re.search(message, said), said


# --- what goes wrong ---


def test_another_exit_code_is_a_failure_with_the_end_of_what_it_wrote(tmp_path: Path) -> None:
    script = "import sys; print(5); sys.stderr.write('x' * 100_000 + '\\nunstable\\nbad tau\\n'); sys.exit(3)"
    found = run(python(script), tmp_path)
    assert found.status is Status.FAILED and found.failure is not None
    assert found.failure.message.startswith("ProgramFailed: python")
    assert found.failure.message.endswith(": exit code 3: bad tau")
    assert "unstable\nbad tau" in found.failure.traceback
    assert len(found.failure.traceback) < 10_000


def test_output_of_any_size_stays_on_disk(tmp_path: Path) -> None:
    script = "import sys\nfor _ in range(40): sys.stdout.write('x' * 1_000_000)\nprint('\\n1.5')"
    command = python(script)
    command.setup()
    tracemalloc.start()
    try:
        assert fitness(command, tmp_path) == 1.5
        assert fitness(python(script, pattern=r"^(1\.5)$"), tmp_path) == 1.5
        assert tracemalloc.get_traced_memory()[1] < 40 * TAIL
    finally:
        tracemalloc.stop()
    assert next(tmp_path.rglob("stdout.txt")).stat().st_size == 40_000_005


def test_a_missing_program_is_told_before_the_first_trial(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="the program 'no-such-program' is not on the PATH here"):
        Command(command="no-such-program {x}", parameters=SPACE).setup()
    with pytest.raises(NotFoundError, match=r"relative to the private folder of a trial.*paths: {program: \./model}"):
        Command(command="./model {x}", parameters=SPACE).setup()
    plain = tmp_path / "model.sh"
    plain.write_text("echo 1")
    with pytest.raises(NotFoundError, match=r"model\.sh' is not there, or may not be executed"):
        Command(command="{program} {x}", paths={"program": plain}, parameters=SPACE).setup()


def test_a_program_dies_with_the_process_that_evaluates(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = (
        "from pathlib import Path; from l2l.space import ParameterSpace, Real; from l2l.values import Trial\n"
        "from l2l.optimizees import Command\n"
        f"c = Command(command=['sh', '-c', 'echo $$ > {mark}.tmp; mv {mark}.tmp {mark}; exec sleep 1000'],"
        " parameters=ParameterSpace(x=Real(0.0, 1.0)))\n"
        f"c.simulate(c.space.default, Trial(c.space.default, root=Path({str(tmp_path)!r})))\n"
    )
    evaluating = subprocess.Popen([PYTHON, "-c", script])
    wait_until(mark.exists)
    program = int(mark.read_text())
    assert running(program)
    evaluating.kill()
    evaluating.wait()
    wait_until(lambda: not running(program))


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds: Any) -> None:
    until = time.monotonic() + 20.0
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        os.sched_yield()


def test_an_interrupted_trial_takes_its_program_along(tmp_path: Path) -> None:
    command = shell(f"echo $$ > {tmp_path}/pid; kill -INT {os.getpid()}; exec sleep 1000")
    with pytest.raises(KeyboardInterrupt):
        command.simulate(SPACE.default, Trial(SPACE.default, root=tmp_path / "trials"))
    assert not running(int((tmp_path / "pid").read_text()))


def test_a_program_ended_by_a_shutdown_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    status, message = failure(shell("kill -TERM $$"), tmp_path)
    assert (status, message) == (Status.FAILED, "ProgramFailed: sh: ended by SIGTERM: it wrote nothing")
    assert waited == [1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": []}, "'command': expected a program"),
        ({"command": "echo 'x"}, "'command': No closing quotation"),
        ({"command": "echo {y}"}, r"'command': '\{y\}': \{y\}: no value 'y'; there are: 'directory', 'seed'"),
        ({"command": "echo {sed}"}, "did you mean 'seed'"),
        ({"command": "echo {x"}, r"'\{x': expected \{name\}, or \{\{ and \}\} for braces"),
        ({"command": "echo {x:d}"}, "x = 1.5: Unknown format code 'd'"),
        ({"command": "echo {x[3]}"}, r"x\[3\] = 1.5: too many indices"),
        ({"parameters": ParameterSpace(seed=Real(0.0, 1.0))}, "'seed' stands for two things"),
        ({"objectives": {"f": "min"}}, "'objectives': f: expected minimize, maximize or .*got 'min'"),
        ({"objectives": {"f": {"max": True}}}, "expected minimize, maximize or"),
        ({"objectives": {}}, "'objectives': expected at least one"),
        ({"observables": {"r": {"unti": "Hz"}}}, "'observables': r: no key 'unti'; did you mean 'unit'"),
        ({"observables": {"r": {"dtype": "text"}}}, "'observables': r: .*text"),
        ({"observables": {"r": 3}}, "'observables': r: expected {shape"),
        ({"observables": {"fitness": {}}}, "'fitness' is an objective and an observable"),
        ({"pattern": "("}, "'pattern': expected a regular expression"),
        ({"pattern": "loss"}, r"'pattern': expected a group for each of fitness, named like \(\?P<fitness>"),
        ({"pattern": "(?P<loss>.)"}, "'pattern': expected a group for each of fitness"),
        ({"pattern": "(.)", "fitness": "json"}, "'pattern': is for fitness: stdout"),
        ({"fitness": "exit-code", "observables": {"r": {}}}, "an exit code is one number"),
        ({"fitness": "file"}, "'fitness': expected .*stdout.*got 'file'"),
        ({"result": "../result.json"}, "'result': expected a name within the private folder"),
        ({"files": {"/etc/passwd": PROGRAMS / "input.json"}}, "'files': expected a name within the private folder"),
        ({"files": {"i.json": PROGRAMS / "input.json"}}, r"input.json, line 1: \{\{tau\}\}: no value 'tau'"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Command(**{"command": "echo {x}", "parameters": SPACE, **options})


@pytest.mark.parametrize("option", ["files", "paths"])
def test_missing_files_are_told_when_it_is_built(option: str) -> None:
    with pytest.raises(NotFoundError, match=f"'{option}'.*no-such-file"):
        Command(command="echo {x}", parameters=SPACE, **{option: {"a": Path("no-such-file")}})


def test_it_can_be_described_in_an_experiment_file(tmp_path: Path) -> None:
    command = build(
        "optimizee",
        {
            "name": "command",
            "command": "python3 {model}",
            "parameters": {
                "tau": {"low": 1.0, "high": 9.0, "log": True},
                "weights": {"low": 0.0, "high": 1.0, "shape": 2},
            },
            "files": {"input.json": "input.json"},
            "paths": {"model": "model.py"},
            "fitness": "json",
            "objectives": {"error": "minimize"},
        },
        base=PROGRAMS,
    )
    assert isinstance(command, Command)
    assert fitness(command, tmp_path, weights=np.zeros(2), tau=3.0) == pytest.approx(0.0, abs=3.0)


def test_it_is_stochastic_where_a_template_has_the_seed() -> None:
    assert not Command(command="echo {x}", parameters=SPACE).stochastic
    assert Command(command="echo {x} {seed}", parameters=SPACE).stochastic
    assert Command(command="echo {x}", parameters=SPACE, stochastic=True).stochastic
