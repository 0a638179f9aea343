"""The manual is true: its examples run, its tables name what there is, its commands are commands."""

import difflib
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from difflib import ndiff
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import h5py
import pytest
import yaml

import l2l
from l2l import registry
from l2l.cli.dispatch import COMMANDS, FAILED, FINISHED, INTERRUPTED, STOPPED, WRONG
from l2l.cli.parser import EXIT_CODES, Parser, build, parse
from l2l.experiment.experiment import MAY_CHANGE
from l2l.optimizees.features import FEATURES
from l2l.plot import KINDS
from l2l.plugin import describe_options

MANUAL = Path(__file__).parent.parent / "docs"
PAGES = sorted(MANUAL.glob("*.md"))
# The pages whose Python blocks make one module when put together: it must import without error.
MODULES = ["experiments.md", "launcher.md", "spaces.md"]


class Block(NamedTuple):
    """A fenced block of a page; its file is the one that a title or a first comment names."""

    language: str
    text: str
    file: str | None


def blocks_of(page: Path, language: str = "") -> list[Block]:
    found = []
    for kind, title, text in re.findall(
        r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```', page.read_text(), re.MULTILINE | re.DOTALL
    ):
        named = re.match(r"# (\S+\.yaml)\n", text)
        found.append(Block(kind, text, title or (named[1] if named else None)))
    return [one for one in found if not language or one.language == language]


def table_of(page: Path, heading: str) -> list[list[str]]:
    """The cells, in code or not, of the table whose header begins with a cell."""
    lines = page.read_text().splitlines()
    starts = [place for place, line in enumerate(lines) if line.startswith(f"| {heading} |")]
    assert starts, f"{page.name} has no table headed {heading!r}"
    rows = []
    for start in starts:
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def run(folder: Path, *command: str) -> str:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": tools}, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def walk(page: Path, folder: Path, *, python: bool = True) -> list[str]:
    """Do what a page says, from top to bottom: write its files, run its commands and its Python; what they print."""
    printed = []
    script = ""
    for block in blocks_of(page):
        if block.file:
            (folder / block.file).write_text(block.text)
        elif block.language == "sh" and "venv" not in block.text:
            printed.append(run(folder, "bash", "-ec", block.text))
        elif block.language == "python" and python:
            script += block.text  # later blocks use what earlier ones named
            printed.append(run(folder, sys.executable, "-c", script))
    return printed


# --- examples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [MANUAL.parent / "README.md", MANUAL / "tutorial.md"], ids=lambda page: page.name)
def test_first_example_finds_its_optimum(tmp_path: Path, page: Path) -> None:
    (tmp_path / "example.py").write_text(blocks_of(page, "python")[0].text)
    numbers = [float(text) for text in run(tmp_path, sys.executable, "example.py").split()]
    assert numbers[:2] == pytest.approx([1.0, -2.0], abs=0.01)
    assert numbers[2] <= 1e-6
    for shown in re.findall(r"^(\d\S+ -\d\S+ \S+)$", page.read_text(), re.MULTILINE):
        assert numbers == pytest.approx([float(text) for text in shown.split()], rel=1e-3)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_page_import(tmp_path: Path, name: str) -> None:
    (tmp_path / "example.py").write_text("\n".join(one.text for one in blocks_of(MANUAL / name, "python")))
    run(tmp_path, sys.executable, "-c", "import example")


@pytest.mark.parametrize("name", ["experiments.md", "tutorial.md", "balanced-network.md"])
def test_the_experiments_shown_are_those_that_ship(repository: Path, name: str) -> None:
    shipped = [yaml.safe_load(path.read_text()) for path in (repository / "experiments").glob("brunel*.yaml")]
    shown = [yaml.safe_load(one.text) for one in blocks_of(MANUAL / name, "yaml") if "nest-balanced" in one.text]
    assert shown
    for one in shown:
        assert one in shipped


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_grids_from_coarse_to_fine_and_a_program_run_as_the_manual_says(tmp_path: Path) -> None:
    text = (MANUAL / "experiments.md").read_text()
    _, again, *_ = walk(MANUAL / "experiments.md", tmp_path, python=False)[0].split("new run in runs/fine")
    counts = re.findall(r"^\d+ generations?, .* trials.*$", text, re.MULTILINE)
    assert len(counts) == 3
    for line in counts[1:]:
        assert line in again
    results = walk(MANUAL / "command.md", tmp_path)
    assert "finished: target 0.001 reached" in results[0]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_scan_can_be_followed_from_coarse_to_fine(tmp_path: Path) -> None:
    coarse, fine = walk(MANUAL / "large-scans.md", tmp_path)[:2]
    assert "a lattice of 33 × 33 = 1,089 points, the first of 5 × 5 = 25" in coarse
    assert "all 250 samples are asked" in coarse
    assert "all 800 samples are asked" in fine
    assert (tmp_path / "regimes.png").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["optimizee.md", "optimizer.md"])
def test_plugins_are_written_run_and_tested_as_the_manual_says(tmp_path: Path, name: str) -> None:
    printed = "".join(walk(MANUAL / name, tmp_path))
    assert "finished: " in printed
    assert re.search(r"\d+ passed", printed)


def test_an_executor_is_made_as_the_manual_says(tmp_path: Path) -> None:
    assert "finished: 3 generations" in walk(MANUAL / "executor.md", tmp_path)[-1]


@pytest.mark.slow
def test_files_of_upstream_run_as_the_manual_says(tmp_path: Path) -> None:
    wrapped, script, own = walk(MANUAL / "upstream.md", tmp_path)
    assert "coords=Real(-5.0, 5.0, shape=2)" in wrapped
    assert "target 1e-06 reached" in wrapped
    assert "fitness\tcoords" in script
    assert 0.0 <= float(own) < 1.0


@pytest.fixture(scope="module")
def walked(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tutorial was followed, with a network that is simulated for less time."""
    pytest.importorskip("nest")
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("walked")
    (folder / "experiments").mkdir()
    for path in (repository / "experiments").glob("brunel*.yaml"):
        experiment = yaml.safe_load(path.read_text())
        experiment["optimizee"] |= {"n_excitatory": 80, "duration": 200.0, "warmup": 50.0}
        if "stop" in experiment:
            experiment["stop"] = {"generations": 2}
        (folder / "experiments" / path.name).write_text(yaml.safe_dump(experiment))
    walk(MANUAL / "tutorial.md", folder)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tutorial_can_be_followed(walked: Path) -> None:
    assert l2l.Trajectory(walked / "runs/brunel").finished
    assert l2l.Trajectory(walked / "runs/bowl").reason == "target 1e-09 reached"
    assert (walked / "runs/brunel/individuals.csv").exists()
    assert (walked / "brunel.png").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["archive.md", "failures.md", "balanced-network.md"])
def test_what_other_pages_do_with_these_runs_works(walked: Path, name: str) -> None:
    assert walk(MANUAL / name, walked)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_learning_to_learn_can_be_followed(repository: Path, tmp_path: Path) -> None:
    page = MANUAL / "learning-to-learn.md"
    shown = [yaml.safe_load(one.text) for one in blocks_of(page, "yaml")]
    shorter = {
        "learning-sinusoids": {"train_tasks": 5, "test_tasks": 5},
        "nest-plasticity": {"train_tasks": 1, "test_tasks": 1, "presentations": 9},
    }
    (tmp_path / "experiments").mkdir()
    for name, options in shorter.items():
        experiment = yaml.safe_load((repository / f"experiments/{name}.yaml").read_text())
        assert experiment in shown
        experiment["optimizee"] |= options
        experiment["stop"], experiment["validate"] = {"generations": 2}, {"trials": 1}
        (tmp_path / f"experiments/{name}.yaml").write_text(yaml.safe_dump(experiment))
    text = page.read_text()
    for long, short in (
        ("PlasticityLearner()", "PlasticityLearner(test_tasks=2)"),
        ('"generations": 20', '"generations": 2'),
    ):
        assert long in text
        text = text.replace(long, short)
    (tmp_path / page.name).write_text(text)
    printed = walk(tmp_path / page.name, tmp_path)
    held_out = float(re.search(r"has loss (\S+)", printed[0])[1])  # type: ignore[index]
    assert held_out < float(printed[1]) / 10
    for figure in re.findall(r"images/(\S+)\)", text):
        assert (tmp_path / figure).stat().st_size > 5000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_fit_of_a_cell_can_be_followed(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "experiments/cell", tmp_path / "experiments/cell")
    (shown,) = (yaml.safe_load(one.text) for one in blocks_of(MANUAL / "cell-fit.md", "yaml"))
    for name, optimizee in (
        ("arbor-cell", "arbor-cell"),
        ("neuron-cell", "neuron-cell"),
        ("arbor-cell-front", "arbor-cell"),
    ):
        experiment = yaml.safe_load((repository / f"experiments/{name}.yaml").read_text())
        expected = shown | {"optimizee": shown["optimizee"] | {"name": optimizee}}
        assert experiment == expected or name == "arbor-cell-front"
        experiment["optimizer"]["population"], experiment["stop"] = 4, {"generations": 1}
        (tmp_path / f"experiments/{name}.yaml").write_text(yaml.safe_dump(experiment))
    walk(MANUAL / "cell-fit.md", tmp_path)
    assert (tmp_path / "cell-fit.png").stat().st_size > 5000
    listed = {row[0].strip("`"): (row[1], float(row[2])) for row in table_of(MANUAL / "cell-fit.md", "feature")}
    assert listed == {name: (one.unit, one.spread) for name, one in FEATURES.items()}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_arbor_script_becomes_an_optimizee_in_under_thirty_lines(tmp_path: Path) -> None:
    page = MANUAL / "tutorial-arbor.md"
    script, model = (
        [line.strip() for line in one.text.splitlines() if line.strip()] for one in blocks_of(page, "python")[:2]
    )
    added = [line for line in difflib.ndiff(script, model) if line.startswith("+ ")]
    assert f"{len(added)} of its lines change or are new" in page.read_text()
    assert len(added) < 30
    printed = walk(page, tmp_path)
    rate = float(printed[0].split()[-1])
    assert f"It fires at {rate:.0f} spikes/s" in page.read_text()
    assert "finished: target 0.1 reached" in printed[1]


SMALL_IN_NEST = {
    "digits": (
        {"n_reservoir": 30, "n_training": 40, "n_test": 10, "batch": 10},
        {"population": 4, "size": 100},
    ),
    "structural-plasticity": ({"growth": 1000.0, "duration": 1000.0}, {"population": 4}),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SMALL_IN_NEST)
def test_experiments_in_nest_can_be_followed(repository: Path, tmp_path: Path, name: str) -> None:
    experiment = yaml.safe_load((repository / f"experiments/{name}.yaml").read_text())
    page = MANUAL / f"{name}.md"
    assert [yaml.safe_load(one.text) for one in blocks_of(page, "yaml")] == [experiment]
    optimizee, optimizer = SMALL_IN_NEST[name]
    experiment["optimizee"] |= optimizee
    experiment["optimizer"] |= optimizer
    experiment["stop"] = {"generations": 2}
    (tmp_path / "experiments").mkdir()
    (tmp_path / f"experiments/{name}.yaml").write_text(yaml.safe_dump(experiment))
    assert "2 generations" in walk(page, tmp_path)[0]
    for figure in re.findall(r"images/(\S+)\)", page.read_text()):
        assert (tmp_path / figure).stat().st_size > 5000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_nest_script_becomes_an_optimizee_in_under_thirty_lines(tmp_path: Path) -> None:
    page = MANUAL / "tutorial-nest.md"
    script, model = (
        [line.strip() for line in one.text.splitlines() if line.strip()] for one in blocks_of(page, "python")[:2]
    )
    added = [line for line in ndiff(script, model) if line.startswith("+ ")]
    assert f"{len(added)} of its lines change or are new" in page.read_text()
    assert len(added) < 30
    printed = walk(page, tmp_path)
    assert f"It fires at {float(printed[0].split()[-1]):.0f} spikes/s" in page.read_text()
    assert "finished: target 0.1 reached" in printed[1]
    assert re.search(r"\d+ passed", printed[2])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_whole_brain_can_be_followed(repository: Path, tmp_path: Path) -> None:
    shown = [yaml.safe_load(one.text) for one in blocks_of(MANUAL / "whole-brain.md", "yaml")]
    (tmp_path / "experiments").mkdir()
    for name in ("whole-brain-grid", "whole-brain"):
        experiment = yaml.safe_load((repository / f"experiments/{name}.yaml").read_text())
        assert experiment in shown
        experiment["optimizee"] |= {"duration": 100.0, "warmup": 20.0, "reference_runs": 1}
        experiment["optimizer"] |= {"points": 2} if name == "whole-brain-grid" else {"population": 4}
        experiment["validate"], experiment["launcher"] = {"trials": 1}, "serial"
        (tmp_path / f"experiments/{name}.yaml").write_text(yaml.safe_dump(experiment))
    text = (MANUAL / "whole-brain.md").read_text()
    (tmp_path / "page.md").write_text(text.replace("optimizer.points=9", "optimizer.points=3"))
    printed = walk(tmp_path / "page.md", tmp_path)
    assert "9 individuals, 9 trials, 4 taken from earlier runs" in printed[0]
    for figure in re.findall(r"images/(\S+)\)", text):
        assert (tmp_path / figure).stat().st_size > 5000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_script_of_tvb_becomes_an_optimizee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TVB_USER_HOME", str(tmp_path))  # the script's own import writes a log there
    text = (MANUAL / "tutorial-tvb.md").read_text()
    script, optimizee = (
        [line.strip() for line in one.text.splitlines() if line.strip()]
        for one in blocks_of(MANUAL / "tutorial-tvb.md", "python")[:2]
    )
    changed = [line for line in ndiff(script, optimizee) if line.startswith("+ ")]
    assert f"{len(changed)} of its lines change or are new" in text
    for long, short in (
        ("self.run(2000.0, warmup=500.0)", "self.run(200.0)"),
        ("{generations: 5}", "{generations: 1}\nlauncher: serial"),
    ):
        assert long in text
        text = text.replace(long, short)
    (tmp_path / "page.md").write_text(text)
    first, *others = walk(tmp_path / "page.md", tmp_path)
    assert f"{float(first.rpartition(' ')[2]):.2f}" == re.search(r"The agreement is (\S+)\. At", text)[1]  # type: ignore[index]
    assert "finished: 1 generation" in others[0]
    assert re.search(r"\d+ passed", others[1])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_kind_of_picture_is_drawn_as_the_manual_says(tmp_path: Path) -> None:
    page = MANUAL / "plots.md"
    assert [row[0].strip("`") for row in table_of(page, "kind")] == list(KINDS)
    commands = "".join(one.text for one in blocks_of(page, "sh"))
    assert set(re.findall(r"^l2l plot runs/decay (\w+)", commands, re.MULTILINE)) == set(KINDS)
    printed = "".join(walk(page, tmp_path))
    for kind in KINDS:
        assert re.search(rf"^{kind}: .*; in \S+$", printed, re.MULTILINE)
    for figure in re.findall(r"images/plots-(\S+)\)", page.read_text()):
        assert (tmp_path / figure).stat().st_size > 5000
        assert (MANUAL / f"images/plots-{figure}").stat().st_size < 100_000


@pytest.mark.parametrize("page", sorted(MANUAL.glob("tutorial*.md")), ids=lambda page: page.stem)
def test_a_tutorial_shows_pictures_that_its_own_commands_draw(page: Path) -> None:
    figures = re.findall(r"images/(\S+)\)", page.read_text())
    commands = "".join(one.text for one in blocks_of(page, "sh"))
    assert figures
    for figure in figures:
        assert re.search(rf"^l2l plot runs/\S+ \w+ -o {re.escape(figure)}$", commands, re.MULTILINE)
        assert (MANUAL / "images" / figure).stat().st_size < 100_000


# --- commands --------------------------------------------------------------------------------------------------------


def parsers() -> tuple[Parser, dict[str, Parser]]:
    return build([import_module(f"l2l.cli.{name}").COMMAND for name in COMMANDS], "0")


@pytest.mark.parametrize("page", [MANUAL.parent / "README.md", *PAGES], ids=lambda page: page.name)
def test_every_command_line_shown_can_be_typed(page: Path) -> None:
    text = re.sub(r"^```(?!sh\n).*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    shown = re.findall(
        r"(?:^|; do |&& |\.venv/bin/)(l2l [a-z](?:(?! &&)[^|;\n])*)",
        "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)),
        re.MULTILINE,
    )
    for line in shown:
        parse(*parsers(), shlex.split(line, comments=True)[1:])
    if "l2l run" in text and "```sh" in text and page.name not in {"launcher.md", "optimizer.md"}:
        assert shown


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_all_commands_are_listed(repository: Path, page: str) -> None:
    told = re.findall(r"^\| `l2l (\w+)", (repository / page).read_text(), re.MULTILINE)
    assert told == list(COMMANDS)


def test_exit_codes_are_listed() -> None:
    codes = [FINISHED, FAILED, WRONG, STOPPED, INTERRUPTED]
    assert [int(row[0]) for row in table_of(MANUAL / "cli.md", "code")] == codes
    assert [int(code) for code in re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)] == codes


def test_all_options_of_commands_are_listed() -> None:
    listed = {
        (command.strip("`"), option.split()[0].strip("`"))
        for option, commands, _ in table_of(MANUAL / "cli.md", "option")
        for command in commands.split(", ")
    }
    taken = {
        (command, flag)
        for command, parser in parsers()[1].items()
        for flag in parser.flags()
        if flag not in {"--help", "--debug"}
    }
    assert listed == taken


# --- tables ----------------------------------------------------------------------------------------------------------


def test_all_arguments_of_experiments_are_listed_with_their_defaults() -> None:
    rows = {
        name.strip("`"): default.strip("`")
        for names, default, _ in table_of(MANUAL / "experiments.md", "argument")
        for name in names.split(", ")
    }
    signature = inspect.signature(l2l.Experiment.__init__).parameters
    assert ["self", *rows] == list(signature)
    for name, default in rows.items():
        if default not in {"", "none", "one thread"} and name != "directory":
            assert str(signature[name].default) == default


def test_what_may_change_on_the_way_is_what_the_manual_says() -> None:
    sentence = re.search(
        r"What may change on the way: (.*?), and of\n?\s*`resources`",
        (MANUAL / "experiments.md").read_text(),
        re.DOTALL,
    )
    assert sentence
    assert set(re.findall(r"`(\w+)`", sentence[1])) == set(MAY_CHANGE)


def test_stop_rules_and_statuses_and_resources_are_listed() -> None:
    rules = [name for row in table_of(MANUAL / "experiments.md", "rule") for name in re.findall(r"`(\w+)`", row[0])]
    assert rules == list(l2l.Stop.__slots__)
    statuses = [row[0].strip("`") for row in table_of(MANUAL / "failures.md", "status")]
    assert statuses == [one.name for one in l2l.Status]
    resources = [row[0].strip("`") for row in table_of(MANUAL / "failures.md", "key")]
    assert resources == list(l2l.Resources.__slots__)


def sections_of(page: Path) -> dict[str, list[list[str]]]:
    """Heading → rows of the table of options below it."""
    parts = re.split(r"^## (.*)$", page.read_text(), flags=re.MULTILINE)
    rows = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        table = re.search(r"^\| option \| default \| means \|\n\|[-|]*\|\n((?:\|.*\n)*)", text, re.MULTILINE)
        if table:
            rows[heading] = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[1].splitlines()]
    return rows


@pytest.mark.parametrize(
    ("kind", "name", "heading"),
    [
        ("optimizer", "cma-es", "CMA-ES"),
        ("optimizer", "genetic-algorithm", "Genetic algorithm"),
        ("optimizer", "grid", "Grid"),
        ("optimizer", "random", "Random search"),
        ("optimizee", "command", "Options"),
        ("optimizee", "netlogo", "Options"),
        ("launcher", "executor", "Options"),
        ("launcher", "jube", "Options"),
        ("launcher", "slurm", "Options"),
    ],
)
def test_all_options_of_plugins_are_listed_with_their_defaults(kind: str, name: str, heading: str) -> None:
    page = MANUAL / ("optimizers.md" if kind == "optimizer" else f"{name}.md")
    shown = {row[0].strip("`"): row[1].strip("`") for row in sections_of(page)[heading]}
    plugin = registry.resolve(kind, name)
    assert isinstance(plugin, type)
    options = {one.name: one for one in describe_options(plugin) if one.name not in {"seed", "initial"}}
    assert set(shown) == set(options)
    for option, default in shown.items():
        actual = options[option].default
        if options[option].required:
            assert default == ""
        elif isinstance(actual, bool):
            assert default == str(actual).lower()
        elif isinstance(actual, int | float | str):
            assert type(actual)(default) == actual


def test_the_archive_has_the_columns_that_the_manual_lists(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(ARCHIVED)
    run(tmp_path, "l2l", "run", "model.py", "--launcher", "serial", "--directory", "first")
    run(tmp_path, "l2l", "run", "model.py", "--launcher", "serial", "--directory", "second", "--set", "memo=first")
    listing = next(one.text for one in blocks_of(MANUAL / "archive.md", "") if "/generations/" in one.text)
    listed = dict(re.findall(r"^/(\w+)/ +(.*?)(?=^/|\Z)", listing, re.MULTILINE | re.DOTALL))
    with h5py.File(tmp_path / "second/trajectory.h5") as file:
        assert set(file) <= set(listed)
        for table in ("generations", "individuals", "trials", "failures", "segments", "memos"):
            names = {re.split(r"[/ ]", name.strip())[0] for name in listed[table].partition(":")[0].split(",")}
            assert set(file[table]) == names, table
        assert set(file["validation"]) == set(file["trials"]) | {"message", "traceback"}
        for name in re.findall(
            r"\b(format|version|experiment|seed|fingerprint|finished|reason)\b", listing.splitlines()[0]
        ):
            assert name in file.attrs


ARCHIVED = """
import l2l

space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0), y=l2l.Real(0.0, 1.0, when="x > 0.5"))


@l2l.optimizee(space=space, observables={"double": l2l.Observable()})
def model(individual, trial):
    if individual["x"] > 0.9:
        raise l2l.Invalid("too large")
    return l2l.Outcome(individual["x"] + trial.rng.normal(), {"double": 2 * individual["x"]})


experiment = l2l.Experiment(model, "cma-es", stop={"generations": 3}, trials=2, validate={"trials": 2})
"""
