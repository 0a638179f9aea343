"""The chain of jobs: what `l2l run` asks of the batch system, with stand-ins for its programs."""

import json
from pathlib import Path

import pytest

from l2l import Trajectory, lock
from l2l.cli import main
from l2l.submit.chain import Record, trials_finished
from tests.faults.harness import Leader
from tests.l2l.submit.standins import OF_SYSTEM, PROGRAMS, VARIABLES, StandIns, installed

RUN = Path("runs/quick")
QUICK = """\
optimizee: {name: function, dimension: 2, duration: 0.01}
optimizer: {name: random, population: 4}
launcher: serial
stop: {generations: 1000000, walltime: 0.3}
"""
SLOW = """\
import time
import l2l

@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))
def model(individual, trial):
    time.sleep(60.0)
    return 0.0

experiment = l2l.Experiment(
    model, {"name": "random", "population": 2}, launcher={"name": "local", "workers": 1},
    stop={"generations": 2, "walltime": 0.3}, directory="runs/quick",
)
"""
SHORTER = ("--set", "stop.generations=2", "--set", "stop.walltime=null")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandIns:
    """PBS, as its job 7."""
    Path("quick.yaml").write_text(QUICK)
    Path("slow.py").write_text(SLOW)
    Path("job.sh").write_text("#!/bin/bash\n")
    found = installed(monkeypatch, tmp_path / "pbs", "pbs")
    (found.folder / "count").write_text("7")
    monkeypatch.setenv("PBS_JOBID", "7.server")
    return found


def chained(*arguments: str, most: int = 3) -> int:
    return main(["run", *arguments, "--chain", "job.sh", "--max-jobs", str(most)])


@pytest.mark.parametrize(
    ("system", "submitted", "cancelled"),
    [
        ("pbs", "qsub -W depend=afterany:7.server {script}", "qdel 8.server"),
        ("lsf", "bsub -w ended(7)", "bkill 8"),
        ("slurm", "sbatch --parsable --dependency=afterany:7 {script}", "scancel 8"),
    ],
)
def test_the_successor_is_submitted_and_cancelled_once_all_is_finished(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, submitted: str, cancelled: str
) -> None:
    Path("quick.yaml").write_text(QUICK)
    Path("job.sh").write_text("#!/bin/bash\n#BSUB -n 3\n")
    programs = installed(monkeypatch, tmp_path / "programs", system)
    (programs.folder / "count").write_text("7")
    monkeypatch.setenv(VARIABLES[system], "7.server" if system == "pbs" else "7")
    assert chained("quick.yaml", *SHORTER) == 0
    assert programs.asked == [submitted.format(script=tmp_path / "job.sh"), cancelled]
    if system == "lsf":  # which finds its options in what it reads
        assert "#BSUB -n 3" in (programs.folder / "read").read_text()


def test_a_job_does_not_hand_its_own_variables_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("quick.yaml").write_text(QUICK)
    Path("job.sh").write_text("#!/bin/bash\n")
    programs = installed(monkeypatch, tmp_path / "slurm", "slurm")
    for name in ("SLURM_JOB_ID", "SLURM_MEM_PER_NODE", "OMPI_UNIVERSE_SIZE", "L2L_JOB_END", "SLURM_CONF", "MINE"):
        monkeypatch.setenv(name, "9999999999")
    assert chained("quick.yaml", *SHORTER) == 0
    names = {line.partition("=")[0] for line in (programs.folder / "environment").read_text().splitlines()}
    assert names >= {"SLURM_CONF", "MINE"}
    assert not names & {"SLURM_JOB_ID", "SLURM_MEM_PER_NODE", "OMPI_UNIVERSE_SIZE", "L2L_JOB_END"}


def test_a_job_whose_time_is_over_leaves_its_successor(
    programs: StandIns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chained("quick.yaml") == 75
    assert programs.asked == [f"qsub -W depend=afterany:7.server {Path('job.sh').absolute()}"]
    assert "chain: job 7.server is number 1 of at most 3; job 8.server waits for its end" in capsys.readouterr().out
    monkeypatch.setenv("PBS_JOBID", "8.server")
    assert chained("quick.yaml") == 75
    monkeypatch.setenv("PBS_JOBID", "9.server")
    assert chained("quick.yaml") == 75
    said = capsys.readouterr().out
    assert "job 9.server is number 3 of at most 3, the last" in said and "submit again to go on" in said
    assert len(programs.asked) == 2


def test_a_job_that_finishes_no_trial_ends_the_chain(programs: StandIns, capsys: pytest.CaptureFixture[str]) -> None:
    assert chained("slow.py") == 75
    assert programs.asked[-1] == "qdel 8.server"
    assert "no trial was finished in this job, and the chain ends here" in capsys.readouterr().out


def test_a_job_that_was_killed_before_it_finished_a_trial_has_no_successor(
    programs: StandIns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "quick.yaml"]) == 75
    record, done = Record(RUN), trials_finished(RUN)[0]
    record.add("submitted", "7.server", system="pbs", number=1)
    record.add("started", "7.server", system="pbs", number=1, finished=done)
    record.add("submitted", "8.server", system="pbs", number=2, after="7.server")
    monkeypatch.setenv("PBS_JOBID", "8.server")
    assert chained("quick.yaml") == 1
    assert "job 7.server finished no trial" in capsys.readouterr().out
    assert programs.asked == []


def test_a_job_that_was_killed_later_has_one(programs: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["run", "quick.yaml"]) == 75
    record, done = Record(RUN), trials_finished(RUN)[0]
    record.add("started", "7.server", system="pbs", number=1, finished=done - 1)
    record.add("submitted", "8.server", system="pbs", number=2, after="7.server")
    with (RUN / "submit/chain.jsonl").open("a") as file:
        file.write('{"event": "star')  # the kill came within a write
    (programs.folder / "count").write_text("8")
    monkeypatch.setenv("PBS_JOBID", "8.server")
    assert chained("quick.yaml") == 75
    assert programs.asked == [f"qsub -W depend=afterany:8.server {Path('job.sh').absolute()}"]
    started = record.events("started", "8.server")
    assert [(one["number"], one["finished"]) for one in started] == [(2, done)]


def test_a_job_that_the_batch_system_begins_anew_keeps_its_successor(programs: StandIns) -> None:
    assert chained("quick.yaml") == 75
    assert chained("quick.yaml") == 75
    assert [line.split()[0] for line in programs.asked] == ["qsub"]


def test_a_run_that_fails_has_no_successor(programs: StandIns) -> None:
    assert main(["run", "quick.yaml"]) == 75
    assert chained("quick.yaml", "--set", "seed=99") == 2  # another experiment
    assert programs.asked[-1] == "qdel 8.server"
    assert [(one["job"], one["code"]) for one in Record(RUN).events("ended")] == [("7.server", None)]


@pytest.mark.parametrize("text", ["echo no more jobs for you >&2; exit 1", "echo what?"])
def test_a_run_goes_on_where_its_successor_cannot_be_submitted(
    programs: StandIns, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    programs.write("qsub", text)
    assert chained("quick.yaml", *SHORTER) == 0
    said = capsys.readouterr().out
    assert "chain: qsub" in said and "this job goes on, and has no successor" in said
    assert Trajectory(RUN).finished


def test_a_successor_that_has_gone_by_itself_is_no_trouble(
    programs: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    programs.write("qdel", 'rm "$folder"/live-*; echo unknown >&2; exit 1')
    assert chained("quick.yaml", *SHORTER) == 0
    assert "job 8.server is not needed" in capsys.readouterr().out


@pytest.mark.parametrize(("program", "code"), [("qsub", 75), ("qdel", 0)])
def test_a_signal_while_the_batch_system_is_asked_ends_nothing_half(
    programs: StandIns, program: str, code: int
) -> None:
    programs.write(program, f"kill -USR1 $PPID\n{PROGRAMS[program]}")
    ended, said = Leader("run", "quick.yaml", *SHORTER, "--chain", "job.sh", "--max-jobs", "3").end()
    assert ended == code, said
    assert [line.split()[0] for line in programs.asked] == ["qsub", "qdel"]
    assert [one["code"] for one in Record(RUN).events("ended")] == [code]


def test_outside_of_batch_jobs_nothing_is_submitted(
    programs: StandIns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PBS_JOBID")
    assert chained("quick.yaml", *SHORTER) == 0
    assert programs.asked == [] and "this is no batch job" in capsys.readouterr().out


def test_the_lock_of_a_job_that_is_over_is_no_obstacle(programs: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    # File systems whose locks reach no other host cannot be had here.
    monkeypatch.setattr(lock, "_reaches_all_hosts", lambda _: False)
    assert main(["run", "quick.yaml"]) == 75
    written = {"host": "node7", "pid": 1, "created": 0.0, "since": 0.0, "job": "6.server"}
    (RUN / "lock").write_text(json.dumps(written))
    assert chained("quick.yaml", *SHORTER) == 2  # no job of ours, as far as we know
    record = Record(RUN)
    record.add("started", "6.server", system="pbs", number=1, finished=0)
    (programs.folder / "live-6").touch()
    assert chained("quick.yaml", *SHORTER) == 2  # it runs
    (programs.folder / "live-6").unlink()
    assert chained("quick.yaml", *SHORTER) == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--chain", "job.sh"], "expected both or none"),
        (["--max-jobs", "2"], "expected both or none"),
        (["--chain", "job.sh", "--max-jobs", "2", "--repeats", "2"], "expected one run, got --repeats"),
        (["--chain", "none.sh", "--max-jobs", "2"], "there is no file none.sh"),
    ],
)
def test_half_a_chain_is_refused(
    programs: StandIns, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    assert main(["run", "quick.yaml", *arguments]) == 2
    assert problem in capsys.readouterr().err
    assert programs.asked == []


def test_there_are_stand_ins_for_every_system() -> None:
    assert set(OF_SYSTEM) == set(VARIABLES) == {"slurm", "pbs", "lsf"}
