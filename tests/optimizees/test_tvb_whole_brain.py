from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.errors import Invalid, NotFoundError, OptionError
from l2l.optimizee import Optimizee
from l2l.optimizees import WholeBrain
from l2l.optimizees.tvb_whole_brain import correlation, order_parameter, upper
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Outcome, Status, Trial
from l2l.worker.evaluate import evaluate

SHORT: dict[str, Any] = {"connectivity": 66, "duration": 200.0, "warmup": 40.0, "reference_runs": 1}


class TestWholeBrain(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return WholeBrain(**SHORT)


def brain(**options: Any) -> WholeBrain:
    made = WholeBrain(**{**SHORT, **options})
    made.setup()
    return made


def simulated(model: WholeBrain, seed: int = 3, **point: float) -> Outcome:
    individual = model.space.individual({**model.space.default, **point})
    return model.simulate(individual, Trial(individual, entropy=seed))


# --- what is measured ---


def test_coupling_makes_regions_alike_and_delays_tell() -> None:
    model = brain(target="structure", connectivity=76, duration=1000.0, warmup=200.0)
    apart, together = (simulated(model, coupling=coupling, speed=20.0).observables for coupling in (0.0, 0.6))
    assert abs(apart["mean_fc"]) < 0.05
    assert together["mean_fc"] > 0.3
    assert together["synchrony"] > apart["synchrony"] + 0.2
    assert simulated(model, coupling=0.6, speed=1.0).observables["mean_fc"] < 0.1


def test_the_model_is_its_own_reference_unless_a_file_is_given(tmp_path: Path) -> None:
    kept = brain(keep_fc=True)
    outcome = simulated(kept)
    pairs = outcome.observables["fc"]
    assert pairs.shape == (66 * 65 // 2,)
    assert -1.0 < outcome.fitness < 1.0
    matrix = np.eye(66)
    matrix[np.triu_indices(66, 1)] = pairs
    matrix = np.maximum(matrix, matrix.T)
    for name, separator in (("fc.txt", " "), ("fc.csv", ","), ("fc.npy", None)):
        path = tmp_path / name
        np.save(path, matrix) if separator is None else np.savetxt(path, matrix, delimiter=separator)
        again = simulated(brain(reference=path))
        assert again.fitness == pytest.approx(correlation(pairs, upper(matrix)), abs=1e-9)
        assert again.observables["mean_fc"] == outcome.observables["mean_fc"]


def test_more_runs_and_other_points_make_another_reference() -> None:
    one, more, elsewhere = (brain(**one) for one in ({}, {"reference_runs": 2}, {"reference_coupling": 0.1}))
    assert len({simulated(model).fitness for model in (one, more, elsewhere)}) == 3
    assert simulated(one).observables == simulated(elsewhere).observables


def test_structure_can_be_the_target() -> None:
    outcome = simulated(brain(target="structure"))
    assert outcome.fitness == outcome.observables["structure"]


def test_lesioned_regions_are_disconnected_and_left_out() -> None:
    model = brain(target="structure", keep_fc=True, lesioned=["rBSTS", "lBSTS"])
    assert simulated(model).observables["fc"].shape == (64 * 63 // 2,)
    assert model.simulator.connectivity.weights[model.regions(model.simulator.connectivity, ["rBSTS"])].sum() == 0.0
    assert simulated(model).fitness != simulated(brain(target="structure")).fitness


def test_order_parameter_is_1_of_one_phase_and_0_of_all() -> None:
    times = np.linspace(0.0, 20.0 * np.pi, 2000)
    same = np.sin(times)[:, None] * np.array([1.0, 2.0, 5.0]) + 3.0
    assert order_parameter(same)[200:-200] == pytest.approx(1.0, abs=1e-6)
    spread = np.sin(times[:, None] + np.arange(4) * np.pi / 2.0)
    assert order_parameter(spread)[200:-200] == pytest.approx(0.0, abs=0.02)


# --- what goes wrong ---


def test_a_brain_that_diverges_or_falls_silent_is_invalid_and_the_next_is_right() -> None:
    expected = simulated(brain(target="structure"))
    for gamma, reason in ((-0.9, "silent: 66 of 66 regions do not vary"), (0.9, "diverged: TemporalAverage at ")):
        linear = {"model": "Linear", "model_parameters": {"gamma": gamma}, "noise": 0.0, "duration": 1200.0}
        model = brain(target="structure", **linear)
        status, said = simulated_status(model, coupling=0.0)
        assert status is Status.INVALID and said.startswith(reason)
        assert simulated(brain(target="structure")) == expected
        with pytest.raises(OptionError, match=f"reference_coupling and reference_speed at which .*: {reason}"):
            brain(reference_coupling=0.0, **linear)


def simulated_status(model: WholeBrain, **point: float) -> tuple[Status, str]:
    individual = model.space.individual({**model.space.default, **point})
    found = evaluate(model, Trial(individual, entropy=1))
    assert found.failure is not None
    return found.status, found.failure.message


def test_connections_that_are_all_alike_correlate_with_nothing() -> None:
    with pytest.raises(Invalid, match="all pairs of regions are connected alike"):
        correlation(np.ones(3), np.arange(3.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "Kuramotto"}, "no model 'Kuramotto'; did you mean 'Kuramoto'"),
        ({"model_parameters": {"tua": 1.0}}, "no parameter 'tua'; did you mean 'tau'"),
        ({"coupling": "Linaer"}, "no coupling 'Linaer'; did you mean 'Linear'"),
        ({"coupling": "PreSigmoidal"}, "'coupling': expected a function with a factor a.*got 'PreSigmoidal'"),
        ({"monitor": "Bolt"}, "no monitor 'Bolt'; did you mean 'Bold'"),
        ({"monitor": "GlobalAverage"}, "'monitor': expected one that records all 66 regions.*got 'GlobalAverage'"),
        (
            {"noise": [0.1, 0.2, 0.3]},
            r"'noise': expected one number, or 2, one for each state variable \(V, W\), got 3",
        ),
        ({"lesioned": ["rBST"]}, "no region 'rBST'; did you mean 'rBSTS'"),
        ({"connectivity": 80}, r"one of tvb-data has \(66, 68, 76, 96, 192\), got 80"),
    ],
)
def test_unknown_names_are_refused_before_the_first_trial(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        brain(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "struktur"}, "'target': expected reference or structure, got 'struktur'"),
        ({"target": "structure", "reference": Path("fc.txt")}, "expected target 'reference' with a reference file"),
        ({"dt": 0.0}, "'dt'.*above 0, got 0.0"),
        ({"period": 0.5}, "'period'.*at least 1.*got 0.5"),
        ({"duration": -1.0}, "'duration'.*above 0, got -1.0"),
        ({"warmup": -1.0}, "'warmup'.*at least 0, got -1.0"),
        ({"reference_speed": 0.0}, "'reference_speed'.*above 0, got 0.0"),
        ({"reference_runs": 0}, "'reference_runs'.*at least 1, got 0"),
        ({"noise": [0.1, -0.1]}, "'noise'.*at least 0, got -0.1"),
        ({"regions": 76}, "no option 'regions'"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        WholeBrain(**options)


def test_a_reference_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"none\.txt: expected a matrix, there is no such file"):
        brain(reference=tmp_path / "none.txt")
    path = tmp_path / "fc.txt"
    path.write_text("these are words")
    with pytest.raises(OptionError, match=r"fc\.txt: expected a matrix as text or \.npy: "):
        brain(reference=path)
    np.savetxt(path, np.eye(76))
    with pytest.raises(OptionError, match=r"expected finite numbers, 66 × 66, got shape \(76, 76\)"):
        brain(reference=path)


# --- an experiment ---


@pytest.mark.slow
def test_one_process_and_two_workers_give_the_same_run(tmp_path: Path) -> None:
    found = []
    for launcher in ("serial", {"name": "local", "workers": 2}):
        experiment = l2l.Experiment(
            WholeBrain(**SHORT),
            {"name": "cma-es", "population": 4},
            directory=tmp_path / f"run{len(found)}",
            launcher=launcher,
            stop=l2l.Stop(generations=2),
            seed=1,
        )
        individuals = experiment.run().individuals
        found.append(np.array([individuals[name] for name in ("parameters/coupling", "fitness/correlation")]))
    np.testing.assert_array_equal(found[0], found[1])
