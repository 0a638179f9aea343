"""Where and with what a run is computed."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def environment(sources: Mapping[str, str], folder: Path | None = None) -> dict[str, Any]:
    """Where and with what a segment of a run is computed, as plain data.

    Args:
        sources: Of the optimizee, as its fingerprint has them.
        folder: Whose git repository counts; the current one by default.
    """
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "started": time.time(),
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "gpus": _gpus(),
        "platform": platform.platform(),
        "command": sys.argv,
        "directory": str(Path.cwd()),
        "job": job_id(),
        "versions": versions(),
        "sources": dict(sources),
        **_git(folder or Path.cwd()),
    }


def versions() -> dict[str, str]:
    """Part → version, of those that decide bits."""
    from importlib import metadata

    found = {"python": platform.python_version()}
    for name in ("l2l", "numpy", "scipy", "h5py", "cma", "deap"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def job_id() -> str:
    """The batch system's number of this job, or ""."""
    for name in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"):
        if os.environ.get(name):
            return os.environ[name]
    return ""


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _gpus() -> list[str]:
    try:
        return sorted(path.name for path in Path("/proc/driver/nvidia/gpus").iterdir())
    except OSError:
        return []


def _git(folder: Path) -> dict[str, Any]:
    def said(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *words],
                capture_output=True,
                timeout=10,
                check=True,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.decode(errors="replace")

    commit = said("rev-parse", "HEAD")
    if commit is None:
        return {"commit": "", "dirty": False, "diff": ""}
    diff = said("diff", "HEAD") or ""
    return {"commit": commit.strip(), "dirty": bool(diff), "diff": diff[:1_000_000]}
