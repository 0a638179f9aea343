"""What experiments whose trials have two MPI ranks came to, and one whose model is a program on these."""

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
    """An experiment of 6 trials in `folder/run`."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    command = {"name": "command", "command": [sys.executable, str(program), "{x}"]}
    experiment = {
        "optimizee": command | {"parameters": {"x": {"low": 0.0, "high": 1.0}}},
        "optimizer": {"name": "random", "population": 3},
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
    assert len(run.trials) == 6
    assert run.trials["fitness/fitness"].tolist() == [one + 2 * one for one in x.tolist()]


def check_groups(folder: Path) -> None:
    """See that both ranks had a part in each result of `mpi_groups.py`, and that the errors of both are told."""
    run = Trajectory(folder)
    assert len(run.trials) == 40
    assert {int(one) for one in run.trials["ranks"]} == {2}
    messages = [str(one) for one in run.failures["message"]]
    assert any(one == "ValueError: all of us" for one in messages)
    assert any(one == "rank 1: ValueError: one of us" for one in messages)
    ok = run.trials["status"] == 0
    x = run.individuals["parameters/x"][run.trials["individual"][ok]]
    assert run.trials["fitness/fitness"][ok].tolist() == (x**2 + (x - 1) ** 2).tolist()
