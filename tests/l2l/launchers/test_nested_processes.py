import pytest

from l2l.individual import Individual
from l2l.launchers.local import LocalLauncher
from l2l.plugin import Reference
from l2l.testing.launchers import collected
from l2l.values import Resources, Status, Trial

MODEL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import helper

import l2l


def square(x):
    return helper.square(x)


class Nested(l2l.Optimizee):
    space = l2l.ParameterSpace(how=l2l.Categorical("fork", "spawn", "forkserver", "executor"))

    def simulate(self, individual, trial):
        how = individual["how"]
        if how == "executor":
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                return pool.submit(square, 3.0).result()
        with multiprocessing.get_context(how).Pool(1) as pool:
            return pool.map(square, [3.0])[0]
"""


@pytest.mark.parametrize("file", ["my_model.py", "my-model.py"])
def test_a_model_in_a_file_starts_processes_by_every_method(tmp_path, file):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / file).write_text(MODEL)
    (folder / "helper.py").write_text("def square(x):\n    return x * x\n")
    model = Reference.parse(f"{file}:Nested", folder).load()()
    ways = ["fork", "spawn", "forkserver", "executor"]
    trials = [Trial(Individual({"how": how}), index=place) for place, how in enumerate(ways)]
    with LocalLauncher(workers=2) as launcher:
        launcher.start(model, Resources(timeout=60.0), tmp_path / "run")
        launcher.submit(trials)
        found = collected(launcher, len(trials), 100.0)
    assert {one.status for one in found.values()} == {Status.OK}, found
    assert {one.fitness for one in found.values()} == {(9.0,)}
