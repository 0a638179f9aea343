"""Models without an objective: everything is an observable, and nothing needs a best individual."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.cli import main
from l2l.errors import NotFoundError, OptionError
from l2l.individual import Individual
from l2l.space import ParameterSpace, Real
from l2l.values import Status, Trial

SPACE = ParameterSpace(x=Real(0.0, 1.0), y=Real(0.0, 2.0))
OBSERVED = {
    "rate": l2l.Observable(unit="Hz"),
    "regime": l2l.Observable(dtype=int),
    "trace": l2l.Observable(ragged=True),
}


@l2l.optimizee(space=SPACE, objectives=(), observables=OBSERVED)
def explored(individual: Individual, trial: Trial) -> dict[str, Any]:
    if individual["x"] > 0.9 and trial.number == 1:
        raise l2l.Invalid("silent")
    return {"rate": individual["x"] + trial.number, "regime": int(individual["y"] > 1), "trace": [1.0] * trial.number}


@l2l.optimizee(space=SPACE, objectives=(), observables={"rate": l2l.Observable()})
def single(individual: Individual) -> Any:
    x = individual["x"]
    return x if x < 0.3 else l2l.Outcome(observables={"rate": x}) if x < 0.6 else [x, x]


def run(optimizee: Any, optimizer: Any, folder: Path, **more: Any) -> l2l.Trajectory:
    return l2l.Experiment(optimizee, optimizer, directory=folder, launcher="serial", **more).run(progress=None)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> l2l.Trajectory:
    folder = tmp_path_factory.mktemp("runs") / "explored"
    return run(explored, {"name": "grid", "points": 6, "population": 10}, folder, trials=2)


def test_all_trials_are_archived_with_their_observables(grid: l2l.Trajectory) -> None:
    assert grid.finished and grid.objectives == ()
    assert len(grid.individuals) == 36 and len(grid.trials) == 72
    assert not [name for table in (grid.individuals, grid.trials) for name in table if name.startswith("fitness")]
    failed = grid.individuals["parameters/x"] > 0.9
    assert ((grid.individuals["status"] == Status.INVALID) == failed).all()
    np.testing.assert_allclose(
        grid.aggregate("rate")["rate/mean"][~failed], grid.individuals["parameters/x"][~failed] + 0.5
    )
    assert set(grid.to_xarray().data_vars) == {"status", "rate", "regime"}
    assert grid.individual(3).fitness == {}
    assert grid.rerun(3).same


def test_nothing_is_best(grid: l2l.Trajectory) -> None:
    assert grid.ranked(3) == [] and len(grid.front_rows) == 0
    assert grid.costs.shape == (36, 0) and grid.succeeded
    for wanted in ("best", "front"):
        with pytest.raises(NotFoundError, match="declares no objectives, so that no individual is the best"):
            getattr(grid, wanted)
    assert "declares no objectives" in grid._repr_html_()


def test_regimes_are_drawn_as_regimes_and_success_is_not_called_failure(grid: l2l.Trajectory) -> None:
    from l2l.plot.data import View
    from l2l.plot.data.map import parameter_map

    view = View(grid)
    found = parameter_map(view, view.objective("regime"), value="regime")
    assert found.regimes is not None and {*found.regimes} >= {"0", "failed"}
    said = [text.get_text() for axes in grid.plot.slice().axes for text in axes.texts]
    assert "all individuals failed" not in said


def test_the_forms_that_a_model_may_return(tmp_path: Path) -> None:
    table = run(single, {"name": "points", "points": [{"x": 0.25}, {"x": 0.5}, {"x": 0.75}]}, tmp_path)
    assert table.trials["observables/rate"][:2].tolist() == [0.25, 0.5]
    assert table.trials.labels("status").tolist() == ["OK", "OK", "INVALID"]


def test_designs_see_what_failed_and_optimizers_refuse(tmp_path: Path) -> None:
    search = run(explored, {"name": "random", "samples": 50}, tmp_path, trials=2)
    assert search.generations["optimizer/failed"].tolist() == [float((search.individuals["status"] != 0).sum())]
    for name in ("cma-es", "nsga2", "tpe", "islands"):
        with pytest.raises(OptionError, match=f"optimizer: {name} needs a fitness, .* declares no objectives"):
            l2l.Experiment(explored, name)
    for more, message in (
        ({"stop": {"target": 1.0}}, "stop.target: expected a single objective, got none"),
        ({"validate": {"best": 1}}, "validate: the optimizee declares no objectives"),
        ({"weights": [1.0]}, "weights: grid minimizes all objectives and takes none"),
    ):
        with pytest.raises(OptionError, match=message):
            l2l.Experiment(explored, "grid", **more)


def test_a_finished_run_is_taken_further_and_taken_over(tmp_path: Path) -> None:
    whole = run(explored, "sobol", tmp_path / "whole", stop={"individuals": 256}, trials=2)
    run(explored, "sobol", tmp_path / "part", stop={"individuals": 128}, trials=2)
    part = run(explored, "sobol", tmp_path / "part", stop={"individuals": 256}, trials=2)
    assert part.keys() == whole.keys()
    assert part.trials["observables/rate"].tolist() == pytest.approx(whole.trials["observables/rate"], nan_ok=True)
    copied = run(explored, {"name": "sobol", "samples": 128}, tmp_path / "memo", trials=2, memo=tmp_path / "part")
    assert (copied.trials["source"] == 0).all()


def test_commands_show_a_run_without_a_best(grid: l2l.Trajectory, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(grid.path)
    for words, expected in (
        (
            ["show", folder, "--best", "2"],
            "individual\tgeneration\tstatus\trate\tregime\tx\ty\n0\t0\tOK\t0.5\t0.0\t0.0",
        ),
        (["show", folder, "--individual", "3"], "trial\tstatus\trate\tregime\ttrace"),
        (["show", folder, "--generations"], "generation\tindividuals\tfailed\tseconds\tasked"),
        (["status", folder], "no objective"),
        (["watch", folder, "--once"], "4 generations  72 trials  6 failed"),
        (["export", folder, "--to", "csv", "--output", "-"], "number,generation,same_as"),
        (["check", folder], "this run is whole"),
    ):
        assert main(words) == 0
        assert expected in capsys.readouterr().out
    assert main(["compare", folder, folder]) == 2
    assert "has no objectives, so that no run is better than another" in capsys.readouterr().err


def test_pictures_take_observables_for_the_fitness(grid: l2l.Trajectory) -> None:
    pytest.importorskip("matplotlib")
    for kind, options in (
        ("map", {"parameters": ["x", "y"]}),
        ("map", {"value": "status"}),
        ("slice", {"objective": "regime"}),
        ("observable", {"observable": "trace"}),
        ("importance", {}),
    ):
        assert getattr(grid.plot, kind)(**options)
    for kind in ("convergence", "front"):
        with pytest.raises(NotFoundError, match="declares no objectives; draw map, slice or observable instead"):
            getattr(grid.plot, kind)()


def test_a_report_is_written_without_a_best(grid: l2l.Trajectory, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    page = tmp_path / "report.html"
    assert main(["report", str(grid.path), "-o", str(page)]) == 0
    assert "36 individuals were explored without an objective; observed was rate, regime, trace." in page.read_text()


def test_a_program_may_have_observables_alone(tmp_path: Path) -> None:
    model = {
        "name": "command",
        "command": "echo {x} 2",
        "parameters": {"x": {"low": 0.0, "high": 1.0}},
        "objectives": "none",
        "observables": {"rate": {}, "cv": {}},
    }
    found = run(model, {"name": "points", "points": [{"x": 0.25}]}, tmp_path)
    assert [found.trials[f"observables/{name}"].tolist() for name in ("rate", "cv")] == [[0.25], [2.0]]
    with pytest.raises(OptionError, match="expected objectives or observables, got neither"):
        l2l.Experiment({**model, "observables": {}}, "grid")
