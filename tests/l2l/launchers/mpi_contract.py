"""The contract of launchers for the launcher mpi: run under mpiexec by test_mpi.py, not found by pytest on its own."""

import sys

from l2l.launcher import Launcher
from l2l.launchers.mpi import MPILauncher
from l2l.testing.launchers import LauncherContract

if not MPILauncher.detect():
    raise RuntimeError("expected several ranks: mpiexec -n 3 python -m pytest …")
if MPILauncher.serve():
    sys.exit()


class TestMPI(LauncherContract):
    def launcher(self) -> Launcher:
        return MPILauncher()
