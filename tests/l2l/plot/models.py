"""Optimizees of the runs that the tests of pictures draw."""

import numpy as np

import l2l

MIXED = l2l.ParameterSpace(
    x=l2l.Real(0.0, 4.0, unit="mV"),
    y=l2l.Real(0.1, 100.0, log=True, unit="Hz"),
    kind=l2l.Categorical("alpha", "exp", None),
    n=l2l.Integer(1, 20),
    extra=l2l.Real(0.0, 1.0, when="kind == 'exp'", unit="nS"),
)


@l2l.optimizee(
    space=MIXED,
    objectives=[l2l.Minimize("cost", unit="mV"), l2l.Maximize("gain", unit="spikes/s")],
    observables={
        "trace": l2l.Observable((20,), unit="mV"),
        "rate": l2l.Observable(unit="spikes/s"),
        "spikes": l2l.Observable(ragged=True, unit="ms"),
        "events": l2l.Observable((2,), ragged=True),
        "image": l2l.Observable((3, 4)),
        "regime": l2l.Observable(dtype=int),
        "large": l2l.Observable(dtype=bool),
    },
)
def mixed(individual: l2l.Individual, trial: l2l.Trial) -> l2l.Outcome:
    x, y = individual["x"], individual["y"]
    if x > 3.5:
        raise l2l.Invalid(f"diverged at {x:.3f} ms")
    noise = trial.rng.normal(0.0, 0.05)
    fitness = {"cost": x**2 + 0.3 * individual["extra"] + noise, "gain": 100.0 - 20.0 * (x - 2.0) ** 2 + noise}
    return l2l.Outcome(
        fitness,
        {
            "trace": x * np.linspace(0.0, 1.0, 20),
            "rate": y,
            "spikes": np.arange(int(5 * x)) * 3.0,
            "events": np.arange(6.0).reshape(3, 2),
            "image": np.full((3, 4), x),
            "regime": int(x > 1.0) + int(y > 5.0),
            "large": x > 2.0,
        },
    )


@l2l.optimizee(
    space=l2l.ParameterSpace(a=l2l.Real(0.0, 1.0), b=l2l.Real(0.0, 1.0)),
    objectives=[l2l.Minimize("f1"), l2l.Minimize("f2", unit="ms"), l2l.Maximize("f3"), l2l.Minimize("f4")],
)
def four(individual: l2l.Individual, trial: l2l.Trial) -> tuple[float, float, float, float]:
    a, b = individual["a"], individual["b"]
    return a, 1.0 - a, b, (b - 0.5) ** 2


@l2l.optimizee(
    space=l2l.ParameterSpace(a=l2l.Real(0.0, 1.0), b=l2l.Real(0.0, 1.0), c=l2l.Real(0.0, 1.0)),
    objectives=[l2l.Minimize("f1"), l2l.Minimize("f2", unit="ms"), l2l.Maximize("f3")],
)
def three(individual: l2l.Individual, trial: l2l.Trial) -> tuple[float, float, float]:
    a, b, c = (individual[name] for name in "abc")
    return a + c, b + c, a + b


@l2l.optimizee(
    space=l2l.ParameterSpace(w=l2l.Real(-1.0, 1.0, shape=300, unit="nS"), bias=l2l.Real(-1.0, 1.0)),
    observables={"spectrum": l2l.Observable((2000,))},
)
def weights(individual: l2l.Individual, trial: l2l.Trial) -> l2l.Outcome:
    return l2l.Outcome(float(individual["bias"] ** 2), {"spectrum": np.resize(individual["w"], 2000)})


@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))
def failing(individual: l2l.Individual, trial: l2l.Trial) -> float:
    if individual["x"] > 0.5:
        raise l2l.Invalid("silent")
    raise RuntimeError(f"NaN in neuron {int(individual['x'] * 1000)}")


@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0, unit="s")))
def one(individual: l2l.Individual, trial: l2l.Trial) -> float:
    return float((individual["x"] - 0.3) ** 2)


@l2l.optimizee(
    space=l2l.ParameterSpace(rule=l2l.Categorical("stdp", "none", "triplet"), plastic=l2l.Categorical(True, False))
)
def categories(individual: l2l.Individual, trial: l2l.Trial) -> float:
    return float({"stdp": 1.0, "none": 2.0, "triplet": 0.5}[individual["rule"]] + individual["plastic"])


@l2l.optimizee(
    space=l2l.ParameterSpace(x=l2l.Real(0.0, 3.0, unit="ms"), y=l2l.Real(1.0, 1000.0, log=True)),
    observables={"rate": l2l.Observable(unit="Hz"), "output": l2l.Observable((3,), unit="mV")},
)
def surface(individual: l2l.Individual, trial: l2l.Trial) -> l2l.Outcome:
    if individual["x"] > 2.9 and individual["y"] > 900.0:
        raise l2l.Invalid("too fast")
    value = individual["x"] + np.log10(individual["y"])
    return l2l.Outcome(value, {"rate": 10.0 * value, "output": individual["x"] * np.array([1.0, 2.0, 3.0])})


@l2l.optimizee(
    space=l2l.ParameterSpace({"a price of $5 and $6": l2l.Real(0.0, 1.0), "л" * 60: l2l.Real(0.0, 1.0, unit="µV")}),
    objectives=l2l.Minimize("loss % of {all}"),
)
def odd_names(individual: l2l.Individual, trial: l2l.Trial) -> float:
    return float(individual["a price of $5 and $6"])
