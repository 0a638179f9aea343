from typing import Any

import pytest

from l2l.display.progress import Rate, live_line, watching
from l2l.experiment import Progress


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
    assert capsys.readouterr().out == "generation 1/20  16 trials  best rate_error 0.25  2 failed  0:00:01\n"


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


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_the_live_line_fits_the_terminal(width: int) -> None:
    rate = Rate()
    rate.note(step(seconds=0.0, simulated=0))
    progress = step(seconds=90.0, simulated=300, done=5, generation=2, failures=3)
    rate.note(progress)
    line = live_line(progress, ["rate_error"], rate, width)
    assert len(line) <= width
    assert line.startswith("generation 3/20")
    assert ("best rate_error 0.25" in line) == (width >= 60)
    assert ("3.33/s" in line) == (width >= 120)


def test_the_live_line_says_what_else_goes_on() -> None:
    assert live_line(step(state="stopping"), [], Rate(), 80).startswith("stopping")
    assert live_line(step(state="replaying", generation=4), [], Rate(), 80).startswith("replaying generation 5/20")
