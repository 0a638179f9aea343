import l2l
from l2l.testing.launchers import LauncherContract
from l2l_chaos.threads import ThreadsLauncher


class TestThreads(LauncherContract):
    def launcher(self) -> l2l.Launcher:
        return ThreadsLauncher(workers=2)
