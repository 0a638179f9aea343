"""Optimizees of the local launcher's tests, which its workers import by the name of this module."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from l2l.optimizee import Optimizee
from l2l.space import ParameterSpace, Real

SPACE = ParameterSpace(x=Real(0.0, 1000.0))


class Seen(Optimizee):
    """Reports the worker's surroundings: fitness is whether they are as they must be."""

    space = SPACE

    def __init__(self, *, directory: str = "", threads: int = 1) -> None:
        self.directory = directory
        self.threads = threads

    def simulate(self, individual, trial):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        assert all(os.environ[name] == str(self.threads) for name in names)
        assert trial.resources.threads == self.threads
        assert os.environ["L2L_WORKER"] == "1" and os.environ["OMP_WAIT_POLICY"] == "passive"
        assert os.environ["PYTHONHASHSEED"] == "0" and os.environ["PYNEST_QUIET"] == "1"
        assert Path.cwd() == Path(self.directory)
        assert sys.stdin.read() == ""
        assert os.getsid(0) == os.getpid()
        return 1.0


class Signalled(Optimizee):
    """Is sent signals, alone and as a program that it starts."""

    space = SPACE

    def simulate(self, individual, trial):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        program = subprocess.Popen(["sleep", "60"])
        program.terminate()
        return float(program.wait(10))


class Forks(Optimizee):
    """Forks copies of its process: some that live on, some that come back from the simulation."""

    space = SPACE

    def simulate(self, individual, trial):
        if os.fork() == 0:
            if individual["x"] < 1:
                return 7.0
            time.sleep(60)
        if individual["x"] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return individual["x"]


class Slow(Optimizee):
    """Takes x seconds."""

    space = SPACE

    def simulate(self, individual, trial):
        time.sleep(individual["x"])
        return individual["x"]


class Fickle(Optimizee):
    """Another one in each process, so that no worker takes it for the leader's."""

    space = SPACE
    revision = str(os.getpid())

    def simulate(self, individual, trial):
        return 0.0


class Prints(Optimizee):
    """Writes x megabytes to its log, some from outside Python."""

    space = SPACE

    def simulate(self, individual, trial):
        text = b"spike\n" * 10_000
        for _ in range(int(individual["x"] * 1e6 / len(text))):
            os.write(1, text)
        return individual["x"]


class Lingers(Optimizee):
    """Leaves a time bomb: its process dies between trials."""

    space = SPACE

    def setup(self):
        threading.Timer(0.3, lambda: os._exit(5)).start()

    def simulate(self, individual, trial):
        time.sleep(individual["x"])
        return individual["x"]


class TearsDown(Optimizee):
    """Notes its end in a file."""

    space = SPACE

    def __init__(self, *, note: str = "") -> None:
        self.note = note

    def simulate(self, individual, trial):
        time.sleep(individual["x"])
        return 0.0

    def teardown(self):
        Path(self.note).write_text("torn down")


class HoldsMemoryInAProgram(Optimizee):
    """Starts a program that holds x MB."""

    space = SPACE

    def simulate(self, individual, trial):
        code = f"import time; held = b'x' * {int(individual['x'])}_000_000; time.sleep(60)"
        subprocess.run([sys.executable, "-S", "-c", code], check=True)
        return 0.0


class TemporaryFolder(Optimizee):
    """Its fitness is whether its private folder, without a root, is there."""

    space = SPACE

    def simulate(self, individual, trial):
        (trial.directory / "file").write_text("content")
        Path(f"folder-{trial.index}").write_text(str(trial.directory))
        return 1.0
