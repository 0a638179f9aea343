import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l2l.journal import Journal, remove_journal
from l2l.trajectory import Trajectory
from l2l.watch.follow import Follower, View
from tests.l2l.events import SHAPES, Shape, events, lead

ALWAYS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=15)


def counts(view: View) -> View:
    """What does not depend on the instant at which it was looked at."""
    same = replace(view, name="", why="", left=None, left_here=None, rate=0.0, elapsed=0.0, machines=(), causes=())
    return replace(same, core_hours=float(f"{view.core_hours:.6g}"), core_hours_left=None)


@ALWAYS
@given(shape=SHAPES, every=st.integers(1, 9))
def test_what_is_followed_step_by_step_from_the_archive_or_whole_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, shape: Shape, every: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    records = events(shape)
    journal = Journal(folder / "journal")
    follower, seen = Follower(folder), []
    for kind, data in records:
        if kind == "segment" and data["number"]:
            journal.close()
            journal = Journal(folder / "journal")
        journal.append(kind, data)
        seen.append(repr(counts(follower.look())))
    journal.close()
    whole = Follower(folder).look()
    assert seen[-1] == repr(counts(whole))
    archived = tmp_path_factory.mktemp("run")
    lead(archived, records, every)
    beyond = Follower(archived, small=0).look()
    assert repr(counts(beyond)) == repr(counts(whole))


@ALWAYS
@given(shape=SHAPES)
def test_the_counts_are_those_of_the_trajectory(tmp_path_factory: pytest.TempPathFactory, shape: Shape) -> None:
    folder = tmp_path_factory.mktemp("run")
    lead(folder, events(shape), 3)
    view, run = Follower(folder).look(), Trajectory(folder)
    tables = (run.trials, run.unfinished)
    assert view.trials == sum(map(len, tables))
    assert view.failed == sum(int((table["status"] != 0).sum()) for table in tables)
    assert view.count == len(run.generations)
    assert view.validated == len(run.validation)
    for place, one in enumerate(run.objectives):
        for row, (first, count) in enumerate(
            zip(run.generations["first"].tolist(), run.generations["count"].tolist(), strict=True)
        ):
            fitness = run.individuals[f"fitness/{one.name}"][first : first + count]
            fitness = fitness[~np.isnan(fitness)]
            assert view.generations[row].median[place] == pytest.approx(
                np.median(fitness) if len(fitness) else math.nan, nan_ok=True
            )
    if len(run.objectives) > 1 and run.succeeded and not shape.steady:
        assert view.front >= len({tuple(one.fitness.values()) for one in run.front})


def test_the_archive_of_a_finished_run_is_enough(tmp_path: Path) -> None:
    archive = lead(tmp_path, events(Shape(generations=4, steady=True)), 2)
    before = Follower(tmp_path).look()
    archive.finish()
    remove_journal(tmp_path / "journal")
    assert repr(counts(replace(Follower(tmp_path).look(), total=before.total, done=before.done))) == repr(
        counts(before)
    )
    moved = tmp_path / "kept.h5"
    (tmp_path / "trajectory.h5").rename(moved)
    assert Follower(tmp_path, moved).look().trials == before.trials


def test_a_folder_says_in_each_state_what_it_is(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "run")
    assert follower.look().state == "not begun"
    (tmp_path / "run").mkdir()
    assert follower.look().state == "not begun"
    with Journal(tmp_path / "run" / "journal") as journal:
        for kind, data in events(Shape(finished=False)):
            journal.append(kind, data)
    assert follower.look().state == "killed" and "l2l resume" in follower.look().why
    with Journal(tmp_path / "run" / "journal") as journal:
        journal.append("stopped", {"segment": 0, "reason": "walltime", "finished": False, "time": 99.0})
    assert follower.look().state == "stopped" and follower.look().why == "walltime"


@pytest.mark.parametrize("content", [b"", b"l2ljrnl1" + bytes(99), b"\x89HDF\r\n\x1a\nno"])
def test_another_format_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "000001.journal").write_bytes(content)
    view = Follower(tmp_path).look()
    assert view.state == "unreadable" and "000001.journal" in view.why
    (tmp_path / "journal" / "000001.journal").unlink()
    (tmp_path / "trajectory.h5").write_bytes(content)
    view = Follower(tmp_path).look()
    assert view.state == "unreadable" and "trajectory.h5" in view.why


MODEL = """
import time
import l2l
@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)), objectives=l2l.Minimize("error"))
def model(individual):
    time.sleep(0.02)
    if individual["x"] > 0.8:
        raise RuntimeError("too large")
    return individual["x"]
experiment = l2l.Experiment(
    model, {"name": "random", "population": 8}, directory="run", stop=l2l.Stop(generations=1000),
    launcher={"name": "local", "workers": 2},
)
"""


def test_a_run_that_lives_is_followed_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    leader = subprocess.Popen(
        [sys.executable, "-m", "l2l.cli", "run", "model.py", "--quiet"], cwd=tmp_path, start_new_session=True
    )
    try:
        follower = Follower(tmp_path / "run")
        while (view := follower.look()).count < 3 or not view.failed:
            assert leader.poll() is None
            time.sleep(0.02)
        assert view.state == "running" and str(leader.pid) in view.why
        assert view.limit == 1000 and view.left is not None and view.core_hours_left is not None
        assert view.machines and view.machines[0].workers <= 2 and view.running is not None and view.running <= 2
        assert view.causes[0].message == "RuntimeError: too large"
        os.kill(leader.pid, signal.SIGTERM)
        assert leader.wait(60) == 75
    finally:
        if leader.poll() is None:
            os.killpg(leader.pid, signal.SIGKILL)
    view = follower.look()
    assert view.state == "stopped" and view.why == "SIGTERM" and view.left is None
    assert view.trials == len(Trajectory(tmp_path / "run").trials) + len(Trajectory(tmp_path / "run").unfinished)
