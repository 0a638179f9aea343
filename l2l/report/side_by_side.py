"""A comparison as a page and as a figure."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.display.tables import cell
from l2l.errors import MissingPart, storage_error
from l2l.report.markup import element, joined, table
from l2l.report.page import Section, page, write_text
from l2l.report.settings import text_of_setting

if TYPE_CHECKING:
    from l2l.report.compare import Comparison

_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999933", "#888888")
"""Okabe and Ito's, which people with any kind of colour vision can tell apart."""
_DASHES = ("-", "--", ":", "-.")
_MARKS = "osD^vP*X"
_SIZE = (10.0, 4.2)  # inches: two figures beside each other across a page


def write_page(comparison: "Comparison", path: Path) -> Path:
    """Write it as one HTML file."""
    groups = comparison.groups
    plots: list[dict[str, Any]] = []
    lines = []
    for group in groups:
        at, low, median, high = group.band()
        line: dict[str, Any] = {"name": f"{group.name} (n = {len(group.runs)})", "x": at, "median": median}
        lines.append(line | ({"low": low, "high": high} if len(group.runs) > 1 else {}))
    if any(len(line["x"]) for line in lines):
        values = np.concatenate([line["median"] for line in lines])
        log = bool((values > 0).all() and values.max() > 100 * values.min())
        note = "lines are medians over seeds, bands the middle half"
        plots.append(
            {"kind": "overlay", "title": "Convergence", "groups": lines, "axis": f"best {comparison.axis}", "log": log,
             "note": note}
        )  # fmt: skip
        boxes = [
            {"name": group.name, "values": group.values,
             "runs": [run.name for run in group.runs if np.isfinite(run.quality(comparison.at))]}
            for group in groups
        ]  # fmt: skip
        ends = np.concatenate([group.values for group in groups])
        log = bool(len(ends) and (ends > 0).all() and ends.max() > 100 * ends.min())
        plots.append(
            {
                "kind": "quality",
                "title": _when(comparison),
                "groups": boxes,
                "axis": comparison.axis,
                "log": log,
                "note": "",
            }
        )
    data = {"rows": 0, "columns": {}, "fields": [], "statuses": [], "plots": plots, "note": ""}
    head = joined(
        [element("p", f"{len(comparison.runs)} runs in {len(groups)} groups by {comparison.axis}", class_="headline")]
    )
    from l2l.report.pack import Pack

    return write_text(path, page("Comparison", head, _sections(comparison), data, Pack().text()))


def _when(comparison: "Comparison") -> str:
    return "Final quality" if comparison.at is None else f"Quality after {comparison.at:,} individuals"


def _sections(comparison: "Comparison") -> list[Section]:
    columns, rows = comparison.table(repeats=True)
    said = [element("p", line) for line in (*comparison.statistics(), *comparison.remarks())]
    groups = joined([table(columns, _cells(rows), range(1, len(columns))), *said])
    differences = comparison.differences
    settings = (
        table(["setting", *(group.name for group in comparison.groups)], _by_group(comparison))
        if differences
        else element("p", "Nothing but the seed.", class_="empty")
    )
    columns, rows = comparison.table()
    return [
        ("groups", _when(comparison), groups),
        ("plots", "Plots", element("div", id="plot-list")),
        ("settings", "What differs", settings),
        ("runs", "Runs", table(columns, _cells(rows), range(1, 7))),
    ]


def _by_group(comparison: "Comparison") -> list[list[str]]:
    """A row per setting that differs, with its values in each group."""
    place_of = {id(run): place for place, run in enumerate(comparison.runs)}
    return [
        [key, *(" or ".join(dict.fromkeys(text_of_setting(row[place_of[id(run)]]) for run in group.runs))
                for group in comparison.groups)]
        for key, row in comparison.differences.items()
    ]  # fmt: skip


def _cells(rows: list[list[Any]]) -> list[list[str]]:
    return [[cell(one) for one in row] for row in rows]


def write_figure(comparison: "Comparison", path: Path) -> Path:
    """Write it as a figure, by matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPart("matplotlib, which draws figures,", "pip install 'l2l[report]'") from None
    figure = Figure(figsize=_SIZE, layout="constrained")
    lines, ends = figure.subplots(1, 2, width_ratios=[3, 2])
    positive = True
    for place, group in enumerate(comparison.groups):
        at, low, median, high = group.band()
        color, dash = _COLORS[place % len(_COLORS)], _DASHES[place % len(_DASHES)]
        if len(at):
            lines.step(at, median, dash, where="post", color=color, label=f"{group.name} (n = {len(group.runs)})")
            lines.fill_between(at, low, high, step="post", color=color, alpha=0.2, linewidth=0)
            positive = positive and bool((median > 0).all())
        spread = np.linspace(-0.12, 0.12, len(group.values)) if len(group.values) > 1 else np.zeros(len(group.values))
        ends.plot(place + spread, group.values, _MARKS[place % len(_MARKS)], color=color, markersize=5, alpha=0.8)
        if len(group.values):
            ends.hlines(group.median, place - 0.25, place + 0.25, color=color, linewidth=2)
    lines.set_xlabel("individuals tested")
    lines.set_ylabel(f"best {comparison.axis}")
    every = np.concatenate([group.values for group in comparison.groups])
    if positive and len(every) and every.min() > 0 and every.max() > 100 * every.min():
        lines.set_yscale("log")
        ends.set_yscale("log")
    lines.legend(fontsize="small", frameon=False)
    names = [group.name.replace(", ", ",\n") for group in comparison.groups]
    ends.set_xticks(range(len(names)), names, rotation=0 if len(names) < 4 else 30, fontsize="small")
    ends.set_xlim(-0.6, len(names) - 0.4)
    ends.set_ylabel(comparison.axis)
    ends.set_title(_when(comparison), fontsize="medium")
    for axes in (lines, ends):
        axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, dpi=200)
    except OSError as error:
        raise storage_error(path, "write", error) from None
    return path
