import math
from dataclasses import replace
from typing import Any

import pytest

from l2l.display.progress import Lines, Rate, Way, watching
from l2l.experiment import Progress
from l2l.spread import Spread

NAN = math.nan


def step(**values: Any) -> Progress:
    known: dict[str, Any] = {
        "state": "running",
        "generations": 20,
        "total": 16,
        "trials": 16,
        "simulated": 16,
        "best": (0.25,),
        "seconds": 1.0,
    }
    return Progress(**(known | values))


def test_without_a_terminal_a_generation_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(["rate_error"]) as watch:
        watch(step(state="starting", trials=0))
        watch(step(done=3))
        watch(step(complete=True, failures=2))
        watch(step(complete=True, generation=1, course=course(2)))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "generation 1/20  16 trials  best rate_error 0.25  2 failed  0:00:01"
    assert second == "generation 2/20  16 trials  best rate_error 0.25  median 6  spread 4  0:00:01"


def test_quick_generations_do_not_flood_and_the_last_is_never_lost(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(["error"]) as watch:
        for number in range(1000):
            watch(step(generation=number, generations=1000, complete=True, trials=16 * number, simulated=16 * number))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("generation 1/1000") and lines[1].startswith("generation 1000/1000")


def test_no_valid_fitness_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(["error"]) as watch:
        watch(step(complete=True, best=(float("nan"),), individuals=0))
    assert "valid" not in capsys.readouterr().out
    with watching(["error"]) as watch:
        watch(step(complete=True, best=(float("nan"),), individuals=8))
    assert "none valid yet" in capsys.readouterr().out


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    rate = Rate()
    for second in range(100):
        simulated = second if second < 60 else 60 + 10 * (second - 60)
        rate.note(step(seconds=float(second), simulated=simulated))
    assert rate.per_second == pytest.approx(10.0)


def test_the_rest_is_told_where_the_rules_say_how_many() -> None:
    rate = Rate()
    assert rate.remaining(step()) is None
    rate.note(step(seconds=0.0, simulated=0))
    rate.note(step(seconds=2.0, simulated=8))
    assert rate.remaining(step(generation=18, done=8)) == pytest.approx((16 + 8) / 4)
    assert rate.remaining(step(generations=None)) is None


def test_a_terminal_gets_one_line_that_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    with watching(["error"]) as watch:
        watch(step(done=5, generation=2, failures=1))
        watch(step(state="stopping", message="Ctrl-C"))
    out = capsys.readouterr().out
    assert "generation 3/20" in out or "stopping" in out


def course(generations: int, objectives: int = 1) -> tuple[Spread, ...]:
    falling = [4.0 * 2.0**-number for number in range(generations)]
    return tuple(Spread(*((one * share,) * objectives for share in (1.0, 3.0, 2.0, 4.0))) for one in falling)


@pytest.mark.parametrize("objectives", [["rate_error"], ["rate_error", "energy"], []])
@pytest.mark.parametrize("width", [12, 20, 40, 60, 80, 120, 200])
def test_the_live_lines_fit_the_terminal_with_rate_and_time_left_at_80_columns(
    width: int, objectives: list[str]
) -> None:
    lines = Lines(objectives)
    lines.note(step(seconds=0.0, simulated=0))
    best = (0.25,) * len(objectives)
    progress = step(seconds=90.0, simulated=300, done=5, generation=5, failures=3, cached=2, best=best)
    progress = replace(progress, course=course(5, len(objectives)))
    lines.note(progress)
    shown = lines.of(progress, width)
    assert all(len(line) <= width for line in shown)
    assert shown[0].startswith("generation 6/20"[: width - 1])
    if width >= 80:
        assert "5/16 trials" in shown[0] and "3.33/s" in shown[0] and "left" in shown[0] and "━" in shown[0]
        assert "3 failed" in shown[1] and "2 cached" in shown[1]
    if width >= 80 and len(objectives) == 1:
        assert "best rate_error 0.25  █" in shown[1]
        assert "median 0.75  █" in shown[2] and "spread 0.5  █" in shown[2], "of the last complete generation"
    if width >= 80 and len(objectives) == 2:
        assert shown[2] == "median rate_error 0.75, energy 0.75  spread rate_error 0.5, energy 0.5"


def test_a_generation_in_which_all_failed_has_no_median() -> None:
    failed = Spread((NAN,), (NAN,), (NAN,), (NAN,))
    shown = Lines(["error"]).of(step(course=(*course(2), failed)), 80)
    assert shown[2].startswith("median -  █") and "spread -  █" in shown[2] and "·" in shown[2]


def test_the_live_lines_say_what_else_goes_on() -> None:
    assert Lines([]).of(step(state="stopping"), 80)[0].startswith("stopping")
    assert Lines([]).of(step(state="replaying", generation=4), 80)[0].startswith("replaying generation 5/20")


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"])
def test_a_rank_has_no_terminal_whatever_its_output_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, "0")
    with watching(["error"]) as watch:
        watch(step(complete=True))
    assert capsys.readouterr().out == "generation 1/20  16 trials  best error 0.25  0:00:01\n"


@pytest.mark.parametrize("way", ["plain", "quiet"])
def test_the_way_is_chosen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: Way) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with watching(["error"], way=way) as watch:
        watch(step(complete=True))
    shown = capsys.readouterr().out
    assert shown == ("" if way == "quiet" else "generation 1/20  16 trials  best error 0.25  0:00:01\n")


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    with watching(["error"]) as watch:
        watch(step(complete=True))
    assert capsys.readouterr().out == "generation 1/20  16 trials  best error 0.25  0:00:01\n"
