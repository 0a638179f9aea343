import os
import resource
import signal
import sys
import time
import warnings

import numpy as np
import pytest

from l2l.worker.alterations import Condition


def test_what_trials_usually_do_alters_nothing(tmp_path):
    condition = Condition()
    (tmp_path / "note").write_text("used")
    np.random.default_rng(1).normal()
    assert condition.altered() == ""


def test_a_replaced_function_is_named_until_it_is_back():
    condition = Condition()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: 0.0)
        assert condition.altered() == "time.time"
    assert condition.altered() == ""


def test_the_environment_counts(monkeypatch):
    condition = Condition()
    monkeypatch.setenv("L2L_OF_A_TEST", "1")
    assert condition.altered() == "the environment"


def test_another_folder_counts_and_one_that_was_removed(monkeypatch, tmp_path):
    condition = Condition()
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    assert condition.altered() == "the current folder"
    (tmp_path / "gone").rmdir()
    assert condition.altered() == "the current folder"


def test_a_limit_counts():
    condition = Condition()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    try:
        assert condition.altered() == "the limit NOFILE"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_handler_of_a_signal_counts():
    condition = Condition()
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        assert condition.altered() == f"the handler of signal {signal.SIGALRM.value}"
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_stream_and_the_loaded_modules_count():
    condition = Condition()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", sys.__stdout__)
        assert condition.altered() == "sys.stderr"
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "l2l.worker.alterations")
        assert condition.altered() == "sys.modules"
    assert condition.altered() == ""


def test_what_makes_a_later_trial_raise_counts():
    warnings.simplefilter("default")
    condition = Condition()
    with np.errstate(all="raise"):
        assert condition.altered() == "numpy's handling of errors"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert condition.altered() == "what warnings do"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "meta_path", [])
        assert condition.altered() == "importers"
        patch.setattr(sys, "meta_path", None)
        assert condition.altered() == "the interpreter"
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    assert condition.altered() == "the blocked signals"
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    signal.setitimer(signal.ITIMER_PROF, 3600)
    assert condition.altered() == "a timer"
    signal.setitimer(signal.ITIMER_PROF, 0)
    assert condition.altered() == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux shows the mask")
def test_the_mask_of_new_files_counts():
    condition = Condition()
    before = os.umask(0o777)
    try:
        assert condition.altered() == "umask"
    finally:
        os.umask(before)
