"""Features are those of eFEL; what eFEL takes for a silent or a perfect cell is not."""

import math
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import efel
import efel.units
import numpy as np
import pytest

from l2l.errors import Invalid, MissingPart, OptionError
from l2l.optimizees.features import EXPLODED, FEATURES, Trace, measured, unit_of

RECORDED = np.loadtxt(Path(__file__).parents[2] / "experiments/cell/reference.csv", delimiter=",")
TIMES = np.arange(0.0, 200.0, 0.1)
FINE = np.arange(0.0, 200.0, 0.025)
SILENT = np.full(TIMES.size, -65.0)


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    efel.reset()
    yield
    efel.reset()


def trace(voltages: np.ndarray, start: float = 50.0, end: float = 150.0) -> Trace:
    return Trace(TIMES[: voltages.size], voltages, start, end)


def spiking(*peaks: float) -> np.ndarray:
    """Triangular spikes from -70 to 30 mV, 2 ms wide at half their height, each with a trough of -75 mV behind."""
    voltages = np.full(TIMES.size, -70.0)
    for peak in peaks:
        voltages = np.maximum(voltages, 30.0 - 50.0 * np.abs(TIMES - peak))
        since = TIMES - (peak + 2.0)
        voltages[(since > 0.0) & (since < 3.0)] = -75.0
    return voltages


TRACES = {
    **{f"recorded {column}": Trace(RECORDED[:, 0], RECORDED[:, column], 50.0, 150.0) for column in (1, 2, 3)},
    "three spikes": trace(spiking(60.0, 75.0, 105.0)),
    "spikes around the step": trace(spiking(20.0, 80.0, 170.0)),
    "one spike": trace(spiking(80.0)),
    "no spike": trace(SILENT),
    "cut off in a spike": trace(spiking(60.0, 100.0)[:1005], end=100.0),
    "finer": Trace(FINE, np.interp(FINE, TIMES, spiking(60.0)), 50.0, 150.0),
}  # fmt: skip
OTHERS = ("ISI_values", "AP_duration_half_width", "peak_voltage", "steady_state_voltage_stimend", "AP_begin_voltage")


@pytest.mark.parametrize("name", TRACES)
def test_a_feature_is_the_mean_of_what_efel_says(name: str) -> None:
    one = TRACES[name]
    wanted = [*FEATURES, *OTHERS]
    found = measured(one, wanted)
    assert list(found) == wanted
    step = {"T": one.times, "V": one.voltages, "stim_start": [one.start], "stim_end": [one.end]}
    of_efel = [feature for feature in wanted if feature != "depolarization_block"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = efel.get_feature_values([step], of_efel, raise_warnings=False)[0]
    for feature in of_efel:
        if right[feature] is None or not len(right[feature]):
            assert math.isnan(found[feature]), feature
        else:
            assert found[feature] == pytest.approx(np.mean(right[feature]), rel=1e-12), feature


def test_spikes_of_known_shape_have_the_features_that_they_were_made_of() -> None:
    found = measured(trace(spiking(60.0, 75.0, 105.0)))
    assert found["spike_count"] == 3.0
    assert found["time_to_first_spike"] == pytest.approx(10.0)
    assert found["all_ISI_values"] == pytest.approx(22.5)
    assert found["AP_amplitude"] == pytest.approx(100.0, abs=5.1)  # the beginning lies within a sample of the corner
    assert found["spike_half_width"] == pytest.approx(2.0, abs=0.11)
    assert found["AHP_depth"] == pytest.approx(-5.0)
    assert found["voltage_base"] == pytest.approx(-70.0)
    assert found["minimum_voltage"] == pytest.approx(-75.0)
    assert found["maximum_voltage"] == pytest.approx(30.0)


def test_a_trace_without_spikes_has_no_features_of_spikes() -> None:
    found = measured(trace(SILENT))
    assert found["spike_count"] == found["depolarization_block"] == 0.0
    assert found["voltage_base"] == found["minimum_voltage"] == found["maximum_voltage"] == -65.0
    nothing = {name for name, value in found.items() if math.isnan(value)}
    assert nothing == {"time_to_first_spike", "AP_amplitude", "spike_half_width", "AHP_depth", "all_ISI_values"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e30, -1e30, 1.01 * EXPLODED, -1.01 * EXPLODED])
@pytest.mark.parametrize("since", [0.0, 62.0, 199.9])
def test_a_trace_that_diverged_is_invalid_whenever_it_did(value: float, since: float) -> None:
    voltages = spiking(60.0)
    voltages[round(10.0 * since) :] = value
    with pytest.raises(Invalid, match="diverged"):
        measured(trace(voltages))


def blocked(after: float, level: float) -> np.ndarray:
    """One that spikes until it stays high."""
    voltages = spiking(60.0, 75.0, 90.0)
    voltages[round(10.0 * after) : 1500] = level
    return voltages


@pytest.mark.parametrize(
    ("voltages", "expected"),
    [
        (SILENT, 0.0),
        (spiking(*np.arange(55.0, 150.0, 10.0)), 0.0),
        (blocked(50.0, -30.0), 1.0),  # from the beginning of the step, without a spike
        (blocked(62.0, -45.0), 1.0),
        (blocked(120.0, -30.0), 0.0),  # too short to tell
        (blocked(62.0, -55.0), 0.0),
        (np.where(TIMES < 50.0, -30.0, -65.0), 0.0),  # before the step
        (np.full(TIMES.size, -30.0), 1.0),
    ],
)
def test_a_cell_in_depolarization_block_is_seen(voltages: np.ndarray, expected: float) -> None:
    assert measured(trace(voltages))["depolarization_block"] == expected


def test_in_a_short_step_half_of_it_makes_a_block() -> None:
    assert measured(trace(blocked(50.0, -30.0), end=70.0))["depolarization_block"] == 1.0
    assert measured(trace(blocked(62.0, -30.0), end=70.0))["depolarization_block"] == 0.0


def test_settings_of_others_do_not_change_what_is_measured_and_are_left_to_them() -> None:
    one = trace(spiking(60.0, 75.0, 105.0))
    right = measured(one)
    efel.set_setting("Threshold", 40.0)
    efel.set_setting("interp_step", 1.0)
    assert measured(one) == right
    assert efel.get_settings().Threshold == 40.0
    assert efel.get_settings().interp_step == 1.0
    with pytest.raises(Invalid):
        measured(trace(np.full(TIMES.size, math.nan)))
    assert efel.get_settings().Threshold == 40.0


def test_the_order_of_measurements_has_no_influence() -> None:
    alone = {name: measured(one) for name, one in TRACES.items()}
    for name, one in reversed(TRACES.items()):
        np.testing.assert_equal(measured(one), alone[name])


def test_units_are_those_of_efel_and_spreads_are_positive() -> None:
    assert all(one.spread > 0.0 for one in FEATURES.values())
    said = efel.units.get_unit
    for name in set(FEATURES) - {"depolarization_block", "spike_count"}:
        assert unit_of(name) == said(name)
    assert unit_of("spike_count") == unit_of("depolarization_block") == ""
    assert unit_of("peak_voltage") == "mV" and unit_of("ISI_CV") == ""


def test_an_unknown_feature_is_named_with_the_near_ones() -> None:
    with pytest.raises(OptionError, match="no feature 'AP_amplitud'; did you mean 'AP_amplitude'"):
        unit_of("AP_amplitud")


def test_a_missing_efel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "efel", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MissingPart, match=r"eFEL is not installed here; install it with: pip install 'l2l\[efel\]'"):
        measured(trace(SILENT))
