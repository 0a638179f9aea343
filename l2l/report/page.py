"""One HTML file: text, data, style and script together, from which no request goes out."""

import hashlib
import time
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from l2l.errors import L2LError, MissingPart
from l2l.files import written_whole
from l2l.plot.data import View
from l2l.plot.data.timeline import Timeline, timeline
from l2l.report import content
from l2l.report.markup import Markup, element, joined, safe
from l2l.report.pack import as_json, compressed
from l2l.report.payload import Payload
from l2l.trajectory import Trajectory

Section = tuple[str, str, Markup]
"""Its name in links, its title, and what stands in it."""


def report(trajectory: Trajectory) -> str:
    """A run as an HTML page.

    Args:
        trajectory: The run; also one that is being written, was killed, or failed throughout.

    Raises:
        MissingPart: plotly is not installed.
    """
    view = View(trajectory)
    times = _timeline(view)
    payload = Payload(view, times)
    sections: list[Section] = [("found", "What was found", content.found(trajectory))]
    if payload.data["plots"]:
        sections.append(("plots", "Plots", element("div", id="plot-list")))
    if payload.data["rows"]:
        sections.append(("individuals", "Individuals", element("div", id="table")))
    sections += [
        ("failures", "What failed", content.failed(view)),
        ("cost", "What it cost", content.cost(trajectory, times)),
        ("run", "What was run", content.was_run(view)),
        ("when", "What ran when", content.segments(trajectory)),
        ("again", "Run it again", content.again(trajectory)),
    ]
    state, why = content.state_of(trajectory)
    name = trajectory.path.absolute().parent.name if trajectory.path.is_file() else trajectory.path.absolute().name
    head = joined(
        [
            element("p", element("span", state, class_=f"badge {state}"), " ", why, class_="state"),
            element("p", content.headline(trajectory), class_="headline"),
            element(
                "ul",
                *(element("li", element("strong", number), " ", what) for what, number in content.counts(trajectory)),
                class_="counts",
            ),
        ]
    )
    return page(name, head, sections, payload.data, payload.pack.text())


def write_report(trajectory: Trajectory, path: str | Path) -> Path:
    """Write a run as an HTML page; no half of one ever stands in its place.

    Args:
        trajectory: The run.
        path: Of the file.

    Raises:
        MissingPart: plotly is not installed.
        StorageError: The file cannot be written.
    """
    return write_text(Path(path), report(trajectory))


def write_text(path: Path, text: str) -> Path:
    """Write beside the file first, and put it into its place then.

    Raises:
        StorageError: It cannot be written.
    """
    with written_whole(path) as file:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def page(name: str, head: Markup, sections: Sequence[Section], data: dict[str, Any], columns: str) -> str:
    """Put a page together.

    Args:
        name: Its title.
        head: What stands below the title.
        sections: In their order.
        data: For the script, plain.
        columns: Of numbers, packed.
    """
    from l2l import __version__

    plotly = _plotly() if data["plots"] else ""
    script = _asset("page.js")
    # Only the page's own scripts run, and nothing is loaded or sent, whatever stands in the text of a run. plotly makes
    # the programs of its WebGL drawings from text, which needs unsafe-eval.
    nonce = hashlib.sha256((script + columns).encode()).hexdigest()[:32]
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; form-action 'none'; base-uri 'none'"
    )
    made = f"Made by l2l {__version__}, {content.moment(time.time())}."
    links = element("nav", *(element("a", title, href=f"#{place}") for place, title, _ in sections))
    body = [
        element("header", element("h1", name), head, links),
        element("noscript", element("p", "Plots and the table of individuals need scripts; the text does not.")),
        element(
            "main", *(element("section", element("h2", title), inner, id=place) for place, title, inner in sections)
        ),
        element("footer", element("p", made)),
        element("div", id="tip", role="status", hidden="hidden"),
        Markup(f'<script type="application/json" id="data">{as_json(data)}</script>'),
        Markup(f'<script type="text/plain" id="columns">{columns}</script>'),
        Markup(f'<script type="text/plain" id="plotly">{plotly}</script>'),
        Markup(f'<script nonce="{nonce}">{script}</script>'),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{safe(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="data:,"><title>{safe(name)}</title><style>{_asset("page.css")}</style></head>\n'
        f"<body>{joined(body)}</body></html>\n"
    )


@cache
def _plotly() -> str:
    try:
        import plotly
    except ImportError:
        raise MissingPart("plotly, which draws in the report,", "pip install 'l2l[report]'") from None
    return compressed((Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes())


def _asset(name: str) -> str:
    return (resources.files("l2l.report") / "assets" / name).read_text(encoding="utf-8")


def _timeline(view: View) -> Timeline | None:
    try:
        return timeline(view)
    except L2LError:  # nothing was simulated in this run
        return None
