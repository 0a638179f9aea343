"""The launcher executor on processes, Dask and IPython parallel: the contract, whole runs, deaths, names."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from l2l import Trajectory
from l2l.errors import LauncherError, MissingPart, OptionError, UserError
from l2l.journal import read_journal
from l2l.launcher import Launcher
from l2l.launchers.executor.launcher import ExecutorLauncher
from l2l.registry import build
from l2l.schema import Ragged
from l2l.testing.launchers import LauncherContract, collected, is_gone, trials_of
from l2l.testing.misbehaving import Misbehaving
from l2l.values import Evaluation, Resources, Status
from tests.faults.harness import WHERE_AND_WHEN, Leader, finished, same, starts, write_experiment
from tests.faults.harness import is_gone as is_gone_now
from tests.l2l.launchers.test_mpi import ranks

CLUSTERS = Path(__file__).with_name("clusters.py")
PARTS = {"dask": "distributed", "ipyparallel": "ipyparallel"}


class Cluster(NamedTuple):
    """One that runs.

    Args:
        arguments: By which a client finds it.
        workers: Its workers' process numbers.
    """

    arguments: Mapping[str, str]
    workers: list[int]


@contextmanager
def cluster(kind: str, folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A cluster of Dask or IPython parallel in processes of its own."""
    pytest.importorskip(PARTS[kind])
    folder.mkdir(exist_ok=True)
    command = [sys.executable, CLUSTERS, kind, str(workers), folder]
    environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        said = json.loads(process.stdout.readline())
        yield Cluster(said["arguments"], said["pids"])
        process.communicate(timeout=60)
    assert process.returncode == 0


# --- the contract ----------------------------------------------------------------------------------------------------


class TestProcesses(LauncherContract):
    def launcher(self) -> Launcher:
        return ExecutorLauncher(executor="processes", workers=2)


class OnCluster:
    """On a cluster that was there before, and is there afterwards."""

    kind: Any
    found: Cluster

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _cluster(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with cluster(cls.kind, tmp_path_factory.mktemp("cluster") / cls.kind) as cls.found:
            yield
            assert not any(is_gone_now(one) for one in cls.found.workers)

    def launcher(self) -> Launcher:
        return ExecutorLauncher(executor=self.kind, arguments=self.found.arguments)


@pytest.mark.slow
class TestDask(OnCluster, LauncherContract):
    kind = "dask"


@pytest.mark.slow
class TestIPythonParallel(OnCluster, LauncherContract):
    kind = "ipyparallel"


def threads(**options: Any) -> Executor:
    """An executor of the user's own, whose tasks run in this very process."""
    return ThreadPoolExecutor(2, **options)


class TestAFunctionsExecutor(LauncherContract):
    def launcher(self) -> Launcher:
        return ExecutorLauncher(executor=threads, arguments={"thread_name_prefix": "mine"})


# --- whole runs ------------------------------------------------------------------------------------------------------


def experiment(folder: Path, launcher: Any, seconds: float = 0.01, **arguments: Any) -> Path:
    """Written with notes of each start in `folder/notes`."""
    folder.mkdir(exist_ok=True)
    standard = {
        "optimizer": {"name": "cma-es", "population": 12},
        "launcher": launcher,
        "trials": 2,
        "seed": 5,
        "stop": {"generations": 5},
        "directory": str(folder / "run"),
    }
    options = {"notes": str(folder / "notes"), "seconds": seconds}
    return write_experiment(folder / "experiment.yaml", "Noted", options, **(standard | arguments))


def on(kind: str) -> dict[str, Any]:
    """The launcher with a cluster of its own on this machine."""
    return {"name": "executor", "executor": kind, "workers": 2}


def ran(file: Path) -> Trajectory:
    """The run of an experiment, to its end."""
    code, said = Leader("run", file).end(120.0)
    assert code == 0, said
    return Trajectory(file.parent / "run")


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["processes", "dask", "ipyparallel"])
def test_a_run_equals_one_in_a_single_process(tmp_path: Path, kind: str) -> None:
    if kind in PARTS:
        pytest.importorskip(PARTS[kind])
    same(ran(experiment(tmp_path / kind, on(kind))), ran(experiment(tmp_path / "serial", "serial", 0.0)))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ranks_of_mpi4py_futures_give_the_same(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    file = experiment(tmp_path / "mpi", {"name": "executor", "executor": "mpi"})
    code, said = ranks(3, "-m", "mpi4py.futures", "-m", "l2l.cli", "run", file, program=(sys.executable,)).end(120.0)
    assert code == 0, said
    same(Trajectory(tmp_path / "mpi/run"), ran(experiment(tmp_path / "serial", "serial", 0.0)))
    code, said = Leader("run", experiment(tmp_path / "alone", {"name": "executor", "executor": "mpi"})).end()
    assert code == 1 and "mpiexec -n 5 python -m mpi4py.futures -m l2l.cli run FILE" in said


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["processes", "dask", "ipyparallel"])
def test_a_signal_to_all_stops_it_cleanly(tmp_path: Path, kind: str) -> None:
    if kind in PARTS:
        pytest.importorskip(PARTS[kind])
    leader = Leader("run", experiment(tmp_path, on(kind), 0.1, stop={"generations": 30}))
    leader.until(lambda: len(finished(tmp_path / "run")) >= 20)
    leader.signal_all(signal.SIGTERM)
    code, said = leader.end()
    assert code == 75, said
    statuses = set(Trajectory(tmp_path / "run").trials["status"].tolist())
    assert statuses <= {Status.OK, Status.FAILED, Status.INVALID}, "our own end became a result"


ENDLESS = """
import pathlib, threading


def make(mark):
    pathlib.Path(mark).touch()
    threading.Event().wait()
"""


def test_a_signal_stops_the_wait_for_workers_that_never_come(tmp_path: Path) -> None:
    mark, file = tmp_path / "waits", tmp_path / "endless.py"
    file.write_text(ENDLESS)
    launcher = {"name": "executor", "executor": f"{file}:make", "arguments": {"mark": str(mark)}}
    leader = Leader("run", experiment(tmp_path, launcher))
    leader.until(mark.exists)
    leader.signal(signal.SIGTERM)
    code, said = leader.end()
    assert code == 75 and "SIGTERM" in said, said


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["processes", "dask", "ipyparallel"])
def test_a_killed_leader_leaves_nothing_and_its_steady_state_is_replayed(tmp_path: Path, kind: str) -> None:
    if kind in PARTS:
        pytest.importorskip(PARTS[kind])
    optimizer = {"name": "random", "population": 10, "steady_state": True}
    file, run, notes = tmp_path / "experiment.yaml", tmp_path / "run", tmp_path / "notes"
    experiment(tmp_path, on(kind), 0.02, optimizer=optimizer, stop={"generations": 10})
    leader = Leader("run", file)
    leader.until(lambda: len(finished(run)) >= 40)
    leader.kill()
    before, events, began = finished(run), told(run), len(starts(notes))
    found = ran(file)
    assert found.finished
    assert not set(starts(notes)[began:]) & set(before), "finished trials ran again"
    assert len(events) >= 10
    trials = {
        (one, two): status for one, two, status in zip(*(found.trials[name].tolist() for name in COLUMNS), strict=True)
    }
    assert all(trials[one] == status for one, (status, _) in before.items())


COLUMNS = ("individual", "number", "status")


def told(run: Path) -> list[int]:
    """Individuals in the order told."""
    records = read_journal(run / "journal")
    return [int(one) for _, kind, data in records if kind == "told" for one in data["individuals"]]


# --- deaths ----------------------------------------------------------------------------------------------------------


def test_killed_workers_of_the_executor_lose_nothing(tmp_path: Path) -> None:
    with ExecutorLauncher(executor="processes", workers=2) as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        launcher.describe()
        waiting = {trial.id: trial for trial in trials_of(["naps"] * 4 + ["well"] * 60)}
        launcher.submit(list(waiting.values()))
        found, kills = {}, 0
        while waiting:
            again = []
            for one in launcher.collect(30.0):
                trial = waiting[one.id]
                if one.status == Status.LOST:
                    assert one.failure and "BrokenProcessPool" in one.failure.message
                    again.append(trial)
                else:
                    found[one.id] = one
                    del waiting[one.id]
            launcher.submit(again)
            if kills < 2 and len(found) > 2 * kills:
                kills += 1
                os.kill(parent_of(one.process), signal.SIGKILL)
        assert kills == 2
        assert {one.status for one in found.values()} == {Status.OK}
    assert all(is_gone(one.process) for one in found.values())


def parent_of(pid: int) -> int:
    """The process that started one."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_killed_controller_of_our_own_engines_loses_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ipyparallel")
    with ExecutorLauncher(executor="ipyparallel", workers=1) as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        launcher.describe()
        trials = trials_of(["hangs", "well"])
        launcher.submit(trials)
        for one in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # one of an earlier test is ending
                if "ipyparallel.controller" in one.cmdline():
                    one.kill()
        lost: list[Evaluation] = []
        while len(lost) < 2:
            lost += launcher.collect(0.2)  # as often as a run looks
        assert {one.status for one in lost} == {Status.LOST}
        launcher.submit(trials[1:])
        assert {one.status for one in collected(launcher, 1).values()} == {Status.OK}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["dask", "ipyparallel"])
def test_a_killed_worker_of_a_cluster_costs_nothing(tmp_path: Path, kind: str) -> None:
    with cluster(kind, tmp_path / "cluster", workers=3) as there:
        launcher = {"name": "executor", "executor": kind, "arguments": dict(there.arguments)}
        leader = Leader("run", experiment(tmp_path / kind, launcher, 0.05))
        run = tmp_path / kind / "run"
        leader.until(lambda: len(finished(run)) >= 30)
        os.kill(there.workers[0], signal.SIGKILL)
        code, said = leader.end(120.0)
        assert code == 0, said
        found, other = Trajectory(run), ran(experiment(tmp_path / "serial", "serial", 0.0))
        for column in set(found.trials) - WHERE_AND_WHEN:
            assert _plain(found.trials[column]) == _plain(other.trials[column]), column
        assert (found.failures["status"] != Status.LOST).sum() == len(other.failures)


def _plain(values: Any) -> str:
    parts = (values.offsets, values.values) if isinstance(values, Ragged) else (values,)
    return repr([one.tolist() for one in parts])


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["dask", "ipyparallel"])
def test_on_a_cluster_nothing_is_left_of_a_killed_leader(tmp_path: Path, kind: str) -> None:
    with cluster(kind, tmp_path / "cluster") as there:
        launcher = {"name": "executor", "executor": kind, "arguments": dict(there.arguments)}
        file = experiment(tmp_path / kind, launcher, 30.0)
        leader = Leader("run", file)
        leader.until(lambda: len(starts(tmp_path / kind / "notes")) >= 2)
        children = [one for worker in there.workers for one in children_of(worker) if is_ours(one)]
        assert children
        leader.kill()
        assert all(map(is_gone, children))
        assert not any(is_gone_now(one) for one in there.workers)


def children_of(pid: int) -> list[int]:
    """The processes that one started, in any of its threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def is_ours(pid: int) -> bool:
    """Whether it is a process that evaluates or looks after such, and not one of the cluster's."""
    return b"l2l/worker/" in Path(f"/proc/{pid}/cmdline").read_bytes()


# --- names and arguments ---------------------------------------------------------------------------------------------


def test_executors_are_named_as_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "my_cluster.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef make(size):\n    return ThreadPoolExecutor(size)\n"
    )
    options = {"name": "executor", "executor": "my_cluster.py:make", "arguments": {"size": 3}}
    with build("launcher", options, base=tmp_path) as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        launcher.describe()
        assert launcher.slots == 3
        launcher.submit(trials_of(["well"] * 5))
        assert {one.status for one in collected(launcher, 5).values()} == {Status.OK}


def no_executor(**options: Any) -> Any:
    return object()


def mistaken(size: int) -> Executor:
    return ThreadPoolExecutor(size + "1")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"executor": "dusk"}, OptionError, r"'executor': expected .*Literal\['dask', .*got 'dusk'"),
        ({}, OptionError, "option 'executor' must be given"),
        ({"executor": "nowhere.py:make"}, OptionError, "there is no file .*nowhere.py"),
        ({"executor": no_executor}, OptionError, r"returns a concurrent.futures.Executor, got object from no_executor"),
        ({"executor": threads, "arguments": {"size": 1}}, OptionError, r"'arguments': threads does not take .*size"),
        ({"executor": mistaken, "arguments": {"size": 1}}, LauncherError, "mistaken cannot be made: TypeError: unsupp"),
        ({"executor": "processes", "workers": 0}, OptionError, "'workers': expected at least 1, got 0"),
        ({"executor": "processes", "arguments": {"speed": 1}}, OptionError, "'arguments': processes does not take"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        begin(options, tmp_path)


def begin(options: dict[str, Any], folder: Path) -> None:
    """Use the launcher until its first worker is there."""
    with build("launcher", {"name": "executor", **options}) as launcher:
        launcher.start(Misbehaving(), Resources(), folder)
        launcher.describe()


def test_what_it_rests_on_is_known_before_it_starts() -> None:
    assert ExecutorLauncher(executor="processes").about() == ""
    assert ExecutorLauncher(executor=threads).about() == ""
    assert ExecutorLauncher(executor="processes", workers=3).capacity(Resources()) == 3
    assert ExecutorLauncher(executor="dask").capacity(Resources(threads=10_000)) == 1
    assert ExecutorLauncher(executor="dask", arguments={"address": "tcp://there:8786"}).capacity(Resources()) is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
def test_a_library_is_named_with_its_version(kind: Any) -> None:
    module = pytest.importorskip(PARTS[kind])
    assert ExecutorLauncher(executor=kind).about().endswith(f" {module.__version__}")


def test_gpus_are_refused_where_nobody_shares_them_out(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"resources.gpus: workers that ExecutorLauncher starts here"):
        ExecutorLauncher(executor="processes").start(Misbehaving(), Resources(gpus=1), tmp_path)


def test_gpus_are_shared_out_by_what_the_executors_worker_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    with ExecutorLauncher(executor=threads) as launcher:
        launcher.start(Misbehaving(), Resources(gpus=1), tmp_path)
        launcher.submit(trials_of(["naps"] * 4))
        assert len({one.process for one in collected(launcher, 4).values()}) == 2
    with ExecutorLauncher(executor=threads) as launcher:
        launcher.start(Misbehaving(), Resources(gpus=3), tmp_path)
        with pytest.raises(UserError, match=r"resources.gpus: 1 trial\(s\) at once with 3 GPU\(s\) each .*got 2"):
            launcher.describe()


def test_a_missing_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingPart, match=r"Dask is not installed here; .*l2l\[dask\]"):
        begin({"executor": "dask"}, tmp_path)


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    arguments = {"address": "tcp://127.0.0.1:1", "timeout": 1}
    with pytest.raises(LauncherError, match="the executor dask cannot be made: OSError: Timed out"):
        begin({"executor": "dask", "arguments": arguments}, tmp_path)
