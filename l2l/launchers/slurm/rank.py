"""One of the MPI ranks that simulate a trial together, as a program that Slurm starts.

    python -P l2l/launchers/slurm/rank.py REQUEST_ID [FILE] < ADDRESS

The arguments are those of a supervisor (`l2l/supervisor/__main__.py`), in whose place it stands.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

try:
    import l2l  # noqa: F401 - as installed
except ImportError:  # run from a source tree that is on nobody's path
    sys.path.append(str(Path(__file__).absolute().parents[3]))

from l2l.display.output import complain
from l2l.errors import L2LError, LauncherError
from l2l.protocol.messages import LeaderAddress
from l2l.supervisor.environment import leave_signals_to_leader
from l2l.worker.ranks import serve_together

PROGRAM = str(Path(__file__).absolute())


def main(arguments: Sequence[str]) -> int:
    """Serve until the leader says that the run is over, or is gone.

    Returns:
        The exit code.
    """
    leave_signals_to_leader()
    try:
        leader = LeaderAddress.given(arguments[1:])
        _serve(leader, arguments[0])
    except L2LError as error:
        complain(f"l2l: {error}")
        return 1
    return 0


def _serve(leader: LeaderAddress, request_id: str) -> None:
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    if world.Get_size() != leader.ranks:
        raise LauncherError(
            f"{leader.ranks} ranks were started together, but MPI finds {world.Get_size()}: mpi4py's MPI and Slurm do "
            "not know each other; give the launcher the option mpi: pmi2 (MPICH, Intel MPI) or pmix (Open MPI), as "
            "`srun --mpi=list` has it, and mpi4py for the site's MPI"
        )
    try:
        serve_together(world, leader.addresses, leader.secret, request_id)
    except BaseException as error:  # noqa: BLE001 - the other ranks must not wait for us for ever
        complain(f"l2l: rank {world.Get_rank()}: {type(error).__name__}: {error}")
        world.Abort(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
