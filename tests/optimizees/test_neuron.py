import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l.errors import Invalid, MissingPart, OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.optimizees import NeuronOptimizee
from l2l.optimizees.simulator import finite
from l2l.space import ParameterSpace, Real
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Minimize, Resources, Status, Trial
from l2l.worker.evaluate import evaluate


class Sphere(NeuronOptimizee):
    """A modeller's own model: a ball with a leak and squid channels, charged by a current.

    Args:
        celsius: Temperature.
        disturb: What each trial leaves behind, beside its parameter.
        dt: Time step, ms.
        mechanism: That is asked for beside the others.
    """

    space = ParameterSpace(g=Real(1e-5, 1e-2, log=True, unit="S/cm2"))
    objectives = (Minimize("depolarization", unit="mV"),)
    stochastic = False

    def __init__(
        self, *, celsius: float = 6.3, disturb: str = "nothing", dt: float = 0.025, mechanism: str = "pas"
    ) -> None:
        self.celsius, self.disturb, self.dt, self.mechanism = celsius, disturb, dt, mechanism
        self.built = 0

    def build(self) -> None:
        self.built += 1
        self.h.celsius = self.celsius
        self.soma = self.h.Section("soma")
        self.soma.L = self.soma.diam = 10.0
        self.insert(self.soma, self.mechanism)
        self.insert(self.soma, "hh")
        self.soma.e_pas = -65.0
        self.clamp = self.h.IClamp(self.soma(0.5))
        self.clamp.delay, self.clamp.dur, self.clamp.amp = 0.0, 1000.0, 0.01

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        self.soma.g_pas = individual["g"]

    def measure(self, individual: Individual, trial: Trial) -> float:
        if self.disturb == "no channels":
            self.soma.gnabar_hh = self.soma.gkbar_hh = self.soma.gl_hh = 0.0
        _, voltages = self.run(duration=50.0, voltages={"soma": self.soma(0.5)}, dt=self.dt, every=1.0)
        getattr(self, f"_{self.disturb.replace(' ', '_')}")()
        return float(finite("voltage", voltages["soma"])[-1]) + 65.0

    def _nothing(self) -> None:
        """Leaves all as it is."""

    _no_channels = _nothing

    def _parameters(self) -> None:
        self.soma.gnabar_hh, self.soma.cm, self.soma.Ra, self.soma.ena = 5.0, 7.0, 11.0, -90.0
        self.clamp.amp, self.clamp.delay = -3.0, 20.0
        self.h.celsius, self.h.usetable_hh, self.h.secondorder = 30.0, 0, 2

    def _shape(self) -> None:
        self.soma.nseg, self.soma.L = 5, 99.0
        self.extra = self.h.Section("extra")
        self.extra.connect(self.soma)
        self.second = self.h.IClamp(self.soma(0.9))

    def _gone(self) -> None:
        self.h.delete_section(sec=self.soma)

    def _not_a_number(self) -> None:
        self.soma.g_pas = float("nan")
        self.run(duration=5.0, voltages={"soma": self.soma(0.5)})
        raise Invalid("disturbed")

    def _hoc_error(self) -> None:
        self.h.execerror("the squid", "is gone")


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    from neuron import h

    yield
    for section in list(h.allsec()):
        h.delete_section(sec=section)


class TestSphere(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return Sphere()


def simulated(sphere: Sphere, g: float = 1e-3, threads: int = 1) -> float:
    individual = sphere.space.individual({"g": g})
    return float(sphere.simulate(individual, Trial(individual, entropy=1, resources=Resources(threads=threads))))


def test_a_charged_sphere_obeys_ohms_law() -> None:
    sphere = Sphere(disturb="no channels")
    area = 3.14159265e-6  # cm2, of a cylinder of 10 µm by 10 µm
    for g in (1e-3, 1e-2):
        assert simulated(sphere, g) == pytest.approx(0.01e-9 / (g * area) * 1e3, rel=1e-3)


def test_sections_are_built_once_and_nothing_is_carried_over() -> None:
    sphere = Sphere()
    first = simulated(sphere)
    assert simulated(sphere, g=1e-2) != first
    assert simulated(sphere) == first
    assert sphere.built == 1


@pytest.mark.parametrize(
    ("disturb", "built"), [("parameters", 1), ("shape", 3), ("gone", 3), ("not a number", 1), ("hoc error", 1)]
)
def test_whatever_a_trial_leaves_behind_the_next_is_as_if_it_were_the_first(disturb: str, built: int) -> None:
    right = simulated(Sphere())
    sphere = Sphere(disturb=disturb)
    for _ in range(2):
        with contextlib.suppress(Invalid, RuntimeError):
            simulated(sphere)
    sphere.disturb = "nothing"
    assert simulated(sphere) == right
    assert sphere.built == built
    assert simulated(Sphere()) == right


def test_two_models_in_one_process_do_not_disturb_each_other() -> None:
    cold, warm = Sphere(), Sphere(celsius=20.0)
    alone = simulated(cold)
    cold.teardown()
    other = simulated(warm)
    assert other != alone
    cold = Sphere(disturb="parameters")
    for _ in range(2):
        assert simulated(cold) == alone
        assert simulated(warm) == other


def test_the_threads_of_the_trial_do_not_change_the_result() -> None:
    sphere = Sphere()
    assert simulated(sphere) == simulated(sphere, threads=2) == simulated(sphere)


def test_what_hoc_prints_of_an_error_is_the_text_of_the_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sphere = Sphere(disturb="hoc error")
    found = evaluate(sphere, Trial(sphere.space.default, root=tmp_path))
    assert found.status is Status.FAILED
    assert found.failure is not None and "NEURON: the squid is gone" in found.failure.message
    assert capfd.readouterr() == ("", "")


def test_what_a_model_writes_itself_still_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    class Talking(Sphere):
        def set_parameters(self, individual: Individual, trial: Trial) -> None:
            print("out", flush=True)
            print("err", file=sys.stderr)
            super().set_parameters(individual, trial)

    simulated(Talking())
    assert capsys.readouterr() == ("out\n", "err\n")


def test_an_unknown_mechanism_is_named_and_leaves_no_section_behind() -> None:
    right = simulated(Sphere())
    with pytest.raises(OptionError, match="NEURON: no mechanism 'pax'; did you mean 'pas'"):
        Sphere(mechanism="pax").setup()
    from neuron import h

    assert len(list(h.allsec())) <= 1
    assert simulated(Sphere()) == right


@pytest.mark.parametrize("dt", [0.0, -1.0, 0.3, 2.0])
def test_a_time_step_that_does_not_fit_the_samples_is_refused(dt: float) -> None:
    with pytest.raises(OptionError, match="Sphere: "):
        simulated(Sphere(dt=dt))


class Spiking(NeuronOptimizee):
    """A ball that spikes; its trials are recordings.

    Args:
        local: None for fixed steps, else whether variable steps are of each cell.
    """

    space = ParameterSpace(x=Real(0.0, 1.0))

    def __init__(self, *, local: bool | None = None) -> None:
        self.local = local

    def build(self) -> None:
        self.balls = [self.h.Section(name) for name in ("ball", "other")]
        for ball in self.balls:
            ball.L = ball.diam = 10.0
            self.insert(ball, "hh")
        self.h.usetable_hh = 0
        self.clamp = self.h.IClamp(self.balls[0](0.5))
        self.clamp.delay, self.clamp.dur, self.clamp.amp = 2.0, 100.0, 0.05
        if self.local is not None:
            self.h.CVode().atol(1e-7)
            self.h.CVode().active(True)
            self.h.CVode().use_local_dt(self.local)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Has none."""

    def measure(self, individual: Individual, trial: Trial) -> float:
        return 0.0

    def recorded(self, duration: float, dt: float, every: float) -> tuple[np.ndarray, np.ndarray]:
        self.simulate(self.space.default, Trial(self.space.default))
        times, voltages = self.run(duration=duration, voltages={"v": self.balls[0](0.5)}, dt=dt, every=every)
        return times, voltages["v"]


@pytest.mark.parametrize(
    ("dt", "stride"), [(0.1, 3), (0.05, 3), (0.2, 3), (0.1, 7), (0.1 / 7, 7), (0.025, 4), (1 / 30, 3), (0.025, 1)]
)
def test_a_sample_is_the_state_at_its_time(dt: float, stride: int) -> None:
    spiking = Spiking()
    times, coarse = spiking.recorded(30.0, dt, stride * dt)
    _, fine = spiking.recorded(30.0, dt, dt)
    np.testing.assert_array_equal(coarse, fine[::stride])
    np.testing.assert_array_equal(times, stride * dt * np.arange(times.size))
    assert np.ptp(coarse) > 60.0


def test_the_last_samples_of_a_recording_that_ends_within_a_step_are_there() -> None:
    spiking = Spiking()
    _, whole = spiking.recorded(10.0, 0.1, 0.1)
    times, part = spiking.recorded(5.01, 0.1, 0.1)
    assert times[-1] == pytest.approx(5.0)
    np.testing.assert_array_equal(part, whole[: part.size])


@pytest.mark.parametrize("local", [False, True])
def test_variable_steps_are_recorded_at_the_same_times(local: bool) -> None:
    variable, fixed = Spiking(local=local), Spiking()
    times, found = variable.recorded(20.0, 0.025, 0.1)
    np.testing.assert_array_equal(variable.recorded(20.0, 0.025, 0.1)[1], found)
    _, right = fixed.recorded(20.0, 0.0005, 0.1)
    assert found.size == times.size == 200
    assert np.ptp(found) > 60.0
    # A spike moves by microseconds with fixed steps of 0.5 µs, at up to 200 mV/ms; a sample off by one would be 20 mV.
    np.testing.assert_allclose(found, right, atol=1.0)


def test_the_integrator_of_one_model_is_not_that_of_another() -> None:
    alone = Spiking().recorded(20.0, 0.025, 0.1)[1]
    variable, fixed = Spiking(local=True), Spiking()
    adaptive = variable.recorded(20.0, 0.025, 0.1)[1]
    for _ in range(2):
        np.testing.assert_array_equal(fixed.recorded(20.0, 0.025, 0.1)[1], alone)
        np.testing.assert_array_equal(variable.recorded(20.0, 0.025, 0.1)[1], adaptive)
    assert not np.array_equal(alone, adaptive)


def test_a_torn_down_model_leaves_no_section_behind() -> None:
    sphere: Any = Sphere()
    sphere.setup()
    sphere.teardown()
    from neuron import h

    assert not list(h.allsec())
    assert simulated(sphere) == simulated(Sphere())


def test_a_missing_neuron_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "neuron", raising=False)
    monkeypatch.setattr(sys, "path", [])
    message = r"NEURON is not installed here; install it with: pip install 'l2l\[neuron\]'"
    with pytest.raises(MissingPart, match=message):
        Sphere().setup()
