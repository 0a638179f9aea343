"""The adapter of Arbor, a simulator of networks of detailed cells.

N. Abi Akar et al. (2019), Arbor: a morphologically-detailed neural network simulation library for contemporary
high-performance computing architectures, PDP 2019, doi:10.1109/EMPDP.2019.8671560.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import OptionError, near
from l2l.optimizees.arbor_morphology import Grown
from l2l.optimizees.morphology import Floats, grown
from l2l.optimizees.simulator import Simulator, check_step, imported, sample_times, sampled
from l2l.optimizees.swc import read_swc
from l2l.values import Trial


class ArborOptimizee(Simulator):
    """Base of models in Arbor: subclass it and write `build`, `set_parameters` and `measure`.

    `build` runs once in each process and makes what trials share: morphologies, labels, discretization. Decors and
    cells carry the parameters and cannot be changed once made, and a simulation cannot be taken back to its beginning
    with other ones: `set_parameters` makes cells anew, and `run` a simulation. So nothing is carried over between
    trials, not from failed ones either. Arbor is given the threads of the trial and, for models with random processes,
    its seed.

    Example:
        >>> from l2l import Minimize, ParameterSpace, Real
        >>> class Sphere(ArborOptimizee):
        ...     space = ParameterSpace(g=Real(1e-5, 1e-3, log=True, unit="S/cm2"))
        ...     objectives = (Minimize("distance", unit="mV"),)
        ...     stochastic = False
        ...
        ...     def build(self):
        ...         self.tree = self.arbor.segment_tree()
        ...         self.tree.append(self.arbor.mnpos, (-5, 0, 0, 5), (5, 0, 0, 5), tag=1)
        ...
        ...     def set_parameters(self, individual, trial):
        ...         decor = self.arbor.decor().paint("(all)", self.density("pas", {"g": individual["g"], "e": -65.0}))
        ...         current = self.arbor.i_clamp(10 * self.units.ms, 40 * self.units.ms, 0.01 * self.units.nA)
        ...         self.cell = self.arbor.cable_cell(self.tree, decor.place("(root)", current))
        ...
        ...     def measure(self, individual, trial):
        ...         times, voltages = self.run(self.cell, duration=50.0, voltages={"soma": "(root)"})
        ...         return abs(voltages["soma"][0, -1] + 50.0)
        >>> Sphere.space.default["g"]
        0.0001
    """

    arbor: Any = None
    """The module, once the optimizee is set up."""
    units: Any = None
    """Its units: `10 * self.units.mV`."""

    def start(self) -> None:
        """Import Arbor and build what trials share."""
        self.arbor = imported("arbor", "Arbor", "arbor")
        self.units = self.arbor.units
        self.mechanisms = self.catalogue()
        self._recipe = _recipe_class(self.arbor)
        self._contexts: dict[int, Any] = {}
        self.build()

    def catalogue(self) -> Any:
        """The mechanisms that cells may have; override it to add one's own."""
        return self.arbor.default_catalogue()

    def version(self) -> str:
        """Arbor's version."""
        return f"Arbor {imported('arbor', 'Arbor', 'arbor').__version__}"

    def reset(self, trial: Trial) -> None:
        """Note the trial, whose seed and threads the next simulation has."""
        self._trial = trial

    def load_swc(self, path: Path) -> Any:
        """The morphology in an SWC file: that which NEURON is given too (`l2l.optimizees.morphology` says its rules).

        Its tags are the types of the file.

        Raises:
            NotFoundError: There is no such file.
            OptionError: It does not parse, or has no single meaning; names the line.
        """
        return Grown(self.arbor, grown(read_swc(path))).morphology

    def density(self, mechanism: str, parameters: Mapping[str, float] | None = None) -> Any:
        """A density mechanism, to be painted on a region.

        Args:
            mechanism: Its name in the catalogue.
            parameters: In the units of the mechanism; those that Arbor wants as part of the name too.

        Raises:
            OptionError: There is no such mechanism or parameter; names the near ones.
        """
        known = [name for name in self.mechanisms.keys() if str(self.mechanisms[name].kind).startswith("density")]  # noqa: SIM118
        if mechanism not in known:
            raise OptionError(f"Arbor: {near(mechanism, sorted(known), 'density mechanism')}")
        info = self.mechanisms[mechanism]
        for name in parameters or {}:
            if name not in info.globals and name not in info.parameters:
                known = sorted([*info.globals, *info.parameters])
                raise OptionError(f"Arbor: mechanism {mechanism!r}: {near(name, known, 'parameter')}")
        given = {name: float(value) for name, value in (parameters or {}).items()}
        common = ",".join(f"{name}={given.pop(name)!r}" for name in sorted(info.globals) if name in given)
        return self.arbor.density(f"{mechanism}/{common}" if common else mechanism, given)

    def simulation(self, recipe: Any) -> Any:
        """A simulation of a recipe with the seed and the threads of the trial."""
        threads = self._trial.resources.threads
        if threads not in self._contexts:
            self._contexts[threads] = self.arbor.context(threads=threads)
        return self.arbor.simulation(recipe, self._contexts[threads], seed=self._trial.seed)

    def run(
        self,
        cells: Any,
        *,
        duration: float,
        voltages: Mapping[str, str],
        dt: float = 0.025,
        every: float = 0.1,
    ) -> tuple[Floats, dict[str, Floats]]:
        """Simulate cells that are not connected and record their membrane voltages.

        Args:
            cells: A cable cell, or several.
            duration: Simulated time, ms.
            voltages: Name → where, a location in Arbor's language such as `(location 0 0.5)`.
            dt: Time step, ms.
            every: Time between samples, ms; a multiple of the time step.

        Returns:
            The times (samples,) in ms, from 0 on and below `duration`, and for each name the voltages at these times,
            (cells, samples) in mV.

        Raises:
            OptionError: The time step does not divide the time between samples, or a place is not on a cell.
        """
        samples = check_step(self, duration, dt, every)
        cells = list(cells) if isinstance(cells, Sequence) else [cells]
        simulation = self.simulation(self._recipe(cells, self.mechanisms, voltages))
        ms, times = self.units.ms, sample_times(samples, every)
        # Arbor takes the state at the beginning of the step in which a time lies. A time between samples often lies a
        # rounding error below the end of a step, so what is asked for lies well within the step.
        schedule = self.arbor.explicit_schedule([float(time + _INTO_STEP * dt) * ms for time in times])
        handles = {
            (cell, name): simulation.sample((cell, name), schedule) for cell in range(len(cells)) for name in voltages
        }
        simulation.run(max(duration, float(times[-1]) + dt) * ms, dt * ms)
        found: dict[str, Floats] = {name: np.empty((len(cells), samples)) for name in voltages}
        for (cell, name), handle in handles.items():
            recorded = simulation.samples(handle)
            if len(recorded) != 1:
                place = f"{type(self).__name__}: voltage {name!r}"
                raise OptionError(f"{place}: expected one place on the cell, {voltages[name]} is {len(recorded)}")
            labels, values = recorded[0][0].T
            found[name][cell] = sampled(f"voltage {name!r}", labels, values, times, dt)
        return times, found


_INTO_STEP = 0.25  # of a time step


def _recipe_class(arbor: Any) -> type:
    """The recipe of cells that are not connected; made here, since its base comes with Arbor."""

    class Cells(arbor.recipe):  # type: ignore[misc]
        def __init__(self, cells: Sequence[Any], mechanisms: Any, voltages: Mapping[str, str]) -> None:
            arbor.recipe.__init__(self)
            self.cells, self.voltages = cells, voltages
            self.properties = arbor.neuron_cable_properties()
            self.properties.catalogue = mechanisms

        def num_cells(self) -> int:
            return len(self.cells)

        def cell_kind(self, gid: int) -> Any:
            return arbor.cell_kind.cable

        def cell_description(self, gid: int) -> Any:
            return self.cells[gid]

        def global_properties(self, kind: Any) -> Any:
            return self.properties

        def probes(self, gid: int) -> list[Any]:
            return [arbor.cable_probe_membrane_voltage(where, name) for name, where in self.voltages.items()]

    return Cells
