import pytest

from l2l.launcher import Launcher
from l2l.launchers.jube import JubeLauncher
from l2l.testing.launchers import LauncherContract


@pytest.mark.slow
class TestJube(LauncherContract):
    def launcher(self) -> Launcher:
        return JubeLauncher(workers=2)
