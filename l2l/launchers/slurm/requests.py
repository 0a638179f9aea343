"""What is asked of Slurm so that workers come: job steps within an allocation, jobs from a login node."""

import math
import os
import shlex
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from l2l.batch import slurm
from l2l.errors import LauncherError
from l2l.files import open_log
from l2l.launchers.slurm import rank
from l2l.protocol.messages import LeaderAddress
from l2l.supervisor import __main__ as supervisor
from l2l.supervisor.crash_report import log_size, tail
from l2l.values import Resources

_UNKILLABLE = 5.0
"""Seconds that a step's srun may take to see that the step was killed."""
_BAD = ("down", "drained", "fail", "err", "unk", "not_resp", "power", "boot", "maint")
"""How the states of nodes begin that take no step of ours; one that is draining does, as long as our job is there."""


class Request(ABC):
    """Something that was asked of Slurm and brings workers.

    Args:
        name: Its own, within the run.
        places: Workers that it brings.
        log: What it writes.
    """

    def __init__(self, name: str, places: int, log: Path) -> None:
        self.name = name
        self.places = places
        self.log = log
        self.request_id = ""
        """What its supervisors report in their introduction; a new one at each submission."""
        self.failed_starts = 0
        """How often in a row it ended before a worker was ready, or was refused."""
        self.arrived = False
        """Whether a supervisor came since it was given."""
        self.ready = False
        """Whether a worker said hello since it was given."""
        self.since = 0.0
        """When it was given, or began as far as is known, on the monotonic clock."""
        self.due = 0.0
        """When it may be given again, on the monotonic clock."""
        self.condemned = ""
        """Why it is being ended, where its trial is to blame."""
        self._given = 0
        self._log_start = 0

    def submit(self, call: LeaderAddress) -> None:
        """Ask for it, once more perhaps; does not wait.

        Raises:
            LauncherError: Slurm refuses.
        """
        self.request_id, self._given = f"{self.name}.{self._given}", self._given + 1
        self.arrived = self.ready = False
        self.condemned, self.since = "", time.monotonic()
        self._log_start = log_size(self.log)
        self.ask(call)

    def said(self) -> str:
        """The end of what it wrote since it was given last."""
        return tail(self.log, self._log_start)

    @abstractmethod
    def ask(self, call: LeaderAddress) -> None:
        """Ask Slurm for it."""

    @abstractmethod
    def ended(self) -> int | None:
        """Its return code (negative: a signal) once it is over; None before."""

    @abstractmethod
    def to_blame(self) -> bool:
        """Whether its end was the doing of what ran in it, and not of a node or a person."""

    @abstractmethod
    def usable(self) -> bool:
        """Whether it can be given again now."""

    @abstractmethod
    def waits(self) -> bool:
        """Whether it has not begun, for want of nodes."""

    @abstractmethod
    def cancel(self) -> None:
        """See that it ends; does not wait for it."""


class Step(Request):
    """A job step on given nodes of our allocation.

    Args:
        name, places, log: As of a request.
        nodes: Where it runs.
        tasks: How many, over all nodes.
        resources: Of each task.
        options: Further ones of srun.
        label: How its name among the steps of the allocation begins, which no other run's does.
    """

    def __init__(
        self,
        name: str,
        places: int,
        log: Path,
        *,
        nodes: Sequence[str],
        tasks: int,
        resources: Resources,
        options: Sequence[str],
        label: str,
    ) -> None:
        super().__init__(name, places, log)
        self._ranks = resources.ranks
        self._label = label
        self._killed = math.inf
        self._nodes = nodes
        self._options = [
            *step_options(tasks, resources, options),
            f"--nodes={len(nodes)}",
            f"--nodelist={','.join(nodes)}",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, call: LeaderAddress) -> None:
        """Start srun, and tell the tasks through it where we are."""
        command = [
            slurm.program("srun"),
            *self._options,
            f"--job-name={self._listed}",
            *task_command(self.request_id, self._ranks),
        ]
        self._killed = math.inf
        with open_log(self.log) as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, env=slurm.for_steps()
            )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(call.text().encode())
            self._process.stdin.close()
        except OSError:
            return  # it ended already, and its log says why

    def ended(self) -> int | None:
        """The return code of srun, which is that of the task that went worst."""
        code = self._process.poll() if self._process else None
        if self._process and code is None and time.monotonic() - self._killed > _UNKILLABLE:
            self._process.kill()
        return 128 - code if code is not None and code > 128 else code

    def to_blame(self) -> bool:
        """Whether all its nodes answer."""
        return self.usable()

    def usable(self) -> bool:
        """Whether all its nodes answer."""
        return not bad_nodes(self._nodes)

    def waits(self) -> bool:
        """Always False: a step starts at once on nodes that are allocated."""
        return False

    def cancel(self) -> None:
        """Kill the step; its srun too, later, if it does not see that."""
        if self._process is None or self._process.poll() is not None:
            return
        listed = slurm.ask("squeue", "-h", "-s", "-j", slurm.own_job(), "-o", "%i %j", check=False)
        for step, name in slurm.pairs(listed).items():
            if name == self._listed:
                slurm.ask("scancel", "--signal=KILL", step, check=False)
        self._killed = min(self._killed, time.monotonic())

    @property
    def _listed(self) -> str:
        """Its name among the steps of the allocation."""
        return f"{self._label}.{self.request_id}"


def step_options(tasks: int, resources: Resources, options: Sequence[str]) -> list[str]:
    """What srun is told of a step's tasks, each of which is a rank of a trial."""
    gpus = [f"--gpus-per-task={resources.gpus}"] if resources.gpus else []
    alone = ["--mpi=none"] if resources.ranks == 1 else []
    each = [f"--ntasks={tasks}", f"--cpus-per-task={resources.threads}", "--mem=0", "--input=all"]
    return [*each, *gpus, *alone, "--kill-on-bad-exit=1", *options]


def task_command(request_id: str, ranks: int, file: Path | None = None) -> list[str]:
    """The command of a task: a supervisor, or one of the ranks that simulate a trial together.

    Args:
        request_id: By which the leader knows who has come.
        ranks: Of each trial.
        file: With the leader's address; None for standard input.
    """
    program = supervisor.PROGRAM if ranks == 1 else rank.PROGRAM
    return [sys.executable, "-P", program, request_id, *([str(file)] if file else [])]


class Job(Request):
    """A job of its own, given from a login node.

    Args:
        name, places, log: As of a request.
        tasks: Of the job.
        resources: Of each task.
        options: Further ones of sbatch.
        step: Further ones of srun.
        call: Where the call is written, for the tasks to read.
        label: The job's name in the queue.
    """

    def __init__(
        self,
        name: str,
        places: int,
        log: Path,
        *,
        tasks: int,
        resources: Resources,
        options: Sequence[str],
        step: Sequence[str],
        call: Path,
        label: str,
    ) -> None:
        super().__init__(name, places, log)
        self.state = ""
        """As the queue has it; "" where it is not there."""
        self.number = ""
        """In the queue; "" before it was given."""
        self._code: int | None = None
        self._call = call
        self._ranks = resources.ranks
        self._step = step_options(tasks, resources, step)
        gpus = [f"--gpus-per-task={resources.gpus}"] if resources.gpus else []
        wanted = [f"--ntasks={tasks}", f"--cpus-per-task={resources.threads}", *gpus]
        self._options = [
            *wanted,
            f"--job-name={label}",
            f"--output={self._output(log)}",
            "--open-mode=append",
            "--no-requeue",
            *options,
        ]

    def ask(self, call: LeaderAddress) -> None:
        """Submit the job."""
        command = shlex.join(["srun", *self._step, *task_command(self.request_id, self._ranks, self._call)])
        log = "" if slurm.output_pattern(str(self.log)) else f"exec >>{shlex.quote(str(self.log))} 2>&1\n"
        script = f"#!/bin/sh\n{log}{slurm.shell_to_forget_wishes()}\nexec {command}\n"
        said = slurm.ask("sbatch", "--parsable", *self._options, given=script)
        self.number, self.state, self._code = said.strip().partition(";")[0], "PENDING", None

    @staticmethod
    def _output(log: Path) -> str:
        """What `--output` is told; where it cannot name the log, the script writes there itself."""
        return slurm.output_pattern(str(log)) or os.devnull

    def ended(self) -> int | None:
        """Its return code once the queue does not have it; 0 where that is not known."""
        if not self.state and self._code is None:
            self._code = self._exit_code()
        return None if self.state else self._code

    def _exit_code(self) -> int:
        exit_code, _, number = self._told("ExitCode").partition(":")
        if number.isdigit() and int(number):
            return -int(number)
        code = int(exit_code) if exit_code.isdigit() else 0
        return 128 - code if code > 128 else code

    def to_blame(self) -> bool:
        """Whether Slurm says that it failed by itself."""
        return self._told("JobState") in ("FAILED", "OUT_OF_MEMORY")

    def usable(self) -> bool:
        """Always: Slurm finds other nodes."""
        return True

    def waits(self) -> bool:
        """Whether it is pending."""
        return self.state in ("PENDING", "CONFIGURING")

    def cancel(self) -> None:
        """Cancel it."""
        if self.number and self.state:
            slurm.ask("scancel", self.number, check=False)

    def _told(self, key: str) -> str:
        told = slurm.ask("scontrol", "show", "job", self.number, check=False)
        return next((one.partition("=")[2] for one in told.split() if one.startswith(f"{key}=")), "")


def look_after(jobs: Sequence[Job], label: str) -> bool:
    """Ask the queue, once for all jobs, in which state they are; whether it answers, else they are as they were."""
    try:
        listed = slurm.ask("squeue", "-h", "--me", f"--name={label}", "-o", "%i %T")
    except LauncherError:
        return False
    states = slurm.pairs(listed)
    for job in jobs:
        job.state = states.get(job.number, "")
    return True


def bad_nodes(nodes: Sequence[str]) -> list[str]:
    """Those of these nodes that are down, or do not answer."""
    listed = slurm.ask("sinfo", "-h", "-N", "-n", ",".join(nodes), "-o", "%N %T", check=False)
    states = dict(line.split(maxsplit=1) for line in listed.splitlines() if " " in line)
    return [node for node in nodes if (state := states.get(node, "").lower()).startswith(_BAD) or state.endswith("*")]
