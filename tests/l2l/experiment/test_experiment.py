"""Experiments as users run them, in this process: results, resuming, memo, policies, stops."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from l2l import Experiment, Progress, Status, Stop, Trajectory
from l2l.errors import (
    ChangedOptimizee,
    DifferentExperiment,
    OptionError,
    TrialFailed,
    UserError,
)
from tests.l2l.experiment.models import Choosy, Conditional, Examined, Failing, Noisy, Scripted, TwoGoals, Untidy, bowl

TABLES = ("generations", "individuals", "trials", "failures")
WHERE_AND_WHEN = {"started", "finished", "seconds", "host", "segment", "peak_memory"}


def same(one: Trajectory, other: Trajectory) -> None:
    """Equal, times and hosts aside."""
    for name in TABLES:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert set(mine) == set(theirs)
        for column in set(mine) - WHERE_AND_WHEN:
            left, right = list(mine[column]), list(theirs[column])
            assert len(left) == len(right), (name, column)
            for a, b in zip(left, right, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=f"{name}/{column}")


def experiment(directory: Path, **changes: object) -> Experiment:
    arguments = {
        "optimizee": Noisy(noise=0.3),
        "optimizer": {"name": "cma-es", "population": 6},
        "directory": directory,
        "launcher": "serial",
        "trials": 2,
        "seed": 3,
        "stop": {"generations": 5},
    }
    return Experiment(**(arguments | changes))  # type: ignore[arg-type]


class Interrupting:
    """Raises a signal-like stop after some calls."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, progress: Progress) -> None:
        if progress.complete:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


def test_a_run_finishes_and_its_best_is_the_best_of_its_trials(tmp_path: Path) -> None:
    trajectory = experiment(tmp_path / "run").run()
    assert trajectory.finished
    assert len(trajectory.generations) == 5
    assert len(trajectory.individuals) == 30
    assert len(trajectory.trials) == 60
    assert trajectory.best.fitness == trajectory.individuals["fitness/reward"].max()
    assert not (tmp_path / "run" / "journal").exists()


def test_running_again_changes_nothing(tmp_path: Path) -> None:
    first = experiment(tmp_path / "run").run()
    before = (tmp_path / "run" / "trajectory.h5").read_bytes()
    same(experiment(tmp_path / "run").run(), first)
    assert (tmp_path / "run" / "trajectory.h5").read_bytes() == before


@pytest.mark.parametrize("optimizer", ["cma-es", "random", "genetic-algorithm"])
def test_an_interrupted_run_resumes_to_the_same_trajectory(tmp_path: Path, optimizer: str) -> None:
    options = {"optimizer": {"name": optimizer, "population": 6}}
    whole = experiment(tmp_path / "whole", **options).run()
    for after in itertools.repeat(1, 2):
        with pytest.raises(KeyboardInterrupt):
            experiment(tmp_path / "parts", **options).run(progress=Interrupting(after))
        assert not Trajectory(tmp_path / "parts").finished
    parts = experiment(tmp_path / "parts", **options).run()
    same(parts, whole)
    assert len(parts.segments) == 3


def test_a_finished_run_is_extended(tmp_path: Path) -> None:
    whole = experiment(tmp_path / "whole", stop={"generations": 8}).run()
    experiment(tmp_path / "parts", stop={"generations": 5}).run()
    parts = experiment(tmp_path / "parts", stop={"generations": 8}).run()
    assert parts.finished
    same(parts, whole)


def test_the_progress_has_the_course_of_all_generations_also_after_a_resumption(tmp_path: Path) -> None:
    told: list[Progress] = []
    with pytest.raises(KeyboardInterrupt):
        experiment(tmp_path / "run").run(progress=Interrupting(after=2))
    trajectory = experiment(tmp_path / "run").run(progress=told.append)
    assert len(told[-1].course) == 5
    for number, one in enumerate(told[-1].course):
        mine = trajectory.individuals["generation"] == number
        fitness = trajectory.individuals["fitness/reward"][mine]
        assert one.best == (fitness.max(),)
        assert one.median == pytest.approx((np.median(fitness),))
        assert one.width == pytest.approx((np.subtract(*np.quantile(fitness, (0.75, 0.25))),))


def test_a_different_experiment_in_the_folder_is_refused_by_name(tmp_path: Path) -> None:
    experiment(tmp_path / "run").run()
    with pytest.raises(DifferentExperiment, match=r"seed: 3 in the folder, 4 here"):
        experiment(tmp_path / "run", seed=4).run()
    with pytest.raises(DifferentExperiment, match=r"optimizer\.population: 6 in the folder, 8 here"):
        experiment(tmp_path / "run", optimizer={"name": "cma-es", "population": 8}).run()
    with pytest.raises(DifferentExperiment, match=r"optimizee\.noise"):
        experiment(tmp_path / "run", optimizee=Noisy(noise=0.5)).run()


def test_seeding_decides_what_seeds_depend_on(tmp_path: Path) -> None:
    points = [[{"x": 1.0}, {"x": 1.5}], [{"x": 1.0}, {"x": 0.5}]]
    optimizer = {"name": Scripted, "points": points}
    changes = {"optimizer": optimizer, "stop": None}
    individual = experiment(tmp_path / "i", **changes).run()
    assert len(individual.trials) == 6, "the same individual is not run twice"
    common = experiment(tmp_path / "c", seeding="common", **changes).run().trials
    assert len(np.unique(common["seed"])) == 2
    generation = experiment(tmp_path / "g", seeding="generation", **changes).run().trials
    assert len(generation) == 8, "fresh seeds in each generation"
    assert len(np.unique(generation["seed"])) == 4


def test_an_equal_individual_gets_the_fitness_of_the_first(tmp_path: Path) -> None:
    optimizer = {"name": Scripted, "points": [[{"x": 1.0}, {"x": 1.0}, {"x": 0.0}], [{"x": 1.0}]]}
    found = experiment(tmp_path / "run", optimizer=optimizer, stop=None).run()
    assert found.individuals["same_as"].tolist() == [-1, 0, -1, 0]
    fitness = found.individuals["fitness/reward"]
    assert fitness[0] == fitness[1] == fitness[3]
    assert len(found.trials) == 4


def test_points_that_differ_only_in_an_inactive_parameter_are_one(tmp_path: Path) -> None:
    optimizer = {"name": Scripted, "points": [[{"amplitude": 0, "f": 2.0}, {"amplitude": 0, "f": 3.0}]]}
    found = experiment(tmp_path / "run", optimizee=Conditional(), optimizer=optimizer, stop=None).run()
    assert len(found.trials) == 1


def test_a_run_that_names_another_as_its_memo_simulates_only_what_is_new(tmp_path: Path) -> None:
    first = experiment(tmp_path / "first").run()
    second = experiment(tmp_path / "second", memo=[tmp_path / "first"]).run()
    assert (second.trials["source"] == 0).all()
    same_columns = ("individual", "number", "seed", "fitness/reward", "observables/pair")
    for column in same_columns:
        np.testing.assert_array_equal(second.trials[column], first.trials[column])
    third = experiment(tmp_path / "third", memo=[tmp_path / "first"], stop={"generations": 6}).run()
    assert (third.trials["source"] == -1).sum() == 12
    with pytest.raises(UserError, match="another optimizee"):
        experiment(tmp_path / "fourth", optimizee=Noisy(noise=9.0), memo=[tmp_path / "first"]).run()


def test_failures_are_data(tmp_path: Path) -> None:
    points = [[{"x": x} for x in (0.1, 0.25, 0.35, 0.45, 0.55)]]
    optimizer = {"name": Scripted, "points": points}
    found = experiment(tmp_path / "run", optimizee=Failing(), optimizer=optimizer, stop=None).run()
    expected = [Status.FAILED, Status.INVALID, Status.INVALID, Status.INVALID, Status.OK]
    assert found.individuals["status"].tolist() == expected
    assert found.best["x"] == 0.55
    messages = [str(message) for message in found.failures["message"]]
    assert len(messages) == 4
    assert "too small" in messages[0]
    assert "silent" in messages[1]


def test_a_failure_can_end_the_run_and_max_failures_does(tmp_path: Path) -> None:
    optimizer = {"name": Scripted, "points": [[{"x": 0.1}, {"x": 0.6}]]}
    with pytest.raises(TrialFailed, match="too small"):
        experiment(tmp_path / "a", optimizee=Failing(), optimizer=optimizer, stop=None, on_failure="raise").run()
    with pytest.raises(TrialFailed, match="1 of 2 trials failed"):
        experiment(tmp_path / "b", optimizee=Failing(), optimizer=optimizer, stop=None, max_failures=0.4).run()


def test_a_changed_optimizee_is_refused_unless_accepted(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    text = (
        "import l2l\n"
        "class Model(l2l.Optimizee):\n"
        "    space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))\n"
        "    def simulate(self, individual, trial):\n"
        "        return individual['x'] + {constant}\n"
    )
    model.write_text(text.format(constant=1))
    changes = {"optimizee": f"{model}:Model", "optimizer": "random"}
    experiment(tmp_path / "run", **changes, stop={"generations": 1}).run()
    changed = tmp_path / "changed" / "model.py"
    changed.parent.mkdir()
    changed.write_text(text.format(constant=2))
    changes["optimizee"] = f"{changed}:Model"
    with pytest.raises(ChangedOptimizee, match=r"class model\.py:Model"):
        experiment(tmp_path / "run", **changes, stop={"generations": 2}).run()
    found = experiment(tmp_path / "run", **changes, stop={"generations": 2}).run(accept_changes=True)
    assert len(found.generations) == 2
    moved = tmp_path / "moved" / "model.py"
    moved.parent.mkdir()
    shutil.copy(changed, moved)
    changes["optimizee"] = f"{moved}:Model"
    assert experiment(tmp_path / "run", **changes, stop={"generations": 2}).run().finished


def test_several_objectives_need_weights_for_one_cost(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"weights: .*left, right"):
        experiment(tmp_path / "run", optimizee=TwoGoals())
    optimizer = {"name": Scripted, "points": [[{"x": 0.2}, {"x": 1.0}]]}
    made = experiment(
        tmp_path / "run", optimizee=TwoGoals(), optimizer=optimizer, stop=None, weights={"left": 1.0, "right": 2.0}
    )
    found = made.run()
    assert {front["x"] for front in found.front} == {0.2, 1.0}


def test_a_target_of_weighed_objectives_is_one_of_their_cost(tmp_path: Path) -> None:
    optimizer = {"name": Scripted, "points": [[{"x": 0.2}], [{"x": 1.0}], [{"x": 0.5}]]}
    weights = {"left": 1.0, "right": 2.0}
    changes = {"optimizee": TwoGoals(), "optimizer": optimizer, "weights": weights}
    found = experiment(tmp_path / "run", **changes, stop={"target": -1.0}).run()
    assert len(found.generations) == 2, "at x = 1 the cost is 1 - 2"
    assert experiment(tmp_path / "run", **changes, stop={"target": -1.0}).run().finished


def test_the_winner_is_validated_on_fresh_trials(tmp_path: Path) -> None:
    found = experiment(tmp_path / "run", validate={"best": 2, "trials": 7}).run()
    assert len(found.validation) == 14
    assert set(found.validation["number"].tolist()) == set(range(2, 9))
    assert not set(found.validation["seed"].tolist()) & set(found.trials["seed"].tolist())


def test_more_fresh_trials_of_a_finished_run_are_run(tmp_path: Path) -> None:
    made = experiment(tmp_path / "run")
    made.run()
    assert len(made.changed(validate={"trials": 3}).run().validation) == 3
    assert len(made.changed(validate={"trials": 5}).run().validation) == 5
    assert len(made.changed(validate={"trials": 2}).run().validation) == 5


@pytest.mark.parametrize("launcher", ["serial", {"name": "local", "workers": 2}])
def test_a_model_knows_that_a_trial_validates(tmp_path: Path, launcher: object) -> None:
    optimizer = {"name": "random", "samples": 4}
    made = experiment(tmp_path / "run", optimizee=Examined(), optimizer=optimizer, stop=None, launcher=launcher)
    found = made.changed(validate={"trials": 2}).run()
    found = made.changed(validate={"trials": 5}).run()
    assert not found.trials["observables/held_out"].any()
    assert found.validation["observables/held_out"].tolist() == [True] * 5
    assert found.best.fitness < 2.0 and (found.validation["fitness/fitness"] > 9.0).all()
    for number in (1, 2, 6):
        again = found.rerun(found.best.number, number)
        assert again.evaluation.observables["held_out"] == (number > 1)
        assert again.same


def test_a_trial_that_validates_does_so_at_every_attempt(tmp_path: Path) -> None:
    changes = {"optimizer": {"name": "random", "samples": 2}, "launcher": {"name": "local", "workers": 1}}
    made = experiment(tmp_path / "run", optimizee=Examined(nervous=True), stop=None, retries=1, **changes)
    found = made.changed(validate={"trials": 2}).run()
    assert found.validation["observables/held_out"].all()
    assert found.validation["attempt"].tolist() == [1, 1]


def test_what_validated_a_winner_is_no_memo_for_trials(tmp_path: Path) -> None:
    optimizer = {"name": "random", "samples": 4}
    changes = {"optimizee": Examined(), "optimizer": optimizer, "stop": None}
    experiment(tmp_path / "first", **changes, validate={"trials": 3}).run()
    second = experiment(tmp_path / "second", **changes, trials=5, memo=tmp_path / "first").run()
    assert not second.trials["observables/held_out"].any()
    assert (second.trials["source"] >= 0).sum() == 8
    assert second.best.fitness < 2.0


@pytest.mark.parametrize("keep", ["failures", "best", "all", "none"])
def test_private_folders_stay_as_wanted(tmp_path: Path, keep: str) -> None:
    made = experiment(
        tmp_path / "run",
        optimizee=Untidy(crashes=True),
        optimizer={"name": "random", "samples": 12},
        launcher={"name": "local", "workers": 2},
        keep=keep,
        retries=1,
        validate={"trials": 2},
    )
    found = made.run()
    crashed = set(found.trials["individual"][found.trials["status"] == Status.CRASHED].tolist())
    assert 0 < len(crashed) < 12
    kept = {path.name for path in (tmp_path / "run/trials").glob("*/*")}
    folders = {
        "failures": {f"{one}-{number}{again}" for one in crashed for number in (0, 1) for again in ("", "-attempt1")},
        "best": {f"{found.best.number}-{number}" for number in (0, 1, 2, 3)},
        "all": {f"{one}-{number}" for one in range(12) for number in (0, 1)},
        "none": set(),
    }
    assert kept >= folders[keep] if keep == "all" else kept == folders[keep]


def test_stop_rules_end_the_run(tmp_path: Path) -> None:
    assert len(experiment(tmp_path / "a", stop={"individuals": 7}).run().individuals) == 12
    assert len(experiment(tmp_path / "b", stop=Stop(trials=20)).run().individuals) == 12
    found = experiment(tmp_path / "c", stop={"target": -1e9, "generations": 9}).run()
    assert len(found.generations) == 1
    with pytest.raises(OptionError, match="stop: expected at least one"):
        experiment(tmp_path / "d", stop=None)
    stopped = experiment(tmp_path / "e", stop={"walltime": 1e-9}).run()
    assert not stopped.finished
    assert "walltime" in stopped.reason


def test_steady_state_replays_from_its_events(tmp_path: Path) -> None:
    options = {"optimizer": {"name": "genetic-algorithm", "population": 6, "steady_state": True}}
    whole = experiment(tmp_path / "whole", **options).run()
    assert len(whole.individuals) == 30
    with pytest.raises(KeyboardInterrupt):
        experiment(tmp_path / "parts", **options).run(progress=Interrupting(2))
    parts = experiment(tmp_path / "parts", **options).run()
    same(parts, whole)
    extended = experiment(tmp_path / "parts", **options, stop={"generations": 6}).run()
    assert len(extended.individuals) == 36
    longer = experiment(tmp_path / "longer", **options, stop={"generations": 6}).run()
    same(extended, longer)


def test_functions_can_be_optimizees(tmp_path: Path) -> None:
    found = experiment(tmp_path / "run", optimizee=bowl, stop={"generations": 30, "target": 1e-6}).run()
    assert len(found.trials) == len(np.unique(found.trials["individual"])), "one trial: the function takes none"
    assert found.best["n"] == 3


def test_data_frames_have_choices_as_they_were_declared(tmp_path: Path) -> None:
    frame = experiment(tmp_path, optimizee=Choosy(), optimizer="grid", stop=None).run(progress=None).to_pandas()
    assert frame["size"].astype(int).sum() == 3 * (1 + 2 + 4) and sorted(set(frame["size"])) == [1, 2, 4]
    assert set(frame["noise"]) == {"white", None, 2.5}
