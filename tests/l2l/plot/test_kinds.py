"""Every kind draws every run, or says why it cannot."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.errors import UserError
from l2l.plot import KINDS
from tests.l2l.events import Shape, events, write
from tests.l2l.plot.conftest import RUNS

matplotlib = pytest.importorskip("matplotlib")

Runs = Callable[[str], l2l.Trajectory]

# What has no such picture: of a run with one objective no front, of one without vectors no fit, and so on.
REFUSED = {
    ("mixed", "fit"),
    ("weights", "fit"),
    ("grid", "fit"),
    ("onegen", "fit"),
    ("steady", "fit"),
    ("failing", "importance"),
    ("failing", "map"),
    ("one", "map"),
    ("categories", "importance"),
    *((run, "front") for run in RUNS if run not in {"mixed", "three", "four"}),
    *(
        (run, kind)
        for run in ("three", "four", "failing", "one", "categories", "odd")
        for kind in ("observable", "fit")
    ),
}


def texts_of(figure: Any) -> list[str]:
    import matplotlib.text

    return [one.get_text() for one in figure.findobj(matplotlib.text.Text) if one.get_text()]


@pytest.mark.parametrize("name", RUNS)
def test_all_kinds_draw_or_say_why_not(runs: Runs, tmp_path: Path, name: str) -> None:
    run = runs(name)
    for kind in KINDS:
        draw = getattr(run.plot, kind)
        if (name, kind) in REFUSED:
            with pytest.raises(UserError):
                draw()
            continue
        figure = draw()
        figure.save(tmp_path / f"{kind}.png", dpi=40)
        assert (tmp_path / f"{kind}.png").stat().st_size > 1000
        assert figure.summary


@pytest.mark.parametrize("length", range(4, 52, 12))
@pytest.mark.parametrize(("objectives", "steady"), [(1, False), (3, True)])
def test_a_run_that_was_killed_at_any_moment_is_drawn(
    tmp_path: Path, length: int, objectives: int, *, steady: bool
) -> None:
    records = events(Shape(seed=length, generations=3, objectives=objectives, steady=steady, finished=False))
    write(tmp_path / "journal", records[:length])
    run = l2l.Trajectory(tmp_path)
    for kind in KINDS:
        try:
            getattr(run.plot, kind)()
        except UserError:
            assert kind in {"front", "fit", "importance", "observable"} or not len(run.individuals)


@pytest.mark.parametrize(
    ("kind", "options", "labels"),
    [
        ("convergence", {}, ["generation", "cost (mV)", "gain (spikes/s)", "minimized", "maximized"]),
        ("convergence", {"objective": "gain", "by": "individuals"}, ["individuals", "gain (spikes/s)"]),
        ("parameters", {}, ["x (mV)", "y (Hz)", "share of kind", "n", "extra (nS)", "None"]),
        ("parallel", {}, ["x (mV)", "y (Hz)", "kind", "n", "extra (nS)", "cost (mV)", "inactive", "alpha"]),
        ("pairs", {"parameters": ["x", "y"]}, ["x (mV)", "y (Hz)", "cost (mV)"]),
        ("slice", {"objective": "gain"}, ["x (mV)", "extra (nS)", "gain (spikes/s)", "generation"]),
        ("map", {"parameters": ["x", "y"], "value": "rate"}, ["x (mV)", "y (Hz)", "rate (spikes/s)"]),
        ("map", {"parameters": ["x", "y"], "value": "regime"}, ["regime", "failed"]),
        ("front", {}, ["cost (mV) ←", "gain (spikes/s) →", "Pareto front", "validation"]),
        ("importance", {"objective": "cost"}, ["cost", "x", "importance, share of the sum (PED-ANOVA)"]),
        ("timeline", {}, ["time since the first trial (s)", "busy (%)", "OK", "INVALID"]),
        ("observable", {"observable": "rate"}, ["generation", "rate (spikes/s)"]),
        ("observable", {"observable": "trace"}, ["component of trace", "trace (mV)"]),
        ("observable", {"observable": "spikes"}, ["spikes (ms)"]),
        ("observable", {"observable": "image"}, ["image", "last axis"]),
        ("failures", {}, ["generation", "trials", "INVALID", "attempts that failed"]),
        ("fit", {"observable": "trace", "data": np.zeros(20)}, ["trace (mV)", "difference (mV)", "data"]),
    ],
)
def test_axes_have_names_and_units(runs: Runs, kind: str, options: dict[str, Any], labels: list[str]) -> None:
    texts = texts_of(getattr(runs("mixed").plot, kind)(**options))
    for label in labels:
        assert label in texts


def test_axes_are_logarithmic_where_parameters_are(runs: Runs) -> None:
    figure = runs("grid").plot.map()
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    low, high = axes.get_ylim()
    assert low < 1.0 and high > 1000.0  # the outer cells are whole
    figure = runs("onegen").plot.slice()
    assert [axes.get_xscale() for axes in figure.axes[:2]] == ["linear", "log"]


def test_lines_are_those_of_the_trajectory(runs: Runs) -> None:
    run = runs("one")
    figure = run.plot.convergence()
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    best = np.minimum.accumulate(run.to_pandas("individuals").groupby("generation")["fitness"].min())
    np.testing.assert_allclose(lines["best so far"], best)
    assert lines["target 1e-09"] == [1e-9, 1e-9]


def test_what_is_left_out_is_said_in_the_picture(runs: Runs) -> None:
    figure = runs("weights").plot.slice()
    assert figure.notes == ("9 of 301 parameters are shown: those that matter most by PED-ANOVA",)
    assert any("9 of 301 parameters" in text.replace("\n", " ") for text in texts_of(figure))


def test_all_that_failed_is_said(runs: Runs) -> None:
    run = runs("failing")
    assert "all 20 individuals failed" in texts_of(run.plot.convergence())
    assert "all individuals failed" in texts_of(run.plot.slice())
    assert any("NaN in neuron …" in text for text in texts_of(run.plot.failures()))
    assert any("none of" in text for text in texts_of(runs("one").plot.failures()))


def test_names_stand_as_they_are(runs: Runs, tmp_path: Path) -> None:
    run = runs("odd")
    for kind in ("slice", "pairs", "parallel", "map", "parameters", "importance"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = getattr(run.plot, kind)()
            figure.save(tmp_path / "odd.svg")
        assert "a price of $5 and $6" in (tmp_path / "odd.svg").read_text()


def test_pictures_are_drawn_where_the_user_says(runs: Runs) -> None:
    from matplotlib.figure import Figure

    run = runs("mixed")
    figure = Figure(figsize=(8.0, 6.0), layout="constrained")
    upper, lower = figure.subfigures(2, 1)
    left, right = upper.subplots(1, 2)
    assert run.plot.front(left) is left and left.lines
    assert run.plot.map(right, parameters=["x", "y"]) is right
    assert run.plot.convergence(lower) is lower and len(lower.axes) == 2
    pair = Figure().subplots(1, 2)
    assert run.plot.convergence(pair) is pair
    with pytest.raises(l2l.errors.OptionError, match="2 panel"):
        run.plot.convergence(left)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("convergence", {"objective": "gian"}, "did you mean 'gain'"),
        ("convergence", {"by": "hours"}, "expected 'generation' or 'individuals'"),
        ("slice", {"parameters": "z"}, "no parameter that varies 'z'"),
        ("map", {"parameters": "x"}, "expected two parameters"),
        ("front", {"objectives": ["cost"]}, "several objectives"),
        ("importance", {"method": "anova"}, "no method of importance 'anova'"),
        ("observable", {"observable": "trac"}, "did you mean 'trace'"),
        ("fit", {}, "fits no data"),
    ],
)
def test_mistakes_are_said(runs: Runs, kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        getattr(runs("mixed").plot, kind)(**options)


def test_options_are_those_of_the_methods() -> None:
    import inspect

    from l2l.plot import Plot

    for kind, known in KINDS.items():
        taken = tuple(inspect.signature(getattr(Plot, kind)).parameters)
        assert taken[:2] == ("self", "ax")
        assert set(taken[2:]) == set(known.options)
    methods = [name for name in vars(Plot) if not name.startswith("_")]
    assert methods == list(KINDS)


def test_nothing_overlaps_the_border(runs: Runs) -> None:
    for name, kind in itertools.product(("mixed", "categories", "odd"), ("convergence", "slice", "parallel", "pairs")):
        figure = getattr(runs(name).plot, kind)()
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
        assert box.x0 > -0.05 and box.y0 > -0.05
        assert box.x1 < figure.get_figwidth() + 0.05 and box.y1 < figure.get_figheight() + 0.05
