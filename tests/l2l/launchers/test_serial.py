import os
import signal
import sys
from pathlib import Path

from l2l.individual import Individual
from l2l.launcher import Launcher
from l2l.launchers.serial import SerialLauncher
from l2l.optimizee import Optimizee, optimizee
from l2l.space import ParameterSpace, Real
from l2l.testing.launchers import LauncherContract, trials_of
from l2l.testing.misbehaving import Misbehaving
from l2l.values import Resources, Trial


class TestSerial(LauncherContract):
    def launcher(self) -> Launcher:
        return SerialLauncher()


def test_it_leaves_the_process_alone(tmp_path):
    before = (Path.cwd(), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), sys.stdout, sys.stderr)
    environment = dict(os.environ)
    with SerialLauncher() as launcher:
        launcher.start(Misbehaving(), Resources(), tmp_path)
        launcher.describe()
        launcher.submit(trials_of(["well", "raises", "exits"]))
        while launcher.collect():
            pass
    after = (Path.cwd(), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), sys.stdout, sys.stderr)
    assert after == before
    assert dict(os.environ) == environment
    assert list(tmp_path.iterdir()) == []


def test_it_runs_what_no_other_process_could_find():
    class Local(Optimizee):
        space = ParameterSpace(x=Real(0.0, 1.0))

        def __init__(self, *, factor: float = 1.0) -> None:
            self.factor = factor

        def simulate(self, individual, trial):
            return self.factor * individual["x"]

    @optimizee(space=ParameterSpace(x=Real(0.0, 1.0)))
    def local(individual):
        return 3.0 * individual["x"]

    for model in (Local(factor=3.0), local):
        with SerialLauncher() as launcher:
            launcher.start(model, Resources())
            launcher.submit([Trial(Individual({"x": 0.5}))])
            assert [one.fitness for one in launcher.collect()] == [(1.5,)]


def test_it_builds_the_model_from_its_options_and_not_from_a_changed_object():
    model = Misbehaving()
    model.setup = None
    with SerialLauncher() as launcher:
        launcher.start(model, Resources())
        assert launcher.describe().version == "misbehaving 1"


def test_trials_get_the_resources_of_the_launcher():
    seen = []

    @optimizee(space=ParameterSpace(x=Real(0.0, 1.0)))
    def threads(individual, trial):
        seen.append(trial.resources.threads)
        return 0.0

    with SerialLauncher() as launcher:
        launcher.start(threads, Resources(threads=2))
        launcher.submit([Trial(Individual({"x": 0.5}))])
        launcher.collect()
    assert seen == [2]
