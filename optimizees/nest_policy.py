"""A spiking network in NEST as the policy of an agent: it is simulated for a while between two actions.

Observations enter as currents into neurons with overlapping receptive fields, as in Bohte, Kok, La Poutre: Error-
backpropagation in temporally encoded networks of spiking neurons, Neurocomputing 48 (2002),
doi:10.1016/S0925-2312(01)00658-0; actions are read from the spikes of output populations.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from l2l.individual import Individual
from l2l.optimizees.nest import check_resolution, errors_as_text, fresh_kernel, imported_nest
from l2l.optimizees.policy import Floats, Interface, Network
from l2l.optimizees.simulator import check_number, check_on_grid
from l2l.values import Trial

NEURON = {"C_m": 250.0, "tau_m": 10.0, "E_L": -70.0, "V_reset": -70.0, "V_th": -55.0, "t_ref": 2.0, "tau_syn_ex": 5.0}
"""Of all neurons (`iaf_psc_exp`): pF, ms, mV; a constant current makes one fire from 375 pA on."""
RHEOBASE = NEURON["C_m"] * (NEURON["V_th"] - NEURON["E_L"]) / NEURON["tau_m"]
FULL_CURRENT = 2.5 * RHEOBASE
"""Into a neuron at its preferred value, pA; it fires some 150 spikes/s."""
DELAY = 1.0
"""Of all synapses, ms."""
UNIT = 20.0
"""Spikes/s of an output neuron that count as 1."""


class SpikingPolicy(Network):
    """Integrate-and-fire neurons in NEST: receptive fields, perhaps a hidden layer, output populations.

    Each value of an observation drives `fields` neurons whose preferred values lie evenly on -1 … 1 (normalize the
    observations to that range), by a current that falls off as a Gaussian of the distance. They project to the output
    populations, or to `hidden` neurons that do; each output has a population of `population` neurons, which share their
    weights and differ in their noise. For continuous actions each output has two populations, one for each direction.
    The output is the leaky count of a population's spikes, a rate in units of 20 spikes/s.

    A weight of 1 is a synapse of `strength`, or as bias of a neuron a constant current of half the rheobase. For
    each neuron of a layer the vector has the weights of its inputs, then its bias. Each episode begins with a
    network at rest, its noise drawn from the trial's seed. One thread simulates it, however many a trial may use.

    Args:
        fields: Neurons for each value of an observation.
        hidden: Neurons of the hidden layer; 0 for none.
        population: Neurons of each output.
        duration: Simulated time between two actions, ms.
        memory: The share of an output that is left at the next action.
        strength: Of a synapse of weight 1, pA.
        noise: Standard deviation of the noise current into hidden and output neurons, in shares of the rheobase.
        resolution: Time step, ms.

    Raises:
        OptionError: A number is out of range.

    Example:
        >>> SpikingPolicy(fields=5, hidden=0).connect(Interface(inputs=2, outputs=3, signed=False))
        33
    """

    def __init__(
        self,
        *,
        fields: int = 6,
        hidden: int = 0,
        population: int = 3,
        duration: float = 20.0,
        memory: float = 0.5,
        strength: float = 300.0,
        noise: float = 0.2,
        resolution: float = 0.5,
        limit: float = 2.0,
    ) -> None:
        super().__init__(limit=limit)
        for name, count, least in (("fields", fields, 2), ("hidden", hidden, 0), ("population", population, 1)):
            check_number(self, name, count, least=least)
        check_resolution(self, resolution, most=DELAY)
        check_number(self, "duration", duration, least=resolution)
        check_number(self, "memory", memory, least=0.0, most=0.99)
        check_number(self, "strength", strength, above=0.0)
        check_number(self, "noise", noise, least=0.0)
        self.fields, self.hidden, self.population = fields, hidden, population
        self.resolution = resolution
        self.duration = check_on_grid(self, "duration", duration, resolution) * resolution
        self.memory, self.strength, self.noise = memory, strength, noise
        self._nest: Any = None
        self._layers: list[tuple[int, int]] = []
        self._weights: list[Floats] = []
        self._seed = 0
        self._running = False
        self._preferred = np.linspace(-1.0, 1.0, fields)
        self._width = 2.0 / (fields - 1)

    def start(self) -> None:
        """Import NEST and make it quiet."""
        self._nest = imported_nest()
        fresh_kernel(self._nest, self.resolution)

    def version(self) -> str:
        """NEST's version, which decides what a seed means."""
        return f"NEST {imported_nest().__version__}"

    def connect(self, interface: Interface) -> int:
        """Note the sizes of the layers; NEST gets them with each episode."""
        self._signed = interface.signed
        inputs, outputs = interface.inputs * self.fields, interface.outputs * (2 if interface.signed else 1)
        sizes = [inputs, *([self.hidden] if self.hidden else []), outputs]
        self._layers = list(pairwise(sizes))
        return sum(after * (before + 1) for before, after in self._layers)

    def load(self, individual: Individual, trial: Trial) -> None:
        """Cut the vector into the layers' matrices."""
        place, self._weights, self._seed = 0, [], trial.seed
        for before, after in self._layers:
            size = after * (before + 1)
            matrix = individual["weights"][place : place + size].reshape(after, before + 1)
            self._weights.append(matrix)
            place += size

    def begin(self, episode: int) -> None:
        """Build the network at rest in a fresh kernel."""
        with errors_as_text(lambda: self._nest):
            seed = np.random.SeedSequence([self._seed, episode]).generate_state(1, np.uint32)[0]
            fresh_kernel(self._nest, self.resolution, max(1, int(seed)))
            self._build()
            self._nest.Prepare()
            self._running = True

    def _build(self) -> None:
        nest = self._nest
        layer = self._inputs = nest.Create("iaf_psc_exp", self._layers[0][0], params=NEURON)
        self._currents = [{"I_e": 0.0} for _ in range(len(layer))]
        noise = nest.Create("noise_generator", params={"std": self.noise * RHEOBASE, "dt": 1.0})
        for number, weights in enumerate(self._weights):
            copies = self.population if number == len(self._weights) - 1 else 1
            matrix = np.repeat(weights, copies, axis=0)
            neurons = nest.Create("iaf_psc_exp", len(matrix), params=NEURON)
            neurons.I_e = (matrix[:, -1] * 0.5 * RHEOBASE).tolist()
            synapses = {"weight": matrix[:, :-1] * self.strength, "delay": DELAY}
            nest.Connect(layer, neurons, "all_to_all", synapses)
            if self.noise > 0.0:
                nest.Connect(noise, neurons)
            layer = neurons
        outputs = self._layers[-1][1]
        self._recorders = nest.Create("spike_recorder", outputs)
        for place in range(outputs):
            nest.Connect(layer[place * self.population : (place + 1) * self.population], self._recorders[place])
        self._counted, self._trace = np.zeros(outputs), np.zeros(outputs)

    def act(self, observation: Floats) -> Floats:
        """Simulate the network with the currents of this observation; the outputs' rates."""
        distance = (np.clip(observation, -1.0, 1.0)[:, np.newaxis] - self._preferred) / self._width
        currents = FULL_CURRENT * np.exp(-0.5 * distance.ravel() ** 2)
        for entry, current in zip(self._currents, currents.tolist(), strict=True):
            entry["I_e"] = current
        with errors_as_text(lambda: self._nest):
            self._inputs.set(self._currents)
            self._nest.Run(self.duration)
            counted = np.array(self._recorders.n_events, dtype=np.float64)
        rates = (counted - self._counted) / (self.population * self.duration / 1000.0 * UNIT)
        self._counted = counted
        self._trace = self.memory * self._trace + (1.0 - self.memory) * rates
        return self._trace[0::2] - self._trace[1::2] if self._signed else self._trace

    def end(self) -> None:
        """Leave NEST ready for whatever comes next."""
        if self._running:
            self._running = False
            self._nest.Cleanup()

    def stop(self) -> None:
        """Give back the memory of the last network."""
        if self._nest is not None:
            self._nest.ResetKernel()
