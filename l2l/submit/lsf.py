"""LSF."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.errors import RunFailed
from l2l.submit.system import System, Value

if TYPE_CHECKING:
    from l2l.submit.job import Job


class LSF(System):
    """Submits with `bsub`, which reads the script."""

    name = "lsf"
    title = "LSF"
    program = "bsub"
    variable = "LSB_JOBID"

    @property
    def reads_script(self) -> bool:
        """`bsub` looks for options only in what it reads."""
        return True

    def values(self, job: "Job") -> dict[str, Value]:
        """Times are in minutes, nodes follow from the tasks on each."""
        wishes = job.wishes
        minutes = -(-wishes.time // 60) if wishes.time else None
        megabytes = -(-wishes.memory // 2**20) if wishes.memory else None
        return {
            "time": f"{minutes // 60:02d}:{minutes % 60:02d}" if minutes else None,
            # A second line of defence, in whole minutes: for jobs that have some.
            "warning": "-wa USR1 -wt 1" if minutes and minutes >= 10 else None,
            "on_each_node": -(-job.tasks // wishes.nodes) if wishes.nodes else None,
            "cores": job.cores if job.cores > 1 else None,
            "memory": f"{megabytes}MB" if megabytes else None,
            "mail_when": "-N" if wishes.mail else None,
            "log": shlex.quote(f"{job.folder}/logs/job-%J.log"),
        }

    def submission(self, script: Path, after: str | None) -> list[str]:
        """`bsub`."""
        return ["bsub", *(["-w", f"ended({after})"] if after else [])]

    def job_in(self, said: str) -> str | None:
        """As in `Job <123> is submitted to queue <normal>.`."""
        match = re.search(r"Job <(\d+)>", said)
        return match[1] if match else None

    def cancellation(self, job: str) -> list[str]:
        """`bkill`."""
        return ["bkill", job]

    def lives(self, job: str) -> bool | None:
        """As `bjobs` has it."""
        try:
            done = self.ask(["bjobs", "-noheader", "-o", "stat", job])
        except RunFailed:
            return None
        if "is not found" in done.stderr + done.stdout:
            return False
        return None if done.returncode else done.stdout.strip() not in ("", "DONE", "EXIT", "ZOMBI")

    def hints(self, job: str, name: str) -> list[str]:
        """`bjobs` and `bkill`."""
        return [f"bjobs -J {name}", f"bkill -J {name} 0   # this job and its successors"]


SYSTEM = LSF()
