"""A whole brain in TVB whose global coupling and conduction speed are tuned to functional connectivity.

Networks of oscillators with delays as models of resting-state functional connectivity: G. Deco, V. Jirsa, A. R.
McIntosh, O. Sporns and R. Kötter (2009), Key role of coupling, delay, and noise in resting brain fluctuations, PNAS
106, doi:10.1073/pnas.0901831106. Metastability: M. Shanahan (2010), Metastable chimera states in community-structured
oscillator networks, Chaos 20, doi:10.1063/1.3305451.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import Invalid, NotFoundError, OptionError
from l2l.individual import Individual
from l2l.optimizees.simulator import check_number
from l2l.optimizees.tvb import TvbOptimizee
from l2l.optimizees.tvb_time import BOLD, EVERY_STEP, check_bold, check_period
from l2l.space import ParameterSpace, Real
from l2l.values import Maximize, Observable, Outcome, Trial

Floats = NDArray[np.float64]

TARGETS = ("reference", "structure")

ALPHA = {"a": -0.5}
"""For Generic2dOscillator: a damped oscillation of about 10 Hz that noise keeps alive; TVB's table of 2013."""

PERIOD = 4.0
"""Milliseconds between two samples unless an experiment says otherwise: 25 in a period of 10 Hz."""

STILL = 1e-9
"""Relative deviation below which a region does not vary."""


class WholeBrain(TvbOptimizee):
    """Tunes global coupling and conduction speed until simulated functional connectivity correlates with a reference.

    Each region of a connectivity is a neural mass with noise; they are coupled by the connectivity's weights, scaled so
    that the largest is 1, with delays of tract length over speed. The functional connectivity is the Pearson
    correlation between the regions' signals: the first variable that the monitor records, its modes averaged.

    Parameters: `coupling`, the factor `a` of the coupling function; `speed`, mm/ms. The fitness `correlation` is that
    of the pairs of regions (upper triangle) in the simulated and in the reference matrix. Observables: `structure`,
    the correlation with the symmetric part of the structural weights; `mean_fc`, the mean over pairs; `synchrony` and
    `metastability`, mean and standard deviation in time of the Kuramoto order parameter of the regions' Hilbert
    phases; with `keep_fc` the pairs themselves, `fc`, row by row.

    Unless a file is given the reference comes from the model itself: the mean over `reference_runs` simulations at
    `reference_coupling` and `reference_speed`, with seeds of their own, made once in each evaluating process.

    Args:
        target: `reference`, or `structure`: the structural weights take the place of the reference.
        reference: A matrix (regions, regions) as text or `.npy`, such as a measured functional connectivity.
        reference_coupling: Where the model's own reference is made.
        reference_speed: The same, mm/ms.
        reference_runs: Simulations that it is the mean of.
        reference_seed: Seed of the first of them; the others follow.
        max_coupling: Upper end of the range of `coupling`; a connectivity with more or stronger tracts needs less.
        connectivity: Number of regions of one that tvb-data has (66, 68, 76, 96, 192), or a file as TVB reads it.
        lesioned: Labels of regions that are disconnected, and left out of all that is measured.
        model: Of a region, by its name in TVB.
        model_parameters: Name → value; by default `{a: -0.5}` for Generic2dOscillator and none for others.
        coupling: The coupling function, by its name in TVB; it must have a factor `a`.
        monitor: By its name in TVB; it must record all regions.
        period: Between two samples of the monitor, ms, a multiple of `dt`; 4 ms unless given, or `dt` for monitors
            that record each time step.
        noise: Dispersion of the additive noise, `nsig` in TVB: one number, or one for each state variable.
        dt: Time step, ms; for BOLD it must divide 4 ms.
        duration: Recorded time, ms.
        warmup: Time before that, ms.
        keep_fc: Whether the functional connectivity of each trial is archived.

    Raises:
        OptionError: A number is out of range, or the target unknown; later, in an evaluating process, TVB has no part
            of such a name, or the reference does not fit the connectivity.
        NotFoundError: The reference or the connectivity is not there.
    """

    objectives = (Maximize("correlation"),)

    def __init__(
        self,
        *,
        target: str = "reference",
        reference: Path | None = None,
        reference_coupling: float = 0.8,
        reference_speed: float = 4.0,
        reference_runs: int = 4,
        reference_seed: int = 1,
        max_coupling: float = 1.5,
        connectivity: int | Path = 76,
        lesioned: Sequence[str] = (),
        model: str = "Generic2dOscillator",
        model_parameters: Mapping[str, float] | None = None,
        coupling: str = "Linear",
        monitor: str = "TemporalAverage",
        period: float | None = None,
        noise: float | Sequence[float] = 0.2,
        dt: float = 1.0,
        duration: float = 8000.0,
        warmup: float = 500.0,
        keep_fc: bool = False,
    ) -> None:
        if target not in TARGETS:
            raise OptionError(f"WholeBrain: option 'target': expected {' or '.join(TARGETS)}, got {target!r}")
        if target == "structure" and reference is not None:
            raise OptionError("WholeBrain: expected target 'reference' with a reference file, got 'structure'")
        for name, number in (("reference_speed", reference_speed), ("dt", dt), ("max_coupling", max_coupling)):
            check_number(self, name, number, above=0.0)
        check_number(self, "duration", duration, above=0.0)
        check_number(self, "warmup", warmup, least=0.0)
        check_number(self, "reference_coupling", reference_coupling)
        check_number(self, "reference_runs", reference_runs, least=1)
        check_number(self, "reference_seed", reference_seed, least=0, most=2**31 - 1)
        if period is None:
            period = dt if monitor in EVERY_STEP else PERIOD
        check_number(self, "period", period, least=dt, most=duration / 3.0)
        check_period("WholeBrain: option 'period'", monitor, period, dt)
        if monitor in BOLD:
            check_bold("WholeBrain: option 'dt'", monitor, dt)
        for one in np.atleast_1d(noise):
            check_number(self, "noise", float(one), least=0.0)
        self.space = ParameterSpace(
            coupling=Real(0.0, max_coupling, default=0.2 * max_coupling),
            speed=Real(1.0, 20.0, log=True, unit="mm/ms", default=3.0),
        )
        self.observables = {
            "structure": Observable(),
            "mean_fc": Observable(),
            "synchrony": Observable(),
            "metastability": Observable(),
        } | ({"fc": Observable(ragged=True)} if keep_fc else {})
        self.target, self.reference_file, self.source = target, reference, connectivity
        self.reference_point = {"coupling": reference_coupling, "speed": reference_speed}
        self.reference_seeds = range(reference_seed, reference_seed + reference_runs)
        self.lesioned = tuple(lesioned)
        if model_parameters is None:
            model_parameters = ALPHA if model == "Generic2dOscillator" else {}
        self.parts = {"model": model, "coupling": coupling, "monitor": monitor}
        self.model_parameters, self.period, self.dt = dict(model_parameters), period, dt
        self.noise = np.atleast_1d(np.asarray(noise, dtype=np.float64))
        self.duration, self.warmup, self.keep_fc = duration, warmup, keep_fc
        self._reference: Floats | None = None

    # --- the model ---

    def build(self) -> None:
        """Read the connectivity, make the simulator and the reference."""
        from tvb.simulator.simulator import Simulator

        connectivity = self.connectivity(self.source)
        connectivity.weights = connectivity.scaled_weights(mode="tract")
        lesion = self.regions(connectivity, self.lesioned)
        connectivity.weights[lesion, :] = 0.0
        connectivity.weights[:, lesion] = 0.0
        self._kept = np.setdiff1d(np.arange(connectivity.number_of_regions), lesion)
        if self._kept.size < 3:
            raise OptionError(f"WholeBrain: option 'lesioned': expected to leave at least 3 regions of {lesion.size}")
        self._structure = self._pairs((connectivity.weights + connectivity.weights.T) / 2.0)
        coupling = self.make("coupling", self.parts["coupling"])
        if "a" not in type(coupling).declarative_attrs:
            raise OptionError(
                f"WholeBrain: option 'coupling': expected a function with a factor a, such as 'Linear', "
                f"got {self.parts['coupling']!r}"
            )
        model = self.make("model", self.parts["model"], self.model_parameters)
        if self.noise.size not in (1, model.nvar):
            raise OptionError(
                f"WholeBrain: option 'noise': expected one number, or {model.nvar}, one for each state variable "
                f"({', '.join(model.state_variables)}), got {self.noise.size}"
            )
        noise = self.make("noise", "Additive", {"nsig": self.noise})
        self.simulator = Simulator(
            connectivity=connectivity,
            model=model,
            coupling=coupling,
            integrator=self.make("integrator", "HeunStochastic", {"dt": self.dt, "noise": noise}),
            monitors=(self.make("monitor", self.parts["monitor"], {"period": self.period}),),
        )
        if self.target == "reference":
            file = self.reference_file
            self._reference = self._made_reference() if file is None else self._read_reference(file)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Set global coupling and conduction speed."""
        self._set(individual)

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        """Simulate, and compare the functional connectivity with the reference."""
        signals = self._signals()
        fc = self._fc(signals)
        structure = correlation(fc, self._structure)
        order = order_parameter(signals)
        observed: dict[str, Any] = {
            "structure": structure,
            "mean_fc": float(fc.mean()),
            "synchrony": float(order.mean()),
            "metastability": float(order.std()),
        }
        if self.keep_fc:
            observed["fc"] = fc
        if self._reference is None:
            return Outcome(structure, observed)
        return Outcome(correlation(fc, self._reference), observed)

    # --- parts of it ---

    def _set(self, point: Mapping[str, Any]) -> None:
        self.simulator.coupling.a = np.array([point["coupling"]])
        self.simulator.connectivity.speed = np.array([point["speed"]])

    def _signals(self, seed: int | None = None) -> Floats:
        """Shape (samples, regions), of the regions that are not lesioned."""
        (recording,) = self.run(self.duration, warmup=self.warmup, seed=seed)
        regions = self.simulator.connectivity.number_of_regions
        if recording.values.ndim != 4 or recording.values.shape[2] != regions:
            raise OptionError(
                f"WholeBrain: option 'monitor': expected one that records all {regions} regions, such as "
                f"'TemporalAverage', got {self.parts['monitor']!r}"
            )
        signals: Floats = recording.values[:, 0].mean(axis=-1)[:, self._kept]
        return signals

    def _fc(self, signals: Floats) -> Floats:
        """The correlation of all pairs of signals, shape (pairs,)."""
        still = signals.std(axis=0) <= STILL * (1.0 + np.abs(signals).mean(axis=0))
        if still.any():
            raise Invalid(f"silent: {still.sum()} of {still.size} regions do not vary")
        return upper(np.atleast_2d(np.corrcoef(signals.T)))

    def _pairs(self, matrix: Floats) -> Floats:
        """The upper triangle of the regions that are not lesioned."""
        return upper(matrix[np.ix_(self._kept, self._kept)])

    def _made_reference(self) -> Floats:
        self._set(self.reference_point)
        try:
            found = [self._fc(self._signals(seed)) for seed in self.reference_seeds]
        except Invalid as error:
            raise OptionError(
                f"WholeBrain: expected a reference_coupling and reference_speed at which the model runs, "
                f"got {self.reference_point}: {error}"
            ) from error
        mean: Floats = np.mean(found, axis=0)
        return mean

    def _read_reference(self, path: Path) -> Floats:
        if not path.is_file():
            raise NotFoundError(f"WholeBrain: option 'reference': {path}: expected a matrix, there is no such file")
        try:
            matrix = np.load(path) if path.suffix == ".npy" else np.loadtxt(path, delimiter=_delimiter(path))
        except (ValueError, OSError) as error:
            raise OptionError(
                f"WholeBrain: option 'reference': {path}: expected a matrix as text or .npy: {error}"
            ) from error
        regions = int(self.simulator.connectivity.number_of_regions)
        if matrix.shape != (regions, regions) or not np.isfinite(matrix).all():
            raise OptionError(
                f"WholeBrain: option 'reference': {path}: expected finite numbers, {regions} × {regions}, "
                f"got shape {matrix.shape}"
            )
        return self._pairs(np.asarray(matrix, dtype=np.float64))


def _delimiter(path: Path) -> str | None:
    return "," if path.suffix == ".csv" else None


def upper(matrix: Floats) -> Floats:
    """The entries above the diagonal, row by row."""
    pairs: Floats = matrix[np.triu_indices(matrix.shape[0], 1)]
    return pairs


def correlation(one: Floats, other: Floats) -> float:
    """Pearson's correlation of two vectors of the same length.

    Raises:
        Invalid: One of them is constant.
    """
    if not one.std() or not other.std():
        raise Invalid("no correlation: all pairs of regions are connected alike")
    return float(np.corrcoef(one, other)[0, 1])


def order_parameter(signals: Floats) -> Floats:
    """Kuramoto's order parameter in time, from 0 (all phases) to 1 (one phase).

    Args:
        signals: Shape (samples, regions); their phases are those of the analytic signal, the mean taken off.

    Returns:
        Shape (samples,).
    """
    from scipy.signal import hilbert

    analytic = hilbert(signals - signals.mean(axis=0), axis=0)
    phases = analytic / np.maximum(np.abs(analytic), np.finfo(np.float64).tiny)
    order: Floats = np.abs(phases.mean(axis=1))
    return order
