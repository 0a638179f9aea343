"""JUBE and Slurm by their command lines."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from l2l.batch import slurm
from l2l.errors import LauncherError, MissingPart
from l2l.files import open_log
from l2l.supervisor.reaper import Reaper

_OLDEST = (2, 5)
_LOOK = 2.0  # seconds between two questions to the queue: often enough for jobs that take minutes
_PATIENCE = 60.0  # seconds for a program of JUBE or Slurm to answer: a busy controller takes its time
_SLURM = "apt install slurm-client, or your site's module of it"
_DEAF = 'trap "" TERM INT HUP USR1; exec jube "$@"'
"""A batch system tells all processes of a job that it ends; what is to become of it the leader decides."""


def check_jube() -> str:
    """See that JUBE is there; its version.

    Raises:
        MissingPart: It is not.
        LauncherError: It is too old, or does not run.
    """
    said = _said(["jube", "--version"], MissingPart("JUBE", "apt install jube, or your site's module of it"))
    version = re.search(r"version (\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        raise LauncherError(f"jube --version: expected JUBE 2.5 or later, got: {said.strip()}")
    return said.partition("version")[2].strip()


def check_slurm() -> None:
    """See that Slurm's commands are there.

    Raises:
        MissingPart: They are not.
    """
    for program in ("sbatch", "squeue", "scancel"):
        if shutil.which(program) is None:
            raise MissingPart(f"Slurm's {program}", _SLURM)


def _said(command: Sequence[str], missing: MissingPart) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
            check=False,
            env=slurm.for_questions(),
        )
    except FileNotFoundError:
        raise missing from None
    except (OSError, subprocess.SubprocessError) as error:
        raise LauncherError(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        raise LauncherError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout + done.stderr


class Jube:
    """Starts JUBE, in sessions that a reaper ends with us.

    Args:
        environment: Of its processes, with the marker.
        reaper: Is told of them.
        log: Takes what they print.
    """

    def __init__(self, environment: Mapping[str, str], reaper: Reaper, log: Path) -> None:
        self._environment = environment
        self._reaper = reaper
        self.log = log

    def start(self, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `jube …` in a benchmark's folder.

        Raises:
            LauncherError: The system starts no process.
        """
        try:
            with open_log(self.log) as log:
                process = subprocess.Popen(
                    ["sh", "-c", _DEAF, "sh", *arguments],
                    cwd=folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise LauncherError(f"jube {' '.join(arguments)}: cannot be started: {error}") from error
        self._reaper.watch(process.pid)
        return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        """Take note that a process was reaped."""
        self._reaper.forget(process.pid)


class Queue:
    """Our batch jobs, known by how their names begin.

    Args:
        prefix: That.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._looked = 0.0
        self._looks = 0
        self._absent: dict[str, int] = {}

    def jobs(self) -> dict[str, str]:
        """Number → name of those that wait or run.

        Raises:
            LauncherError: Slurm does not say.
        """
        command = ["squeue", "--noheader", f"--user={os.getuid()}", "--format=%i %j"]
        said = _said(command, MissingPart("Slurm's squeue", _SLURM))
        pairs = (line.split(maxsplit=1) for line in said.splitlines() if line.strip())
        return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[1].startswith(self._prefix + "-")}

    def gone(self, names: Sequence[str]) -> set[str]:
        """Of these jobs, those that were neither waiting nor running at two looks; looks every two seconds at most."""
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            try:
                there = set(self.jobs().values())
            except LauncherError:
                return set()  # the controller is busy or restarts: nobody knows, so nothing is gone
            self._absent = {name: self._absent.get(name, 0) + 1 for name in names if name not in there}
        return {name for name, looks in self._absent.items() if looks > 1 and name in names}

    def cancel(self) -> None:
        """End all of them, and wait for that.

        Raises:
            LauncherError: Some do not end.
        """
        deadline = time.monotonic() + _PATIENCE
        told: set[str] = set()
        while left := self.jobs():
            if new := left.keys() - told:
                told |= new
                # a job that ended meanwhile is no error
                slurm.ask("scancel", *sorted(new), check=False)
            if time.monotonic() > deadline:
                raise LauncherError(
                    f"batch jobs {', '.join(sorted(left))} do not end; end them with scancel, and resume"
                )
            time.sleep(0.2)
