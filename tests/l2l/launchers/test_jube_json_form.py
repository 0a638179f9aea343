import json
import math
from pathlib import Path

import numpy as np
import pytest

from l2l.individual import Individual
from l2l.launchers.jube.json_form import evaluation_from_plain, evaluation_to_plain, trial_from_plain, trial_to_plain
from l2l.values import Evaluation, Failure, Resources, Status, Trial

POINT = Individual(
    {
        "x": 0.1 + 0.2,
        "tiny": 5e-324,
        "minus": -0.0,
        "n": 2**60,
        "kind": "ü\n",
        "flag": True,
        "nothing": None,
        "pair": (1, (2.5, "a")),
        "weights": np.array([[0.1, -0.0], [1e300, 3.0]]),
        "counts": np.arange(3),
    },
    frozenset({"n"}),
)


@pytest.mark.parametrize("root", [None, Path("/some where/trials")])
def test_trials_come_back_as_they_were(root: Path | None) -> None:
    trial = Trial(POINT, 3, (1 << 127) + 5, 7, 2, root=root, validation=True)
    found = trial_from_plain(json.loads(json.dumps(trial_to_plain(trial))), Resources(threads=2))
    for name in ("number", "entropy", "index", "attempt", "root", "validation", "seed"):
        assert getattr(found, name) == getattr(trial, name)
    assert found.resources == Resources(threads=2)
    assert found.individual == POINT and found.individual.inactive == POINT.inactive
    assert list(found.individual) == list(POINT)
    assert {name: type(value) for name, value in found.individual.items()} == {
        name: type(value) for name, value in POINT.items()
    }
    assert found.rng.random() == trial.rng.random()
    assert not found.individual["weights"].flags.writeable


def test_evaluations_come_back_bit_for_bit() -> None:
    observables = {
        "floats": np.array([0.1, math.nan, -math.inf, -0.0]),
        "none": np.empty((0, 3)),
        "flags": np.array([True, False]),
        "small": np.arange(6, dtype=np.int16).reshape(2, 3),
        "scalar": np.array(1.5, dtype=np.float32),
    }
    one = Evaluation(3, 1, 2, Status.OK, (0.1 + 0.2, -1e-300), observables, 1e9 + 0.1, 0.25, "host", 10, None, True, 77)
    text = json.dumps(evaluation_to_plain(one), allow_nan=False)
    found = evaluation_from_plain(json.loads(text))
    for name in ("id", "attempt", "status", "fitness", "started", "seconds", "host", "peak_memory", "process"):
        assert getattr(found, name) == getattr(one, name)
    assert found.failure is None and found.used_directory
    assert {name: (value.dtype, value.shape, value.tobytes()) for name, value in found.observables.items()} == {
        name: (value.dtype, value.shape, value.tobytes()) for name, value in observables.items()
    }


def test_failures_come_back_with_what_was_said() -> None:
    one = Evaluation(0, 0, status=Status.CRASHED, fitness=(math.nan,) * 2, failure=Failure("it died\udcff", "a\nb"))
    found = evaluation_from_plain(json.loads(json.dumps(evaluation_to_plain(one), allow_nan=False)))
    assert found.failure == one.failure
    assert len(found.fitness) == 2 and all(map(math.isnan, found.fitness))
