"""A cell in Arbor whose conductances are fitted to its response to current steps."""

from typing import Any

from l2l.individual import Individual
from l2l.optimizees.arbor import ArborOptimizee
from l2l.optimizees.arbor_morphology import Grown
from l2l.optimizees.cell import Region
from l2l.optimizees.cell_fit import CellFit
from l2l.optimizees.morphology import Floats
from l2l.values import Trial

ZERO_CELSIUS = 273.15


class ArborCell(CellFit, ArborOptimizee):
    """Fits the conductances of a cell in Arbor to how its soma responds to current steps.

    The options, the fitness and what is measured are those of `NeuronCell`, so that both simulators can be compared on
    one cell. Morphology, discretization and the place of the current are kept between trials; each trial paints its
    conductances and simulates all currents at once, a copy of the cell for each.

    Raises:
        NotFoundError: The morphology or the reference is not there.
        OptionError: An option is out of range, does not fit the morphology or the reference, or a file does not parse.
    """

    def build(self) -> None:
        """Make the morphology, divide it and find the middle of the soma."""
        tree = Grown(self.arbor, self.cell.morphology)
        self._tree = tree.morphology
        self._labels = self.arbor.label_dict()
        self._policy = tree.discretization(self.max_length)
        self._place = tree.location(*self.cell.morphology.middle(self.max_length))
        for region in self.cell.regions(self.space.default):
            self._check(region)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Make a cell for each current, with the individual's conductances."""
        arbor, units = self.arbor, self.units
        regions = self.cell.regions(individual)
        self._cells = []
        for current in self.currents:
            decor = arbor.decor()
            kelvin = (self.temperature + ZERO_CELSIUS) * units.Kelvin
            decor.set_property(Vm=self.v_init * units.mV, tempK=kelvin)
            for region in regions:
                self._paint(decor, region)
            step = arbor.i_clamp(self.delay * units.ms, self.duration * units.ms, current * units.nA)
            decor.place(self._place, step)
            self._cells.append(arbor.cable_cell(self._tree, decor, self._labels, self._policy))

    def voltages(self, individual: Individual, trial: Trial) -> Floats:
        """All currents in one simulation of as many cells."""
        voltages = {"soma": self._place}
        return self.run(self._cells, duration=self.length, voltages=voltages, dt=self.dt, every=self.every)[1]["soma"]

    def _check(self, region: Region) -> None:
        """Refuse mechanisms, parameters and ions that are not there: Arbor would ignore such an ion."""
        ions = set()
        for mechanism, parameters in region.mechanisms.items():
            self.density(mechanism, parameters)
            ions |= set(self.mechanisms[mechanism].ions)
        for ion in region.reversal:
            self.cell.check_ion(region, ion, ions)

    def _paint(self, decor: Any, region: Region) -> None:
        units, where = self.units, f"(tag {region.kind})"
        decor.paint(where, cm=region.capacitance * units.uF / units.cm2, rL=region.resistivity * units.Ohm * units.cm)
        for ion, potential in region.reversal.items():
            decor.paint(where, ion=ion, rev_pot=potential * units.mV)
        for mechanism, parameters in region.mechanisms.items():
            decor.paint(where, self.density(mechanism, parameters))
