"""What a voltage trace under a current step shows, as electrophysiologists measure it: spikes, their shape, rest.

The names are those of the eFEL library, and the definitions follow it (W. Van Geit et al. (2016), BluePyOpt: leveraging
open source software and cloud infrastructure to optimise model parameters in neuroscience, Frontiers in
Neuroinformatics 10, doi:10.3389/fninf.2016.00017).

- `spike_count`: how many times the voltage rises through -20 mV during the step.
- `time_to_first_spike`: from the start of the step to the peak of the first spike.
- `AP_amplitude`: from the voltage at which a spike begins, where dV/dt first exceeds 10 mV/ms, to its peak.
- `AP_duration_half_width`: for how long a spike stays above the middle between its beginning and its peak.
- `AHP_depth`: the trough after a spike, up to the next spike or, after a single one, to the end of the step, above
  `voltage_base`; negative where it lies below.
- `ISI_values`: time between the peaks of neighbouring spikes.
- `voltage_base`: mean voltage in the last tenth of the time before the step, the resting potential.
- `steady_state_voltage_stimend`: mean voltage in the last tenth of the step, of traces without spikes only.

Peaks are those of the parabola through the highest sample and its neighbours, and thresholds are crossed between two
samples, so that features are not bound to the sampling grid. Several spikes count with the mean over them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

THRESHOLD = -20.0
"""A spike rises through it, mV."""

ONSET = 10.0
"""A spike begins where the voltage rises faster, mV/ms."""


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

    def mean(self, begin: float, end: float) -> float:
        """The mean voltage in a window of time; NaN where no sample lies in it."""
        inside = self.voltages[(self.times >= begin) & (self.times < end)]
        return float(inside.mean()) if inside.size else math.nan


@dataclass(frozen=True, slots=True)
class Spike:
    """One action potential.

    Args:
        time: Of its peak, ms.
        peak: mV.
        onset: Voltage at which it begins, mV; NaN where it does not rise fast enough.
        width: At half its amplitude, ms; NaN where it has no onset or does not come back.
    """

    time: float
    peak: float
    onset: float
    width: float


def sample_times(samples: int, every: float) -> Floats:
    """The times of samples from 0 on, ms."""
    return np.asarray(every * np.arange(samples), dtype=np.float64)


def spikes_of(trace: Trace) -> list[Spike]:
    """The action potentials that begin during the step, in order; one that the record cuts off is left out."""
    above = trace.voltages > THRESHOLD
    rises = np.flatnonzero(~above[:-1] & above[1:]) + 1
    falls = np.flatnonzero(above[:-1] & ~above[1:]) + 1
    found = []
    for rise in rises[(trace.times[rises] >= trace.start) & (trace.times[rises] < trace.end)]:
        after = falls[falls > rise]
        if after.size:
            found.append(_spike(trace, int(rise), int(after[0])))
    return found


def _spike(trace: Trace, rise: int, fall: int) -> Spike:
    times, voltages = trace.times, trace.voltages
    step = float(times[1] - times[0])
    top = rise + int(np.argmax(voltages[rise:fall]))
    before, highest, after = (float(one) for one in voltages[top - 1 : top + 2])
    curvature = before - 2.0 * highest + after
    shift = 0.5 * (before - after) / curvature if curvature < 0.0 else 0.0
    peak = highest - 0.25 * (before - after) * shift
    onset = _onset(voltages[: top + 1], step)
    return Spike(float(times[top]) + shift * step, peak, onset, step * _width(voltages, top, 0.5 * (onset + peak)))


def _onset(rising: Floats, step: float) -> float:
    """Where the slope of the run-up to a peak, seen from the peak, was last below `ONSET`."""
    slopes = np.diff(rising) / step
    slow = np.flatnonzero(slopes < ONSET)
    slow = slow[slow < int(np.argmax(slopes))] if slopes.size else slow
    if not slow.size or slopes.max() < ONSET:
        return math.nan
    last = int(slow[-1])  # the slope k belongs to the middle between samples k and k + 1
    place = last + 0.5 + (ONSET - slopes[last]) / (slopes[last + 1] - slopes[last])
    return float(np.interp(place, np.arange(rising.size), rising))


def _width(voltages: Floats, top: int, level: float) -> float:
    """Samples between the crossings of a level before and after a peak."""
    if math.isnan(level):
        return math.nan
    below = np.flatnonzero(voltages <= level)
    left, right = below[below < top], below[below > top]
    if not left.size or not right.size:
        return math.nan
    first, last = int(left[-1]), int(right[0])
    up = first + (level - voltages[first]) / (voltages[first + 1] - voltages[first])
    down = last - (level - voltages[last]) / (voltages[last - 1] - voltages[last])
    return float(down - up)


def _base(trace: Trace, spikes: list[Spike]) -> float:
    begin = float(trace.times[0])
    return trace.mean(trace.start - 0.1 * (trace.start - begin), trace.start)


def _steady(trace: Trace, spikes: list[Spike]) -> float:
    return math.nan if spikes else trace.mean(trace.end - 0.1 * (trace.end - trace.start), trace.end)


def _trough(trace: Trace, spikes: list[Spike]) -> float:
    times = [spike.time for spike in spikes]
    ends = times[1:] if len(times) > 1 else [trace.end] * len(times)
    base = _base(trace, spikes)
    depths = []
    for begin, end in zip(times, ends, strict=False):
        between = trace.voltages[(trace.times > begin) & (trace.times < end)]
        depths.append(float(between.min()) - base if between.size else math.nan)
    return _mean(depths)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@dataclass(frozen=True, slots=True)
class Feature:
    """One number that is measured from a trace.

    Args:
        unit: Of it and of its spread.
        spread: What counts as one standard deviation from experiment to experiment unless a user says otherwise.
        measure: From the trace and its spikes; NaN where the trace does not show it.
    """

    unit: str
    spread: float
    measure: Callable[[Trace, list[Spike]], float]


FEATURES: Mapping[str, Feature] = {
    "spike_count": Feature("", 0.5, lambda trace, spikes: float(len(spikes))),
    "time_to_first_spike": Feature(
        "ms", 0.5, lambda trace, spikes: spikes[0].time - trace.start if spikes else math.nan
    ),
    "AP_amplitude": Feature("mV", 2.0, lambda trace, spikes: _mean([one.peak - one.onset for one in spikes])),
    "AP_duration_half_width": Feature("ms", 0.05, lambda trace, spikes: _mean([one.width for one in spikes])),
    "AHP_depth": Feature("mV", 1.0, _trough),
    "ISI_values": Feature(
        "ms", 0.5, lambda trace, spikes: _mean(np.diff([one.time for one in spikes]).tolist()) if spikes else math.nan
    ),
    "voltage_base": Feature("mV", 0.5, _base),
    "steady_state_voltage_stimend": Feature("mV", 0.5, _steady),
}
"""Name → feature, all there are."""


def measured(trace: Trace) -> dict[str, float]:
    """All features of a trace; NaN for those that it does not show.

    Example:
        >>> times = np.arange(0.0, 100.0, 0.1)
        >>> flat = Trace(times, np.full(1000, -65.0), start=20.0, end=80.0)
        >>> measured(flat)["voltage_base"], measured(flat)["spike_count"]
        (-65.0, 0.0)
    """
    spikes = spikes_of(trace)
    return {name: feature.measure(trace, spikes) for name, feature in FEATURES.items()}
