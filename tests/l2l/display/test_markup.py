import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import l2l
from l2l.display.markup import table
from l2l.trajectory import Trajectory
from tests.l2l.events import Shape, events, lead

EVIL = "<script>alert('1')</script>&\x1b[2J"


class _Strict(HTMLParser):
    """Sees that tags are closed, and keeps the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def read(html: str) -> _Strict:
    parser = _Strict()
    parser.feed(html)
    assert not parser.open and "script" not in parser.seen and "\x1b" not in html
    return parser


def test_nothing_that_was_archived_is_markup() -> None:
    shown = read(table([EVIL], [[EVIL]]))
    assert shown.text.count(r"<script>alert('1')</script>&\x1b[2J") == 2
    space = l2l.ParameterSpace(g=l2l.Real(0.0, 1.0, unit="<b>"), kind=l2l.Categorical("<i>", "b"))
    assert "<b>" in read(space._repr_html_()).text
    assert "<i>" in read(space.individual({"kind": "<i>"})._repr_html_()).text


@pytest.mark.parametrize("shape", [Shape(objectives=1), Shape(objectives=3, steady=True), Shape(generations=0)])
def test_a_run_shows_itself_in_every_state(tmp_path: Path, shape: Shape) -> None:
    lead(tmp_path, events(shape))
    run = Trajectory(tmp_path)
    shown = read(run._repr_html_()).text
    assert f"{len(run.individuals)} individuals" in shown
    for name in ("generations", "individuals", "trials", "failures", "segments", "validation"):
        assert f"{name}: {len(run.table(name))} rows" in read(run.table(name)._repr_html_()).text
    if run.succeeded:
        best = run.ranked(1)[0]
        assert re.search(
            rf"individual {best.number} of generation {best.generation}: OK", read(best._repr_html_()).text
        )
    else:
        assert "no individual has a fitness yet" in shown


def test_a_table_shows_the_first_rows_and_counts_the_others() -> None:
    shown = read(table(["n", *map(str, range(30))], [[one] * 31 for one in range(50)], 5000))
    assert "4,980 more rows and 15 more columns" in shown.text
