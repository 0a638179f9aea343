"""What `l2l check` says before anything is spent: parts, room, hours and bytes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from l2l.cli import main
from tests.faults.harness import PROGRAM
from tests.slurm import Cluster

FILE = {
    "optimizee": {"name": "function", "dimension": 20},
    "optimizer": {"name": "random", "population": 1000},
    "stop": {"generations": 20},
    "launcher": {"name": "local", "workers": 2},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(FILE))
    return path


def check(file: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["check", str(file), *arguments]) == 0
    return capsys.readouterr().out


def test_core_hours_follow_from_the_seconds_of_a_trial(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = check(file, "--seconds", "9", "--set", "resources.threads=2", capsys=capsys)
    assert "all 20000 trials at 9 s each: 1d 1:00:00, 100 core hours" in said
    assert main(["check", str(file), "--seconds", "soon"]) == 2


def test_time_is_that_of_whole_generations_and_the_validation(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("optimizer.population=3", "stop.generations=4", "optimizee.noise=1", "validate={best: 3, trials: 3}")
    flags = [part for one in changes for part in ("--set", one)]
    said = check(file, "--seconds", "10", *flags, capsys=capsys)
    assert "= 12 trials at most, then 9 of the validation" in said
    assert "all 21 trials at 10 s each: 0:02:10, 0.0583 core hours" in said  # two at once: 4 × 2 and 5 rounds
    said = check(file, *flags, "--set", "retries=1", "--set", "resources.timeout=60", capsys=capsys)
    assert "at most 0.7, were every trial to take all its time" in said  # each twice


def test_the_end_of_the_job_is_compared(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("L2L_JOB_END", f"{time.time() + 3600:.0f}")
    assert "too little for all" in check(file, "--seconds", "9", capsys=capsys)
    assert "too little" not in check(file, "--seconds", "0.1", capsys=capsys)


def test_the_bytes_are_about_those_that_stay(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = re.search(r"about ([\d.]+) MB in (\d+) files", check(file, capsys=capsys))
    assert said
    assert main(["run", str(file)]) == 0
    files = [one for one in Path("runs/experiment").rglob("*") if one.is_file()]
    size = sum(one.stat().st_size for one in files) / 1e6
    assert float(said[1]) / 1.5 < size < 1.5 * float(said[1])
    assert len(files) <= int(said[2])


@pytest.mark.slow
def test_the_parts_of_launchers_are_named(file: Path, slurm: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(
        r"jube: \d+ at once.*\n +JUBE 2\.\d+.*platform local", check(file, "--launcher", "jube", capsys=capsys)
    )
    login = check(file, "--launcher", "slurm", "--workers", "7", capsys=capsys)
    assert re.search(r"slurm: 7 at once.*\n +slurm.*jobs of 1 worker", login)
    assert not slurm.queue(), "nothing was submitted"
    command = ["salloc", "--quiet", "--nodes=2", "--ntasks=4", "--time=7", str(PROGRAM), "check", str(file)]
    inside = subprocess.run([*command, "--launcher", "slurm"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"slurm: 4 at once.*\n +slurm.*an allocation of 2 node\(s\) with 4 cores", inside)


def test_what_is_not_here_is_said(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    for launcher, missing in (("slurm", "Slurm (srun)"), ("jube", "JUBE")):
        assert main(["check", str(file), "--launcher", launcher]) == 2
        assert f"{missing} is not installed here" in capsys.readouterr().err
