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


# --- whatever the length of what a program writes ---


@pytest.mark.parametrize("spikes", [5000, 20_000])
def test_a_last_line_is_read_whole_however_long_it_is(spikes: int, tmp_path: Path) -> None:
    script = f"import json; print('first'); print(json.dumps({{'e': 0.5, 't': [k * 0.125 for k in range({spikes})]}}))"
    command = python(script, objectives={"e": "minimize"}, observables={"t": {"ragged": True}})
    found = run(command, tmp_path)
    assert (found.status, found.fitness) == (Status.OK, (0.5,))
    assert found.observables["t"].tolist() == [k * 0.125 for k in range(spikes)]


@pytest.mark.parametrize("before", [TAIL - 3, TAIL - 1, TAIL, TAIL + 1, 3 * TAIL + 17])
def test_no_number_is_cut_where_a_piece_of_the_output_ends(before: int, tmp_path: Path) -> None:
    script = f"import sys; sys.stdout.write('x' * {before} + ' rate 123456.75 end')"
    assert fitness(python(script, pattern=r"rate (\S+)"), tmp_path) == 123456.75
    assert fitness(python(script, pattern=r"(?P<fitness>[\d.]+) end$"), tmp_path) == 123456.75
    assert fitness(python(script + "; print('\\r')", pattern=r"rate ([^ µ]+) end$"), tmp_path) == 123456.75
    blanks = f"import sys; sys.stdout.write('1.5 2.5\\n' + ' ' * {before})"
    two = python(blanks, objectives={"a": "minimize", "b": "minimize"})
    assert fitness(two, tmp_path) == (1.5, 2.5)


def test_a_line_beyond_all_bounds_is_invalid_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2l.optimizees.program.LARGEST_RESULT", 2 * TAIL)
    command = python(f"print('1' * {4 * TAIL})")
    assert failure(command, tmp_path) == (
        Status.INVALID,
        f"last line of standard output: expected at most {2 * TAIL} bytes, got more; is there a line break?",
    )
    status, message = failure(python(f"print('1' * {4 * TAIL})", pattern="(2)"), tmp_path)
    assert status is Status.INVALID and "expected lines of at most" in message


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (r"1.5\r\n", 1.5),
        (r"1.5", 1.5),
        (r" 1e3 \n\n", 1000.0),
        (r"1.0D-3\n", 0.001),
        (r"10 %\r50 %\r2.5\n", 2.5),
        (r"\ufeff2.5\n", 2.5),
    ],
)
def test_numbers_are_read_as_programs_write_them(written: str, expected: float, tmp_path: Path) -> None:
    script = f"import sys; sys.stdout.buffer.write('{written}'.encode())"
    assert fitness(python(script), tmp_path) == expected


@pytest.mark.parametrize("written", ["1,5", "1_000", "nan", "inf", "1.5 mV", "\\xff\\xfe", "٣", "[[" * 9000 + ""])
def test_what_is_no_finite_number_is_invalid(written: str, tmp_path: Path) -> None:
    assert failure(python(f"print('{written}')"), tmp_path)[0] is Status.INVALID


# --- environment ---


def test_variables_take_values_and_parameters_and_null_removes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L2L_TEST_GONE", "here")
    monkeypatch.setenv("L2L_TEST_KEPT", "kept")
    script = "import os; print(os.environ.get('L2L_TEST_GONE'), os.environ['L2L_TEST_KEPT'], os.environ['SCALE']); "
    script += "print(os.environ['X'])"
    environment = {"X": "{x:.2f}", "SCALE": 4, "L2L_TEST_GONE": None}
    assert fitness(python(script, environment=environment), tmp_path, x=0.125) == 0.12
    assert next(tmp_path.rglob("stdout.txt")).read_text().startswith("None kept 4")
    assert os.environ["L2L_TEST_GONE"] == "here"


def test_a_seed_in_the_environment_makes_a_model_stochastic() -> None:
    assert shell("echo 1", environment={"SEED": "{seed}"}).stochastic
    assert not shell("echo 1", environment={"TAU": "{x}"}).stochastic


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"A=B": "1"}, "expected the name of a variable, got 'A=B'"),
        ({"": "1"}, "expected the name of a variable"),
        ({"A": True}, "option 'environment': expected Mapping"),
        ({"A": "{y}"}, r"option 'environment': A: \{y\}: no value 'y'"),
        ({"A": [1]}, "option 'environment': expected Mapping"),
    ],
)
def test_a_wrong_environment_is_refused(environment: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        shell("echo 1", environment=environment)


def test_a_program_is_looked_for_on_the_path_that_it_gets(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "my-model"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 2.5\n")
    program.chmod(0o755)
    own = Command(command="my-model {x}", parameters=SPACE, environment={"PATH": f"{program.parent}:/usr/bin:/bin"})
    assert fitness(own, tmp_path / "run") == 2.5
    with pytest.raises(NotFoundError, match="'my-model' is not on the PATH here"):
        Command(command="my-model {x}", parameters=SPACE).setup()


# --- tables ---

TABLE = "# by a simulator\\ntime, rate ,cv\\n0,1.5,0.1\\n1,2.5,0.2\\n2, 5.0 ,0.6\\n\\n"


def table(result: Any, text: str = TABLE, name: str = "out.csv", **options: Any) -> Command:
    return shell(f"printf '{text}' > {name}", result=result, **options)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        *(("last", 5.0), ("first", 1.5), ("mean", 3.0), ("median", 2.5), ("min", 1.5), ("max", 5.0), ("sum", 9.0)),
        *((0, 1.5), (1, 2.5), (-2, 2.5)),
    ],
)
def test_the_fitness_is_in_a_column_of_a_table(row: Any, expected: float, tmp_path: Path) -> None:
    assert fitness(table({"csv": "out.csv", "column": "rate", "row": row}), tmp_path) == expected


def test_columns_have_the_names_of_objectives_and_observables_or_others(tmp_path: Path) -> None:
    command = table(
        {"csv": "out.csv", "column": {"final": "cv"}},
        objectives={"rate": "maximize", "final": "minimize"},
        observables={"time": {"ragged": True}},
    )
    found = run(command, tmp_path)
    assert found.fitness == (5.0, 0.6)
    assert found.observables["time"].tolist() == [0.0, 1.0, 2.0]


def test_tables_may_be_separated_by_tabs_or_have_no_names_or_be_standard_output(tmp_path: Path) -> None:
    assert fitness(table({"tsv": "o.tsv", "column": "b"}, "a\\tb\\n1\\t2\\n", "o.tsv"), tmp_path / "1") == 2.0
    assert fitness(table({"csv": "o.csv", "column": 1, "row": "sum"}, "1,2\\n3,4\\n", "o.csv"), tmp_path / "2") == 6.0
    printed = shell("printf 'a,b\\n1,2\\n'", result={"csv": "stdout.txt", "column": "b"})
    assert fitness(printed, tmp_path / "3") == 2.0


@pytest.mark.parametrize(
    ("result", "text", "message"),
    [
        ({"csv": "none.csv", "column": "rate"}, TABLE, "none.csv: the program was to write it, and did not"),
        ({"csv": "out.csv", "column": "rat"}, TABLE, "out.csv: no column 'rat'; did you mean 'rate'?"),
        ({"csv": "out.csv", "column": "rate"}, "rate\\n", "out.csv: expected a row with numbers, got none"),
        ({"csv": "out.csv", "column": "rate", "row": 7}, TABLE, "out.csv: expected a row 7 for fitness, got 3 rows"),
        ({"csv": "out.csv", "column": "b"}, "a,b\\n1\\n", "out.csv, line 2: expected a number in column 'b', got ''"),
        (
            {"csv": "out.csv", "column": "a"},
            "a\\nlots\\n",
            "out.csv, line 2: expected a number in column 'a', got 'lots'",
        ),
    ],
)
def test_a_table_without_the_number_is_invalid(result: Any, text: str, message: str, tmp_path: Path) -> None:
    assert failure(table(result, text), tmp_path) == (Status.INVALID, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"result": {"column": "a"}}, "expected a file, as in {csv: out.csv, column: rate}"),
        ({"result": {"csv": "a", "tsv": "b"}}, "expected a file, as in"),
        ({"result": {"csv": "../a"}}, "expected a name within the private folder"),
        ({"result": {"csv": "a", "colum": "b"}}, "no key 'colum'; did you mean 'column'"),
        ({"result": {"csv": "a", "row": "middle"}}, "row: expected first, last, mean"),
        ({"result": {"csv": "a", "column": -1}}, "column: expected a name, or a place from 0, got -1"),
        ({"result": {"csv": "a", "column": {"e": "b"}}}, "column: no objective or observable 'e'"),
        ({"result": {"csv": "a"}, "fitness": "json"}, "a table is for fitness: table, got fitness: json"),
        ({"fitness": "table"}, "expected a table, as {csv: out.csv, column: rate}"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        shell("echo 1", **options)
