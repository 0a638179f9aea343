import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from l2l import process_tree
from l2l.errors import ChangedOptimizee, LauncherError, OptionError
from l2l.individual import Individual
from l2l.launcher import Launcher
from l2l.launchers.local import LocalLauncher
from l2l.optimizee import Optimizee
from l2l.space import ParameterSpace, Real
from l2l.testing.launchers import LauncherContract, collected, is_gone, trials_of
from l2l.testing.misbehaving import BrokenSetup, Misbehaving, Vectorized
from l2l.values import Resources, Status, Trial
from tests.l2l.launchers import models


class TestLocal(LauncherContract):
    def launcher(self) -> Launcher:
        return LocalLauncher(workers=2)


class TestLocalAlone(LauncherContract):
    def launcher(self) -> Launcher:
        return LocalLauncher(workers=1)


def points(*values):
    return [Trial(Individual({"x": float(x)}), index=place) for place, x in enumerate(values)]


def run(optimizee, trials, folder, *, workers=2, resources=Resources(), patience=30.0):
    with LocalLauncher(workers=workers) as launcher:
        launcher.start(optimizee, resources, folder)
        launcher.submit(trials)
        return {index: one for (index, _), one in collected(launcher, len(trials), patience).items()}


def turn_until(launcher, holds):
    """Let the launcher work until something holds."""
    while not holds():
        launcher._pool._turn(0.05)


# --- what workers are given ---


def test_workers_have_the_surroundings_of_the_leader_and_pinned_threads(tmp_path):
    model = models.Seen(directory=str(Path.cwd()), threads=2)
    found = run(model, points(0, 1), tmp_path, resources=Resources(threads=2))
    assert [one.failure for one in found.values()] == [None, None]


def test_workers_share_out_the_cores_unless_told(tmp_path):
    launcher = LocalLauncher()
    with launcher:
        launcher.start(Misbehaving(), Resources(threads=10_000), tmp_path)
        assert launcher.slots == 1


def test_gpus_are_shared_out_by_what_is_visible(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    launcher = LocalLauncher()
    shares = [one["CUDA_VISIBLE_DEVICES"] for one in launcher._environments(Resources(gpus=1))]
    assert shares == ["4", "5", "7"][: len(shares)]
    with pytest.raises(OptionError, match=r"resources.gpus: .* need 4, got 3"):
        launcher.start(Misbehaving(), Resources(gpus=4), tmp_path)


def test_several_ranks_are_refused_with_who_has_them(tmp_path):
    with pytest.raises(OptionError, match="the launchers mpi and slurm give"):
        LocalLauncher().start(Misbehaving(), Resources(ranks=2), tmp_path)


@pytest.mark.parametrize("options", [{"workers": 0}, {"patience": 0}, {"workers": "two"}, {"worker": 2}])
def test_wrong_options_are_named(options):
    with pytest.raises(OptionError, match="LocalLauncher"):
        LocalLauncher(**options)


def test_use_before_start_or_after_stop_says_so(tmp_path):
    launcher = LocalLauncher(workers=1)
    with pytest.raises(LauncherError, match="start"):
        launcher.submit(points(1))
    launcher.start(Misbehaving(), Resources(), tmp_path)
    launcher.stop()
    with pytest.raises(LauncherError, match="stop"):
        launcher.collect()


def test_temporary_private_folders_are_removed(tmp_path):
    found = run(models.TemporaryFolder(), points(0, 1), tmp_path)
    assert all(one.status == Status.OK and not one.used_directory for one in found.values())
    assert [Path(Path(f"folder-{index}").read_text()).exists() for index in (0, 1)] == [False, False]


# --- nothing hangs ---


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_a_worker_that_dies_in_setup_is_an_error_with_what_it_wrote(tmp_path, how):
    said = "no simulator here" if how == "raise" else "exit code 7"
    for ask in (lambda one: one.describe(), lambda one: one.collect()):
        with LocalLauncher(workers=2) as launcher:
            launcher.start(BrokenSetup(how=how), Resources(), tmp_path)
            launcher.submit(points(1))
            with pytest.raises(LauncherError, match=said) as error:
                ask(launcher)
            if how == "exit":
                assert "library not found" in str(error.value)


def test_a_setup_that_hangs_is_an_error_once_patience_is_over(tmp_path):
    with LocalLauncher(workers=1, patience=10.0) as launcher:
        launcher.start(BrokenSetup(how="hang"), Resources(), tmp_path)
        with pytest.raises(LauncherError, match=r"not ready after 10 s.*(?s:.*)in setup"):
            launcher.describe()


def test_a_module_that_cannot_be_imported_is_an_error(tmp_path, monkeypatch):
    module = tmp_path / "fails_elsewhere.py"
    module.write_text(
        "import os\nfrom l2l.testing.misbehaving import Misbehaving\n"
        "if os.environ.get('L2L_WORKER'):\n    raise ImportError('no licence on this node')\n"
        "class Model(Misbehaving):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import fails_elsewhere

    with LocalLauncher(workers=1) as launcher:
        launcher.start(fails_elsewhere.Model(), Resources(), tmp_path)
        with pytest.raises(LauncherError, match="no licence on this node"):
            launcher.describe()


def test_a_worker_with_another_optimizee_is_refused(tmp_path):
    with LocalLauncher(workers=1) as launcher:
        launcher.start(models.Fickle(), Resources(), tmp_path)
        with pytest.raises(ChangedOptimizee, match="differs in: revision"):
            launcher.describe()


def test_an_optimizee_that_others_cannot_find_goes_to_them_by_value(tmp_path):
    offset = 2.0

    class Local(Optimizee):
        space = ParameterSpace(x=Real(0.0, 1.0))

        def simulate(self, individual, trial):
            return individual["x"] + offset

    found = run(Local(), points(0.25, 0.5), tmp_path, workers=1)
    assert [found[index].fitness for index in (0, 1)] == [(2.25,), (2.5,)]
    assert os.getpid() not in {one.process for one in found.values()}


def test_what_cannot_go_to_others_either_is_refused_with_the_remedy(tmp_path):
    held = threading.Lock()

    class Local(Optimizee):
        space = ParameterSpace(x=Real(0.0, 1.0))

        def simulate(self, individual, trial):
            with held:
                return 0.0

    with pytest.raises(OptionError, match=r"serial launcher; it cannot be sent to other processes by value"):
        LocalLauncher(workers=1).start(Local(), Resources(), tmp_path)


def test_workers_that_keep_dying_between_trials_end_the_run(tmp_path):
    with LocalLauncher(workers=1) as launcher:
        launcher.start(models.Lingers(), Resources(), tmp_path)
        launcher.describe()
        with pytest.raises(LauncherError, match=r"without a result.*exit code 5"):
            turn_until(launcher, lambda: False)


def test_signals_are_not_for_workers_but_for_their_programs(tmp_path):
    found = run(models.Signalled(), points(1), tmp_path, workers=1)
    assert found[0].fitness == (-signal.SIGTERM,)


def test_a_model_that_forks_hangs_nothing_and_writes_no_results_twice(tmp_path):
    found = run(models.Forks(), points(0, 1, 2, 3, 4), tmp_path)
    assert [found[index].status for index in range(5)] == [0, 0, Status.CRASHED, 0, 0]
    assert [found[index].fitness[0] for index in (0, 1, 3, 4)] == [0.0, 1.0, 3.0, 4.0]
    assert "SIGKILL" in found[2].failure.message


# --- who is charged, and with what ---


def test_a_crash_is_told_with_its_signal_or_code_and_python_stack(tmp_path):
    found = run(Misbehaving(), trials_of(["segfault", "leaves", "prints"]), tmp_path)
    assert "SIGSEGV" in found[0].failure.message
    assert found[0].failure.traceback.startswith("Fatal Python error: Segmentation fault")
    assert "misbehaving.py" in found[0].failure.traceback
    assert "l2l/worker" not in found[0].failure.traceback
    assert "exit code 3" in found[1].failure.message


def test_memory_is_the_workers_and_not_the_leaders(tmp_path):
    held = bytearray(b"x") * 300_000_000
    found = run(Misbehaving(), trials_of(["well", "leaves"]), tmp_path)
    assert 1_000_000 < found[0].peak_memory < 200_000_000
    assert found[1].peak_memory == 0
    assert held


def test_a_hang_is_told_with_where_it_hung(tmp_path):
    trials = trials_of(["hangs", "hangs with the lock"])
    found = run(Misbehaving(), trials, tmp_path, resources=Resources(timeout=0.3))
    for one in found.values():
        assert one.status == Status.TIMEOUT
        assert "misbehaving.py" in one.failure.traceback, one.failure


def test_memory_of_programs_counts(tmp_path):
    resources = Resources(memory="300 MB")
    found = run(models.HoldsMemoryInAProgram(), points(400), tmp_path, resources=resources)
    assert found[0].status == Status.OUT_OF_MEMORY


def test_a_slow_trial_delays_none_of_its_batch(tmp_path):
    with LocalLauncher(workers=2) as launcher:
        launcher.start(models.Slow(), Resources(), tmp_path)
        launcher.submit(points(*[0.0] * 3000))
        collected(launcher, 3000)
        slow = points(*[0.0] * 10, 30.0, *[0.0] * 3000)
        launcher.submit(slow)
        found = collected(launcher, 3010, 10.0)
        assert {index for index, _ in found} == set(range(3011)) - {10}


def test_mates_of_a_crash_run_once_and_are_not_charged(tmp_path):
    behaviours = (["well"] * 50 + ["leaves"]) * 4
    found = run(Misbehaving(), trials_of(behaviours, tmp_path / "trials"), tmp_path, workers=1)
    assert [found[place].status == Status.CRASHED for place in range(len(behaviours))] == [
        one == "leaves" for one in behaviours
    ]
    assert all(one.attempt == 0 for one in found.values())


def test_a_batch_that_crashes_fails_only_the_guilty(tmp_path):
    found = run(Vectorized(), points(*[place / 100 for place in range(100)]), tmp_path)
    for place, one in found.items():
        x = place / 100
        expected = Status.CRASHED if x > 0.97 else Status.FAILED if x > 0.9 else Status.OK
        assert one.status == expected, (x, one)


def test_nothing_is_lost_or_told_twice_when_workers_are_killed_at_random(tmp_path):
    rng = np.random.default_rng(3)
    seconds = np.where(rng.random(1500) < 0.05, 0.02, 0.0)
    with LocalLauncher(workers=3) as launcher:
        launcher.start(models.Slow(), Resources(), tmp_path)
        launcher.submit(points(*seconds))
        found, kills, due = {}, 0, 100
        while len(found) < 1500:
            for one in launcher.collect(30.0):
                assert one.id not in found
                found[one.id] = one
            if len(found) > due:
                os.kill(rng.choice([one.pid for one in launcher.workers if one.pid]), signal.SIGKILL)
                kills, due = kills + 1, due + 150
        crashed = [one for one in found.values() if one.status != Status.OK]
        assert kills >= 5 and len(crashed) <= kills
        assert all(one.status == Status.CRASHED and "SIGKILL" in one.failure.message for one in crashed)
        assert launcher.collect() == []


def test_cancelling_at_random_keeps_the_count(tmp_path):
    rng = np.random.default_rng(4)
    with LocalLauncher(workers=3) as launcher:
        launcher.start(models.Slow(), Resources(), tmp_path)
        trials = points(*np.where(rng.random(2000) < 0.05, 0.01, 0.0))
        cancelled, found = set(), set()
        for start in range(0, 2000, 200):
            launcher.submit(trials[start : start + 200])
            some = [trials[place] for place in rng.integers(0, start + 200, 20)]
            launcher.cancel(some)
            cancelled |= {trial.index for trial in some} - found
            came = {one.index for one in launcher.collect(0.01)}
            assert not came & cancelled and not came & found
            found |= came
        while came := {one.index for one in launcher.collect()}:
            assert not came & cancelled and not came & found
            found |= came
        assert found | cancelled == set(range(2000))


def test_the_longest_trials_of_a_generation_end_together(tmp_path):
    trials = points(*[0.1] * 8)
    with LocalLauncher(workers=4) as launcher:
        launcher.start(models.Slow(), Resources(), tmp_path)
        launcher.describe()
        turn_until(launcher, lambda: all(one.state == "idle" for one in launcher.workers))
        begin = time.monotonic()
        launcher.submit(trials)
        collected(launcher, 8)
        assert time.monotonic() - begin < 0.35


def test_a_launcher_shows_its_workers_and_what_they_are_at(tmp_path):
    launcher = LocalLauncher(workers=2)
    assert list(launcher.workers) == []
    with launcher:
        launcher.start(models.Slow(), Resources(), tmp_path)
        assert {one.state for one in launcher.workers} == {"starting"}
        turn_until(launcher, lambda: all(one.state == "idle" for one in launcher.workers))
        assert {one.host for one in launcher.workers} == {os.uname().nodename}
        begin = time.time()
        launcher.submit(points(1000.0))
        turn_until(launcher, lambda: any(one.state == "running" for one in launcher.workers))
        (busy,) = [one for one in launcher.workers if one.state == "running"]
        assert psutil.pid_exists(busy.pid) and begin - 1.0 < busy.since < time.time() + 1.0
    assert list(launcher.workers) == []


# --- ends ---


def test_idle_workers_tear_down_and_busy_ones_get_the_grace(tmp_path):
    note = tmp_path / "note"
    for seconds, grace, expected in ((0.0, 0.0, True), (30.0, 0.0, False), (0.3, 5.0, True)):
        note.unlink(missing_ok=True)
        launcher = LocalLauncher(workers=1)
        launcher.start(models.TearsDown(note=str(note)), Resources(), tmp_path)
        launcher.submit(points(0.0))
        collected(launcher, 1)
        launcher.submit(points(seconds))
        assert seconds == 0.0 or launcher.collect(0.05) == []
        begin = time.monotonic()
        launcher.stop(grace)
        assert time.monotonic() - begin < 2
        assert note.exists() == expected


def leader(body):
    """A leader of its own, which prints the numbers of its processes and goes on."""
    code = """
        import psutil, sys, time
        from l2l.launchers.local import LocalLauncher
        from l2l.testing.launchers import trials_of
        from l2l.testing.misbehaving import Misbehaving
        from l2l.values import Resources
        with LocalLauncher(workers=2) as launcher:
            launcher.start(Misbehaving(), Resources())
            launcher.submit(trials_of(["spawns"]))
            pids = []
            while len(pids) < 2:
                pids += [pid for one in launcher.collect() for pid in (int(one.observables["pid"]), one.process)]
            launcher.submit(trials_of(["hangs", "hangs with the lock"], first=1))
            pids += [one.pid for one in launcher.workers]
            children = psutil.Process().children()
            pids += [one.pid for one in children if any("reaper.py" in word for word in one.cmdline())]
            print(*pids, flush=True)
    """
    code = textwrap.dedent(code) + textwrap.indent(body, "    ")
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)


@pytest.mark.parametrize("whole_group", [False, True])
def test_everything_dies_with_a_killed_leader(whole_group):
    with leader("launcher.collect()") as process:
        pids = list(map(int, process.stdout.readline().split()))
        assert len(pids) == 5 and not any(is_dead(pid) for pid in pids)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        assert [is_gone(pid) for pid in pids] == [True] * 5


def test_everything_dies_with_an_interrupted_leader():
    with leader("launcher.collect()") as process:
        pids = list(map(int, process.stdout.readline().split()))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(10) == -signal.SIGINT
        assert [is_gone(pid) for pid in pids] == [True] * 5


def test_everything_dies_with_a_leader_that_just_ends():
    with leader("import os; os._exit(0)") as process:
        pids = list(map(int, process.stdout.readline().split()))
        assert process.wait(10) == 0
        assert [is_gone(pid) for pid in pids] == [True] * 5


def is_dead(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_without_what_only_linux_has_it_works_too(tmp_path, monkeypatch):
    monkeypatch.setattr("l2l.supervisor.process._pidfd", lambda pid: None)
    monkeypatch.delattr(os, "waitid")
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("l2l.process_tree.members", process_tree._members_elsewhere)
    monkeypatch.setattr("l2l.supervisor.memory._linux_lists_children", lambda: False)
    behaviours = ["well", "segfault", "leaves", "hangs", "spawns", "hogs", *["well"] * 20]
    limits = Resources(timeout=2.0, memory="300 MB")
    found = run(Misbehaving(), trials_of(behaviours, tmp_path / "trials"), tmp_path, resources=limits)
    assert [found[place].status for place in range(len(behaviours))] == [0, 2, 2, 3, 0, 4, *[0] * 20]
    assert is_gone(int(found[4].observables["pid"]))


def test_a_worker_that_no_signal_ends_costs_its_trial_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("l2l.supervisor.process._UNKILLABLE", 0.3)
    monkeypatch.setattr("l2l.supervisor.process.WorkerProcess.kill", lambda self: None)
    with LocalLauncher(workers=1) as launcher:
        launcher.start(Misbehaving(), Resources(timeout=0.3), tmp_path)
        launcher.submit(trials_of(["well", "hangs", "well"]))
        found = collected(launcher, 3)
        assert [found[place, place].status for place in range(3)] == [Status.OK, Status.TIMEOUT, Status.OK]
        monkeypatch.undo()
    assert is_gone(found[1, 1].process)


def test_logs_stay_short(tmp_path):
    with LocalLauncher(workers=1) as launcher:
        launcher.start(models.Prints(), Resources(), tmp_path)
        launcher.submit(points(12.0, 3.0))
        collected(launcher, 2)
        log = tmp_path / "logs" / "worker-0.log"
        deadline = time.monotonic() + 10
        while log.stat().st_size > 5e6 and time.monotonic() < deadline:
            launcher.collect(0.05)
            time.sleep(0.05)
        assert log.stat().st_size < 5e6
        assert log.with_name("worker-0.log.old").stat().st_size <= 10_000_000
