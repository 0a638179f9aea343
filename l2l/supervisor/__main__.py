"""A supervisor as a program, which a batch system starts on the nodes.

    python -P l2l/supervisor/__main__.py REQUEST_ID [FILE] < ADDRESS

The leader's address comes from a file that only its user can read, or from standard input. REQUEST_ID says by which of
the leader's requests it was started.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

try:
    import l2l  # noqa: F401 - as installed
except ImportError:  # run from a source tree that is on nobody's path
    sys.path.append(str(Path(__file__).absolute().parents[2]))

from l2l.batch import slurm
from l2l.errors import L2LError
from l2l.protocol.messages import LeaderAddress
from l2l.supervisor.environment import leave_signals_to_leader
from l2l.supervisor.supervisor import Supervisor

PROGRAM = str(Path(__file__).absolute())


def main(arguments: Sequence[str]) -> int:
    """Supervise until the leader says that the run is over, or is gone.

    Returns:
        The exit code.
    """
    leave_signals_to_leader()
    try:
        leader = LeaderAddress.given(arguments[1:])
        slurm.forget_wishes()
        Supervisor(leader.addresses, leader.secret, request_id=arguments[0]).serve()
    except L2LError as error:
        from l2l.display.output import complain

        complain(f"l2l: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
