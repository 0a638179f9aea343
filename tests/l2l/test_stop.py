import math
from typing import Any

import pytest

from l2l import Maximize, Minimize, Stop
from l2l.errors import OptionError
from l2l.stop import Standing

DOWN, UP = (Minimize("error"),), (Maximize("reward"),)


@pytest.mark.parametrize(
    ("stop", "standing", "reason"),
    [
        (Stop(generations=3), Standing(generations=2), None),
        (Stop(generations=3), Standing(generations=3), "3 generations done"),
        (Stop(generations=3), Standing(generations=7), "3 generations done"),
        (Stop(individuals=10), Standing(individuals=9, trials=99), None),
        (Stop(individuals=10), Standing(individuals=12), "10 individuals done"),
        (Stop(trials=10), Standing(trials=10), "10 trials done"),
        (Stop(stagnation=2), Standing(stagnant=1), None),
        (Stop(stagnation=2), Standing(stagnant=2), "no better fitness for 2 generations"),
        (Stop(generations=3, trials=5), Standing(generations=1, trials=5), "5 trials done"),
        (Stop(), Standing(generations=10**6), None),
        (Stop(walltime=1.0), Standing(seconds=2.0), None),
    ],
)
def test_a_run_ends_when_one_of_its_rules_is_reached(stop: Stop, standing: Standing, reason: str | None) -> None:
    assert stop.reached(standing, DOWN) == reason


@pytest.mark.parametrize(
    ("objectives", "target", "best_cost", "reached"),
    [
        (DOWN, 0.5, 0.51, False),
        (DOWN, 0.5, 0.5, True),
        (DOWN, 0.5, 0.1, True),
        (DOWN, -0.5, -0.4, False),
        (DOWN, -0.5, -0.6, True),
        (UP, 0.5, -0.49, False),
        (UP, 0.5, -0.5, True),
        (UP, 0.5, -0.9, True),
        (UP, -0.5, 0.6, False),
        (UP, -0.5, 0.4, True),
        (DOWN, 0.5, math.inf, False),
        (UP, 0.5, math.inf, False),
    ],
)
def test_a_target_is_a_fitness_in_the_objectives_own_direction(
    objectives: Any, target: float, best_cost: float, reached: bool
) -> None:
    reason = Stop(target=target).reached(Standing(best=best_cost), objectives)
    assert reason == (f"target {target:g} reached" if reached else None)


def test_the_target_is_named_first() -> None:
    standing = Standing(generations=3, best=0.0)
    assert Stop(generations=3, target=0.1).reached(standing, DOWN) == "target 0.1 reached"


@pytest.mark.parametrize("name", ["generations", "individuals", "trials", "stagnation"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True, math.nan])
def test_other_counts_are_refused(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=rf"stop\.{name}: expected a whole number above 0, got "):
        Stop(**{name: value})


@pytest.mark.parametrize("value", ["low", True, math.nan, math.inf, -math.inf, [1.0]])
def test_other_targets_are_refused(value: Any) -> None:
    with pytest.raises(OptionError, match=r"stop\.target: expected a number, not NaN or infinite, got "):
        Stop(target=value)


def test_walltime_is_seconds_or_a_text() -> None:
    assert Stop(walltime="00:10:00").walltime == 600.0  # type: ignore[arg-type]
    assert Stop(walltime=5).walltime == 5.0
    for value in ("soon", 0, -1):
        with pytest.raises(
            OptionError, match=r"stop\.walltime: expected seconds above 0|stop\.walltime: expected seconds or"
        ):
            Stop(walltime=value)  # type: ignore[arg-type]


def test_a_stop_is_read_from_a_mapping() -> None:
    assert Stop.of({"generations": 3, "target": 1}) == Stop(generations=3, target=1.0)
    assert Stop.of(None) == Stop()
    stop = Stop(trials=3)
    assert Stop.of(stop) is stop
    assert type(Stop(target=1).target) is float


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"generation": 3}, "stop: no rule 'generation'; did you mean 'generations'"),
        ({3: 3}, "stop: no rule '3'"),
        ("20", "stop: expected a mapping such as {generations: 20}, got '20'"),
        (20, "stop: expected a mapping such as {generations: 20}, got 20"),
    ],
)
def test_another_form_is_refused(given: Any, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        Stop.of(given)
    assert str(caught.value).startswith(message)


def test_it_is_known_whether_a_rule_certainly_ends_the_run() -> None:
    for rule in ("generations", "individuals", "trials", "stagnation", "walltime"):
        assert Stop(**{rule: 1}).ends
    assert not Stop().ends
    assert not Stop(target=0.0).ends


def test_several_objectives_have_no_target_and_no_stagnation() -> None:
    several = (Minimize("error"), Maximize("reward"))
    Stop(generations=3).check(several)
    Stop(target=0.0, stagnation=3).check(DOWN)
    with pytest.raises(OptionError, match=r"stop\.target: expected a single objective, got 2 \(error, reward\)"):
        Stop(target=0.0).check(several)
    with pytest.raises(OptionError, match=r"stop\.stagnation: expected a single objective, got 2 \(error, reward\)"):
        Stop(stagnation=3).check(several)
