"""What a batch system gives the job that this process runs in: until when it lives."""

import os
import re
import subprocess
import time

from l2l.batch import slurm

_PATIENCE = 20.0
_UNITS = (1.0, 60.0, 3600.0, 86400.0)


def job_end() -> float | None:
    """When our job is ended by its batch system (Unix seconds); None outside a job, and where nobody says.

    `L2L_JOB_END` says it where it is set, as `l2l submit` does; else Slurm, PBS (OpenPBS, Torque) or LSF are asked.
    """
    for name in ("L2L_JOB_END", "SLURM_JOB_END_TIME"):
        said = os.environ.get(name, "")
        if re.fullmatch(r"\d+(\.\d*)?", said) and float(said) > 0:
            return float(said)
    left = _time_left()
    return None if left is None else time.time() + left


def _time_left() -> float | None:
    if job := slurm.own_job():
        return of_slurm(_asked("squeue", "-h", "-j", job, "-o", "%L"))
    if job := os.environ.get("PBS_JOBID", ""):
        return of_pbs(_asked("qstat", "-f", job))
    if job := os.environ.get("LSB_JOBID", ""):
        element = os.environ.get("LSB_JOBINDEX", "0")  # the elements of an array have one number in common
        return of_lsf(_asked("bjobs", "-noheader", "-o", "time_left", job if element == "0" else f"{job}[{element}]"))
    return None


def of_slurm(said: str) -> float | None:
    """Seconds that are left, as `squeue -o %L` says them: `1-02:03:04`, `3:04`, `UNLIMITED`.

    Example:
        >>> of_slurm("1-00:00:10"), of_slurm("UNLIMITED")
        (86410.0, None)
    """
    found = re.fullmatch(r"(?:(\d+)-)?((?:\d+:)*\d+)", said.strip())
    if not found:
        return None
    return 86400.0 * int(found[1] or 0) + _clock(found[2])


def of_pbs(said: str) -> float | None:
    """Seconds that are left, as `qstat -f` has what was asked for and what was used.

    Example:
        >>> of_pbs("Resource_List.walltime = 01:00:00")
        3600.0
    """
    values = dict(
        re.findall(r"^\s*(Resource_List\.walltime|resources_used\.walltime) = ([\d:]+)\s*$", said, re.MULTILINE)
    )
    if "Resource_List.walltime" not in values:
        return None
    return _clock(values["Resource_List.walltime"]) - _clock(values.get("resources_used.walltime", "0"))


def of_lsf(said: str) -> float | None:
    """Seconds that are left, as `bjobs -o time_left` says them: hours and minutes, and by which limit.

    Only a run limit (L) ends the job, its estimated time (E, or X where that is over) does not.

    Example:
        >>> of_lsf("1:30 L"), of_lsf("0:10 E"), of_lsf("-")
        (5400.0, None, None)
    """
    found = re.fullmatch(r"(\d+):(\d+)(?: L)?", said.strip())
    return 3600.0 * int(found[1]) + 60.0 * int(found[2]) if found else None


def _clock(text: str) -> float:
    return sum(unit * int(part) for unit, part in zip(_UNITS, reversed(text.split(":")), strict=False))


def _asked(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False, env=slurm.for_questions()
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
