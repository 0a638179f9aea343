"""The experiment of brunel.yaml in Python."""

import l2l
from l2l.optimizees import BalancedNetwork
from l2l.optimizers import CMAES

experiment = l2l.Experiment(
    BalancedNetwork(target_rate=8.0, target_cv=0.8),
    {"name": CMAES, "population": 16},
    directory="runs/brunel",
    trials=2,
    seed=1,
    parameters={"g": 5.0, "eta": {"low": 0.8, "high": 3.0}},
    stop=l2l.Stop(generations=20, target=0.01),
)

if __name__ == "__main__":
    trajectory = experiment.run()
    print(trajectory.best["eta"], trajectory.best.fitness)
