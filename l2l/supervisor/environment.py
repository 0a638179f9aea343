"""What surrounds supervisors and workers: signals, threads, GPUs, and no trace of MPI."""

import os
import signal
from collections.abc import Sequence

from l2l import mpi_variables


def leave_signals_to_leader() -> None:
    """Ignore what a terminal or a batch system sends to the whole job: the leader decides what becomes of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which workers would inherit


def visible_gpus() -> list[str] | None:
    """The GPUs that this process may use, as CUDA names them; None where its environment does not say."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if visible is None else [one.strip() for one in visible.split(",") if one.strip()]


def environment_of(threads: int, devices: Sequence[str] | None = None) -> dict[str, str]:
    """The environment of a worker: that of this process, with threads pinned, and without a trace of MPI.

    A library that takes itself for a rank of our job does what it should not: NEST ends its process.

    Args:
        threads: Threads of each trial.
        devices: The GPUs that it may use, as CUDA names them; None if trials use none.
    """
    # outside of a rank they are the user's wishes for programs that use MPI, and stay
    is_rank = any(name in os.environ for name in mpi_variables.RANK)
    hidden = (*mpi_variables.OF_STARTERS, *mpi_variables.WISHES) if is_rank else ()
    changed = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    for name in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "BLIS_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
        changed[f"{name}_THREADS"] = str(threads)
    changed |= {"OMP_WAIT_POLICY": "passive", "PYNEST_QUIET": "1", "PYTHONHASHSEED": "0", "L2L_WORKER": "1"}
    if devices is not None:
        changed["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
    return changed
