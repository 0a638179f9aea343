"""A Python function as optimizee, and the results in Python. Run it as a script, or with `l2l run`."""

import l2l

space = l2l.ParameterSpace(x=l2l.Real(-5.0, 5.0), y=l2l.Real(-5.0, 5.0))


@l2l.optimizee(space=space, objectives=l2l.Minimize("distance"))
def bowl(individual: l2l.Individual, trial: l2l.Trial) -> float:
    """The squared distance from (1, -2), measured with some noise."""
    return (individual["x"] - 1.0) ** 2 + (individual["y"] + 2.0) ** 2 + 0.01 * abs(trial.rng.normal())


experiment = l2l.Experiment(
    bowl, "cma-es", directory="runs/02-bowl", trials=4, seed=1, stop=l2l.Stop(generations=100, target=0.01)
)

if __name__ == "__main__":
    best = experiment.run().best
    print(f"x = {best['x']:.3f}, y = {best['y']:.3f}, distance {best.fitness:.2g}")
