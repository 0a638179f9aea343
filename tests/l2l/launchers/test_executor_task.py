import os
import pickle
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from l2l.blocks import blocks_of
from l2l.dispatch.lifeline import Lifeline
from l2l.dispatch.work import Work
from l2l.launchers.executor import task
from l2l.launchers.executor.task import Answer, Run, Task, carry_out
from l2l.protocol.connect import machine, unix_address
from l2l.protocol.messages import Refused
from l2l.protocol.trials import columns_of
from l2l.testing.launchers import is_gone, trials_of
from l2l.testing.misbehaving import Misbehaving
from l2l.values import Resources, Status

OVER = Answer(refused=Refused("launcher", "the run is over"))


def run_of(folder, place, addresses=(), secret=b"", gpus=0):
    work = Work.of(Misbehaving(), Resources(gpus=gpus), folder, 30.0)
    return Run(uuid.uuid4().hex, work, place, list(addresses), secret)


def task_of(run, behaviours):
    trials = trials_of(behaviours)
    names = tuple(trials[0].individual) if trials else ()
    return Task(run, (names, None, False), pickle.dumps(columns_of(*blocks_of(trials)) if trials else None))


def test_processes_that_nobody_would_tell_of_the_end_are_ended_when_idle(tmp_path, monkeypatch):
    monkeypatch.setattr(task, "_IDLE", 0.2)
    run = run_of(tmp_path, "another machine, from which this one is not reached")
    said = carry_out(task_of(run, []))
    assert said.ready and said.ready.version == "misbehaving 1"
    (one,) = carry_out(task_of(run, ["well"])).evaluations
    assert one.status == Status.OK
    os.waitid(os.P_PID, one.process, os.WEXITED | os.WNOWAIT)
    assert is_gone(one.process)
    (two,) = carry_out(task_of(run, ["well"])).evaluations
    assert two.status == Status.OK and two.process != one.process
    os.waitid(os.P_PID, two.process, os.WEXITED | os.WNOWAIT)


def test_a_process_that_comes_after_an_idle_one_was_ended_has_its_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(task, "_IDLE", 0.05)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    run = run_of(tmp_path, "another machine", gpus=1)
    for _ in range(2):
        said = carry_out(task_of(run, ["well"]))
        assert not said.refused, said.refused
        os.waitid(os.P_PID, said.evaluations[0].process, os.WEXITED | os.WNOWAIT)


def test_a_run_whose_leader_is_gone_gets_nothing_done(tmp_path):
    run = run_of(tmp_path, machine(), [unix_address(tmp_path / "leader")])
    assert carry_out(task_of(run, ["well"])) == OVER


def test_what_runs_is_given_up_when_the_run_is_over(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    lifeline = Lifeline(everywhere=False)
    run = run_of(tmp_path, machine(), lifeline.addresses, lifeline.secret)
    with ThreadPoolExecutor(1) as pool:
        process = carry_out(task_of(run, [])).ready.pid
        answer = pool.submit(carry_out, task_of(run, ["hangs"]))
        lifeline.let_go(30.0)
        assert answer.result(30.0) == OVER
    assert is_gone(process)
    assert carry_out(task_of(run, ["well"])) == OVER


def test_a_connection_that_broke_is_made_anew_while_the_leader_goes_on(tmp_path):
    lifeline, other = Lifeline(everywhere=False), Lifeline(everywhere=False)
    run = run_of(tmp_path, machine(), lifeline.addresses, lifeline.secret)
    process = carry_out(task_of(run, [])).ready.pid
    lifeline.let_go(30.0)
    assert is_gone(process)
    again = replace(run, addresses=other.addresses, secret=other.secret)
    (one,) = carry_out(task_of(again, ["well"])).evaluations
    other.let_go(30.0)
    assert one.status == Status.OK and is_gone(one.process)


def test_the_secret_is_not_shown(tmp_path):
    shown = repr(task_of(run_of(tmp_path, machine(), [], b"precious"), ["well"]))
    assert "precious" not in shown and "Task" in shown


def test_logs_that_are_not_seen_from_here_are_kept_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(task, "_IDLE", 0.05)
    run = run_of(Path("/nowhere"), "another machine")
    (one,) = carry_out(task_of(run, ["prints"])).evaluations
    assert one.status == Status.OK
    os.waitid(os.P_PID, one.process, os.WEXITED | os.WNOWAIT)


@pytest.mark.parametrize("behaviours", [["raises", "well"], ["segfault", "well"]])
def test_what_goes_wrong_in_a_trial_is_in_its_evaluation(tmp_path, monkeypatch, behaviours):
    monkeypatch.setattr(task, "_IDLE", 0.05)
    said = carry_out(task_of(run_of(tmp_path, "another machine"), behaviours))
    assert sorted(one.status for one in said.evaluations) == sorted(
        [Status.OK, Status.FAILED if behaviours[0] == "raises" else Status.CRASHED]
    )
    assert not said.refused
