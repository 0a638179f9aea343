"""PBS Professional and OpenPBS."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.errors import RunFailed
from l2l.submit.system import System, Value

if TYPE_CHECKING:
    from l2l.submit.job import Job


class PBS(System):
    """Submits with `qsub`."""

    name = "pbs"
    title = "PBS"
    program = "qsub"
    variable = "PBS_JOBID"

    def values(self, job: "Job") -> dict[str, Value]:
        """Cores, memory and GPUs come as chunks."""
        seconds = job.wishes.time
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" if seconds else None
        return {
            "time": clock,
            "select": _select(job),
            "logs": shlex.quote(str(job.folder / "logs")),
            "mail_when": "ae" if job.wishes.mail else None,
        }

    def submission(self, script: Path, after: str | None) -> list[str]:
        """`qsub`."""
        return ["qsub", *(["-W", f"depend=afterany:{after}"] if after else []), str(script)]

    def job_in(self, said: str) -> str | None:
        """As in `123.server`."""
        match = re.search(r"^\d+\S*$", said.strip(), re.MULTILINE)
        return match[0] if match else None

    def cancellation(self, job: str) -> list[str]:
        """`qdel`."""
        return ["qdel", job]

    def lives(self, job: str) -> bool | None:
        """As `qstat` has it."""
        try:
            done = self.ask(["qstat", "-f", job])
        except RunFailed:
            return None
        if done.returncode:
            return False if re.search(r"unknown job|has finished", done.stderr, re.IGNORECASE) else None
        state = re.search(r"job_state = (\w)", done.stdout)
        return state is not None and state[1] not in "CEFX"

    def hints(self, job: str, name: str) -> list[str]:
        """`qstat` and `qdel`."""
        return [f"qstat {job}", f"qdel $(qselect -N {name})   # this job and its successors"]


def _select(job: "Job") -> str:
    """Chunks: a node each where their number was given, else a task each."""
    wishes, tasks = job.wishes, job.tasks
    extra = f":mem={-(-wishes.memory // 2**20)}mb" if wishes.memory else ""
    extra += f":ngpus={wishes.gpus}" if wishes.gpus else ""
    # Memory and GPUs are those of a node, and so a chunk must be one.
    nodes = wishes.nodes or (1 if extra else tasks)
    share, more = divmod(tasks, nodes)
    chunks = [(more, share + 1), (nodes - more, share)]
    return "+".join(
        f"{number}:ncpus={each * job.cores}:mpiprocs={each}:ompthreads={job.cores}{extra}"
        for number, each in chunks
        if number
    )


SYSTEM = PBS()
