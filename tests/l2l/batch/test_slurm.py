"""What Slurm's programs are asked, and how their answers read."""

import os
import subprocess
from pathlib import Path

import pytest

from l2l.batch import slurm

JOB = {
    "PATH": "/bin",
    "MY_DATA": "/data",
    "SLURM_CONF": "/etc/slurm.conf",
    "SLURM_JOB_ID": "7",
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURM_SUBMIT_DIR": "/home",
    "SBATCH_PARTITION": "batch",
}
WISHES = dict.fromkeys(
    [
        "SLURM_EXPORT_ENV",
        "SLURM_CPU_BIND",
        "SLURM_MEM_PER_CPU",
        "SLURM_MEM_PER_GPU",
        "SLURM_GPUS",
        "SLURM_GPUS_PER_NODE",
        "SLURM_GRES",
        "SLURM_TRES_PER_TASK",
        "SLURM_NTASKS",
        "SLURM_NTASKS_PER_NODE",
        "SLURM_DISTRIBUTION",
        "SLURM_HINT",
        "SLURM_EXACT",
        "SLURM_OVERLAP",
        "SLURM_OPEN_MODE",
        "SLURM_JOB_NUM_NODES",
        "SLURM_NNODES",
        "SLURM_TIMELIMIT",
        "SLURM_CONSTRAINT",
        "SLURM_EXCLUSIVE",
        "SLURM_OVERCOMMIT",
        "SLURM_LABELIO",
        "SLURM_CONTAINER",
        "SRUN_OUTPUT",
        "SALLOC_WAIT_ALL_NODES",
    ],
    "wish",
)
HABITS = dict.fromkeys(["SQUEUE_FORMAT", "SINFO_SORT", "SCANCEL_INTERACTIVE", "SACCT_FORMAT", "SLURM_TIME_FORMAT"], "x")


def test_a_step_finds_its_job_and_none_of_its_wishes() -> None:
    assert slurm.for_steps(JOB | WISHES | HABITS) == JOB


def test_a_job_has_what_its_user_wishes_for_jobs_and_nothing_of_another_job() -> None:
    unwanted = {"SBATCH_EXPORT": "NONE", "SBATCH_WAIT": "1", "SBATCH_ARRAY_INX": "1-3"}
    kept = {name: JOB[name] for name in ("PATH", "MY_DATA", "SLURM_CONF", "SBATCH_PARTITION")}
    assert slurm.for_jobs(JOB | WISHES | HABITS | unwanted) == kept


def test_no_habit_changes_an_answer() -> None:
    assert slurm.for_questions(JOB | HABITS) == JOB


def test_the_script_of_a_job_forgets_wishes_and_no_facts() -> None:
    script = f"{slurm.shell_to_forget_wishes()}\nenv\n"
    environment = {**JOB, **WISHES, "PATH": os.environ["PATH"]}
    said = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True).stdout
    found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    assert {name for name in environment if name in found} == {*JOB}


@pytest.mark.parametrize(
    ("environment", "job"),
    [
        ({}, ""),
        ({"SLURM_JOB_ID": "7"}, "7"),
        ({"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "9", "SLURM_ARRAY_TASK_ID": "3"}, "9_3"),
        ({"SLURM_JOB_ID": "8", "SLURM_HET_SIZE": "2", "SLURM_JOB_ID_HET_GROUP_0": "7"}, "7+1"),
        ({"SLURM_JOB_ID": "7", "SLURM_HET_SIZE": "2", "SLURM_HET_JOB_ID": "7", "SLURM_HET_JOB_OFFSET": "0"}, "7+0"),
    ],
)
def test_a_job_is_named_so_that_no_other_is_meant(environment: dict[str, str], job: str) -> None:
    assert slurm.own_job(environment) == job


@pytest.mark.parametrize(
    ("listed", "gpus"),
    [
        ("", 0),
        ("gpu:2(IDX:0-1)", 2),
        ("gpu", 1),
        ("gpu:a100:4(IDX:0-3)", 4),
        ("gpu:a100:3(IDX:0-2),gpu:v100:1(IDX:3)", 4),
        ("shard:8,license:2", 0),
        ("craynetwork:1,gpu:1(IDX:N/A)", 1),
    ],
)
def test_lists_of_resources_are_counted(listed: str, gpus: int) -> None:
    assert slurm.gpus_in(listed) == gpus


def answers(folder: Path, **said: str) -> None:
    """Programs of these names that print this."""
    for name, text in said.items():
        (folder / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
        (folder / name).chmod(0o755)


def test_what_a_job_has_of_each_node_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    details = (
        "JobId=7 JobName=a b Nodes=n1 JobState=RUNNING NumNodes=2 TRES=cpu=8,mem=0,gres/gpu=3 "
        "Nodes=n1 CPU_IDs=0-3 Mem=4000 GRES=gpu:2(IDX:0-1) Nodes=n2 CPU_IDs=0-3 Mem=0 GRES= "
        "Nodes=n3 CPU_IDs=0 Mem=UNLIMITED GRES=gpu:v100:1(IDX:0)"
    )
    script = '#!/bin/sh\nif [ "$2" = hostnames ]; then echo "$3"; else cat <<END\n' + details + "\nEND\nfi\n"
    (tmp_path / "scontrol").write_text(script)
    (tmp_path / "scontrol").chmod(0o755)
    assert slurm.granted("7") == {
        "n1": slurm.Node(2, 4000 * 2**20),
        "n2": slurm.Node(0, None),
        "n3": slurm.Node(1, None),
    }


def test_answers_of_another_form_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    answers(tmp_path, squeue="7 RUNNING\nNote: maintenance on Monday\n\n8_[1-3%2] PENDING", scontrol="")
    assert slurm.pairs(slurm.ask("squeue")) == {"7": "RUNNING", "8_[1-3%2]": "PENDING"}
    assert slurm.granted("7") == {}


def test_a_percent_sign_is_no_pattern() -> None:
    assert slurm.output_pattern("/runs/50%noise/%j.log") == "/runs/50%%noise/%%j.log"
    assert slurm.output_pattern("/runs/back\\slash") is None
