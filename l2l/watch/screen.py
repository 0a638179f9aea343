"""Views of runs as lines of text: whole, shorter where there is no room, and one line per run."""

import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from l2l.display.output import one_line
from l2l.display.spark import bar, sparkline
from l2l.display.tables import cell, cut, duration
from l2l.values import Objective
from l2l.watch.follow import View

_GAP = "  "
_COLUMN = 58
"""Letters that a run needs to stand beside another one: a value, its name and a sparkline."""
_BETWEEN = 3
_LABEL = 9
"""Letters of the words at the left edge."""
_CAUSES = 3
_MACHINES = 4


class Line(NamedTuple):
    """A line of a screen.

    Args:
        text: Without control characters.
        kind: By which it is coloured.
    """

    text: str
    kind: str = ""


def screen(views: Sequence[View], width: int, height: int) -> list[Line]:
    """Runs side by side where there is room, in as much detail as fits.

    Args:
        views: At least one.
        width: Of the terminal, in letters.
        height: Of the terminal, in lines.
    """
    beside = max(1, min(len(views), (width + _BETWEEN) // (_COLUMN + _BETWEEN)))
    for columns in sorted({beside, 1}, reverse=True):
        each = (width - _BETWEEN * (columns - 1)) // columns
        for detail in (2, 1):
            lines = _arranged([_block(view, each, detail) for view in views], columns, each)
            if len(lines) <= height:
                return lines
    lines = _arranged([_short(view, width) for view in views], 1, width, apart=False)
    if len(lines) <= height:
        return lines
    lines = [Line(cut(summary(view), width), view.state) for view in views]
    if len(lines) > height:
        hidden = len(lines) - height + 1
        lines = [*lines[: max(0, height - 1)], Line(cut(f"… and {hidden} more runs", width))]
    return lines


def _arranged(blocks: list[list[Line]], columns: int, each: int, *, apart: bool = True) -> list[Line]:
    """Blocks below and beside each other."""
    if columns == 1:
        lines: list[Line] = []
        for place, block in enumerate(blocks):
            lines += [Line(""), *block] if place and apart else block
        return lines
    lines = []
    for first in range(0, len(blocks), columns):
        row = blocks[first : first + columns]
        lines += [Line("")] if first else []
        for place in range(max(map(len, row))):
            parts = [block[place] if place < len(block) else Line("") for block in row]
            text = (" " * _BETWEEN).join(part.text.ljust(each) for part in parts)
            lines.append(Line(text.rstrip(), parts[0].kind if len({part.kind for part in parts}) == 1 else ""))
    return lines


def _block(view: View, width: int, detail: int) -> list[Line]:
    """What is known of a run."""
    lines = [Line(cut(one_line(_head(view)), width), view.state)]
    if view.state == "unreadable" or not view.begun:
        return lines + [Line(one, "") for one in _flow("", [one_line(view.why)], width)]
    if view.why and view.state != "running":
        lines += [Line(one, view.state) for one in _flow("", [one_line(view.why)], width)]
    lines += [Line(one) for one in _generation(view, width)]
    for place, objective in enumerate(view.objectives):
        lines += [Line(one, "value") for one in _objective(view, place, objective, width, detail)]
    lines += [Line(one) for one in _flow("trials", _counts(view), width)]
    lines += [Line(one) for one in _flow("time", _times(view), width)]
    if detail > 1 and view.machines:
        lines += [Line(one) for one in _flow("workers", _machines(view), width)]
    for cause in view.causes[: _CAUSES if detail > 1 else 1]:
        text = one_line(f"{cause.status.name} {cause.trial[0]}-{cause.trial[1]}: {cause.message}")
        count = f"{cause.count} × " if cause.count > 1 else ""
        lines.append(Line(cut(f"{'failed':<{_LABEL}}{count}{text}", width), "failed"))
    if detail > 1 and len(view.causes) > _CAUSES:
        lines.append(Line(cut(f"{'':<{_LABEL}}and {len(view.causes) - _CAUSES} other causes", width), "failed"))
    return lines


def _short(view: View, width: int) -> list[Line]:
    """A run in as many lines as its summary needs."""
    parts = summary(view).split(_GAP)
    lines = _flow("", parts, width)
    return [Line(lines[0], view.state), *(Line(f"  {line}"[:width], "") for line in lines[1:])]


def _head(view: View) -> str:
    who = f": {view.why}" if view.state == "running" and view.why else ""
    return f"{view.name}  {view.state}{who}"


def _flow(label: str, parts: Sequence[str], width: int) -> list[str]:
    """Parts behind a label, on as many lines as they need; one that is longer than a line is broken."""
    edge = f"{label:<{_LABEL}}" if label else ""
    room = max(8, width - len(edge))
    lines = [""]
    for part in filter(None, parts):
        joined = f"{lines[-1]}{_GAP}{part}" if lines[-1] else part
        if len(joined) <= room:
            lines[-1] = joined
            continue
        broken = textwrap.wrap(part, room, break_on_hyphens=False)
        lines = [*lines, *broken] if lines[-1] else broken
    return [cut((edge if not place else " " * len(edge)) + line, width) for place, line in enumerate(lines)]


def _generations(view: View) -> str:
    return "generation" if view.count == 1 and view.limit is None else "generations"


def _generation(view: View, width: int) -> list[str]:
    """How far the run is."""
    whole = f"/{view.limit}" if view.limit is not None else ""
    if view.state != "running" or not view.total:
        return [cut(f"{'done':<{_LABEL}}{view.count}{whole} {_generations(view)}", width)]
    text = f"{view.count + 1}{whole}" if view.limit is None or view.count < view.limit else f"{view.count}{whole}"
    parts = [text, f"{view.done}/{view.total} trials"]
    free = min(30, width - _LABEL - len(_GAP.join(parts)) - len(_GAP))
    if free >= 6:
        parts.insert(1, bar(view.done / view.total, free))
    return _flow("now", parts, width)


def _objective(view: View, place: int, objective: Objective, width: int, detail: int) -> list[str]:
    """Best, median and spread of an objective over the generations."""
    unit = f" {objective.unit}" if objective.unit else ""
    best = view.best[place]
    front = f"{_GAP}front of {view.front}" if view.front and not place else ""
    value = f"{cell(best)}{unit}" if not math.isnan(best) else "none valid yet" if view.count else "-"
    sense = "highest" if objective.maximize else "lowest"
    lines = [cut(one_line(f"{objective.name} {value}{' (' + sense + ')' if detail > 1 else ''}{front}"), width)]
    rows = [
        ("best", [one.best[place] for one in view.generations]),
        ("median", [one.median[place] for one in view.generations]),
        ("spread", [one.high[place] - one.low[place] for one in view.generations]),
    ]
    if len(view.objectives) > 2 and detail < 2:
        return lines
    if view.generations:
        lines += [_row(label, values, width) for label, values in rows[: 3 if detail > 1 else 1]]
    return lines


def _row(label: str, values: list[float], width: int) -> str:
    """A quantity over the generations, and its last value."""
    last = f"{values[-1]:.4g}" if not math.isnan(values[-1]) else "-"
    room = width - _LABEL - len(_GAP) - 10
    line = sparkline(values, min(room, 60)) if room >= 4 else ""
    return cut(f"{'  ' + label:<{_LABEL}}{last:>10}{_GAP}{line}", width)


def _counts(view: View) -> list[str]:
    running = "" if view.running is None or view.state != "running" else f"{view.running:,} running"
    return [
        f"{view.trials:,} done",
        f"{view.failed:,} failed",
        f"{view.cached:,} cached",
        running,
        f"{view.waiting:,} waiting" if view.waiting or view.state == "running" else "",
        f"{view.validated:,} of the validation" if view.validated else "",
        f"{view.rate:.3g}/s" if view.rate else "",
    ]


def _times(view: View) -> list[str]:
    at_most = " at most" if view.at_most else ""
    parts = [f"{duration(view.elapsed)} gone"]
    if view.left is not None:
        parts.append(f"{duration(view.left)} left{at_most}")
    elif view.left_here is not None:
        parts.append(f"{duration(view.left_here)} left of this generation")
    parts.append(f"{view.core_hours:.3g} core hours")
    if view.core_hours_left is not None:
        parts.append(f"{view.core_hours_left:.3g} left{at_most}")
    return parts


def _machines(view: View) -> list[str]:
    """How busy the workers are, the idlest machines first where there are many."""
    machines = sorted(view.machines, key=lambda one: (one.busy, one.host))
    parts = [one_line(f"{one.host} {one.workers} × {100 * one.busy:.0f} % busy") for one in machines[:_MACHINES]]
    if len(machines) > _MACHINES:
        workers = sum(one.workers for one in machines)
        busy = sum(one.workers * one.busy for one in machines) / workers
        parts.insert(0, f"{workers:,} on {len(machines)} machines {100 * busy:.0f} % busy, the idlest:")
    return parts


def summary(view: View) -> str:
    """A run in one line: for many runs, and for log files."""
    if not view.begun:
        return one_line(f"{view.name}{_GAP}{view.state}{_GAP}{view.why}")
    whole = f"/{view.limit}" if view.limit is not None else ""
    runs = view.state == "running"
    best = [f"{one.name} {cell(value)}" for one, value in zip(view.objectives, view.best, strict=True)]
    none_valid = view.count and view.objectives
    left = f"{duration(view.left)} left{' at most' if view.at_most else ''}" if view.left is not None else ""
    parts = [
        view.name,
        view.state,
        f"generation {view.count + 1}{whole}" if runs and view.total else f"{view.count} {_generations(view)}",
        f"{view.done}/{view.total}" if runs and view.total else "",
        f"{view.trials:,} trials",
        f"best {', '.join(best)}" if not all(map(math.isnan, view.best)) else "none valid yet" if none_valid else "",
        f"front of {view.front}" if view.front else "",
        f"{view.failed:,} failed" if view.failed else "",
        f"{view.cached:,} cached" if view.cached else "",
        f"{view.rate:.3g}/s" if view.rate else "",
        duration(view.elapsed),
        left,
        view.why if not runs else "",
    ]
    return one_line(_GAP.join(part for part in parts if part))
