"""An experiment whose model is a program on two MPI ranks."""

import sys
from pathlib import Path

import yaml

from l2l import Trajectory

PROGRAM = """\
import sys
from mpi4py import MPI

world = MPI.COMM_WORLD
total = world.allreduce(float(sys.argv[1]) * (1 + world.Get_rank()))
if world.Get_rank() == 0:
    print(total)
"""


def program_on_ranks(folder: Path) -> Path:
    """An experiment of 12 trials in `folder/run`."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    command = {"name": "command", "command": [sys.executable, str(program), "{x}"]}
    experiment = {
        "optimizee": command | {"parameters": {"x": {"low": 0.0, "high": 1.0}}},
        "optimizer": {"name": "random", "population": 6},
        "stop": {"generations": 2},
        "resources": {"ranks": 2},
        "directory": str(folder / "run"),
    }
    file = folder / "experiment.yaml"
    file.write_text(yaml.safe_dump(experiment))
    return file


def check_program_on_ranks(folder: Path) -> None:
    """See that two ranks had a part in each result."""
    run = Trajectory(folder / "run")
    x = run.individuals["parameters/x"][run.trials["individual"]]
    assert len(run.trials) == 12
    assert run.trials["fitness/fitness"].tolist() == [one + 2 * one for one in x.tolist()]
