import io
import sys
from pathlib import Path

import numpy as np
import pytest

import l2l
from l2l.cli import main
from l2l.trajectory import Trajectory

SPACE = l2l.ParameterSpace(x=l2l.Real(-5.0, 5.0, unit="mV"), kind=l2l.Categorical("a", "b"))


@l2l.optimizee(
    space=SPACE,
    objectives=[l2l.Minimize("error", unit="Hz"), l2l.Maximize("reward")],
    observables={"rate": l2l.Observable(unit="Hz"), "profile": l2l.Observable(shape=(5,))},
    stochastic=True,
)
def noisy(individual: l2l.Individual, trial: l2l.Trial) -> l2l.Outcome:
    noise = trial.rng.normal(scale=0.1)
    return l2l.Outcome(
        {"error": individual["x"] ** 2 + noise, "reward": individual["x"]}, {"rate": noise, "profile": np.arange(5.0)}
    )


@pytest.fixture
def run(tmp_path: Path) -> Trajectory:
    return l2l.Experiment(
        noisy,
        {"name": "random", "population": 6},
        directory=tmp_path / "run",
        trials=2,
        stop=l2l.Stop(generations=3),
        launcher="serial",
        validate={"best": 2, "trials": 3},
    ).run(progress=None)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    assert main(["show", "run", *arguments]) == 0
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_a_column_says_who_is_on_the_front(run: Trajectory, capsys: pytest.CaptureFixture[str]) -> None:
    columns, *rows = shown(capsys, "--best", "18")
    assert columns[:3] == ["individual", "generation", "front"] and len(rows) == 18
    on_it = {int(row[0]) for row in rows if row[2] == "true"}
    assert on_it == {one.number for one in run.front}


def test_one_individual_is_shown_with_its_trials_and_observables(
    run: Trajectory, capsys: pytest.CaptureFixture[str]
) -> None:
    number = run.front[0].number
    rows = shown(capsys, "--individual", str(number))
    assert ["x", repr(run.front[0]["x"]), "mV"] in rows
    titles = [row[0] for row in rows if len(row) == 1 and row[0]]
    assert titles == ["parameters", "fitness", "trials", "validation"]
    header = next(row for row in rows if row[0] == "trial")
    trials = [row for row in rows[rows.index(["trials"]) :] if row[0].isdigit()]
    assert len(trials) == 2 + 3 and {"error", "reward", "rate", "profile", "host", "seed"} <= set(header)
    archived = run.individual(number).trials
    assert trials[0][header.index("rate")] == repr(float(archived["observables/rate"][0]))
    assert trials[0][header.index("profile")] == "[0.0, 1.0, 2.0, 3.0, 4.0]"
    assert main(["show", "run", "--individual", "99"]) == 2
    assert "no individual 99" in capsys.readouterr().err


def test_generations_are_a_line_each(run: Trajectory, capsys: pytest.CaptureFixture[str]) -> None:
    columns, *rows = shown(capsys, "--generations")
    assert [row[:3] for row in rows] == [["0", "6", "0"], ["1", "6", "0"], ["2", "6", "0"]]
    last = run.individuals["fitness/error"][12:]
    assert float(rows[2][columns.index("best error")]) == last.min()
    assert float(rows[2][columns.index("median error")]) == np.median(last)
    assert float(rows[2][columns.index("error so far")]) == run.individuals["fitness/error"].min()


def test_the_validation_is_shown(run: Trajectory, capsys: pytest.CaptureFixture[str]) -> None:
    columns, *rows = shown(capsys, "--validation")
    assert len(rows) == len(run.validation) == 6 and columns[:2] == ["individual", "trial"]
    assert sorted({int(row[0]) for row in rows}) == sorted(set(run.validation["individual"].tolist()))


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("option", [["--individual", "0"], ["--generations"], ["--validation"], []])
@pytest.mark.usefixtures("run")
def test_tables_fit_a_terminal(monkeypatch: pytest.MonkeyPatch, option: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["show", "run", *option]) == 0
    table = [line for line in terminal.getvalue().splitlines() if "  " in line]
    assert table and all(len(line) <= 80 for line in table)
