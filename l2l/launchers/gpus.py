"""The GPUs of this machine."""

import subprocess

from l2l.worker.process import visible_gpus


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
