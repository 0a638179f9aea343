from pathlib import Path

import numpy as np

from l2l.individual import Individual
from l2l.protocol.trials import Headers, row_of
from l2l.space import Categorical, ParameterSpace, Real
from l2l.values import Resources, Trial


def test_trials_travel_as_rows():
    space = ParameterSpace(w=Real(0.0, 1.0, shape=3), g=Real(0.0, 1.0), mode=Categorical("a", "b"))
    individuals = space.sample(3, np.random.default_rng(1))
    headers = Headers()
    for place, individual in enumerate(individuals):
        trial = Trial(individual, 2, 1 << 127, place, 1, root=Path("/tmp/trials"))
        header = headers.of(trial)
        assert header is headers.of(Trial(individuals[0], root=Path("/tmp/trials")))
        back = header.trial(row_of(trial), Resources(threads=2))
        assert back.individual == individual and back.id == trial.id
        assert (back.entropy, back.attempt, back.root) == (trial.entropy, 1, trial.root)
        assert back.resources.threads == 2
        assert not back.individual["w"].flags.writeable


def test_trials_that_validate_have_another_header():
    headers, individual = Headers(), Individual({"a": 1.0})
    trials = [Trial(individual), Trial(individual, validation=True), Trial(individual)]
    found = [headers.of(trial) for trial in trials]
    assert [header.code for header in found] == [0, 1, 0]
    back = [header.trial(row_of(trial), Resources()) for header, trial in zip(found, trials, strict=True)]
    assert [trial.validation for trial in back] == [False, True, False]


def test_other_names_or_roots_have_other_headers():
    headers = Headers()
    one, two = Individual({"a": 1.0}), Individual({"b": 1.0})
    found = [
        headers.of(Trial(one)),
        headers.of(Trial(two)),
        headers.of(Trial(one, root=Path("x"))),
        headers.of(Trial(one)),
    ]
    assert [header.code for header in found] == [0, 1, 2, 0]
