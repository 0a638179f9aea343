"""What a voltage trace under a current step shows, as electrophysiologists measure it: spikes, their shape, rest.

Features are those of the eFEL library with its default settings, by its names: W. Van Geit et al. (2016), BluePyOpt:
leveraging open source software and cloud infrastructure to optimise model parameters in neuroscience, Frontiers in
Neuroinformatics 10, doi:10.3389/fninf.2016.00017. A feature with several values, such as one for each spike, counts
with their mean.

One feature is of this module, since eFEL's own `depol_block_bool` does not see a cell that never fires: in a
`depolarization_block` the voltage stays above -50 mV for half of the step, or for 50 ms where that is shorter.
"""

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from l2l.errors import Invalid, OptionError, near
from l2l.optimizees.morphology import Floats
from l2l.optimizees.simulator import finite, imported

EXPLODED = 500.0
"""No membrane survives it, mV: it breaks down at some hundred millivolts."""

BLOCKED_ABOVE = -50.0
"""From here up the sodium channels of a cell do not recover, mV; eFEL takes it for cells that do not fire, too."""

BLOCKED_FOR = 50.0
"""No spike takes so long, ms; eFEL's default for the shortest block."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A voltage under a current step.

    Args:
        times: (n,), ms, evenly spaced.
        voltages: (n,), mV.
        start: When the current is switched on, ms.
        end: When it is switched off, ms.
    """

    times: Floats
    voltages: Floats
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Feature:
    """One number that is measured from a trace.

    Args:
        unit: Of it and of its spread.
        spread: What counts as one standard deviation from experiment to experiment unless a user says otherwise.
    """

    unit: str
    spread: float


BLOCK = "depolarization_block"

FEATURES: Mapping[str, Feature] = {
    "spike_count": Feature("", 0.5),
    "time_to_first_spike": Feature("ms", 0.5),
    "AP_amplitude": Feature("mV", 2.0),
    "spike_half_width": Feature("ms", 0.05),
    "AHP_depth": Feature("mV", 1.0),
    "all_ISI_values": Feature("ms", 0.5),
    "voltage_base": Feature("mV", 0.5),
    "minimum_voltage": Feature("mV", 0.5),
    "maximum_voltage": Feature("mV", 1.0),
    BLOCK: Feature("", 0.1),
}
"""Name → feature: those that are measured unless a user names others."""


def unit_of(name: str) -> str:
    """The unit of a feature, one of `FEATURES` or any other of eFEL.

    Raises:
        MissingPart: It is not one of `FEATURES`, and eFEL is not installed.
        OptionError: There is none of that name; names the near ones.
    """
    if name in FEATURES:
        return FEATURES[name].unit
    known = library().get_feature_names()
    if name not in known:
        raise OptionError(near(name, sorted({*FEATURES, *known}), "feature"))
    try:
        unit = str(imported("efel.units", "eFEL", "efel").get_unit(name))
    except KeyError:  # eFEL does not say the unit of each
        return ""
    return "" if unit == "constant" else unit


def library() -> Any:
    """The module of eFEL.

    Raises:
        MissingPart: It is not installed.
    """
    return imported("efel", "eFEL", "efel")


def checked(voltages: Floats) -> Floats:
    """Voltages, if a membrane can have them; eFEL takes a trace that diverged for a silent cell, or a perfect one.

    Raises:
        Invalid: The simulation diverged.
    """
    found = finite("voltage", voltages)
    highest = float(np.abs(found).max(initial=0.0))
    if highest > EXPLODED:
        raise Invalid(f"diverged: the voltage reaches {highest:.3g} mV")
    return found


def measured(trace: Trace, names: Sequence[str] = tuple(FEATURES)) -> dict[str, float]:
    """Features of a trace; NaN for those that it does not show.

    Args:
        trace: The voltage and the step.
        names: Of `FEATURES` or of eFEL.

    Raises:
        Invalid: The trace is not that of a membrane: a voltage is no number, or far too large.

    Example:
        >>> times = np.arange(0.0, 100.0, 0.1)
        >>> flat = Trace(times, np.full(1000, -65.0), start=20.0, end=80.0)
        >>> found = measured(flat)
        >>> found["voltage_base"], found["spike_count"], found["AP_amplitude"]
        (-65.0, 0.0, nan)
    """
    checked(trace.voltages)
    values = _of_efel(trace, [name for name in names if name != BLOCK])
    return {name: _blocked(trace) if name == BLOCK else _mean(values[name]) for name in names}


def _of_efel(trace: Trace, names: list[str]) -> Mapping[str, Any]:
    efel = library()
    step = {"T": trace.times, "V": trace.voltages, "stim_start": [trace.start], "stim_end": [trace.end]}
    # eFEL keeps its settings for all of a process: what else uses it shall not change what is measured here, nor
    # find other settings after it.
    settings = efel.get_settings()
    before = copy.copy(vars(settings))
    settings.reset_to_default()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of traces without what a feature is about: its value says so
            return dict(efel.get_feature_values([step], names, raise_warnings=False)[0])
    finally:
        vars(settings).update(before)


def _mean(values: Any) -> float:
    if values is None or not np.size(values):
        return math.nan
    mean = float(np.mean(values))
    return mean if math.isfinite(mean) else math.nan


def _blocked(trace: Trace) -> float:
    """1 where the voltage stays high in the step without a break, else 0."""
    during = (trace.times >= trace.start) & (trace.times < trace.end)
    high = np.concatenate([[False], trace.voltages[during] > BLOCKED_ABOVE, [False]])
    edges = np.flatnonzero(high[1:] != high[:-1])
    longest = float((edges[1::2] - edges[::2]).max(initial=0)) * float(trace.times[1] - trace.times[0])
    return float(longest >= min(BLOCKED_FOR, 0.5 * (trace.end - trace.start)))
