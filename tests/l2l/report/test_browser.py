"""The page of a run in a real browser: it draws, sorts, filters, answers the pointer, and asks for nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.report import compare, write_report
from l2l.trajectory import Trajectory
from tests.chromium import Browser
from tests.l2l.events import Shape, events, lead

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]  # WebGL by the processor, on a machine that others share

ALERT = "</script><img src=x onerror=window.broken=1>"


def model_of(objectives: Any) -> Any:
    space = l2l.ParameterSpace(
        {
            "gain": l2l.Real(0.0, 10.0, unit="mV"),
            "tau": l2l.Real(1.0, 1000.0, log=True, unit="ms"),
            "model": l2l.Categorical("iaf", ALERT),
            "depth": l2l.Real(0.0, 1.0, when="gain > 5"),
        }
    )

    @l2l.optimizee(space=space, objectives=objectives)
    def model(individual: l2l.Individual, trial: l2l.Trial) -> float:
        if individual["gain"] > 9:
            raise ValueError(ALERT)
        return float((individual["gain"] - 3) ** 2 + np.log(individual["tau"]) ** 2)

    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    folder = tmp_path_factory.mktemp("runs") / "run"
    model = model_of(l2l.Minimize("error", unit="Hz"))
    return l2l.Experiment(model, {"name": "random", "samples": 100}, directory=folder, launcher="serial", seed=1).run()


@pytest.fixture(scope="module")
def page(run: Trajectory, browser: Browser) -> Browser:
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(write_report(run, run.path / "report.html"))
    return browser


@pytest.fixture
def desktop(page: Browser) -> Iterator[Browser]:
    page.resize(1280, 900)
    yield page
    page.run("[...document.querySelectorAll('button')].find((one) => one.textContent === 'clear filters').click()")


def drawn(browser: Browser, kind: str) -> None:
    browser.run(f"document.getElementById('plot-{kind}').scrollIntoView({{ behavior: 'instant', block: 'center' }})")
    browser.wait(f"document.querySelector('#plot-{kind} .main-svg') !== null")


def numbers(browser: Browser, place: int = 0) -> list[str]:
    """A column of the table as it is shown."""
    found: list[str] = browser.run(
        f"[...document.querySelectorAll('#table tbody tr')].map((row) => row.cells[{place}].textContent)"
    )
    return found


def filtered(browser: Browser, key: str, text: str) -> str:
    """Type into a filter; returns what the count says then."""
    before = browser.run("document.getElementById('count').textContent")
    browser.run(
        f"(() => {{ const one = document.querySelector('[data-filter={key}]'); one.value = {text!r}; "
        "one.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )
    browser.wait(f"document.getElementById('count').textContent !== {before!r}")
    return str(browser.run("document.getElementById('count').textContent"))


def test_every_plot_is_drawn_without_complaint_and_nothing_is_asked_for(desktop: Browser) -> None:
    kinds = desktop.run("[...document.querySelectorAll('.plot')].map((one) => one.id)")
    assert {f"plot-{kind}" for kind in ("convergence", "slice", "map", "parallel", "failures", "timeline")} <= set(
        kinds
    )
    for kind in kinds:
        drawn(desktop, kind.removeprefix("plot-"))
    assert [one for one in desktop.requests if not one.startswith(("data:", "blob:"))] == [desktop.requests[0]]
    assert desktop.complaints == []
    assert desktop.run("window.broken") is None and desktop.run("document.querySelectorAll('img').length") == 0


def test_nothing_can_be_sent_even_by_the_page_itself(desktop: Browser) -> None:
    tried = "fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => 'refused')"
    assert desktop.run(tried) == "refused"
    assert any("Content Security Policy" in one for one in desktop.complaints)
    desktop.complaints.clear()


def test_a_click_on_a_name_sorts(desktop: Browser, run: Trajectory) -> None:
    assert numbers(desktop)[:3] == [str(one.number) for one in run.ranked(3)]
    place = desktop.run(
        "[...document.querySelectorAll('#table thead th')].findIndex((one) => one.dataset.key === 'parameter1')"
    )
    click = "document.querySelector('[data-key=parameter1] button').click()"
    tau = np.sort(run.individuals["parameters/tau"])
    desktop.run(click)
    np.testing.assert_allclose([float(one) for one in numbers(desktop, place)], tau[:25], rtol=1e-5)
    desktop.run(click)
    np.testing.assert_allclose([float(one) for one in numbers(desktop, place)], tau[::-1][:25], rtol=1e-5)
    assert desktop.run("document.querySelector('[data-key=parameter1]').ariaSort") == "descending"
    desktop.run("document.querySelector('[data-key=fitness0] button').click()")


def test_filters_keep_individuals_in_the_table_and_in_the_plots(desktop: Browser, run: Trajectory) -> None:
    gain = np.asarray(run.individuals["parameters/gain"])
    drawn(desktop, "map")
    assert filtered(desktop, "parameter0", "2..4").startswith(f"{int(((gain >= 2) & (gain <= 4)).sum())} of 100")
    shown = desktop.run("document.getElementById('plot-map').data.flatMap((one) => Array.from(one.x))")
    assert shown and all(2 <= one <= 4 for one in shown)
    assert filtered(desktop, "parameter0", ">1 <3").startswith(f"{int(((gain > 1) & (gain < 3)).sum())} of 100")
    assert filtered(desktop, "parameter0", "").startswith("100 individuals")
    assert filtered(desktop, "status", "!ok").startswith(f"{int((gain > 9).sum())} of 100")
    assert filtered(desktop, "status", "").startswith("100 individuals")
    assert filtered(desktop, "fitness0", "-").startswith(f"{int((gain > 9).sum())} of 100")


def test_a_filter_that_makes_no_sense_is_marked_and_keeps_all(desktop: Browser) -> None:
    desktop.run(
        "(() => { const one = document.querySelector('[data-filter=parameter0]'); one.value = 'abc'; "
        "one.dispatchEvent(new Event('input')); })()"
    )
    desktop.wait("document.querySelector('[data-filter=parameter0]').getAttribute('aria-invalid') === 'true'")
    assert desktop.run("document.getElementById('count').textContent") == "100 individuals"


def test_hovering_shows_the_individual(desktop: Browser, run: Trajectory) -> None:
    drawn(desktop, "slice")
    # The best one's mark, which nothing covers.
    x, y = desktop.run(
        "(() => { const at = document.querySelector('#plot-slice .scatterlayer .trace:last-child .point')"
        ".getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; })()"
    )
    desktop.mouse("mouseMoved", x - 30, y - 30)
    desktop.mouse("mouseMoved", x, y)
    desktop.wait("!document.getElementById('tip').hidden")
    best = run.best
    said = desktop.run("document.getElementById('tip').innerText")
    assert f"individual\n{best.number}\n" in said
    assert "gain (mV)" in said and f"{best['gain']:.4f}"[:5] in said
    desktop.mouse("mouseMoved", 3, 3)
    desktop.wait("document.getElementById('tip').hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_phone_and_a_desk_in_light_and_dark(page: Browser, width: int, scheme: str) -> None:
    page.resize(width, 844, mobile=width < 500)
    page.prefer(scheme)
    drawn(page, "convergence")
    assert page.run("document.documentElement.scrollWidth") <= width
    ground, ink = page.run("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    light = [sum(int(part) for part in one[4:-1].split(",")) for one in (ground, ink)]
    assert (light[0] > light[1]) == (scheme == "light")
    page.prefer("light")
    page.resize(1280, 900)


def test_all_plots_are_printed(desktop: Browser, tmp_path: Path) -> None:
    desktop.run("window.dispatchEvent(new Event('beforeprint'))")
    counts = desktop.run(
        "[document.querySelectorAll('.plot').length, document.querySelectorAll('.plot .main-svg:first-child').length]"
    )
    desktop.run("window.dispatchEvent(new Event('afterprint'))")
    assert counts[0] == counts[1]


def test_paper_is_white_and_its_tables_keep_numbers_whole(desktop: Browser) -> None:
    desktop.prefer("dark")
    desktop.run("window.dispatchEvent(new Event('beforeprint'))")
    ink = desktop.run("document.querySelector('#plot-convergence .xtitle').style.fill")
    desktop.prefer("dark", "print")
    desktop.resize(680, 900)
    cells = "[...document.querySelectorAll('#table tbody {}')].filter((one) => one.offsetWidth)"
    heights = desktop.run(cells.format("td") + ".map((one) => one.offsetHeight)")
    columns = desktop.run(cells.format("tr:first-child td") + ".length")
    width = desktop.run("document.querySelector('#table table').offsetWidth")
    desktop.run("window.dispatchEvent(new Event('afterprint'))")
    desktop.prefer("light")
    desktop.resize(1280, 900)
    assert ink == "rgb(0, 0, 0)"
    assert columns <= 9 and width <= 680
    assert max(heights) < 2.5 * min(heights), "no number is broken into its digits"


@pytest.mark.parametrize(
    "shape",
    [Shape(objectives=3, trials=2), Shape(generations=1), Shape(generations=0), Shape(steady=True, finished=False)],
)
def test_other_runs_draw_without_complaint(browser: Browser, tmp_path: Path, shape: Shape) -> None:
    lead(tmp_path / "run", events(shape))
    browser.complaints.clear()
    browser.resize(1280, 900)
    browser.open(write_report(Trajectory(tmp_path / "run"), tmp_path / "report.html"))
    for kind in browser.run("[...document.querySelectorAll('.plot')].map((one) => one.id)"):
        drawn(browser, kind.removeprefix("plot-"))
    assert browser.complaints == []
    assert browser.run("document.documentElement.dataset.ready") == "true"


def test_a_run_without_objectives_draws_its_observables(browser: Browser, tmp_path: Path) -> None:
    space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0), y=l2l.Real(0.0, 1.0))
    observables = {"regime": l2l.Observable(dtype=int), "rate": l2l.Observable(unit="Hz")}

    @l2l.optimizee(space=space, objectives=(), observables=observables)
    def model(individual: l2l.Individual) -> dict[str, float]:
        return {"regime": int(individual["x"] > 0.5), "rate": individual["y"]}

    run = l2l.Experiment(
        model, {"name": "random", "samples": 40, "population": 10}, directory=tmp_path / "run", launcher="serial"
    ).run()
    browser.complaints.clear()
    browser.resize(1280, 900)
    browser.open(write_report(run, tmp_path / "report.html"))
    kinds = browser.run("[...document.querySelectorAll('.plot')].map((one) => one.id)")
    assert {"plot-slice", "plot-map", "plot-parallel", "plot-observable"} <= {*kinds}
    for kind in kinds:
        drawn(browser, kind.removeprefix("plot-"))
    assert browser.complaints == []
    assert "could not be drawn" not in browser.run("document.body.innerText")
    assert "best" not in browser.run("document.querySelector('#plot-observable').textContent")


def test_a_comparison_draws(browser: Browser, tmp_path: Path) -> None:
    for seed in range(4):
        lead(tmp_path / str(seed), events(Shape(seed=seed, generations=4)))
    browser.complaints.clear()
    browser.open(compare([tmp_path / str(seed) for seed in range(4)]).write(tmp_path / "compare.html"))
    for kind in browser.run("[...document.querySelectorAll('.plot')].map((one) => one.id)"):
        drawn(browser, kind.removeprefix("plot-"))
    assert browser.complaints == []
