"""How a program is started on several MPI ranks of this machine."""

import shutil
import sys
from pathlib import Path

from l2l.errors import MissingPart


def mpiexec(ranks: int) -> list[str]:
    """The command prefix that starts a program on so many ranks: the `mpiexec` on the PATH, else this environment's.

    Raises:
        MissingPart: There is none.
    """
    found = shutil.which("mpiexec") or shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    if found is None:
        raise MissingPart("MPI (mpiexec)", "pip install 'l2l[mpi]', or load the site's module of MPI")
    return [found, "-n", str(ranks)]
