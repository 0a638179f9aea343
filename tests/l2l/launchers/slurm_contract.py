"""The contract of launchers for the launcher slurm: test_slurm.py runs this file within an allocation."""

import sys

import pytest

from l2l.launcher import Launcher
from l2l.launchers.slurm.launcher import SlurmLauncher
from l2l.testing.launchers import LauncherContract


class TestSlurm(LauncherContract):
    def launcher(self) -> Launcher:
        return SlurmLauncher(workers=2)


if __name__ == "__main__":
    if not SlurmLauncher.detect():
        raise SystemExit("expected an allocation: salloc -N 2 -n 4 python slurm_contract.py")
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--timeout", "120", __file__]))
