"""Tables for the terminal that are Markdown as well, and budgets that are kept or broken."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """A number that must not be larger than another.

    Args:
        what: Was measured.
        measured: In `unit`.
        limit: In `unit`.
        unit: Of both.
        remark: What is good to know of it.
    """

    what: str
    measured: float
    limit: float
    unit: str
    remark: str = ""

    @property
    def kept(self) -> bool:
        """Whether it is (NaN is not)."""
        return self.measured <= self.limit


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A padded Markdown table; all but the first column to the right."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if place else "-") for place, width in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def budget_table(budgets: Sequence[Budget]) -> str:
    """What was measured, what is allowed, and whether it is kept."""
    rows = [
        [
            one.what,
            f"{number(one.measured)} {one.unit}",
            f"{number(one.limit)} {one.unit}",
            "kept" if one.kept else "BROKEN",
            one.remark,
        ]
        for one in budgets
    ]
    return table(["budget", "measured", "allowed", "", "remark"], rows)


def number(value: float) -> str:
    """Three digits, thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
