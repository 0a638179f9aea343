"""Several runs of one optimizee as one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.cli import main
from l2l.errors import OptionError, UserError
from l2l.individual import Individual
from l2l.merge import merge
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real, united
from l2l.values import Status, Trial

SPACE = ParameterSpace(x=Real(0.0, 8.0), n=Integer(1, 3), c=Categorical("a", "b", "d"), w=Real(0.0, 1.0, shape=2))
OBSERVED = {"rate": l2l.Observable(), "trace": l2l.Observable(ragged=True)}


@l2l.optimizee(space=SPACE, objectives=l2l.Maximize("height"), observables=OBSERVED)
def noisy(individual: Individual, trial: Trial) -> l2l.Outcome:
    if individual["x"] == 8.0:
        raise l2l.Invalid("too far")
    height = individual["x"] + individual["n"] + len(individual["c"]) + trial.rng.normal()
    return l2l.Outcome(height, {"rate": height, "trace": [height] * individual["n"]})


@l2l.optimizee(space=SPACE, objectives=l2l.Maximize("height"))
def other(individual: Individual) -> float:
    return float(individual["x"])


moods = {"broken": False, "lie": 0.0}


@l2l.optimizee(space=SPACE, objectives=l2l.Maximize("height"), revision="1")
def moody(individual: Individual) -> float:
    if moods["broken"] and individual["x"] == 4.0:
        raise MemoryError("too little")
    return float(individual["x"]) + moods["lie"]


def run(folder: Path, points: Any = 3, optimizee: Any = noisy, **more: Any) -> l2l.Trajectory:
    optimizer = {"name": "grid", "points": {"x": points, "n": 2, "w": 1}}
    experiment = l2l.Experiment(optimizee, optimizer, directory=folder, launcher="serial", **more)
    return experiment.run(progress=None)


def joined(tmp_path: Path, *names: str) -> l2l.Trajectory:
    merge([tmp_path / name for name in names], tmp_path / "all")
    return l2l.Trajectory(tmp_path / "all")


def trials_of(trajectory: l2l.Trajectory) -> dict[tuple[bytes, bytes], str]:
    """What each trial gave, by the content of its individual and its seed."""
    keys, trials = trajectory.keys(), trajectory.trials
    return {
        (keys[int(trials["individual"][row])], trials["entropy"][row].tobytes()): repr(
            [trials[name][row].tolist() for name in ("status", "observables/rate", "observables/trace")]
        )
        for row in range(len(trials))
    }


def test_each_individual_and_trial_stands_once(tmp_path: Path) -> None:
    parts = [run(tmp_path / "coarse", 3, trials=2), run(tmp_path / "fine", 5, trials=3)]
    parts.append(run(tmp_path / "more", 3, seed=9))
    before = [{path.name: path.stat().st_mtime_ns for path in part.path.iterdir()} for part in parts]
    whole = joined(tmp_path, "coarse", "fine", "more")
    assert trials_of(whole) == {**trials_of(parts[0]), **trials_of(parts[1]), **trials_of(parts[2])}
    assert sorted(whole.keys().values()) == sorted({key for part in parts for key in part.keys().values()})
    assert whole.finished and (whole.individuals["same_as"] == -1).all()
    counts = np.bincount(whole.trials["individual"])
    assert sorted(set(counts.tolist())) == [3, 4]
    assert [dict(whole.memos.row(place))["path"] for place in range(3)] == [str(part.path) for part in parts]
    assert np.bincount(whole.trials["source"]).tolist() == [36, 54, 18]
    assert len(whole.segments) == 4
    assert before == [{path.name: path.stat().st_mtime_ns for path in part.path.iterdir()} for part in parts]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "coarse", "fine", "more"]


def test_fitness_is_over_the_trials_of_all_runs(tmp_path: Path) -> None:
    run(tmp_path / "first", trials=2)
    run(tmp_path / "second", trials=2, seed=2)
    whole = joined(tmp_path, "first", "second")
    for number in whole.individuals["number"].tolist():
        one = whole.individual(number)
        heights = one.trials["fitness/height"]
        assert len(heights) == 4
        if one["x"] == 8.0:
            assert np.isnan(one.fitness) and one.status == Status.INVALID
            continue
        assert one.fitness == pytest.approx(heights.mean())
        assert one.spread == pytest.approx(heights.std(ddof=1))
    assert whole.aggregate("rate")["trials"].max() == 4
    assert dict(whole.to_xarray().sizes)["trial"] == 4


def test_it_is_whole_and_a_memo_and_can_be_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "coarse", 3, trials=2)
    run(tmp_path / "fine", 5)
    target = str(tmp_path / "all")
    assert main(["merge", str(tmp_path / "coarse"), str(tmp_path / "fine"), "--into", target]) == 0
    assert "18 trials stand in several of these runs, and once here" in capsys.readouterr().out
    for words in (["check", target], ["show", target], ["resume", target], ["status", target]):
        assert main(words) == 0
    again = run(tmp_path / "again", 5, memo=target)
    assert (again.trials["source"] == 0).all()
    twice = run(tmp_path / "twice", 9, trials=2, memo=target)
    assert 0 < (twice.trials["source"] == 0).sum() < len(twice.trials)


def test_narrowed_spaces_are_put_together(tmp_path: Path) -> None:
    run(tmp_path / "low", 3, parameters={"x": {"high": 4.0}, "c": "a"})
    run(tmp_path / "high", 3, parameters={"x": {"low": 4.0}, "c": {"choices": ["d", "a"]}})
    whole = joined(tmp_path, "low", "high")
    assert (whole.space["x"].low, whole.space["x"].high) == (0.0, 8.0)  # type: ignore[attr-defined]
    assert whole.space["c"].codes == ("a", "d")
    assert sorted(set(whole.individuals["parameters/x"].tolist())) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert set(whole.individuals.labels("parameters/c")) == {"a", "d"}


def test_what_does_not_go_together_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    first = run(tmp_path / "first").path
    different = run(tmp_path / "different", optimizee=other).path
    for folders, into, error, message in (
        ([first], "all", OptionError, "expected two runs or more, got 1"),
        ([first, different], "all", UserError, "first and .*different are of different optimizees: .* changed"),
        ([first, first], "first", OptionError, "--into: expected a new folder, but .*first holds something"),
    ):
        with pytest.raises(error, match=message):
            merge(folders, tmp_path / into)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["different", "first"]


def test_different_results_of_one_trial_are_told_with_both_runs(tmp_path: Path) -> None:
    run(tmp_path / "honest", optimizee=moody)
    moods["lie"] = 1.0
    try:
        run(tmp_path / "liar", optimizee=moody)
    finally:
        moods["lie"] = 0.0
    with pytest.raises(UserError, match=r"honest \(trial 0 of individual 0\) and .*liar \(trial 0 of"):
        joined(tmp_path, "honest", "liar")
    assert not (tmp_path / "all").exists()


def test_a_result_stands_for_a_failure_of_the_machine(tmp_path: Path) -> None:
    moods["broken"] = True
    try:
        run(tmp_path / "broken", optimizee=moody)
    finally:
        moods["broken"] = False
    run(tmp_path / "whole", optimizee=moody)
    both = joined(tmp_path, "broken", "whole")
    assert (both.trials["status"] == Status.OK).all()
    assert not np.isnan(both.individuals["fitness/height"]).any()
    assert len(both.trials) == len(both.individuals) == len(l2l.Trajectory(tmp_path / "whole").individuals)


def test_spaces_unite_or_say_why_not() -> None:
    def both(one: Any, another: Any) -> Any:
        return united(ParameterSpace(p=one), ParameterSpace(p=another))["p"]

    assert (both(Real(0.0, 1.0), Fixed(2.0)).low, both(Real(0.0, 1.0), Fixed(2.0)).high) == (0.0, 2.0)
    assert (both(Fixed(1), Fixed(4)).low, both(Fixed(1), Fixed(4)).high) == (1, 4)
    assert both(Fixed("a"), Categorical("b", "c")).codes == ("a", "b", "c")
    assert both(Real(0.0, 1.0, step=0.5), Real(0.0, 2.0, step=0.5)).step == 0.5
    assert both(Real(0.0, 1.0, step=0.5), Real(0.25, 2.25, step=0.5)).step is None
    for one, another in (
        (Real(0.0, 1.0), Integer(0, 1)),
        (Real(1.0, 2.0), Real(1.0, 2.0, log=True)),
        (Real(0.0, 1.0), Categorical("a", "b")),
        (Real(0.0, 1.0), Real(0.0, 1.0, shape=2)),
    ):
        with pytest.raises(ValueError, match=r"parameter 'p': (its|it is)"):
            both(one, another)
