"""The scripts for Slurm, PBS and LSF; those of the latter two are only read, since no such system can be had."""

import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from l2l.errors import ConfigError, OptionError
from l2l.submit import Wishes, of_name
from l2l.submit.job import Job, job_for
from l2l.submit.script import render, script_of, write_script
from l2l.values import Resources

ALL = Wishes(
    nodes=3,
    ntasks=4,
    cpus_per_task=2,
    time=5430,
    account="acc",
    partition="batch",
    memory=2**31,
    gpus=1,
    mail="a@b.c",
    name="mine",
    max_jobs=5,
    option=("-X one", "-Y"),
    modules=("GCC", "NEST/3.10"),
    setup=("export A=$B",),
)
SYSTEMS = ("slurm", "pbs", "lsf")
L2L = str(Path(sys.executable).with_name("l2l"))
MPIEXEC = Path(sys.executable).with_name("mpiexec")


def job(wishes: Wishes, system: str, launcher: str = "auto", workers: int | None = None, **resources: int) -> Job:
    return job_for(
        wishes,
        of_name(system),
        folder=Path("/data/runs/brunel"),
        file=Path("/data/brunel.yaml"),
        resources=Resources(**resources),
        launcher=launcher,
        workers=workers,
        changes=["--set", "seed=3"],
    )


def script(wishes: Wishes, system: str, launcher: str = "auto", workers: int | None = None, **resources: int) -> str:
    text = script_of(job(wishes, system, launcher, workers, **resources), of_name(system))
    subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=10)
    assert "{{" not in text and "None" not in text
    return text


def directives(text: str, mark: str) -> list[str]:
    return [line.removeprefix(f"#{mark} ") for line in text.splitlines() if line.startswith(f"#{mark} ")]


# --- what each system reads ------------------------------------------------------------------------------------------


def test_slurm_gets_all_that_was_asked_for() -> None:
    assert directives(script(ALL, "slurm"), "SBATCH") == [
        "--job-name=mine",
        "--output=/data/runs/brunel/logs/job-%j.log",
        "--nodes=3",
        "--ntasks=4",
        "--cpus-per-task=2",
        "--gpus-per-node=1",
        "--mem=2048M",
        "--time=01:30:30",
        "--signal=B:USR1@60",
        "--account=acc",
        "--partition=batch",
        "--mail-user=a@b.c",
        "--mail-type=END,FAIL",
        "-X one",
        "-Y",
    ]


def test_pbs_gets_all_that_was_asked_for() -> None:
    text = script(ALL, "pbs")
    each = "ompthreads=2:mem=2048mb:ngpus=1"
    chunks = [f"1:ncpus=4:mpiprocs=2:{each}", f"2:ncpus=2:mpiprocs=1:{each}"]
    assert directives(text, "PBS") == [
        "-N mine",
        "-j oe",
        "-o /data/runs/brunel/logs",
        f"-l select={'+'.join(chunks)}",
        "-l walltime=01:30:30",
        "-A acc",
        "-q batch",
        "-M a@b.c",
        "-m ae",
        "-X one",
        "-Y",
    ]
    assert 'exec >/data/runs/brunel/logs/job-"$PBS_JOBID".log 2>&1' in text


def test_lsf_gets_all_that_was_asked_for() -> None:
    assert directives(script(ALL, "lsf"), "BSUB") == [
        "-J mine",
        "-o /data/runs/brunel/logs/job-%J.log",
        "-n 4",
        '-R "span[ptile=2]"',
        '-R "affinity[core(2)]"',
        '-gpu "num=1"',
        "-M 2048MB",
        '-R "rusage[mem=2048MB]"',
        "-W 01:31",
        "-wa USR1 -wt 1",
        "-P acc",
        "-q batch",
        "-u a@b.c",
        "-N",
        "-X one",
        "-Y",
    ]


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_nobody_said_is_left_out(system: str) -> None:
    text = script(Wishes(time=60), system)
    for word in ("account", "-A", "-P", "mail", "-M", "gpu", "mem", "module", "partition", "-q", "-wa"):
        assert not [line for line in text.splitlines() if word in line and "exec" not in line], word


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_job_prepares_its_shell_and_becomes_the_run(system: str) -> None:
    before, _, command = script(ALL, system).rpartition("\nexec ")
    assert before.startswith("#!/bin/bash\n")
    prepared = f"module load GCC\nmodule load NEST/3.10\nexport A=$B\n\ncd {Path.cwd()} || exit 1"
    assert before.endswith(prepared)
    words = command.replace("\\\n", "").split()
    assert words[words.index("run") - 1 :] == [
        L2L,
        *["run", "/data/brunel.yaml", "--directory", "/data/runs/brunel", "--set", "seed=3"],
        *["--chain", "/data/runs/brunel/submit/job.sh", "--max-jobs", "5"],
    ]


@pytest.mark.parametrize("system", ["pbs", "lsf"])
def test_the_end_of_the_job_is_told_where_the_batch_system_does_not_say_it(system: str) -> None:
    assert "export L2L_JOB_END=$(( $(date +%s) + 5430 ))\n" in script(ALL, system)
    assert "L2L_JOB_END" not in script(replace(ALL, time=None), system)


def test_slurm_must_know_the_time() -> None:
    with pytest.raises(OptionError, match=r"--time: expected the time of a job.*got none.*submit\.yaml"):
        job(Wishes(), "slurm")


def test_a_short_job_is_not_warned_before_it_has_begun() -> None:
    assert "--signal" not in script(Wishes(time=60), "slurm")


def test_a_single_job_has_no_chain() -> None:
    assert "--chain" not in script(replace(ALL, max_jobs=1), "slurm")


# --- how much, and how it is started ---------------------------------------------------------------------------------


def started(text: str) -> list[str]:
    return text.rpartition("\nexec ")[2].replace("\\\n", "").split()


def test_under_slurm_the_batch_process_leads_unless_mpi_does() -> None:
    assert started(script(ALL, "slurm"))[:2] == [L2L, "run"]
    assert started(script(ALL, "slurm", "slurm"))[:2] == [L2L, "run"]
    text = script(ALL, "slurm", "mpi")
    assert started(text)[:5] == ["srun", "--export=ALL", "--cpus-per-task=2", L2L, "run"]
    assert "--signal=USR1@60" in directives(text, "SBATCH")


@pytest.mark.parametrize("system", ["pbs", "lsf"])
def test_elsewhere_mpiexec_starts_several_tasks(system: str) -> None:
    words = started(script(ALL, system))
    assert words[0] == (str(MPIEXEC) if MPIEXEC.exists() else "mpiexec")
    assert words[1:5] == ["-n", "4", L2L, "run"]
    assert started(script(Wishes(), system))[:2] == [L2L, "run"]
    assert started(script(ALL, system, "jube"))[:2] == [L2L, "run"]


def test_whole_nodes_where_only_their_number_is_said() -> None:
    found = directives(script(Wishes(nodes=2, time=600), "slurm"), "SBATCH")
    assert {"--nodes=2", "--exclusive", "--mem=0"} <= {*found}
    assert not [one for one in found if "ntasks" in one or "cpus-per-task" in one]


@pytest.mark.parametrize(
    ("system", "launcher", "workers", "nodes", "expected"),
    [
        ("slurm", "auto", None, None, (3, 2)),  # one trial at once
        ("slurm", "auto", 4, None, (12, 2)),
        ("slurm", "mpi", 4, None, (13, 2)),  # the first rank leads
        ("slurm", "local", 4, None, (1, 8)),  # one process to Slurm
        ("pbs", "auto", 4, None, (13, 2)),
        ("lsf", "auto", None, 2, (7, 2)),
    ],
)
def test_what_a_trial_needs_makes_tasks_and_cores(
    system: str, launcher: str, workers: int | None, nodes: int | None, expected: tuple[int, int]
) -> None:
    found = job(Wishes(nodes=nodes, time=600), system, launcher, workers, ranks=3, threads=2)
    assert (found.wishes.ntasks, found.wishes.cpus_per_task) == expected


@pytest.mark.parametrize(
    ("system", "launcher", "workers", "wishes", "expected"),
    [
        ("slurm", "auto", None, Wishes(ntasks=4, nodes=2), 4),
        ("slurm", "auto", None, Wishes(ntasks=4, nodes=2, gpus=3), 3),
        ("slurm", "auto", None, Wishes(), 2),
        ("slurm", "local", 4, Wishes(), 8),  # one process, with four trials at once
        ("slurm", "jube", 4, Wishes(), None),  # whose own jobs have them
        ("pbs", "auto", None, Wishes(ntasks=5, nodes=1), 8),  # the first rank leads and needs none
    ],
)
def test_what_a_trial_needs_makes_gpus(
    system: str, launcher: str, workers: int | None, wishes: Wishes, expected: int | None
) -> None:
    assert job(replace(wishes, time=600), system, launcher, workers, gpus=2).wishes.gpus == expected


@pytest.mark.parametrize("system", SYSTEMS)
def test_gpus_of_several_tasks_want_the_number_of_nodes(system: str) -> None:
    with pytest.raises(OptionError, match=r"--nodes: expected on how many nodes 3 tasks with GPUs are to be.*got none"):
        job(Wishes(time=60), system, workers=3, gpus=1)


@pytest.mark.parametrize("system", ["pbs", "lsf"])
def test_workers_of_slurm_work_on_slurm_alone(system: str) -> None:
    with pytest.raises(OptionError, match=r"--launcher: expected one that works in jobs of .*, got 'slurm'; take auto"):
        job(Wishes(), system, "slurm")


@pytest.mark.parametrize(
    ("wishes", "launcher", "problem"),
    [
        (Wishes(time=60), "mpi", "--ntasks: expected the number of ranks"),
        (Wishes(time=60, nodes=3, ntasks=2), "auto", "--ntasks: expected at least one on each of 3 nodes, got 2"),
        (Wishes(time=60, nodes=2), "local", "--nodes: the launcher 'local' works on one node, got 2"),
    ],
)
def test_what_does_not_go_together_is_refused(wishes: Wishes, launcher: str, problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        job(wishes, "slurm", launcher)


# --- paths, environments, templates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("system", SYSTEMS)
def test_names_with_spaces_stay_whole(system: str) -> None:
    one = replace(job(ALL, system), folder=Path("/da ta/it's"), file=Path("/da ta/my file.yaml"))
    text = script_of(one, of_name(system)).rpartition("\nexec ")[2]
    printed = subprocess.run(["bash", "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=True)
    words = printed.stdout.splitlines()
    assert "/da ta/my file.yaml" in words and "/da ta/it's/submit/job.sh" in words


def test_an_environment_is_activated_and_its_l2l_taken(tmp_path: Path) -> None:
    text = script(replace(ALL, environment=tmp_path), "slurm")
    assert f"source {tmp_path}/bin/activate\n" in text
    assert started(text)[0] == f"{tmp_path}/bin/l2l"
    (tmp_path / "conda-meta").mkdir()
    assert f"conda activate {tmp_path}\n" in script(replace(ALL, environment=tmp_path), "slurm")


def test_a_site_has_its_own_template(tmp_path: Path) -> None:
    (tmp_path / "own.sh").write_text("#!/bin/bash\n#SBATCH -A {{account}} --constraint=gpu\n\nexec {{ command }}\n")
    lines = script(replace(ALL, template=tmp_path / "own.sh"), "slurm").splitlines()
    assert lines[:3] == ["#!/bin/bash", "#SBATCH -A acc --constraint=gpu", ""]
    (tmp_path / "own.sh").write_text("#!/bin/bash\n#SBATCH -A {{acount}}\n")
    with pytest.raises(ConfigError, match=r"own\.sh:2: no value 'acount'; did you mean 'account'"):
        script(replace(ALL, template=tmp_path / "own.sh"), "slurm")


def test_lines_of_a_template_come_once_for_each_value_or_not_at_all() -> None:
    text = "a {{one}}\nb {{none}} {{one}}\nc {{many}} {{one}}\nd ${x} $(y)\n"
    assert render(text, {"one": 1, "none": None, "many": ("p", "q")}, Path("t")) == "a 1\nc p 1\nc q 1\nd ${x} $(y)\n"


def test_the_script_can_be_executed_and_its_log_has_a_place(tmp_path: Path) -> None:
    one = replace(job(ALL, "slurm"), folder=tmp_path / "run")
    write_script(one, "#!/bin/bash\necho $((6 * 7))\n")
    assert subprocess.run([one.script], capture_output=True, text=True, check=True).stdout == "42\n"
    assert (tmp_path / "run/logs").is_dir()


# --- the manual ------------------------------------------------------------------------------------------------------


def test_the_manual_lists_every_setting(repository: Path) -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (repository / "docs/submit.md").read_text(), re.MULTILINE)
    listed = [name.strip("`") for row in rows for name in row.split(", ")]
    assert sorted(listed) == sorted(field.name for field in fields(Wishes))


def test_the_template_in_the_manual_is_one(repository: Path, tmp_path: Path) -> None:
    block = re.search(r"^```text\n(.*?)^```", (repository / "docs/submit.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block
    (tmp_path / "site.sh").write_text(block[1])
    few = Wishes(nodes=2, time=3600, template=tmp_path / "site.sh")
    for wished in (replace(ALL, gpus=None, mail=None, partition=None, template=few.template), few):
        own = directives(script(wished, "slurm"), "SBATCH")
        own.remove("--constraint=largedata")
        assert own == directives(script(replace(wished, template=None), "slurm"), "SBATCH")


def test_the_script_in_the_manual_is_the_one_that_is_written(repository: Path) -> None:
    text = (repository / "docs/submit.md").read_text()
    shown = re.search(r"^```\n(#!/bin/bash\n# Written.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert shown
    one = job_for(
        Wishes(nodes=2, time=7200, account="brain"),
        of_name("slurm"),
        folder=Path("/home/me/runs/brunel"),
        file=Path("/home/me/experiments/brunel.yaml"),
        resources=Resources(),
        launcher="auto",
    )
    text = script_of(replace(one, place=Path("/home/me")), of_name("slurm")).replace(L2L, "/home/me/l2l/bin/l2l")
    assert shown[1].startswith(text)
