"""HTML from plain text: all that is archived is escaped, once, where it is put into the page."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from l2l.display.output import escaped

_PRINTED = 9
"""Columns of a table that have room on paper; the style of the page leaves out those behind."""


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def safe(content: object) -> Markup:
    """Anything as HTML: text is escaped, invisible and steering characters are named, markup stays."""
    if isinstance(content, Markup):
        return content
    return Markup(html.escape(escaped("" if content is None else str(content)), quote=True))


def element(name: str, *content: object, **attributes: object) -> Markup:
    """An element with its content; `class_` stands for `class`, and attributes that are None are left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{safe(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{said}>{''.join(safe(one) for one in content)}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Parts one after the other."""
    return Markup("".join(safe(one) for one in parts))


def table(columns: Sequence[object], rows: Sequence[Sequence[Any]], numbers: Iterable[int] = ()) -> Markup:
    """A table that scrolls by itself where the screen is narrow.

    Args:
        columns: Their names.
        rows: A cell per column.
        numbers: Places of the columns that are numbers, which stand to the right.
    """
    right = frozenset(numbers)

    def cells(kind: str, row: Sequence[Any]) -> Markup:
        return element(
            "tr", *(element(kind, one, class_="n" if place in right else None) for place, one in enumerate(row))
        )

    head = element("thead", cells("th", columns))
    body = element("tbody", *(cells("td", row) for row in rows))
    shown = element("div", element("table", head, body), class_="wide")
    if len(columns) <= _PRINTED:
        return shown
    said = "Nine columns are printed; the page on the screen has all."
    return joined([element("p", said, class_="note paper"), shown])


def facts(pairs: Iterable[tuple[object, object]]) -> Markup:
    """A list of names and what they are; pairs without content are left out."""
    return element(
        "dl", *(joined([element("dt", name), element("dd", said)]) for name, said in pairs if said not in ("", None))
    )


def folded(title: object, text: object) -> Markup:
    """A long text below a title that opens it."""
    return element("details", element("summary", title), element("pre", text))
