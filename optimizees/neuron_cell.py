"""A cell in NEURON whose conductances are fitted to its response to current steps."""

from typing import Any

import numpy as np

from l2l.errors import OptionError, near
from l2l.individual import Individual
from l2l.optimizees.cell import Region
from l2l.optimizees.cell_fit import CellFit
from l2l.optimizees.morphology import Floats
from l2l.optimizees.neuron import NeuronOptimizee
from l2l.optimizees.neuron_morphology import Grown
from l2l.values import Trial


class NeuronCell(CellFit, NeuronOptimizee):
    """Fits the conductances of a cell in NEURON to how its soma responds to current steps.

    The options, the fitness and what is measured are those of `ArborCell`, so that both simulators can be compared on
    one cell. Sections, mechanisms and the current clamp are kept between trials; each trial sets its conductances, and
    `finitialize` begins each current. The rates of `hh` are computed, not taken from its table.

    Raises:
        NotFoundError: The morphology or the reference is not there.
        OptionError: An option is out of range, does not fit the morphology or the reference, or a file does not parse.
    """

    def build(self) -> None:
        """Make the morphology, divide it, insert the mechanisms and the current clamp."""
        h = self.h
        h.celsius = self.temperature
        h.usetable_hh = 0
        self._tree = Grown(h, self.cell.morphology)
        self._tree.divide(self.max_length)
        for region in self.cell.regions(self.space.default):
            for mechanism, parameters in region.mechanisms.items():
                for section in self._sections_of(region):
                    self.insert(section, mechanism)
                self._check_parameters(mechanism, parameters)
            present = {one.name() for section in self._sections_of(region)[:1] for one in section(0.5)}
            for ion in region.reversal:
                self.cell.check_ion(region, ion, {name.removesuffix("_ion") for name in present})
        section, along = self.cell.morphology.middle(self.max_length)
        self._middle = self._tree.all[section](along)
        self._clamp = h.IClamp(self._middle)
        self._clamp.delay, self._clamp.dur = self.delay, self.duration

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Set the individual's conductances."""
        for region in self.cell.regions(individual):
            for section in self._sections_of(region):
                section.cm, section.Ra = region.capacitance, region.resistivity
                for ion, potential in region.reversal.items():
                    setattr(section, f"e{ion}", potential)
                for mechanism, parameters in region.mechanisms.items():
                    for name, value in parameters.items():
                        setattr(section, f"{name}_{mechanism}", value)

    def voltages(self, individual: Individual, trial: Trial) -> Floats:
        """One current after the other, each from the beginning."""
        found = []
        for current in self.currents:
            self._clamp.amp = current
            voltages = {"soma": self._middle}
            _, recorded = self.run(
                duration=self.length, voltages=voltages, v_init=self.v_init, dt=self.dt, every=self.every
            )
            found.append(recorded["soma"])
        return np.array(found)

    def _sections_of(self, region: Region) -> list[Any]:
        return self._tree.regions[region.name]

    def _check_parameters(self, mechanism: str, parameters: Any) -> None:
        known = self.parameters_of(mechanism)
        for name in parameters:
            if name not in known:
                raise OptionError(f"NEURON: mechanism {mechanism!r}: {near(name, known, 'parameter')}")
