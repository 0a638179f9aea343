"""Slurm: what its programs are asked, in which environment, and how their answers read.

Slurm's programs take wishes from their environment, which others have put there: the job in which this process runs
(`SLURM_CPU_BIND`, `SLURM_EXPORT_ENV`, …: wishes for the job's own tasks), the user for work at the terminal
(`SQUEUE_FORMAT`, `SCANCEL_INTERACTIVE`, …), and user or site for new jobs (`SBATCH_PARTITION`, …). Only the last ones
are meant for what we start.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from l2l.errors import LauncherError, MissingPart

_PATIENCE = 60.0
_FACTS = (
    "SLURM_ARRAY_", "SLURM_CLUSTER_NAME", "SLURM_CONF", "SLURM_HET_", "SLURM_JOBID", "SLURM_JOB_ACCOUNT",
    "SLURM_JOB_CPUS_PER_NODE", "SLURM_JOB_END_TIME", "SLURM_JOB_GID", "SLURM_JOB_GPUS", "SLURM_JOB_ID",
    "SLURM_JOB_NAME", "SLURM_JOB_NODELIST", "SLURM_JOB_PARTITION", "SLURM_JOB_QOS", "SLURM_JOB_RESERVATION",
    "SLURM_JOB_START_TIME", "SLURM_JOB_UID", "SLURM_JOB_USER", "SLURM_JWT", "SLURM_MPI_TYPE",
    "SLURM_SUBMIT_", "SLURM_WORKING_CLUSTER",
)  # fmt: skip
"""How variables of a job begin that say what it is, and what the site's MPI is; all others are wishes for its tasks."""
_WISHES = (
    "SLURM_CPU_BIND", "SLURM_CPU_FREQ", "SLURM_CPUS_PER_GPU", "SLURM_DISTRIBUTION", "SLURM_EXACT", "SLURM_EXCLUSIVE",
    "SLURM_EXPORT_ENV", "SLURM_GPU", "SLURM_GRES", "SLURM_HINT", "SLURM_KILL_BAD_EXIT", "SLURM_LABELIO", "SLURM_MEM_",
    "SLURM_NTASKS_PER", "SLURM_OPEN_MODE", "SLURM_OVERCOMMIT", "SLURM_OVERLAP", "SLURM_RESV_PORTS", "SLURM_STDERRMODE",
    "SLURM_STDINMODE", "SLURM_STDOUTMODE", "SLURM_THREADS_PER_CORE", "SLURM_TRES", "SLURM_UNBUFFEREDIO", "SRUN_",
)  # fmt: skip
"""How those begin that srun sets for a step of ours, and would take for wishes for the steps that its tasks start."""
_OF_JOBS = ("SLURM_", "SLURMD_", "SRUN_", "SALLOC_")
_NOT_FOR_OURS = ("SBATCH_ARRAY_INX", "SBATCH_EXPORT", "SBATCH_GET_USER_ENV", "SBATCH_TEST_ONLY", "SBATCH_WAIT")
"""Wishes for jobs that must not become those of ours: it would be several, bare of our environment, or none."""
_HABITS = ("SQUEUE_", "SINFO_", "SCANCEL_", "SCONTROL_", "SACCT_", "SLURM_BITSTR_LEN", "SLURM_TIME_FORMAT")


class Node(NamedTuple):
    """What a job has of a node.

    Args:
        gpus: None where Slurm does not say.
        memory: Bytes; None where Slurm does not say, or does not count it.
    """

    gpus: int | None
    memory: int | None


# --- environments ----------------------------------------------------------------------------------------------------


def for_steps(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment for srun within our job: it finds the job, and takes no wish for the job's own tasks for ours."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_FACTS) or not name.startswith((*_OF_JOBS, *_HABITS))
    }


def for_jobs(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment for sbatch, as if outside of any job, with the user's usual wishes for new ones."""
    kept = ("SLURM_CONF", "SLURM_MPI_TYPE", "SLURM_CLUSTERS")
    left_out = (*_OF_JOBS, *_HABITS, *_NOT_FOR_OURS)
    return {name: value for name, value in environment.items() if name in kept or not name.startswith(left_out)}


def for_questions(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment for programs whose answers we read: whatever habits a user has, they answer as they are asked."""
    return {name: value for name, value in environment.items() if not name.startswith(_HABITS)}


def forget_wishes() -> None:
    """Take the wishes of the step that this process is a task of out of its environment: programs start steps too."""
    for name in [name for name in os.environ if name.startswith(_WISHES)]:
        del os.environ[name]


def shell_to_forget_wishes() -> str:
    """A line for a job's script that does the like for the job's tasks; it keeps what says which job it is."""
    ours, facts = "|".join(_OF_JOBS), "|".join(_FACTS)
    return f"unset $(env | grep -oE '^({ours})[A-Za-z0-9_]*' | grep -vE '^({facts})')"


# --- questions -------------------------------------------------------------------------------------------------------


def program(name: str) -> str:
    """The path of one of Slurm's programs.

    Raises:
        MissingPart: It is not there.
    """
    found = shutil.which(name)
    if found is None:
        raise MissingPart(f"Slurm ({name})", "the site's module of Slurm, or run where Slurm is")
    return found


def ask(name: str, *arguments: str, given: str | None = None, check: bool = True) -> str:
    """What one of Slurm's programs says.

    Args:
        name: Of the program.
        arguments: Of it.
        given: To its standard input.
        check: Whether its failure is an error; else what it printed until then counts.

    Raises:
        MissingPart: It is not there.
        LauncherError: It fails or does not answer.
    """
    environment = for_jobs() if name == "sbatch" else for_questions()
    try:
        done = subprocess.run(
            [program(name), *arguments],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        if check:
            raise LauncherError(f"{name} has not answered for {_PATIENCE:g} s") from None
        return ""
    except OSError as error:
        raise LauncherError(f"{name} cannot be started: {error.strerror}") from error
    if check and done.returncode:
        raise LauncherError(
            f"{shlex.join([name, *arguments])}: {done.stderr.strip() or f'exit code {done.returncode}'}"
        )
    return done.stdout


def own_job(environment: Mapping[str, str] = os.environ) -> str:
    """The job of this process, as Slurm's programs name it and no other; "" outside of one.

    The number of a job array's last task, and that of the first part of a heterogeneous job, is that of the whole too:
    a question for it is answered for all of them.

    Example:
        >>> own_job({"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "4"})
        '7_4'
    """
    job = environment.get("SLURM_JOB_ID", "")
    array, task = environment.get("SLURM_ARRAY_JOB_ID", ""), environment.get("SLURM_ARRAY_TASK_ID", "")
    if job and array and task:
        return f"{array}_{task}"
    if job and environment.get("SLURM_HET_SIZE"):
        whole = environment.get("SLURM_HET_JOB_ID", "") or environment.get("SLURM_JOB_ID_HET_GROUP_0", "")
        offset = environment.get("SLURM_HET_JOB_OFFSET", "") or (str(int(job) - int(whole)) if whole.isdigit() else "")
        return f"{whole}+{offset}" if whole and offset.isdigit() else job
    return job


# --- answers ---------------------------------------------------------------------------------------------------------


def pairs(said: str) -> dict[str, str]:
    """What lines of two words say; lines of any other form, as a site's notes are, say nothing."""
    return {words[0]: words[1] for line in said.splitlines() if len(words := line.split()) == 2}


def nodes_of(listed: str) -> list[str]:
    """The names of nodes that a list in Slurm's short form has (`n[1-3,7]`)."""
    return ask("scontrol", "show", "hostnames", listed).split() if listed else []


def granted(job: str) -> dict[str, Node]:
    """What a job has of each of its nodes, as far as Slurm says."""
    said = ask("scontrol", "--details", "--oneliner", "show", "job", job, check=False)
    found: dict[str, Node] = {}
    for match in re.finditer(r"\bNodes=(\S+) CPU_IDs=\S* Mem=(\S*) GRES=(\S*)", said):
        here = Node(gpus_in(match[3]), _megabytes(match[2]))
        found |= dict.fromkeys(nodes_of(match[1]), here)
    return found


def gpus_in(listed: str) -> int:
    """How many GPUs a list of generic resources has.

    Example:
        >>> gpus_in("gpu:a100:3(IDX:0-2),gpu:v100:1(IDX:3),shard:4"), gpus_in("")
        (4, 0)
    """
    found = 0
    for one in re.sub(r"\([^)]*\)", "", listed).split(","):
        kind, *rest = one.split(":")
        if kind == "gpu":
            found += int(rest[-1]) if rest and rest[-1].isdigit() else 1
    return found


def _megabytes(text: str) -> int | None:
    """Bytes; None where none are counted (`Mem=0`)."""
    found = re.fullmatch(r"(\d+)M?", text)
    return int(found[1]) * 2**20 or None if found else None


def output_pattern(path: str) -> str | None:
    """A path for `--output`, where `%` begins a pattern; None where it has a backslash, which no way of writing keeps.

    Example:
        >>> output_pattern("/runs/50%noise/log")
        '/runs/50%%noise/log'
    """
    return None if "\\" in path else path.replace("%", "%%")
