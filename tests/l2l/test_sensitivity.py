"""Indices of runs against functions whose indices are known exactly."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.cli import main
from l2l.errors import NotFoundError, OptionError
from l2l.individual import Individual
from l2l.sensitivity import sensitivity
from l2l.space import Categorical, Integer, ParameterSpace, Real

pytest.importorskip("SALib")

CUBE = ParameterSpace(a=Real(-math.pi, math.pi), b=Real(-math.pi, math.pi), c=Real(-math.pi, math.pi))


@l2l.optimizee(space=CUBE, objectives=(), observables={"height": l2l.Observable(), "flat": l2l.Observable()})
def ishigami(individual: Individual) -> dict[str, float]:
    a, b, c = individual.row
    return {"height": math.sin(a) + 7.0 * math.sin(b) ** 2 + 0.1 * c**4 * math.sin(a), "flat": 1.0}


@l2l.optimizee(space=CUBE, objectives=l2l.Minimize("height"))
def fragile(individual: Individual) -> float:
    if individual["a"] > 0.95 * math.pi:
        raise l2l.Invalid("too far")
    return ishigami(individual)["height"]


MIXED = ParameterSpace(w=Real(0.0, 1.0, shape=2), n=Integer(0, 3), c=Categorical("a", "b", "c"), idle=Real(0.0, 1.0))


@l2l.optimizee(space=MIXED, objectives=l2l.Minimize("sum"))
def mixed(individual: Individual) -> float:
    kind = {"a": 0.0, "b": 1.0, "c": 5.0}[individual["c"]]
    return float(2.0 * individual["w"][0] - individual["w"][1] + individual["n"] + kind)


def run(optimizee: Any, optimizer: Any, folder: Path, **more: Any) -> l2l.Trajectory:
    return l2l.Experiment(optimizee, optimizer, directory=folder, launcher="serial", **more).run(progress=None)


@pytest.fixture(scope="module")
def saltelli(tmp_path_factory: pytest.TempPathFactory) -> l2l.Trajectory:
    optimizer = {"name": "saltelli", "samples": 512, "second_order": True, "population": 1000}
    return run(ishigami, optimizer, tmp_path_factory.mktemp("saltelli"))


def test_indices_of_ishigami_are_the_exact_ones(saltelli: l2l.Trajectory) -> None:
    found = sensitivity(saltelli, "height")
    assert (found.method, found.unit) == ("sobol", "blocks")
    (one,) = found.indices
    assert (one.parameters, one.used, one.dropped) == (("a", "b", "c"), 512, 0)
    np.testing.assert_allclose(one.statistics["S1"], [0.3139, 0.4424, 0.0], atol=0.05)
    np.testing.assert_allclose(one.statistics["ST"], [0.5576, 0.4424, 0.2437], atol=0.05)
    assert one.pairs["S2"][0, 2] == pytest.approx(0.2437, abs=0.08)
    assert (one.statistics["ST_conf"] > 0).all()
    again = sensitivity(saltelli, "height").indices[0]
    assert again.statistics["ST_conf"].tolist() == one.statistics["ST_conf"].tolist()


def test_what_is_the_same_everywhere_has_no_indices(saltelli: l2l.Trajectory) -> None:
    (flat,) = sensitivity(saltelli, ["flat"]).indices
    assert np.isnan(flat.statistics["S1"]).all()
    assert flat.note == "it is the same everywhere"


def test_twice_the_samples_cost_only_the_new_half(tmp_path: Path) -> None:
    run(ishigami, {"name": "saltelli", "samples": 32}, tmp_path / "small")
    large = run(ishigami, {"name": "saltelli", "samples": 64}, tmp_path / "large", memo=tmp_path / "small")
    taken = large.trials["source"] == 0
    assert taken[: 32 * 5].all() and not taken[32 * 5 :].any()


def test_a_failure_leaves_out_its_whole_block(tmp_path: Path) -> None:
    optimizer = {"name": "saltelli", "samples": 256, "steady_state": True}
    broken = run(fragile, optimizer, tmp_path)
    failed = np.sort(broken.individuals["number"][broken.individuals["status"] != 0]) // 5
    (one,) = sensitivity(broken).indices
    assert one.dropped == len(np.unique(failed)) > 5
    assert one.used + one.dropped == 256
    assert one.statistics["ST"][1] == pytest.approx(0.45, abs=0.1)


def test_elementary_effects_are_those_of_a_sum(tmp_path: Path) -> None:
    search = run(mixed, {"name": "morris", "samples": 20}, tmp_path, initial=[{"n": 2}])
    (one,) = sensitivity(search).indices
    assert one.parameters == ("w[0]", "w[1]", "n", "c", "idle")
    effects = dict(zip(one.parameters, one.statistics["mu"], strict=True))
    assert (effects["w[0]"], effects["w[1]"], effects["idle"]) == pytest.approx((2.0, -1.0, 0.0), abs=1e-9)
    assert one.statistics["mu_star"][3] > one.statistics["mu_star"][1]
    assert one.statistics["sigma"][0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("design", ["latin-hypercube", "sobol"])
def test_given_points_are_compared_by_their_distributions(tmp_path: Path, design: str) -> None:
    points = run(mixed, {"name": design, "samples": 512}, tmp_path)
    found = sensitivity(points)
    assert (found.method, found.unit) == ("pawn", "points")
    (one,) = found.indices
    median = dict(zip(one.parameters, one.statistics["median"], strict=True))
    assert median["c"] > median["n"] > median["idle"]
    assert median["idle"] < 0.25 < median["c"]
    assert one.note.startswith("a parameter without effect has a median of about 0.1")


def test_a_method_needs_its_design(saltelli: l2l.Trajectory, tmp_path: Path) -> None:
    grid = run(mixed, {"name": "grid", "points": 2}, tmp_path / "grid")
    for folder, more, error, message in (
        (saltelli, {"method": "morris"}, OptionError, "morris indices need the design morris, got a run of saltelli"),
        (saltelli, {"values": "heigt"}, NotFoundError, "did you mean 'height'"),
        (saltelli, {"confidence": 95.0}, OptionError, "confidence: expected a number between 0 and 1, got 95.0"),
        (grid, {}, OptionError, "expected points that cover the space at random, .* got those of grid"),
    ):
        with pytest.raises(error, match=message):
            sensitivity(folder, **more)
    few = run(mixed, {"name": "sobol", "samples": 8}, tmp_path / "few")
    with pytest.raises(OptionError, match="expected 100 points that succeeded, or more, got 8 of 8"):
        sensitivity(few)


def test_the_command_writes_tables_and_bars(
    saltelli: l2l.Trajectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    folder = str(saltelli.path)
    for name in ("indices.csv", "indices.json", "bars.png"):
        assert main(["sensitivity", folder, "--value", "height", "-o", str(tmp_path / name)]) == 0
    printed = capsys.readouterr().out
    assert "value\tparameter\tS1\tS1_conf\tST\tST_conf\nheight\ta\t0." in printed
    assert "value\tparameter\twith\tS2\tS2_conf\nheight\ta\tb\t" in printed
    assert "height: sobol from 512 blocks\n" in printed
    rows = list(csv.DictReader((tmp_path / "indices.csv").read_text().splitlines()))
    said = json.loads((tmp_path / "indices.json").read_text())["values"]["height"]
    assert [float(row["ST"]) for row in rows] == said["ST"]
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")
    assert main(["sensitivity", folder, "-o", "indices.xlsx"]) == 2
