"""The adapter of NEURON, a simulator of detailed cells.

M. L. Hines and N. T. Carnevale (1997), The NEURON simulation environment, Neural Computation 9,
doi:10.1162/neco.1997.9.6.1179. From Python: M. L. Hines, A. P. Davison and E. Muller (2009), NEURON and Python,
Frontiers in Neuroinformatics 3, doi:10.3389/neuro.11.001.2009.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import OptionError, near
from l2l.individual import Individual
from l2l.optimizees.morphology import Floats, grown
from l2l.optimizees.neuron_morphology import Grown
from l2l.optimizees.neuron_state import PARAMETERS, Built, begin, delete, mechanisms, remember, variables
from l2l.optimizees.simulator import Simulator, check_step, imported, sample_times, sampled
from l2l.optimizees.swc import read_swc
from l2l.values import Trial


class NeuronOptimizee(Simulator):
    """Base of models in NEURON: subclass it and write `build`, `set_parameters` and `measure`.

    `build` runs once in each process and makes sections, mechanisms and point processes, which are kept. Before each
    trial all that it set is set again: parameters of mechanisms and of point processes, capacitances, axial
    resistances, reversal potentials, the temperature, the time step, the settings of CVode and the globals of
    mechanisms. If sections, discretization, mechanisms or point processes are not those that `build` made, they are
    deleted and built anew. States begin at `finitialize`. So nothing is carried over between trials; what is beyond
    sections, such as the weights of NetCons and the contents of Vectors, a model sets in `set_parameters`.

    There is one NEURON in a process: models that run in one are kept from disturbing one another in the same way.
    Random123 streams get the trial's seed as their global index. What hoc prints when it fails becomes the text of the
    exception.

    Example:
        >>> from l2l import Minimize, ParameterSpace, Real
        >>> class Sphere(NeuronOptimizee):
        ...     space = ParameterSpace(g=Real(1e-5, 1e-3, log=True, unit="S/cm2"))
        ...     objectives = (Minimize("distance", unit="mV"),)
        ...     stochastic = False
        ...
        ...     def build(self):
        ...         self.soma = self.h.Section("soma")
        ...         self.soma.L = self.soma.diam = 10.0
        ...         self.insert(self.soma, "pas")
        ...         self.soma.e_pas = -65.0
        ...         self.clamp = self.h.IClamp(self.soma(0.5))
        ...         self.clamp.delay, self.clamp.dur, self.clamp.amp = 10.0, 40.0, 0.01
        ...
        ...     def set_parameters(self, individual, trial):
        ...         self.soma.g_pas = individual["g"]
        ...
        ...     def measure(self, individual, trial):
        ...         times, voltages = self.run(duration=50.0, voltages={"soma": self.soma(0.5)})
        ...         return abs(voltages["soma"][-1] + 50.0)
        >>> Sphere.space.default["g"]
        0.0001
    """

    h: Any = None
    """NEURON's interpreter, once the optimizee is set up."""

    def start(self) -> None:
        """Import NEURON without its windows, and build the model."""
        self.h = _interpreter()
        self._contexts = self.h.ParallelContext()
        self._contexts.set_maxstep(10.0)
        self._rebuild()

    def version(self) -> str:
        """NEURON's version."""
        _interpreter()
        return f"NEURON {imported('neuron', 'NEURON', 'neuron').__version__}"

    def teardown(self) -> None:
        """Delete the sections, which otherwise would be simulated with those of other models."""
        if self._ready:
            self._built.delete()
            self._ready = False

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        """Simulate a trial; what hoc says of an error is the text of the exception."""
        with hoc_errors():
            return super().simulate(individual, trial)

    def reset(self, trial: Trial) -> None:
        """Set all that `build` set, and the trial's seed and threads."""
        if not self._built.restore():
            self._built.delete()
            self._rebuild()
        self._contexts.nthread(trial.resources.threads)
        self.h.Random().Random123_globalindex(trial.seed)

    def _rebuild(self) -> None:
        h = self.h
        begin(h)
        before = set(h.allsec())
        try:
            with hoc_errors():
                self.build()
        except BaseException:
            delete([section for section in h.allsec() if section not in before])
            raise
        self._built = Built(h, [section for section in h.allsec() if section not in before])

    def insert(self, section: Any, mechanism: str) -> None:
        """Insert a density mechanism.

        Raises:
            OptionError: There is none of that name; names the near ones.
        """
        known = [name for name in mechanisms(self.h, 0) if name not in ("morphology", "capacitance")]
        if mechanism not in known:
            raise OptionError(f"NEURON: {near(mechanism, sorted(known), 'mechanism')}")
        section.insert(mechanism)

    def parameters_of(self, mechanism: str) -> list[str]:
        """The parameters of a density mechanism, without its name at their end."""
        return [name.removesuffix(f"_{mechanism}") for name, _ in variables(self.h, mechanism, PARAMETERS)]

    def load_swc(self, path: Path) -> Grown:
        """The sections of the morphology in an SWC file: that which Arbor is given too.

        `l2l.optimizees.morphology` says its rules. A section ends where the cell forks or its type changes.

        Raises:
            NotFoundError: There is no such file.
            OptionError: It does not parse, or has no single meaning; names the line.
        """
        return Grown(self.h, grown(read_swc(path)))

    def run(
        self,
        *,
        duration: float,
        voltages: Mapping[str, Any],
        v_init: float = -65.0,
        dt: float = 0.025,
        every: float = 0.1,
    ) -> tuple[Floats, dict[str, Floats]]:
        """Simulate from `v_init` on and record membrane voltages.

        Steps are fixed, unless the model made CVode active: then its variable steps are interpolated by CVode itself.
        Such steps depend on all sections of the process, also those of other models, unless each cell has its own.

        Args:
            duration: Simulated time, ms.
            voltages: Name → segment, such as `soma(0.5)`.
            v_init: Initial voltage, mV.
            dt: Time step, ms.
            every: Time between samples, ms; a multiple of the time step.

        Returns:
            The times (samples,) in ms, from 0 on and below `duration`, and for each name the voltages at these times,
            (samples,) in mV.

        Raises:
            OptionError: The time step does not divide the time between samples.
        """
        samples = check_step(self, duration, dt, every)
        h = self.h
        h.dt = dt
        times = sample_times(samples, every)
        if h.CVode().active():
            grid = h.Vector(times)
            interpolated = {name: h.Vector().record(one._ref_v, grid, sec=one.sec) for name, one in voltages.items()}
            self._advance(v_init, max(duration, float(times[-1])))
            return times, {name: np.array(recorder) for name, recorder in interpolated.items()}
        # All steps with their times: the recorder of every so many ms says the times that were asked for.
        labels = h.Vector().record(h._ref_t)
        recorders = {name: h.Vector().record(segment._ref_v) for name, segment in voltages.items()}
        self._advance(v_init, duration)
        found: dict[str, Floats] = {
            name: sampled(f"voltage {name!r}", labels, recorder, times, dt) for name, recorder in recorders.items()
        }
        return times, found

    def _advance(self, v_init: float, duration: float) -> None:
        self.h.finitialize(v_init)
        self._contexts.psolve(duration)


@contextlib.contextmanager
def hoc_errors() -> Iterator[None]:
    """Put what hoc prints of an error into the exception; the rest goes where it was meant to go."""
    said = io.StringIO()
    terminal = sys.stderr
    try:
        with contextlib.redirect_stderr(said):
            yield
    except RuntimeError as error:
        lines = [" ".join(line.split()) for line in said.getvalue().splitlines()]
        told = [line for line in lines if line and line != "^"]
        if not told or "hoc" not in str(error):
            terminal.write(said.getvalue())
            raise
        raise RuntimeError(f"{told[0]} ({'; '.join(told[1:]) or error})") from None
    except BaseException:
        terminal.write(said.getvalue())
        raise
    else:
        terminal.write(said.getvalue())


def _interpreter() -> Any:
    os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui -nobanner")
    h = imported("neuron", "NEURON", "neuron").h
    h.load_file("stdrun.hoc")
    remember(h)
    return h
