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

from l2l.errors import Invalid, OptionError, near
from l2l.individual import Individual
from l2l.optimizees.features import Floats, sample_times
from l2l.optimizees.simulator import Simulator, check_step, imported
from l2l.optimizees.swc import read_swc
from l2l.values import Trial

SETTINGS = ("celsius", "dt", "secondorder", "v_init")
"""What of NEURON holds for all cells of a process, beside the globals of mechanisms."""

PARAMETERS, GLOBALS = 1, -1
"""Kinds of variables of a mechanism, as MechanismStandard numbers them."""


class NeuronOptimizee(Simulator):
    """Base of models in NEURON: subclass it and write `build`, `set_parameters` and `measure`.

    `build` runs once in each process and makes sections, mechanisms and point processes, which are kept. Before each
    trial all that it set is set again: parameters of mechanisms and of point processes, capacitances, axial
    resistances, reversal potentials, the temperature, the time step and the globals of mechanisms. If sections,
    discretization, mechanisms or point processes are not those that `build` made, they are deleted and built anew.
    States begin at `finitialize`. So nothing is carried over between trials; what is beyond sections, such as the
    weights of NetCons and the contents of Vectors, a model sets in `set_parameters`.

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
        with hoc_errors():
            self._rebuild()

    def version(self) -> str:
        """NEURON's version."""
        _interpreter()
        return f"NEURON {imported('neuron', 'NEURON', 'neuron').__version__}"

    def teardown(self) -> None:
        """Delete the sections, which otherwise would be simulated with those of other models."""
        if self._ready:
            self._delete()
            self._ready = False

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        """Simulate a trial; what hoc says of an error is the text of the exception."""
        with hoc_errors():
            return super().simulate(individual, trial)

    def reset(self, trial: Trial) -> None:
        """Set all that `build` set, and the trial's seed and threads."""
        if self._shape() != self._built_shape:
            self._delete()
            self._rebuild()
        self._pointers.scatter(self._values)
        for section, resistance in self._resistances:
            if section.Ra != resistance:
                section.Ra = resistance
        _set_globals(self.h, self._globals)
        self._contexts.nthread(trial.resources.threads)
        self.h.Random().Random123_globalindex(trial.seed)

    def insert(self, section: Any, mechanism: str) -> None:
        """Insert a density mechanism.

        Raises:
            OptionError: There is none of that name; names the near ones.
        """
        known = [name for name in _mechanisms(self.h, 0) if name not in ("morphology", "capacitance")]
        if mechanism not in known:
            raise OptionError(f"NEURON: {near(mechanism, sorted(known), 'mechanism')}")
        section.insert(mechanism)

    def parameters_of(self, mechanism: str) -> list[str]:
        """The parameters of a density mechanism, without its name at their end."""
        return [name.removesuffix(f"_{mechanism}") for name, _ in _variables(self.h, mechanism, PARAMETERS)]

    def load_swc(self, path: Path) -> "Morphology":
        """The sections of a morphology.

        Raises:
            NotFoundError: There is no such file.
            OptionError: It does not parse.
        """
        read_swc(path)
        self.h.load_file("import3d.hoc")  # not before it is needed: it takes 0.1 s
        cell = Morphology()
        with contextlib.redirect_stdout(io.StringIO()):  # its remarks on somata
            reader = self.h.Import3d_SWC_read()
            reader.input(str(path))
            self.h.Import3d_GUI(reader, False).instantiate(cell)
        return cell

    def run(
        self,
        *,
        duration: float,
        voltages: Mapping[str, Any],
        v_init: float = -65.0,
        dt: float = 0.025,
        every: float = 0.1,
    ) -> tuple[Floats, dict[str, Floats]]:
        """Simulate from `v_init` on, with fixed steps, and record membrane voltages.

        Args:
            duration: Simulated time, ms.
            voltages: Name → segment, such as `soma(0.5)`.
            v_init: Initial voltage, mV.
            dt: Time step, ms.
            every: Time between samples, ms; a multiple of the time step.

        Returns:
            The times (samples,) in ms, and for each name the voltages (samples,) in mV.

        Raises:
            OptionError: The time step does not divide the time between samples.
        """
        samples = check_step(self, duration, dt, every)
        h = self.h
        h.dt = dt
        recorders = {name: h.Vector().record(segment._ref_v, every) for name, segment in voltages.items()}
        h.finitialize(v_init)
        self._contexts.psolve(duration)
        found: dict[str, Floats] = {name: np.array(recorder)[:samples] for name, recorder in recorders.items()}
        if any(len(one) < samples for one in found.values()):
            raise Invalid(f"diverged: NEURON stopped after {h.t:g} of {duration:g} ms")
        return sample_times(samples, every), found

    # --- what build made, and how to get back to it ---

    def _rebuild(self) -> None:
        h = self.h
        self._contexts = h.ParallelContext()
        self._contexts.set_maxstep(10.0)
        h.CVode().active(False)
        _set_globals(h, _pristine(h))
        before = set(h.allsec())
        self._sections: list[Any] = []  # should `build` raise, what it left is found and deleted
        try:
            self.build()
        finally:
            self._sections = [section for section in h.allsec() if section not in before]
        self._built_shape = self._shape()
        pointers = [pointer for section in self._sections for pointer in _pointers(h, section)]
        self._pointers = h.PtrVector(max(1, len(pointers)))
        for place, pointer in enumerate(pointers or [h._ref_t]):
            self._pointers.pset(place, pointer)
        self._values = h.Vector(max(1, len(pointers)))
        self._pointers.gather(self._values)
        self._resistances = [(section, section.Ra) for section in self._sections]
        self._globals = _globals(h)

    def _delete(self) -> None:
        self._pointers = self._values = None
        for section in self._sections:
            self.h.delete_section(sec=section)
        self._sections, self._resistances = [], []

    def _shape(self) -> list[Any]:
        """What cannot be set back: which sections there are, how they are divided, and what is in them."""
        try:
            return [
                (
                    (section.nseg, section.L, str(section.parentseg())),
                    [
                        (
                            segment.diam,
                            [one.name() for one in segment],
                            [one.hname() for one in segment.point_processes()],
                        )
                        for segment in section
                    ],
                )
                for section in self._sections
            ]
        except ReferenceError:  # a section was deleted
            return []


class Morphology:
    """The sections of a cell, by region; lists that are empty where a region has none."""

    def __init__(self) -> None:
        self.soma: list[Any] = []
        self.axon: list[Any] = []
        self.dend: list[Any] = []
        self.apic: list[Any] = []
        self.all: list[Any] = []

    def __str__(self) -> str:
        return "cell"  # begins the names of its sections


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
    _pristine(h)
    return h


_PRISTINE: dict[str, float] = {}


def _pristine(h: Any) -> dict[str, float]:
    """The settings and globals that NEURON began with in this process."""
    if not _PRISTINE:
        _PRISTINE.update(_globals(h))
    return _PRISTINE


def _globals(h: Any) -> dict[str, float]:
    names = [name for kind in (0, 1) for one in _mechanisms(h, kind) for name, _ in _variables(h, one, GLOBALS)]
    return {name: float(getattr(h, name)) for name in (*SETTINGS, *names)}


def _set_globals(h: Any, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if getattr(h, name) != value:
            setattr(h, name, value)


def _mechanisms(h: Any, kind: int) -> list[str]:
    """Names of the density mechanisms (0) or of the point processes (1)."""
    types, name = h.MechanismType(kind), h.ref("")
    found = []
    for place in range(int(types.count())):
        types.select(place)
        types.selected(name)
        found.append(str(name[0]))
    return found


def _variables(h: Any, mechanism: str, kind: int) -> list[tuple[str, int]]:
    """(name, length) of a mechanism's variables of a kind."""
    standard, name = h.MechanismStandard(mechanism, kind), h.ref("")
    found = []
    for place in range(int(standard.count())):
        length = int(standard.name(name, place))
        found.append((str(name[0]), length))
    return found


def _pointers(h: Any, section: Any) -> Iterator[Any]:
    """Pointers to all parameters of a section's segments and of the point processes on them."""
    for segment in section:
        yield segment._ref_cm
        for mechanism in segment:
            yield from _pointers_of(h, mechanism.name(), segment)
        for process in segment.point_processes():
            yield from _pointers_of(h, process.hname().partition("[")[0], process)


def _pointers_of(h: Any, mechanism: str, holder: Any) -> Iterator[Any]:
    for name, length in _variables(h, mechanism, PARAMETERS):
        pointer = getattr(holder, f"_ref_{name}")
        if length == 1:
            yield pointer
        else:
            yield from (pointer[place] for place in range(length))
