"""A scan from coarse to fine: what the FitzHugh-Nagumo neuron does over input current and recovery. It takes a minute.

l2l run experiments/05-scan.py
l2l plot runs/05-scan map --value regime
"""

import math

import l2l

STEP = 0.2  # of the unit time of the model; the fourth-order method is accurate to four digits with it
SETTLING, MEASURED = 1000, 2000  # steps before anything is counted, and steps in which it is
SWING = 1.0  # from trough to peak; a spike has 4, the ripple of a state that still settles less than 0.1

space = l2l.ParameterSpace(
    current=l2l.Real(0.0, 2.0),
    recovery=l2l.Real(0.2, 1.8),
)


def slope(v: float, w: float, current: float, recovery: float) -> tuple[float, float]:
    """How fast voltage and recovery variable change: FitzHugh (1961), doi:10.1016/S0006-3495(61)86902-6."""
    return v - v**3 / 3.0 - w + current, 0.08 * (v + 0.7 - recovery * w)


def advanced(v: float, w: float, current: float, recovery: float) -> tuple[float, float]:
    """The state a step later, by the classical Runge-Kutta method."""
    v1, w1 = slope(v, w, current, recovery)
    v2, w2 = slope(v + 0.5 * STEP * v1, w + 0.5 * STEP * w1, current, recovery)
    v3, w3 = slope(v + 0.5 * STEP * v2, w + 0.5 * STEP * w2, current, recovery)
    v4, w4 = slope(v + STEP * v3, w + STEP * w3, current, recovery)
    return v + STEP * (v1 + 2.0 * (v2 + v3) + v4) / 6.0, w + STEP * (w1 + 2.0 * (w2 + w3) + w4) / 6.0


@l2l.optimizee(
    space=space,
    objectives=(),
    observables={"regime": l2l.Observable(dtype=int), "rate": l2l.Observable()},
)
def neuron(individual: l2l.Individual, trial: l2l.Trial) -> l2l.Outcome:
    """Its regime (0 at rest, 1 spiking, 2 depolarized), and spikes per 100 units of time."""
    current, recovery = individual["current"], individual["recovery"]
    v, w = -1.2, -0.6
    for _ in range(SETTLING):
        v, w = advanced(v, w, current, recovery)
    low, high, spikes = math.inf, -math.inf, 0
    for _ in range(MEASURED):
        before = v
        v, w = advanced(v, w, current, recovery)
        low, high = min(low, v), max(high, v)
        spikes += before < 0.5 <= v
    regime = 1 if high - low > SWING else 2 if v > 0.0 else 0
    rate = 100.0 * spikes / (MEASURED * STEP) if regime == 1 else 0.0
    return l2l.Outcome(observables={"regime": regime, "rate": rate})


experiment = l2l.Experiment(
    neuron,
    {
        "name": "refine",
        "start": 5,
        "finest": 129,
        "where": [{"boundary": "regime"}],
        "explore": 0.1,
        "samples": 1200,
        "population": 50,
    },
    directory="runs/05-scan",
    seed=1,
)

if __name__ == "__main__":
    experiment.run()
