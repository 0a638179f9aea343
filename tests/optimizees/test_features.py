import math

import numpy as np
import pytest

from l2l.optimizees.features import FEATURES, Trace, measured, spikes_of

TIMES = np.arange(0.0, 200.0, 0.1)


def trace(voltages: np.ndarray, start: float = 50.0, end: float = 150.0) -> Trace:
    return Trace(TIMES[: voltages.size], voltages, start, end)


def spiking(peaks: list[float], rest: float = -70.0, top: float = 30.0, half: float = 1.0) -> np.ndarray:
    """Triangular spikes of known height and width, with a trough of known depth behind each."""
    voltages = np.full(TIMES.size, rest)
    for peak in peaks:
        voltages = np.maximum(voltages, top - (top - rest) * np.abs(TIMES - peak) / (2.0 * half))
        since = TIMES - (peak + 2.0 * half)
        voltages[(since > 0.0) & (since < 3.0)] = rest - 5.0
    return voltages


def test_spikes_of_known_shape_have_the_features_that_they_were_made_of() -> None:
    found = measured(trace(spiking([60.0, 75.0, 105.0])))
    assert found["spike_count"] == 3.0
    assert found["time_to_first_spike"] == pytest.approx(10.0, abs=0.01)
    assert found["ISI_values"] == pytest.approx(22.5, abs=0.01)
    assert found["AP_amplitude"] == pytest.approx(100.0, abs=2.6)  # the onset lies within a sample of the corner
    assert found["AP_duration_half_width"] == pytest.approx(2.0, abs=0.06)
    assert found["AHP_depth"] == pytest.approx(-5.0)
    assert found["voltage_base"] == pytest.approx(-70.0)
    assert math.isnan(found["steady_state_voltage_stimend"])


def test_a_trace_without_spikes_has_its_resting_and_steady_voltages_and_no_spike_features() -> None:
    voltages = np.full(TIMES.size, -65.0)
    voltages[(TIMES >= 50.0) & (TIMES < 150.0)] = -80.0
    found = measured(trace(voltages))
    assert found["spike_count"] == 0.0
    assert found["voltage_base"] == pytest.approx(-65.0)
    assert found["steady_state_voltage_stimend"] == pytest.approx(-80.0)
    nothing = {name for name, value in found.items() if math.isnan(value)}
    assert nothing == {"time_to_first_spike", "AP_amplitude", "AP_duration_half_width", "AHP_depth", "ISI_values"}


def test_only_spikes_that_begin_during_the_step_count() -> None:
    assert measured(trace(spiking([20.0, 80.0, 170.0])))["spike_count"] == 1.0
    assert math.isnan(measured(trace(spiking([20.0, 80.0])))["ISI_values"])
    assert measured(trace(spiking([20.0, 170.0])))["spike_count"] == 0.0


def test_a_spike_that_the_record_cuts_off_is_left_out() -> None:
    voltages = spiking([100.0])[: int(100.0 / 0.1)]
    assert spikes_of(trace(voltages)) == []


def test_peaks_and_crossings_are_found_between_the_samples() -> None:
    for shift in (0.0, 0.03, 0.07):
        bump = -70.0 + 100.0 * np.exp(-((TIMES - 80.0 - shift) ** 2) / 2.0)
        (spike,) = spikes_of(trace(bump))
        assert spike.time == pytest.approx(80.0 + shift, abs=1e-3)
        assert spike.peak == pytest.approx(30.0, abs=0.02)


def test_a_slow_swell_over_the_threshold_has_no_onset() -> None:
    swell = -70.0 + 60.0 * np.exp(-((TIMES - 100.0) ** 2) / 800.0)
    found = measured(trace(swell))
    assert found["spike_count"] == 1.0
    assert math.isnan(found["AP_amplitude"]) and math.isnan(found["AP_duration_half_width"])


def test_a_constant_trace_beyond_the_threshold_is_no_spike() -> None:
    assert measured(trace(np.full(TIMES.size, 10.0)))["spike_count"] == 0.0


def test_every_feature_has_a_positive_spread() -> None:
    assert all(one.spread > 0.0 for one in FEATURES.values())
