"""What this machine has for trials: cores, by affinity and by the quota of the control group, GPUs, and `mpiexec`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from l2l.errors import MissingPart, OptionError
from l2l.supervisor.environment import visible_gpus
from l2l.values import Resources


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that this process may use at once, at least 1.

    Args:
        root: Of the file system that holds `proc` and `sys`.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([cores, *_quotas(root)])))


def workers_here(threads: int, ranks: int = 1) -> int:
    """Workers for which this machine has cores, at least 1.

    Args:
        threads: Threads of each rank.
        ranks: Ranks of each trial.
    """
    return max(1, usable_cores() // (threads * ranks))


def crowded(workers: int, resources: Resources) -> str:
    """A sentence where so many workers want more cores than this process may use; "" where they do not."""
    wanted, cores = workers * resources.threads * resources.ranks, usable_cores()
    if wanted <= cores:
        return ""
    each = f" with {resources.threads * resources.ranks} cores each" if wanted > workers else ""
    plural = "workers share" if workers > 1 else "worker has"
    return f"{workers} {plural} {cores} core{'s' * (cores > 1)}{each}, so that each trial takes longer"


def _quotas(root: Path) -> Iterator[float]:
    """The quotas, in cores, of the control groups that this process is in."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, read = root / "sys/fs/cgroup", _quota_v2
        elif "cpu" in controllers.split(","):
            base, read = root / "sys/fs/cgroup/cpu", _quota_v1
        else:
            continue
        group = base / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(base) and (quota := read(folder)):
                yield quota


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        return None if quota <= 0 else quota / int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError, ZeroDivisionError):
        return None


MOST_WORKERS = 10_000
"""More than any launcher here feeds; without a limit a slip of the finger fills the machine with processes."""


def check_workers(launcher: str, workers: int | None) -> None:
    """Refuse a number of workers that cannot be; None is as many as fit.

    Raises:
        OptionError: It is out of range.
    """
    if workers is not None and workers < 1:
        raise OptionError(f"{launcher}: option 'workers': expected at least 1, got {workers}")
    if workers is not None and workers > MOST_WORKERS:
        raise OptionError(f"{launcher}: option 'workers': expected at most {MOST_WORKERS:,}, got {workers:,}")


def gpus_here() -> list[str]:
    """The GPUs that this process may use, as CUDA names them."""
    visible = visible_gpus()
    if visible is not None:
        return visible
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, _ in enumerate(line for line in listed.splitlines() if line.startswith("GPU "))]


def gpu_shares(
    devices: Sequence[str], each: int, *, least: int, what: str, where: str = "", remedy: str = ""
) -> list[list[str]]:
    """Equal shares of GPUs, as many as there are.

    Args:
        devices: The GPUs, as CUDA names them.
        each: GPUs per share.
        least: Shares that are needed.
        what: Who gets them, for the message ("worker(s)").
        where: Where the devices are listed, for the message ("in CUDA_VISIBLE_DEVICES").
        remedy: The end of the message.

    Raises:
        OptionError: There are fewer shares than are needed.
    """
    if least * each > len(devices):
        need = f"{least * each} {where}".rstrip()
        raise OptionError(
            f"resources.gpus: {least} {what} with {each} GPU(s) each need {need}, got {len(devices)}{remedy}"
        )
    return [list(devices[first : first + each]) for first in range(0, len(devices) - each + 1, each)]


def mpiexec(ranks: int) -> list[str]:
    """The command prefix that starts a program on so many ranks: the `mpiexec` on the PATH, else this environment's.

    Raises:
        MissingPart: There is none.
    """
    found = shutil.which("mpiexec") or shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    if found is None:
        raise MissingPart("MPI (mpiexec)", "pip install 'l2l[mpi]', or load the site's module of MPI")
    return [found, "-n", str(ranks)]
