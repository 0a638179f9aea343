"""The sparse network of excitatory and inhibitory neurons of Brunel (2000), simulated by NEST.

N. Brunel (2000), Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons, Journal of
Computational Neuroscience 8, doi:10.1023/A:1008925309027. Synchrony: D. Golomb and J. Rinzel (1994), Clustering in
globally coupled inhibitory neurons, Physica D 72, doi:10.1016/0167-2789(94)90214-3.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from l2l.errors import Invalid, OptionError
from l2l.individual import Individual
from l2l.optimizees.nest import NestOptimizee
from l2l.optimizees.simulator import check_number, check_on_grid
from l2l.space import ParameterSpace, Real
from l2l.values import Minimize, Observable, Outcome, Trial

BIN = 2.0
"""Width in milliseconds of the bins of the population count from which synchrony is computed."""


class BalancedNetwork(NestOptimizee):
    """Brunel's sparse balanced network in NEST, tuned to a firing rate, irregularity and synchrony.

    Each neuron (`iaf_psc_delta`) receives `epsilon * n_excitatory` excitatory synapses of weight `J`, a quarter as
    many inhibitory ones of weight `-g * J`, and Poisson input of weight `J` whose mean is `eta` times what would
    just bring it to threshold. The default network is a small one, of 500 neurons.

    Parameters: `g` relative strength of inhibition, `eta` external drive, `J` synaptic weight in mV, `delay` in ms
    (rounded to the resolution by NEST). Observables, over all neurons after the warm-up: `rate` in spikes/s; `cv` of
    the inter-spike intervals, their pooled deviation within neurons over their mean (NaN where no neuron fired three
    times); `synchrony`, Golomb and Rinzel's chi of spike counts in bins of 2 ms: 1 / sqrt(neurons) for independent
    neurons, 1 for identical ones.

    Individuals of one seed have the same connections and initial potentials, and the same Poisson input where `eta` and
    `J` make its rate the same.

    The fitness `error` is the mean of ((value - target) / target)**2 over the targets that are given. A network that
    does not fire, or fires beyond `max_rate`, is invalid.

    Args:
        target_rate: In spikes/s; None leaves the rate out of the fitness.
        target_cv: Of the inter-spike intervals; None leaves it out.
        target_synchrony: Between 0 and 1; None leaves it out.
        separate: One objective for each target (`rate_error`, `cv_error`, `synchrony_error`), not their mean.
        n_excitatory: Number of excitatory neurons; there are a quarter as many inhibitory ones.
        epsilon: Connection probability: the share of either population that each neuron receives synapses from.
        tau_m: Membrane time constant, ms.
        t_ref: Refractory time, ms, whole time steps, as are `duration` and `warmup`.
        V_th: Threshold above rest, mV.
        V_reset: Reset potential above rest, mV.
        duration: Recorded time, ms.
        warmup: Time before that, ms.
        resolution: Time step, ms.
        max_rate: Beyond this mean rate, in spikes/s over 20 ms, the network is exploding and given up.

    Raises:
        OptionError: A number is out of range, or no target is given.

    Example:
        >>> BalancedNetwork(target_rate=5.0, target_cv=None).space["g"].high
        8.0
    """

    observables: Mapping[str, Observable] = {
        "rate": Observable(unit="spikes/s"),
        "cv": Observable(),
        "synchrony": Observable(),
    }

    def __init__(
        self,
        *,
        target_rate: float | None = 8.0,
        target_cv: float | None = 0.8,
        target_synchrony: float | None = None,
        separate: bool = False,
        n_excitatory: int = 400,
        epsilon: float = 0.2,
        tau_m: float = 20.0,
        t_ref: float = 2.0,
        V_th: float = 20.0,
        V_reset: float = 10.0,
        duration: float = 1000.0,
        warmup: float = 200.0,
        resolution: float = 0.1,
        max_rate: float = 250.0,
    ) -> None:
        targets = {"rate": target_rate, "cv": target_cv, "synchrony": target_synchrony}
        self.targets = {name: float(target) for name, target in targets.items() if target is not None}
        if not self.targets:
            raise OptionError("BalancedNetwork: expected at least one of target_rate, target_cv, target_synchrony")
        for name, target in self.targets.items():
            check_number(self, f"target_{name}", target, above=0.0)
        for name, number, above in (
            ("n_excitatory", n_excitatory, 3),
            ("tau_m", tau_m, 0.0),
            ("t_ref", t_ref, 0.0),
            ("V_th", V_th, max(V_reset, 0.0)),
            ("duration", duration, BIN),
            ("max_rate", max_rate, 0.0),
        ):
            check_number(self, name, number, above=above)
        check_number(self, "epsilon", epsilon, above=0.0, most=1.0)
        check_number(self, "warmup", warmup, least=0.0)
        check_number(self, "resolution", resolution, above=0.0, most=0.5)
        self.separate = separate
        names = [f"{name}_error" for name in self.targets] if separate else ["error"]
        self.objectives = tuple(map(Minimize, names))
        self.space = ParameterSpace(
            g=Real(3.0, 8.0, default=5.0),
            eta=Real(0.5, 4.0, default=2.0),
            J=Real(0.1, 1.0, log=True, unit="mV"),
            delay=Real(0.5, 5.0, unit="ms", default=1.5),
        )
        self.n_excitatory, self.n_inhibitory = n_excitatory, n_excitatory // 4
        self.epsilon = epsilon
        self.neuron = {"E_L": 0.0, "C_m": 1.0, "tau_m": tau_m, "t_ref": t_ref, "V_th": V_th, "V_reset": V_reset}
        self.resolution = float(resolution)
        check_on_grid(self, "t_ref", t_ref, resolution)
        self.steps = check_on_grid(self, "duration", duration, resolution)
        self.warmup_steps = check_on_grid(self, "warmup", warmup, resolution)
        self.max_rate = max_rate

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.n_excitatory + self.n_inhibitory

    def build(self) -> None:
        """Neurons at random potentials, without synapses, a source of noise and a recorder."""
        nest = self.nest
        self.population = nest.Create("iaf_psc_delta", self.neurons, params=self.neuron)
        self.population.V_m = nest.random.uniform(0.0, self.neuron["V_th"])
        self.noise = nest.Create("poisson_generator")
        self.recorder = nest.Create("spike_recorder")

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Set the drive and connect the network."""
        nest, neurons, neuron = self.nest, self.population, self.neuron
        g, eta, J, delay = (individual[name] for name in ("g", "eta", "J", "delay"))
        threshold_rate = neuron["V_th"] / (J * neuron["tau_m"]) * 1000.0
        self.noise.rate = eta * threshold_rate
        excitatory, inhibitory = neurons[: self.n_excitatory], neurons[self.n_excitatory :]
        for sources, weight in ((excitatory, J), (inhibitory, -g * J)):
            indegree = max(1, round(self.epsilon * len(sources)))
            rule = {"rule": "fixed_indegree", "indegree": indegree}
            nest.Connect(sources, neurons, rule, {"weight": weight, "delay": delay})
        nest.Connect(self.noise, neurons, "all_to_all", {"weight": J, "delay": delay})
        nest.Connect(neurons, self.recorder)

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        """Simulate the network and compare what it does with the targets."""
        begin, length = self.warmup_steps * self.resolution, self.steps * self.resolution
        self.run(begin + length, self.population)
        times, numbers = self.spikes(self.recorder, after=begin)
        senders = numbers - 1
        measured = {
            "rate": times.size / self.neurons / length * 1000.0,
            "cv": irregularity(times, senders),
            "synchrony": synchrony(times, senders, self.neurons, length),
        }
        errors = {name: ((measured[name] - target) / target) ** 2 for name, target in self.targets.items()}
        if math.isnan(errors.get("cv", 0.0)):
            raise Invalid(f"nearly silent: at {measured['rate']:.2g} spikes/s no neuron fired three times, so no CV")
        fitness = tuple(errors.values()) if self.separate else sum(errors.values()) / len(errors)
        return Outcome(fitness, measured)


def irregularity(times: NDArray[np.float64], senders: NDArray[np.int64]) -> float:
    """The coefficient of variation of inter-spike intervals, pooled within neurons.

    The pooled variance is not biased by the few intervals of a short recording, as the mean of neurons' own CVs is.

    Args:
        times: Of the spikes, shape (n,).
        senders: Number of the neuron of each spike, shape (n,).

    Returns:
        Deviation over mean; NaN where no neuron has two intervals.
    """
    order = np.lexsort((times, senders))
    same = np.diff(senders[order]) == 0
    intervals, neurons = np.diff(times[order])[same], senders[order][1:][same]
    count = np.bincount(neurons)
    counted = count[neurons] > 1
    intervals, neurons = intervals[counted], neurons[counted]
    if not intervals.size:
        return math.nan
    mean = np.bincount(neurons, intervals, count.size) / np.maximum(count, 1)
    freedom = intervals.size - np.unique(neurons).size
    return float(np.sqrt(np.sum((intervals - mean[neurons]) ** 2) / freedom) / intervals.mean())


def synchrony(times: NDArray[np.float64], senders: NDArray[np.int64], neurons: int, length: float) -> float:
    """Golomb and Rinzel's chi: how much of the variance of single neurons' counts is left in their mean.

    Args:
        times: Of the spikes in ms, shape (n,), above 0 and up to `length`.
        senders: Number of the neuron of each spike, from 0, shape (n,).
        neurons: How many there are.
        length: Of the recording in ms.

    Returns:
        From about 1 / sqrt(neurons) to 1; 0 where every count is the same.
    """
    bins = max(1, int(length / BIN))
    index = np.ceil(times * (bins / length)).astype(np.int64) - 1
    np.clip(index, 0, bins - 1, out=index)
    together = np.bincount(index, minlength=bins) / neurons
    counts = np.unique(senders * bins + index, return_counts=True)[1].astype(np.float64)
    totals = np.bincount(senders, minlength=neurons).astype(np.float64)
    single = np.sum(counts**2) / (neurons * bins) - np.sum((totals / bins) ** 2) / neurons
    return float(np.sqrt(np.var(together) / single)) if single > 0.0 else 0.0
