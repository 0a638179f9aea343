"""An experiment whose trials want two ranks each; test_mpi.py runs it under mpiexec."""

import sys

import l2l


@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(-5.0, 5.0)), stochastic=False)
def distances(individual: l2l.Individual, trial: l2l.Trial) -> float:
    """The squared distances of x to the number of each rank, each computed by its rank."""
    assert trial.comm is not None
    rank, x = trial.comm.Get_rank(), individual["x"]
    if x < -4.0:
        raise ValueError("all of us")
    parts = trial.comm.allgather((x - rank) ** 2)
    if x > 4.0 and rank == 1:
        raise ValueError("one of us")
    return float(sum(parts))


if __name__ == "__main__":
    experiment = l2l.Experiment(
        distances,
        {"name": "random", "population": 20},
        directory=sys.argv[1],
        stop={"generations": 2},
        resources={"ranks": 2},
    )
    experiment.run()
