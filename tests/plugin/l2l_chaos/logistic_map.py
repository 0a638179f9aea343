"""The logistic map, x ← r x (1 - x), between order and chaos.

R. M. May: Simple mathematical models with very complicated dynamics. Nature 261 (1976), 459-467, doi:10.1038/261459a0.
"""

import math

import l2l
from l2l.errors import OptionError


class LogisticMap(l2l.Optimizee):
    """A population that limits its own growth, tuned to a Lyapunov exponent.

    The exponent is below 0 where the population settles, above 0 in chaos.

    Args:
        target: Lyapunov exponent to reach, per step.
        noise: Standard deviation of what chance adds to the population in each step.
        steps: Length of the orbit.

    Raises:
        OptionError: An option is out of range.
    """

    space = l2l.ParameterSpace(growth=l2l.Real(3.4, 4.0), start=l2l.Real(0.1, 0.9))
    objectives = (l2l.Minimize("exponent_error", unit="1/step"),)

    def __init__(self, *, target: float = 0.3, noise: float = 0.001, steps: int = 300) -> None:
        if steps < 1:
            raise OptionError(f"steps: expected 1 or more, got {steps}")
        if not noise >= 0.0:
            raise OptionError(f"noise: expected 0 or more, got {noise}")
        self.target = target
        self.noise = noise
        self.steps = steps
        self.stochastic = noise > 0.0
        self.observables = {"exponent": l2l.Observable(unit="1/step"), "orbit": l2l.Observable(shape=(steps,))}

    def simulate(self, individual: l2l.Individual, trial: l2l.Trial) -> l2l.Outcome:
        """One orbit; invalid where the population dies out."""
        growth, x = individual["growth"], individual["start"]
        chance = trial.rng.normal(scale=self.noise, size=self.steps)
        orbit: list[float] = []
        for kick in chance.tolist():
            x = growth * x * (1.0 - x) + kick
            if not 0.0 < x < 1.0:
                raise l2l.Invalid(f"the population died out in step {len(orbit)}")
            orbit.append(x)
        slopes = [abs(growth * (1.0 - 2.0 * x)) for x in orbit]
        exponent = math.fsum(math.log(max(slope, 1e-300)) for slope in slopes) / self.steps
        return l2l.Outcome(abs(exponent - self.target), {"exponent": exponent, "orbit": orbit})
