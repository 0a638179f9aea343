"""What a batch system starts on the nodes: a station that brings a worker to the leader, or one of a trial's ranks.

    python outpost.py ORIGIN [FILE] < CALL

The call, addresses and secret of the leader, comes from a file that only its user can read, or from standard input.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

try:
    import l2l  # noqa: F401 - as installed
except ImportError:  # run from a source tree that is on nobody's path
    sys.path.append(str(Path(__file__).absolute().parents[2]))

from l2l.batch import slurm
from l2l.display.output import complain
from l2l.errors import L2LError, LauncherError
from l2l.worker.group import serve_together
from l2l.worker.station import Station

PROGRAM = str(Path(__file__).absolute())


@dataclass(frozen=True, slots=True)
class Call:
    """Where a leader is, and by what it knows its own.

    Args:
        addresses: Where it listens.
        secret: Of the run.
        ranks: Of each trial.
    """

    addresses: list[str]
    secret: bytes
    ranks: int

    def text(self) -> str:
        """As it travels."""
        return json.dumps({"addresses": self.addresses, "secret": self.secret.hex(), "ranks": self.ranks})

    @classmethod
    def parse(cls, text: str) -> Self:
        """From its text."""
        said = json.loads(text)
        return cls([str(one) for one in said["addresses"]], bytes.fromhex(said["secret"]), int(said["ranks"]))

    def write(self, path: Path) -> None:
        """Write it to a new file that only we can read."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.text())


def main(arguments: Sequence[str]) -> int:
    """Serve until the leader says that it is over, or is gone; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the leader decides what becomes of a signal to the whole job
    origin = arguments[0]
    try:
        call = Call.parse(Path(arguments[1]).read_text() if len(arguments) > 1 else sys.stdin.read())
        if call.ranks == 1:
            slurm.forget_wishes()
            Station(call.addresses, call.secret, origin=origin).serve()
        else:
            _serve_as_rank(call, origin)
    except L2LError as error:
        complain(f"l2l: {error}")
        return 1
    return 0


def _serve_as_rank(call: Call, origin: str) -> None:
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    if world.Get_size() != call.ranks:
        raise LauncherError(
            f"{call.ranks} ranks were started together, but MPI finds {world.Get_size()}: mpi4py's MPI and Slurm do "
            "not know each other; give the launcher the option mpi: pmi2 (MPICH, Intel MPI) or pmix (Open MPI), as "
            "`srun --mpi=list` has it, and mpi4py for the site's MPI"
        )
    try:
        serve_together(world, call.addresses, call.secret, origin)
    except BaseException as error:  # noqa: BLE001 - the other ranks must not wait for us for ever
        complain(f"l2l: rank {world.Get_rank()}: {type(error).__name__}: {error}")
        world.Abort(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
