import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as arrow
import pytest
from pyarrow import parquet

import l2l
from l2l.cli import main
from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizers import Points
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract

MIXED = ParameterSpace(
    g=Real(3.0, 8.0),
    n=Integer(1, 9),
    model=Categorical("iaf", "adex"),
    plastic=Categorical(False, True, None),
    w=Real(0.0, 1.0, shape=(2, 2)),
    delay=Fixed(1.5),
)


class TestPoints(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Points:
        rng = np.random.default_rng(11)
        return Points(space, seed=seed, points=[dict(one) for one in space.sample(30, rng)], **options)


def asked_by(search: Points) -> list[Individual]:
    asked: list[Individual] = []
    while not search.finished:
        individuals = search.ask()
        search.tell(individuals, [math.inf] * len(individuals))
        asked += individuals
    return asked


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "points.csv"


def test_points_are_asked_in_their_order_and_defaults_fill_them_up() -> None:
    search = Points(MIXED, points=[{"g": 4.0, "w": [[0, 1], [1, 0]]}, {}, {"plastic": None}], population=2)
    asked = asked_by(search)
    assert asked == [MIXED.individual(one) for one in ({"g": 4.0, "w": np.eye(2)[::-1]}, {}, {"plastic": None})]
    assert search.total == 3
    assert search.finished == "all 3 points are asked"


def test_a_table_has_a_column_per_parameter_or_component(table: Path) -> None:
    table.write_text('\ufeffg,plastic,"w[0,1]",n\n4.5,null,0.25,2\n\n,true,,3.0\n', encoding="utf-8")
    weights = MIXED.default["w"].copy()
    weights[0, 1] = 0.25
    first = MIXED.individual({"g": 4.5, "plastic": None, "w": weights, "n": 2})
    assert asked_by(Points(MIXED, points=table)) == [first, MIXED.individual({"plastic": True, "n": 3})]
    tabs = table.with_suffix(".tsv")
    tabs.write_text("n\tw\n4\t[[0.0, 0.5], [0.5, 0.0]]\n")
    assert asked_by(Points(MIXED, points=tabs)) == [MIXED.individual({"n": 4, "w": [[0.0, 0.5], [0.5, 0.0]]})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g,n\n4.0,2\n9.0,2\n", r"points\.csv:3: parameter 'g': .*9"),
        ("g,n\n4.0,2.5\n", r"points\.csv:2: parameter 'n': .*2\.5"),
        ("g,n\n4.0,few\n", r"points\.csv:2: parameter 'n': expected a whole number, got 'few'"),
        ("g,model\n4.0,izhikevich\n", r"points\.csv:2: parameter 'model': expected one of 'iaf', 'adex'"),
        ('g,n\n4.0,2\n"4.0\n', r"points\.csv: it is no table of CSV"),
        ("g,n\n4.0\n", r"points\.csv:2: expected 2 cells as in the header, got 1"),
        ("g,modle\n4.0,iaf\n", r"points\.csv:1: .*'modle'.*model"),
        ("g,g\n4.0,4.0\n", r"points\.csv:1: the column 'g' stands there twice"),
        ('w,"w[0,0]"\n[],4.0\n', r"points\.csv:1: 'w' stands there as a whole and by component"),
        ('"w[0,2]"\n0.5\n', r"points\.csv:1: 'w\[0,2\]': parameter 'w' has the shape \(2, 2\)"),
        ("g\n", r"points\.csv: expected one line per point below the header"),
        ("", r"points\.csv:1: expected columns called as parameters"),
        ("delay\n2.0\n", r"points\.csv:2: parameter 'delay': expected 1\.5, at which the parameter is fixed"),
        ("g\nnan\n", r"points\.csv:2: parameter 'g'"),
        ("w\n" + "[" * 90_000 + "\n", r"points\.csv:2: parameter 'w': expected a number"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_its_line(table: Path, text: str, message: str) -> None:
    table.write_text(text)
    with pytest.raises(OptionError, match=message):
        Points(MIXED, points=table)


def test_what_is_wrong_in_a_list_is_told_with_its_place() -> None:
    with pytest.raises(OptionError, match=r"points\[1\]: parameter 'g'"):
        Points(MIXED, points=[{}, {"g": 100.0}])
    with pytest.raises(OptionError, match=r"points\[0\]: .*gg"):
        Points(MIXED, points=[{"gg": 4.0}])
    with pytest.raises(OptionError, match="expected one or more"):
        Points(MIXED, points=[])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, message in [("no.csv", "No such file"), ("points.xlsx", r"ends in \.csv, \.tsv or \.parquet")]:
        with pytest.raises(OptionError, match=message):
            Points(MIXED, points=tmp_path / name)
    (tmp_path / "other.parquet").write_text("g\n4.0\n")
    with pytest.raises(OptionError, match=r"other\.parquet: it is no Parquet file"):
        Points(MIXED, points=tmp_path / "other.parquet")
    (tmp_path / "bytes.csv").write_bytes(b"g\n\xff\n")
    with pytest.raises(OptionError, match=r"bytes\.csv: expected a text in UTF-8"):
        Points(MIXED, points=tmp_path / "bytes.csv")


def test_columns_of_a_wider_table_are_chosen(table: Path) -> None:
    table.write_text('id,g,"w[0,0]",n\n7,4.0,1.0,3\n')
    (chosen,) = asked_by(Points(MIXED, points=table, columns=["g", "w"]))
    weights = MIXED.default["w"].copy()
    weights[0, 0] = 1.0
    assert chosen == MIXED.individual({"g": 4.0, "w": weights})
    with pytest.raises(OptionError, match=r"columns: .*gg"):
        Points(MIXED, points=table, columns=["gg"])


def test_a_parquet_table_has_the_same_rows(tmp_path: Path) -> None:
    file = tmp_path / "points.parquet"
    columns = {"g": [4.0, None], "plastic": [None, True], "w": [[[0.0, 1.0], [1.0, 0.0]], None], "n": [2, 3]}
    parquet.write_table(arrow.table(columns), file)
    first = MIXED.individual({"g": 4.0, "w": [[0.0, 1.0], [1.0, 0.0]], "n": 2})
    assert asked_by(Points(MIXED, points=file)) == [first, MIXED.individual({"plastic": True, "n": 3})]
    parquet.write_table(arrow.table({"g": [4.0, 99.0]}), file)
    with pytest.raises(OptionError, match="row 2: parameter 'g'"):
        Points(MIXED, points=file)


@l2l.optimizee(space=MIXED, objectives=l2l.Minimize("g_error"))
def mixed(individual: Individual) -> float:
    return float(individual["g"] - individual["w"].sum() + individual["n"])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_one_run_exports_are_the_points_of_another(tmp_path: Path, kind: str) -> None:
    def run(folder: str, optimizer: Any) -> l2l.Trajectory:
        return l2l.Experiment(mixed, optimizer, directory=tmp_path / folder, launcher="serial").run(progress=None)

    first = run("first", {"name": "sobol", "samples": 40})
    assert main(["export", str(tmp_path / "first"), "--to", kind]) == 0
    table = tmp_path / "first" / f"individuals.{kind}"
    second = run("second", {"name": "points", "points": str(table), "steady_state": True})
    assert second.keys() == first.keys()
    assert second.individuals["fitness/g_error"].tolist() == first.individuals["fitness/g_error"].tolist()
