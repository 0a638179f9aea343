"""What stands in the page of a run, without a browser."""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import l2l
from l2l.cli import main
from l2l.report import report, write_report
from l2l.report.pack import Pack, as_json
from l2l.trajectory import Trajectory
from tests.l2l.events import SHAPES, Shape, events, lead


def run_of(folder: Path, shape: Shape) -> Trajectory:
    lead(folder, events(shape))
    return Trajectory(folder)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def columns_of(page: str) -> dict[str, np.ndarray]:
    """The columns of a page, decoded as its script does."""
    found = re.search(r'<script type="text/plain" id="columns">([^<]*)</script>', page)
    assert found
    block = np.frombuffer(zlib.decompress(base64.b64decode(found[1])), np.uint8)
    columns = {}
    for name, (code, offset, length) in data_of(page)["columns"].items():
        dtype = np.dtype(code)
        planes = block[offset : offset + length * dtype.itemsize].reshape(dtype.itemsize, length)
        columns[name] = np.ascontiguousarray(planes.T).view(dtype).reshape(-1)
    return columns


@settings(max_examples=12)
@given(shape=SHAPES)
def test_any_run_makes_a_page(tmp_path_factory: pytest.TempPathFactory, shape: Shape) -> None:
    trajectory = run_of(tmp_path_factory.mktemp("run"), shape)
    page = report(trajectory)
    data = data_of(page)
    assert data["rows"] == len(trajectory.individuals)
    if data["rows"]:
        columns = columns_of(page)
        np.testing.assert_array_equal(columns["number"], trajectory.individuals["number"])
        np.testing.assert_array_equal(columns["status"], trajectory.individuals["status"])
        fitness = trajectory.costs[:, 0] * trajectory.objectives[0].sign
        valid = np.isfinite(trajectory.costs).all(axis=1)
        np.testing.assert_allclose(columns["fitness0"][valid], fitness[valid], rtol=1e-6)
        assert np.isnan(columns["fitness0"][~valid]).all()
    for title in ("What was found", "What failed", "What it cost", "What was run", "What ran when", "Run it again"):
        assert f"<h2>{title}</h2>" in page


@given(
    st.lists(
        st.one_of(st.floats(width=64), st.floats(1.0, 1.0001), st.floats(0.0, 1e-35), st.integers(-(2**40), 2**40)),
        min_size=1,
    )
)
def test_packed_columns_keep_six_digits(values: list[float]) -> None:
    pack = Pack()
    pack.add("x", np.array(values))
    code, offset, length = pack.columns["x"]
    dtype = np.dtype(code)
    block = np.frombuffer(zlib.decompress(base64.b64decode(pack.text())), np.uint8)
    planes = block[offset : offset + length * dtype.itemsize].reshape(dtype.itemsize, length)
    back = np.ascontiguousarray(planes.T).view(dtype).reshape(-1).astype(float)
    np.testing.assert_allclose(back, np.array(values, float), rtol=1e-6)


def test_columns_that_differ_in_late_digits_alone_keep_all_of_them() -> None:
    pack = Pack()
    pack.add("x", np.array([1e9, 1e9 + 1, 1e9 + 2]))
    pack.add("y", np.array([0.1, 0.2, 0.3]))
    assert [pack.columns[name][0] for name in "xy"] == ["f8", "f4"]


def test_json_in_a_page_cannot_end_its_element() -> None:
    said = {"a": "</script><!-- & \u2028 \x1b[31m", "b": float("nan")}
    text = as_json(said)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!-- & \\u2028 \\x1b[31m", "b": None}


HOSTILE = "</script><img src=x onerror=alert(1)><b>"


def test_archived_text_is_no_html(tmp_path: Path) -> None:
    space = l2l.ParameterSpace({"<b>gain": l2l.Real(0.0, 1.0, unit="<i>mV")})

    @l2l.optimizee(space=space, objectives=l2l.Minimize("<u>error", unit='"><s>'))
    def model(individual: l2l.Individual, trial: l2l.Trial) -> float:
        if individual["<b>gain"] > 0.5:
            raise ValueError(HOSTILE)
        return float(individual["<b>gain"])

    l2l.Experiment(model, {"name": "random", "samples": 20}, directory=tmp_path / "<h1>run", launcher="serial").run()
    page = report(Trajectory(tmp_path / "<h1>run"))
    data, text = data_of(page), re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert [one["name"] for one in data["fields"] if one.get("parameter")] == ["<b>gain"]
    for tag in ("<img", "<b>gain", "<i>", "<u>", "<s>", "<h1>run"):
        assert tag not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert len(re.findall(r"<script", page)) == 4


def test_failures_are_grouped_by_cause(tmp_path: Path) -> None:
    trajectory = run_of(tmp_path, Shape(generations=5, population=6, trials=3))
    failed = int((np.asarray(trajectory.trials["status"]) != 0).sum())
    assert failed
    page = report(trajectory)
    assert f"{failed:,} of {len(trajectory.trials):,} trials failed" in page
    assert page.count('class="cause"') <= len(trajectory.failures)


def test_a_run_that_was_killed_says_how_to_go_on(tmp_path: Path) -> None:
    trajectory = run_of(tmp_path / "run", Shape(finished=False))
    page = report(trajectory)
    assert "l2l resume" in page or trajectory.reason in page


def test_a_subset_has_the_best_and_all_failures_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from l2l.plot.data import view
    from l2l.report import payload

    defaults = view.View.shown.__defaults__
    assert defaults
    monkeypatch.setattr(view.View.shown, "__defaults__", (60, *defaults[1:]))
    monkeypatch.setattr(payload, "_LINES", 60)
    trajectory = run_of(tmp_path, Shape(generations=12, population=30, trials=1))
    page = report(trajectory)
    columns, data = columns_of(page), data_of(page)
    shown = set(columns["shown"].tolist())
    alike = np.asarray(trajectory.individuals["same_as"]) >= 0
    failed = set(np.flatnonzero((columns["status"] > 0) & ~alike).tolist())
    assert failed <= shown
    assert int(np.argmin(trajectory.costs[:, 0])) in shown
    assert len(shown) < data["rows"]
    assert "are shown" in next(one for one in data["plots"] if one["kind"] == "convergence")["note"]


def test_the_page_of_many_components_has_those_that_matter(tmp_path: Path) -> None:
    space = l2l.ParameterSpace(weights=l2l.Real(-1.0, 1.0, shape=2570), bias=l2l.Real(-1.0, 1.0))

    @l2l.optimizee(space=space, objectives=l2l.Maximize("accuracy"))
    def network(individual: l2l.Individual, trial: l2l.Trial) -> float:
        return -float(individual["bias"] ** 2)

    l2l.Experiment(network, {"name": "random", "samples": 60}, directory=tmp_path / "run", launcher="serial").run()
    path = write_report(Trajectory(tmp_path / "run"), tmp_path / "page.html")
    named = [one["name"] for one in data_of(path.read_text())["fields"] if one.get("parameter")]
    assert "bias" in named and len(named) <= 30
    assert path.stat().st_size < 3_000_000
    assert "of 2,571 parameters are shown" in path.read_text()


def test_the_command_writes_beside_the_run_or_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(tmp_path / "run", Shape())
    assert main(["report", str(tmp_path / "run")]) == 0
    assert main(["report", str(tmp_path / "run" / "trajectory.h5"), "-o", "other.html"]) == 0
    assert "open it in a browser" in capsys.readouterr().out
    made = [(tmp_path / "run" / "report.html").read_text(), Path("other.html").read_text()]
    assert all(page.endswith("</html>\n") for page in made)
    assert main(["report", str(tmp_path / "run"), "-o", "no/such/folder.html"]) != 0
    assert not list(Path().glob("**/*.partial"))
