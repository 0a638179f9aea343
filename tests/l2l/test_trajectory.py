"""Runs as their readers see them: tables, the best, data frames, at every instant."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import l2l
from l2l.archive import Archive
from l2l.errors import NotFoundError, OptionError, StorageError
from l2l.journal import Journal, read_journal, remove_journal
from l2l.ranking import pareto_front, ranking
from l2l.schema import Ragged
from l2l.space import Categorical, ParameterSpace, Real
from l2l.trajectory import Solution, Trajectory
from l2l.values import Status
from tests.l2l.events import Shape, assert_same_tables, events, lead, run_record, tables_of, write

GRID = ParameterSpace(x=Real(0.0, 3.0, unit="ms"), c=Categorical("a", "b"), seed=Real(0.0, 1.0))


def grid_run(
    folder: Path, fitness: list[float], same_as: dict[int, int] | None = None, objectives: Any = None, **more: Any
) -> Trajectory:
    """A run of one generation over x = 0, 1, 2, … and c = a, b in turn."""
    n, goals = len(fitness), objectives or [["error", False, "mV"]]
    values = np.array(fitness, dtype=float).reshape(n, -1)
    assert values.shape[1] == len(goals)
    status = np.where(np.isnan(values).any(axis=1), Status.FAILED, Status.OK).astype(np.int8)
    columns = {
        "x": np.arange(n) // 2.0,
        "c": (np.arange(n) % 2).astype(np.int8),
        "seed": np.full(n, 0.5),
    }
    same = np.full(n, -1)
    for number, first in (same_as or {}).items():
        same[number] = first
        for column in columns.values():
            column[number] = column[first]
    own = np.flatnonzero(same < 0)
    trials = len(own)
    finished: dict[str, Any] = {
        "index": own,
        "number": np.zeros(trials, np.int64),
        "attempt": np.zeros(trials, np.int64),
        "status": status[own],
        "final": np.ones(trials, dtype=bool),
        "started": np.zeros(trials),
        "seconds": np.ones(trials),
        "host": ["here"],
        "host_code": np.zeros(trials, np.int16),
        "ranks": 1,
        "threads": 1,
        "peak_memory": np.zeros(trials, np.int64),
        "entropy": np.arange(4 * trials, dtype=np.uint32).reshape(-1, 4),
        "source": -1,
        "fitness": values[own],
        "observables": {"rate": own * 10.0},
        "failures": [[row, "Boom", "trace"] for row in np.flatnonzero(status[own]).tolist()],
    }
    told = {"individuals": np.arange(n), "event": 1, "fitness": values, "spread": values * 0, "status": status}
    run = run_record(Shape(trials=1, rich=False))
    records: list[Any] = [
        ("run", {**run, "space": GRID.to_dict(), "objectives": goals, "seed": 7, **more}),
        ("segment", {"number": 0, "host": "here", "fingerprint": "f" * 32}),
        ("asked", {"first": 0, "columns": columns, "same_as": same, "event": 0, "time": 0.0}),
        ("finished", finished),
        ("told", told),
        ("generation", {"number": 0, "count": n, "started": 0, "finished": 1, "best": values[0], "report": {}}),
    ]
    write(folder / "journal", records)
    return Trajectory(folder)


# --- the best --------------------------------------------------------------------------------------------------------


def test_the_best_is_a_mapping_with_a_fitness(tmp_path: Path) -> None:
    best = grid_run(tmp_path, [3.0, np.nan, 1.0, 2.0]).best
    assert isinstance(best, Solution)
    assert best.fitness == 1.0
    assert dict(best) == {"x": 1.0, "c": "a", "seed": 0.5}
    assert (best.number, best.generation, best.status) == (2, 0, Status.OK)
    assert best.trials["observables/rate"].tolist() == [20.0]
    assert repr(best) == "Solution(2: fitness=1.0, x=1, c='a', seed=0.5)"
    with pytest.raises(KeyError, match="did you mean 'seed'"):
        best["sead"]


def test_more_is_better_where_an_objective_says_so(tmp_path: Path) -> None:
    run = grid_run(tmp_path, [3.0, np.nan, 1.0, 2.0], objectives=[["reward", True, ""]])
    assert [one.fitness for one in run.ranked(10)] == [3.0, 2.0, 1.0]
    assert run.best_cost == -3.0


def test_nan_is_never_best_and_none_valid_is_said(tmp_path: Path) -> None:
    run = grid_run(tmp_path, [np.nan] * 4)
    assert run.ranked(3) == []
    assert run.best_cost == np.inf
    with pytest.raises(
        NotFoundError, match=r"no individual has a fitness; all 4 individuals failed: l2l show .* --failures"
    ):
        _ = run.best


def test_a_run_without_generations_says_so(tmp_path: Path) -> None:
    write(tmp_path / "journal", events(Shape())[:3])
    run = Trajectory(tmp_path)
    with pytest.raises(NotFoundError, match="no generation is complete yet"):
        _ = run.best
    assert (run.best_cost, run.stagnant, run.keys(), len(run.trials)) == (np.inf, 0, {}, 0)


def test_equal_individuals_are_ranked_once(tmp_path: Path) -> None:
    run = grid_run(tmp_path, [3.0, 1.0, 1.0, 2.0], same_as={2: 1})
    assert [one.number for one in run.ranked()] == [1, 3, 0]
    assert run.individual(2).trials["individual"].tolist() == [1]


def test_several_objectives_have_a_front(tmp_path: Path) -> None:
    goals = [["error", False, ""], ["reward", True, ""]]
    run = grid_run(tmp_path, [[1, 1], [2, 5], [3, 4], [np.nan, 9]], objectives=goals)  # type: ignore[list-item]
    assert run.best == run.front
    assert [one.fitness for one in run.best] == [{"error": 1.0, "reward": 1.0}, {"error": 2.0, "reward": 5.0}]
    assert [one.number for one in run.ranked(3)] == [0, 1, 2]
    assert run.best_cost == np.inf


@pytest.mark.parametrize("weights", ["[1.0, 0.1]", "{reward: 0.1, error: 1.0}"])
def test_weights_of_the_experiment_rank_several_objectives(tmp_path: Path, weights: str) -> None:
    goals = [["error", False, ""], ["reward", True, ""]]
    fitness: Any = [[1, 1], [2, 90], [3, 4], [np.nan, 9]]
    run = grid_run(tmp_path, fitness, objectives=goals, experiment=f"weights: {weights}\n")
    assert [one.number for one in run.ranked(3)] == [1, 0, 2]
    assert run.best_cost == pytest.approx(2 - 9)


COSTS = arrays.arrays(
    np.float64,
    st.tuples(st.integers(0, 12), st.integers(1, 3)),
    elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, np.inf, 0.5]),
)


@given(COSTS)
def test_the_front_is_what_nothing_dominates(costs: np.ndarray) -> None:
    finite = [row for row in range(len(costs)) if np.isfinite(costs[row]).all()]

    def dominated(row: int) -> bool:
        return any((costs[k] <= costs[row]).all() and (costs[k] < costs[row]).any() for k in finite)

    assert sorted(pareto_front(costs).tolist()) == [row for row in finite if not dominated(row)]
    assert sorted(ranking(costs, len(costs)).tolist()) == finite


def test_stagnation_counts_generations_without_improvement(tmp_path: Path) -> None:
    records = events(Shape(generations=6, seed=11, trials=1))
    write(tmp_path / "journal", records)
    run = Trajectory(tmp_path)
    best, stagnant = np.inf, 0
    for row in range(6):
        mine = run.costs[run.individuals["generation"] == row].min()
        stagnant = 0 if mine < best else stagnant + 1
        best = min(best, mine)
    assert (run.best_cost, run.stagnant) == (best, stagnant)


# --- tables ----------------------------------------------------------------------------------------------------------


def test_tables_are_columns(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=2))).finish()
    run = Trajectory(tmp_path)
    trials = run.trials
    assert len(trials) == len(trials["status"]) == 16
    assert trials["fitness/error (rate)"].shape == (16,)
    assert trials["entropy"].shape == (16, 4)
    assert isinstance(trials["observables/spikes"], Ragged)
    assert set(trials["host"]) <= {"a", "b", "c"}
    assert set(trials.labels("status")) <= {one.name for one in Status}
    assert run.individuals.labels("parameters/model")[0] in {"iaf", "aeif", "hh"}
    assert run.individuals.attributes("parameters/cell.tau")["high"] == 100.0
    assert run.individuals.row(3)["number"] == 3
    slow = trials.where(trials["seconds"] > 0.5)
    assert len(slow) == (trials["seconds"] > 0.5).sum()
    assert (slow["seconds"] > 0.5).all()
    assert len(slow["observables/spikes"]) == len(slow)
    with pytest.raises(KeyError, match="no column of trials 'secnds'; did you mean 'seconds'"):
        trials["secnds"]
    with pytest.raises(NotFoundError, match="did you mean 'trials'"):
        run.table("trails")
    with pytest.raises(ValueError, match="read-only"):
        trials["seconds"][0] = 1.0
    with pytest.raises(IndexError):
        trials.row(16)


def test_failures_name_their_trials(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=3, seed=8))).finish()
    run = Trajectory(tmp_path)
    failures, trials = run.failures, run.trials
    assert len(failures)
    for row in range(len(failures)):
        trial = failures["trial"][row]
        for name in ("individual", "number"):
            assert trials[name][trial] == failures[name][row]
    failed = np.flatnonzero(trials["status"] != Status.OK)
    assert set(run.failure_messages()) >= set(failed.tolist())
    assert run.failure_messages()[int(failed[0])][0].startswith("Boom: ")


def test_seeds_are_what_simulators_saw(tmp_path: Path) -> None:
    from l2l.seeding import as_ints
    from l2l.values import simulator_seed

    lead(tmp_path, events(Shape(generations=2)))
    trials = Trajectory(tmp_path).trials
    assert trials["seed"].tolist() == [simulator_seed(one) for one in as_ints(trials["entropy"])]


def test_what_is_not_in_a_complete_generation_stands_apart(tmp_path: Path) -> None:
    records = events(Shape(generations=2, population=4, trials=2, seed=1))
    last = max(place for place, (kind, _) in enumerate(records) if kind == "told")
    lead(tmp_path, records[:last])
    run = Trajectory(tmp_path)
    assert (len(run.generations), len(run.individuals), len(run.trials)) == (1, 4, 8)
    assert len(run.unfinished) == 8
    assert run.pending["individuals"] == 4
    assert run.pending["trials"] == 8
    assert set(run.unfinished["individual"].tolist()) == {4, 5, 6, 7}


def test_segments_say_how_the_run_went(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=4, segments=3, seed=5))).finish()
    run = Trajectory(tmp_path)
    assert run.finished
    assert run.reason == "generations"
    segments = run.segments
    assert segments["host"].tolist() == [f"node{n}" for n in range(len(segments))]
    assert segments["command"][0] == '["l2l", "run"]'
    assert segments["finished"].tolist() == [False] * (len(segments) - 1) + [True]
    assert run.sources["my_model.py"].startswith("x = ")
    assert run.memos["path"].tolist() == ["runs/earlier"]
    assert len(run.validation) == 2


# --- other forms -----------------------------------------------------------------------------------------------------


def test_data_frames_have_bare_names(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=2, objectives=3)))
    run = Trajectory(tmp_path)
    individuals = run.to_pandas()
    assert individuals.index.tolist() == run.individuals["number"].tolist()
    assert individuals["cell.tau"].tolist() == run.individuals["parameters/cell.tau"].tolist()
    assert "reward" in individuals
    assert "error (rate)" in individuals
    assert {"parameters/g", "fitness/g"} <= set(individuals)
    assert "g" not in individuals
    assert [f"weights[{k}]" for k in range(3)] == [name for name in individuals if name.startswith("weights")]
    assert set(individuals["model"]) <= {"iaf", "aeif", "hh"}
    assert individuals["status"].dtype == "category"
    trials = run.to_pandas("trials")
    assert trials.index.names == ["individual", "number"]
    assert trials.loc[(0, 1), "rate"] == run.trials["observables/rate"][1]
    assert isinstance(trials["spikes"].iloc[0], np.ndarray)
    assert trials["host"].iloc[0] in {"a", "b", "c"}
    for name in ("generations", "failures", "segments", "validation", "memos", "differences"):
        assert len(run.to_pandas(name)) == len(run.table(name))
    assert "sigma" in run.to_pandas("generations")
    with pytest.raises(NotFoundError, match="no table 'individual'"):
        run.to_pandas("individual")


def test_a_data_frame_of_nothing_has_its_columns(tmp_path: Path) -> None:
    write(tmp_path / "journal", events(Shape())[:2])
    frame = Trajectory(tmp_path).to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 0
    assert "cell.tau" in frame


def test_a_parameter_that_is_called_as_a_column_keeps_its_prefix(tmp_path: Path) -> None:
    frame = grid_run(tmp_path, [1.0, 2.0], objectives=[["status", False, ""]]).to_pandas()
    assert {"status", "fitness/status", "x", "seed"} <= set(frame)


def test_a_grid_has_parameters_as_axes(tmp_path: Path) -> None:
    data = grid_run(tmp_path, [0.0, 1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0]).to_xarray()
    assert dict(data.sizes) == {"x": 4, "c": 2, "trial": 1}
    assert data["x"].attrs["unit"] == "ms"
    assert data["error"].sel(x=2.0, c="b").item() == 5.0
    assert np.isnan(data["error"].sel(x=1.0, c="b").item())
    assert data["status"].sel(x=1.0, c="b").item() == "FAILED"
    assert data["rate"].sel(x=3.0, c="a", trial=0).item() == 60.0
    assert data["error"].attrs == {"unit": "mV", "direction": "minimize"}


def test_what_is_no_grid_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "journal", events(Shape(generations=2)))
    with pytest.raises(OptionError, match=r"expected individuals on a grid|array that varies"):
        Trajectory(tmp_path).to_xarray()
    write(tmp_path / "none" / "journal", events(Shape())[:2])
    with pytest.raises(OptionError, match="expected individuals on a grid, got 0"):
        Trajectory(tmp_path / "none").to_xarray()


# --- at every instant ------------------------------------------------------------------------------------------------

LEADING = """
import sys
from pathlib import Path
from l2l.archive import Archive
from l2l.journal import Journal, remove_journal
from tests.l2l.events import Shape, Run
folder = Path(sys.argv[1])
journal, archive = Journal(folder / "journal"), Archive(folder)
for kind, data in Run(Shape(generations=60, population=3)).all():
    archive.add(kind, data, journal.append(kind, data))
    if kind == "run":
        print("begun", flush=True)
    if kind == "generation":
        archive.commit(force=True)
journal.close()
archive.finish()
remove_journal(folder / "journal")
"""


def test_a_live_run_reads_at_every_instant_and_never_goes_back(tmp_path: Path, repository: Path) -> None:
    command = [sys.executable, "-c", LEADING, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        seen, reads = 0, 0
        while process.poll() is None:
            run = Trajectory(tmp_path)
            assert len(run.generations) >= seen
            seen, reads = len(run.generations), reads + 1
            assert len(run.individuals["status"]) == 3 * seen
            assert len(run.trials["seconds"]) == 6 * seen
            np.testing.assert_array_equal(run.individuals["number"], np.arange(3 * seen))
        assert process.returncode == 0
    assert reads > 3
    run = Trajectory(tmp_path)
    assert run.finished
    assert len(run.generations) == 60


@pytest.mark.parametrize("archived", [False, True])
def test_a_run_that_is_finished_while_it_is_read_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archived: bool
) -> None:
    records = events(Shape(generations=6))
    with Journal(tmp_path / "journal") as journal:
        for place, record in enumerate(records):
            if place % 8 == 0:
                journal.close()  # what follows goes to the next file
            journal.append(*record)
            if archived and place == 8:
                assert Archive(tmp_path).commit(force=True)
    expected = tables_of(Trajectory(tmp_path))
    left = [15]

    def read(*arguments: Any) -> Any:
        for record in read_journal(*arguments):
            left[0] -= 1
            if not left[0]:  # in the middle of the second or third file
                Archive(tmp_path).finish()
                remove_journal(tmp_path / "journal")
            yield record

    monkeypatch.setattr("l2l.trajectory.records.read_journal", read)
    assert_same_tables(tables_of(Trajectory(tmp_path)), expected)
    assert left[0] <= 0


def test_columns_read_late_belong_to_the_instant_of_opening(tmp_path: Path) -> None:
    records = events(Shape(generations=4, seed=9, rich=False))
    half = len(records) // 2
    archive = lead(tmp_path, records[:half])
    expected = tables_of(Trajectory(tmp_path))
    early = Trajectory(tmp_path)
    lost = Trajectory(tmp_path)
    with Journal(tmp_path / "journal") as journal:
        for kind, data in records[half:]:
            archive.add(kind, data, journal.append(kind, data))
    archive.finish()
    assert_same_tables(tables_of(early), expected)
    (tmp_path / "trajectory.h5").write_bytes(b"gone")
    assert_same_tables(tables_of(lost), expected)  # the journal stands in


def test_a_table_that_became_unreadable_is_said(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=2))).finish()
    remove_journal(tmp_path / "journal")
    run = Trajectory(tmp_path)
    (tmp_path / "trajectory.h5").write_bytes(b"gone")
    with pytest.raises(StorageError, match=r"trajectory\.h5"):
        _ = run.trials["seconds"]


def test_reading_a_run_leaves_no_file_open_and_writes_nothing(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=2)))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    run = Trajectory(tmp_path)
    _ = run.trials["seconds"]
    with h5py.File(tmp_path / "trajectory.h5", "r+"):
        pass
    assert set(tmp_path.rglob("*")) == set(before)


def test_an_archive_reads_alone_wherever_it_is_copied(tmp_path: Path) -> None:
    lead(tmp_path / "run", events(Shape(generations=2))).finish()
    shutil.copy(tmp_path / "run" / "trajectory.h5", tmp_path / "my-best-run.h5")
    assert_same_tables(tables_of(Trajectory(tmp_path / "my-best-run.h5")), tables_of(Trajectory(tmp_path / "run")))


@pytest.mark.parametrize("name", ["", "nowhere", "nowhere.h5"])
def test_where_there_is_no_run_it_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match=r"expected the folder of a run, or its trajectory\.h5"):
        Trajectory(tmp_path / name)


def test_reading_needs_no_plugin(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=2))).finish()
    script = """
import sys, l2l
run = l2l.Trajectory(sys.argv[1])
run.best, run.trials["seconds"]
assert not {"nest", "cma", "deap", "pandas", "scipy.stats"} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


# --- again -----------------------------------------------------------------------------------------------------------


def test_a_trial_runs_again_to_the_same_fitness(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import l2l\n"
        "@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)), objectives=l2l.Maximize('reward'))\n"
        "def noisy(individual, trial):\n"
        "    if individual['x'] > 0.8:\n"
        "        raise ValueError('too far')\n"
        "    return individual['x'] + trial.rng.normal()\n"
    )
    run = l2l.Experiment(
        f"{tmp_path}/model.py:noisy",
        {"name": "random", "population": 6},
        directory=tmp_path / "run",
        launcher="serial",
        trials=2,
        stop=l2l.Stop(generations=2),
    ).run()
    statuses = set()
    for individual in range(6):
        for trial in range(2):
            again = run.rerun(individual, trial)
            assert again.same
            statuses.add(again.status)
    assert statuses == {Status.OK, Status.FAILED}
    with pytest.raises(NotFoundError, match="no trial 5 of individual 0; its trials: 0, 1"):
        run.rerun(0, 5)
    with pytest.raises(NotFoundError, match="no individual 99; there are 12"):
        run.rerun(99)


def test_an_archive_goes_on_after_reading(tmp_path: Path) -> None:
    lead(tmp_path, events(Shape(generations=2)))
    Trajectory(tmp_path)
    assert Archive(tmp_path).commit(force=True)
