"""The report of 100,000 individuals: seconds, megabytes, and whether the page stays fluent; beside Optuna's plots.

    python benchmarks/report.py
    python benchmarks/report.py --individuals 20000 --only report,page
    python benchmarks/report.py --individuals 10000 --only report,optuna --importance

Both get the same points: 8 parameters and one objective. Optuna draws its history, slices, parallel coordinates and
timeline, and with --importance the importances too, each by `to_html`, with plotly.js once. The page is driven in a
real Chromium without a graphics card: a pointer hovers over a plot and drags in it, and the gaps between frames are
measured.
Exits with 1 where a budget is broken.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import Budget, budget_table, number, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for tests.chromium

from tests.chromium import Browser, started

SIZE = 8
NAMES = [f"x{place}" for place in range(SIZE)]

_FRAMES = """
(() => {
    window.gaps = [];
    let last = performance.now();
    const frame = (now) => {
        window.gaps.push(now - last);
        last = now;
        if (window.measuring) requestAnimationFrame(frame);
    };
    window.measuring = true;
    requestAnimationFrame((now) => { last = now; requestAnimationFrame(frame); });
})()
"""


def archived(individuals: int, folder: Path) -> None:
    """A finished run: random points in a bowl, of which one in a thousand failed."""
    from archive import _finished, _segment

    from l2l.archive import Archive
    from l2l.journal import Journal
    from l2l.space import ParameterSpace, Real

    rng, now, size = np.random.default_rng(0), time.time(), 1000
    space = ParameterSpace({name: Real(-1.0, 1.0) for name in NAMES})
    run = {
        "format": "l2l-trajectory", "l2l": "0", "experiment": "optimizee: {name: bowl}\n", "seed": 0,
        "fingerprint": "0" * 32, "space": space.to_dict(), "objectives": [["error", False, "Hz"]], "observables": {},
        "stochastic": True, "trials": 1, "seeding": "individual", "steady_state": False, "population": size,
    }  # fmt: skip
    noted: list[tuple[str, dict[str, Any]]] = [("run", run), ("segment", _segment(now))]
    for generation in range(individuals // size):
        first = generation * size
        points = rng.uniform(-1.0, 1.0, (size, SIZE))
        fitness = np.square(points).sum(axis=1, keepdims=True)
        columns = {name: points[:, place].copy() for place, name in enumerate(NAMES)}
        noted.append(
            (
                "asked",
                {
                    "first": first,
                    "columns": columns,
                    "same_as": np.full(size, -1),
                    "event": 2 * generation,
                    "time": now,
                },
            )
        )
        noted.append(("finished", _finished(first, fitness, now + generation * 10, rng)))
        told = {"individuals": first + np.arange(size), "event": 2 * generation + 1, "fitness": fitness}
        noted.append(("told", {**told, "spread": np.zeros((size, 1)), "status": np.zeros(size, dtype=np.int8)}))
        ended = {"number": generation, "count": size, "started": now, "finished": now, "report": {}}
        noted.append(("generation", {**ended, "best": fitness.min(axis=0)}))
    noted.append(("stopped", {"segment": 0, "reason": "all done", "finished": True, "time": now}))
    folder.mkdir()
    with Journal(folder / "journal") as journal:
        archive = Archive(folder)
        for kind, data in noted:
            archive.add(kind, data, journal.append(kind, data))
        archive.finish()


def reported(folder: Path, path: Path) -> float:
    """Seconds for the page, from opening the archive on."""
    from l2l import Trajectory
    from l2l.report import write_report

    begin = time.perf_counter()
    write_report(Trajectory(folder), path)
    return time.perf_counter() - begin


def optuna_pages(folder: Path, out: Path, importance: bool) -> None:
    """Write Optuna's plots of the same points, one behind the other; print the seconds and megabytes of each.

    The study is in memory before the clock starts. In a process of its own, which can be ended.
    """
    import optuna
    from optuna import visualization

    from l2l import Trajectory

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = Trajectory(folder).individuals
    spaces = {name: optuna.distributions.FloatDistribution(-1.0, 1.0) for name in NAMES}
    columns = np.stack([table[f"parameters/{name}"] for name in NAMES], axis=1).tolist()
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(params=dict(zip(NAMES, row, strict=True)), distributions=spaces, value=value)
            for row, value in zip(columns, table["fitness/error"].tolist(), strict=True)
        ]
    )
    names = ["optimization_history", "slice", "parallel_coordinate", "timeline"]
    names += ["param_importances"] if importance else []
    with out.open("w") as file:
        for place, name in enumerate(names):
            begin, before = time.perf_counter(), file.tell()
            figure = getattr(visualization, f"plot_{name}")(study)
            file.write(figure.to_html(full_html=False, include_plotlyjs=place == 0))
            size = (file.tell() - before) / 1e6
            print(f"{name}\t{time.perf_counter() - begin}\t{size}", flush=True)


def optuna_measured(folder: Path, out: Path, importance: bool, limit: float) -> tuple[float, float, bool]:
    """Seconds and megabytes of Optuna's plots, and whether all were drawn within a limit in seconds."""
    command = [sys.executable, __file__, "--draw-optuna", str(folder), str(out), "importance" if importance else "none"]
    try:
        text, whole = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=limit, check=True).stdout, True
    except subprocess.TimeoutExpired as ended:
        text, whole = (ended.stdout or b"").decode(), False
    rows = [line.split("\t") for line in text.splitlines()]
    shown = [[name, f"{number(float(seconds))} s", f"{number(float(size))} MB"] for name, seconds, size in rows]
    print(table(["Optuna's plot", "time", "size"], shown))
    if not whole:
        print(f"what is missing was not ready after {number(limit)} s")
    return sum(float(one) for _, one, _ in rows), sum(float(one) for _, _, one in rows), whole


def fluent(path: Path) -> dict[str, float]:
    """Seconds until the page is ready, and its slowest frames in milliseconds while a pointer hovers and drags."""
    with started() as browser:
        begin = time.perf_counter()
        browser.open(path)
        found = {"loading": time.perf_counter() - begin}
        for kind in ("slice", "map"):
            browser.run(
                f"document.getElementById('plot-{kind}').scrollIntoView({{behavior: 'instant', block: 'center'}})"
            )
            browser.wait(f"document.querySelector('#plot-{kind} .main-svg') !== null")
            browser.run("new Promise((done) => setTimeout(done, 3000))")  # what is drawn in the background
            left, top, width, height = browser.run(
                f"(() => {{ const at = document.querySelector('#plot-{kind} .nsewdrag').getBoundingClientRect(); "
                "return [at.x, at.y, at.width, at.height]; })()"
            )
            path_of = [(left + width * (0.1 + 0.8 * k / 60), top + height * (0.5 + 0.3 * np.sin(k))) for k in range(61)]
            found[f"hovering {kind}"] = _slowest(browser, path_of, "none")
            path_of = [(left + width * (0.2 + 0.5 * k / 30), top + height * (0.2 + 0.5 * k / 30)) for k in range(31)]
            browser.mouse("mousePressed", *path_of[0], button="left", buttons=1, clickCount=1)
            found[f"dragging {kind}"] = _slowest(browser, path_of, "left")
            browser.mouse("mouseReleased", *path_of[0], button="left", clickCount=1)
    return found


def _slowest(browser: Browser, places: Sequence[tuple[float, float]], button: str) -> float:
    browser.run(_FRAMES)
    for x, y in places:
        browser.mouse("mouseMoved", x, y, button=button, buttons=int(button == "left"))
    return float(browser.run("(() => { window.measuring = false; return Math.max(...window.gaps); })()"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--individuals", type=int, default=100_000)
    parser.add_argument("--only", default="report,page,optuna", help="what to measure, separated by commas")
    parser.add_argument("--folder", type=Path, help="where to keep the pages; a temporary folder unless given")
    parser.add_argument(
        "--importance", action="store_true", help="let Optuna draw importances (fANOVA), which takes long"
    )
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for Optuna's plots")
    parser.add_argument("--draw-optuna", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--tighten", type=float, default=1.0, help="divide budgets by this, to see that they can break")
    given = parser.parse_args()
    if given.draw_optuna:
        folder, out, importance = given.draw_optuna
        optuna_pages(Path(folder), Path(out), importance == "importance")
        return 0
    wanted = given.only.split(",")
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        folder, page = Path(scratch) / "run", Path(scratch) / "report.html"
        archived(given.individuals, folder)
        seconds = reported(folder, page)
        size = page.stat().st_size / 1e6
        budgets = [
            Budget("seconds for the report", seconds, 15.0 / given.tighten, "s"),
            Budget("its size", size, 9.0 / given.tighten, "MB"),
        ]
        if "page" in wanted:
            for name, value in fluent(page).items():
                print(f"{name}: {number(value)} {'s' if name == 'loading' else 'ms'}")
                if name != "loading":
                    budgets.append(Budget(f"slowest frame {name}", value, 200.0 / given.tighten, "ms"))
        if "optuna" in wanted:
            other = Path(scratch) / "optuna.html"
            theirs, their_size, _ = optuna_measured(folder, other, given.importance, given.limit)
            print(f"together {number(theirs)} s, {number(their_size)} MB")
            budgets.append(Budget("seconds, report beside Optuna", seconds / theirs, 1.0 / given.tighten, "x"))
            budgets.append(Budget("size, report beside Optuna", size / their_size, 1.0 / given.tighten, "x"))
        print(budget_table(budgets))
    return int(any(not budget.kept for budget in budgets))


if __name__ == "__main__":
    sys.exit(main())
