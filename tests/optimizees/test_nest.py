import io
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.errors import Invalid, OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.optimizees import NestOptimizee
from l2l.optimizees.nest import NestError
from l2l.space import Categorical, ParameterSpace, Real
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Minimize, Observable, Outcome, Resources, Status, Trial
from l2l.worker.evaluate import evaluate

WHATS = (
    *("right", "model", "parameter", "synapse", "receptor", "rule", "recordable", "seed", "duration", "unstable"),
    *("diverging", "silent", "exploding", "aborting"),
)


class Driven(NestOptimizee):
    """Neurons with noise and random synapses, which can be made wrong in many ways."""

    space = ParameterSpace(rate=Real(8000.0, 16000.0, unit="spikes/s"), what=Categorical(*WHATS, default="right"))
    objectives = (Minimize("spikes"),)
    observables: Mapping[str, Observable] = {"V_m": Observable(shape=(39,), unit="mV")}
    max_rate = 400.0

    def prepare(self) -> None:
        probe = self.nest.Create("iaf_psc_alpha")
        self.nest.Simulate(1.0)
        self.rest = float(probe.V_m)

    def build(self) -> None:
        nest = self.nest
        self.neurons = nest.Create("iaf_psc_alpha", 10)
        self.noise = nest.Create("poisson_generator")
        self.recorder = nest.Create("spike_recorder")
        self.meter = nest.Create("voltmeter", params={"start": 0.0, "interval": 1.0})
        nest.Connect(self.noise, self.neurons, syn_spec={"weight": 40.0})
        nest.Connect(self.neurons, self.neurons, {"rule": "fixed_indegree", "indegree": 3}, {"weight": 20.0})
        nest.Connect(self.neurons, self.recorder)
        nest.Connect(self.meter, self.neurons[0])

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        nest, what = self.nest, individual["what"]
        self.noise.rate = individual["rate"]
        wrong: dict[str, Any] = {
            "model": lambda: nest.Create("iaf_psc_alfa"),
            "parameter": lambda: nest.Create("iaf_psc_alpha", params={"C_M": 1.0}),
            "synapse": lambda: nest.Connect(self.neurons, self.neurons, syn_spec={"synapse_model": "stdp_synaps"}),
            "receptor": lambda: nest.Connect(self.neurons, self.neurons, syn_spec={"receptor_type": 7}),
            "rule": lambda: nest.Connect(self.neurons, self.neurons, "some_to_some"),
            "recordable": lambda: nest.Connect(
                nest.Create("multimeter", params={"record_from": ["g_ex"]}), self.neurons
            ),
            "seed": lambda: setattr(nest, "rng_seed", 0),
            "duration": lambda: nest.Simulate(-1.0),
            "unstable": lambda: nest.Create("aeif_cond_alpha", params={"I_e": 1e9}),
            "diverging": lambda: self.neurons[0].set(V_m=np.inf),
            "silent": lambda: self.noise.set(rate=0.0),
            "exploding": lambda: self.neurons.set(I_e=1e6, t_ref=0.1),
            "aborting": os.abort,
        }
        if what in wrong:
            wrong[what]()

    def measure(self, individual: Individual, trial: Trial) -> Outcome:
        self.run(40.0, self.neurons)
        potential = self.recorded(self.meter)
        times, _ = self.spikes(self.recorder, after=1.0)
        assert self.rest == -70.0
        return Outcome(float(times.size), {"V_m": potential})


class TestDriven(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return Driven()

    def test_any_individual_is_simulated_or_declared_invalid(self, ready: Optimizee, tmp_path: Path) -> None:
        """Replaced below: this one has parameters that are meant to fail."""


@pytest.fixture
def driven() -> Driven:
    model = Driven()
    model.setup()
    return model


def trial_of(model: NestOptimizee, *, seed: int = 3, threads: int = 1, **values: Any) -> Trial:
    individual = model.space.individual({**model.space.default, **values})
    return Trial(individual, entropy=seed, resources=Resources(threads=threads))


def simulated(model: NestOptimizee, **values: Any) -> Any:
    trial = trial_of(model, **values)
    return model.simulate(trial.individual, trial)


def same(one: Outcome, other: Outcome) -> bool:
    potentials = one.observables["V_m"], other.observables["V_m"]
    return one.fitness == other.fitness and potentials[0].tobytes() == potentials[1].tobytes()


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("what", "status", "message"),
    [
        ("model", Status.FAILED, "iaf_psc_alfa is not a known model name. There is no model 'iaf_psc_alfa'; did you"),
        ("parameter", Status.FAILED, "C_M"),
        ("synapse", Status.FAILED, "no synapse model 'stdp_synaps'; did you mean 'stdp_synapse"),
        ("receptor", Status.FAILED, "eceptor type 7"),
        ("rule", Status.FAILED, "some_to_some"),
        ("recordable", Status.FAILED, "g_ex"),
        ("seed", Status.FAILED, "RNG seed must be in"),
        ("duration", Status.FAILED, "time cannot be negative"),
        ("unstable", Status.INVALID, "diverged: NEST detected a numerical instability"),
        ("diverging", Status.INVALID, "diverged: V_m is nan"),
        ("silent", Status.INVALID, "silent"),
        ("exploding", Status.INVALID, "spikes/s after 20 ms, max_rate is 400"),
    ],
)
def test_what_goes_wrong_is_an_outcome_with_its_reason_and_the_next_trial_is_right(
    driven: Driven, what: str, status: Status, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = evaluate(driven, trial_of(driven))
    found = evaluate(driven, trial_of(driven, what=what))
    assert found.status is status
    assert found.failure is not None and message in found.failure.message
    after = evaluate(driven, trial_of(driven))
    assert after.fitness == before.fitness
    assert np.array_equal(after.observables["V_m"], before.observables["V_m"])
    assert capfd.readouterr() == ("", "")


def test_errors_of_nest_travel_between_processes_as_text(driven: Driven) -> None:
    with pytest.raises(NestError) as caught:
        simulated(driven, what="parameter")
    packed = io.BytesIO()
    pickler = pickle.Pickler(packed)
    pickler.dispatch_table = {}  # that of all pickles may have been taught to take causes along, as Dask does it
    pickler.dump(caught.value)
    carried = pickle.loads(packed.getvalue())  # noqa: S301 - our own
    assert str(carried).startswith("UnaccessedDictionaryEntry: Unaccessed elements")


def test_errors_that_are_not_of_nest_stay_what_they_are(driven: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driven, "rest", 0.0)
    with pytest.raises(AssertionError):
        simulated(driven)


def test_an_extension_module_that_is_not_there_is_named(driven: Driven) -> None:
    driven.modules = ("pyramidal_module",)
    with pytest.raises(NestError, match="'pyramidal_module' could not be opened"):
        simulated(driven)


@pytest.mark.slow
def test_nest_that_aborts_is_a_crash_and_other_trials_are_as_alone(tmp_path: Path, driven: Driven) -> None:
    experiment = l2l.Experiment(
        Driven(),
        {"name": "grid", "points": {"rate": 2}},
        directory=tmp_path / "run",
        parameters={"what": {"choices": ["right", "aborting"]}},
        launcher={"name": "local", "workers": 2},
        retries=0,
    )
    trajectory = experiment.run()
    statuses = trajectory.individuals["status"]
    assert sorted(Status(int(one)).name for one in statuses) == ["CRASHED", "CRASHED", "OK", "OK"]
    serial = l2l.Experiment(
        Driven(),
        {"name": "grid", "points": {"rate": 2}},
        directory=tmp_path / "serial",
        parameters={"what": "right"},
        launcher="serial",
    ).run()
    right = np.sort(trajectory.individuals["fitness/spikes"][statuses == int(Status.OK)])
    assert right.tobytes() == np.sort(serial.individuals["fitness/spikes"]).tobytes()


# --- what the adapter does for a model ---


def test_seed_and_number_of_threads_decide_the_realization(driven: Driven) -> None:
    potentials = [
        simulated(driven, threads=threads, seed=seed).observables["V_m"]
        for threads, seed in ((1, 3), (1, 3), (2, 3), (2, 3), (1, 4))
    ]
    assert np.array_equal(potentials[0], potentials[1])
    assert np.array_equal(potentials[2], potentials[3])
    assert not np.array_equal(potentials[0], potentials[2])
    assert not np.array_equal(potentials[0], potentials[4])


def test_what_a_model_leaves_behind_does_not_reach_the_next_trial(
    driven: Driven, capfd: pytest.CaptureFixture[str]
) -> None:
    before = simulated(driven)
    nest = driven.nest
    nest.SetDefaults("iaf_psc_alpha", {"C_m": 1.0})
    nest.CopyModel("iaf_psc_alpha", "my_neuron")
    nest.verbosity = nest.VerbosityLevel.ALL
    nest.Prepare()
    assert same(simulated(driven), before)
    assert "my_neuron" not in nest.node_models
    assert capfd.readouterr().err == ""


def test_a_run_in_chunks_is_the_run_in_one(driven: Driven) -> None:
    chunks = simulated(driven)
    driven.max_rate = float("inf")
    assert same(simulated(driven), chunks)


def metered(driven: Driven, duration: float, *, complete: bool, interval: float = 0.5) -> np.ndarray:
    """A neuron with a current, and how NEST's own long simulation has it; times and potentials of the model's run."""
    nest = driven.nest

    def build() -> tuple[Any, Any]:
        neuron = nest.Create("iaf_psc_alpha", params={"I_e": 500.0})
        meter = nest.Create("voltmeter", params={"interval": interval})
        recorder = nest.Create("spike_recorder")
        nest.Connect(meter, neuron)
        nest.Connect(neuron, recorder)
        nest.Connect(neuron, neuron, syn_spec={"weight": 0.0, "delay": 1.5})
        return meter, recorder

    nest.ResetKernel()
    expected, _ = build()
    nest.Simulate(duration + 10.0)
    nest.ResetKernel()
    meter, recorder = build()
    driven.run(duration, complete=complete)
    times, potentials = driven.times(meter), driven.recorded(meter)
    assert times.shape == potentials.shape
    np.testing.assert_array_equal(potentials, expected.events["V_m"][: len(times)])
    np.testing.assert_array_equal(times, expected.events["times"][: len(times)])
    assert driven.spikes(recorder)[0].max() <= duration
    return times


def test_a_recording_says_its_times_and_may_be_complete(driven: Driven) -> None:
    assert metered(driven, 40.0, complete=False)[-1] < 40.0  # the last minimal delay comes with the next run
    times = metered(driven, 40.0, complete=True)
    np.testing.assert_allclose(times, np.arange(1, 81) * 0.5)
    assert driven.nest.biological_time == 40.0 + driven.nest.min_delay
    assert metered(driven, 39.7, complete=True, interval=0.1)[-1] == pytest.approx(39.7)


def test_a_spike_of_the_time_that_a_complete_run_adds_is_left_out(driven: Driven) -> None:
    nest = driven.nest
    nest.ResetKernel()
    generator = nest.Create("spike_generator", params={"spike_times": [3.0, 10.0, 10.5]})
    recorder = nest.Create("spike_recorder")
    nest.Connect(generator, recorder)
    driven.run(10.0, complete=True)
    assert recorder.events["times"].tolist() == [3.0, 10.0, 10.5]
    assert driven.spikes(recorder)[0].tolist() == [3.0, 10.0]
    driven.run(1.0)
    assert driven.spikes(recorder)[0].tolist() == [3.0, 10.0, 10.5]


def test_a_duration_that_is_no_whole_number_of_steps_is_refused(driven: Driven) -> None:
    simulated(driven)
    with pytest.raises(
        OptionError, match=r"'duration': expected whole time steps of 0\.1 ms, got 10\.04 ms; 10 and 10\.1"
    ):
        driven.run(10.04)
    driven.run(0.1 + 0.2)


class Wired(NestOptimizee):
    """A network of which a parameter says how much NEST draws for it, beside neurons with nothing but noise."""

    space = ParameterSpace(indegree=Real(1.0, 9.0), own=Categorical(False, True))
    objectives = (Minimize("V_m"),)

    def build(self) -> None:
        self.neurons = self.nest.Create("iaf_psc_alpha", 10)
        self.watched = self.nest.Create("iaf_psc_alpha", 3)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        nest = self.nest
        nest.Connect(self.neurons, self.neurons, {"rule": "fixed_indegree", "indegree": round(individual["indegree"])})
        nest.Connect(nest.Create("noise_generator", params={"std": 100.0}), self.watched)
        nest.Connect(nest.Create("poisson_generator", params={"rate": 9000.0}), self.watched, syn_spec={"weight": 20.0})
        if individual["own"]:
            self.draw(trial, "noise")

    def measure(self, individual: Individual, trial: Trial) -> float:
        self.run(50.0)
        return float(np.sum(self.watched.V_m))


def test_what_is_drawn_for_a_network_decides_its_noise_unless_that_has_a_stream_of_its_own() -> None:
    model = Wired()
    model.setup()
    assert simulated(model, indegree=2.0, own=False) != simulated(model, indegree=7.0, own=False)
    assert simulated(model, indegree=2.0, own=True) == simulated(model, indegree=7.0, own=True)
    assert simulated(model, indegree=2.0, own=True) != simulated(model, indegree=2.0, own=True, seed=4)


def test_spikes_are_counted_from_the_end_of_a_warm_up(driven: Driven) -> None:
    simulated(driven)
    times, senders = driven.spikes(driven.recorder)
    later, _ = driven.spikes(driven.recorder, after=20.0)
    assert np.allclose(later, times[times > 20.0] - 20.0)
    assert 0 < later.size < times.size
    assert set(senders) <= set(range(1, 11))
    with pytest.raises(Invalid, match=r"^silent$"):
        driven.spikes(driven.recorder, after=1000.0)


def test_importing_nest_leaves_the_process_as_it_was_and_rank_variables_do_not_end_it() -> None:
    program = (
        "import os, sys; flags = sys.getdlopenflags(); from l2l.optimizees.nest import imported_nest; "
        "nest = imported_nest(); print(sys.getdlopenflags() == flags, nest.num_processes, os.environ['PMIX_RANK'])"
    )
    environment = os.environ | {"OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True 1 1\n", "")
