"""Objects as HTML, for notebooks: tables of text, in which nothing that was archived is markup."""

import html
from collections.abc import Sequence
from typing import Any

from l2l.display.output import one_line
from l2l.display.tables import cell, cut

ROWS, COLUMNS = 20, 16
"""Of a table: what a page shows at once."""
_LONGEST = 200
"""Letters of a cell."""


def text(value: Any) -> str:
    """A value as text that is safe in HTML."""
    return html.escape(cut(one_line(cell(value)), _LONGEST))


def heading(said: str) -> str:
    """A line above a table."""
    return f"<p>{html.escape(one_line(said))}</p>"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], total: int | None = None) -> str:
    """Rows as a table; of more than a page shows, the first ones and how many there are.

    Args:
        columns: Their names.
        rows: A value per column each; those after the first few are left out.
        total: Rows that there are, where not all are given.
    """
    shown, names = rows[:ROWS], columns[:COLUMNS]
    head = "".join(f"<th>{text(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{text(value)}</td>" for value in row[:COLUMNS]) + "</tr>" for row in shown)
    more = [f"{(total or len(rows)) - len(shown):,} more rows"] if (total or len(rows)) > len(shown) else []
    more += [f"{len(columns) - len(names)} more columns"] if len(columns) > len(names) else []
    rest = heading(f"… and {' and '.join(more)}") if more else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"
