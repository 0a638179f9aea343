from pathlib import Path

import numpy as np
import pytest

from l2l.display.tables import ago, aligned, cell, duration, print_table


def test_a_wide_table_is_cut_to_the_terminal_and_says_so() -> None:
    columns = ["number", "fitness", *(f"parameter {place}" for place in range(20))]
    rows = [[number, 0.25, *np.linspace(0.0, 1.0, 20)] for number in range(3)]
    text = aligned(columns, rows, 80, "l2l export has all")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.splitlines()[-1].startswith("… and 15 more columns: l2l export has all")
    assert text.splitlines()[0].split()[:2] == ["number", "fitness"]


def test_a_narrow_table_is_complete() -> None:
    assert aligned(["a", "name"], [[1, "x"], [10, "yy"]], 80) == " a  name\n 1  x\n10  yy"


def test_a_long_text_is_cut_where_the_terminal_ends() -> None:
    text = aligned(["status", "message"], [["FAILED", "x" * 200]], 40)
    assert len(text.splitlines()[1]) == 40 and text.endswith("…")


def test_nothing_is_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["number", "weights", "message"], [[3, np.arange(50.0), "a\tb\nc"]])
    header, row = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["number", "weights", "message"]
    number, weights, message = row.split("\t")
    assert (number, message) == ("3", "a b c")
    assert weights.count(",") == 49 and weights.endswith("49.0]")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "-"),
        (0.123456789, "0.123457"),
        (np.float64(1e-12), "1e-12"),
        (True, "true"),
        (None, ""),
        (np.array([1.0, 2.0]), "[1 2]"),
        (np.zeros((2, 3)), "[0 0 … 0] (2×3)"),
        (17, "17"),
        (Path, "Path"),
    ],
)
def test_values_are_short(value: object, text: str) -> None:
    assert cell(value) == text


def test_durations_read_as_clocks() -> None:
    assert [duration(seconds) for seconds in (0.4, 83, 3600, 90000)] == ["0:00:00", "0:01:23", "1:00:00", "1d 1:00:00"]
    assert [ago(seconds) for seconds in (-1, 5, 90, 7200, 200000)] == [
        "0 s ago",
        "5 s ago",
        "2 min ago",
        "2 h ago",
        "2 d ago",
    ]
