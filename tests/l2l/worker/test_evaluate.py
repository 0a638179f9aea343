import math

import numpy as np
import pytest

from l2l.errors import Invalid
from l2l.individual import Individual
from l2l.optimizee import Optimizee, optimizee
from l2l.space import ParameterSpace, Real
from l2l.values import Maximize, Minimize, Observable, Outcome, Status, Trial
from l2l.worker.evaluate import Evaluator, evaluate, failure_of

SPACE = ParameterSpace(x=Real(0.0, 1.0))
TRIAL = Trial(Individual({"x": 0.5}), number=2, entropy=5, index=7, attempt=1)


class Returns(Optimizee):
    space = SPACE

    def __init__(self, *, count: int = 1) -> None:
        self.objectives = (Minimize("error"), Maximize("rate"))[:count]

    def simulate(self, individual, trial):
        return self.value


def returning(value, count=1, **observables):
    model = Returns(count=count)
    model.value = value
    model.observables = observables
    return evaluate(model, TRIAL)


@pytest.mark.parametrize(
    "value",
    [0.5, 1, np.float32(0.5), np.int64(3), np.array(0.5), (0.5,), [1], np.array([0.5]), {"error": 0.5}, Outcome(0.5)],
)
def test_a_number_in_any_form_is_a_fitness(value):
    one = returning(value)
    assert one.status == Status.OK and len(one.fitness) == 1 and type(one.fitness[0]) is float


@pytest.mark.parametrize("value", [(0.5, 2), [0.5, 2], np.array([0.5, 2.0]), {"rate": 2, "error": 0.5}])
def test_several_objectives_come_in_order(value):
    assert returning(value, count=2).fitness == (0.5, 2.0)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "expected a finite number (error), got nan"),
        (-math.inf, "got -inf"),
        ("0.5", "got '0.5'"),
        (None, "got None"),
        (True, "got True"),
        (1j, "got 1j (complex)"),
        ((1.0, 2.0), "got (1.0, 2.0)"),
        ((), "got ()"),
        (np.ones((2, 2)), "(ndarray)"),
        (10**400, "OverflowError"),
        ({"eror": 1.0}, "did you mean 'error'?"),
        ({}, "got no error"),
        (Outcome(1.0, {"rate": 1}), "no declared observable 'rate'; there are none"),
    ],
)
def test_what_is_no_fitness_is_invalid_and_said(value, said):
    one = returning(value)
    assert one.status == Status.INVALID
    assert said in one.failure.message
    assert one.failure.message.count("\n") == 0
    assert len(one.fitness) == 1 and math.isnan(one.fitness[0]) and one.observables == {}


def test_observables_come_in_their_declared_type_and_shape():
    one = returning(Outcome(1, {"n": 3, "v": [1, 2]}), n=Observable(dtype=int), v=Observable(shape=2))
    assert one.observables["n"].dtype == np.int64 and one.observables["n"].shape == ()
    assert one.observables["v"].tolist() == [1.0, 2.0] and one.observables["v"].dtype == np.float64


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "got no rate"),
        ({"rate": [1.0, 2.0]}, "observable 'rate': declared of shape (), got (2,)"),
        ({"rate": "fast"}, "observable 'rate': declared as float64"),
        ({"rate": 1.0, "rats": 1.0}, "did you mean 'rate'"),
    ],
)
def test_observables_that_differ_from_their_declaration_are_invalid(given, said):
    one = returning(Outcome(1.0, given), rate=Observable())
    assert one.status == Status.INVALID and said in one.failure.message


def test_declared_observables_must_come():
    assert "got no rate" in returning(1.0, rate=Observable()).failure.message


def raising(error):
    @optimizee(space=SPACE)
    def model(individual):
        def inner():
            raise error

        inner()

    return evaluate(model, TRIAL, host="node7")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("bad\nmore"), Status.FAILED, "ValueError: bad"),
        (KeyError(), Status.FAILED, "KeyError"),
        (SystemExit(3), Status.FAILED, "SystemExit: 3"),
        (GeneratorExit(), Status.FAILED, "GeneratorExit"),
        (MemoryError("too big"), Status.OUT_OF_MEMORY, "MemoryError: too big"),
        (Invalid("silent"), Status.INVALID, "silent"),
        (Mute(), Status.FAILED, "Mute"),
    ],
)
def test_whatever_a_model_raises_is_a_status(error, status, message):
    one = raising(error)
    assert (one.status, one.failure.message) == (status, message)
    assert (one.id, one.attempt, one.host) == ((7, 2), 1, "node7")


def test_ctrl_c_is_not_a_result():
    with pytest.raises(KeyboardInterrupt):
        raising(KeyboardInterrupt())


def test_a_traceback_begins_in_the_model():
    text = raising(ValueError("bad")).failure.traceback
    assert text.splitlines()[1].strip().startswith('File "' + __file__)
    assert "worker" not in text.replace(__file__, "")


def test_a_long_traceback_keeps_its_end():
    failure = failure_of(ValueError("x" * 200_000 + "end"))
    assert len(failure.traceback) <= 65536 and failure.traceback.endswith("end\n")
    assert len(failure.message) < 1100


class Batch(Optimizee):
    space = SPACE

    def simulate(self, individual, trial):
        raise AssertionError("not asked")

    def simulate_batch(self, trials):
        if any(trial.individual["x"] > 0.9 for trial in trials):
            raise ValueError("too large")
        return [trial.individual["x"] for trial in trials][: 1 if len(trials) == 3 else None]


def test_batches_are_judged_one_by_one():
    def trials(*values):
        return [Trial(Individual({"x": x})) for x in values]

    evaluator = Evaluator(Batch())
    assert [one[1] for one in evaluator.run_batch(trials(0.1, 0.2))] == [(0.1,), (0.2,)]
    assert evaluator.run_batch(trials(0.1, 0.95)) is None
    assert evaluator.run_batch(trials(0.1, 0.2, 0.3)) is None
    assert evaluator.run(trials(0.95)[0])[3].message == "ValueError: too large"


def test_more_than_a_trial_may_return_costs_that_trial_alone(monkeypatch):
    monkeypatch.setattr("l2l.worker.evaluate.LARGEST_RESULT", 800)

    class Large(Optimizee):
        space = ParameterSpace(x=Real(0.0, 1.0))
        observables = {"trace": Observable(ragged=True)}

        def simulate(self, individual, trial):
            return Outcome(0.5, {"trace": np.zeros(trial.index)})

    statuses = []
    for index in (100, 101):
        trial = Trial(Large().describe().default, 0, 1, index)
        done = evaluate(Large(), trial)
        statuses.append(done.status)
    assert statuses == [Status.OK, Status.INVALID]
    assert done.failure and "808 bytes in all, and a trial may return at most 800; return less" in done.failure.message


class _Mute(Exception):
    def __str__(self):
        raise SystemExit(3)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (ValueError("diverged"), "diverged"),
        (3, "3"),
        (None, "None"),
        (("silent", 3), "('silent', 3)"),
        (np.float64(3.0), "3.0"),
        (b"silent", "b'silent'"),
        ("file \udcff", r"file \udcff"),
        (_Mute(), "an object of type _Mute without a text"),
    ],
)
def test_whatever_stands_as_reason_becomes_text(reason, said):
    assert Invalid(reason).reason == said
    assert Evaluator(Returns()).failed(Invalid(reason))[3].message == said


def test_a_reason_is_cut_and_has_no_address():
    assert len(Invalid("x" * 1_000_000).reason) < 5000
    assert "0x" not in Invalid(object()).reason


def test_an_interrupt_is_the_models_where_no_keyboard_is():
    model = Returns()
    model.simulate = _interrupted
    status, _, _, failure = Evaluator(model, keyboard=False).run(TRIAL)
    assert status == Status.FAILED and failure.message == "KeyboardInterrupt"
    with pytest.raises(KeyboardInterrupt):
        Evaluator(model).run(TRIAL)


def _interrupted(individual, trial):
    raise KeyboardInterrupt


def test_a_result_that_memory_does_not_hold_is_out_of_memory():
    class Hungry:
        def __float__(self):
            raise MemoryError

        def __array__(self, dtype=None, copy=None):
            raise MemoryError

    one = returning(Outcome(0.5, {"field": Hungry()}), field=Observable())
    assert one.status == Status.OUT_OF_MEMORY


def test_messages_name_no_address_which_would_be_another_one_in_each_process():
    class Thing:
        pass

    class Long:
        def __repr__(self):
            return f"<{'x' * 200} at 0x7f0123456789>"

    def said(*arguments, **observables):
        return returning(*arguments, **observables).failure.message

    assert "0x" not in said(Thing()) + said([Thing()]) + said(Long()) and "x7f" not in said(Long())
    assert "(generator)" in said(one for one in ()) and "x7f" not in said(one for one in ())
    assert "0x" not in said(Outcome(1.0, {"n": Thing()}), n=Observable())
    failed = failure_of(ValueError(f"{Thing()} is too large"))
    assert failed.message.endswith("Thing object> is too large") and " at 0x" not in failed.traceback
