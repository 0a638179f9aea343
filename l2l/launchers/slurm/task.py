"""What a batch system starts on the nodes: a supervisor that brings a worker to the leader, or one of a trial's ranks.

    python task.py REQUEST_ID [FILE] < ADDRESS

The call, addresses and secret of the leader, comes from a file that only its user can read, or from standard input.
"""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

try:
    import l2l  # noqa: F401 - as installed
except ImportError:  # run from a source tree that is on nobody's path
    sys.path.append(str(Path(__file__).absolute().parents[3]))

from l2l.batch import slurm
from l2l.display.output import complain
from l2l.errors import L2LError, LauncherError
from l2l.protocol.messages import LeaderAddress
from l2l.supervisor.supervisor import Supervisor
from l2l.worker.ranks import serve_together

PROGRAM = str(Path(__file__).absolute())


def main(arguments: Sequence[str]) -> int:
    """Serve until the leader says that it is over, or is gone; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the leader decides what becomes of a signal to the whole job
    request_id = arguments[0]
    try:
        call = LeaderAddress.parse(Path(arguments[1]).read_text() if len(arguments) > 1 else sys.stdin.read())
        if call.ranks == 1:
            slurm.forget_wishes()
            Supervisor(call.addresses, call.secret, request_id=request_id).serve()
        else:
            _serve_as_rank(call, request_id)
    except L2LError as error:
        complain(f"l2l: {error}")
        return 1
    return 0


def _serve_as_rank(call: LeaderAddress, request_id: str) -> None:
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    if world.Get_size() != call.ranks:
        raise LauncherError(
            f"{call.ranks} ranks were started together, but MPI finds {world.Get_size()}: mpi4py's MPI and Slurm do "
            "not know each other; give the launcher the option mpi: pmi2 (MPICH, Intel MPI) or pmix (Open MPI), as "
            "`srun --mpi=list` has it, and mpi4py for the site's MPI"
        )
    try:
        serve_together(world, call.addresses, call.secret, request_id)
    except BaseException as error:  # noqa: BLE001 - the other ranks must not wait for us for ever
        complain(f"l2l: rank {world.Get_rank()}: {type(error).__name__}: {error}")
        world.Abort(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
