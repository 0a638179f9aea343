import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l.errors import Invalid, MissingPart, OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.optimizees import ArborOptimizee
from l2l.optimizees.simulator import finite
from l2l.space import ParameterSpace, Real
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Minimize, Resources, Status, Trial
from l2l.worker.evaluate import evaluate


class Sphere(ArborOptimizee):
    """A modeller's own model: a ball with a leak, charged by a current.

    Args:
        mechanism: In its membrane.
        place: Where the voltage is recorded.
        dt: Time step, ms.
    """

    space = ParameterSpace(g=Real(1e-5, 1e-2, log=True, unit="S/cm2"))
    objectives = (Minimize("depolarization", unit="mV"),)
    stochastic = False

    def __init__(self, *, mechanism: str = "pas", place: str = "(root)", dt: float = 0.025) -> None:
        self.mechanism, self.place, self.dt = mechanism, place, dt

    def build(self) -> None:
        self.tree = self.arbor.segment_tree()
        self.tree.append(self.arbor.mnpos, (-5, 0, 0, 5), (5, 0, 0, 5), tag=1)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        decor = self.arbor.decor().paint("(all)", self.density(self.mechanism, {"g": individual["g"], "e": -65.0}))
        step = self.arbor.i_clamp(0.0 * self.units.ms, 1000.0 * self.units.ms, 0.01 * self.units.nA)
        self.cell = self.arbor.cable_cell(self.tree, decor.place("(root)", step))

    def measure(self, individual: Individual, trial: Trial) -> float:
        times, voltages = self.run(self.cell, duration=200.0, voltages={"soma": self.place}, dt=self.dt, every=1.0)
        assert voltages["soma"].shape == (1, times.size) == (1, 200)
        return float(finite("voltage", voltages["soma"])[0, -1]) + 65.0


class TestSphere(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return Sphere()


def simulated(sphere: Sphere, g: float = 1e-3, threads: int = 1) -> float:
    individual = sphere.space.individual({"g": g})
    return float(sphere.simulate(individual, Trial(individual, entropy=1, resources=Resources(threads=threads))))


def test_a_charged_sphere_obeys_ohms_law() -> None:
    sphere = Sphere()
    area = 3.14159265e-6  # cm2, of a cylinder of 10 µm by 10 µm
    for g in (1e-4, 1e-3):
        assert simulated(sphere, g) == pytest.approx(0.01e-9 / (g * area) * 1e3, rel=1e-3)


def test_the_threads_of_the_trial_do_not_change_the_result() -> None:
    sphere = Sphere()
    assert simulated(sphere) == simulated(sphere, threads=2)


def test_a_modellers_own_mechanisms_are_offered() -> None:
    class Allen(Sphere):
        def catalogue(self) -> Any:
            return self.arbor.allen_catalogue()

    allen = Allen()
    allen.setup()
    assert allen.density("Ih", {"gbar": 1e-4}) is not None
    with pytest.raises(OptionError, match="no density mechanism 'hh'"):
        allen.density("hh")


def test_connected_cells_are_simulated_by_a_recipe_with_the_seed_and_threads_of_the_trial() -> None:
    chain = Chain()
    individual = chain.space.individual({"delay": 7.0})
    trial = Trial(individual, entropy=1, resources=Resources(threads=2))
    assert chain.simulate(individual, trial) == pytest.approx(7.0, abs=0.1)
    assert chain.simulate(chain.space.default, Trial(chain.space.default)) == pytest.approx(5.5, abs=0.1)


class Chain(ArborOptimizee):
    """Two integrate-and-fire neurons: the first is made to fire, and makes the second fire after a delay."""

    space = ParameterSpace(delay=Real(1.0, 10.0, unit="ms"))
    objectives = (Minimize("latency", unit="ms"),)
    stochastic = False

    def build(self) -> None:
        arbor, ms = self.arbor, self.units.ms

        class Two(arbor.recipe):  # type: ignore[misc]
            delay = 1.0

            def num_cells(self) -> int:
                return 2

            def cell_kind(self, gid: int) -> Any:
                return arbor.cell_kind.lif

            def cell_description(self, gid: int) -> Any:
                return arbor.lif_cell("source", "target")

            def connections_on(self, gid: int) -> list[Any]:
                return [arbor.connection((0, "source"), "target", 1000.0, self.delay * ms)] if gid else []

            def event_generators(self, gid: int) -> list[Any]:
                schedule = arbor.explicit_schedule([1.0 * ms])
                return [] if gid else [arbor.event_generator("target", 1000.0, schedule)]

        self.recipe = Two()

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        self.recipe.delay = individual["delay"]

    def measure(self, individual: Individual, trial: Trial) -> float:
        simulation = self.simulation(self.recipe)
        simulation.record(self.arbor.spike_recording.local)
        simulation.run(20.0 * self.units.ms)
        times = {int(source["gid"]): float(time) for source, time in simulation.spikes()}
        return times[1] - times[0]


def test_an_unknown_mechanism_or_parameter_is_named_and_the_next_trial_is_right(tmp_path: Path) -> None:
    right = simulated(Sphere())
    wrong = Sphere(mechanism="pax")
    found = evaluate(wrong, Trial(wrong.space.default, root=tmp_path))
    assert found.status is Status.FAILED
    assert found.failure is not None and "no density mechanism 'pax'; did you mean 'pas'" in found.failure.message
    with pytest.raises(OptionError, match="mechanism 'hh': no parameter 'g'"):
        simulated(Sphere(mechanism="hh"))
    assert simulated(Sphere()) == right


def test_a_place_that_is_not_one_point_of_the_cell_is_refused() -> None:
    with pytest.raises(OptionError, match=r"Sphere: voltage 'soma': expected one place on the cell, \(on.* is 0"):
        simulated(Sphere(place="(on-components 0.5 (tag 7))"))


def test_a_label_that_does_not_parse_is_a_failed_trial_with_arbors_text(tmp_path: Path) -> None:
    sphere = Sphere(place="(root")
    found = evaluate(sphere, Trial(sphere.space.default, root=tmp_path))
    assert found.status is Status.FAILED
    assert found.failure is not None and "Missing a closing parenthesis" in found.failure.message


@pytest.mark.parametrize("dt", [0.0, -1.0, 0.3, 2.0])
def test_a_time_step_that_does_not_fit_the_samples_is_refused(dt: float) -> None:
    with pytest.raises(OptionError, match="Sphere: "):
        simulated(Sphere(dt=dt))


class Spiking(ArborOptimizee):
    """A ball that spikes; its trials are recordings."""

    space = ParameterSpace(x=Real(0.0, 1.0))

    def build(self) -> None:
        self.tree = self.arbor.segment_tree()
        self.tree.append(self.arbor.mnpos, (-5, 0, 0, 5), (5, 0, 0, 5), tag=1)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        decor = self.arbor.decor().set_property(Vm=-65 * self.units.mV).paint("(all)", self.density("hh"))
        step = self.arbor.i_clamp(2 * self.units.ms, 100 * self.units.ms, 0.05 * self.units.nA)
        self.cell = self.arbor.cable_cell(self.tree, decor.place("(root)", step))

    def measure(self, individual: Individual, trial: Trial) -> float:
        return 0.0

    def recorded(self, duration: float, dt: float, every: float) -> tuple[np.ndarray, np.ndarray]:
        if not self._ready:
            self.setup()
        self.simulate(self.space.default, Trial(self.space.default))
        times, voltages = self.run(self.cell, duration=duration, voltages={"v": "(root)"}, dt=dt, every=every)
        return times, voltages["v"][0]


@pytest.mark.parametrize(
    ("dt", "stride"), [(0.1, 3), (0.05, 3), (0.2, 3), (0.1, 7), (0.1 / 7, 7), (0.025, 4), (1 / 30, 3), (0.025, 1)]
)
def test_a_sample_is_the_state_at_its_time(dt: float, stride: int) -> None:
    spiking = Spiking()
    times, coarse = spiking.recorded(30.0, dt, stride * dt)
    _, fine = spiking.recorded(30.0, dt, dt)
    np.testing.assert_array_equal(coarse, fine[::stride])
    np.testing.assert_array_equal(times, stride * dt * np.arange(times.size))
    assert times[-1] + stride * dt == pytest.approx(30.0, abs=stride * dt)
    assert np.ptp(coarse) > 60.0


def test_the_last_samples_of_a_recording_that_ends_within_a_step_are_there() -> None:
    spiking = Spiking()
    _, whole = spiking.recorded(10.0, 0.1, 0.1)
    times, part = spiking.recorded(5.01, 0.1, 0.1)
    assert times[-1] == pytest.approx(5.0)
    np.testing.assert_array_equal(part, whole[: part.size])


def test_a_voltage_that_is_no_number_is_invalid_and_the_next_trial_is_right() -> None:
    class Runaway(Sphere):
        space = ParameterSpace(g=Real(-1.0, -1e-5, unit="S/cm2"))  # a negative conductance charges without end

    right = simulated(Sphere())
    with pytest.raises(Invalid, match=r"diverged: voltage is (nan|-?inf) at sample \d+ of 200"):
        simulated(Runaway(), g=-5e-3)
    assert simulated(Sphere()) == right


def test_a_missing_arbor_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "arbor", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MissingPart, match=r"Arbor is not installed here; install it with: pip install 'l2l\[arbor\]'"):
        Sphere().setup()
