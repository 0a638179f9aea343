"""The cell that Arbor and NEURON fit: the same in both, its errors, its options and what goes wrong."""

import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l.errors import Invalid, NotFoundError, OptionError
from l2l.optimizee import Optimizee
from l2l.optimizees import ArborCell, NeuronCell
from l2l.optimizees.cell_fit import MISSING, CellFit
from l2l.optimizees.features import FEATURES
from l2l.space import ParameterSpace
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Outcome, Resources, Status, Trial
from l2l.worker.evaluate import evaluate

CELL = Path(__file__).parents[2] / "experiments/cell/cell.swc"
BALL_AND_STICK = "1 1 0 0 0 8 -1\n2 1 16 0 0 8 1\n3 3 16 0 0 1 2\n4 3 150 0 0 1 3\n"

BOTH = pytest.mark.parametrize("cls", [ArborCell, NeuronCell])


def space(**parameters: Any) -> ParameterSpace:
    return ParameterSpace.from_dict({"parameters": {name.replace("__", "."): one for name, one in parameters.items()}})


SQUID = space(
    soma__hh__gnabar={"low": 0.05, "high": 0.3, "log": True},
    soma__hh__gkbar={"low": 0.01, "high": 0.1, "log": True},
    dend__pas__e=-65.0,
    dend__pas__g=1e-4,
)
SHORT: dict[str, Any] = {"delay": 10.0, "duration": 30.0, "after": 5.0}
TRUTH = {"soma.hh.gnabar": 0.12, "soma.hh.gkbar": 0.036}


def options(folder: Path, **changes: Any) -> dict[str, Any]:
    path = folder / "stick.swc"
    path.write_text(BALL_AND_STICK)
    usual = {
        "morphology": path,
        "mechanisms": {"soma": ["hh"], "dend": ["pas"]},
        "properties": SQUID,
        "truth": TRUTH,
        "currents": [0.15],
        **SHORT,
    }
    return usual | changes


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Any]:
    """Makes cells, set up in this process."""
    made: list[CellFit] = []

    def make(cls: type[CellFit], **changes: Any) -> CellFit:
        cell = cls(**options(tmp_path, **changes))
        made.append(cell)
        cell.setup()
        return cell

    yield make
    for one in made:
        one.teardown()


def simulated(cell: CellFit, threads: int = 1, **values: float) -> Outcome:
    named = {name.replace("__", "."): value for name, value in values.items()}
    individual = cell.space.individual({**cell.space.default, **named})
    outcome = cell.simulate(individual, Trial(individual, entropy=1, resources=Resources(threads=threads)))
    assert isinstance(outcome, Outcome)
    return outcome


class TestArborCell(OptimizeeContract):
    silent = True

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make(self) -> Optimizee:
        return ArborCell(**options(self.folder))


class TestNeuronCell(TestArborCell):
    def make(self) -> Optimizee:
        return NeuronCell(**options(self.folder))


# --- one cell, two simulators ---


def both(ready: Any, **changes: Any) -> tuple[np.ndarray, np.ndarray]:
    one, other = (ready(cls, **changes).reference_voltages for cls in (ArborCell, NeuronCell))
    assert one.shape == other.shape
    return one, other


def test_a_passive_cell_has_the_same_voltage_in_both(ready: Any) -> None:
    properties = space(all__pas__g={"low": 1e-5, "high": 1e-3}, all__pas__e=-70.0, all__Ra=150.0, soma__cm=2.0)
    one, other = both(
        ready,
        morphology=CELL,
        mechanisms={"all": ["pas"]},
        properties=properties,
        truth={"all.pas.g": 1e-4},
        currents=[-0.1, 0.2],
    )
    assert np.ptp(one) > 10.0
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_spiking_cell_fires_at_the_same_times_in_both(ready: Any) -> None:
    found = {
        "morphology": CELL,
        "mechanisms": {"all": ["pas"], "soma": ["hh"], "axon": ["hh"]},
        "properties": space(soma__hh__gnabar={"low": 0.05, "high": 0.3}, soma__ena=55.0, all__pas__g=1e-4),
        "truth": {"soma.hh.gnabar": 0.15},
        "currents": [0.4],
        "duration": 80.0,
    }
    cells = [ready(cls, **found) for cls in (ArborCell, NeuronCell)]
    times, peaks = [], []
    for cell in cells:
        voltages = cell.reference_voltages[0]
        inner = voltages[1:-1]
        tops = np.flatnonzero((inner > -20.0) & (inner > voltages[:-2]) & (inner >= voltages[2:])) + 1
        before, highest, after = (voltages[tops + shift] for shift in (-1, 0, 1))
        # The parabola through the highest sample and its neighbours tells the peak between samples.
        shift = 0.5 * (before - after) / (before - 2.0 * highest + after)
        times.append((cell.times[tops] + shift * cell.every).tolist())
        peaks.append((highest - 0.25 * (before - after) * shift).tolist())
    assert len(times[0]) >= 3
    assert times[0] == pytest.approx(times[1], abs=0.05)
    assert peaks[0] == pytest.approx(peaks[1], abs=0.5)
    np.testing.assert_allclose(*(cell.reference_voltages for cell in cells), atol=1.0)


MARKED = """
1 1 0 0 0 8 -1
2 3 8 0 0 1 1
3 5 60 0 0 1 2
4 6 90 40 0 1 3
5 0 90 -40 0 1 3
6 2 -8 0 0 1 1
7 6 -90 0 0 1 6
"""


@BOTH
def test_types_beyond_the_four_are_regions_of_their_own_or_belong_to_others(
    ready: Any, cls: Any, tmp_path: Path
) -> None:
    marked, plain = tmp_path / "marked.swc", tmp_path / "plain.swc"
    marked.write_text(MARKED)
    kinds = {"3 5": "3 3", "4 6": "4 3", "5 0": "5 3", "7 6": "7 2"}
    plain.write_text("".join(kinds.get(line[:3], line[:3]) + line[3:] for line in MARKED.splitlines(keepends=True)))
    usual = {"mechanisms": None, "properties": None}
    truth = {"soma.hh.gnabar": 0.1, "soma.hh.gkbar": 0.03, "soma.hh.gl": 3e-4, "dend.pas.g": 1e-4}
    right = ready(cls, morphology=plain, truth=truth, **usual).reference_voltages
    types = {"type0": "dend", "type5": "parent", "type6": "parent"}
    given = ready(cls, morphology=marked, truth=truth, types=types, **usual).reference_voltages
    np.testing.assert_array_equal(given, right)
    own = {f"type{kind}.pas.g": 1e-4 for kind in (0, 5, 6)}
    cell = ready(cls, morphology=marked, truth={**truth, **own}, **usual)
    assert {name for name in cell.space if name.endswith("pas.g")} == {"dend.pas.g", *own}
    assert not np.array_equal(cell.reference_voltages, right)  # the tip of the axon is of type 6 here
    leaky = cell.response({**truth, **own, "type6.pas.g": 1e-3})
    assert not np.array_equal(leaky, cell.reference_voltages)


@BOTH
def test_samples_are_taken_at_their_times_however_many_steps_are_between(ready: Any, cls: Any) -> None:
    fine = ready(cls, dt=0.1, every=0.1).reference_voltages
    coarse = ready(cls, dt=0.1, every=0.3).reference_voltages
    np.testing.assert_array_equal(coarse, fine[:, ::3])


# --- the error ---


@BOTH
@pytest.mark.parametrize("changes", [{}, {"fit": "trace"}, {"currents": [-0.05, 0.15, 0.3]}])
def test_the_true_conductances_have_no_error_and_others_have_one(ready: Any, cls: Any, changes: dict[str, Any]) -> None:
    cell = ready(cls, **changes)
    true = {name.replace(".", "__"): value for name, value in TRUTH.items()}
    assert simulated(cell, **true).fitness == 0.0
    np.testing.assert_array_equal(
        cell.response(cell.space.individual({**cell.space.default, **TRUTH})), cell.reference_voltages
    )
    near = simulated(cell, **{**true, "soma__hh__gkbar": 0.038}).fitness
    far = simulated(cell, **{**true, "soma__hh__gkbar": 0.06}).fitness
    assert 0.0 < near < far


@BOTH
def test_a_feature_that_the_model_does_not_show_counts_much_and_each_has_its_own_error(ready: Any, cls: Any) -> None:
    wanted = {"spike_count": 0.5, "AP_amplitude": 2.0, "voltage_base": 0.5}
    cell = ready(cls, features=wanted, separate=True)
    assert [one.name for one in cell.objectives] == ["spike_count_error", "AP_amplitude_error", "voltage_base_error"]
    spikes = cell.simulate(cell.space.default, Trial(cell.space.default)).observables["spike_count"][0]
    silent = simulated(cell, soma__hh__gnabar=0.05, soma__hh__gkbar=0.1)
    assert set(silent.observables) == {*FEATURES}
    assert silent.observables["spike_count"] == [0.0]
    assert math.isnan(silent.observables["AP_amplitude"][0])
    assert silent.fitness[:2] == (spikes / 0.5, MISSING)
    together = ready(cls, features=wanted)
    assert simulated(together, soma__hh__gnabar=0.05, soma__hh__gkbar=0.1).fitness == pytest.approx(
        math.sqrt(sum(one**2 for one in silent.fitness) / 3)
    )


@BOTH
def test_any_feature_of_efel_may_be_asked_for_and_is_observed(ready: Any, cls: Any) -> None:
    cell = ready(cls, features={"AP_begin_voltage": 1.0, "depolarization_block": 0.1})
    assert cell.observables["AP_begin_voltage"].unit == "mV"
    silent = simulated(cell, soma__hh__gnabar=0.05, soma__hh__gkbar=0.1)
    assert set(silent.observables) == {*FEATURES, "AP_begin_voltage"}
    assert silent.fitness == pytest.approx(MISSING / math.sqrt(2.0))
    assert simulated(cell, soma__hh__gnabar=0.12, soma__hh__gkbar=0.036).fitness == 0.0
    assert "eFEL" in cell.version()


@BOTH
@pytest.mark.parametrize("current", [0.02, -0.02])
def test_a_leak_is_seen_in_a_cell_that_never_fires(ready: Any, cls: Any, current: float) -> None:
    leak = space(all__pas__g={"low": 1e-5, "high": 1e-2, "log": True}, all__pas__e=-65.0)
    passive = {"mechanisms": {"all": ["pas"]}, "properties": leak, "truth": {"all.pas.g": 1e-4}}
    cell = ready(cls, currents=[current], **passive)
    assert simulated(cell, all__pas__g=1e-4).fitness == 0.0
    assert simulated(cell, all__pas__g=1.2e-4).fitness > 0.5
    assert simulated(cell, all__pas__g=3e-4).fitness > 2.0


@BOTH
def test_a_cell_that_stays_depolarized_is_told_from_one_that_rests(ready: Any, cls: Any) -> None:
    cell = ready(cls, currents=[0.15], features={"depolarization_block": 0.1, "spike_count": 0.5})
    cell.currents = (3.0,)
    blocked = cell.simulate(cell.space.default, Trial(cell.space.default))
    assert blocked.observables["depolarization_block"] == [1.0]
    assert blocked.fitness >= 10.0 / math.sqrt(2.0)


def test_the_reference_may_come_from_a_file_with_times_of_its_own(ready: Any, tmp_path: Path) -> None:
    known = ready(ArborCell, currents=[0.1, 0.15], every=0.05)
    path = tmp_path / "reference.csv"
    table = np.column_stack([known.times, *known.reference_voltages])
    np.savetxt(path, table, delimiter=", ", header="ms, mV, mV")
    fitted = ready(ArborCell, currents=[0.1, 0.15], truth=None, reference=path)
    np.testing.assert_allclose(fitted.reference_voltages, known.reference_voltages[:, ::2], atol=1e-9)
    true = {name.replace(".", "__"): value for name, value in TRUTH.items()}
    assert simulated(fitted, **true).fitness < 0.01


@pytest.mark.slow
def test_the_reference_that_ships_is_what_its_script_makes(tmp_path: Path) -> None:
    shutil.copytree(CELL.parent, tmp_path / "cell")
    made = tmp_path / "cell/reference.csv"
    made.unlink()
    subprocess.run([sys.executable, tmp_path / "cell/reference.py"], check=True)
    np.testing.assert_allclose(
        np.loadtxt(made, delimiter=","), np.loadtxt(CELL.parent / "reference.csv", delimiter=","), atol=0.01
    )


# --- nothing is carried over ---


@BOTH
def test_a_trial_is_the_same_after_others_and_after_ones_that_diverged(ready: Any, cls: Any, tmp_path: Path) -> None:
    cell = ready(cls)
    first = simulated(cell, soma__hh__gnabar=0.12)
    simulated(cell, soma__hh__gnabar=0.3)
    cell.currents = (1e6,)
    individual = cell.space.default
    found = evaluate(cell, Trial(individual, root=tmp_path))
    assert found.status is Status.INVALID
    assert found.failure is not None and "diverged: the voltage reaches" in found.failure.message
    cell.currents = (0.15,)
    assert simulated(cell, soma__hh__gnabar=0.12) == first
    assert simulated(cell, threads=2, soma__hh__gnabar=0.12) == first


@pytest.mark.slow
@BOTH
def test_one_process_and_two_workers_give_the_same_run(cls: Any, tmp_path: Path) -> None:
    found = []
    for launcher in ("serial", {"name": "local", "workers": 2}):
        run = l2l.Experiment(
            cls(**options(tmp_path)),
            {"name": "cma-es", "population": 4},
            directory=tmp_path / f"run{len(found)}",
            launcher=launcher,
            stop={"generations": 2},
            seed=3,
        ).run(progress=None)
        table = run.trials
        assert len(table["number"]) == 8
        columns = [name for name in table if name.startswith(("fitness", "observables"))]
        assert len(columns) == 1 + len(FEATURES)
        found.append({name: np.asarray(table[name]).tobytes() for name in columns})
    assert found[0] == found[1]


@pytest.mark.slow
@BOTH
def test_conductances_are_recovered(cls: Any, tmp_path: Path) -> None:
    run = l2l.Experiment(
        cls(**options(tmp_path, currents=[-0.05, 0.15])),
        {"name": "cma-es", "population": 8},
        directory=tmp_path / "run",
        launcher={"name": "local", "workers": 2},
        stop={"generations": 25, "target": 0.05},
        seed=1,
    ).run(progress=None)
    for name, value in TRUTH.items():
        assert run.best[name] == pytest.approx(value, rel=0.1)


# --- what is refused ---


def properties(**parameters: Any) -> dict[str, Any]:
    return {"properties": space(**parameters), "truth": {name.replace("__", "."): 0.1 for name in parameters}}


@BOTH
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mechanisms": {"some": ["hh"]}}, r"'mechanisms': no region 'some'; did you mean 'soma'"),
        ({"mechanisms": {"type5": ["hh"]}}, r"stick\.swc has no type5; it has soma, dend"),
        ({"types": {"five": "dend"}}, "'types': expected such as type0 or type5, got 'five'"),
        ({"types": {"type05": "dend"}}, "'types': expected such as type0 or type5, got 'type05'"),
        ({"types": {"type5": "dent"}}, "'types': type5: no region 'dent'; did you mean 'dend'"),
        ({"mechanisms": {"axon": ["hh"]}}, r"stick\.swc has no axon; it has soma, dend"),
        (properties(soma__hj__gnabar={"low": 0.0, "high": 1.0}), r"'soma\.hj\.gnabar': no mechanism in soma 'hj'"),
        (properties(some__hh__gnabar={"low": 0.0, "high": 1.0}), "no region 'some'"),
        (
            properties(soma__cn={"low": 0.1, "high": 1.0}),
            r"'soma\.cn': expected region\.mechanism\.parameter or .* cm, Ra",
        ),
        (properties(soma__efe={"low": 0.1, "high": 1.0}), r"'soma\.efe': expected .* ena, ek, eca"),
        (properties(soma__Ra={"low": 0.0, "high": 1.0}), r"'soma\.Ra': expected more than 0, got 0"),
        (properties(soma__cm={"choices": ["a", "b"]}), r"'soma\.cm': expected a number or a range"),
        (properties(soma={"low": 0.1, "high": 1.0}), r"'soma': expected region\.mechanism\.parameter"),
        ({"truth": None}, "one of the options truth and reference"),
        ({"truth": {"soma.hh.gnabar": 0.1}}, r"'truth': expected soma\.hh\.gkbar too"),
        ({"truth": {**TRUTH, "soma.hh.gnabar": 5.0}}, r"'truth': .*gnabar"),
        ({"truth": {**TRUTH, "soma.hh.gl": 0.1}}, r"'truth': .*gl"),
        ({"features": {"AP_amplitud": 1.0}}, "did you mean 'AP_amplitude'"),
        ({"features": {"AP_amplitude": 0.0}}, r"features\.AP_amplitude.*above 0, got 0"),
        ({"fit": "trace", "separate": True}, "'separate': expected fit: features"),
        ({"currents": []}, "'currents': expected at least one"),
        ({"currents": [math.nan]}, "'currents': expected a finite number"),
        ({"dt": 0.03}, "expected samples every whole number of steps of 0.03 ms"),
        ({"duration": -1.0}, "'duration'.*got -1.0"),
        ({"temperature": math.inf}, "'temperature'"),
        ({"max_length": 0.0}, "'max_length'"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(
    cls: Any, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=message):
        cls(**options(tmp_path, **changes))


@BOTH
def test_a_morphology_that_is_not_there_does_not_parse_or_has_no_soma_is_refused(cls: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent\.swc: expected a readable SWC file"):
        cls(**options(tmp_path, morphology=tmp_path / "absent.swc"))
    wrong = tmp_path / "wrong.swc"
    for text, message in (
        ("1 1 0 0 oops 1 -1\n", "wrong.swc:1: expected numbers"),
        ("1 3 0 0 0 1 -1\n2 3 9 0 0 1 1\n", r"wrong\.swc:1: expected a soma \(type 1\) at the root, got type 3"),
        ("1 1 0 0 0 9 -1\n2 3 9 0 0 1 1\n3 1 20 0 0 1 2\n", "wrong.swc:3: expected a soma .* in one piece"),
    ):
        wrong.write_text(text)
        with pytest.raises(OptionError, match=message):
            cls(**options(tmp_path, morphology=wrong))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 -65\n100 oops\n", "expected columns of numbers"),
        (
            "0 -65 -65\n100 -65 -65\n",
            r"expected 2 columns of numbers, the time and one for each of 1 currents, got 3 in 2",
        ),
        ("0 -65\n100 nan\n", "expected 2 columns of numbers"),
        ("0 -65\n20 -65\n", r"expected rising times from 0 to 44\.9 ms, got 0 to 20"),
        ("0 -65\n50 -65\n30 -65\n", "expected rising times"),
        ("0 -65\n100 -65000\n", "reference.txt: expected voltages in mV, got a trace that diverged"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "reference.txt"
    path.write_text(text)
    with pytest.raises(OptionError, match=message):
        ArborCell(**options(tmp_path, truth=None, reference=path))


def test_a_reference_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent\.csv: expected a readable file"):
        ArborCell(**options(tmp_path, truth=None, reference=tmp_path / "absent.csv"))


@BOTH
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mechanisms": {"soma": ["hj"]}, **properties(soma__hj__g={"low": 0.0, "high": 1.0})}, "mechanism 'hj'"),
        (
            properties(soma__hh__gnab={"low": 0.0, "high": 1.0}),
            "mechanism 'hh': no parameter 'gnab'; did you mean 'gnabar'",
        ),
        (
            properties(dend__ena={"low": 0.0, "high": 1.0}),
            r"'dend\.ena': no mechanism in dend has the ion 'na'; there are pas",
        ),
        ({"features": {"AP_amplitude": 1.0}, "currents": [-0.1]}, "the reference does not show AP_amplitude at any"),
    ],
)
def test_what_only_the_simulator_knows_is_refused_when_it_starts_and_the_next_model_is_right(
    ready: Any, cls: Any, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    right = simulated(ready(cls))
    wrong = cls(**options(tmp_path, **changes))
    with pytest.raises(OptionError, match=message):
        wrong.setup()
    wrong.teardown()
    assert simulated(ready(cls)) == right


def test_a_time_step_that_is_far_too_large_is_invalid(ready: Any, tmp_path: Path) -> None:
    large = {"dt": 5.0, "every": 5.0, "delay": 60.0, "duration": 100.0, "currents": [0.3]}
    with pytest.raises(OptionError, match=r"'truth': the reference that it makes is diverged: .*: is dt too large\?"):
        ready(ArborCell, **large)
    path = tmp_path / "reference.txt"
    path.write_text("0 -65\n200 -65\n")
    cell = ready(ArborCell, truth=None, reference=path, fit="trace", **large)
    with pytest.raises(Invalid, match="diverged: "):
        simulated(cell, soma__hh__gnabar=0.12, soma__hh__gkbar=0.036)


@BOTH
def test_a_cell_without_further_options_has_usual_mechanisms_in_the_regions_that_it_has(
    cls: Any, tmp_path: Path
) -> None:
    truth = {"soma.hh.gnabar": 0.1, "soma.hh.gkbar": 0.03, "soma.hh.gl": 3e-4, "dend.pas.g": 1e-4, "apic.pas.g": 1e-4}
    assert set(truth) <= set(cls(morphology=CELL, truth=truth).space)
    path = tmp_path / "soma.swc"
    path.write_text("1 1 0 0 0 10 -1\n")
    del truth["dend.pas.g"], truth["apic.pas.g"]
    assert set(cls(morphology=path, truth=truth).space) == set(truth)
