import pickle
from pathlib import Path

import numpy as np
import pytest

from l2l.blocks import TrialBlock, blocks_of
from l2l.individual import Individual
from l2l.protocol.channel import pickled
from l2l.protocol.trials import Headers, columns_of, rows_of
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.values import Resources, Trial

SPACE = ParameterSpace(
    w=Real(0.0, 1.0, shape=3),
    g=Real(0.0, 1.0),
    n=Integer(1, 9),
    mode=Categorical("a", None, (1, 2)),
    extra=Real(1.0, 2.0, when="mode == 'a'"),
    fixed=Fixed(True),
)


def there_and_back(block: TrialBlock) -> list[Trial]:
    header = Headers().of(block)
    columns = pickle.loads(pickled(columns_of(block)))  # noqa: S301 - our own
    return header.trials(rows_of(columns), Resources(threads=2))


@pytest.mark.parametrize("objects", [False, True])
def test_trials_travel_as_columns(objects: bool) -> None:
    drawn = SPACE.sample(7, np.random.default_rng(1))
    individuals = list(drawn) if objects else drawn
    block = TrialBlock(
        individuals,
        individual=np.arange(7),
        number=np.full(7, 2),
        attempt=np.arange(7) % 2,
        entropy=np.arange(28, dtype=np.uint32).reshape(7, 4) + np.uint32(2**32 - 40),
        resources=Resources(),
        root=Path("/tmp/trials"),
    )
    expected = list(block)
    back = there_and_back(block)
    assert len(back) == 7 and {one.individual.inactive for one in back} == {frozenset(), frozenset({"extra"})}
    for trial, one in zip(back, expected, strict=True):
        assert trial.individual == one.individual and trial.individual.key == one.individual.key
        assert list(trial.individual) == list(SPACE.names)
        assert [type(value) for value in trial.individual.values()] == [
            type(value) for value in one.individual.values()
        ]
        assert (trial.id, trial.attempt, trial.entropy, trial.root) == (one.id, one.attempt, one.entropy, one.root)
        assert trial.resources.threads == 2 and not trial.individual["w"].flags.writeable


def test_individuals_without_a_space_travel_too() -> None:
    listed = [
        Trial(Individual({"x": 1, "y": np.array([1.0, 2.0])}), 1, 1 << 127, 3),
        Trial(Individual({"x": 0.5, "y": "text"}), 0, 7, 4),
    ]
    (block,) = blocks_of(listed)
    back = there_and_back(block)
    assert [one.individual for one in back] == [one.individual for one in listed]
    assert [(one.id, one.entropy) for one in back] == [((3, 1), 1 << 127), ((4, 0), 7)]
    assert not back[0].individual["y"].flags.writeable


def test_other_names_roots_and_purposes_have_other_headers() -> None:
    one, two = Individual({"a": 1.0}), Individual({"b": 1.0})
    trials = [Trial(one), Trial(one), Trial(two), Trial(one, root=Path("x")), Trial(one, validation=True), Trial(one)]
    headers, blocks = Headers(), blocks_of(trials)
    assert [len(block) for block in blocks] == [2, 1, 1, 1, 1]
    assert [headers.of(block).code for block in blocks] == [0, 1, 2, 3, 0]
    assert [one.validation for block in blocks for one in there_and_back(block)] == [False] * 4 + [True, False]
