import time
from pathlib import Path

import pytest

from l2l.allocation import job_end, of_lsf, of_pbs, of_slurm

_JOBS = ("L2L_JOB_END", "SLURM_JOB_END_TIME", "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _JOBS:
        monkeypatch.delenv(name, raising=False)


def test_outside_a_job_nothing_ends() -> None:
    assert job_end() is None


@pytest.mark.parametrize("name", _JOBS[:2])
def test_a_variable_says_when_the_job_ends(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1795840429")
    assert job_end() == 1795840429.0
    monkeypatch.setenv(name, "soon")
    assert job_end() is None


def test_a_batch_system_that_does_not_answer_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for job in _JOBS[2:]:
        monkeypatch.setenv(job, "7")
        assert job_end() is None
        monkeypatch.delenv(job)


@pytest.mark.parametrize(
    ("said", "left"),
    [("59", 59.0), ("3:04", 184.0), ("1:00:00\n", 3600.0), ("2-03:00:01", 183601.0), ("UNLIMITED", None), ("", None)],
)
def test_times_of_slurm_are_read(said: str, left: float | None) -> None:
    assert of_slurm(said) == left


def test_times_of_pbs_are_read() -> None:
    said = "Job Id: 7.server\n    resources_used.walltime = 00:59:00\n    Resource_List.walltime = 24:00:00\n"
    assert of_pbs(said) == 23 * 3600.0 + 60.0
    assert of_pbs("    Resource_List.walltime = 00:10:00\n") == 600.0
    assert of_pbs("qstat: Unknown Job Id") is None


def test_times_of_lsf_are_read() -> None:
    assert of_lsf("0:58 L\n") == 58 * 60.0
    assert of_lsf("-") is None
    assert of_lsf("0:10 E\n") is None, "an estimate, at which no job is ended"


@pytest.mark.slow
def test_slurm_says_when_a_job_ends(slurm: object) -> None:
    import subprocess
    import sys

    asked = "from l2l.allocation import job_end; print(job_end())"
    command = ["salloc", "--quiet", "--ntasks=1", "--time=7", sys.executable, "-c", asked]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert abs(float(said) - time.time() - 7 * 60) < 10
