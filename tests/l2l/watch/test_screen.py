import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l.display.spark import bar, sparkline
from l2l.spread import Spread
from l2l.values import Objective, Status
from l2l.watch.follow import View
from l2l.watch.screen import screen, summary
from l2l.watch.tally import Cause, Machine

NAN = math.nan


def view(name: str = "runs/brunel", state: str = "running", objectives: int = 1, **changed: object) -> View:
    names = ["rate error of the excitatory population", "reward", "energy"][:objectives]
    generations = tuple(
        Spread(*((value + one,) * objectives for value in (1.0, 2.0, 1.5, 2.5))) for one in range(12, 0, -1)
    )
    known = View(
        name,
        "running",
        "process 5 on node1 since 2026-01-01 12:00:00",
        begun=True,
        objectives=tuple(Objective(one, unit="spikes/s") for one in names),
        generations=generations,
        count=12,
        limit=20,
        done=5,
        total=16,
        best=(0.123456,) * objectives,
        front=7 if objectives > 1 else 0,
        trials=1234567,
        failed=12,
        cached=40,
        running=4,
        waiting=7,
        rate=81.3,
        elapsed=3601.0,
        left=250.0,
        at_most=True,
        core_hours=1.234,
        core_hours_left=0.4,
        machines=tuple(Machine(f"node{one}", 8, 0.97) for one in range(6)),
        causes=(
            Cause(Status.CRASHED, "killed by signal 9", 3, (12, 0)),
            Cause(Status.INVALID, "NaN\x1b[2J", 1, (9, 1)),
        ),
    )
    return replace(known, state=state, **changed)


@pytest.mark.parametrize("width", [10, 24, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("height", [3, 10, 24, 40])
@pytest.mark.parametrize("runs", [1, 2, 3, 30])
def test_a_screen_fits_the_terminal(width: int, height: int, runs: int) -> None:
    views = [view(f"runs/{one}", objectives=1 + one % 3) for one in range(runs)]
    lines = screen(views, width, height)
    assert 0 < len(lines) <= height
    assert all(len(line.text) <= width and "\n" not in line.text and "\x1b" not in line.text for line in lines)


def test_a_screen_of_80_columns_says_all() -> None:
    shown = "\n".join(line.text for line in screen([view()], 80, 24))
    for said in (
        *("runs/brunel  running", "13/20", "5/16 trials", "0.123456 spikes/s", "best", "median", "spread", "█"),
        *("1,234,567 done", "12 failed", "40 cached", "4 running", "7 waiting", "81.3/s", "1:00:01 gone"),
        *("0:04:10 left at most", "1.23 core hours", "0.4 left at most", "48 on 6 machines 97 % busy"),
        *("3 × CRASHED 12-0: killed by signal 9", r"INVALID 9-1: NaN\x1b[2J"),
    ):
        assert said in shown, said


def test_two_runs_stand_side_by_side_where_there_is_room() -> None:
    views = [view("runs/one"), view("runs/two", state="finished")]
    wide, narrow = screen(views, 120, 40), screen(views, 80, 60)
    assert "runs/one" in wide[0].text and "runs/two" in wide[0].text
    assert "runs/two" not in narrow[0].text


def test_a_run_in_which_nothing_succeeded_or_nothing_is_known_is_shown() -> None:
    nothing = (Spread((NAN,), (NAN,), (NAN,), (NAN,)),) * 3
    shown = "\n".join(line.text for line in screen([view(generations=nothing, best=(NAN,))], 80, 24))
    assert "none valid yet" in shown and "···" in shown
    assert "there yet" in screen([View("runs/x", "not begun", "nothing is there yet")], 80, 24)[1].text
    assert summary(View("runs/x", "not begun", "nothing is there yet")) == "runs/x  not begun  nothing is there yet"


def test_a_line_says_what_matters() -> None:
    assert summary(view(limit=20)).startswith(
        "runs/brunel  running  generation 13/20  5/16  1,234,567 trials  best rate"
    )
    ended = summary(view(state="killed", why="go on with: l2l resume runs/brunel"))
    assert "12 generations" in ended and ended.endswith("l2l resume runs/brunel")


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)), st.integers(0, 50))
def test_a_sparkline_has_a_letter_per_number_that_there_is_room_for(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(len(values), width)
    assert all(letter in "▁▂▃▄▅▆▇█·" for letter in line)


def test_a_sparkline_shows_decades_as_steps() -> None:
    assert sparkline([1000.0, 100.0, 10.0, NAN, 1.0], 9) == "█▆▃·▁"
    assert sparkline([3.0, 2.0, 1.0], 9) == "█▅▁"
    assert bar(0.5, 4) == "━━╌╌" and bar(2.0, 4) == "━━━━"
