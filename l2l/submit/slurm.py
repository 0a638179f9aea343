"""Slurm."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.errors import RunFailed
from l2l.submit.system import System, Value

if TYPE_CHECKING:
    from l2l.submit.job import Job

_LIVING = (
    "PENDING",
    "RUNNING",
    "CONFIGURING",
    "SUSPENDED",
    "REQUEUED",
    "RESIZING",
    "SIGNALING",
    "STAGE_OUT",
    "STOPPED",
)
_WARNING = 60
_SHORT = 600
"""Seconds of a job in which no signal is asked for: it may come a minute early, and the leader knows the end anyway."""


class Slurm(System):
    """Submits with `sbatch`."""

    name = "slurm"
    title = "Slurm"
    program = "sbatch"
    variable = "SLURM_JOB_ID"

    def values(self, job: "Job") -> dict[str, Value]:
        """Whole nodes where only their number was given; a signal before the end."""
        wishes, seconds = job.wishes, job.wishes.time
        assert seconds is not None
        # To the leader alone where it is the batch process; where srun is that, srun passes it on to all ranks.
        whom = "" if job.mpi else "B:"
        # Nodes that are ours alone come with all their cores and GPUs, and with the memory of a site's default.
        memory = "0" if job.whole_nodes else None
        return {
            "time": _hours(seconds),
            "memory": f"{-(-wishes.memory // 2**20)}M" if wishes.memory else memory,
            "whole_nodes": "--exclusive" if job.whole_nodes else None,
            "signal": f"{whom}USR1@{_WARNING}" if seconds > _SHORT else None,
            "mail_when": "END,FAIL" if wishes.mail else None,
            "log": shlex.quote(str(job.folder).replace("%", "%%") + "/logs/job-%j.log"),
        }

    def submission(self, script: Path, after: str | None) -> list[str]:
        """`sbatch`."""
        return ["sbatch", "--parsable", *([f"--dependency=afterany:{after}"] if after else []), str(script)]

    def job_in(self, said: str) -> str | None:
        """As in `123` or `123;cluster`."""
        first = said.split(";", maxsplit=1)[0].strip()
        return first if first.isdigit() else None

    def cancellation(self, job: str) -> list[str]:
        """`scancel`."""
        return ["scancel", job]

    def lives(self, job: str) -> bool | None:
        """As `squeue` has it; it knows no job that ended some minutes ago."""
        try:
            done = self.ask(["squeue", "--noheader", f"--jobs={job}", "--format=%T"])
        except RunFailed:
            return None
        if done.returncode:
            return False if "Invalid job id" in done.stderr else None
        return any(state in _LIVING for state in done.stdout.split())

    def hints(self, job: str, name: str) -> list[str]:
        """`squeue` and `scancel`."""
        return [f"squeue --me --name={name}", f"scancel --me --name={name}   # this job and its successors"]


def _hours(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


SYSTEM = Slurm()
