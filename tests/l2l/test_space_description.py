import json

import pytest
import yaml

from l2l.errors import SpaceError
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real

SPACE = ParameterSpace(
    {"syn.w": Real(-1.0, 1.0, shape=(2, 3), default=0.5)},
    tau=Real(1e-3, 1.0, log=True, unit="s"),
    n=Integer(1, 9, default=3, when="tau > 0.5"),
    model=Categorical("a", None, (1, "x"), 2.0),
    mask=Fixed([1.0, 2.0]),
    pair=Fixed((1, 2)),
    constraints=["n > tau"],
)


def test_a_description_is_minimal():
    assert SPACE.to_dict() == {
        "parameters": {
            "syn.w": {"low": -1.0, "high": 1.0, "shape": [2, 3], "default": 0.5},
            "tau": {"low": 0.001, "high": 1.0, "log": True, "unit": "s"},
            "n": {"low": 1, "high": 9, "integer": True, "default": 3, "when": "tau > 0.5"},
            "model": {"choices": ["a", None, [1, "x"], 2.0]},
            "mask": {"fixed": [1.0, 2.0], "shape": [2]},
            "pair": {"fixed": [1, 2]},
        },
        "constraints": ["n > tau"],
    }


@pytest.mark.parametrize(
    "through", [lambda d: json.loads(json.dumps(d)), lambda d: yaml.safe_load(yaml.safe_dump(d, sort_keys=False))]
)
def test_a_description_survives_files(through):
    assert ParameterSpace.from_dict(through(SPACE.to_dict())) == SPACE


def test_a_bare_value_fixes():
    space = ParameterSpace.from_dict({"parameters": {"a": 5.0, "b": "x", "c": [1, 2], "d": None}})
    assert space["a"] == Fixed(5.0)
    assert space["b"] == Fixed("x")
    assert space["c"].shape == (2,)
    assert space["d"] == Fixed(None)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ([], "space: expected parameters"),
        ({"parametres": {}}, "space: expected parameters"),
        ({"parameters": {}}, "at least one parameter"),
        ({"parameters": {"x": 1}, "constraint": []}, "space: no key 'constraint'; did you mean 'constraints'"),
        ({"parameters": {"x": 1}, "constraints": "x > 1"}, "constraints: expected a list"),
        ({"parameters": {"x": {"low": 1}}}, "parameter 'x': high: missing"),
        ({"parameters": {"x": {}}}, "parameter 'x': low: missing"),
        ({"parameters": {"x": {"low": 1, "high": "a"}}}, "parameter 'x': high: expected a number, got 'a'"),
        ({"parameters": {"x": {"low": "1e-3", "high": 1}}}, r"write 0.001 \(YAML needs a point in 1.0e-3\)"),
        ({"parameters": {"x": {"low": 1, "high": 2, "logg": True}}}, "no key 'logg'; did you mean 'log'"),
        ({"parameters": {"x": {"low": 1, "high": 2, 3: True}}}, "no key 3"),
        ({"parameters": {"x": {"low": 1, "high": 2, "integer": 1}}}, "integer: expected true or false, got 1"),
        ({"parameters": {"x": {"low": 1.5, "high": 2, "integer": True}}}, "low: expected an integer, got 1.5"),
        ({"parameters": {"x": {"low": 1, "high": 2, "shape": "a"}}}, "shape: expected a positive integer"),
        ({"parameters": {"x": {"choices": "abc"}}}, "parameter 'x': choices: expected a list, got 'abc'"),
        ({"parameters": {"x": {"choices": ["a"], "low": 1}}}, "no key 'low'"),
        ({"parameters": {"x": {"fixed": 1, "low": 1}}}, "no key 'low'"),
        (
            {"parameters": {"x": {"low": 1, "high": 2, "when": "y > 1"}}},
            "parameter 'x': when: 'y > 1': no parameter 'y'",
        ),
    ],
)
def test_a_wrong_description_names_parameter_and_key(description, message):
    with pytest.raises(SpaceError, match=message):
        ParameterSpace.from_dict(description)
