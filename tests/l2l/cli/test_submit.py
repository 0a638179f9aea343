"""`l2l submit`, with stand-ins for the programs of Slurm; for the real ones see tests/l2l/submit/test_on_slurm.py."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from l2l import Trajectory
from l2l.cli import main
from l2l.lock import RunLock
from tests.l2l.submit.standins import StandIns, installed

QUICK = """\
optimizee: {name: function, dimension: 2}
optimizer: {name: random, population: 4}
stop: {generations: 2}
submit:
  time: 01:00:00
  account: brain
"""
MODEL = """\
import l2l

@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))
def model(individual, trial):
    return individual["x"]

experiment = l2l.Experiment(
    model, {"name": "random", "population": 4}, stop={"generations": 2}, resources={"threads": 3},
    launcher={"name": "local", "workers": 2},
)
"""
Submit = Callable[..., tuple[int, str, str]]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandIns:
    """Slurm's, and no settings of users and sites."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "site.yaml").write_text("")
    monkeypatch.setenv("L2L_SITE_CONFIG", str(tmp_path / "site.yaml"))
    Path("quick.yaml").write_text(QUICK)
    Path("model.py").write_text(MODEL)
    return installed(monkeypatch, tmp_path / "slurm", "slurm")


@pytest.fixture
def submit(programs: StandIns, capsys: pytest.CaptureFixture[str]) -> Submit:
    """`l2l submit …`: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["submit", *arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


def test_the_script_is_written_shown_and_submitted(submit: Submit, programs: StandIns) -> None:
    code, out, err = submit("quick.yaml", "--partition", "batch")
    script = Path("runs/quick/submit/job.sh").absolute()
    assert (code, err) == (0, "")
    assert out.startswith(script.read_text()) and os.access(script, os.X_OK)
    assert "#SBATCH --account=brain\n#SBATCH --partition=batch\n" in out
    assert out.rpartition("\n\n")[2].splitlines() == [
        "submitted job 1",
        "  squeue --me --name=l2l-quick",
        "  scancel --me --name=l2l-quick   # this job and its successors",
        "  l2l status runs/quick   # once it has begun",
    ]
    assert programs.asked == [f"sbatch --parsable {script}"]


def test_a_dry_run_stops_before(submit: Submit, programs: StandIns) -> None:
    code, out, _ = submit("quick.yaml", "--dry-run")
    assert code == 0 and "nothing was submitted" in out
    assert programs.asked == [] and Path("runs/quick/submit/job.sh").exists()


def test_a_dry_run_leaves_the_script_to_the_successors_of_a_job_that_waits(submit: Submit) -> None:
    assert submit("quick.yaml")[0] == 0
    script = Path("runs/quick/submit/job.sh")
    before = script.read_text()
    code, out, _ = submit("quick.yaml", "--set", "seed=3", "--dry-run")
    assert code == 0 and "--set seed=3" in out and "not written, since job 1 of this run waits or runs" in out
    assert script.read_text() == before


def test_flags_come_before_the_file_the_user_and_the_site(submit: Submit, tmp_path: Path) -> None:
    (tmp_path / "config/l2l").mkdir(parents=True)
    (tmp_path / "config/l2l/submit.yaml").write_text("{account: user, partition: user, mail: user, system: slurm}")
    (tmp_path / "site.yaml").write_text("{account: site, partition: site, mail: site, name: site, modules: [GCC]}")
    out = submit("quick.yaml", "--partition", "flag", "--dry-run")[1]
    for line in ("account=brain", "partition=flag", "mail-user=user", "job-name=site"):
        assert f"#SBATCH --{line}\n" in out
    assert "module load GCC\n" in out
    assert "#SBATCH --account=changed\n" in submit("quick.yaml", "--set", "submit.account=changed", "--dry-run")[1]


def test_what_the_run_is_told_stands_in_the_script(submit: Submit) -> None:
    flags = ["--set", "seed=3", "--set", "submit.nodes=1", "--launcher", "local", "--workers", "2", "--directory", "d"]
    out = submit("quick.yaml", *flags, "--dry-run")[1]
    assert "    --set seed=3 --launcher local --workers 2 \\\n" in out
    assert f"--directory {Path('d').absolute()} " in out and "submit.nodes" not in out
    assert "#SBATCH --nodes=1\n" in out


def test_a_python_file_is_submitted_too(submit: Submit) -> None:
    out = submit("model.py", "--time", "00:10:00", "--dry-run")[1]
    assert "#SBATCH --ntasks=1\n#SBATCH --cpus-per-task=6\n" in out  # two workers of three threads in one process
    assert f" run {Path('model.py').absolute()} " in out
    out = submit("model.py", "--time", "00:10:00", "--launcher", "slurm", "--workers", "2", "--dry-run")[1]
    assert "#SBATCH --ntasks=2\n#SBATCH --cpus-per-task=3\n" in out


def test_every_flag_has_its_key_and_is_checked_as_it_is(submit: Submit) -> None:
    code, _, err = submit("quick.yaml", "--time", "90")
    assert (
        code == 2
        and err
        == "l2l: --time: expected hours:minutes:seconds, as 02:00:00 or 1-12:00:00, or such as 10min, "
        "1h30m or 2d, got '90'\n"
    )
    code, _, err = submit("quick.yaml", "--ntask", "2")
    assert code == 2 and "did you mean '--ntasks'" in err
    code, _, err = submit("quick.yaml", "--cpus-per-task", "none")
    assert code == 2 and "--cpus-per-task" in err


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{tiem: 1}", "quick.yaml:4: submit.tiem: no setting of batch jobs 'tiem'; did you mean 'time'"),
        ("{nodes: few}", "quick.yaml:4: submit.nodes: expected a whole number above 0, got 'few'"),
        ("[slurm]", "quick.yaml:4: submit: expected a mapping such as {nodes: 2, time: 02:00:00}, got ['slurm']"),
        ("{nodes: 2}", "--time: expected the time of a job"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(submit: Submit, section: str, problem: str) -> None:
    Path("quick.yaml").write_text(QUICK.partition("submit:")[0] + f"submit: {section}\n")
    code, out, err = submit("quick.yaml")
    assert (code, out) == (2, "") and problem in err
    assert not Path("runs").exists()


def test_experiments_are_checked_before_they_wait_in_a_queue(submit: Submit, programs: StandIns) -> None:
    code, _, err = submit("quick.yaml", "--set", "optimizer.popluation=3")
    assert code == 2 and "'population'" in err
    assert programs.asked == []


def test_the_section_is_no_part_of_the_experiment(submit: Submit, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quick.yaml", "--launcher", "serial", "--set", "submit.nodes=3"]) == 0
    assert "submit" not in yaml.safe_load(Path("runs/quick/experiment.yaml").read_text())
    Path("quick.yaml").write_text(QUICK.partition("submit:")[0])
    assert main(["run", "quick.yaml", "--launcher", "serial"]) == 0
    assert "is finished already" in capsys.readouterr().out


def test_a_finished_run_is_not_submitted(submit: Submit, programs: StandIns) -> None:
    assert main(["run", "quick.yaml", "--launcher", "serial"]) == 0
    code, out, _ = submit("quick.yaml")
    assert code == 0 and out.endswith("runs/quick is finished already; nothing was submitted\n")
    assert programs.asked == []
    assert submit("quick.yaml", "--set", "stop.generations=3")[0] == 0  # which it is not by these rules
    assert len(programs.asked) == 1


def test_a_run_that_is_led_is_not_submitted(submit: Submit, programs: StandIns) -> None:
    Path("runs/quick").mkdir(parents=True)
    with RunLock(Path("runs/quick")):
        code, _, err = submit("quick.yaml")
    assert code == 2 and "leads this run already; nothing was submitted" in err
    assert programs.asked == []


def test_another_experiment_in_the_folder_is_refused(submit: Submit, programs: StandIns) -> None:
    assert main(["run", "quick.yaml", "--launcher", "serial"]) == 0
    code, _, err = submit("quick.yaml", "--set", "seed=4")
    assert code == 2 and "holds a different experiment" in err
    assert programs.asked == []


def test_a_run_is_submitted_once(submit: Submit, programs: StandIns) -> None:
    assert submit("quick.yaml")[0] == 0
    code, _, err = submit("quick.yaml")
    assert code == 2 and "job 1 of this run waits or runs already" in err
    assert len(programs.asked) == 1
    assert submit("quick.yaml", "--again")[0] == 0
    assert programs.live == {"1", "2"}
    for job in ("1", "2"):
        (programs.folder / f"live-{job}").unlink()
    assert submit("quick.yaml")[0] == 0


def test_what_the_batch_system_refuses_is_said(submit: Submit, programs: StandIns) -> None:
    programs.write("sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    code, _, err = submit("quick.yaml")
    assert code == 1 and "sbatch refused" in err and "sbatch: error: invalid partition" in err


def test_the_batch_system_is_the_one_that_is_here(submit: Submit, programs: StandIns) -> None:
    code, _, err = submit("quick.yaml", "--system", "lsf")
    assert code == 2 and "--system lsf: there is no bsub on the PATH" in err
    for name in ("sbatch", "qsub", "bsub"):
        (programs.folder / "bin" / name).unlink(missing_ok=True)
    os.environ["PATH"] = f"{programs.folder}/bin"  # the fixture puts it back
    code, _, err = submit("quick.yaml")
    assert code == 2 and "--system: expected one of slurm, pbs, lsf" in err
    assert submit("quick.yaml", "--system", "lsf", "--dry-run")[0] == 0


def test_the_job_runs_what_was_submitted(submit: Submit, programs: StandIns) -> None:
    submit("quick.yaml", "--launcher", "serial")
    # By hand, outside of a job, it is only a run.
    done = subprocess.run(["runs/quick/submit/job.sh"], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert "this is no batch job" in done.stdout
    assert Trajectory("runs/quick").finished
