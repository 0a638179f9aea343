"""Times of TVB's monitors: what is recorded when, and what TVB would have rounded."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizees import TvbOptimizee, WholeBrain
from l2l.optimizees.simulator import whole_steps
from l2l.optimizees.tvb import Recording
from l2l.optimizees.tvb_time import check_bold, check_period
from l2l.space import ParameterSpace, Real
from l2l.values import Maximize, Trial

DT = 0.1
"""Milliseconds; a multiple of it is seldom a float's."""


class Line(TvbOptimizee):
    """Two regions without noise or coupling that begin at 0 and rise by 1 per ms: a recording says its own time."""

    space = ParameterSpace(nothing=Real(0.0, 1.0))
    objectives = (Maximize("nothing"),)

    def __init__(self, *, monitors: Callable[[Any], Any], dt: float = DT, history: int | None = None) -> None:
        self.make_monitors, self.dt, self.history = monitors, dt, history

    def build(self) -> None:
        from tvb.datatypes.connectivity import Connectivity
        from tvb.simulator import integrators, models, monitors, simulator

        regions = 76
        connectivity = Connectivity(
            weights=np.ones((regions, regions)),
            tract_lengths=np.full((regions, regions), 4.0),
            centres=np.zeros((regions, 3)),
            region_labels=np.array([f"region{one}" for one in range(regions)]),
            cortical=np.ones(regions, bool),
            orientations=np.ones((regions, 3)),
            speed=np.array([4.0]),
        )
        connectivity.configure()
        self.simulator = simulator.Simulator(
            connectivity=connectivity,
            model=models.Linear(gamma=np.array([0.0])),
            integrator=integrators.EulerDeterministic(dt=self.dt),
            monitors=tuple(self.make_monitors(monitors)),
            stimulus=rising(connectivity),
        )
        self.simulator.coupling.a = np.array([0.0])
        if self.history is not None:
            self.simulator.initial_conditions = np.zeros((self.history, 1, regions, 1))

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        pass

    def measure(self, individual: Individual, trial: Trial) -> float:
        return 0.0

    def recorded(self, duration: float, warmup: float = 0.0) -> list[Recording]:
        return self.run(duration, warmup=warmup, seed=1)


def rising(connectivity: Any) -> Any:
    """A stimulus that adds 1 per ms to each region."""
    from tvb.datatypes import equations, patterns

    return patterns.StimuliRegion(
        temporal=equations.Linear(parameters={"a": 0.0, "b": 1.0}),
        connectivity=connectivity,
        weight=np.ones(connectivity.number_of_regions),
    )


def line(monitors: Callable[[Any], Any], **options: Any) -> Line:
    made = Line(monitors=monitors, history=options.pop("history", 11), **options)
    made.setup()
    return made


def signal(recording: Recording) -> np.ndarray:
    values: np.ndarray = recording.values[:, 0, 0, 0]
    return values


# --- what is recorded when ---


@pytest.mark.parametrize("history", [3, 11, 14, 50])
def test_each_monitor_says_when_its_samples_were_and_the_warm_up_is_left_out_exactly(history: int) -> None:
    model = line(
        lambda one: (
            one.Raw(),
            one.SubSample(period=0.3),
            one.TemporalAverage(period=0.3),
            one.GlobalAverage(period=0.6),
        ),
        history=history,
    )
    raw, sub, average, mean = model.recorded(1.2, warmup=0.3)
    np.testing.assert_allclose(raw.times, np.arange(4, 16) * 0.1)
    np.testing.assert_allclose(sub.times, [0.6, 0.9, 1.2, 1.5])
    np.testing.assert_allclose(average.times, [0.45, 0.75, 1.05, 1.35])
    np.testing.assert_allclose(mean.times, [0.6, 1.2])
    for recording in (raw, sub, mean):
        np.testing.assert_allclose(signal(recording), recording.times, atol=1e-12)
    # The three steps of an average end at its window's end: their mean time is half a step after its middle.
    np.testing.assert_allclose(signal(average), average.times + DT / 2.0, atol=1e-12)


def test_an_average_that_lies_in_the_warm_up_in_part_is_left_out() -> None:
    (average,) = line(lambda one: (one.TemporalAverage(period=0.4),)).recorded(2.0, warmup=0.5)
    np.testing.assert_allclose(average.times, [1.0, 1.4, 1.8, 2.2])


def test_nothing_is_recorded_beyond_the_end_and_no_step_too_many_is_simulated() -> None:
    model = line(lambda one: (one.Raw(),))
    assert model.recorded(0.1 + 0.2)[0].times.size == 3  # 3.0000000000000004 steps
    assert model.recorded(0.25)[0].times.size == 2


def test_sensors_sample_at_the_period_that_was_asked_for() -> None:
    model = line(lambda one: (one.EEG.from_file(period=0.3, obsnoise=None), one.SubSample(period=0.3)))
    sensors, regions = model.recorded(3.0)  # int(0.3 / 0.1) is 2
    np.testing.assert_allclose(np.diff(sensors.times), 0.3)
    np.testing.assert_allclose(sensors.times + 0.15, regions.times)


# --- what TVB would round ---


PERIODIC = (
    "SubSample",
    "GlobalAverage",
    "SpatialAverage",
    "TemporalAverage",
    "Bold",
    "AfferentCouplingTemporalAverage",
)


@pytest.mark.parametrize("name", PERIODIC)
@pytest.mark.parametrize("period", [0.25, 0.349, 0.05, 0.0])
def test_a_period_that_is_no_whole_number_of_steps_is_refused(name: str, period: float) -> None:
    expected = (
        "at least the time step, 0.1 ms" if period < DT else r"whole time steps of 0\.1 ms, got .* 0\.[23] and 0\.[34]"
    )
    with pytest.raises(OptionError, match=f"Line: {name}: expected a period of {expected}"):
        line(lambda one: (getattr(one, name)(period=period),))


def test_sensors_refuse_it_too() -> None:
    with pytest.raises(OptionError, match=r"Line: EEG: expected a period of whole time steps of 0\.1 ms, got 0\.25 ms"):
        line(lambda one: (one.EEG.from_file(period=0.25),))


@pytest.mark.parametrize("name", ["Raw", "RawVoi", "AfferentCoupling"])
def test_a_monitor_of_each_step_takes_no_other_period(name: str) -> None:
    for period in (0.0, DT):
        (found,) = line(lambda one, period=period: (getattr(one, name)(period=period),)).recorded(0.5)
        assert found.times.size == 5
    with pytest.raises(OptionError, match=rf"Line: {name}: expected no period, for it records each time step"):
        line(lambda one: (getattr(one, name)(period=4.0),))


@pytest.mark.parametrize(("dt", "steps"), [(0.1, 3), (1.0 / 3.0, 3), (0.01220703125, 80), (1e-3, 123456)])
def test_rounding_of_floats_is_no_mistake(dt: float, steps: int) -> None:
    assert whole_steps(float(f"{steps * dt:.12g}"), dt) == steps
    check_period("Line", "SubSample", steps * dt, dt)
    with pytest.raises(OptionError, match="whole time steps"):
        check_period("Line", "SubSample", (steps + 0.01) * dt, dt)


# --- BOLD ---


def peak(dt: float) -> float:
    """When the BOLD response to 100 ms of activity is largest, ms, as TVB's monitor itself has it."""
    from types import SimpleNamespace

    from tvb.simulator.monitors import Bold

    monitor = Bold(period=20.0 * dt)
    model = SimpleNamespace(variables_of_interest=["x"], number_of_modes=1)
    monitor.config_for_sim(SimpleNamespace(integrator=SimpleNamespace(dt=dt), model=model, number_of_nodes=1))
    steps = np.arange(1, round(2000.0 / dt))
    found = [monitor.record(step, np.full((1, 1, 1), float(step * dt <= 100.0))) for step in steps]
    times, values = zip(*[one for one in found if one is not None], strict=True)
    return float(times[int(np.argmax(np.ravel(values)))])


@pytest.mark.parametrize(
    ("dt", "right"), [(0.5, True), (0.8, True), (1.0, True), (4.0, True), (3.0, False), (6.0, False)]
)
def test_bold_takes_the_time_steps_with_which_its_response_is_right(dt: float, right: bool) -> None:
    line(lambda one: (one.Raw(),))
    assert (abs(peak(dt) - 860.0) <= 20.0 * dt) is right
    if right:
        check_bold("Line", "Bold", dt)
        return
    with pytest.raises(OptionError, match=rf"Line: Bold: expected a time step that divides 4 ms, .* got {dt:g} ms"):
        line(lambda one: (one.Bold(period=20.0 * dt),), dt=dt)


def test_bold_of_a_response_that_is_no_multiple_of_its_samples_is_refused() -> None:
    with pytest.raises(OptionError, match="multiple of 4 ms, got hrf_length 18 ms"):
        line(lambda one: (one.Bold(period=500.0, hrf_length=18.0),))


# --- the whole brain ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period": 2.5}, r"'period': TemporalAverage: expected a period of whole time steps of 1 ms, got 2\.5 ms"),
        (
            {"period": 1.49, "monitor": "SubSample"},
            r"whole time steps of 1 ms, got 1\.49 ms; 1 and 2 ms are the nearest",
        ),
        ({"period": 4.0, "monitor": "Raw"}, "Raw: expected no period"),
        ({"monitor": "Bold", "dt": 3.0, "period": 501.0}, "'dt': Bold: expected a time step that divides 4 ms"),
    ],
)
def test_an_experiment_with_such_a_time_is_refused_before_tvb_is_needed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=f"WholeBrain: option {message}" if message[0] == "'" else message):
        WholeBrain(duration=3000.0, **options)
    assert WholeBrain(monitor="Raw", dt=0.5).period == 0.5
    assert WholeBrain(dt=0.1, period=0.3).period == 0.3
