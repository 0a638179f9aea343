"""The launcher executor on processes, Dask and IPython parallel: the contract, whole runs, deaths, names."""

from l2l.launcher import Launcher
from l2l.launchers.executor import ExecutorLauncher
from l2l.testing.launchers import LauncherContract


class TestProcesses(LauncherContract):
    def launcher(self) -> Launcher:
        return ExecutorLauncher(executor="processes", workers=2)
