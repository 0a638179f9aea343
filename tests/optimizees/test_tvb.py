import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l.errors import Invalid, MissingPart, NotFoundError, OptionError
from l2l.individual import Individual
from l2l.optimizees import TvbOptimizee
from l2l.optimizees.tvb import names, seeded
from l2l.space import ParameterSpace, Real
from l2l.values import Maximize, Outcome, Status, Trial
from l2l.worker.evaluate import evaluate


def connectivity_file(folder: Path, regions: int = 5) -> Path:
    """A ring of regions, as TVB reads connectivities."""
    numbers = np.arange(regions)
    distance = np.abs(np.subtract.outer(numbers, numbers))
    distance = np.minimum(distance, regions - distance)
    path = folder / f"ring-{regions}.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, matrix in (("weights", distance == 1), ("tract_lengths", 20.0 * distance)):
            file.writestr(f"{name}.txt", "\n".join(" ".join(f"{one:g}" for one in row) for row in matrix))
        file.writestr("centres.txt", "\n".join(f"region{number} {number} 0 0" for number in numbers))
    return path


class Ring(TvbOptimizee):
    """Coupled oscillators; what a trial recorded is its fitness, down to the last bit."""

    space = ParameterSpace(coupling=Real(0.0, 1.0), speed=Real(-1.0, 20.0, default=4.0))
    objectives = (Maximize("sum"),)

    def __init__(
        self,
        *,
        file: Path | int,
        integrator: str = "HeunStochastic",
        monitor: str = "TemporalAverage",
        period: float = 4.0,
        change: Callable[[Any, Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.file, self.integrator, self.monitor, self.period, self.change = file, integrator, monitor, period, change
        self.values = np.empty(0)

    def build(self) -> None:
        from tvb.simulator.simulator import Simulator

        noise = {"noise": self.make("noise", "Additive", {"nsig": 0.01})} if "Stochastic" in self.integrator else {}
        self.simulator = Simulator(
            connectivity=self.connectivity(self.file),
            model=self.make("model", "Generic2dOscillator", {"a": -0.5}),
            coupling=self.make("coupling", "Linear"),
            integrator=self.make("integrator", self.integrator, {"dt": 1.0, **noise}),
            monitors=(self.make("monitor", self.monitor, {"period": self.period}),),
        )

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        self.simulator.coupling.a = np.array([individual["coupling"]])
        self.simulator.connectivity.speed = np.array([individual["speed"]])
        if self.change is not None:
            self.change(self.simulator, individual)

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        (recording,) = self.run(40.0, warmup=8.0)
        assert recording.times.min() > 8.0
        self.values = recording.values
        return Outcome(float(recording.values.sum()))


@pytest.fixture
def ring(tmp_path: Path) -> Callable[..., Ring]:
    file = connectivity_file(tmp_path)

    def make(**options: Any) -> Ring:
        made = Ring(file=file, **options)
        made.setup()
        return made

    return make


def trial_at(ring: Ring, seed: int = 3, **point: float) -> Trial:
    return Trial(ring.space.individual({**ring.space.default, **point}), entropy=seed)


def simulated(ring: Ring, seed: int = 3, **point: float) -> np.ndarray:
    trial = trial_at(ring, seed, **point)
    ring.simulate(trial.individual, trial)
    return ring.values


# --- what is simulated ---


def test_a_trial_is_what_a_script_gives_with_its_seed(ring: Callable[..., Ring]) -> None:
    adapter = ring()
    from tvb.datatypes.connectivity import Connectivity
    from tvb.simulator import coupling, integrators, models, monitors, noise, simulator

    connectivity = Connectivity.from_file(str(adapter.file))
    connectivity.speed = np.array([7.0])
    additive = noise.Additive(nsig=np.array([0.01]))
    script = simulator.Simulator(
        connectivity=connectivity,
        model=models.Generic2dOscillator(a=np.array([-0.5])),
        coupling=coupling.Linear(a=np.array([0.3])),
        integrator=integrators.HeunStochastic(dt=1.0, noise=additive),
        monitors=(monitors.TemporalAverage(period=4.0),),
    )
    seeded(script, trial_at(adapter).seed)
    script.configure()
    ((times, values),) = script.run(simulation_length=48.0)
    np.testing.assert_array_equal(simulated(adapter, coupling=0.3, speed=7.0), values[times > 8.0])


@pytest.mark.parametrize("integrator", ["HeunStochastic", "EulerStochastic", "HeunDeterministic"])
@pytest.mark.parametrize("correlation_time", [0.0, 5.0])
def test_one_seed_is_one_noise_whatever_the_delays(
    ring: Callable[..., Ring], integrator: str, correlation_time: float
) -> None:
    def colour(simulator: Any, individual: Mapping[str, Any]) -> None:
        if "Stochastic" in integrator:
            simulator.integrator.noise.ntau = correlation_time

    adapter = ring(integrator=integrator, change=colour)
    expected = simulated(adapter, coupling=0.0, speed=4.0)
    for speed in (0.7, 1.0, 3.0, 12.0, 20.0):  # the longest delay is from 2 to 57 time steps
        np.testing.assert_array_equal(simulated(adapter, coupling=0.0, speed=speed), expected)
    assert not np.array_equal(simulated(adapter, coupling=0.0, seed=4), expected)
    assert not np.array_equal(simulated(adapter, coupling=0.5), expected)


def test_one_seed_is_one_history_as_far_back_as_it_goes(ring: Callable[..., Ring]) -> None:
    adapter = ring()

    def history(speed: float, seed: int) -> np.ndarray:
        """From the present back, as far as the longest delay; shape (time steps, coupled variables, regions, modes)."""
        adapter.reset(trial_at(adapter))
        adapter.simulator.connectivity.speed = np.array([speed])
        seeded(adapter.simulator, seed)
        buffer: np.ndarray = adapter.simulator.configure().history.buffer
        return buffer[-np.arange(len(buffer))]

    near, far = history(20.0, 1), history(1.0, 1)
    assert (len(near), len(far)) == (3, 41)
    np.testing.assert_array_equal(near, far[:3])
    assert not np.array_equal(history(20.0, 2), near)
    assert np.unique(far).size == far.size


def test_initial_conditions_without_noise_follow_from_the_seed_too(ring: Callable[..., Ring]) -> None:
    deterministic = ring(integrator="HeunDeterministic")
    first = simulated(deterministic, seed=1)
    assert not np.array_equal(simulated(deterministic, seed=2), first)
    np.testing.assert_array_equal(simulated(deterministic, seed=1), first)


def test_a_second_run_in_a_trial_begins_as_the_first_and_may_have_a_seed_of_its_own(ring: Callable[..., Ring]) -> None:
    adapter = ring()
    expected = simulated(adapter)
    (again,) = adapter.run(40.0, warmup=8.0)
    np.testing.assert_array_equal(again.values, expected)
    (other,) = adapter.run(40.0, warmup=8.0, seed=5)
    assert not np.array_equal(other.values, expected)


class Scalp(Ring):
    """Nothing but the noise of its sensors is random."""

    def build(self) -> None:
        from tvb.simulator.monitors import EEG

        super().build()
        self.simulator.initial_conditions = np.zeros((100, 2, 76, 1))
        self.simulator.monitors = (EEG.from_file(period=4.0),)


def test_noise_of_sensors_follows_from_the_seed() -> None:
    scalp = Scalp(file=76, integrator="HeunDeterministic")
    scalp.setup()
    first = simulated(scalp, seed=1)
    np.testing.assert_array_equal(simulated(scalp, seed=1), first)
    other = simulated(scalp, seed=2)
    assert first.shape[2:] == (65, 1)
    assert not np.array_equal(other, first)


# --- nothing is carried over ---


def change_in_place(simulator: Any, individual: Mapping[str, Any]) -> None:
    if individual["coupling"] > 0.9:
        simulator.connectivity.weights[:] = 0.0
        simulator.model.state_variable_range["V"][0] = -1.0
        simulator.model.a[:] = 1.0
        simulator.integrator.dt = 0.5


def test_what_one_trial_changes_in_place_is_as_built_in_the_next(ring: Callable[..., Ring]) -> None:
    adapter = ring(change=change_in_place)
    expected = simulated(adapter)
    assert simulated(adapter, coupling=1.0).shape == expected.shape
    np.testing.assert_array_equal(simulated(adapter), expected)
    np.testing.assert_array_equal(simulated(ring()), expected)


def explode(simulator: Any, individual: Mapping[str, Any]) -> None:
    if individual["coupling"] > 0.9:
        simulator.model.d = np.array([50.0])
    elif individual["coupling"] > 0.8:
        raise RuntimeError("no such drug")


def test_a_diverging_or_failing_trial_is_recorded_and_the_next_is_right(
    ring: Callable[..., Ring], capfd: pytest.CaptureFixture[str]
) -> None:
    adapter = ring(change=explode)
    expected = simulated(adapter)
    found = evaluate(adapter, trial_at(adapter, coupling=1.0))
    assert found.status is Status.INVALID
    assert found.failure is not None and found.failure.message.startswith("diverged: TemporalAverage at ")
    found = evaluate(adapter, trial_at(adapter, coupling=0.85))
    assert found.status is Status.FAILED
    np.testing.assert_array_equal(simulated(adapter), expected)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_a_speed_that_gives_no_delays_is_invalid(ring: Callable[..., Ring], speed: float) -> None:
    with pytest.raises(Invalid, match=r"conduction speed: expected above 0 mm/ms, got -?\d"):
        simulated(ring(), speed=speed)


def set_where_it_has_no_effect(simulator: Any, individual: Mapping[str, Any]) -> None:
    simulator.conduction_speed = individual["speed"]


def test_a_speed_that_tvb_would_not_use_is_refused(ring: Callable[..., Ring]) -> None:
    with pytest.raises(OptionError, match=r"speed in connectivity\.speed, got 7 mm/ms in Simulator\.conduction_speed"):
        simulated(ring(change=set_where_it_has_no_effect), speed=7.0)


# --- wrong models ---


@pytest.mark.parametrize(
    ("kind", "name", "parameters", "message"),
    [
        ("model", "Generic2dOscilator", {}, "no model 'Generic2dOscilator'; did you mean 'Generic2dOscillator'"),
        ("model", "Generic2dOscillator", {"tua": 1.0}, "Generic2dOscillator: no parameter 'tua'; did you mean 'tau'"),
        ("model", "Generic2dOscillator", {"a": "x"}, "model Generic2dOscillator: .* got {'a': array"),
        ("coupling", "Linaer", {}, "no coupling 'Linaer'; did you mean 'Linear'"),
        ("monitor", "Bolt", {}, "no monitor 'Bolt'; did you mean 'Bold'"),
        ("monitor", "TemporalAverage", {"period": "x"}, "monitor TemporalAverage: .*Need a number"),
        ("integrator", "HeunStochstic", {}, "no integrator 'HeunStochstic'; did you mean 'HeunStochastic'"),
        ("noise", "Aditive", {}, "no noise 'Aditive'; did you mean 'Additive'"),
    ],
)
def test_unknown_parts_name_the_near_ones(
    ring: Callable[..., Ring], kind: str, name: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=f"Ring: .*{message}"):
        ring().make(kind, name, parameters)


@pytest.mark.parametrize("kind", ["coupling", "integrator", "noise"])
def test_every_name_that_is_known_can_be_made(ring: Callable[..., Ring], kind: str) -> None:
    adapter = ring()
    assert len(names(kind)) > 1
    for name in names(kind):
        assert type(adapter.make(kind, name)).__name__ == name


def test_regions_are_found_by_their_labels(ring: Callable[..., Ring]) -> None:
    adapter = ring()
    connectivity = adapter.connectivity(adapter.file)
    assert adapter.regions(connectivity, ["region3", "region0"]).tolist() == [3, 0]
    with pytest.raises(OptionError, match="no region 'region9'; did you mean 'region"):
        adapter.regions(connectivity, ["region9"])


def test_connectivities_come_with_tvb_data_or_in_a_file(ring: Callable[..., Ring], tmp_path: Path) -> None:
    adapter = ring()
    assert adapter.connectivity(68).weights.shape == (68, 68)
    with pytest.raises(OptionError, match=r"one of tvb-data has \(66, 68, 76, 96, 192\), got 80"):
        adapter.connectivity(80)
    with pytest.raises(NotFoundError, match=r"none\.zip: expected a file with a connectivity"):
        adapter.connectivity(tmp_path / "none.zip")
    broken = tmp_path / "broken.zip"
    broken.write_text("no archive")
    with pytest.raises(OptionError, match=r"broken\.zip: expected a connectivity as TVB reads it.*BadZipFile"):
        adapter.connectivity(broken)


@pytest.mark.parametrize(("period", "message"), [(0.2, "at least the time step, 1 ms"), (90.0, "recorded nothing")])
def test_a_monitor_that_cannot_sample_is_refused(ring: Callable[..., Ring], period: float, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        simulated(ring(period=period))


class Nothing(Ring):
    def build(self) -> None:
        pass


def test_a_model_that_builds_no_simulator_or_runs_outside_trials_is_refused(ring: Callable[..., Ring]) -> None:
    with pytest.raises(OptionError, match=r"Nothing\.build\(\): expected a tvb\.simulator.* got None"):
        Nothing(file=Path("unused")).setup()
    with pytest.raises(OptionError, match=r"outside a trial: expected a seed"):
        ring().run(10.0)


# --- importing ---


@pytest.mark.parametrize(("missing", "part"), [("tvb", "TVB"), ("tvb_data", "tvb-data")])
def test_what_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str, part: str) -> None:
    adapter = Ring(file=76)
    if missing == "tvb_data":
        adapter.setup()
    for name in [*sys.modules]:
        if name.partition(".")[0] == missing:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if "editable" not in str(one).lower()])
    with pytest.raises(MissingPart, match=rf"{part} is not installed here; .* pip install 'l2l\[tvb\]'"):
        adapter.setup() if missing == "tvb" else adapter.connectivity(76)


ALONE = """
import logging, sys
root = logging.NullHandler()
logging.root.addHandler(root)
from l2l.optimizees.tvb_import import import_tvb
import_tvb()
from tvb.simulator import models
models.Generic2dOscillator(), models.ReducedWongWang()
logging.getLogger("tvb.simulator").error("nobody reads this")
assert logging.root.handlers == [root], logging.root.handlers
assert "matplotlib" not in sys.modules
"""

AFTER_A_SCRIPT = """
from tvb.simulator.lab import *
import logging
assert len(logging.root.handlers) == 2
from l2l.optimizees.tvb_import import import_tvb
import_tvb()
logging.getLogger("tvb.simulator").error("nobody reads this")
assert logging.root.handlers == [], logging.root.handlers
logging.getLogger("matplotlib").error("said")
"""


def run_at_home(program: str, home: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_importing_it_says_nothing_writes_nothing_and_leaves_logging_alone(tmp_path: Path) -> None:
    assert run_at_home(ALONE, tmp_path, "-W", "error") == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_a_script_that_imported_it_before_has_done_to_logging_is_taken_back(tmp_path: Path) -> None:
    assert run_at_home(AFTER_A_SCRIPT, tmp_path, "-W", "ignore") == "said\n"


def test_the_version_names_the_simulator_and_the_data(ring: Callable[..., Ring]) -> None:
    assert ring().version().startswith("TVB 2.10.")
    assert "tvb-data 3." in ring().version()
    assert not any(type(one).__module__.startswith("tvb") for one in logging.root.handlers)
