"""A cell's conductances, fitted to its voltage under current steps: what the models in Arbor and NEURON share.

The task is that of S. Druckmann et al. (2007), A novel multiple objective optimization framework for constraining
conductance-based neuron models by experimental data, Frontiers in Neuroscience 1, doi:10.3389/neuro.01.1.1.001.2007:
errors are differences of features in units of their experimental standard deviation.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from l2l.errors import Invalid, L2LError, NotFoundError, OptionError
from l2l.individual import Individual
from l2l.optimizees.cell import Cell
from l2l.optimizees.features import FEATURES, Trace, checked, library, measured, unit_of
from l2l.optimizees.morphology import Floats
from l2l.optimizees.simulator import Simulator, check_number, check_step, sample_times
from l2l.space import Fixed, ParameterSpace
from l2l.values import Minimize, Observable, Outcome, Trial

MISSING = 250.0
"""The error of a feature that the reference shows and the model does not, in standard deviations."""


class CellFit(Simulator):
    """Fits the conductances of a cell of given morphology to how its soma responds to current steps.

    Errors are measured against a reference: the trace in a file, or the cell's own with known conductances. With
    `fit: features` the fitness `error` is the root mean square, over steps and features, of the differences in units of
    `features`; a feature that the reference shows and the model does not counts 250, one that the reference does not
    show is left out. With `fit: trace` the fitness `distance` is the root mean square difference of the voltages, mV. A
    simulation that diverges is invalid. Observables are the features, one entry for each current, NaN where the trace
    does not show it.

    Args:
        morphology: An SWC file whose root is the soma; current and recording are in the middle of the soma, at its root
            where it forks.
        mechanisms: Region (`soma`, `axon`, `dend`, `apic`, `type5` and so on, or `all`) → names of its density
            mechanisms; None for `hh` in soma and axon and `pas` elsewhere, as far as the morphology has them.
        types: Type of samples, `type0` or `type5` → the region to which they belong, or `parent` for that of the sample
            before. Types that are not named here are regions of their own, called so.
        properties: What the cell's parameters are, a number each or a range to be searched:
            `region.mechanism.parameter`, `region.cm` (µF/cm2), `region.Ra` (Ω cm), `region.ena` (and `ek`, `eca`:
            reversal potentials, mV). A region's own goes before `all`. None searches the conductances of the soma and
            the leaks elsewhere.
        truth: The searched parameters that make the reference.
        reference: A text file with the reference: a column of times in ms and one of voltages in mV for each current,
            between white space or commas; `#` begins a remark.
        currents: Steps of current, nA.
        delay: Time before the step, ms.
        duration: Length of the step, ms.
        after: Time after it, ms.
        fit: What is compared with the reference.
        features: Feature → its standard deviation from experiment to experiment, in its own unit. There are those of
            the eFEL library, by its names, and `depolarization_block`. None takes the usual ones that the reference
            shows.
        separate: One objective for each feature (`AP_amplitude_error`), over all currents, not their mean.
        temperature: °C.
        v_init: Initial voltage, mV.
        dt: Time step, ms.
        every: Time between samples, ms.
        max_length: The longest compartment, µm.

    Raises:
        NotFoundError: The morphology or the reference is not there.
        OptionError: An option is out of range, does not fit the morphology or the reference, or a file does not parse.
    """

    stochastic = False

    def __init__(
        self,
        *,
        morphology: Path,
        mechanisms: Mapping[str, Sequence[str]] | None = None,
        properties: ParameterSpace | None = None,
        types: Mapping[str, str] | None = None,
        truth: Mapping[str, float] | None = None,
        reference: Path | None = None,
        currents: Sequence[float] = (-0.1, 0.2, 0.4),
        delay: float = 50.0,
        duration: float = 100.0,
        after: float = 20.0,
        fit: Literal["features", "trace"] = "features",
        features: Mapping[str, float] | None = None,
        separate: bool = False,
        temperature: float = 6.3,
        v_init: float = -65.0,
        dt: float = 0.025,
        every: float = 0.1,
        max_length: float = 20.0,
    ) -> None:
        for name, number, above in (
            ("delay", delay, 10.0 * every),
            ("duration", duration, 10.0 * every),
            ("after", after, 0.0),
            ("max_length", max_length, 0.0),
        ):
            check_number(self, name, number, above=above)
        for name, number in (("temperature", temperature), ("v_init", v_init)):
            check_number(self, name, number, most=200.0, least=-200.0)
        for current in currents:
            check_number(self, "currents", current)
        self.samples = check_step(self, delay + duration + after, dt, every)
        self.morphology, self.fit = morphology, fit
        self.currents = tuple(map(float, currents))
        if not self.currents:
            raise OptionError(f"{type(self).__name__}: option 'currents': expected at least one, in nA, got none")
        self.delay, self.duration, self.length = delay, duration, delay + duration + after
        self.temperature, self.v_init, self.dt, self.every = temperature, v_init, dt, every
        self.max_length = max_length
        self.cell = Cell(type(self).__name__, morphology, mechanisms, properties, types)
        self.space = self.cell.space
        self._choose_objectives(features, separate)
        self._choose_reference(truth, reference)

    # --- hooks of the simulators ---

    @abstractmethod
    def voltages(self, individual: Individual, trial: Trial) -> Floats:
        """Simulate each current from the beginning: the voltages at the soma, (currents, samples), mV."""

    # --- a trial ---

    def setup(self) -> None:
        """Start the simulator, and make the reference."""
        library()
        super().setup()
        self._prepare()

    def version(self) -> str:
        """The versions of the simulator and of eFEL, which says what features are."""
        return f"{super().version()}, eFEL {library().__version__}"

    @property
    def times(self) -> Floats:
        """Times of the samples, (samples,), ms."""
        return sample_times(self.samples, self.every)

    @property
    def reference_voltages(self) -> Floats:
        """What is to be reproduced, (currents, samples), mV; known once the optimizee is set up."""
        return self._reference

    def response(self, individual: Mapping[str, float]) -> Floats:
        """What the cell answers with an individual's parameters, for plots: (currents, samples), mV.

        Raises:
            Invalid: The simulation diverged.
        """
        if not self._ready:
            self.setup()
        cell = self.space.individual(individual)
        trial = Trial(cell)
        self.reset(trial)
        self.set_parameters(cell, trial)
        return checked(self.voltages(cell, trial))

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        """Simulate the steps and compare them with the reference."""
        voltages = checked(self.voltages(individual, trial))
        rows = self._measured(voltages)
        observed = {name: [row[name] for row in rows] for name in self.observables}
        if self.fit == "trace":
            return Outcome(math.sqrt(float(np.mean((voltages - self._reference) ** 2))), observed)
        errors = {name: self._errors(name, np.array(observed[name])) for name in self._targets}
        if self.separate:
            return Outcome(tuple(math.sqrt(float(np.mean(one**2))) for one in errors.values()), observed)
        return Outcome(math.sqrt(float(np.mean(np.concatenate(list(errors.values())) ** 2))), observed)

    def _measured(self, voltages: Floats) -> list[dict[str, float]]:
        """All features of each trace."""
        end = self.delay + self.duration
        return [measured(Trace(self.times, one, self.delay, end), tuple(self.observables)) for one in voltages]

    def _errors(self, name: str, found: Floats) -> Floats:
        """Of a feature, in standard deviations, for the currents at which the reference shows it."""
        target = self._targets[name]
        shown = ~np.isnan(target)
        errors = np.abs(found - target)[shown] / self.spreads[name]
        return np.where(np.isnan(errors), MISSING, np.minimum(errors, MISSING))

    # --- the reference ---

    def _prepare(self) -> None:
        if self._truth is not None:
            try:
                self._reference = self.response(self._truth)
            except Invalid as invalid:
                problem = f"the reference that it makes is {invalid.reason}; expected finite voltages: is dt too large?"
                raise OptionError(f"{type(self).__name__}: option 'truth': {problem}") from None
        rows = self._measured(self._reference)
        shown = {name: np.array([row[name] for row in rows]) for name in self.spreads}
        absent = [name for name, values in shown.items() if np.isnan(values).all()]
        if absent and (self._features_given or self.separate):
            raise OptionError(
                f"{type(self).__name__}: option 'features': the reference does not show {', '.join(absent)} at any of "
                "the currents; leave it out, or choose other currents"
            )
        self._targets = {name: values for name, values in shown.items() if name not in absent}

    def _choose_reference(self, truth: Mapping[str, float] | None, reference: Path | None) -> None:
        if (truth is None) == (reference is None):
            raise OptionError(
                f"{type(self).__name__}: expected one of the options truth and reference, got both or none"
            )
        self._truth: Individual | None = None
        if reference is not None:
            self._reference = self._read_reference(reference)
        else:
            assert truth is not None
            fixed = {name for name, one in self.space.parameters.items() if isinstance(one, Fixed)}
            missing = [name for name in self.space if name not in truth and name not in fixed]
            if missing:
                raise OptionError(f"{type(self).__name__}: option 'truth': expected {', '.join(missing)} too")
            try:
                self._truth = self.space.individual({**self.space.default, **truth})
            except (L2LError, KeyError) as error:
                raise OptionError(f"{type(self).__name__}: option 'truth': {error.args[0]}") from None

    def _read_reference(self, path: Path) -> Floats:
        try:
            text = path.read_text(encoding="utf-8").replace(",", " ")
        except OSError as error:
            raise NotFoundError(f"{path}: expected a readable file, got: {error.strerror}") from None
        try:
            table = np.loadtxt(text.splitlines(), ndmin=2)
        except ValueError as error:
            raise OptionError(f"{path}: expected columns of numbers, got: {error}") from None
        columns = 1 + len(self.currents)
        if table.shape[1] != columns or len(table) < 2 or not np.isfinite(table).all():
            raise OptionError(
                f"{path}: expected {columns} columns of numbers, the time and one for each of {len(self.currents)} "
                f"currents, got {table.shape[1] if table.size else 0} in {len(table)} lines"
            )
        times = table[:, 0]
        if (np.diff(times) <= 0.0).any() or times[0] > 1e-6 or times[-1] < self.times[-1] - 1e-6:
            raise OptionError(
                f"{path}: expected rising times from 0 to {self.times[-1]:g} ms, got {times[0]:g} to {times[-1]:g}"
            )
        try:
            return checked(np.array([np.interp(self.times, times, column) for column in table[:, 1:].T]))
        except Invalid as invalid:
            raise OptionError(f"{path}: expected voltages in mV, got a trace that {invalid.reason}") from None

    # --- what the options say ---

    def _choose_objectives(self, features: Mapping[str, float] | None, separate: bool) -> None:
        units = {name: one.unit for name, one in FEATURES.items()}
        for name, spread in (features or {}).items():
            try:
                units[name] = unit_of(name)
            except OptionError as error:
                raise OptionError(f"{type(self).__name__}: option 'features': {error}") from None
            check_number(self, f"features.{name}", spread, above=0.0)
        self._features_given = features is not None
        self.spreads = dict(features) if features else {name: one.spread for name, one in FEATURES.items()}
        self.separate = separate
        if separate and self.fit == "trace":
            raise OptionError(f"{type(self).__name__}: option 'separate': expected fit: features, got fit: trace")
        if self.fit == "trace":
            self.objectives = (Minimize("distance", unit="mV"),)
        elif separate:
            self.objectives = tuple(Minimize(f"{name}_error") for name in self.spreads)
        else:
            self.objectives = (Minimize("error"),)
        shape = (len(self.currents),)
        self.observables = {name: Observable(shape=shape, unit=unit) for name, unit in units.items()}
