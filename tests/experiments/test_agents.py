"""The pages on agents are true, and a pole is balanced."""

import difflib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import l2l
from l2l import registry
from l2l.cli import main
from l2l.plugin import describe_options
from tests.test_documentation import MANUAL, blocks_of, sections_of, walk

NAMES = ["cartpole", "mountain-car", "mountain-car-spiking"]


def shipped(repository: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((repository / f"experiments/{name}.yaml").read_text())
    return found


def test_the_experiments_shown_are_those_that_ship(repository: Path) -> None:
    shown = [yaml.safe_load(one.text) for one in blocks_of(MANUAL / "gymnasium.md", "yaml")]
    assert shown == [shipped(repository, name) for name in NAMES]


def test_all_options_are_listed_with_their_defaults() -> None:
    shown = {row[0].strip("`"): row[1].strip("`") for row in sections_of(MANUAL / "gymnasium.md")["Options"]}
    plugin = registry.resolve("optimizee", "gymnasium")
    assert isinstance(plugin, type)
    defaults = {one.name: one.default for one in describe_options(plugin)}
    assert shown == {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in defaults.items()
    }


def test_the_tutorial_changes_less_than_thirty_lines() -> None:
    script, policy = (one.text.splitlines() for one in blocks_of(MANUAL / "tutorial-gymnasium.md", "python")[:2])
    changed = [one for one in difflib.ndiff(script, policy) if one.startswith("+ ") and one[2:].strip()]
    said = re.search(r"(\d+) lines are new or changed", (MANUAL / "tutorial-gymnasium.md").read_text())
    assert said and int(said[1]) == len(changed) < 30


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    guess, run, *_ = walk(MANUAL / "tutorial-gymnasium.md", tmp_path)
    text = (MANUAL / "tutorial-gymnasium.md").read_text()
    assert guess.strip() in text
    assert "finished: 10 generations done" in run
    trajectory = l2l.Trajectory(tmp_path / "runs/swing")
    assert trajectory.best.fitness > trajectory.individuals["fitness/return"][0] + 100.0
    assert l2l.Trajectory(tmp_path / "runs/slowest").finished


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_page_on_agents_can_be_followed(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    for name in NAMES:
        experiment = shipped(repository, name)
        experiment["optimizee"]["episodes"], experiment["optimizer"]["population"] = 1, 4
        experiment["stop"], experiment["validate"] = {"generations": 2}, {"trials": 2}
        (tmp_path / f"experiments/{name}.yaml").write_text(yaml.safe_dump(experiment))
    assert walk(MANUAL / "gymnasium.md", tmp_path)
    assert (tmp_path / "gymnasium.png").stat().st_size > 5000


@pytest.mark.slow
def test_a_pole_is_balanced_in_held_out_episodes() -> None:
    file = MANUAL.parent / "experiments/cartpole.yaml"
    changes = ["--set", "stop.target=500", "--launcher", "serial", "--directory", "run"]
    assert main(["run", str(file), *changes]) == 0
    trajectory = l2l.Trajectory("run")
    assert trajectory.best.fitness == 500.0
    assert trajectory.validation["observables/returns"].mean() > 475.0  # what Gymnasium itself calls solved
