"""A spiking learner in NEST whose synapses learn from reward, and whose plasticity the outer loop tunes.

Plasticity: E. M. Izhikevich (2007), Solving the distal reward problem through linkage of STDP and dopamine signaling,
Cerebral Cortex 17, 2443-2452, doi:10.1093/cercor/bhl152; as NEST has it: W. Potjans, A. Morrison and M. Diesmann
(2010), Enabling functional neural circuit simulations with distributed computing of neuromodulated plasticity,
Frontiers in Computational Neuroscience 4, 141, doi:10.3389/fncom.2010.00141.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizees.learning import PER_TASK, Learned, LearningOptimizee, Split
from l2l.optimizees.nest import NestOptimizee
from l2l.optimizees.simulator import check_number
from l2l.space import ParameterSpace, Real
from l2l.values import Observable, Outcome, Trial

SHOWN, PAUSE = 100.0, 60.0
"""Milliseconds for which a pattern is shown, and of silence after it, at whose start the reward comes."""
ACTIVE, QUIET = 60.0, 2.0
"""Spikes/s of the inputs that belong to a pattern, and of the others, while it is shown."""
SHARE = 0.2
"""Share of the inputs that belong to a pattern."""
SCORED = 3
"""The last of so many equal parts of a session counts."""
DELAY = 2.0
"""Of all connections, ms."""
WEIGHT, SPREAD, LARGEST = 90.0, 18.0, 200.0
"""Plastic weights at the start, mean and half the range, and their upper limit, pA."""
INHIBITION, NOISE, NOISE_RATE = -600.0, 120.0, 150.0
"""Weights between output neurons and of the noise to each, pA; rate of the noise, spikes/s."""
NEURON = {"tau_m": 20.0, "C_m": 200.0, "V_th": -50.0, "V_reset": -60.0, "E_L": -65.0, "V_m": -65.0, "t_ref": 3.0} | {
    "tau_syn_ex": 5.0,
    "tau_syn_in": 10.0,
}
"""Of the output neurons (`iaf_psc_exp`)."""


class PlasticityLearner(NestOptimizee, LearningOptimizee):
    """Input patterns are associated with output neurons by spike-timing dependent plasticity that reward gates.

    A task is a set of `patterns` random patterns, each a share of the `inputs`, which fire at a high rate while it is
    shown and all others at a low one. There is an output neuron for each pattern; noise makes them explore, inhibition
    makes them compete. A session shows the patterns in random order, `presentations` in all. The answer is right if
    the output neuron of the pattern fired more than each other one: then a dopamine neuron fires once as the pattern
    ends. Synapses from all inputs to all output neurons, which begin at random weights, are `stdp_dopamine_synapse`.

    Parameters, by NEST's names: `A_plus`, the amplitude of potentiation (the learning rate, pA); `ratio`, the
    amplitude of depression over it; `tau_plus` and `tau_minus`, time constants of both, `tau_c` of the eligibility
    trace, `tau_n` of dopamine, ms; and `expected`, the share of what a reward adds to a synapse that its absence takes
    away: NEST's `b`, which dopamine has to exceed to strengthen a synapse, is `expected / (tau_c + tau_n)`. The default
    individual, a learner that was not tuned, has NEST's defaults.

    The fitness `loss` is the share of wrong answers in the last third of a session. Observables: `curve`, the share of
    right answers in each of `blocks` equal parts of a session; `rate` of the output neurons in spikes/s;
    `per_task`, the loss on each task. The tasks of a trial are learned side by side, each by a network of its own.

    Args:
        inputs: Number of input neurons.
        patterns: Number of patterns of a task, and of output neurons.
        presentations: Of patterns in a session.
        blocks: Parts of a session in which the learning curve is counted; a multiple of 3.
        train_tasks: Tasks of a trial.
        test_tasks: Tasks held out, which a validation learns.

    Raises:
        OptionError: A number is out of range, or presentations do not divide into the blocks.

    Example:
        >>> PlasticityLearner(patterns=2).space["tau_c"].default
        1000.0
    """

    resolution = 1.0

    def __init__(
        self,
        *,
        inputs: int = 40,
        patterns: int = 3,
        presentations: int = 90,
        blocks: int = 9,
        train_tasks: int = 6,
        test_tasks: int = 20,
    ) -> None:
        check_number(self, "inputs", inputs, least=4)
        check_number(self, "patterns", patterns, least=2)
        check_number(self, "train_tasks", train_tasks, least=1)
        check_number(self, "test_tasks", test_tasks, least=1)
        for name, number, unit in (("blocks", blocks, SCORED), ("presentations", presentations, blocks)):
            check_number(self, name, number, least=unit)
            if number % unit:
                raise OptionError(
                    f"{type(self).__name__}: option {name!r}: expected a multiple of {unit}, got {number!r}"
                )
        self.inputs, self.patterns, self.presentations, self.blocks = inputs, patterns, presentations, blocks
        self.number = {"train": train_tasks, "test": test_tasks}
        self.observables = {
            **PER_TASK,
            "curve": Observable(shape=(blocks,)),
            "rate": Observable(unit="spikes/s"),
        }
        self.space = ParameterSpace(
            A_plus=Real(0.5, 50.0, log=True, unit="pA", default=1.0),
            ratio=Real(0.0, 2.0, default=1.5),
            tau_plus=Real(5.0, 50.0, log=True, unit="ms", default=20.0),
            tau_minus=Real(5.0, 50.0, log=True, unit="ms", default=20.0),
            tau_c=Real(20.0, 2000.0, log=True, unit="ms", default=1000.0),
            tau_n=Real(10.0, 500.0, log=True, unit="ms", default=200.0),
            expected=Real(0.0, 1.0, default=0.0),
        )

    def tasks(self, split: Split, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Which inputs belong to which pattern, (n, patterns, inputs)."""
        size = max(1, round(SHARE * self.inputs))
        first = np.arange(self.inputs) < size
        return rng.permuted(np.tile(first, (self.number[split], self.patterns, 1)), axis=2)

    def build(self) -> None:
        """The kinds of output neurons and plastic synapses, of which `learn_all` makes networks."""
        self.nest.CopyModel("iaf_psc_exp", "output", NEURON)
        self.nest.CopyModel("stdp_dopamine_synapse", "plastic", {"Wmin": 0.0, "Wmax": LARGEST})

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Give both kinds the individual's plasticity; NEST keeps `tau_minus` with the neuron."""
        self.nest.SetDefaults("output", {"tau_minus": individual["tau_minus"]})
        same = {name: individual[name] for name in ("A_plus", "tau_plus", "tau_c", "tau_n")}
        # The trace c decays with tau_c; dopamine n, up by 1 / tau_n at a reward, with tau_n; and dw/dt = c (n - b). So
        # a reward adds tau_c / (tau_c + tau_n) of c to the weight, and b takes b tau_c of it away.
        b = individual["expected"] / (individual["tau_c"] + individual["tau_n"])
        self.nest.SetDefaults("plastic", {**same, "A_minus": individual["ratio"] * individual["A_plus"], "b": b})

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        """Learn the tasks of the trial."""
        return self.learned(individual, trial)

    def learn(self, individual: Individual, task: Any, rng: np.random.Generator) -> Learned:
        """Learn one task in the kernel as it is."""
        return self.learn_all(individual, [task], [rng])[0]

    def learn_all(
        self, individual: Individual, tasks: Sequence[Any] | NDArray[Any], rngs: Sequence[np.random.Generator]
    ) -> Sequence[Learned]:
        """Learn all tasks side by side."""
        networks = [self._network(task, rng) for task, rng in zip(tasks, rngs, strict=True)]
        right = np.empty((len(networks), self.presentations), dtype=bool)
        spikes = np.zeros(len(networks), dtype=np.int64)
        for presentation in range(self.presentations):
            self.run(SHOWN)
            for place, network in enumerate(networks):
                counts = network.answer(self.patterns)
                wanted = network.order[presentation]
                right[place, presentation] = (np.delete(counts, wanted) < counts[wanted]).all()
                spikes[place] += counts.sum()
                if right[place, presentation]:
                    network.reward.spike_times = [float(self.nest.biological_time) + self.resolution]
            self.run(PAUSE)
        curves = right.reshape(len(networks), self.blocks, -1).mean(axis=2)
        rates = spikes / (self.patterns * self.presentations * SHOWN / 1000.0)
        scored = self.blocks // SCORED
        return [
            {"loss": 1.0 - curve[-scored:].mean(), "curve": curve, "rate": rate}
            for curve, rate in zip(curves, rates, strict=True)
        ]

    def _network(self, patterns: NDArray[np.bool_], rng: np.random.Generator) -> "_Network":
        """Build a learner, with all that it will be shown."""
        nest = self.nest
        order = np.concatenate(
            [rng.permutation(self.patterns) for _ in range(-(-self.presentations // self.patterns))]
        )[: self.presentations]
        sources = nest.Create("spike_generator", self.inputs)
        sources.set([{"spike_times": times} for times in self._shown(patterns[order], rng)])
        inputs = nest.Create("parrot_neuron", self.inputs)
        outputs = nest.Create("output", self.patterns)
        reward, dopamine = nest.Create("spike_generator"), nest.Create("parrot_neuron")
        transmitter, recorder = nest.Create("volume_transmitter"), nest.Create("spike_recorder")
        noise = nest.Create("poisson_generator", params={"rate": NOISE_RATE})
        synapse = f"plastic_{transmitter.global_id}"  # dopamine reaches all synapses of a kind
        nest.CopyModel("plastic", synapse, {"volume_transmitter": transmitter})
        weights = rng.uniform(WEIGHT - SPREAD, WEIGHT + SPREAD, size=(self.patterns, self.inputs))
        for one, other, rule, how in (
            (sources, inputs, "one_to_one", {}),
            (inputs, outputs, "all_to_all", {"synapse_model": synapse, "weight": weights}),
            (outputs, outputs, {"rule": "all_to_all", "allow_autapses": False}, {"weight": INHIBITION}),
            (noise, outputs, "all_to_all", {"weight": NOISE}),
            (outputs, recorder, "all_to_all", {}),
            (reward, dopamine, "one_to_one", {}),
            (dopamine, transmitter, "one_to_one", {}),
        ):
            nest.Connect(one, other, rule, {**how, "delay": DELAY})
        return _Network(order, int(outputs[0].global_id), recorder, reward)

    def _shown(self, patterns: NDArray[np.bool_], rng: np.random.Generator) -> list[NDArray[np.float64]]:
        """Spike times of each input, ms, for patterns that are shown one after the other, (presentations, inputs)."""
        rates = np.where(patterns, ACTIVE, QUIET)
        counts = rng.poisson(rates * SHOWN / 1000.0)
        begins = np.arange(len(patterns)) * (SHOWN + PAUSE)
        return [
            np.unique(np.repeat(begins, count) + np.ceil(rng.uniform(1e-9, SHOWN, size=count.sum())))
            for count in counts.T
        ]


@dataclass(frozen=True, slots=True)
class _Network:
    """A learner in the kernel.

    Args:
        order: Which pattern is shown when, (presentations,).
        first: Node number of its first output neuron.
        recorder: Of the output neurons' spikes.
        reward: Makes the dopamine neuron fire.
    """

    order: NDArray[np.int64]
    first: int
    recorder: Any
    reward: Any

    def answer(self, outputs: int) -> NDArray[np.int64]:
        """How often each output neuron fired since it was last asked, (outputs,)."""
        senders = np.asarray(self.recorder.events["senders"], dtype=np.int64)  # floats where there are none
        self.recorder.n_events = 0
        return np.bincount(senders - self.first, minlength=outputs)
