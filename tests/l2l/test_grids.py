"""Grids and refined scans as arrays, and statistics over trials and parameters."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import l2l
from l2l.errors import NotFoundError, OptionError
from l2l.individual import Individual
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.trajectory.levels import distinct
from l2l.values import Trial

PLANE = ParameterSpace(x=Real(0.0, 1.0, unit="nA"), tau=Real(1.0, 256.0, log=True))
SWITCHED = ParameterSpace(
    amplitude=Real(0.0, 1.0), frequency=Real(1.0, 9.0, when="amplitude > 0"), model=Categorical("iaf", "adex")
)
OBSERVED = {"rate": l2l.Observable(unit="Hz"), "pair": l2l.Observable(shape=(2,))}


@l2l.optimizee(space=PLANE, objectives=l2l.Minimize("distance"))
def plane(individual: Individual) -> float:
    return float(individual["x"] + np.log2(individual["tau"]))


@l2l.optimizee(space=SWITCHED, objectives=l2l.Minimize("error", unit="mV"), observables=OBSERVED, stochastic=True)
def switched(individual: Individual, trial: Trial) -> l2l.Outcome:
    if individual["amplitude"] == 0.5 and individual["frequency"] == 9.0:
        raise l2l.Invalid("silent")
    height = individual["amplitude"] * individual["frequency"] + (individual["model"] == "adex")
    return l2l.Outcome(height, {"rate": height + trial.number, "pair": [height, -height]})


def run(optimizee: Any, optimizer: Any, folder: Path, **more: Any) -> l2l.Trajectory:
    return l2l.Experiment(optimizee, optimizer, directory=folder, launcher="serial", **more).run(progress=None)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> l2l.Trajectory:
    return run(switched, {"name": "grid", "points": 3, "population": 5}, tmp_path_factory.mktemp("grid"), trials=3)


def lattice(n: int) -> list[dict[str, float]]:
    return [{"x": x, "tau": tau} for x in np.linspace(0, 1, n) for tau in np.geomspace(1, 256, n)]


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> l2l.Trajectory:
    """A lattice of 5 × 5, one of 9 × 9 for x ≤ 0.5, and a few points of one of 17 × 17."""
    points = lattice(5) + [one for one in lattice(9) if one["x"] <= 0.5]
    points += [one for one in lattice(17) if one["x"] <= 0.125]
    return run(plane, {"name": "points", "points": points}, tmp_path_factory.mktemp("refined"))


# --- grids -----------------------------------------------------------------------------------------------------------


def test_a_point_stands_at_every_place_of_an_axis_that_has_no_effect_there(grid: l2l.Trajectory) -> None:
    data = grid.to_xarray()
    assert dict(data.sizes) == {"amplitude": 3, "frequency": 3, "model": 2, "trial": 3, "pair_0": 2}
    off = data.sel(amplitude=0.0)
    assert off["error"].values.tolist() == [[0.0, 1.0]] * 3
    assert (data["status"].sel(amplitude=0.0) == "OK").all()
    assert data["active/frequency"].values.any(axis=(1, 2)).tolist() == [False, True, True]
    assert data["active/frequency"].attrs["when"] == "amplitude > 0"
    assert data["rate"].sel(amplitude=1.0, frequency=5.0, model="adex").values.tolist() == [6.0, 7.0, 8.0]
    assert data["pair"].sel(amplitude=1.0, frequency=5.0, model="iaf", trial=2).values.tolist() == [5.0, -5.0]
    failed = data.sel(amplitude=0.5, frequency=9.0)
    assert np.isnan(failed["error"]).all() and (failed["status"] == "INVALID").all()
    assert np.isnan(data["error"]).sum() == 2


def test_a_grid_without_conditions_has_no_mask_and_one_level(tmp_path: Path) -> None:
    found = run(plane, {"name": "grid", "points": {"x": 5, "tau": 3}}, tmp_path)
    data = found.to_xarray()
    assert set(data.data_vars) == {"distance", "status"}
    np.testing.assert_array_equal(data["distance"], data["x"] + np.log2(data["tau"]))
    assert data.equals(found.to_xarray(level=0))
    with pytest.raises(OptionError, match="level: expected 0, since this is a grid of one level, got 1"):
        found.to_xarray(level=1)


def test_trials_of_a_steady_run_stand_where_their_individuals_do(tmp_path: Path, grid: l2l.Trajectory) -> None:
    optimizer = {"name": "grid", "points": 3, "steady_state": True}
    steady = run(switched, optimizer, tmp_path, trials=3, initial=[{"amplitude": 1.0, "frequency": 9.0}])
    assert steady.to_xarray()["rate"].equals(grid.to_xarray()["rate"])


# --- refined scans ---------------------------------------------------------------------------------------------------


def test_level_0_is_the_finest_lattice_that_is_known_everywhere(refined: l2l.Trajectory) -> None:
    data = refined.to_xarray(level=0)
    assert data["x"].values.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    np.testing.assert_allclose(data["tau"], [1.0, 4.0, 16.0, 64.0, 256.0])
    np.testing.assert_allclose(data["distance"], data["x"] + np.log2(data["tau"]))
    assert not data["filled"].any() and (data["level"] == 0).all()


def test_finer_levels_say_where_they_are_known(refined: l2l.Trajectory) -> None:
    data = refined.to_xarray()
    assert dict(data.sizes) == {"x": 17, "tau": 17}
    truth = data["x"] + np.log2(data["tau"])
    known = ~data["filled"]
    assert int(known.sum()) == len(refined.individuals) - int((refined.individuals["same_as"] >= 0).sum())
    np.testing.assert_allclose(data["distance"].where(known), truth.where(known))
    coarse = data["distance"].sel(x=0.75).values[::4]
    for odd in (slice(1, None, 4), slice(2, None, 4), slice(3, None, 4)):
        assert data["distance"].sel(x=0.75).values[odd].tolist() == coarse[:-1].tolist()
    assert (data["level"].sel(x=[0.75, 0.8125]) == 0).all()
    levels = data["level"].sel(x=[0.0, 0.0625, 0.375]).values
    assert levels[0].tolist() == [0, 2, 1, 2] * 4 + [0]
    assert levels[1].tolist() == [2] * 17
    assert levels[2].tolist() == [1] * 17
    middle = refined.to_xarray(level=1)
    assert dict(middle.sizes) == {"x": 9, "tau": 9}
    assert middle["distance"].equals(data["distance"].isel(x=slice(None, None, 2), tau=slice(None, None, 2)))


@pytest.mark.parametrize("level", [3, -1, True])
def test_a_level_that_is_not_there_is_refused(refined: l2l.Trajectory, level: int) -> None:
    with pytest.raises(OptionError, match="level: expected 0, of which every point is known, to 2, the finest, got"):
        refined.to_xarray(level=level)


def test_each_combination_of_categories_is_refined_on_its_own(tmp_path: Path) -> None:
    coarse: list[dict[str, Any]] = [{"amplitude": 0.0, "model": model} for model in ("iaf", "adex")]
    coarse += [
        {"amplitude": a, "frequency": f, "model": m} for a in (0.5, 1.0) for f in (1.0, 9.0) for m in ("iaf", "adex")
    ]
    fine = [{"amplitude": 0.5, "frequency": f, "model": "iaf"} for f in (3.0, 5.0, 7.0)]
    data = run(switched, {"name": "points", "points": coarse + fine}, tmp_path).to_xarray()
    assert data["frequency"].values.tolist() == [1.0, 3.0, 5.0, 7.0, 9.0]
    iaf = data.sel(amplitude=0.5, model="iaf")
    assert iaf["error"].values[:4].tolist() == [0.5, 1.5, 2.5, 3.5]
    adex = data.sel(amplitude=0.5, model="adex")
    assert adex["error"].values[:4].tolist() == [1.5] * 4
    assert adex["filled"].values.tolist() == [False, True, True, True, False]
    assert data.sel(amplitude=0.0, model="adex")["error"].values.tolist() == [1.0] * 5


def test_whole_numbers_are_refined_too(tmp_path: Path) -> None:
    @l2l.optimizee(space=ParameterSpace(n=Integer(0, 16), m=Integer(1, 3)), objectives=l2l.Minimize("sum"))
    def whole(individual: Individual) -> float:
        return float(individual["n"] + 100 * individual["m"])

    points = [{"n": n, "m": m} for n in (0, 4, 8, 12, 16) for m in (1, 2, 3)] + [{"n": 5, "m": 2}, {"n": 6, "m": 2}]
    data = run(whole, {"name": "points", "points": points}, tmp_path).to_xarray()
    assert data["n"].values.tolist() == list(range(17))
    assert data["sum"].sel(m=2).values[4:9].tolist() == [204.0, 205.0, 206.0, 206.0, 208.0]
    assert data["sum"].sel(m=1).values[4:9].tolist() == [104.0] * 4 + [108.0]


def test_each_component_of_an_array_is_an_axis(tmp_path: Path) -> None:
    @l2l.optimizee(space=ParameterSpace(w=Real(0.0, 1.0, shape=(1, 2))), objectives=l2l.Minimize("sum"))
    def vector(individual: Individual) -> float:
        return float(individual["w"][0, 0] + 10 * individual["w"][0, 1])

    data = run(vector, {"name": "grid", "points": 3}, tmp_path).to_xarray()
    assert data["sum"].sel({"w[0,0]": 0.5, "w[0,1]": 1.0}).item() == 10.5


def test_names_that_mean_two_things_keep_their_prefix(tmp_path: Path) -> None:
    names = ("x", "status", "level", "pair_0", "trial")
    space = ParameterSpace({"x": Real(0.0, 1.0), "trial": Real(0.0, 1.0), "pair_0": Real(0.0, 1.0)})
    observables = {name: l2l.Observable() for name in names} | {"pair": l2l.Observable(shape=(2,))}

    @l2l.optimizee(space=space, objectives=l2l.Minimize("height"), observables=observables, stochastic=True)
    def confusing(individual: Individual, trial: Trial) -> l2l.Outcome:
        return l2l.Outcome(1.0, {**dict.fromkeys(names, 2.0), "pair": [3.0, 4.0]})

    data = run(confusing, {"name": "grid", "points": 3}, tmp_path, trials=2).to_xarray()
    assert dict(data.sizes) == {"x": 3, "trial": 3, "pair_0": 3, "trials/number": 2, "pair_0_": 2}
    prefixed = {f"observables/{name}" for name in names if name != "level"}
    assert set(data.data_vars) == {"height", "height_spread", "status", "level", "pair", *prefixed}
    assert (data["status"] == "OK").all() and (data["observables/status"] == 2.0).all()


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.0, 1.0, 2.0, 9.0])), max_size=2),
)
def test_distinct_values_are_those_of_numpy(each: int, turn: int, turns: int, changed: Any) -> None:
    values = np.tile(np.repeat(np.arange(float(turn)), each), turns)
    for place, value in changed:
        values[place % len(values)] = value
    found, places = distinct(values)
    expected, inverse = np.unique(values, return_inverse=True)
    assert found.tolist() == expected.tolist()
    assert places.tolist() == inverse.tolist()


def test_scattered_points_are_no_grid(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="expected individuals on a grid, got 20 different ones over 20 of x × 20"):
        run(plane, {"name": "random", "samples": 20}, tmp_path).to_xarray()


# --- statistics ------------------------------------------------------------------------------------------------------


def test_trials_are_aggregated_by_individual(grid: l2l.Trajectory) -> None:
    table = grid.aggregate("rate", statistics=["mean", "error", "deviation", "minimum", "median", "maximum", 0.25])
    frame = grid.to_pandas("trials")
    different = grid.individuals["number"][grid.individuals["same_as"] < 0]
    assert table["number"].tolist() == different.tolist()
    expected = frame["rate"].groupby(level="individual")
    for statistic, series in {
        "mean": expected.mean(),
        "error": expected.sem(),
        "deviation": expected.std(),
        "minimum": expected.min(),
        "median": expected.median(),
        "maximum": expected.max(),
        "q0.25": expected.quantile(0.25),
    }.items():
        np.testing.assert_allclose(table[f"rate/{statistic}"], series.reindex(different))
    assert (table["trials"] + table["failed"] == 3).all()
    assert table["failed"].sum() == 6
    assert table.attributes("rate/mean")["unit"] == "Hz"


def test_a_marginal_is_over_all_other_parameters(grid: l2l.Trajectory) -> None:
    table = grid.aggregate(["rate", "pair", "error"], by=["model", "amplitude"], statistics=["mean", 0.5])
    assert len(table) == 6
    individuals = grid.to_pandas("individuals")[["model", "amplitude"]].astype({"model": str})
    frame = grid.to_pandas("trials").join(individuals, on="individual")
    groups = frame[frame["status"] == "OK"].groupby(["model", "amplitude"])
    keys = list(zip(table.labels("parameters/model"), table["parameters/amplitude"], strict=True))
    assert keys == [(model, amplitude) for model in ("iaf", "adex") for amplitude in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(table["rate/mean"], groups["rate"].mean().reindex(keys))
    np.testing.assert_allclose(table["rate/q0.5"], groups["rate"].median().reindex(keys))
    np.testing.assert_allclose(table["pair/mean"][:, 1], groups["pair[1]"].mean().reindex(keys))
    assert table["individuals"].tolist() == [1, 3, 3] * 2
    assert grid.to_pandas(table)["rate/mean"].tolist() == table["rate/mean"].tolist()


def test_where_a_parameter_has_no_effect_is_a_group_of_its_own(grid: l2l.Trajectory) -> None:
    table = grid.aggregate("rate", by="frequency", statistics="mean")
    assert table["parameters/frequency"][1:].tolist() == [1.0, 5.0, 9.0]
    assert np.isnan(table["parameters/frequency"][0])
    assert table["rate/mean"][0] == 1.5


def test_nothing_left_apart_gives_one_row(grid: l2l.Trajectory) -> None:
    table = grid.aggregate(by=(), statistics=["mean"])
    rates = grid.trials["observables/rate"][grid.trials["status"] == 0]
    assert table["rate/mean"].tolist() == [pytest.approx(rates.mean())]
    assert {"rate/mean", "pair/mean", "error/mean"} < set(table)


def test_what_cannot_be_aggregated_is_told(grid: l2l.Trajectory, tmp_path: Path) -> None:
    for arguments, error, message in (
        ({"values": "rat"}, NotFoundError, "did you mean 'rate'"),
        ({"by": "amplitud"}, NotFoundError, "did you mean 'amplitude'"),
        ({"statistics": "meen"}, OptionError, "did you mean 'mean'"),
        ({"statistics": 95}, OptionError, "quantile from 0 to 1, got 95"),
    ):
        with pytest.raises(error, match=message):
            grid.aggregate(**arguments)
