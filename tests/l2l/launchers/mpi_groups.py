"""Experiments whose trials want two ranks each; test_mpi.py runs it under mpiexec, test_slurm.py in an allocation.

python mpi_groups.py FOLDER [LAUNCHER [bad | deadly]]
"""

import os
import signal
import sys
import time

import l2l


class Distances(l2l.Optimizee):
    """The squared distances of x to the number of each rank, each computed by its rank."""

    space = l2l.ParameterSpace(x=l2l.Real(-5.0, 5.0))
    objectives = (l2l.Minimize("fitness"),)
    stochastic = False

    def simulate(self, individual: l2l.Individual, trial: l2l.Trial) -> float:
        assert trial.comm is not None
        rank, x = trial.comm.Get_rank(), individual["x"]
        if x < -4.0:
            raise ValueError("all of us")
        (trial.directory / f"rank-{rank}").touch()
        parts = trial.comm.allgather((x - rank) ** 2)
        assert len([*trial.directory.iterdir()]) == len(parts), "the ranks share the trial's folder"
        if x > 4.0 and rank == 1:
            raise ValueError("one of us")
        return float(sum(parts))

    def teardown(self) -> None:
        raise RuntimeError("what is raised when all is done costs nothing")


@l2l.optimizee(space=l2l.ParameterSpace(n=l2l.Integer(0, 5)), stochastic=False)
def deadly(individual: l2l.Individual, trial: l2l.Trial) -> float:
    """The number of ranks; one rank dies at 3."""
    assert trial.comm is not None
    if individual["n"] == 3 and trial.comm.Get_rank() == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    return float(trial.comm.allreduce(1))


@l2l.optimizee(space=l2l.ParameterSpace(n=l2l.Integer(0, 11)), stochastic=False)
def bad(individual: l2l.Individual, trial: l2l.Trial) -> float:
    """The number of ranks; one rank dies at 3, and all hang at 7."""
    assert trial.comm is not None
    if individual["n"] == 3 and trial.comm.Get_rank() == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    if individual["n"] == 7:
        time.sleep(1000)
    return float(trial.comm.allreduce(1))


if __name__ == "__main__":
    folder, launcher = sys.argv[1], sys.argv[2] if sys.argv[2:] else "auto"
    if sys.argv[3:] == ["bad"]:
        experiment = l2l.Experiment(
            bad,
            {"name": "grid", "points": 12},
            directory=folder,
            launcher={"name": launcher, "mpi": "pmi2"},
            resources={"ranks": 2, "timeout": 3},
        )
    elif sys.argv[3:] == ["deadly"]:
        grid = {"name": "grid", "points": 6}
        experiment = l2l.Experiment(deadly, grid, directory=folder, launcher=launcher, resources={"ranks": 2})
    else:
        experiment = l2l.Experiment(
            Distances(),
            {"name": "random", "population": 20},
            directory=folder,
            launcher={"name": launcher, "mpi": "pmi2"} if launcher == "slurm" else launcher,
            stop={"generations": 2},
            resources={"ranks": 2},
        )
    experiment.run()
