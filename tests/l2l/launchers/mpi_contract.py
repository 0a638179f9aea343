"""The contract of launchers for the launcher mpi: test_mpi.py runs this file under mpiexec."""

import sys

import pytest

from l2l.launcher import Launcher
from l2l.launchers.mpi import MPILauncher
from l2l.testing.launchers import LauncherContract


class TestMPI(LauncherContract):
    def launcher(self) -> Launcher:
        return MPILauncher()


if __name__ == "__main__":
    if not MPILauncher.detect():
        raise SystemExit("expected several ranks: mpiexec -n 3 python mpi_contract.py")
    if not MPILauncher.serve():
        sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--timeout", "120", __file__]))
