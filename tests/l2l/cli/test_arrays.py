"""Scans as NetCDF and Zarr, trials as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.cli import main
from l2l.individual import Individual
from l2l.space import Categorical, Fixed, ParameterSpace, Real
from l2l.values import Trial

xarray = pytest.importorskip("xarray")

SPACE = ParameterSpace(
    amplitude=Real(0.0, 1.0, unit="mV"),
    frequency=Real(1.0, 9.0, log=True, when="amplitude > 0"),
    model=Categorical("iaf", "adex"),
    delay=Fixed(1.5),
)
OBSERVED = {
    "rate": l2l.Observable(unit="Hz"),
    "pair": l2l.Observable(shape=(2,), dtype=int),
    "trace": l2l.Observable(ragged=True),
}


@l2l.optimizee(space=SPACE, objectives=l2l.Minimize("error", unit="mV"), observables=OBSERVED)
def model(individual: Individual, trial: Trial) -> l2l.Outcome:
    if individual["amplitude"] == 0.5 and individual["model"] == "adex":
        raise l2l.Invalid("silent")
    error = individual["amplitude"] * individual["frequency"]
    return l2l.Outcome(error, {"rate": error + trial.number, "pair": [1, trial.number], "trace": [error]})


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> l2l.Trajectory:
    folder = tmp_path_factory.mktemp("scan")
    optimizer = {"name": "grid", "points": 3}
    return l2l.Experiment(model, optimizer, directory=folder, trials=2, launcher="serial").run(progress=None)


@pytest.mark.parametrize(("form", "engine"), [("netcdf", "h5netcdf"), ("zarr", "zarr")])
def test_a_scan_is_read_again_as_it_was(scan: l2l.Trajectory, tmp_path: Path, form: str, engine: Any) -> None:
    pytest.importorskip(engine)
    path = tmp_path / f"scan.{form}"
    for _ in range(2):  # what stands there is replaced
        assert main(["export", str(scan.path), "--to", form, "--output", str(path)]) == 0
    expected = scan.to_xarray()
    with xarray.open_dataset(path, engine=engine) as found:
        assert dict(found.sizes) == dict(expected.sizes)
        for name in ("error", "error_spread", "rate", "pair"):
            np.testing.assert_array_equal(found[name], expected[name])
        assert found["model"].values.tolist() == ["iaf", "adex"]
        assert found["amplitude"].attrs["units"] == "mV"
        meanings = dict(
            zip(
                np.asarray(found["status"].attrs["flag_values"]).tolist(),
                found["status"].attrs["flag_meanings"].split(),
                strict=True,
            )
        )
        assert [meanings[code] for code in found["status"].values.ravel().tolist()] == expected[
            "status"
        ].values.ravel().tolist()
        assert (found["active.frequency"] == expected["active/frequency"].astype(int)).all()
        assert found.attrs["seed"] == "0"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_trials_that_succeeded_are_arrays(scan: l2l.Trajectory) -> None:
    assert main(["export", str(scan.path), "--to", "sbi"]) == 0
    with np.load(scan.path / "sbi.npz", allow_pickle=False) as found:
        assert found["theta_names"].tolist() == ["amplitude", "frequency", "model"]
        assert found["x_names"].tolist() == ["rate", "pair[0]", "pair[1]"]
        fine = np.flatnonzero(scan.trials["status"] == 0)
        assert len(found["theta"]) == len(found["x"]) == len(fine) == 22
        np.testing.assert_array_equal(found["x"][:, 0], scan.trials["observables/rate"][fine])
        rate = found["theta"][:, 0] * found["theta"][:, 1] + found["trial"]
        np.testing.assert_allclose(found["x"][:, 0], rate)
        assert found["low"].tolist() == [0.0, 1.0, 0.0] and found["high"].tolist() == [1.0, 9.0, 1.0]
        assert found["log"].tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--to", "netcdf", "--table", "trials"], 2, "--table: netcdf holds no table"),
        (["--to", "csv", "--level", "1"], 2, "--level: it is for netcdf and zarr"),
        (["--to", "sbi", "--level", "1"], 2, "--level: it is for netcdf and zarr"),
        (["--to", "zarr", "--output", "-"], 2, "zarr is no text; name a file"),
        (["--to", "netcdf", "--level", "1"], 2, "level: expected 0, since this is a grid of one level, got 1"),
    ],
)
def test_what_does_not_go_together_is_told(
    scan: l2l.Trajectory, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(scan.path), *words]) == code
    assert message in capsys.readouterr().err


def test_a_folder_of_something_else_is_not_replaced(
    scan: l2l.Trajectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("zarr")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    assert main(["export", str(scan.path), "--to", "zarr", "--output", str(tmp_path / "mine")]) == 2
    assert "something else stands there" in capsys.readouterr().err
    assert (tmp_path / "mine" / "notes.txt").read_text() == "kept"
