"""A network in NEST that wires itself until its neurons fire at their targets; how fast it grows is searched.

Homeostatic structural plasticity: M. Butz and A. van Ooyen (2013), A simple rule for dendritic spine and axonal bouton
formation can account for cortical reorganization after focal retinal lesions, PLoS Computational Biology 9,
doi:10.1371/journal.pcbi.1003259. In NEST: S. Diaz-Pier, M. Naveau, M. Butz-Ostendorf and A. Morrison (2016), Automatic
generation of connectivity for large-scale neuronal network models through structural plasticity, Frontiers in
Neuroanatomy 10, doi:10.3389/fnana.2016.00057.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import Invalid, OptionError
from l2l.individual import Individual
from l2l.optimizees.nest import NestOptimizee, check_resolution
from l2l.optimizees.simulator import check_number
from l2l.space import ParameterSpace, Real
from l2l.values import Minimize, Observable, Outcome, Trial

BIN = 1000.0
"""Width in milliseconds of the bins in which rates are counted."""
UPDATE = 100.0
"""Milliseconds from one rewiring to the next."""
CALCIUM_TIME = 1000.0
"""Time constant in milliseconds with which neurons average their own rate."""
AXONAL_ELEMENTS = 60.0
"""Boutons of each neuron, more than dendrites ever ask for."""
NEURON = {"tau_m": 10.0, "C_m": 250.0, "t_ref": 2.0, "tau_Ca": CALCIUM_TIME, "beta_Ca": 1000.0 / CALCIUM_TIME}
"""Parameters of `iaf_psc_exp` in ms and pF; with this `beta_Ca` calcium is the firing rate in spikes/s."""
DRIVE_WEIGHT = 30.0
"""pA, of the Poisson input."""


class StructuralPlasticity(NestOptimizee):
    """Excitatory and inhibitory neurons in NEST that begin without synapses and grow them towards their target rates.

    Dendritic elements follow a Gaussian growth curve of the neuron's calcium, its running rate: below the target those
    for excitatory synapses grow and those for inhibitory ones retract, above it the other way round, fastest halfway.
    Every 100 ms NEST joins vacant elements at random with axonal ones, of which there are enough, and breaks synapses
    whose element has retracted. Grown too slowly the network is not there in time; too fast, it overshoots for ever.

    Parameters: growth rates in elements/ms, `nu_ee` and `nu_ei` of excitatory and inhibitory elements on excitatory
    neurons, `nu_ie` and `nu_ii` on inhibitory ones. Fitness: `error`, the mean of ((rate - target) / target)**2 over
    both populations and the seconds of the last `duration` ms. Observables: `rate_excitatory` and `rate_inhibitory`,
    means of that time in spikes/s; `rates` (2, seconds) from the beginning on; `synapses` (2, 2) in the end, row for
    the receiving and column for the sending population, excitatory first.

    NEST rewires with one thread only.

    Args:
        target_excitatory: In spikes/s.
        target_inhibitory: In spikes/s.
        n_excitatory: Number of excitatory neurons.
        n_inhibitory: Number of inhibitory neurons.
        drive: Poisson input of each neuron, spikes/s; it alone should leave the neurons below their targets.
        weight: Of excitatory synapses that grow, pA.
        inhibitory_weight: Of inhibitory ones, pA, below 0.
        growth: Simulated time before rates are compared with targets, ms.
        duration: Time in which they are, whole seconds, ms.
        resolution: Time step, ms.
        max_rate: Beyond this mean rate, in spikes/s over 20 ms, the network is exploding and given up.

    Raises:
        OptionError: A number is out of range.

    Example:
        >>> sorted(StructuralPlasticity().space)
        ['nu_ee', 'nu_ei', 'nu_ie', 'nu_ii']
    """

    objectives = (Minimize("error"),)

    def __init__(
        self,
        *,
        target_excitatory: float = 8.0,
        target_inhibitory: float = 16.0,
        n_excitatory: int = 80,
        n_inhibitory: int = 20,
        drive: float = 5200.0,
        weight: float = 150.0,
        inhibitory_weight: float = -300.0,
        growth: float = 7000.0,
        duration: float = 5000.0,
        resolution: float = 0.5,
        max_rate: float = 250.0,
    ) -> None:
        for name, number in (
            ("target_excitatory", target_excitatory),
            ("target_inhibitory", target_inhibitory),
            ("drive", drive),
            ("weight", weight),
            ("max_rate", max_rate),
        ):
            check_number(self, name, number, above=0.0)
        check_number(self, "n_excitatory", n_excitatory, least=2)
        check_number(self, "n_inhibitory", n_inhibitory, least=2)
        check_number(self, "inhibitory_weight", inhibitory_weight, most=0.0)
        check_resolution(self, resolution)
        for name, time, least in (("growth", growth, 0.0), ("duration", duration, BIN)):
            check_number(self, name, time, least=least)
            if time % BIN:
                raise OptionError(f"StructuralPlasticity: option {name!r}: expected whole seconds in ms, got {time!r}")
        self.targets = np.array([target_excitatory, target_inhibitory])
        self.sizes = np.array([n_excitatory, n_inhibitory])
        self.drive, self.weights = drive, (weight, inhibitory_weight)
        self.length, self.judged = growth + duration, round(duration / BIN)
        self.resolution, self.max_rate = resolution, max_rate
        self.space = ParameterSpace(
            {name: Real(1e-4, 1e-1, log=True, unit="1/ms") for name in ("nu_ee", "nu_ei", "nu_ie", "nu_ii")}
        )
        self.observables: Mapping[str, Observable] = {
            "rate_excitatory": Observable(unit="spikes/s"),
            "rate_inhibitory": Observable(unit="spikes/s"),
            "rates": Observable(shape=(2, round(self.length / BIN)), unit="spikes/s"),
            "synapses": Observable(shape=(2, 2), dtype=int),
        }

    def reset(self, trial: Trial) -> None:
        """A fresh kernel; refuses more threads than one."""
        if trial.resources.threads != 1:
            raise OptionError(
                f"StructuralPlasticity: NEST rewires with one thread only, got {trial.resources.threads}; "
                "leave resources.threads at 1 and run more trials at once"
            )
        super().reset(trial)

    def build(self) -> None:
        """The two kinds of synapses, the neurons and their input."""
        nest = self.nest
        nest.structural_plasticity_update_interval = UPDATE
        for kind, weight in zip(("ex", "in"), self.weights, strict=True):
            nest.CopyModel("static_synapse", f"grown_{kind}", {"weight": weight, "delay": 1.0})
        nest.structural_plasticity_synapses = {
            f"grown_{kind}": {
                "synapse_model": f"grown_{kind}",
                "post_synaptic_element": f"Den_{kind}",
                "pre_synaptic_element": f"Axon_{kind}",
            }
            for kind in ("ex", "in")
        }
        self.populations = [nest.Create("iaf_psc_exp", int(size), params=NEURON) for size in self.sizes]
        self.neurons = self.populations[0] + self.populations[1]
        noise = nest.Create("poisson_generator", params={"rate": self.drive})
        self.recorder = nest.Create("spike_recorder")
        nest.Connect(noise, self.neurons, "all_to_all", {"weight": DRIVE_WEIGHT, "delay": 1.0})
        nest.Connect(self.neurons, self.recorder)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Give each population its elements and their growth curves."""
        for number, (population, name) in enumerate(zip(self.populations, "ei", strict=True)):
            target = float(self.targets[number])
            axon = {**_grows(0.0, target), "z": AXONAL_ELEMENTS, "tau_vacant": 1e-9}  # what is vacant stays
            population.synaptic_elements = {
                "Den_ex": _grows(individual[f"nu_{name}e"], target),
                "Den_in": _grows(-individual[f"nu_{name}i"], target),
                f"Axon_{('ex', 'in')[number]}": axon,
            }
        self.nest.EnableStructuralPlasticity()

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        """Let the network grow, and compare its rates with the targets."""
        self.run(self.length, self.neurons)
        rates = self._rates()
        judged = rates[:, -self.judged :]
        if not judged.any():
            raise Invalid("silent in the end")
        error = float(np.mean((judged / self.targets[:, None] - 1.0) ** 2))
        means = judged.mean(axis=1)
        observed = {"rate_excitatory": means[0], "rate_inhibitory": means[1], "rates": rates}
        return Outcome(error, {**observed, "synapses": self._synapses()})

    def _rates(self) -> NDArray[np.float64]:
        times, senders = self.spikes(self.recorder)
        bins = round(self.length / BIN)
        second = np.ceil(times / BIN - 1e-9).astype(np.int64) - 1
        population = (senders > self.sizes[0]).astype(np.int64)  # neurons are numbered from 1
        counts = np.bincount(population * bins + second, minlength=2 * bins).reshape(2, bins)
        rates: NDArray[np.float64] = counts / self.sizes[:, None] / (BIN / 1000.0)
        return rates

    def _synapses(self) -> NDArray[np.int64]:
        elements = [population.synaptic_elements for population in self.populations]
        return np.array(
            [[sum(int(one[f"Den_{kind}"]["z_connected"]) for one in own) for kind in ("ex", "in")] for own in elements]
        )


def _grows(rate: float, target: float) -> dict[str, Any]:
    """A growth curve through 0 at calcium 0 and at the target, in elements/ms."""
    return {"growth_curve": "gaussian", "growth_rate": rate, "continuous": False, "eta": 0.0, "eps": target}
