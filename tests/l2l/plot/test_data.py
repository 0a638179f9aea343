"""The arrays behind pictures are those of the trajectory."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import l2l
from l2l.errors import NotFoundError, OptionError
from l2l.plot.data import View
from l2l.plot.data.convergence import convergence
from l2l.plot.data.failures import failures
from l2l.plot.data.fit import fit
from l2l.plot.data.front import front
from l2l.plot.data.importance import importance
from l2l.plot.data.map import parameter_map
from l2l.plot.data.observable import AlongVector, OverGenerations, Raster, observable
from l2l.plot.data.parameters import distributions
from l2l.plot.data.points import points
from l2l.plot.data.timeline import timeline
from tests.l2l.events import Shape, events, write

Runs = Callable[[str], l2l.Trajectory]


def test_no_plotting_library_is_needed() -> None:
    script = "import sys, l2l.plot.data.fit, l2l.plot.data.timeline, l2l.plot.data.map; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "matplotlib" not in printed.split()


def test_convergence_is_what_the_tables_say(runs: Runs) -> None:
    run = runs("mixed")
    frame = run.to_pandas("individuals")
    view = View(run)
    for name, best in (("cost", "min"), ("gain", "max")):
        found = convergence(view, view.objective(name))
        by_generation = frame.groupby("generation")[name]
        np.testing.assert_allclose(found.median, by_generation.median())
        np.testing.assert_allclose(found.low, by_generation.quantile(0.25))
        np.testing.assert_allclose(found.high, by_generation.quantile(0.75))
        so_far = getattr(by_generation, best)()
        np.testing.assert_allclose(found.best, so_far.cummin() if best == "min" else so_far.cummax())
        assert found.failed.tolist() == frame[name].isna().groupby(frame["generation"]).sum().tolist()
        validation = run.to_pandas("validation")[name].groupby(level="individual", sort=False)
        assert [one.mean for one in found.validated] == pytest.approx(validation.mean().tolist())
        assert [one.trials for one in found.validated] == validation.count().tolist()


def test_the_target_is_known_of_a_single_objective(runs: Runs) -> None:
    assert View(runs("one")).target == 1e-9
    assert View(runs("mixed")).target is None


def test_parameters_are_distributed_as_the_tables_say(runs: Runs) -> None:
    run = runs("mixed")
    frame = run.to_pandas("individuals")
    view = View(run)
    found = {one.dimension.name: one for one in distributions(view, view.objective("gain"))[0]}
    assert list(found) == ["x", "y", "kind", "n", "extra"]
    np.testing.assert_allclose(found["y"].quantiles[2], frame.groupby("generation")["y"].median())
    best = frame["x"][frame["gain"].groupby(frame["generation"]).idxmax().iloc[0]]
    assert found["x"].best[0] == best
    shares = found["kind"].shares
    assert shares is not None
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)
    active = frame["extra"].where(np.asarray(run.individuals["active/extra"]))
    np.testing.assert_allclose(found["extra"].quantiles[4], active.groupby(frame["generation"]).max())


def test_many_components_are_one_distribution(runs: Runs) -> None:
    run = runs("weights")
    found, _ = distributions(View(run), View(run).objectives[0])
    assert [(one.dimension.name, one.components) for one in found] == [("bias", 1), ("w", 300)]
    first = run.individuals["parameters/w"][:20]
    assert found[1].quantiles[2][0] == pytest.approx(np.median(first), abs=0.1)


def test_names_of_parameters_are_those_of_components_too(runs: Runs) -> None:
    view = View(runs("weights"))
    found, note = view.main_dimensions(3, ["w[7]", "bias"])
    assert [one.name for one in found] == ["w[7]", "bias"] and not note
    np.testing.assert_array_equal(found[0].values(view.individuals), view.individuals["parameters/w"][:, 7])
    assert len(view.main_dimensions(3, ["w"])[0]) == 300
    with pytest.raises(NotFoundError, match="did you mean 'bias'"):
        view.main_dimensions(3, ["bais"])
    found, note = view.main_dimensions(4)
    assert len(found) == 4 and "bias" in {one.name for one in found}
    assert note == "4 of 301 parameters are shown: those that matter most by PED-ANOVA"


def test_what_is_shown_has_the_best_the_front_and_all_failures(runs: Runs) -> None:
    run = runs("mixed")
    view = View(run)
    needed = set(run.front_rows.tolist()) | set(np.flatnonzero(view.failed & view.different).tolist())
    shown = view.shown(most=len(needed) + 3)
    assert needed <= set(shown.rows.tolist())
    assert len(shown.rows) == len(needed) + 3
    assert f"{len(shown.rows)} of {int(view.different.sum())} individuals are shown" in shown.note
    assert set(view.shown(most=1).rows.tolist()) >= needed
    assert not view.shown().note
    np.testing.assert_array_equal(view.shown(most=40).rows, view.shown(most=40).rows)
    found = points(view, view.objective("gain"), most_shown=40)
    assert found.best is not None
    assert found.fitness[found.best] == np.nanmax(run.individuals["fitness/gain"])
    assert np.isnan(found.values[:, 4]).any()  # inactive


def test_the_front_is_that_of_the_trajectory(runs: Runs) -> None:
    for name in ("mixed", "three", "four"):
        run = runs(name)
        found = front(View(run))
        assert set(found.number[found.front].tolist()) == {one.number for one in run.front}
    with pytest.raises(NotFoundError, match="several objectives"):
        front(View(runs("one")))
    assert len(front(View(runs("four")), ["f3", "f1"]).objectives) == 2


@pytest.mark.parametrize("method", ["ped-anova", "spearman"])
def test_the_parameter_that_matters_is_found(runs: Runs, method: str) -> None:
    view = View(runs("weights"))
    found = importance(view, view.objectives[0], ["bias", "w[0]", "w[1]", "w[2]"], method)
    if method == "ped-anova":  # which sees that the middle is best
        assert found.dimensions[0].name == "bias"
        assert found.value[0] > found.chance[0] + found.spread[0]
    view = View(runs("onegen"))
    found = importance(view, view.objectives[0], method=method)
    assert [one.name for one in found.dimensions] == ["y", "x"]
    if method == "spearman":
        assert (found.value > 0).all()
    else:
        assert found.value.sum() == pytest.approx(1.0)


def test_importance_says_where_nothing_can_be_said(runs: Runs) -> None:
    view = View(runs("failing"))
    with pytest.raises(NotFoundError, match="at least 8 different individuals with a fitness, got 0"):
        importance(view, view.objectives[0])
    with pytest.raises(NotFoundError, match="did you mean 'spearman'"):
        importance(view, view.objectives[0], method="speerman")


def test_a_correlation_is_with_the_fitness_also_where_more_is_better(runs: Runs) -> None:
    view = View(runs("three"))
    found = importance(view, view.objective("f3"), method="spearman")
    signs = {one.name: np.sign(value) for one, value in zip(found.dimensions, found.value, strict=True)}
    assert signs["a"] == signs["b"] == 1.0


def test_trials_of_one_lane_do_not_overlap_and_all_are_there(runs: Runs) -> None:
    run = runs("mixed")
    found = timeline(View(run))
    assert len(found.start) == len(run.trials) + len(run.validation)
    assert int(found.validation.sum()) == len(run.validation)
    assert found.hosts == (run.trials["host"][0],)
    seconds = run.trials["seconds"].sum() + run.validation["seconds"].sum()
    assert found.utilization == pytest.approx(seconds / found.span, rel=1e-6)
    assert found.busy.mean() == pytest.approx(found.utilization)
    start, stop, lane, status, _ = found.bars()
    assert len(start) <= len(found.start) and (stop >= start).all() and set(lane) == {0}
    assert set(status) == set(found.status)


def test_a_pause_between_two_processes_is_cut_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    @l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))
    def model(individual: l2l.Individual, trial: l2l.Trial) -> float:
        return float(individual["x"])

    def experiment(generations: int) -> l2l.Experiment:
        return l2l.Experiment(
            model, {"name": "cma-es", "population": 4}, launcher="serial", seed=1, directory=tmp_path / "run",
            stop={"generations": generations},
        )  # fmt: skip

    experiment(2).run()
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 3600.0)
    experiment(4).run()
    found = timeline(View(l2l.Trajectory(tmp_path / "run")))
    assert len(found.start) == 16
    ((_, length),) = found.pauses
    assert length == pytest.approx(3600.0, rel=0.05)
    assert found.span < 600.0


def test_failures_are_those_of_the_tables(runs: Runs) -> None:
    run = runs("failing")
    found = failures(View(run))
    assert found.failed == len(run.trials) == 20
    assert sorted(one.name for one in found.statuses) == ["FAILED", "INVALID"]
    assert found.counts.sum(axis=0).tolist() == found.trials.tolist() == [10, 10]
    causes = {one.message: one.count for one in found.causes}
    assert causes["silent"] == int((run.individuals["parameters/x"] > 0.5).sum())
    assert causes["RuntimeError: NaN in neuron …"] == 20 - causes["silent"]
    assert not failures(View(runs("one"))).causes


def test_a_map_of_a_grid_is_that_of_xarray(runs: Runs) -> None:
    run = runs("grid")
    view = View(run)
    found = parameter_map(view, view.objectives[0])
    data = run.to_xarray()
    assert found.grid and found.value.shape == (5, 5)
    np.testing.assert_array_equal(found.at_x, data["x"])
    np.testing.assert_allclose(found.value, data["fitness"].transpose("y", "x"))
    assert found.failed.tolist() == (data["status"] != "OK").transpose("y", "x").values.tolist()
    rate = parameter_map(view, view.objectives[0], ["y", "x"], "rate")
    np.testing.assert_allclose(rate.value, data["rate"].isel(trial=0).transpose("x", "y"))
    assert rate.quantity.label == "rate (Hz)"


def test_regimes_are_named_and_failures_are_one(runs: Runs) -> None:
    run = runs("mixed")
    view = View(run)
    found = parameter_map(view, view.objectives[0], ["x", "y"], "regime")
    assert not found.grid and found.regimes is not None
    assert found.regimes[-1] == "failed" and set(found.regimes) <= {"0", "1", "2", "failed"}
    x = found.at_x
    assert (x[found.value == found.regimes.index("failed")] > 3.5).all()
    large = parameter_map(view, view.objectives[0], ["x", "y"], "large")
    assert large.regimes == ("no", "yes", "failed")
    assert ((x > 2.0) & (x <= 3.5) == (large.value == 1)).all()
    status = parameter_map(view, view.objectives[0], ["x", "y"], "status")
    assert status.regimes == ("OK", "INVALID")
    for names, value, error in (
        (["x"], None, "expected two parameters"),
        (["x", "y"], "trace", "which is an array"),
        (["x", "y"], "rat", "did you mean 'rate'"),
    ):
        with pytest.raises((OptionError, NotFoundError), match=error):
            parameter_map(view, view.objectives[0], names, value)


def test_observables_take_the_form_of_their_shape(runs: Runs) -> None:
    run = runs("mixed")
    view = View(run)
    gain = view.objective("gain")
    best = max((one for one in run.front), key=lambda one: one.fitness["gain"])
    scalar = observable(view, gain, "rate")
    assert isinstance(scalar, OverGenerations) and scalar.best[-1] == pytest.approx(best["y"])
    vector = observable(view, gain, "trace")
    assert isinstance(vector, AlongVector)
    np.testing.assert_allclose(vector.mean, best["x"] * np.linspace(0.0, 1.0, 20))
    raster = observable(view, gain, "spikes")
    assert isinstance(raster, Raster) and raster.individuals[0] == best.trials["individual"][0]
    assert len(raster.values[0]) == int(5 * best["x"])
    with pytest.raises(NotFoundError, match="did you mean 'trace'"):
        observable(view, gain, "trac")
    with pytest.raises(NotFoundError, match="no individual 999"):
        observable(view, gain, "trace", individual=999)


def test_thousands_of_components_are_put_together(runs: Runs) -> None:
    run = runs("weights")
    found = observable(View(run), View(run).objectives[0])
    assert isinstance(found, AlongVector)
    assert found.together == 3 and len(found.mean) == 667
    spectrum = np.resize(run.best["w"], 2000)
    assert found.mean[0] == pytest.approx(spectrum[:3].mean()) and found.high[0] == spectrum[:3].max()
    assert found.mean[-1] == pytest.approx(spectrum[1998:].mean())


def test_a_fit_is_beside_the_target_of_the_optimizer_or_given_data(runs: Runs) -> None:
    run = runs("fitted")
    view = View(run)
    found = fit(view, view.objectives[0])
    assert found.quantity.name == "output" and found.data.tolist() == [1.0, 2.0, 3.5]
    simulated = run.best["x"] * np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(found.mean, simulated)
    assert found.error == pytest.approx(np.sqrt(np.mean((simulated - found.data) ** 2)))
    assert found.noise is not None and found.noise.tolist() == [0.5] * 3
    given = fit(view, view.objectives[0], data=[[0.0, 1.0], [0.5, 1.0], [1.0, np.nan]])
    assert given.at.tolist() == [0.0, 0.5, 1.0] and np.isfinite(given.error)
    with pytest.raises(OptionError, match=r"shape \(3,\) or \(3, 2\)"):
        fit(view, view.objectives[0], data=[1.0, 2.0])
    with pytest.raises(NotFoundError, match="--data FILE"):
        fit(View(runs("grid")), View(runs("grid")).objectives[0])
    with pytest.raises(OptionError, match="which is a scalar"):
        fit(view, view.objectives[0], "rate", data=[1.0])


def test_a_run_that_has_no_generation_yet_says_so(tmp_path: Path) -> None:
    records = events(Shape(generations=3, finished=False))
    begun = next(place for place, (kind, _) in enumerate(records) if kind == "told")
    write(tmp_path / "journal", records[:begun])
    view = View(l2l.Trajectory(tmp_path))
    assert len(view) == 0
    with pytest.raises(NotFoundError, match="no generation is complete yet"):
        convergence(view, view.objectives[0])
