"""A batch system: how jobs are submitted, found, cancelled, and what its scripts say."""

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from l2l import mpi_variables
from l2l.batch import slurm
from l2l.errors import OptionError, RunFailed
from l2l.submit.settings import SYSTEMS

if TYPE_CHECKING:
    from l2l.submit.job import Job

Value = str | int | Path | tuple[str, ...] | None
"""Of a name in a template: lines with None are left out, lines with several are written several times."""

_PATIENCE = 60.0
_OF_JOBS = ("L2L_JOB_", *mpi_variables.OF_STARTERS)


class System(ABC):
    """A batch system.

    Args (of the class):
        name: As in `--system`.
        title: As people say it.
        program: That submits.
        variable: Holds a job's number, within that job.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    program: ClassVar[str]
    variable: ClassVar[str]

    @abstractmethod
    def values(self, job: "Job") -> dict[str, Value]:
        """What its template's names stand for, where it has its own ways to say it."""

    @abstractmethod
    def submission(self, script: Path, after: str | None) -> list[str]:
        """The command that submits a script, to begin once another job has ended in whichever way."""

    @abstractmethod
    def job_in(self, said: str) -> str | None:
        """The number of the job in what that command printed."""

    @abstractmethod
    def cancellation(self, job: str) -> list[str]:
        """The command that cancels a job."""

    @abstractmethod
    def lives(self, job: str) -> bool | None:
        """Whether a job waits or runs; None where that cannot be found out."""

    @abstractmethod
    def hints(self, job: str, name: str) -> list[str]:
        """Commands that a user may type next, with what they do."""

    @property
    def reads_script(self) -> bool:
        """Whether the script goes to the standard input of the command."""
        return False

    @property
    def is_here(self) -> bool:
        """Whether jobs can be submitted from this machine."""
        return shutil.which(self.program) is not None

    def submit(self, script: Path, after: str | None = None) -> str:
        """Submit a script; returns the number of the job.

        Args:
            script: Executable.
            after: A job that is to end first.

        Raises:
            RunFailed: The batch system refuses it, or does not answer.
        """
        command = self.submission(script, after)
        done = self.ask(command, script.read_text(encoding="utf-8") if self.reads_script else "")
        if done.returncode:
            raise RunFailed(f"{self.program} refused {script}: {_words(done)}")
        job = self.job_in(done.stdout)
        if job is None:
            raise RunFailed(f"{self.program}: expected the number of a job, got {_words(done)!r}")
        return job

    def cancel(self, job: str) -> None:
        """Cancel a job.

        Raises:
            RunFailed: The batch system refuses, or does not answer.
        """
        done = self.ask(self.cancellation(job))
        if done.returncode:
            raise RunFailed(f"{self.cancellation(job)[0]} refused to cancel job {job}: {_words(done)}")

    def ask(self, command: list[str], text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run one of its programs, as if outside of any job: a job's own variables would become wishes of the next.

        Raises:
            RunFailed: There is no such program, or it does not answer.
        """
        try:
            return subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=_PATIENCE, env=outside(), check=False
            )
        except FileNotFoundError:
            raise RunFailed(f"there is no {command[0]} on the PATH; is {self.title} installed here?") from None
        except subprocess.TimeoutExpired:
            raise RunFailed(f"{command[0]} did not answer within {_PATIENCE:g} s; is {self.title} up?") from None
        except OSError as error:
            raise RunFailed(f"{command[0]} cannot be started: {error.strerror}") from None


def outside(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment without the variables that a batch job and MPI have set."""
    return {name: value for name, value in slurm.for_jobs(environment).items() if not name.startswith(_OF_JOBS)}


def of_name(name: str) -> System:
    """The batch system of that name."""
    assert name in SYSTEMS
    system: System = import_module(f"l2l.submit.{name}").SYSTEM
    return system


def inside() -> System | None:
    """The batch system whose job this process belongs to."""
    return next((one for one in map(of_name, SYSTEMS) if os.environ.get(one.variable)), None)


def found_here() -> System:
    """The batch system whose programs are here.

    Raises:
        OptionError: There is none.
    """
    systems = [of_name(name) for name in SYSTEMS]
    for system in systems:
        if system.is_here:
            return system
    programs = ", ".join(one.program for one in systems)
    raise OptionError(
        f"--system: expected one of {', '.join(SYSTEMS)}, since none of {programs} is on the PATH here; "
        "name one with --dry-run to see its script, or submit from a login node"
    )


def _words(done: "subprocess.CompletedProcess[str]") -> str:
    return " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
