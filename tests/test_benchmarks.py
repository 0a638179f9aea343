"""The benchmarks run, measure what they say, and can fail."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def benchmarks(repository: Path) -> Path:
    return repository / "benchmarks"


@pytest.fixture
def idle(benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(benchmarks))
    import idle as module

    return module


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), "--folder", ".", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_intervals_are_joined_where_they_touch(idle: ModuleType) -> None:
    assert idle.union([(3.0, 4.0), (0.0, 1.0), (0.5, 2.0), (2.0, 2.5), (5.0, 5.0)]) == [(0.0, 2.5), (3.0, 4.0)]


def test_what_intervals_share_is_counted_once(idle: ModuleType) -> None:
    some, others = [(0.0, 2.0), (3.0, 6.0)], [(1.0, 4.0), (5.0, 5.5), (7.0, 8.0)]
    assert idle.overlap(some, others) == idle.overlap(others, some) == pytest.approx(2.5)
    assert idle.length(idle.clipped(some, 1.0, 5.0)) == pytest.approx(3.0)


@pytest.mark.parametrize(("tighten", "code", "verdict"), [("1e-6", 0, "kept"), ("1e9", 1, "BROKEN")])
def test_overhead_says_by_its_exit_code_whether_budgets_are_kept(
    benchmarks: Path, tighten: str, code: int, verdict: str
) -> None:
    done = run(benchmarks / "overhead.py", "--only", "import", "--repeats", "1", "--tighten", tighten)
    assert done.returncode == code, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("| import l2l ")]
    assert verdict in line


@pytest.mark.parametrize(("tighten", "code"), [("1e-6", 0), ("1e9", 1)])
def test_the_archive_says_by_its_exit_code_whether_budgets_are_kept(benchmarks: Path, tighten: str, code: int) -> None:
    done = run(benchmarks / "archive.py", "--evaluations", "3000", "--tighten", tighten)
    assert done.returncode == code, done.stderr
    missing = [line for line in done.stdout.splitlines() if "trials missing" in line]
    assert len(missing) == 1 and "kept" in missing[0]


@pytest.mark.parametrize(("tighten", "code", "verdict"), [("1e-6", 0, "kept"), ("1e9", 1, "BROKEN")])
def test_ask_and_tell_says_by_its_exit_code_whether_budgets_are_kept(
    benchmarks: Path, tighten: str, code: int, verdict: str
) -> None:
    options = ["--dimensions", "5", "500", "--repeats", "1", "--tighten", tighten]
    command = [sys.executable, str(benchmarks / "ask_tell.py"), "--only", "cma-es", "sobol"]
    done = subprocess.run(command + options, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line[:1] == "|"]
    small, wide = [row for row in rows if row[0] == "cma-es"]
    assert small[-1].startswith(verdict) and wide[-1].startswith(verdict)
    assert [row[-1] for row in rows if row[0] == "sobol"] == ["beside scipy"] * 2


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_all_that_needs_no_peer_is_measured(benchmarks: Path) -> None:
    parts = ["turnaround", "memory", "resume", "idle"]
    done = run(benchmarks / "overhead.py", "--scale", "0.02", "--repeats", "1", "--tighten", "1e-6", "--only", *parts)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 20 budgets broken" in done.stdout


def test_an_agent_plays_the_same_steps_as_a_bare_loop(benchmarks: Path) -> None:
    done = run(benchmarks / "steps.py", "--only", "CartPole-v1", "Pendulum-v1", "--episodes", "2", "--repeats", "2")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("workers", "tighten", "code", "verdict"), [(["3", "40"], "1e-6", 0, "kept"), (["3"], "1e9", 1, "BROKEN")]
)
def test_the_leader_s_limit_is_found_and_judged(
    benchmarks: Path, workers: list[str], tighten: str, code: int, verdict: str
) -> None:
    options = ["--workers", *workers, "--seconds", "0.3", "--repeats", "1", "--tighten", tighten]
    done = run(benchmarks / "scaling.py", *options)
    assert done.returncode == code, done.stderr
    lines = done.stdout.splitlines()
    assert len([line for line in lines if line.startswith(("| 3 ", "| 40 "))]) == 5 * len(workers)
    assert len([line for line in lines if verdict in line]) == len(workers)


def test_more_workers_than_the_system_has_descriptors_for_are_left_out(benchmarks: Path) -> None:
    done = run(benchmarks / "scaling.py", "--workers", str(1 << 40))
    assert done.returncode == 1 and "no number of workers is left" in done.stderr
    assert f"{1 << 40:,} workers are left out: the hard limit of open files" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("tighten", "code", "verdict"), [("1e-6", 0, "kept"), ("1e9", 1, "BROKEN")])
def test_launchers_stand_beside_other_libraries(benchmarks: Path, tighten: str, code: int, verdict: str) -> None:
    pytest.importorskip("mpi4py")
    options = ["--scale", "0.01", "--repeats", "1", "--tighten", tighten, "--only", "throughput", "--contenders"]
    contenders = ["l2l, mpi", "l2l, slurm", "mpi4py.futures"]
    done = run(benchmarks / "launchers.py", *options, *contenders)
    assert done.returncode == code, done.stdout + done.stderr
    assert [name for name in contenders if f"| {name} " not in done.stdout] == []
    assert len([line for line in done.stdout.splitlines() if verdict in line]) == 1


@pytest.mark.slow
def test_idle_ranks_are_measured(benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mpi4py")
    monkeypatch.syspath_prepend(str(benchmarks))
    from launchers import said_by

    found = said_by("idle_ranks.py", ["0.01", "--steady", "--work", "0.5"], "ranks")
    assert found["trials"] == 100 and 0.0 <= found["share"] < 1.0


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("limit", "code"), [("1e6", 0), ("1e-6", 1)])
def test_another_commit_is_measured_in_an_environment_of_its_own(benchmarks: Path, limit: str, code: int) -> None:
    done = run(benchmarks / "against.py", "HEAD", "--only", "import", "--repeats", "1", "--limit", limit)
    assert done.returncode == code, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "| import l2l, ms " in line]
    mine, theirs, ratio = (float(cell.replace(",", "")) for cell in line.split("|")[2:5])
    assert ratio == pytest.approx(mine / theirs, rel=0.02)


@pytest.mark.parametrize(("tighten", "code", "verdict"), [("1e-6", 0, "kept"), ("1e9", 1, "BROKEN")])
def test_the_report_says_by_its_exit_code_whether_budgets_are_kept(
    benchmarks: Path, tighten: str, code: int, verdict: str
) -> None:
    done = run(benchmarks / "report.py", "--individuals", "2000", "--only", "report", "--tighten", tighten)
    assert done.returncode == code, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("| its size ")]
    assert verdict in line
